"""Numbers on screen: three significant digits, bytes below 10 kB exactly, the unit that fits."""

import math

import pytest

from workbench.numbers import readable


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "bytes", "0 B"),
        (9_999, "bytes", "9,999 B"),
        (10_000, "bytes", "10.0 kB"),
        (999_960, "bytes", "1.00 MB"),
        (3.24e6, "bytes", "3.24 MB"),
        (4387.5, "bytes", "4,388 B"),
        (1e-7, "s", "0.100 µs"),
        (0.00099999, "s", "1.00 ms"),
        (6.6, "s", "6.60 s"),
        (123.4, "s", "123 s"),
        (66.9e6, "bps", "66.9 Mbit/s"),
        (1.0, "fraction", "100 %"),
        (0.0, "fraction", "0 %"),
        (4.561, "bit/element", "4.56 bit/element"),
        (-0.0123, "", "-0.0123"),
        (math.nan, "bytes", "– GB"),
        (math.inf, "s", "∞ s"),
    ],
)
def test_readable(value, unit, text):
    assert str(readable(value, unit)) == text
