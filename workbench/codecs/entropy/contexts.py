"""A whole symbol map as bytes and back, each symbol coded by the table of its neighbourhood.

symbols ─▶ fine contexts ─▶ histogram ─▶ model (which contexts share a table, and the tables) ─▶ rANS ─▶ bytes

    model    precision and group shift, 4 bits each, then runs and tables (`context_model`); not there where
             both sides hold a calibrated model
    lanes    their states, then words (`sixteen_lanes`, `four_lanes`); where a map needs both, the length of
             the former in bytes stands before it
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import context_model as tables
from workbench.codecs.entropy import four_lanes, sixteen_lanes, table_bits
from workbench.codecs.entropy.bitstream import read_varint, varint
from workbench.codecs.entropy.context_setup import Tables
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.entropy.neighbourhood import FILTERS, choose_filters, fill_keys, stretch_rows, walk
from workbench.codecs.entropy.scratch import borrow
from workbench.codecs.packing import pack_bits, packed_bytes, unpack_bits
from workbench.errors import PayloadError
from workbench.records import Part

MOST_TABLES: Final = (32, 64)  # of a plain walk, of a fitted one
_FILTER_BITS = 3
_MOST_PRECISION: Final = 12


class Model(NamedTuple):
    """Which table each fine context uses, and the tables as codes (table, group of symbols)."""

    precision: int
    shift: int
    table_of: NDArray[np.uint8]
    codes: NDArray[np.uint8]

    def for_lanes(self, grid: Grid) -> Tables:
        """What the lanes make their tables from."""
        groups, sizes = tables.symbol_groups(grid.bits, grid.background, self.shift)
        return Tables(self.codes, sizes, groups, self.precision, self.table_of)

    def to_bytes(self) -> bytes:
        """As it travels."""
        out = np.zeros(4 * len(self.codes) + 3 * self.codes.size + 64, np.uint8)
        used = tables.write_model(self.table_of, self.codes, _group_bits(self.codes.shape[1]), out)
        return bytes([self.precision << 4 | self.shift]) + out[: (used + 7) // 8].tobytes()


def read_model(data: memoryview, bits: int, background: int, fitted: bool = False) -> tuple[Model, int]:
    """A model and the number of bytes it took.

    Raises
    ------
    PayloadError : cut short, or tables that cannot be.
    """
    precision, shift = (data[0] >> 4, data[0] & 15) if len(data) else (0, 0)
    if not max(8, bits) <= precision <= _MOST_PRECISION or shift >= bits:
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


def contexts_of(
    symbols: NDArray[np.uint8], grid: Grid, chosen: NDArray[np.uint8]
) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    """Fine context << bits | symbol of each symbol, and the histogram (fine context, symbol).

    The former are borrowed (see `scratch`): the next call overwrites them.
    """
    own = grid.walk
    keys = borrow("keys", (grid.rows, grid.width), own.shifted.dtype.type)
    histogram = np.zeros(own.fine << grid.bits, np.uint32)
    fill_keys(
        symbols,
        grid.starts,
        grid.plane,
        grid.background,
        own.filters,
        chosen,
        own.bounds,
        own.span,
        own.shifted,
        borrow("frame", (grid.rows, grid.width + 3), np.uint8),
        borrow("places", (stretch_rows(grid.width), grid.width + 3), np.uint16),
        keys,
        histogram,
    )
    return keys, histogram.reshape(own.fine, 1 << grid.bits)


def fit(
    histogram: NDArray[np.uint32],
    bits: int,
    background: int,
    every_symbol: bool = False,
    fitted: bool = False,
) -> tuple[Model, NDArray[np.int64]]:
    """The model that codes this histogram in the fewest bytes, its own included, about; and how often each
    group of symbols occurs where it uses each table.

    `every_symbol` gives a frequency to symbols that do not occur: for a model that other maps will use.
    """
    shift = max(bits - 5, 0)
    groups, sizes = tables.symbol_groups(bits, background, shift)
    counts = histogram.astype(np.int64)
    if shift:
        counts = np.add.reduceat(counts, np.flatnonzero(np.diff(groups, prepend=-1)), axis=1)
    table_of = np.empty(len(counts), np.uint8)
    prices = tables.FITTED_COSTS if fitted else tables.PLAIN_COSTS
    counts = counts[: tables.merge_contexts(counts, MOST_TABLES[fitted], prices, table_of)]
    precision = 10 if bits <= 4 else 12
    codes = np.empty(counts.shape, np.uint8)
    tables.fill_codes(counts * 16 + sizes if every_symbol else counts, sizes, precision, codes)
    return Model(precision, shift, table_of, codes), counts


def _own_model(histogram: NDArray[np.uint32], grid: Grid) -> tuple[Model, bytes]:
    """The model for this histogram, and its bytes."""
    model, counts = fit(histogram, grid.bits, grid.background, fitted=grid.fitted)
    if not grid.fitted:
        return model, model.to_bytes()
    out = np.zeros(table_bits.NUMBER_BYTES * (counts.size + len(counts)) + 64, np.uint8)
    used = table_bits.write_tables(model.table_of, counts, model.codes, _group_bits(counts.shape[1]), out)
    return model, bytes([model.precision << 4 | model.shift]) + out[: (used + 7) // 8].tobytes()


def encode(symbols: NDArray[np.uint8], grid: Grid, model: Model | None = None) -> bytes:
    """Symbols (rows, width) as bytes; with a `model` that the receiver has, the bytes do without it."""
    if not symbols.size:
        return b""
    chosen = np.zeros(grid.channels, np.uint8)
    if grid.fitted:
        choose_filters(symbols, grid.plane, (1 << grid.bits) - 1, grid.background, grid.walk.filters, chosen)
    keys, histogram = contexts_of(symbols, grid, chosen)
    used, coded_model = (model, b"") if model is not None else _own_model(histogram, grid)
    front = pack_bits(chosen, _FILTER_BITS) if grid.fitted else b""
    tables_of, abreast = used.for_lanes(grid), grid.abreast
    if not abreast:
        return b"".join((front, coded_model, *four_lanes.encode(keys, grid, tables_of)))
    coded = b"".join(sixteen_lanes.encode(keys[:abreast], grid, tables_of))
    if abreast == grid.rows:
        return b"".join((front, coded_model, coded))
    rest = four_lanes.encode(keys[abreast:], grid.rest, tables_of)
    return b"".join((front, coded_model, varint(len(coded)), coded, *rest))


def decode(data: memoryview, grid: Grid, model: Model | None = None) -> NDArray[np.uint8]:
    """The symbols (rows, width) that `encode` made these bytes from.

    Raises
    ------
    PayloadError : the bytes do not hold exactly such a map.
    """
    if not grid.rows * grid.width:
        if len(data):
            raise PayloadError(f"the payload is damaged: {len(data)} bytes where no symbols are coded")
        return np.empty((grid.rows, grid.width), np.uint8)
    chosen, used, offset = _read_front(data, grid, model)
    tables_of, abreast = used.for_lanes(grid), grid.abreast
    if not abreast:
        return four_lanes.decode(data[offset:], grid, chosen, tables_of)
    front, behind = _parts(data[offset:], grid)
    symbols = sixteen_lanes.decode(front, grid._replace(rows=abreast), chosen, tables_of)
    if abreast == grid.rows:
        return symbols
    rest = four_lanes.decode(behind, grid.rest, chosen[abreast // grid.plane :], tables_of)
    return np.concatenate([symbols, rest])


def anatomy(data: memoryview, grid: Grid, model: Model | None = None) -> tuple[Part, ...]:
    """What the bytes are made of."""
    if not len(data):
        return ()
    parts = []
    _, used, offset = _read_front(data, grid, model)
    named = packed_bytes(grid.channels, _FILTER_BITS) if grid.fitted else 0
    if named:
        parts.append(
            Part("filters", named, f"which of {FILTERS} predictions each of {grid.channels} channels uses")
        )
    if model is None:
        how_many = f"{len(used.codes)} tables of {used.precision} bits of precision"
        meaning = f"{how_many}, {len(used.table_of)} fine contexts"
        parts.append(Part("tables", offset - named, meaning))
    abreast = grid.abreast
    if not abreast:
        return (*parts, *four_lanes.anatomy(data[offset:], grid))
    front, behind = _parts(data[offset:], grid)
    own = sixteen_lanes.anatomy(front, grid._replace(rows=abreast))
    if abreast == grid.rows:
        return (*parts, *own)
    size = Part("length", len(data) - offset - len(front) - len(behind), "of what is coded sixteen abreast")
    return (*parts, size, *own, *four_lanes.anatomy(behind, grid.rest))


def _parts(data: memoryview, grid: Grid) -> tuple[memoryview, memoryview]:
    """What the channels abreast are coded in, and what the rest is."""
    if grid.abreast == grid.rows:
        return data, data[:0]
    size, begin = read_varint(data, 0)
    if size > len(data) - begin:
        raise PayloadError("the payload is damaged: its coded symbols are cut short")
    return data[begin : begin + size], data[begin + size :]


def _read_front(data: memoryview, grid: Grid, model: Model | None) -> tuple[NDArray[np.uint8], Model, int]:
    """The filter of each channel, the model, and the bytes that both took."""
    chosen, offset = np.zeros(grid.channels, np.uint8), 0
    if grid.fitted:
        offset = packed_bytes(grid.channels, _FILTER_BITS)
        if len(data) < offset:
            raise PayloadError("the payload is damaged: the filters of its channels are cut short")
        chosen = unpack_bits(data[:offset], _FILTER_BITS, grid.channels).astype(np.uint8)
    if model is not None:
        return chosen, model, offset
    own, size = read_model(data[offset:], grid.bits, grid.background, grid.fitted)
    return chosen, own, offset + size


def _group_bits(groups: int) -> int:
    return max((groups - 1).bit_length(), 1)
