"""The real work behind the Codecs app: the Explorer's desk, and every codec on the same features."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.codec_records import Claim, EntropyCurve, RateCurves, SideBySide, SymbolHistogram
from workbench.session.choice import Choice
from workbench.session.desk import Desk
from workbench.session.work import Report

if TYPE_CHECKING:
    from workbench.models import Model
    from workbench.pictures import Pictures

USUAL_BITS = 4
USUAL_ROWS = "algorithm1"


class CodecDesk(Desk):
    """`CodecWork` on this machine; keeps the last result of what claims are drawn from."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, tuple[Any, Any]] = {}

    def sides(self, choice: Choice, report: Report) -> SideBySide:
        """Every training-free codec at the chosen Q."""
        from workbench.experiments.side_by_side import side_by_side

        def make() -> SideBySide:
            model, picture = self._chosen(choice, report)
            bits = choice.settings.get("bits", USUAL_BITS)
            return side_by_side(model, choice.split, picture, bits, workspace=self._space(), progress=report)

        return self._kept("sides", choice, make)

    def rates(self, choice: Choice, report: Report) -> RateCurves:
        """The same over every Q."""
        from workbench.experiments.side_by_side import rate_curves

        model, picture = self._chosen(choice, report)
        return rate_curves(model, choice.split, picture, workspace=self._space(), progress=report)

    def entropy(self, choice: Choice, report: Report) -> EntropyCurve:
        """Entropy and real bytes at every reshape."""
        from workbench.experiments.reshape_search import entropy_curve

        def make() -> EntropyCurve:
            bits = choice.settings.get("bits", USUAL_BITS)
            return entropy_curve(self._features(choice, report), bits, report)

        return self._kept("entropy", choice, make)

    def symbols(self, choice: Choice, report: Report) -> SymbolHistogram:
        """The symbols of D at the chosen reshape."""
        from workbench.experiments.reshape_search import symbol_histogram

        settings = choice.settings
        features = self._features(choice, report)
        return symbol_histogram(features, settings.get("bits", USUAL_BITS), settings.get("rows", USUAL_ROWS))

    def claims(self, choice: Choice, report: Report) -> tuple[Claim, ...]:
        """What the papers say, beside what was measured: first here and now, then on the demo networks."""
        from workbench.experiments.papers import claims, claims_here

        return (*claims_here(self.sides(choice, report), self.entropy(choice, report)), *claims())

    def _kept(self, name: str, choice: Choice, make: Callable[[], Any]) -> Any:
        """The last result of that name, if it was for the same features and the same Q."""
        key = (
            choice.network, choice.pretrained, choice.split, choice.source, choice.picture,
            choice.settings.get("bits"),
        )  # fmt: skip
        if self._last.get(name, (None, None))[0] != key:
            self._last[name] = key, make()
        return self._last[name][1]

    def _chosen(self, choice: Choice, report: Report) -> tuple[Model, Pictures]:
        return self._load(choice, report)[0], self._picture(choice, report)

    def _features(self, choice: Choice, report: Report) -> Any:
        model, picture = self._chosen(choice, report)
        split = self._space().split(model, choice.split)
        return self._space().edge(split, picture, repeats=1, progress=report).tensors[0][0]
