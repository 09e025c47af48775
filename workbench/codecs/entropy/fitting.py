"""The model of a context coder, found from counts or read: which fine contexts share a table, and those.

histogram (fine context, symbol) ─▶ contexts merged while it saves bytes ─▶ tables as small floats ─▶ bytes

    model    precision and group shift, 4 bits each, then runs and tables (`context_model`, `table_bits`)
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import context_model as tables
from workbench.codecs.entropy import table_bits
from workbench.codecs.entropy.context_setup import Tables
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.entropy.walks import walk
from workbench.errors import PayloadError

MOST_TABLES: Final = (32, 64)  # of a plain walk, of a fitted one
MOST_PRECISION: Final = 12


class Model(NamedTuple):
    """Which table each fine context uses, and the tables as codes (table, group of symbols)."""

    precision: int
    shift: int
    table_of: NDArray[np.uint8]
    codes: NDArray[np.uint8]

    def for_lanes(self, bits: int, background: int) -> Tables:
        """What the lanes make their tables from."""
        groups, sizes = tables.symbol_groups(bits, background, self.shift)
        return Tables(self.codes, sizes, groups, self.precision, self.table_of)


def precision_of(bits: int) -> int:
    """Bits of a table's sum for symbols of so many bits."""
    return 10 if bits <= 4 else MOST_PRECISION


def read_model(data: memoryview, bits: int, background: int, fitted: bool = False) -> tuple[Model, int]:
    """A model and the number of bytes it took.

    Raises
    ------
    PayloadError : cut short, or tables that cannot be.
    """
    precision, shift = (data[0] >> 4, data[0] & 15) if len(data) else (0, 0)
    if not max(8, bits) <= precision <= MOST_PRECISION or shift >= bits:
        raise PayloadError("the payload is damaged: its context model is missing or of unknown precision")
    _, sizes = tables.symbol_groups(bits, background, shift)
    table_of = np.empty(walk(bits, background, fitted).fine, np.uint8)
    codes = np.empty((MOST_TABLES[fitted], len(sizes)), np.uint8)
    raw = np.frombuffer(data, np.uint8)
    read = table_bits.read_tables if fitted else tables.read_model
    used, count = read(raw[1:], _group_bits(len(sizes)), table_of, codes)
    if used < 0:
        raise PayloadError("the payload is damaged: its context model is cut short or garbled")
    return Model(precision, shift, table_of, codes[:count]), 1 + (used + 7) // 8


def fit(
    histogram: NDArray[np.uint32], bits: int, background: int, fitted: bool = False
) -> tuple[Model, NDArray[np.int64]]:
    """The model that codes this histogram in the fewest bytes, its own included, about; and how often each
    group of symbols occurs where it uses each table."""
    shift = max(bits - 5, 0)
    counts, sizes = grouped(histogram, bits, background, shift)
    table_of = np.empty(len(counts), np.uint8)
    prices = tables.FITTED_COSTS if fitted else tables.PLAIN_COSTS
    counts = counts[: tables.merge_contexts(counts, MOST_TABLES[fitted], prices, table_of)]
    precision = precision_of(bits)
    codes = np.empty(counts.shape, np.uint8)
    tables.fill_codes(counts, sizes, precision, codes)
    return Model(precision, shift, table_of, codes), counts


def grouped(
    histogram: NDArray[np.integer], bits: int, background: int, shift: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts (fine context, group of symbols), and the size of each group."""
    groups, sizes = tables.symbol_groups(bits, background, shift)
    counts = histogram.astype(np.int64)
    if shift:
        counts = np.add.reduceat(counts, np.flatnonzero(np.diff(groups, prepend=-1)), axis=1)
    return counts, sizes


def own_model(histogram: NDArray[np.uint32], grid: Grid) -> tuple[Model, bytes]:
    """The model for this histogram, and its bytes."""
    model, counts = fit(histogram, grid.bits, grid.background, fitted=grid.fitted)
    group_bits = _group_bits(counts.shape[1])
    if grid.fitted:
        out = np.zeros(table_bits.NUMBER_BYTES * (counts.size + len(counts)) + 64, np.uint8)
        used = table_bits.write_tables(model.table_of, counts, model.codes, group_bits, out)
    else:
        out = np.zeros(4 * len(counts) + 3 * counts.size + 64, np.uint8)
        used = tables.write_model(model.table_of, model.codes, group_bits, out)
    return model, bytes([model.precision << 4 | model.shift]) + out[: (used + 7) // 8].tobytes()


def _group_bits(groups: int) -> int:
    return max((groups - 1).bit_length(), 1)
