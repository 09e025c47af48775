"""The foot of the left column: progress with Cancel, Run again, the link; and the notice and log fed.

session.outcome, line, busy, progress ──▶ Guard's notice and log, Progress, Run again
session.address ◀──▶ what stands behind the # of the page
"""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from workbench.panels.guard import Guard
from workbench.panels.parts import Progress
from workbench.panels.widgets import Address
from workbench.session.explorer import Explorer, Problem


class Status(widgets.VBox):
    """Follows a session; what it shows is on the page's guard, too.

    `Run again` is there when what the page's main view shows does not fit the choice and nothing runs.
    """

    def __init__(self, session: Explorer, guard: Guard) -> None:
        self.session = session
        self.guard = guard
        self.address = Address(guard(session.restore), address=session.address)
        self.progress = Progress(guard(session.cancel))
        self.again = widgets.Button(description="Run again", tooltip="Compute what is greyed")
        super().__init__([self.progress, widgets.HBox([self.address, self.again])])
        self.add_class("wb-status")
        watched: dict[str, Any] = {
            "outcome": self._show_outcome,
            "line": self._show_line,
            "progress": self._show_progress,
            "busy": self._show_busy,
            "stale": self._show_progress,
            "view": self._show_progress,
            "address": lambda: setattr(self.address, "address", session.address),
        }
        for name, show in watched.items():
            session.observe(guard(lambda _change, show=show: show()), name)
        self.again.on_click(guard(lambda _button: session.refresh()))
        self._show_progress()

    def _show_outcome(self) -> None:
        outcome = self.session.outcome
        if isinstance(outcome, Problem):
            self.guard.show(outcome.error)
        else:
            self.guard.clear()

    def _show_line(self) -> None:
        line = self.session.line
        if line is not None and line.kind in ("ran", "cached"):  # what went wrong, the guard logs
            self.guard.log.add(line.text, line.kind)

    def _show_busy(self) -> None:
        if self.session.busy:
            self.guard.clear()
        self._show_progress()

    def _show_progress(self) -> None:
        progress = self.session.progress
        if progress is None:
            self.progress.hide()
        else:
            self.progress.show(*progress)
        stopped = self.session.unfinished and not self.session.busy
        self.again.layout.visibility = "visible" if stopped else "hidden"
