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
    in_eight_lanes,
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
_OUT_OF_RANGE: Final = "the payload is damaged: a state of its coder is out of range"
_FRONT: Final = 4 * (MOST_TABLE_BYTES // 4 + 17)  # room for the longest table and all states
_BYTE, _EIGHT = np.uint64(0xFF), np.uint64(8)
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
    if len(table.symbols) == 1:
        return np.full(count, table.symbols[0], np.uint32)
    if not (stream.eight or _in_pairs(table)):
        wide = np.empty(count, np.uint32)
        states, words = _states(data, stream), _words(data, stream)
        _ended(rans.decode_single(wide, table.frequencies, table.starts, table.bits, states, words))
        return table.symbols[wide]
    are_bytes = table.symbols[-1] < 256
    places = table.symbols if are_bytes else np.arange(len(table.symbols), dtype=np.uint32)
    indices = np.empty(count, np.uint8)
    if stream.eight:
        raw = np.frombuffer(data, np.uint8, -1, stream.states)
        raw.flags.writeable = False  # compiled for such alone, whatever the bytes are in
        _ended(eight_lanes.decode_stream(indices, table.frequencies, places, raw))
    else:
        slots = np.empty(1 << table.bits, np.uint32)
        rans.fill_slots(table.frequencies, places, slots)
        states, words = _states(data, stream), _words(data, stream)
        _ended(rans.decode_pairs(indices, slots, table.bits, states, words))
    return indices if are_bytes else table.symbols[indices]


def anatomy(data: memoryview, count: int) -> tuple[Part, ...]:
    """What the bytes are made of."""
    if not count:
        return ()
    table, states, words, eight = _take_apart(data, count)
    parts = [Part("table", states, f"{len(table.symbols)} symbols, {table.bits} bits of precision")]
    if words > states:
        lanes, width, each = ("eight", 48, 24) if eight else ("four", 64, 32)
        parts.append(Part("lane states", words - states, f"{lanes} rANS states of {width} bits"))
        parts.append(Part("words", len(data) - words, f"{count} symbols in rANS words of {each} bits"))
    return tuple(parts)


def shannon_bytes(symbols: NDArray[Any]) -> float:
    """Order-0 entropy of all symbols together, in bytes: the bound of any coder without context."""
    if not symbols.size:
        return 0.0
    _, counts, _ = _census(np.ravel(symbols))
    share = counts / symbols.size
    return float(-(counts * np.log2(share)).sum() / 8)


class _Stream(NamedTuple):
    """The table, where states and words begin (the same where only one symbol occurs), and how many lanes."""

    table: Table
    states: int
    words: int
    eight: bool


def _take_apart(data: memoryview, count: int) -> _Stream:
    table, states = read_table(data, count)
    eight = in_eight_lanes(data)
    if len(table.symbols) == 1:
        if len(data) != states:
            raise PayloadError(f"the payload is damaged: {len(data) - states} bytes after its only symbol")
        return _Stream(table, states, states, eight)
    if eight and len(table.symbols) > 256:
        raise PayloadError(f"the payload is damaged: {len(table.symbols)} symbols in a stream of bytes")
    words = states + (eight_lanes.STATES_BYTES if eight else _STATE.itemsize * rans.LANES)
    if len(data) < words or (len(data) - words) % (eight_lanes.WORD_BYTES if eight else _WORD.itemsize):
        raise PayloadError("the payload is damaged: its coded symbols are cut short")
    return _Stream(table, states, words, eight)


def _states(data: memoryview, stream: _Stream) -> NDArray[np.uint64]:
    """Of four lanes."""
    states = np.frombuffer(data, _STATE, rans.LANES, stream.states).astype(np.uint64)
    if not rans.in_range(states):
        raise PayloadError(_OUT_OF_RANGE)
    return states


def _words(data: memoryview, stream: _Stream) -> NDArray[np.uint32]:
    """Of four lanes."""
    return np.frombuffer(data, _WORD, -1, stream.words).astype(np.uint32)


def _ended(how: int) -> None:
    """`how` a decoder ended: 1 as it should, 0 not so, -1 where it could not begin."""
    if how < 0:
        raise PayloadError(_OUT_OF_RANGE)
    if not how:
        raise PayloadError("the payload is damaged: its coded symbols do not end where they should")


def _encode_bytes(symbols: NDArray[np.uint8]) -> bytes:
    """As `encode` for bytes, in one compiled call; a small buffer first, which stays in the cache."""
    return _encode_long(symbols) if symbols.size >= EIGHT_LANES_FROM else _encode_short(symbols)


def _encode_short(symbols: NDArray[np.uint8]) -> bytes:
    for words in (symbols.size // 8 + 64, symbols.size // 2 + 5):
        out = borrow("stream", _FRONT + 4 * words, np.uint8)
        begin = _push_short(symbols, out)
        if begin >= 0:
            break
    return out[begin:].tobytes()


def _encode_long(symbols: NDArray[np.uint8]) -> bytes:
    room = eight_lanes.GROUP_BYTES + eight_lanes.SPARE
    for words in (symbols.size // 2, eight_lanes.WORD_BYTES * symbols.size // 2 + room):
        out = borrow("stream", _FRONT + words, np.uint8)
        begin = _push_long(symbols, out)
        if begin >= 0:
            break
    return out[begin:].tobytes()


@compiled
def _push_short(symbols: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """Fill the end of a buffer with the whole stream, and give back where it begins; -1 if it does not fit.

    The first `_FRONT` bytes, a multiple of 4, are for what stands before the words.
    """
    used, present, frequencies = _tabulate(symbols, rans.PAIR_BITS, out)
    if len(present) == 1:
        return _put_table(out, used, len(out))
    states = np.full(rans.LANES, rans.LOWEST, np.uint64)
    steps = np.empty(4 * 256, np.uint64)
    halves = steps.view(np.uint32)
    rans.fill_steps(frequencies, rans.PAIR_BITS, present, steps, halves)
    words = out[_FRONT:].view(np.uint32)
    first = rans.encode_pairs(symbols, steps, halves, rans.PAIR_BITS, states, words)
    if first < 0:
        return -1
    return _put_table(out, used, _put_states(out, states, 8, _FRONT + 4 * first))


@compiled
def _push_long(symbols: NDArray[np.uint8], out: NDArray[np.uint8]) -> int:
    """As `_push_short` for eight lanes."""
    used, present, frequencies = _tabulate(symbols, EIGHT_LANES, out)
    if len(present) == 1:
        return _put_table(out, used, len(out))
    states = np.full(eight_lanes.LANES, eight_lanes.LOWEST)
    rows = np.empty(4 * 256, np.float64)
    eight_lanes.fill_rows(frequencies, present, rows)
    first = eight_lanes.encode(symbols, rows, states, out[_FRONT:])
    if first < 0:
        return -1
    return _put_table(out, used, _put_states(out, states, eight_lanes.STATE_BYTES, _FRONT + first))


@compiled
def _put_states(out: NDArray[np.uint8], states: NDArray[Any], size: int, end: int) -> int:
    """States of `size` bytes each, little endian, up to `end`; gives back where they begin."""
    begin = end - size * len(states)
    for lane in range(len(states)):
        rest = np.uint64(states[lane])
        for byte in range(size):
            out[begin + size * lane + byte] = np.uint8(rest & _BYTE)
            rest >>= _EIGHT
    return begin


@compiled
def _put_table(out: NDArray[np.uint8], used: int, end: int) -> int:
    """Move the `used` bytes of the table from the front of the buffer up to `end`."""
    for byte in range(used - 1, -1, -1):
        out[end - used + byte] = out[byte]
    return end - used


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
