"""What the Boards session asks of the workbench, and the real thing behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from workbench.board_records import BoardRow, BoardSample, BoardTrial, Compared, Mode, Way
from workbench.errors import WorkbenchError
from workbench.session.desk import Desk
from workbench.session.work import Entry, Report

_EARLIER = 20

BoardReport = Callable[[str, int, int, str], None]
Heard = Callable[[str, Way, Mode, Sequence[BoardRow], Sequence[BoardSample]], None]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Everything that decides what is measured; `settings` are of the codec, where only one is chosen."""

    boards: tuple[str, ...] = ("local",)
    network: str = "digits-resnet"
    splits: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ("rans-csr",)
    settings: dict[str, Any] = field(default_factory=dict)
    runs: int = 100
    precision: str = "fp32"
    modes: tuple[str, ...] = ("burst", "chain")
    baselines: bool = True


class Place(NamedTuple):
    """A board of the inventory."""

    name: str
    address: str


class Point(NamedTuple):
    """A split point: its name, and its features' size as fp32."""

    name: str
    fp32_bytes: int


class BoardWork(Protocol):
    """Each call may raise a `WorkbenchError`."""

    def boards(self) -> tuple[Place, ...]:
        """The inventory."""

    def networks(self) -> tuple[str, ...]:
        """Networks to choose from."""

    def codecs(self) -> tuple[Entry, ...]:
        """Codecs to choose from."""

    def points(self, network: str, report: Report) -> tuple[str, tuple[Point, ...]]:
        """What its weights are ("trained", "random", "own"), and where it can be cut."""

    def check(self, board: str) -> str:
        """What a board is, in a line."""

    def links(self) -> tuple[str, ...]:
        """Links whose models predict."""

    def compare(self, trials: Sequence[BoardTrial], link: str) -> tuple[Compared, ...]:
        """What was measured on the wire, beside what the model of that link predicts."""

    def earlier(self) -> list[BoardTrial]:
        """What was measured before, from the store."""

    def measure(
        self, wanted: Measurement, report: BoardReport, heard: Heard
    ) -> tuple[list[BoardTrial], dict[str, str]]:
        """The trials, and for each board that failed why; `report` may raise `Cancelled`."""


class Bench:
    """`BoardWork` on this machine and the boards of its inventory."""

    def __init__(self) -> None:
        self._desk = Desk()
        self._models: dict[str, Any] = {}

    def boards(self) -> tuple[Place, ...]:
        """The inventory."""
        from workbench.boards.inventory import Inventory

        return tuple(Place(board.name, board.address) for board in Inventory().boards())

    def networks(self) -> tuple[str, ...]:
        """The demo networks; any other name can be typed."""
        return self._desk.networks()

    def codecs(self) -> tuple[Entry, ...]:
        """Every codec that encodes features."""
        return tuple(entry for entry in self._desk.codecs())

    def points(self, network: str, report: Report) -> tuple[str, tuple[Point, ...]]:
        """Load it, and list its cuts."""
        from workbench.models import split_points

        report(0, 1, f"loading {network}")
        model = self._model(network)
        found = tuple(Point(point.name, point.fp32_bytes) for point in split_points(model))
        return model.weights, found

    def check(self, board: str) -> str:
        """Connect, look, and say it in a line."""
        from workbench.boards.inventory import Inventory
        from workbench.boards.plain import run_plain
        from workbench.boards.setup import check_board

        found = run_plain(check_board(Inventory().get(board)))
        facts = found.facts
        parts = [
            facts.get("model") or facts.get("processor") or "unknown machine",
            f"Python {facts.get('python', '–')}",
            f"onnxruntime {facts.get('onnxruntime', 'missing')}",
        ]
        if found.now is not None and found.now.temperature_c is not None:
            parts.append(f"{found.now.temperature_c:.0f} °C")
        if found.problem:
            parts.append(found.problem)
        return f"{board}: {', '.join(parts)}"

    def measure(
        self, wanted: Measurement, report: BoardReport, heard: Heard
    ) -> tuple[list[BoardTrial], dict[str, str]]:
        """Every split with every codec on every board."""
        from workbench.codecs import codec
        from workbench.experiments.board_series import measure_series
        from workbench.experiments.board_store import BoardStore

        settings = wanted.settings if len(wanted.codecs) == 1 else {}
        trials, failures = measure_series(
            wanted.boards,
            self._model(wanted.network),
            wanted.splits,
            [codec(name, **settings) for name in wanted.codecs],
            progress=report,
            heard=heard,
            runs=wanted.runs,
            precision=wanted.precision,
            modes=wanted.modes,
            baselines=wanted.baselines,
        )
        try:
            for trial in trials:
                BoardStore().keep(trial)
        except WorkbenchError as error:
            failures = {**failures, "store": f"measured, but not stored: {error}"}
        return trials, failures

    def links(self) -> tuple[str, ...]:
        """Every link by name."""
        from workbench.links import links

        return tuple(link.name for link in links())

    def compare(self, trials: Sequence[BoardTrial], link: str) -> tuple[Compared, ...]:
        """The runs of these trials that sent something."""
        from workbench.experiments.board_store import compared
        from workbench.links import link as link_of

        return compared(trials, link_of(link))

    def earlier(self) -> list[BoardTrial]:
        """The newest of the store."""
        from workbench.experiments.board_store import BoardStore

        return BoardStore().kept(last=_EARLIER)

    def _model(self, network: str) -> Any:
        from workbench.models import load_model

        if network not in self._models:
            self._models.clear()
            self._models[network] = load_model(network)
        return self._models[network]
