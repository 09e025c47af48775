"""What every link has in common: named parameters with units and ranges, and a latency for so many bytes.

A link is a frozen dataclass whose numbers are declared with `parameter(...)`; checks, choosers on the
screen and messages follow from the declaration.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

from workbench.errors import InputError, SettingError


@dataclass(frozen=True, slots=True)
class LinkParameter:
    """One number of a link: its present value, unit, meaning and range (open ends are excluded)."""

    name: str
    value: float | None
    unit: str
    help: str
    minimum: float
    maximum: float
    open_minimum: bool = False
    open_maximum: bool = False
    optional: bool = False

    def check(self, value: Any, link: str) -> float | None:
        """`value` as a float in range (None where optional), or a `SettingError` that says the range."""
        if value is None and self.optional:
            return None
        if isinstance(value, bool) or not isinstance(value, Real) or not self._within(float(value)):
            raise SettingError(f"link {link}: {self.name} is {value!r}; it must be {self._range()}")
        return float(value)

    def _within(self, value: float) -> bool:
        above = self.minimum < value if self.open_minimum else self.minimum <= value
        below = value < self.maximum if self.open_maximum else value <= self.maximum
        return math.isfinite(value) and above and below

    def _range(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        low = "above" if self.open_minimum else "at least"
        text = f"a number {low} {self.minimum:g}{unit}"
        if math.isfinite(self.maximum):
            text += f" and {'below' if self.open_maximum else 'at most'} {self.maximum:g}{unit}"
        return text + (", or None" if self.optional else "")


def parameter(default: Any, help: str, *, unit: str = "", minimum: float, **facts: Any) -> Any:
    """A dataclass field that holds one number of a link; see `LinkParameter` for the facts it may state."""
    metadata = {"help": help, "unit": unit, "minimum": minimum, "maximum": math.inf, **facts}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Link(ABC):
    """A way for a payload to reach the server.

    `source` says where the numbers come from; `formula` how the latency follows from them.
    """

    name: str
    source: str = dataclasses.field(default="made here", kw_only=True)

    formula: ClassVar[str]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise SettingError(f"a link's name is a word such as 'mine', not {self.name!r}")
        for known in self.parameters():
            object.__setattr__(self, known.name, known.check(known.value, self.name))

    @abstractmethod
    def latency(self, nbytes: float) -> float:
        """Seconds until `nbytes` bytes have crossed.

        Raises
        ------
        InputError : not a number of bytes (negative, nan, infinite, or no number).
        """

    def parameters(self) -> tuple[LinkParameter, ...]:
        """Every number of this link, in the order of declaration."""
        return tuple(
            LinkParameter(field.name, getattr(self, field.name), **field.metadata)
            for field in dataclasses.fields(self)
            if field.metadata
        )

    @property
    def how(self) -> str:
        """How its latencies come about, in one line: formula and values."""
        values = ", ".join(
            f"{known.name} = {known.value:g}{' ' + known.unit if known.unit else ''}"
            for known in self.parameters()
            if known.value is not None
        )
        return f"{self.formula}; {values}"


def bits(nbytes: Any, link: str) -> float:
    """Bits of so many bytes; a mean over several payloads need not be whole."""
    if isinstance(nbytes, bool) or not isinstance(nbytes, Real):
        raise InputError(f"link {link}: a payload's size is a number of bytes, not {nbytes!r}")
    size = float(nbytes)
    if not (math.isfinite(size) and size >= 0):
        raise InputError(f"link {link}: a payload cannot have {nbytes} bytes; at least 0 are needed")
    return 8.0 * size
