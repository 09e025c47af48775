"""The state of the Fidelity app: one choice of network, split, codec, restorer and samples for all views.

    network, split, codec, restorer, samples, picture ──▶ refresh ──▶ Runner ──▶ FidelityWork
                                                                                 │
        report, space, maps, saliency, outcome, stale ◀──────────────────────────┘

It chooses as the Explorer does, so a link of one app restores the same network, split, codec and picture in
the other. A restorer was trained around one network, split and codec: choosing it chooses those too, and
choosing another of them lets it go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

import traitlets

from workbench.errors import WorkbenchError
from workbench.session.choice import Choice, to_link
from workbench.session.explorer import Explorer, frozen
from workbench.session.fidelity_code import fidelity_code_of
from workbench.session.fidelity_work import METHODS, FidelityChoice, FidelityWork
from workbench.session.runner import Runner, Ticket

FIDELITY_VIEWS: Final = ("summary", "distributions", "space", "maps", "saliency")
RESULT_OF: Final = {
    "summary": "report",
    "distributions": "report",
    "space": "space",
    "maps": "maps",
    "saliency": "saliency",
}


class Fidelity(Explorer):
    """Choose by setting traits; read `report` and, once their view was in front, the rest.

    Parameters
    ----------
    work : does what takes time.
    runner : `Threads()` behind a page, `AtOnce()` in a test or a notebook.
    """

    _main = "report"
    _lazy = ("space", "maps", "saliency")
    _kind = FidelityChoice

    codec = traitlets.Unicode(FidelityChoice().codec)
    restorer = traitlets.Unicode("", help="name or path of a bundle; empty for none")
    samples = traitlets.Int(0, min=0, help="0 until the usual number is known")
    method = traitlets.Enum(METHODS, METHODS[0])
    target = traitlets.Unicode("", help="class of the saliency maps; empty for the predicted one")
    view = traitlets.Enum(FIDELITY_VIEWS, FIDELITY_VIEWS[0])

    restorers = traitlets.Tuple(help="RestorerEntry of each bundle that can be chosen by name")
    classes = traitlets.Tuple(help="class names of the network, once it is loaded")
    most = traitlets.Int(0, help="how many samples there are, once the source is known")
    report = traitlets.Any(None, allow_none=True, help="FidelityReport")
    space = traitlets.Any(None, allow_none=True, help="Embedding")
    maps = traitlets.Any(None, allow_none=True, help="ChannelMaps")
    saliency = traitlets.Any(None, allow_none=True, help="SaliencyReport")

    def __init__(self, work: FidelityWork, runner: Runner) -> None:
        self._fidelity_work = work
        self._filled = 0
        super().__init__(work, runner)

    def take_restorer(self, name: str) -> None:
        """Choose a bundle with the network, split and codec it was trained for; empty chooses none.

        One that cannot be read becomes the outcome, and nothing changes.
        """
        if not name:
            self.restorer = ""
            return
        try:
            entry = self._fidelity_work.restorer(name)
        except WorkbenchError as error:
            self._fail(error, f"reading {name}")
            return
        settings = {} if entry.codec != self.codec else dict(self.settings)
        self.choose(
            network=entry.network,
            split=entry.split,
            codec=entry.codec,
            settings=settings,
            restorer=entry.name,
        )

    def look_at(self, row: int) -> None:
        """Choose the picture of a sample for the channels and the saliency."""
        thumbnail = self._fidelity_work.sample(self.choice, row)  # type: ignore[arg-type]
        self.gallery = (thumbnail, *(known for known in self.gallery if known.key != thumbnail.key))
        self.picture = thumbnail.key

    def _chosen(self, change: Any) -> None:
        name, old = change["name"], change["old"]
        with self._together():
            super()._chosen(change)
            if name == "network" or (name in ("split", "codec") and old not in ("", change["new"])):
                self.restorer = ""
            if name == "network":
                self.target = ""
            if name in ("network", "source") and self.samples == self._filled:
                self.samples = self._filled = 0  # nobody chose that number

    def _needs(self, choice: Choice) -> dict[str, Any]:
        assert isinstance(choice, FidelityChoice)
        network = (choice.network, choice.pretrained)
        coded = (*network, choice.split, choice.codec, frozen(choice.settings), choice.restorer)
        samples = (*coded, choice.source, choice.samples)
        return {
            "known": network,
            "gallery": (choice.network, choice.source),
            "report": samples,
            "space": samples,
            "maps": (*coded, choice.picture),
            "saliency": (*coded, choice.picture, choice.method, choice.target),
        }

    def _looked_at(self, name: str) -> bool:
        return name not in self._lazy or RESULT_OF[self.view] == name

    def _steps(self) -> dict[str, Callable[[Choice, Ticket], Any]]:
        work: Any = self._fidelity_work
        return {"report": work.report, "space": work.space, "maps": work.maps, "saliency": work.saliency}

    def _settle(self, choice: Choice, ticket: Ticket) -> Choice:
        """The choice with a split, a picture and a number of samples."""
        restorers = self._fidelity_work.restorers()
        ticket.deliver(partial(setattr, self, "restorers", restorers))
        settled = super()._settle(choice, ticket)
        assert isinstance(settled, FidelityChoice)
        classes = self._fidelity_work.classes(settled, ticket)
        usual, most = self._fidelity_work.counts(settled, ticket)
        samples = min(settled.samples or usual, most)
        ticket.deliver(partial(self._take_samples, samples, settled.samples == 0, most, classes))
        return replace(settled, samples=samples)

    def _take_samples(self, samples: int, filled: bool, most: int, classes: tuple[str, ...]) -> None:
        with self._quietly():
            self.most, self.classes = most, classes
            if filled:
                self._filled = samples
            self.samples = samples
        self._describe()

    def _doing(self, choice: Choice) -> str:
        assert isinstance(choice, FidelityChoice)
        restored = f", restored by {choice.restorer}" if choice.restorer else ""
        return f"{choice.network} cut at {choice.split}, {choice.codec}{restored}, {choice.samples} samples"

    def _describe(self) -> None:
        choice = self.choice
        assert isinstance(choice, FidelityChoice)
        self.code = fidelity_code_of(choice, self.view)
        self.address = to_link(choice)
