"""Symbols of known neighbourhoods as bytes and back, by the steps of `context_rans`.

states   of 8 bytes for each lane: four, or one in a map of few rows or few symbols
words    of 4 bytes to the end
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import context_rans, rans
from workbench.codecs.entropy.context_setup import Room, Tables, fill_decoder, fill_encoder
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.entropy.scratch import borrow
from workbench.errors import PayloadError
from workbench.records import Part

_STATE, _WORD = np.dtype("<u8"), np.dtype("<u4")


def encode(keys: NDArray[Any], grid: Grid, tables: Tables) -> tuple[bytes | memoryview, ...]:
    """Fine context << bits | symbol of each (rows, width) as pieces of bytes, the last of which is borrowed
    (see `scratch`)."""
    steps, halves, index = tables.once("four, to encode", partial(_encoder, tables, grid.bits))
    starts = grid.starts
    states = np.empty(len(starts) - 1, np.uint64)
    states.fill(rans.LOWEST)
    words = borrow("words", grid.rows * ((grid.width + 1) // 2) + 1, np.uint32)
    first = context_rans.encode_rows(keys, index, starts, steps, halves, tables.precision, states, words)
    return states.astype(_STATE, copy=False).tobytes(), words[first:].astype(_WORD, copy=False).data


def decode(data: memoryview, grid: Grid, chosen: NDArray[np.uint8], tables: Tables) -> NDArray[np.uint8]:
    """The symbols (rows, width) of these bytes; `chosen` is the filter of each channel.

    Raises
    ------
    PayloadError : the bytes do not hold exactly such symbols.
    """
    starts, own = grid.starts, grid.walk
    states, coded = _read_words(data, len(starts) - 1)
    words = borrow("words", len(coded) + len(states) * (grid.width // 2 + 1), np.uint32)
    words[: len(coded)] = coded
    words[len(coded) :] = 0
    slots = borrow("slots", (len(tables.codes), 1 << tables.precision), np.uint32)
    framed = borrow("frame", (grid.rows, grid.width + 3), np.uint8)
    desk = borrow("desk", context_rans.DESK + len(own.contexts), np.uint16)
    frequencies = borrow("frequencies", (len(tables.codes), 1 << grid.bits), np.uint32)
    fill_decoder(*tables.numbers, own.classes, own.contexts, frequencies, slots, desk)
    whole = context_rans.decode_rows(
        framed,
        starts,
        grid.plane,
        grid.background,
        own.filters,
        chosen,
        own.joint,
        None if own.knows_factors else np.empty(rans.LANES, np.uint64),
        desk,
        slots.reshape(-1),
        tables.precision,
        states,
        words,
        len(coded),
    )
    if not whole:
        raise PayloadError("the payload is damaged: its coded symbols do not end where they should")
    return framed[:, 2:-1].copy()


def _encoder(tables: Tables, bits: int, room: Room) -> tuple[NDArray[Any], ...]:
    """Steps, the same as halves, and index of `context_setup.fill_encoder`."""
    steps = room("steps", len(tables.codes) << (bits + 2), np.uint64)
    halves = steps.view(np.uint32)
    index = room("index", len(tables.table_of) << bits, np.uint16)
    frequencies = borrow("frequencies", (len(tables.codes), 1 << bits), np.uint32)
    fill_encoder(*tables.numbers, bits, frequencies, steps, halves, index)
    return steps, halves, index


def anatomy(data: memoryview, grid: Grid) -> tuple[Part, ...]:
    """What the bytes are made of."""
    lanes = len(grid.starts) - 1
    _, coded = _read_words(data, lanes)
    return (
        Part("lane states", 8 * lanes, f"{lanes} rANS states of 64 bits"),
        Part("words", 4 * len(coded), f"{grid.rows * grid.width} symbols in rANS words of 32 bits"),
    )


def _read_words(data: memoryview, lanes: int) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    if len(data) < 8 * lanes or len(data) % 4:
        raise PayloadError("the payload is damaged: its coded symbols are cut short")
    states = np.frombuffer(data, _STATE, lanes).astype(np.uint64)
    if not rans.in_range(states):
        raise PayloadError("the payload is damaged: a state of its coder is out of range")
    return states, np.frombuffer(data, _WORD, -1, 8 * lanes)
