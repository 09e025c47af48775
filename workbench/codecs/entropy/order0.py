"""Order-0 rANS: every symbol coded with one table, as bytes that hold the table, the states and the words.

    table      precision, symbols that occur, their frequencies (see `tables`)
    states     four of 8 bytes, little endian; absent where only one symbol occurs
    words      of 4 bytes, little endian, to the end

Long streams of bytes have eight states of 6 bytes and words of 3 (see `eight_lanes`); the table's first byte
says so.
The number of symbols is not in the bytes: whoever stores them knows it (a shape, a count).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import eight_lanes, rans
from workbench.codecs.entropy.compiled import compiled
from workbench.codecs.entropy.scratch import borrow
from workbench.codecs.entropy.tables import (
    EIGHT_LANES,
    MOST_TABLE_BYTES,
    Table,
    make_table,
    normalise_into,
    read_table,
    write_table,
)
from workbench.errors import PayloadError
from workbench.records import Part

MOST_SYMBOLS: Final = 2**29  # of one stream; a payload's limit on values, twice
EIGHT_LANES_FROM: Final = 2**15  # symbols: in less, 16 bytes more of states would show

_STATE, _WORD = np.dtype("<u8"), np.dtype("<u4")
_ONE_SYMBOL: Final = -2
_WIDE_SPAN = 2**16  # alphabets up to here are counted by index, wider ones by sorting


def encode(symbols: NDArray[Any]) -> bytes:
    """Whole numbers from 0 to 2**32 - 1, any shape, as bytes; none give none.

    Raises
    ------
    ValueError : not whole numbers, negative, or too many.
    """
    flat = np.ravel(symbols)
    if flat.dtype.kind not in "ui" or flat.size > MOST_SYMBOLS:
        raise ValueError(f"{flat.size} symbols of type {flat.dtype}; at most {MOST_SYMBOLS} whole numbers")
    if not flat.size:
        return b""
    if flat.dtype == np.uint8:
        return _encode_bytes(np.ascontiguousarray(flat))
    present, counts, indices = _census(flat)
    if present[-1] < 256:
        return _encode_bytes(flat.astype(np.uint8))
    table = make_table(present, counts)
    if len(present) == 1:
        return table.to_bytes()
    states = np.full(rans.LANES, rans.LOWEST, np.uint64)
    if _in_pairs(table):
        steps = np.empty(4 * len(present), np.uint64)
        halves = steps.view(np.uint32)
        rans.fill_steps(table.frequencies, table.bits, np.arange(len(present)), steps, halves)
        words = np.empty(flat.size // 2 + 5, np.uint32)
        first = rans.encode_pairs(indices.astype(np.uint8), steps, halves, table.bits, states, words)
    else:
        words = np.empty(flat.size, np.uint32)
        narrow = indices.astype(np.uint32)
        first = rans.encode_single(narrow, table.frequencies, table.starts, table.bits, states, words)
    return _join(table.to_bytes(), states, words[first:])


def decode(data: memoryview, count: int, largest: int) -> NDArray[Any]:
    """The `count` symbols, each at most `largest`, that `encode` made these bytes from: uint8 or uint32.

    Raises
    ------
    PayloadError : the bytes do not hold exactly that many symbols, or one is larger.
    """
    if count == 0:
        if len(data):
            raise PayloadError(f"the payload is damaged: {len(data)} bytes where no symbols are coded")
        return np.empty(0, np.uint8)
    stream = _take_apart(data, count)
    table = stream.table
    if table.symbols[-1] > largest:
        raise PayloadError(
            f"the payload is damaged: symbol {table.symbols[-1]} where {largest} is the largest"
        )
    if stream.states is None:
        return np.full(count, table.symbols[0], np.uint32)
    if stream.eight or _in_pairs(table):
        slots = np.empty(1 << table.bits, np.uint32)
        are_bytes = table.symbols[-1] < 256
        places = table.symbols if are_bytes else np.arange(len(table.symbols), dtype=np.uint32)
        rans.fill_slots(table.frequencies, places, slots)
        indices: NDArray[Any] = np.empty(count, np.uint8)
        if stream.eight:
            whole = eight_lanes.decode(indices, slots, stream.states, stream.words)
        else:
            whole = rans.decode_pairs(indices, slots, table.bits, stream.states, stream.words)
    else:
        are_bytes = False
        indices = np.empty(count, np.uint32)
        whole = rans.decode_single(
            indices, table.frequencies, table.starts, table.bits, stream.states, stream.words
        )
    if not whole:
        raise PayloadError("the payload is damaged: its coded symbols do not end where they should")
    return indices if are_bytes else table.symbols[indices]


def anatomy(data: memoryview, count: int) -> tuple[Part, ...]:
    """What the bytes are made of."""
    if not count:
        return ()
    table, states, words, eight = _take_apart(data, count)
    named, stored = ("eight", 48) if eight else ("four", 64)
    state_bytes = 0 if states is None else len(states) * stored // 8
    table_bytes = len(data) - words.nbytes - state_bytes
    halves = [Part("table", table_bytes, f"{len(table.symbols)} symbols, {table.bits} bits of precision")]
    if states is not None:
        halves.append(Part("lane states", state_bytes, f"{named} rANS states of {stored} bits"))
        each = 24 if eight else 32
        halves.append(Part("words", words.nbytes, f"{count} symbols in rANS words of {each} bits"))
    return tuple(halves)


def shannon_bytes(symbols: NDArray[Any]) -> float:
    """Order-0 entropy of all symbols together, in bytes: the bound of any coder without context."""
    if not symbols.size:
        return 0.0
    _, counts, _ = _census(np.ravel(symbols))
    share = counts / symbols.size
    return float(-(counts * np.log2(share)).sum() / 8)


class _Stream(NamedTuple):
    """What the bytes hold; no states where only one symbol occurs. Words are uint8 of eight lanes, else
    uint32."""

    table: Table
    states: NDArray[np.uint64] | None
    words: NDArray[Any]
    eight: bool


def _take_apart(data: memoryview, count: int) -> _Stream:
    table, offset = read_table(data, count)
    eight = data[0] & 31 == EIGHT_LANES
    if len(table.symbols) == 1:
        if len(data) != offset:
            raise PayloadError(f"the payload is damaged: {len(data) - offset} bytes after its only symbol")
        return _Stream(table, None, np.empty(0, np.uint32), eight)
    if eight and len(table.symbols) > 256:
        raise PayloadError(f"the payload is damaged: {len(table.symbols)} symbols in a stream of bytes")
    states_end = offset + (eight_lanes.LANES * eight_lanes.STATE_BYTES if eight else 8 * rans.LANES)
    if len(data) < states_end or (len(data) - states_end) % (eight_lanes.WORD_BYTES if eight else 4):
        raise PayloadError("the payload is damaged: its coded symbols are cut short")
    if eight:
        states = eight_lanes.from_bytes(data[offset:states_end])
        words: NDArray[Any] = np.frombuffer(data, np.uint8, -1, states_end)
    else:
        states = np.frombuffer(data, _STATE, rans.LANES, offset).astype(np.uint64)
        words = np.frombuffer(data, _WORD, -1, states_end).astype(np.uint32)
    if not (eight_lanes if eight else rans).in_range(states):
        raise PayloadError("the payload is damaged: a state of its coder is out of range")
    return _Stream(table, states, words, eight)


def _encode_bytes(symbols: NDArray[np.uint8]) -> bytes:
    """As `encode` for bytes, in one compiled call; a small buffer first, which stays in the cache."""
    return _encode_long(symbols) if symbols.size >= EIGHT_LANES_FROM else _encode_short(symbols)


def _encode_short(symbols: NDArray[np.uint8]) -> bytes:
    table = borrow("table", MOST_TABLE_BYTES, np.uint8)
    states = np.empty(rans.LANES, np.uint64)
    for size in (symbols.size // 8 + 64, symbols.size // 2 + 5):
        words = borrow("words", size, np.uint32)
        used, first = _push_short(symbols, table, states, words)
        if first >= 0:
            return _join(table[:used].tobytes(), states, words[first:])
        if first == _ONE_SYMBOL:
            break
    return table[:used].tobytes()


def _encode_long(symbols: NDArray[np.uint8]) -> bytes:
    table = borrow("table", MOST_TABLE_BYTES, np.uint8)
    states = np.empty(eight_lanes.LANES, np.float64)
    room = eight_lanes.GROUP_BYTES + eight_lanes.SPARE
    for size in (symbols.size // 2, eight_lanes.WORD_BYTES * symbols.size // 2 + room):
        words = borrow("word bytes", size, np.uint8)
        used, first = _push_long(symbols, table, states, words)
        if first >= 0:
            return b"".join((table[:used].tobytes(), eight_lanes.to_bytes(states), words[first:].data))
        if first == _ONE_SYMBOL:
            break
    return table[:used].tobytes()


@compiled
def _push_short(
    symbols: NDArray[np.uint8],
    table: NDArray[np.uint8],
    states: NDArray[np.uint64],
    words: NDArray[np.uint32],
) -> tuple[int, int]:
    """Bytes of the table, and the first word in use: -1 if they do not fit, -2 if only one symbol occurs."""
    used, present, frequencies = _tabulate(symbols, rans.PAIR_BITS, table)
    if len(present) == 1:
        return used, _ONE_SYMBOL
    states[:] = rans.LOWEST
    steps = np.empty(4 * 256, np.uint64)
    halves = steps.view(np.uint32)
    rans.fill_steps(frequencies, rans.PAIR_BITS, present, steps, halves)
    return used, rans.encode_pairs(symbols, steps, halves, rans.PAIR_BITS, states, words)


@compiled
def _push_long(
    symbols: NDArray[np.uint8],
    table: NDArray[np.uint8],
    states: NDArray[np.float64],
    words: NDArray[np.uint8],
) -> tuple[int, int]:
    """As `_push_short` for eight lanes."""
    used, present, frequencies = _tabulate(symbols, EIGHT_LANES, table)
    if len(present) == 1:
        return used, _ONE_SYMBOL
    states[:] = eight_lanes.LOWEST
    rows = np.empty(4 * 256, np.float64)
    eight_lanes.fill_rows(frequencies, present, rows)
    return used, eight_lanes.encode(symbols, rows, states, words)


@compiled
def _tabulate(
    symbols: NDArray[np.uint8], precision: int, table: NDArray[np.uint8]
) -> tuple[int, NDArray[np.int64], NDArray[np.uint32]]:
    """Bytes of the table written, the symbols that occur, and their frequencies."""
    histogram = np.zeros(256, np.int64)
    rans.count_bytes(symbols, histogram)
    present = np.flatnonzero(histogram)
    frequencies = np.empty(len(present), np.uint32)
    normalise_into(histogram[present], rans.PAIR_BITS, frequencies)
    used = write_table(present.astype(np.uint32), frequencies, precision, table)
    return used, present, frequencies


def _join(table: bytes, states: NDArray[np.uint64], words: NDArray[np.uint32]) -> bytes:
    return b"".join((table, states.astype(_STATE, copy=False).data, words.astype(_WORD, copy=False).data))


def _in_pairs(table: Table) -> bool:
    return table.bits <= rans.PAIR_BITS and len(table.symbols) <= 256


def _census(flat: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Symbols that occur, how often, and each symbol as its place among them."""
    if int(flat.min()) < 0 or int(flat.max()) >= 2**32:
        raise ValueError(f"symbols from {flat.min()} to {flat.max()}; allowed are 0 to {2**32 - 1}")
    if int(flat.max()) >= _WIDE_SPAN:
        present, indices, counts = np.unique(flat, return_inverse=True, return_counts=True)
        return present, counts, indices
    histogram = np.bincount(flat)
    present = np.flatnonzero(histogram)
    places = np.zeros(len(histogram), np.uint32)
    places[present] = np.arange(len(present), dtype=np.uint32)
    return present, histogram[present], places[flat]
