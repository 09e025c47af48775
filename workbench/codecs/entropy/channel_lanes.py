"""Symbols of known neighbourhoods as bytes and back, 16 or 32 channels abreast: what `channel_rans` codes.

tail     8 bits: how many columns the states began with
states   of all lanes: 4 bits with the place of the highest bit, less 15, then the bits below it
words    of 2 bytes to the end
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import channel_rans
from workbench.codecs.entropy.context_setup import Room, Tables
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.entropy.scratch import borrow
from workbench.errors import PayloadError
from workbench.records import Part

_NO_SYMBOLS = np.empty((0, 0), np.uint8)


def encode(keys: NDArray[Any], grid: Grid, tables: Tables) -> tuple[bytes | memoryview, ...]:
    """Fine context << bits | symbol of each (rows, width), a multiple of sixteen channels, as pieces of
    bytes, the last of which is borrowed (see `scratch`)."""
    steps, index = tables.once("channels, to encode", partial(_encoder, tables, grid.bits))
    return _encode(_NO_SYMBOLS, keys, grid, index, steps, tables.precision)


def encode_places(
    framed: NDArray[np.uint8], places: NDArray[np.uint16], grid: Grid, tables: Tables
) -> tuple[bytes | memoryview, ...]:
    """As `encode`, with 32 lanes: symbols in their frame, and their places (see
    `neighbourhood.fill_places`)."""
    steps, _ = tables.once("channels, to encode", partial(_encoder, tables, grid.bits))
    return _encode(framed, places, grid, grid.walk.shifted, steps, tables.precision)


def _encode(
    symbols: NDArray[np.uint8],
    keys: NDArray[Any],
    grid: Grid,
    index: NDArray[np.uint16],
    steps: NDArray[np.uint64],
    precision: int,
) -> tuple[bytes | memoryview, ...]:
    front = np.zeros(channel_rans.MOST_FRONT, np.uint8)
    words = borrow("words", len(keys) * grid.width + channel_rans.SPARE, np.uint16)
    first, bits = channel_rans.encode_channels(
        symbols, keys, grid.width, grid.plane, grid.lanes, index, steps, precision, words, front
    )
    return front[: (bits + 7) // 8].tobytes(), words[first:].astype("<u2", copy=False).data


def decode(data: memoryview, grid: Grid, chosen: NDArray[np.uint8], tables: Tables) -> NDArray[np.uint8]:
    """The symbols (rows, width) of these bytes; `chosen` is the filter of each channel.

    Raises
    ------
    PayloadError : the bytes do not hold exactly such symbols.
    """
    own = grid.walk
    states = np.empty(grid.lanes, np.uint32)
    tail, coded = _read_front(data, grid, states)
    words = borrow("words", len(coded) + grid.lanes * grid.width + channel_rans.SPARE, np.uint16)
    words[: len(coded)] = coded
    words[len(coded) :] = 0
    class_bits = own.span.bit_length()
    slots, table_at = tables.once("channels, to decode", partial(_decoder, tables, grid, class_bits))
    out = np.empty((grid.rows, grid.width), np.uint8)
    whole = channel_rans.decode_channels(
        out,
        grid.plane,
        grid.background,
        own.stages,
        chosen,
        own.bounds,
        class_bits,
        table_at,
        slots.reshape(-1),
        tables.kept is not None,
        tables.precision,
        states,
        tail,
        words,
        len(coded),
        borrow("ring", 3 * (grid.width + 3) * grid.lanes, np.uint8),
    )
    if not whole:
        raise PayloadError("the payload is damaged: its coded symbols do not end where they should")
    return out


def _encoder(tables: Tables, bits: int, room: Room) -> tuple[NDArray[Any], ...]:
    """Steps and index of `channel_rans.fill_encoder`."""
    steps = room("steps", len(tables.codes) << bits, np.uint64)
    index = room("index", len(tables.table_of) << bits, np.uint16)
    frequencies = borrow("frequencies", (len(tables.codes), 1 << bits), np.uint32)
    channel_rans.fill_encoder(*tables.numbers, bits, frequencies, steps, index)
    return steps, index


def _decoder(tables: Tables, grid: Grid, class_bits: int, room: Room) -> tuple[NDArray[Any], ...]:
    """Slots, and where they begin for each class and w, of `channel_rans.fill_decoder`."""
    own = grid.walk
    slots = room("slots", (len(tables.codes), 1 << tables.precision), np.uint32)
    table_at = room("tables", len(own.contexts) // own.span << class_bits, np.uint32)
    frequencies = borrow("frequencies", (len(tables.codes), 1 << grid.bits), np.uint32)
    channel_rans.fill_decoder(
        *tables.numbers, own.contexts, own.span, class_bits, frequencies, slots, table_at
    )
    return slots, table_at


def anatomy(data: memoryview, grid: Grid) -> tuple[Part, ...]:
    """What the bytes are made of."""
    _, coded = _read_front(data, grid, np.empty(grid.lanes, np.uint32))
    return (
        Part(
            "lane states",
            len(data) - coded.nbytes,
            f"{grid.lanes} rANS states of 32 bits, and how they began",
        ),
        Part("words", coded.nbytes, f"{grid.rows * grid.width} symbols in rANS words of 16 bits"),
    )


def _read_front(data: memoryview, grid: Grid, states: NDArray[np.uint32]) -> tuple[int, NDArray[np.uint16]]:
    """Fills the states; the tail and the words."""
    tail, bits = channel_rans.read_states(np.frombuffer(data[: channel_rans.MOST_FRONT], np.uint8), states)
    offset = (bits + 7) // 8
    if bits < 0 or (len(data) - offset) % 2:
        raise PayloadError("the payload is damaged: its coded symbols are cut short")
    if tail > grid.rows // grid.lanes * grid.width:
        raise PayloadError(f"the payload is damaged: {tail} columns begin the states of its coder")
    return tail, np.frombuffer(data, np.dtype("<u2"), -1, offset)
