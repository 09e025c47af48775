"""Numbers as people read them: three significant digits, bytes below 10 kB exactly, a unit that fits.

>>> str(readable(4388, "bytes")), str(readable(14_903, "bytes")), str(readable(0.0931, "s"))
('4,388 B', '14.9 kB', '93.1 ms')
>>> str(readable(0.975, "fraction")), str(readable(7.26, "×")), str(readable(float("nan"), "s"))
('97.5 %', '7.26 ×', '– s')
"""

from __future__ import annotations

import math
from typing import NamedTuple

_LADDERS: dict[str, tuple[tuple[float, str], ...]] = {
    "s": ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s")),
    "bytes": ((1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB")),
    "bps": ((1.0, "bit/s"), (1e3, "kbit/s"), (1e6, "Mbit/s"), (1e9, "Gbit/s")),
    "fraction": ((0.01, "%"),),
    "MACs": ((1.0, "MAC"), (1e3, "kMAC"), (1e6, "MMAC"), (1e9, "GMAC")),
}
_ALIASES = {"B": "bytes", "byte": "bytes", "seconds": "s", "bit/s": "bps", "ratio": "×", "x": "×"}
_EXACT_BYTES_BELOW = 10_000


class Readable(NamedTuple):
    """A number and its unit, both as text."""

    number: str
    unit: str

    def __str__(self) -> str:
        return f"{self.number} {self.unit}".rstrip()


def readable(value: float, unit: str = "") -> Readable:
    """`value` in the unit a person would choose: seconds become ms or µs, bytes kB or MB, fractions %.

    Units without such a ladder stay as they are. What is not a number becomes a dash.
    """
    unit = _ALIASES.get(unit, unit)
    ladder = _LADDERS.get(unit, ((1.0, unit),))
    if value is None or math.isnan(value):
        return Readable("–", ladder[-1][1])
    if math.isinf(value):
        return Readable("∞" if value > 0 else "−∞", ladder[-1][1])
    if unit == "bytes" and abs(value) < _EXACT_BYTES_BELOW:
        return Readable(f"{value:,.0f}" if value == round(value) else significant(value), "B")
    scale, name = ladder[0]
    for step, step_name in ladder:
        if abs(float(f"{value:.3g}")) >= step:
            scale, name = step, step_name
    return Readable(significant(value / scale, keep_zeros=scale != 1.0 or unit in _LADDERS), name)


def significant(value: float, digits: int = 3, keep_zeros: bool = False) -> str:
    """`value` with so many significant digits and no exponent where it reads well without.

    A whole number stays without a decimal point unless `keep_zeros`.

    >>> [significant(value) for value in (0, 1, 0.98765, 12.0, 1234.6, 0.000012345, 4.56e9)]
    ['0', '1', '0.988', '12', '1,235', '1.23e-05', '4.56e+09']
    """
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if magnitude < -4 or magnitude > 7:
        return f"{value:.{digits - 1}e}"
    whole = float(value).is_integer() and not keep_zeros
    return f"{value:,.{0 if whole else max(digits - 1 - magnitude, 0)}f}"
