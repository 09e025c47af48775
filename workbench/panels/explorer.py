"""The Explorer: pick a network, a split and a codec, and see what crosses the link.

session/explorer.py ──▶ choose (left column) · tiles · views (tabs) · stages ──▶ Frame
"""

from __future__ import annotations

from typing import Any

from workbench.figures.latency import STAGE_OF
from workbench.figures.palette import STAGES
from workbench.numbers import readable
from workbench.panels.explorer_choose import Choose
from workbench.panels.explorer_views import Views
from workbench.panels.frame import Frame
from workbench.panels.guard import Guard
from workbench.panels.parts import Code
from workbench.panels.parts import Stages as Strip
from workbench.panels.status import Status
from workbench.panels.tiles import Tiles
from workbench.session.explorer import Explorer

_SEES = {
    "edge": "cut profile",
    "codec": "payload",
    "link": "latency",
    "decode": "payload",
    "server": "answer",
}


class ExplorerPage(Frame):
    """The whole page of a session; it works when nobody looks, too."""

    def __init__(self, session: Explorer) -> None:
        self.session = session
        self.guard = Guard(session.lock)
        self.choose = Choose(session, self.guard)
        self.views = Views(session, self.guard)
        self.tiles = Tiles(("Payload", "Times smaller", "Same answer?", "Accuracy", "Latency"))
        self.strip = Strip()
        self.code = Code(text=session.code)
        self.status = Status(session, self.guard)
        super().__init__(
            "Explorer",
            guard=self.guard,
            choose=[*self.choose.groups, self.status],
            tiles=self.tiles,
            views=self.views.boxes,
            stages=self.strip,
            code=self.code,
        )
        self._link()

    def _link(self) -> None:
        session, guard = self.session, self.guard
        self.views.follow(self.tabs)
        watched: dict[str, Any] = {
            "many": lambda: self._show_result("many"),
            "trial": lambda: self._show_result("trial"),
            "stale": self._show_stale,
            "code": lambda: setattr(self.code, "text", session.code),
        }
        for name, show in watched.items():
            session.observe(guard(lambda _change, show=show: show()), name)
        self.strip.observe(guard(self._stage_clicked), "chosen")
        self._show_stale()

    def _stage_clicked(self, change: Any) -> None:
        if change["new"] in _SEES:
            self.session.view = _SEES[change["new"]]

    def _show_result(self, name: str) -> None:
        """A result that came; while it counts as stale, `stale` changes next and shows it, without grey."""
        if name not in self.session.stale:
            self._show_tiles()

    def _show_stale(self) -> None:
        stale = self.session.stale
        with self.tiles.together():
            for tile in self.tiles:
                tile.stale = ("many" if tile.name == "Accuracy" else "trial") in stale
            self._show_tiles()

    def _show_tiles(self) -> None:
        self._show_stages()
        with self.tiles.together():
            self._show_numbers()

    def _show_numbers(self) -> None:
        trial, many = self.session.trial, self.session.many
        if trial is None:
            self.tiles.clear()
            return
        warning = "random weights" if trial.weights == "random" else ""
        numbers = trial.quantities
        bits = readable(numbers["bits_per_element"].value, "bits")
        raw = readable(numbers["raw_bytes"].value, "bytes")
        self.tiles["Payload"].show(numbers["payload_bytes"], note=f"{bits} a value", warning=warning)
        self.tiles["Times smaller"].show(
            numbers["times_smaller"], note=f"than {raw} in fp32", warning=warning
        )
        self._show_answer(trial, many, warning)
        self._show_accuracy(many, warning)
        transfer = trial.latency.transfer
        part = f"{readable(transfer.value, 's')} of it on {trial.link}" if transfer else ""
        self.tiles["Latency"].show(trial.latency.total, note=part, warning=warning)

    def _show_answer(self, trial: Any, many: Any, warning: str) -> None:
        tile = self.tiles["Same answer?"]
        if not trial.answers_before:
            tile.clear()
            return
        before, after = trial.answers_before[0].best, trial.answers_after[0].best
        fresh = many is not None and "many" not in self.session.stale
        agreement = many.quantities.get("agreement") if fresh else None
        share = f"agreement {readable(agreement.value, 'fraction')} of {many.samples}" if agreement else ""
        word, tone = ("yes", "good") if before == after else ("no", "bad")
        how = f"Unsplit network: {before}\nFrom the payload: {after}"
        tile.show(word, note=share, warning=warning, tone=tone, how=how)

    def _show_accuracy(self, many: Any, warning: str) -> None:
        tile = self.tiles["Accuracy"]
        if "many" in self.session.stale:
            return  # the last value stays, greyed
        accuracy = many.quantities.get("accuracy") if many is not None else None
        if accuracy is None:
            tile.show("–", note="no labels it knows")
            return
        unsplit = many.quantities["accuracy_unsplit"]
        note = f"unsplit {readable(unsplit.value, 'fraction')}, {many.samples} pictures"
        tile.show(accuracy, note=note, warning=warning)

    def _show_stages(self) -> None:
        trial = self.session.trial
        stale = "trial" in self.session.stale
        names = {
            "edge": "edge part",
            "codec": "encode",
            "link": "link",
            "decode": "decode",
            "server": "server part",
        }
        stages = []
        for field, key in STAGE_OF.items():
            quantity = getattr(trial.latency, field) if trial is not None else None
            label = f"link · {trial.link}" if key == "link" and trial is not None else names[key]
            stages.append(
                {
                    "key": key,
                    "label": label,
                    "text": str(readable(quantity.value, "s")) if quantity else "–",
                    "colour": STAGES[key],
                    "hint": f"{quantity.origin}: {quantity.how}" if quantity else "",
                    "share": quantity.value if quantity else 0,
                    "stale": stale,
                }
            )
        self.strip.stages = stages


def explorer(session: Explorer | None = None) -> ExplorerPage:
    """The Explorer, ready to be displayed; without a session, one on the real workbench.

    The page is there at once; networks are loaded behind it in a thread.
    """
    if session is None:
        from workbench.session.desk import Desk
        from workbench.session.runner import BLINK_S, REST_S, Threads

        session = Explorer(Desk(), Threads(BLINK_S, REST_S))
        page = ExplorerPage(session)
        session.refresh()
        return page
    return ExplorerPage(session)
