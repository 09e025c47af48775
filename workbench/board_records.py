"""What a measurement on a board gives: plain frozen records, no computing.

BoardSample ─ what the board's sensors said at one moment      BoardRow ─ one inference, stage by stage
Spread ─ median, quartiles and 95th percentile of many rows, with intervals
BoardRun ─ many rows of one way (split, all on the board, all on the server)
BoardTrial ─ the runs of one network, split and codec on one board, with all that was true meanwhile
Compared ─ one of its runs beside what the model of a link predicts for the same bytes
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["board", "local", "emulated"]
Way = Literal["split", "all-board", "all-server"]
Mode = Literal["burst", "chain"]
BOARD_STAGES = ("edge", "encode", "wire", "decode", "server")


@dataclass(frozen=True, slots=True)
class BoardSample:
    """Sensors at `time_s` after the run's start; None where the board does not tell.

    `throttled` are the Raspberry Pi firmware's bits; `overcurrent_events` a Jetson's counter.
    """

    time_s: float
    temperature_c: float | None = None
    clock_hz: float | None = None
    gpu_clock_hz: float | None = None
    power_w: float | None = None
    throttled: int | None = None
    undervolted: int | None = None
    overcurrent_events: int | None = None


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One inference: seconds of each stage, None for a stage that this way or mode does not have.

    `edge_s` and `encode_s` are of the board's clock, `decode_s` and `server_s` of this machine's, `wire_s` is
    the whole cycle less the board's share of it. `spoilt` says why it must not be averaged; empty: clean.
    """

    start_s: float
    edge_s: float | None
    encode_s: float | None
    wire_s: float | None
    decode_s: float | None
    server_s: float | None
    sent_bytes: int
    spoilt: tuple[str, ...] = ()

    @property
    def total_s(self) -> float:
        """Sum of the stages that there are."""
        return sum(getattr(self, f"{stage}_s") or 0.0 for stage in BOARD_STAGES)


@dataclass(frozen=True, slots=True)
class Spread:
    """`n` seconds: median with its 95 % interval, quartiles, and the 95th percentile with its interval.

    Intervals come from order statistics; None where n is too small for one.
    """

    n: int
    median: float
    median_low: float | None
    median_high: float | None
    quartile_1: float
    quartile_3: float
    p95: float
    p95_low: float | None
    p95_high: float | None
    minimum: float
    maximum: float

    @property
    def iqr(self) -> float:
        """Distance between the quartiles."""
        return self.quartile_3 - self.quartile_1


@dataclass(frozen=True, slots=True)
class BoardRun:
    """Rows of one way and mode, their summary over the clean rows, and why it may not be usable.

    `warmup_s` are the warm-ups' times on the board, kept apart; `first_s` is the first of them, when caches
    are cold and code is compiled. `stages` holds a Spread for each stage that there is, `total` the Spread of
    the rows' sums (not the sum of medians). `energy_j` is per inference, where the board tells its power.
    """

    way: Way
    mode: Mode
    rows: tuple[BoardRow, ...]
    warmup_s: tuple[float, ...]
    samples: tuple[BoardSample, ...]
    stages: dict[str, Spread]
    total: Spread | None
    problems: tuple[str, ...]
    sent_bytes: int
    energy_j: float | None = None
    cancelled: bool = False
    notes: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether nothing speaks against quoting its numbers."""
        return not self.problems

    @property
    def spoilt(self) -> int:
        """Rows that were left out of the summary."""
        return sum(bool(row.spoilt) for row in self.rows)

    @property
    def first_s(self) -> float | None:
        """The first inference after loading."""
        return self.warmup_s[0] if self.warmup_s else None


@dataclass(frozen=True, slots=True)
class BoardTrial:
    """One network, split and codec on one board, with every run and what was true meanwhile.

    `kind` is "board", "local" (this machine) or "emulated": times of the last are no board's and are shown as
    such. `facts` are the board's own words, cleaned; `checks` say how the board's features and answer compare
    with those computed here. `rtt_s` is the median round trip of an empty message.
    """

    board: str
    kind: Kind
    emulated: str
    when: str
    model: str
    weights: str
    split: str
    codec: str
    settings: dict[str, Any]
    precision: str
    provider: str
    codec_path: str
    runs: tuple[BoardRun, ...]
    facts: dict[str, Any]
    checks: dict[str, Any]
    rtt_s: float
    peak_memory_bytes: int | None
    cancelled: bool = False
    context: dict[str, Any] = field(default_factory=dict)

    def run(self, way: Way, mode: Mode | None = None) -> BoardRun | None:
        """The run of that way (and mode), if there is one."""
        found = [run for run in self.runs if run.way == way and mode in (None, run.mode)]
        return found[0] if found else None

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings, ready for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Compared:
    """A run of a trial in which bytes crossed the wire, beside what the model of `link` says for as many.

    `measured_s` is the wire's median, `predicted_s` what the model gives; `elsewhere_s` is the median of the
    same rows' time outside the wire.
    """

    trial: BoardTrial
    way: Way
    link: str
    sent_bytes: int
    measured_s: float
    predicted_s: float
    elsewhere_s: float

    @property
    def ratio(self) -> float:
        """Above 1 the model is slower than what was measured."""
        return self.predicted_s / self.measured_s if self.measured_s else float("inf")

    @property
    def whole_s(self) -> float:
        """The whole way as it would be on that link."""
        return self.elsewhere_s + self.predicted_s
