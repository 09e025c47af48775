"""The tables of a context coder: which fine contexts share one, and its frequencies, in few bytes.

fine contexts ─▶ merged where one table costs less than two ─▶ frequencies as small floats ─▶ bits

A frequency keeps its leading one and `MANTISSA` bits after it, which costs next to nothing in the coded
symbols and halves the tables. Neighbouring symbols of large alphabets share one frequency. The receiver turns
the codes into integers that sum to a power of two by integer arithmetic alone; the sender uses the same
function. The sender's choices rest on integer logarithms, so that any machine makes the same bytes.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled, whole

MANTISSA: Final = 2
EXPONENT_BITS: Final = 4
MOST_CODE: Final = 1 << (EXPONENT_BITS + MANTISSA)  # of a frequency
MAX_TABLES: Final = 32

ZERO: Final = whole(0)
ONE: Final = whole(1)

_LOG_FRACTION = 12
_NO_GAIN = -(2**62)
_LOG = np.array([0] + [round(math.log2(i) * 2**_LOG_FRACTION) for i in range(1, 2048)], np.int64)
_ENTRY_COST = 4 << _LOG_FRACTION  # bits of one frequency in a table, about
_TABLE_COST = 12 << _LOG_FRACTION  # and of a table besides its frequencies
PLAIN_COSTS: Final = (_ENTRY_COST, _TABLE_COST)
FITTED_COSTS: Final = (int(3.25 * _ENTRY_COST / 4), int(2 * _TABLE_COST / 3))  # by `table_bits`


@lru_cache(maxsize=256)
def symbol_groups(bits: int, background: int, shift: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Group of each symbol and size of each group: runs of `2**shift`, the background always alone."""
    symbols = np.arange(2**bits)
    begins = (symbols >> shift << shift) == symbols
    begins[background] = True
    begins[background + 1 : background + 2] = True
    groups = np.cumsum(begins) - 1
    return groups.astype(np.uint8), np.bincount(groups)


@compiled
def log2_fixed(number: int) -> int:
    """log2 in units of 2**-12 bits, from a table of the 11 leading binary places."""
    shift = 0
    while (number >> shift) >= 2048:
        shift += 1
    return _LOG[number >> shift] + (shift << _LOG_FRACTION)


@compiled
def _joint_cost(counts: NDArray[np.int64], one: int, other: int, costs: tuple[int, int]) -> int:
    """Bits, in units of 2**-12, of the occurrences in two contexts with a table of their own, and of the
    table; or of those in one, if both are the same."""
    total, bits, entries = ZERO, ZERO, ZERO
    for group in range(counts.shape[1]):
        count = counts[one, group]
        if other != one:
            count += counts[other, group]
        total += count
        bits -= count * log2_fixed(count)
        entries += 1 if count else 0
    return bits + total * log2_fixed(total) + entries * costs[0] + costs[1]


@compiled
def merge_contexts(
    counts: NDArray[np.int64], most: int, prices: tuple[int, int], table_of: NDArray[np.uint8]
) -> int:
    """Join neighbouring contexts, best gain first, while it saves bits or there are more than `most`.

    `prices` are those of a frequency and of a table. `counts` (context, group), not all zero, end up with the
    sums of each table in its row; `table_of` says which table each context uses, and the number of tables is
    given back.
    """
    contexts, groups = counts.shape
    following, preceding = np.empty(contexts + 1, np.int64), np.empty(contexts + 1, np.int64)
    costs, joined = np.empty(contexts, np.int64), np.empty(contexts, np.int64)
    gains = np.empty(contexts, np.int64)  # of joining with the following
    kept, last = 0, -ONE
    for context in range(contexts):
        gains[context] = _NO_GAIN
        occurrences = 0
        for group in range(groups):
            occurrences += counts[context, group]
        if not occurrences:
            continue
        own = context if kept else 0  # empty ones at the front belong to the first that is not
        if own != context:
            for group in range(groups):
                counts[own, group], counts[context, group] = counts[context, group], 0
        preceding[own] = last  # and others to the one before
        costs[own] = _joint_cost(counts, own, own, prices)
        if last >= 0:
            following[last] = own
            joined[last] = _joint_cost(counts, last, own, prices)
            gains[last] = costs[last] + costs[own] - joined[last]
        last = own
        kept += 1
    following[last] = contexts
    while kept > 1:
        highest = gains[0]
        for context in range(contexts):
            highest = max(highest, gains[context])
        if highest <= 0 and kept <= most:
            break
        best = 0
        while gains[best] != highest:
            best += 1
        gone = following[best]
        for group in range(groups):
            counts[best, group] += counts[gone, group]
        costs[best] = joined[best]
        gains[gone] = _NO_GAIN
        after, before = following[gone], preceding[best]
        following[best] = after
        gains[best] = _NO_GAIN
        if after < contexts:
            preceding[after] = best
            joined[best] = _joint_cost(counts, best, after, prices)
            gains[best] = costs[best] + costs[after] - joined[best]
        if before >= 0:
            joined[before] = _joint_cost(counts, before, best, prices)
            gains[before] = costs[before] + costs[best] - joined[before]
        kept -= 1
    table, context = 0, 0
    while context < contexts:
        for place in range(context, following[context]):
            table_of[place] = table
        for group in range(groups):
            counts[table, group] = counts[context, group]
        table += 1
        context = following[context]
    return table


@compiled
def fill_codes(
    counts: NDArray[np.int64], sizes: NDArray[np.int64], bits: int, codes: NDArray[np.uint8]
) -> None:
    """`codes_of` for every table."""
    for table in range(codes.shape[0]):
        codes_of(counts[table], sizes, bits, codes[table])


@compiled
def fill_frequencies(
    codes: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    groups: NDArray[np.uint8],
    bits: int,
    frequencies: NDArray[np.uint32],
) -> None:
    """`frequencies_of` for every table."""
    for table in range(codes.shape[0]):
        frequencies_of(codes[table], sizes, groups, bits, frequencies[table])


@compiled
def codes_of(
    counts: NDArray[np.int64], sizes: NDArray[np.int64], bits: int, codes: NDArray[np.uint8]
) -> None:
    """A small float for each group: 0 where it does not occur, else 1 + (exponent << MANTISSA | mantissa)."""
    total = ZERO
    for count in counts:
        total += count
    for group in range(len(counts)):
        if not counts[group]:
            codes[group] = 0
            continue
        value = (counts[group] << (bits + MANTISSA)) // (total * sizes[group])
        exponent = 0
        while (value >> exponent) >= 1 << (MANTISSA + 1):
            exponent += 1
        if exponent:  # to the nearest of the two
            value = (value + (1 << (exponent - 1))) >> exponent
        if value == 1 << (MANTISSA + 1):
            value >>= 1
            exponent += 1
        mantissa = max(value - (1 << MANTISSA), 0)
        codes[group] = 1 + ((exponent << MANTISSA) | mantissa)


@compiled
def frequencies_of(
    codes: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    groups: NDArray[np.uint8],
    bits: int,
    frequencies: NDArray[np.uint32],
) -> None:
    """Integers that sum to `2**bits` (at least one for each symbol) from a table's codes, not all zero.

    Proportional, at least 1, and what rounding leaves over goes one by one to the most frequent. A symbol
    that would have all of 2**12 slots gives one to its neighbour, since 12 bits must hold it.
    """
    weights = np.zeros(len(codes), np.int64)
    total = 0
    for group in range(len(codes)):
        if codes[group]:
            code = np.int64(codes[group]) - 1
            weights[group] = ((1 << MANTISSA) + (code & ((1 << MANTISSA) - 1))) << (code >> MANTISSA)
            total += weights[group] * sizes[group]
    left, highest = 1 << bits, 0
    for symbol in range(len(groups)):
        weight = weights[groups[symbol]]
        share = max(((weight << bits) + total // 2) // total, 1) if weight else 0
        frequencies[symbol] = np.uint32(share)
        left -= share
        highest = max(highest, share)
    while left:
        for symbol in range(len(groups)):
            if left and frequencies[symbol] >= max(highest, 2 if left < 0 else 1):
                if left > 0:
                    frequencies[symbol] += np.uint32(1)
                    left -= 1
                else:
                    frequencies[symbol] -= np.uint32(1)
                    left += 1
        highest = highest >> 1
    for symbol in range(len(groups)):
        if bits == 12 and frequencies[symbol] == 4096:
            frequencies[symbol] = np.uint32(4095)
            frequencies[symbol ^ 1] = np.uint32(1)


@compiled
def put_runs(out: NDArray[np.uint8], table_of: NDArray[np.uint8], tables: int) -> int:
    """Number of tables, then the length of each one's run of contexts but the last; number of bits."""
    at = put_gamma(out, ZERO, tables)
    run = ONE
    for context in range(1, len(table_of)):
        if table_of[context] != table_of[context - 1]:
            at = put_gamma(out, at, run)
            run = ZERO
        run += ONE
    return at


@compiled
def get_runs(data: NDArray[np.uint8], table_of: NDArray[np.uint8], most: int) -> tuple[int, int]:
    """Inverse of `put_runs`, at most `most` tables: number of bits read and of tables, or (-1, 0)."""
    at, tables = get_gamma(data, ZERO)
    if at < 0 or tables > most or tables > len(table_of):
        return -1, 0
    context = 0
    for table in range(tables):
        run = len(table_of) - context
        if table < tables - 1:
            at, run = get_gamma(data, at)
        if at < 0 or run > len(table_of) - context - (tables - 1 - table):
            return -1, 0
        table_of[context : context + run] = table
        context += run
    return at, tables


@compiled
def write_model(
    table_of: NDArray[np.uint8], codes: NDArray[np.uint8], group_bits: int, out: NDArray[np.uint8]
) -> int:
    """Length of each table's run of contexts, then each table's codes; gives back the number of bits.

    The buffer holds zeros, and must be large enough: 32 bits for each table and 24 for each code do.
    """
    at = put_runs(out, table_of, codes.shape[0])
    for table in range(codes.shape[0]):
        row = codes[table]
        first, last, holes = 0, len(row) - 1, False
        while not row[first]:
            first += 1
        while not row[last]:
            last -= 1
        for group in range(first, last):
            holes = holes or not row[group]
        at = put_bits(out, at, first, group_bits)
        at = put_bits(out, at, last - first, group_bits)
        at = put_bits(out, at, 1 if holes else 0, ONE)
        predicted = (np.int64(row[first]) - 1) >> MANTISSA
        at = put_bits(out, at, predicted, EXPONENT_BITS)
        for group in range(first, last + 1):
            if holes and first < group < last:
                at = put_bits(out, at, 1 if row[group] else 0, ONE)
            if not row[group]:
                continue
            code = np.int64(row[group]) - 1
            exponent = code >> MANTISSA
            if group > first:
                step = exponent - predicted
                at = put_unary(out, at, -2 * step - 1 if step < 0 else 2 * step)
            at = put_bits(out, at, code & ((1 << MANTISSA) - 1), MANTISSA)
            predicted = exponent
    return at


@compiled
def read_model(
    data: NDArray[np.uint8], group_bits: int, table_of: NDArray[np.uint8], codes: NDArray[np.uint8]
) -> tuple[int, int]:
    """Inverse of `write_model`: number of bits read and of tables; (-1, 0) for bits that mean nothing."""
    at, tables = get_runs(data, table_of, codes.shape[0])
    if at < 0:
        return -1, 0
    top = (1 << EXPONENT_BITS) - 1
    for table in range(tables):
        row = codes[table]
        row[:] = 0
        at, first = get_bits(data, at, group_bits)
        at, span = get_bits(data, at, group_bits)
        at, holes = get_bits(data, at, ONE)
        at, predicted = get_bits(data, at, EXPONENT_BITS)
        if at < 0 or first + span >= len(row):
            return -1, 0
        for group in range(first, first + span + 1):
            if holes and first < group < first + span:
                at, present = get_bits(data, at, ONE)
                if not present:
                    continue
            if group > first:
                at, step = get_unary(data, at)
                predicted += -(step + 1) // 2 if step & 1 else step // 2
            at, mantissa = get_bits(data, at, MANTISSA)
            if at < 0 or predicted < 0 or predicted > top:
                return -1, 0
            row[group] = np.uint8(1 + ((predicted << MANTISSA) | mantissa))
    return at, tables


@compiled
def put_bits(out: NDArray[np.uint8], at: int, value: int | np.int64, bits: int) -> int:
    for bit in range(bits):
        out[at >> 3] |= np.uint8(((value >> bit) & 1) << (at & 7))
        at += 1
    return at


@compiled
def put_unary(out: NDArray[np.uint8], at: int, value: Any) -> int:
    at += value
    out[at >> 3] |= np.uint8(1 << (at & 7))
    return at + 1


@compiled
def put_gamma(out: NDArray[np.uint8], at: int, value: int) -> int:
    length = 0
    while value >> (length + 1):
        length += 1
    at = put_unary(out, at, length)
    return put_bits(out, at, value - (1 << length), length)


@compiled
def get_bits(data: NDArray[np.uint8], at: int, bits: int) -> tuple[int, Any]:
    if at < 0 or at + bits > 8 * len(data):
        return -1, 0
    value: Any = 0
    for bit in range(bits):
        value |= ((np.int64(data[at >> 3]) >> (at & 7)) & 1) << bit
        at += 1
    return at, value


@compiled
def get_unary(data: NDArray[np.uint8], at: int) -> tuple[int, int]:
    value = 0
    while 0 <= at < 8 * len(data):
        if (data[at >> 3] >> (at & 7)) & 1:
            return at + 1, value
        value += 1
        at += 1
    return -1, 0


@compiled
def get_gamma(data: NDArray[np.uint8], at: int) -> tuple[int, int]:
    at, length = get_unary(data, at)
    if at < 0 or length > 20:
        return -1, 1
    at, rest = get_bits(data, at, length)
    return at, rest + (1 << length)
