"""The state of the Codecs app: network, split, picture, Q and N; and every codec side by side.

    network, split, picture, bits (Q), rows (N) ──▶ refresh ──▶ Runner ──▶ CodecWork
                                                                             │
        sides, rates, entropy, symbols, claims, outcome, stale ◀─────────────┘

It chooses and asks as the Explorer does; its codec is always `rans-csr`, whose Q and N are the settings. So a
link of one app restores the same network, split and picture in the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import traitlets

from workbench.codec_records import Claim, EntropyCurve, RateCurves, SideBySide, SymbolHistogram
from workbench.errors import WorkbenchError
from workbench.numbers import readable
from workbench.session.choice import Choice, from_link, to_link
from workbench.session.codec_code import codec_code_of
from workbench.session.explorer import Explorer, Problem
from workbench.session.runner import Runner, Ticket
from workbench.session.work import Report, Work

CODEC: Final = "rans-csr"
CODEC_VIEWS: Final = ("bytes", "rate", "entropy", "symbols", "papers")
RESULT_OF: Final = {
    "bytes": "sides",
    "rate": "rates",
    "entropy": "entropy",
    "symbols": "symbols",
    "papers": "claims",
}


class CodecWork(Work, Protocol):
    """What the Codecs app asks for, beyond networks and pictures; each may raise a `WorkbenchError`."""

    def sides(self, choice: Choice, report: Report) -> SideBySide:
        """Every training-free codec at the chosen Q."""

    def rates(self, choice: Choice, report: Report) -> RateCurves:
        """The same over every Q."""

    def entropy(self, choice: Choice, report: Report) -> EntropyCurve:
        """Entropy and real bytes at every reshape."""

    def symbols(self, choice: Choice, report: Report) -> SymbolHistogram:
        """The symbols of D at the chosen reshape."""

    def claims(self, choice: Choice, report: Report) -> tuple[Claim, ...]:
        """What the papers say beside what was measured."""


class Codecs(Explorer):
    """Choose by setting traits; read `sides` and, once their view was in front, the rest.

    Parameters
    ----------
    work : does what takes time.
    runner : `Threads()` behind a page, `AtOnce()` in a test or a notebook.
    """

    _main = "sides"
    _lazy = ("rates", "entropy", "symbols", "claims")

    view = traitlets.Enum(CODEC_VIEWS, CODEC_VIEWS[0])
    sides = traitlets.Any(None, allow_none=True, help="SideBySide")
    rates = traitlets.Any(None, allow_none=True, help="RateCurves")
    entropy = traitlets.Any(None, allow_none=True, help="EntropyCurve")
    symbols = traitlets.Any(None, allow_none=True, help="SymbolHistogram")
    claims = traitlets.Any(None, allow_none=True, help="tuple of Claim")

    def __init__(self, work: CodecWork, runner: Runner) -> None:
        self._codec_work = work
        super().__init__(work, runner)

    def restore(self, address: str) -> None:
        """Choose what a link says, also one of the Explorer: then its codec and link do not matter."""
        try:
            choice = from_link(address)
        except WorkbenchError:
            super().restore(address)  # says what is wrong with it
            return
        settings = dict(choice.settings) if choice.codec == CODEC else {}
        plain = Choice(
            choice.network, choice.pretrained, choice.split, CODEC, settings, choice.source, choice.picture
        )
        super().restore(to_link(plain))

    def _chosen(self, change: Any) -> None:
        other = change["name"] in ("network", "split") and change["old"] not in ("", change["new"])
        with self._together():
            super()._chosen(change)
            if other and isinstance(self.settings.get("rows"), int):  # it may not divide other features
                self.settings = {name: value for name, value in self.settings.items() if name != "rows"}

    def _needs(self, choice: Choice) -> dict[str, Any]:
        network = (choice.network, choice.pretrained)
        features = (*network, choice.split, choice.picture)
        bits, rows = choice.settings.get("bits"), choice.settings.get("rows")
        return {
            "known": network,
            "gallery": (choice.network, choice.source),
            "sides": (*features, bits),
            "rates": features,
            "entropy": (*features, bits),
            "symbols": (*features, bits, rows),
            "claims": (*features, bits),
        }

    def _looked_at(self, name: str) -> bool:
        return name not in self._lazy or RESULT_OF[self.view] == name

    def _steps(self) -> dict[str, Callable[[Choice, Ticket], Any]]:
        work = self._codec_work
        return {
            "sides": work.sides,
            "rates": work.rates,
            "entropy": work.entropy,
            "symbols": work.symbols,
            "claims": work.claims,
        }

    def _doing(self, choice: Choice) -> str:
        bits = choice.settings.get("bits", 4)
        return f"{choice.network} cut at {choice.split}, every codec, Q = {bits}"

    def _arrive(self, name: str, result: Any, choice: Choice) -> None:
        super()._arrive(name, result, choice)
        if isinstance(self.outcome, Problem) and self._fits(self._main, self.choice):  # its cause has gone
            self.outcome = self.sides

    def _log(self, ticket: Ticket, name: str, doing: str, spent: float) -> None:
        self._work.told()  # coding is not among the steps that the desk remembers
        ticket.deliver(lambda: self._say("ran", f"{name} · {doing} · {readable(spent, 's')}"))

    def _describe(self) -> None:
        self.code = codec_code_of(self.choice, self.view)
        self.address = to_link(self.choice)
