"""Probability tables: integers that sum to a power of two, and their compact form on the wire.

Only the sender looks at a histogram; the receiver reads exactly the integers that were used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import bitstream, eight_lanes
from workbench.codecs.entropy.compiled import compiled
from workbench.errors import PayloadError

MAX_TABLE_BITS: Final = 28
EIGHT_LANES: Final = 31  # where a precision stands: 12 bits, and what follows is of `eight_lanes`
MOST_TABLE_BYTES: Final = 17 * 256 + 8  # of a table of bytes


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The symbols that occur, ascending, and the frequency of each; frequencies sum to `2**bits`."""

    symbols: NDArray[np.uint32]
    frequencies: NDArray[np.uint32]
    bits: int

    @property
    def starts(self) -> NDArray[np.uint32]:
        """First slot of each symbol."""
        return (np.cumsum(self.frequencies, dtype=np.uint32) - self.frequencies).astype(np.uint32)

    def to_bytes(self) -> bytes:
        """Precision and order (5 and 3 bits), number of symbols, then gap and frequency of each in turn.

        Gaps are in Elias gamma code, frequencies in the Exp-Golomb code of the order that is shortest.
        """
        out = np.empty(17 * len(self.symbols) + 8, np.uint8)
        return out[: write_table(self.symbols, self.frequencies, self.bits, out)].tobytes()


@compiled
def write_table(
    symbols: NDArray[np.uint32], frequencies: NDArray[np.uint32], bits: int, out: NDArray[np.uint8]
) -> int:
    """As `Table.to_bytes` into a buffer of 17 bytes a symbol and 8 more; gives back the bytes.

    The last frequency is what is left, and does not travel.
    """
    order, at, rest = _shortest_order(frequencies), 1, len(symbols)
    out[: 17 * len(symbols) + 8] = 0
    out[0] = np.uint8(bits | order << 5)
    while rest >= 0x80:
        out[at] = np.uint8(rest & 0x7F | 0x80)
        rest >>= 7
        at += 1
    out[at] = np.uint8(rest)
    values = np.empty(2 * len(symbols) - 1, np.uint64)
    before = np.int64(-1)
    for index in range(len(symbols)):
        values[2 * index] = np.uint64(np.int64(symbols[index]) - before)
        before = np.int64(symbols[index])
        if index + 1 < len(symbols):
            values[2 * index + 1] = np.uint64(frequencies[index])
    return at + 1 + (bitstream.put_golomb(values, 0, order, out[at + 1 :]) + 7) // 8


@compiled
def _shortest_order(frequencies: NDArray[np.uint32]) -> int:
    """The order of Exp-Golomb code, 0 to 7, that takes the fewest bits for all but the last."""
    best, fewest = 0, np.int64(0)
    for order in range(8):
        bits = np.int64(0)
        for frequency in frequencies[:-1]:
            rest = ((np.int64(frequency) - 1) >> order) + 1
            bits += 1 + order
            while rest > 1:
                rest >>= 1
                bits += 2
        if order == 0 or bits < fewest:
            best, fewest = order, bits
    return best


def table_nbytes(symbols: NDArray[np.integer], frequencies: NDArray[np.integer]) -> int:
    """Length of `Table.to_bytes()` without building it."""
    gaps = np.asarray(np.diff(symbols.astype(np.int64), prepend=-1), np.int64)
    order = _shortest_order(frequencies.astype(np.uint32))
    bits = bitstream.golomb_bits(gaps) + bitstream.golomb_bits(frequencies[:-1], order)
    return 1 + len(bitstream.varint(len(gaps))) + (bits + 7) // 8


def choose_bits(distinct: int) -> int:
    """Precision for an alphabet: 12 bits while it has at most 256 symbols, else two more than it needs."""
    return max(12, (max(distinct, 1) - 1).bit_length() + 2 if distinct > 256 else 0)


def make_table(symbols: NDArray[np.integer], counts: NDArray[np.integer], bits: int | None = None) -> Table:
    """The table for symbols that occur `counts` times (each at least once)."""
    precision = choose_bits(len(symbols)) if bits is None else bits
    return Table(symbols.astype(np.uint32), normalise(counts, precision), precision)


def normalise(counts: NDArray[np.integer], bits: int) -> NDArray[np.uint32]:
    """Frequencies of at least 1 that sum to `2**bits` and cost about the fewest bits for these counts.

    Rounds in proportion, then moves units to where they save most: the loss of taking one from frequency f
    of a symbol that occurs c times is about c / (f - 1/2).

    Raises
    ------
    ValueError : more symbols than slots, or a count below 1.
    """
    occurrences = np.asarray(counts, np.int64)
    target = 1 << bits
    if not len(occurrences) or len(occurrences) > target or occurrences.min() < 1:
        raise ValueError(f"{len(occurrences)} counts, the smallest below 1 or too many for 2**{bits} slots")
    frequencies = np.empty(len(occurrences), np.uint32)
    normalise_into(occurrences, bits, frequencies)
    return frequencies


@compiled
def normalise_into(occurrences: NDArray[np.int64], bits: int, frequencies: NDArray[np.uint32]) -> None:
    """Half of what is too much or too little at a time, so that a few rounds do."""
    count = len(occurrences)
    total = occurrences.sum()
    target = float(1 << bits)
    rounded, loss = np.empty(count, np.int64), np.empty(count, np.float64)
    for index in range(count):
        share = np.int64(np.float64(occurrences[index]) * target / total + 0.5)
        rounded[index] = share if share > 1 else 1
    excess = rounded.sum() - (1 << bits)
    while excess != 0:
        movable = 0
        for index in range(count):
            if excess < 0:
                loss[index] = -occurrences[index] / (rounded[index] + 0.5)
                movable += 1
            elif rounded[index] > 1:
                loss[index] = occurrences[index] / (rounded[index] - 0.5)
                movable += 1
            else:
                loss[index] = np.inf
        cheapest = np.argsort(loss, kind="mergesort")  # stable: the same order on any machine
        for place in range(max(1, min(abs(excess), movable) // 2)):
            rounded[cheapest[place]] += 1 if excess < 0 else -1
        excess = rounded.sum() - (1 << bits)
    for index in range(count):
        frequencies[index] = np.uint32(rounded[index])


def read_table(data: memoryview, most_symbols: int) -> tuple[Table, int]:
    """A table and the number of bytes it took.

    Raises
    ------
    PayloadError : cut short, more than `most_symbols` symbols, or frequencies that do not add up.
    """
    if len(data) < 2:
        raise PayloadError("the payload is damaged: its probability table is missing")
    bits, order = eight_lanes.BITS if in_eight_lanes(data) else data[0] & 31, data[0] >> 5
    distinct, offset = bitstream.read_varint(data, 1)
    if not 1 <= bits <= MAX_TABLE_BITS or not 1 <= distinct <= min(most_symbols, 1 << bits):
        raise PayloadError(f"the payload is damaged: a table of {distinct} symbols and 2**{bits} slots")
    symbols, frequencies = np.empty(distinct, np.uint32), np.empty(distinct, np.uint32)
    raw = np.frombuffer(data, np.uint8)
    used = -1
    if 2 * distinct - 1 <= 8 * (len(data) - offset):
        used = _fill_table(raw, offset, bits, order, symbols, frequencies)
    if used < 0:
        raise PayloadError("the payload is damaged: its table is cut short, or its frequencies do not add up")
    return Table(symbols, frequencies, bits), used


def in_eight_lanes(data: memoryview) -> bool:
    """Whether what follows the table at the front of these bytes is of `eight_lanes`."""
    return data[0] & 31 == EIGHT_LANES


@compiled
def _fill_table(
    raw: NDArray[np.uint8],
    offset: int,
    bits: int,
    order: int,
    symbols: NDArray[np.uint32],
    frequencies: NDArray[np.uint32],
) -> int:
    """Read symbols and frequencies; gives back where the table ends, or -1."""
    values = np.empty(2 * len(symbols) - 1, np.uint64)
    used_bits = bitstream.get_golomb(raw[offset:], 0, order, values)
    if used_bits < 0:
        return -1
    symbol, left = np.int64(-1), np.int64(1) << bits
    for index in range(len(symbols)):
        symbol += np.int64(values[2 * index])
        share = left
        if index + 1 < len(symbols):
            share = np.int64(values[2 * index + 1])
        left -= share
        if symbol >= 1 << 32 or left < 0 or share < 1:
            return -1
        symbols[index] = np.uint32(symbol)
        frequencies[index] = np.uint32(share)
    return offset + (used_bits + 7) // 8
