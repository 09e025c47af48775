"""The tables of a fitted walk in few bits: each number as what it differs from what the table before says.

codes ─▶ predicted from the table before and the symbol before ─▶ kept or moved there ─▶ Rice code of the rest

Tables of neighbouring contexts are alike. A rare symbol's number may be a little wrong where that saves more
bits here than it costs in the words (rate-distortion optimisation, in integers of 2**-8 bits).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled, whole
from workbench.codecs.entropy.context_model import (
    EXPONENT_BITS,
    MANTISSA,
    ONE,
    get_bits,
    get_runs,
    get_unary,
    put_bits,
    put_runs,
    put_unary,
)

NUMBER_BYTES: Final = 24  # room that one number may need
_TOP: Final = (1 << (EXPONENT_BITS + MANTISSA)) - 1
_ESCAPE, _MOST_ZEROS = whole(6), whole(20)  # bits of a difference that Rice's code would make too long
_FRACTION = 8
_FAR = 24
# what 2**(d / 4) times its frequency costs each occurrence of a symbol: log2(e) (2**(d / 4) - 1) - d / 4 bits
_LOSS = np.array(
    [round(2**_FRACTION * ((2 ** (d / 4) - 1) / np.log(2) - d / 4)) for d in range(-_FAR, _FAR + 1)], np.int64
)


@compiled
def write_tables(
    table_of: NDArray[np.uint8],
    counts: NDArray[np.int64],
    codes: NDArray[np.uint8],
    group_bits: int,
    out: NDArray[np.uint8],
) -> int:
    """The runs of contexts, then each table; gives back the number of bits.

    Moves `codes` where that is cheaper. The buffer holds zeros: `NUMBER_BYTES` for each code and for each
    table, and 64 more.
    """
    at = put_runs(out, table_of, codes.shape[0])
    sizes = _fresh()
    for table in range(codes.shape[0]):
        row, above = codes[table], codes[max(table - 1, 0)]
        first, last = _ends(row)
        if table:
            old_first, old_last = _ends(above)
            at = put_unary(out, at, _fold(first - old_first))
            at = put_unary(out, at, _fold(last - old_last))
        else:
            at = put_bits(out, at, first, group_bits)
            at = put_bits(out, at, last, group_bits)
        holes = False
        for group in range(first, last):
            holes = holes or not row[group]
        at = put_bits(out, at, 1 if holes else 0, ONE)
        for group in range(first, last + 1):
            if holes and first < group < last:
                at = put_bits(out, at, 1 if row[group] else 0, ONE)
            if not row[group]:
                continue
            kind, predicted = _predict(row, above, group, first, table)
            shift = _shift(sizes, kind)
            wanted: Any = np.int64(row[group]) - 1
            best, least = wanted, np.int64(-1)
            for value in range(min(predicted, wanted), max(predicted, wanted) + 1):
                moved = min(max(value - wanted, -_FAR), _FAR)
                cost = counts[table, group] * _LOSS[moved + _FAR]
                cost += _length(_fold(value - predicted), shift) << _FRACTION
                if least < 0 or cost < least:
                    best, least = value, cost
            row[group] = np.uint8(best + 1)
            folded = _fold(best - predicted)
            if folded >> shift < _MOST_ZEROS:
                at = put_unary(out, at, folded >> shift)
                at = put_bits(out, at, folded & ((1 << shift) - 1), shift)
            else:
                at = put_unary(out, at, _MOST_ZEROS)
                at = put_bits(out, at, folded, _ESCAPE + 1)
            _learn(sizes, kind, folded)
    return at


@compiled
def read_tables(
    data: NDArray[np.uint8], group_bits: int, table_of: NDArray[np.uint8], codes: NDArray[np.uint8]
) -> tuple[int, int]:
    """Inverse of `write_tables`: number of bits read and of tables; (-1, 0) for bits that mean nothing."""
    at, tables = get_runs(data, table_of, codes.shape[0])
    if at < 0:
        return -1, 0
    sizes = _fresh()
    for table in range(tables):
        row, above = codes[table], codes[max(table - 1, 0)]
        row[:] = 0
        if table:
            first, last = _ends(above)
            at, folded = get_unary(data, at)
            first += _unfold(folded)
            at, folded = get_unary(data, at)
            last += _unfold(folded)
        else:
            at, first = get_bits(data, at, group_bits)
            at, last = get_bits(data, at, group_bits)
        at, holes = get_bits(data, at, ONE)
        if at < 0 or not 0 <= first <= last < len(row):
            return -1, 0
        for group in range(first, last + 1):
            if holes and first < group < last:
                at, present = get_bits(data, at, ONE)
                if not present:
                    continue
            kind, predicted = _predict(row, above, group, first, table)
            shift = _shift(sizes, kind)
            at, folded = get_unary(data, at)
            if folded > _MOST_ZEROS:
                return -1, 0
            if folded == _MOST_ZEROS:
                at, folded = get_bits(data, at, _ESCAPE + 1)
            else:
                at, rest = get_bits(data, at, shift)
                folded = folded << shift | rest
            value = predicted + _unfold(folded)
            if at < 0 or not 0 <= value <= _TOP:
                return -1, 0
            row[group] = np.uint8(value + 1)
            _learn(sizes, kind, folded)
    return at, tables


@compiled
def _ends(row: NDArray[np.uint8]) -> tuple[int, int]:
    """The first and the last group of a table that occur."""
    first, last = 0, len(row) - 1
    while not row[first]:
        first += 1
    while not row[last]:
        last -= 1
    return first, last


@compiled
def _predict(
    row: NDArray[np.uint8], above: NDArray[np.uint8], group: int, first: int, table: int
) -> tuple[int, Any]:
    """What kind of prediction there is for a number, and the prediction."""
    left = np.int64(row[group - 1]) - 1 if group > first else -1
    if table and above[group]:
        own = np.int64(above[group]) - 1
        if left < 0 or not above[group - 1]:
            return 0, own
        sideways = own + left - (np.int64(above[group - 1]) - 1)
        return 1, min(max((own + 3 * sideways + 2) >> 2, 0), _TOP)
    if left >= 0:
        return 2, max(left - 6, 0)
    return 3, 20


@compiled
def _fresh() -> NDArray[np.int64]:
    """Sum of the differences of each kind so far, and how many, as if some had been seen."""
    sizes = np.empty((4, 2), np.int64)
    sizes[:, 0] = 12
    sizes[:, 1] = 2
    return sizes


@compiled
def _shift(sizes: NDArray[np.int64], kind: int) -> int:
    """Bits of a difference that are sent as they are: log2 of the mean, less one half or so."""
    shift = 0
    while (sizes[kind, 1] << (shift + 1)) <= sizes[kind, 0]:
        shift += 1
    return shift


@compiled
def _learn(sizes: NDArray[np.int64], kind: int, folded: int) -> None:
    sizes[kind, 0] += folded
    sizes[kind, 1] += 1
    if sizes[kind, 1] >= 64:
        sizes[kind, 0] >>= 1
        sizes[kind, 1] >>= 1


@compiled
def _length(folded: int, shift: int) -> int:
    zeros = folded >> shift
    return zeros + 1 + shift if zeros < _MOST_ZEROS else _MOST_ZEROS + 2 + _ESCAPE


@compiled
def _fold(difference: int) -> int:
    return -2 * difference - 1 if difference < 0 else 2 * difference


@compiled
def _unfold(folded: int) -> int:
    return -((folded + 1) >> 1) if folded & 1 else folded >> 1
