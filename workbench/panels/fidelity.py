"""The Fidelity app: what a codec and a restorer leave of the features, of the answer and of where it looks.

session/fidelity.py ──▶ choose (left column) · tiles · views (tabs) ──▶ Frame
"""

from __future__ import annotations

from workbench.numbers import readable
from workbench.panels.explorer_choose import Choose
from workbench.panels.fidelity_choose import Restorers, Samples
from workbench.panels.fidelity_views import FidelityViews
from workbench.panels.frame import Frame
from workbench.panels.guard import Guard
from workbench.panels.parts import Code, group
from workbench.panels.status import Status
from workbench.panels.tiles import Tiles
from workbench.records import Quantity
from workbench.session.fidelity import Fidelity

_TILES = {
    "Relative MSE": ("relative_mse", ""),
    "Cosine similarity": ("cosine", ""),
    "Same answer": ("agreement", "fraction"),
    "Accuracy": ("accuracy", "fraction"),
}


class FidelityPage(Frame):
    """The whole page of a session; it works when nobody looks, too."""

    def __init__(self, session: Fidelity) -> None:
        self.session = session
        self.guard = Guard(session.lock)
        self.choose = Choose(session, self.guard, tip="")
        self.restorers = Restorers(session, self.guard)
        self.samples = Samples(session, self.guard)
        self.views = FidelityViews(session, self.guard)
        self.tiles = Tiles(("Payload", *_TILES))
        self.code = Code(text=session.code)
        self.status = Status(session, self.guard)
        choose = self.choose
        network, codec, _picture, _link = choose.groups
        super().__init__(
            "Fidelity",
            guard=self.guard,
            choose=[
                network,
                codec,
                group("Restorer", self.restorers.pick, self.restorers.file, self.restorers.hint),
                group(
                    "Pictures",
                    choose.source,
                    choose.folder,
                    self.samples.number,
                    self.samples.hint,
                    choose.gallery,
                    choose.picture_hint,
                ),
                self.status,
            ],
            tiles=self.tiles,
            views=self.views.boxes,
            code=self.code,
        )
        self.views.follow(self.tabs)
        session.observe(self.guard(lambda _change: self._show_tiles()), ["report", "stale"])
        session.observe(self.guard(lambda change: setattr(self.code, "text", change["new"])), "code")
        self._show_tiles()

    def _show_tiles(self) -> None:
        with self.tiles.together():
            self.tiles.grey("report" in self.session.stale)
            self._show_numbers()

    def _show_numbers(self) -> None:
        report = self.session.report
        if report is None:
            self.tiles.clear()
            return
        warning = "random weights" if report.weights == "random" else ""
        sizes = report.payload_bytes
        how = f"Mean of {report.samples} real payloads, header included; {sizes.how}."
        raw = readable(report.raw_bytes, "bytes")
        self.tiles["Payload"].show(
            Quantity(sizes.mean, "bytes", "measured", how), note=f"of {raw} in fp32", warning=warning
        )
        for name, (metric, unit) in _TILES.items():
            self._show_metric(name, metric, unit, warning)

    def _show_metric(self, name: str, metric: str, unit: str, warning: str) -> None:
        """The last path's number: restored where there is a restorer, with the other beside it."""
        report, tile = self.session.report, self.tiles[name]
        found = [(one.path, one.value(metric)) for one in report.paths]
        known = [(path, value) for path, value in found if value is not None]
        if not known:
            tile.show("–", note=report.labels_note if metric == "accuracy" else "no number here")
            return
        path, value = known[-1]
        words = [f"{other} {readable(number, unit)}" for other, number in known[:-1]]
        if metric == "accuracy" and report.accuracy_unsplit is not None:
            words.append(f"unsplit {readable(report.accuracy_unsplit.value, unit)}")
        how = f"{path}, {report.samples} samples of {report.pictures}"
        tile.show(Quantity(value, unit, "measured", how), note=", ".join(words) or path, warning=warning)


def fidelity(session: Fidelity | None = None) -> FidelityPage:
    """The Fidelity app, ready to be displayed; without a session, one on the real workbench.

    The page is there at once; networks are loaded behind it in a thread.
    """
    if session is None:
        from workbench.session.fidelity_desk import FidelityDesk
        from workbench.session.runner import Threads

        session = Fidelity(FidelityDesk(), Threads())
        page = FidelityPage(session)
        session.refresh()
        return page
    return FidelityPage(session)
