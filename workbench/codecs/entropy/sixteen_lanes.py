"""Symbols of known neighbourhoods as bytes and back, sixteen channels abreast: what `channel_rans` codes.

tail     8 bits: how many columns the states began with
states   of sixteen lanes: 4 bits with the place of the highest bit, less 15, then the bits below it
words    of 2 bytes to the end
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import channel_rans
from workbench.codecs.entropy.context_setup import Tables
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.entropy.scratch import borrow
from workbench.codecs.entropy.vector_lanes import SIDE
from workbench.errors import PayloadError
from workbench.records import Part


def encode(keys: NDArray[Any], grid: Grid, tables: Tables) -> tuple[bytes | memoryview, ...]:
    """Fine context << bits | symbol of each (rows, width), a multiple of sixteen channels, as pieces of
    bytes, the last of which is borrowed (see `scratch`)."""
    steps = borrow("steps", len(tables.codes) << grid.bits, np.uint64)
    index = borrow("index", len(tables.table_of) << grid.bits, np.uint16)
    frequencies = borrow("frequencies", (len(tables.codes), 1 << grid.bits), np.uint32)
    channel_rans.fill_encoder(*tables, grid.bits, frequencies, steps, index)
    front = np.zeros(channel_rans.MOST_FRONT, np.uint8)
    words = borrow("words", keys.size + channel_rans.SPARE, np.uint16)
    first, bits = channel_rans.encode_channels(keys, grid.plane, index, steps, tables.precision, words, front)
    return front[: (bits + 7) // 8].tobytes(), words[first:].astype("<u2", copy=False).data


def decode(data: memoryview, grid: Grid, chosen: NDArray[np.uint8], tables: Tables) -> NDArray[np.uint8]:
    """The symbols (rows, width) of these bytes; `chosen` is the filter of each channel.

    Raises
    ------
    PayloadError : the bytes do not hold exactly such symbols.
    """
    own = grid.walk
    states = np.empty(SIDE, np.uint32)
    tail, coded = _read_front(data, grid, states)
    words = borrow("words", len(coded) + SIDE * grid.width + channel_rans.SPARE, np.uint16)
    words[: len(coded)] = coded
    words[len(coded) :] = 0
    slots = borrow("slots", (len(tables.codes), 1 << tables.precision), np.uint32)
    class_bits = own.span.bit_length()
    table_at = borrow("tables", len(own.contexts) // own.span << class_bits, np.uint32)
    frequencies = borrow("frequencies", (len(tables.codes), 1 << grid.bits), np.uint32)
    channel_rans.fill_decoder(*tables, own.contexts, own.span, class_bits, frequencies, slots, table_at)
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
        tables.precision,
        states,
        tail,
        words,
        len(coded),
        borrow("ring", 3 * (grid.width + 3) * SIDE, np.uint8),
    )
    if not whole:
        raise PayloadError("the payload is damaged: its coded symbols do not end where they should")
    return out


def anatomy(data: memoryview, grid: Grid) -> tuple[Part, ...]:
    """What the bytes are made of."""
    _, coded = _read_front(data, grid, np.empty(SIDE, np.uint32))
    return (
        Part("lane states", len(data) - coded.nbytes, f"{SIDE} rANS states of 32 bits, and how they began"),
        Part("words", coded.nbytes, f"{grid.rows * grid.width} symbols in rANS words of 16 bits"),
    )


def _read_front(data: memoryview, grid: Grid, states: NDArray[np.uint32]) -> tuple[int, NDArray[np.uint16]]:
    """Fills the states; the tail and the words."""
    tail, bits = channel_rans.read_states(np.frombuffer(data[: channel_rans.MOST_FRONT], np.uint8), states)
    offset = (bits + 7) // 8
    if bits < 0 or (len(data) - offset) % 2:
        raise PayloadError("the payload is damaged: its coded symbols are cut short")
    if tail > grid.rows // SIDE * grid.width:
        raise PayloadError(f"the payload is damaged: {tail} columns begin the states of its coder")
    return tail, np.frombuffer(data, np.dtype("<u2"), -1, offset)
