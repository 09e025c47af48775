"""What comes out when codecs are put side by side: plain frozen records, no computing.

Side, SideBySide ─ every codec on the same features, at one Q
RatePoint, RateLine, RateCurves ─ bytes against distortion, one line a codec
Search, EntropyCurve ─ entropy against the reshape, what each search chose, and real bytes
SymbolHistogram ─ the symbols of D at one reshape
Claim ─ what a paper says, beside what was measured here
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from workbench.records import Description, Quantity, ReshapeCurve


@dataclass(frozen=True, slots=True)
class Side:
    """One codec on the features: a payload really encoded, and what it decodes to.

    `relative_mse` is over the mean square of the features; `answer` is the network's best class from the
    decoded features. `encode` and `decode` are times on this machine.
    """

    label: str
    codec: str
    settings: dict[str, Any]
    description: Description
    relative_mse: float
    answer: str
    encode: Quantity
    decode: Quantity

    @property
    def payload_bytes(self) -> int:
        """Everything that crosses."""
        return self.description.payload_bytes

    def share_of(self, other: Side) -> float:
        """Its bytes over those of another."""
        return self.payload_bytes / other.payload_bytes


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Codecs on the same features at Q = `bits`; `left_out` are (codec, why it is not here).

    `jpeg_bytes` is the network's input as a JPEG; `answer` the unsplit network's best class.
    """

    model: str
    weights: str
    split: str
    shape: tuple[int, ...]
    bits: int
    sides: tuple[Side, ...]
    left_out: tuple[tuple[str, str], ...]
    jpeg_bytes: int
    answer: str

    @property
    def raw_bytes(self) -> int:
        """The features as 32-bit floats."""
        return 4 * math.prod(self.shape)

    def find(self, codec: str, **settings: Any) -> Side | None:
        """The smallest of that codec with these settings; None where there is none."""
        found = [
            side
            for side in self.sides
            if side.codec == codec and all(side.settings.get(name) == settings[name] for name in settings)
        ]
        return min(found, key=lambda side: side.payload_bytes, default=None)

    def smallest_right(self) -> Side | None:
        """The smallest with which the network still gives the answer that it gives unsplit."""
        right = [side for side in self.sides if side.answer == self.answer]
        return min(right, key=lambda side: side.payload_bytes, default=None)


@dataclass(frozen=True, slots=True)
class RatePoint:
    """One payload: what was set (such as ``Q = 4``), its bytes, and the error of what it decodes to."""

    setting: str
    payload_bytes: int
    relative_mse: float
    answer: str


@dataclass(frozen=True, slots=True)
class RateLine:
    """One codec over Q (or over quality), fewest bits first."""

    label: str
    codec: str
    points: tuple[RatePoint, ...]


@dataclass(frozen=True, slots=True)
class RateCurves:
    """Rate against distortion on the same features, one line a codec."""

    model: str
    weights: str
    split: str
    shape: tuple[int, ...]
    lines: tuple[RateLine, ...]
    left_out: tuple[tuple[str, str], ...]
    jpeg_bytes: int
    answer: str

    @property
    def raw_bytes(self) -> int:
        """The features as 32-bit floats."""
        return 4 * math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Search:
    """What one search for the reshape chose, and the seconds that it took here (median of several)."""

    name: str
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class EntropyCurve:
    """A reshape curve with real payloads at every N, and the three searches."""

    curve: ReshapeCurve
    searches: tuple[Search, ...]

    def search(self, name: str) -> Search:
        """The search of that name."""
        return next(search for search in self.searches if search.name == name)


@dataclass(frozen=True, slots=True)
class SymbolHistogram:
    """How often each symbol occurs in D = v, c, r at N x K; entry s of each tuple counts symbol s.

    `values` are those that are not background, `columns` their column indices, `row_counts` how many each row
    has. `chosen_by` is the search that chose N, or "given".
    """

    bits: int
    rows: int
    width: int
    background: int
    values: tuple[int, ...]
    columns: tuple[int, ...]
    row_counts: tuple[int, ...]
    entropy_bits: float
    chosen_by: str

    @property
    def length(self) -> int:
        """l_D."""
        return sum(self.values) + sum(self.columns) + sum(self.row_counts)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a paper says, with the place that says it, beside what was measured here.

    `reported` is the paper's own number, or says that none is at hand; `holds` is None where the two cannot
    be compared. `where_here` names what was measured: a network and its cut.
    """

    paper: str
    says: str
    place: str
    reported: str
    where_here: str
    measured: str
    holds: bool | None
    numbers: dict[str, float] = field(default_factory=dict)
