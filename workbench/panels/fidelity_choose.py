"""What the Fidelity app chooses besides network, codec and picture: a restorer, and how many samples."""

from __future__ import annotations

import html
import os
from typing import Any

import ipywidgets as widgets

from workbench.panels.choosers import Pick
from workbench.panels.guard import Guard
from workbench.panels.parts import hint
from workbench.paths import app_notebooks
from workbench.session.fidelity import Fidelity

_NONE = ""
_FILE = "a bundle file …"


class Restorers:
    """None, a bundle that is known by name, or a file; each is for one network, split and codec."""

    def __init__(self, session: Fidelity, guard: Guard) -> None:
        self.session = session
        self.pick = Pick("restorer", self._picked, guard)
        self.file = widgets.Text(
            description="file", placeholder="/path/to/qcnet-h-0.safetensors", continuous_update=False
        )
        self.file.layout.display = "none"
        self.hint = hint()
        self.file.observe(guard(self._typed), "value")
        session.observe(guard(lambda _change: self._show()), ["restorer", "restorers", "outcome"])
        self._show()

    def _picked(self, name: str) -> None:
        self.file.layout.display = None if name == _FILE else "none"
        if name == _FILE:
            self.file.focus()
        elif name != self.session.restorer:
            self.session.take_restorer(name)
            self._show()  # one that could not be read is not chosen

    def _typed(self, change: Any) -> None:
        if change["new"].strip():
            self.session.take_restorer(change["new"].strip())
            self._show()

    def _show(self) -> None:
        session = self.session
        words = [f"{one.method} · {one.network} at {one.split}" for one in session.restorers]
        known = [
            (f"{said} · {one.name}" if words.count(said) > 1 else said, one.name)
            for said, one in zip(words, session.restorers, strict=True)
        ]
        options = [("none", _NONE), *known]
        if session.restorer and session.restorer not in [name for _, name in options]:
            options.append((session.restorer.rpartition("/")[2], session.restorer))
        if self.pick.value != _FILE or session.restorer:
            self.pick.offer([*options, (_FILE, _FILE)], session.restorer)
        self.hint.value = _words(session)


def _words(session: Fidelity) -> str:
    """What the restorer does, or how to get one."""
    if session.restorer:
        return "Choosing another network, split or codec lets it go."
    address = next((app.address for app in app_notebooks() if app.title == "Training"), None)
    base = os.environ.get("VOILA_BASE_URL")
    training = f'<a href="{base}{address}">Training</a>' if base and address else "the Training app"
    return (
        f"Decoded features go to the server part as they are. To repair them, train a compensator in "
        f"{training} (or by <i>workbench train --out</i>) and choose it here."
    )


class Samples:
    """How many samples of the source the numbers are of."""

    def __init__(self, session: Fidelity, guard: Guard) -> None:
        self.session = session
        self.number = widgets.BoundedIntText(
            max(session.samples, 1), min=1, max=100_000, description="samples", continuous_update=False
        )
        self.number.tooltip = "Spread evenly over all pictures of the source"
        self.hint = hint()
        self._showing = False
        self.number.observe(guard(self._typed), "value")
        session.observe(guard(lambda _change: self._show()), ["samples", "most"])
        self._show()

    def _typed(self, change: Any) -> None:
        if not self._showing:
            self.session.samples = change["new"]

    def _show(self) -> None:
        self._showing = True
        try:
            self.number.value = max(self.session.samples, 1)
        finally:
            self._showing = False
        most = f"of {self.session.most:,} pictures; " if self.session.most else ""
        self.hint.value = html.escape(f"{most}Feature maps and Saliency show the one below")
