"""A whole symbol map as bytes and back, each symbol coded by the table of its neighbourhood.

symbols ─▶ fine contexts ─▶ histogram ─▶ model (which contexts share a table, and the tables) ─▶ rANS ─▶ bytes

    filters  in a fitted walk: which each channel uses, 3 bits each
    model    precision and group shift, 4 bits each, then runs and tables (`fitting`)
             neither is there where both sides hold a calibrated model
    lanes    their states, then words (`channel_lanes`, `four_lanes`); where a map needs both, the length of
             the former in bytes stands before it
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import channel_lanes, four_lanes
from workbench.codecs.entropy.bitstream import read_varint, varint
from workbench.codecs.entropy.calibrated import Calibrated
from workbench.codecs.entropy.context_setup import Tables
from workbench.codecs.entropy.fitting import own_model, read_model
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.entropy.neighbourhood import choose_filters, fill_keys, fill_places, stretch_rows
from workbench.codecs.entropy.scratch import borrow
from workbench.codecs.entropy.vector_lanes import SIDE
from workbench.codecs.entropy.vectors import FILTERS
from workbench.codecs.packing import pack_bits, packed_bytes, unpack_bits
from workbench.errors import PayloadError
from workbench.records import Part

_FILTER_BITS = 3


def contexts_of(
    symbols: NDArray[np.uint8], grid: Grid, chosen: NDArray[np.uint8], counted: bool = True
) -> tuple[NDArray[Any], NDArray[np.uint32]]:
    """Fine context << bits | symbol of each symbol, and, if `counted`, the histogram (fine context, symbol).

    The former are borrowed (see `scratch`): the next call overwrites them.
    """
    own = grid.walk
    keys = borrow("keys", (grid.rows, grid.width), own.shifted.dtype.type)
    histogram = np.zeros(own.fine << grid.bits if counted else 0, np.uint32)
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
    return keys, histogram.reshape(-1, 1 << grid.bits)


def encode(symbols: NDArray[np.uint8], grid: Grid, known: Calibrated | None = None) -> bytes:
    """Symbols (rows, width) as bytes; they do without a model where the receiver has the same `known`."""
    if not symbols.size:
        return b""
    if known is not None:
        grid, front, tables = grid._replace(own=known.walk), b"", known.tables
        if grid.lanes == 2 * SIDE:
            return b"".join(channel_lanes.encode_places(*_places_of(symbols, grid, known), grid, tables))
        keys, _ = contexts_of(symbols, grid, known.filters_of(grid), counted=False)
    else:
        keys, tables, front = _fitted(symbols, grid)
    abreast = grid.abreast
    if not abreast:
        return b"".join((front, *four_lanes.encode(keys, grid, tables)))
    coded = b"".join(channel_lanes.encode(keys[:abreast], grid, tables))
    if abreast == grid.rows:
        return front + coded
    rest = four_lanes.encode(keys[abreast:], grid.rest, tables)
    return b"".join((front, varint(len(coded)), coded, *rest))


def _places_of(
    symbols: NDArray[np.uint8], grid: Grid, known: Calibrated
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Symbols of whole channels in their frame, and their places; both are borrowed."""
    own = grid.walk
    framed = borrow("frame", (grid.rows, grid.width + 3), np.uint8)
    places = borrow("keys", (grid.rows, grid.width + 3), np.uint16)
    chosen = known.filters_of(grid)
    fill_places(
        symbols, grid.plane, grid.background, own.filters, chosen, own.bounds, own.span, framed, places
    )
    return framed, places


def _fitted(symbols: NDArray[np.uint8], grid: Grid) -> tuple[NDArray[Any], Tables, bytes]:
    """Keys of the symbols, tables fitted to them, and filters and model as they travel."""
    chosen, front = np.zeros(grid.channels, np.uint8), b""
    if grid.fitted:
        choose_filters(symbols, grid.plane, (1 << grid.bits) - 1, grid.walk.filters, chosen)
        front = pack_bits(chosen, _FILTER_BITS)
    keys, histogram = contexts_of(symbols, grid, chosen)
    model, coded = own_model(histogram, grid)
    return keys, model.for_lanes(grid.bits, grid.background), front + coded


def decode(data: memoryview, grid: Grid, known: Calibrated | None = None) -> NDArray[np.uint8]:
    """The symbols (rows, width) that `encode` made these bytes from.

    Raises
    ------
    PayloadError : the bytes do not hold exactly such a map.
    """
    if not grid.rows * grid.width:
        if len(data):
            raise PayloadError(f"the payload is damaged: {len(data)} bytes where no symbols are coded")
        return np.empty((grid.rows, grid.width), np.uint8)
    if known is not None:
        grid, chosen, tables, offset = grid._replace(own=known.walk), known.filters_of(grid), known.tables, 0
    else:
        chosen, tables, offset = _read_front(data, grid)
    abreast = grid.abreast
    if not abreast:
        return four_lanes.decode(data[offset:], grid, chosen, tables)
    front, behind = _parts(data[offset:], grid)
    symbols = channel_lanes.decode(front, grid._replace(rows=abreast), chosen, tables)
    if abreast == grid.rows:
        return symbols
    rest = four_lanes.decode(behind, grid.rest, chosen[abreast // grid.plane :], tables)
    return np.concatenate([symbols, rest])


def anatomy(data: memoryview, grid: Grid, known: Calibrated | None = None) -> tuple[Part, ...]:
    """What the bytes are made of."""
    if not len(data):
        return ()
    parts, offset = [], 0
    if known is None:
        _, tables, offset = _read_front(data, grid)
        named = packed_bytes(grid.channels, _FILTER_BITS) if grid.fitted else 0
        if named:
            which = f"which of {FILTERS} predictions each of {grid.channels} channels uses"
            parts.append(Part("filters", named, which))
        how_many = f"{len(tables.codes)} tables of {tables.precision} bits of precision"
        meaning = f"{how_many}, {len(tables.table_of)} fine contexts"
        parts.append(Part("tables", offset - named, meaning))
    abreast = grid.abreast
    if not abreast:
        return (*parts, *four_lanes.anatomy(data[offset:], grid))
    front, behind = _parts(data[offset:], grid)
    own = channel_lanes.anatomy(front, grid._replace(rows=abreast))
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


def _read_front(data: memoryview, grid: Grid) -> tuple[NDArray[np.uint8], Tables, int]:
    """The filter of each channel, the tables, and the bytes that both took."""
    chosen, offset = np.zeros(grid.channels, np.uint8), 0
    if grid.fitted:
        offset = packed_bytes(grid.channels, _FILTER_BITS)
        if len(data) < offset:
            raise PayloadError("the payload is damaged: the filters of its channels are cut short")
        chosen = unpack_bits(data[:offset], _FILTER_BITS, grid.channels).astype(np.uint8)
    model, size = read_model(data[offset:], grid.bits, grid.background, grid.fitted)
    return chosen, model.for_lanes(grid.bits, grid.background), offset + size
