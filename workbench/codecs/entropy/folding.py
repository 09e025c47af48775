"""Exact cost of modified CSR at many reshapes at once, by folding counts instead of counting anew.

    row counts      r for p·K columns = sums of p neighbours of r for K
    column counts   c for K = c for p·K folded, since (j mod p·K) mod K = j mod K
    values          the same for every K

Costs are l_D · H in bits, with D, l_D and H as in `workbench.codecs.reshape`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import rans
from workbench.codecs.entropy.compiled import compiled


def costs_at(symbols: NDArray[Any], background: int, columns: Sequence[int]) -> NDArray[np.float64]:
    """l_D · H in bits at each K of `columns`, all of them divisors of the number of symbols (uint8)."""
    flat = np.ascontiguousarray(symbols).reshape(-1)
    order = np.argsort(np.array(columns, np.int64), kind="stable")
    ascending = np.array(columns, np.int64)[order]
    mask = (flat != background).view(np.uint8)
    values = np.zeros(256, np.int64)
    rans.count_bytes(flat, values)
    values[background] = 0
    costs = np.empty(len(columns), np.float64)
    found = np.empty(len(columns), np.float64)
    _fold(mask, values, ascending, found)
    costs[order] = found
    return costs


@compiled
def _fold(
    mask: NDArray[np.uint8], values: NDArray[np.int64], columns: NDArray[np.int64], costs: NDArray[np.float64]
) -> None:
    count, number = len(mask), len(columns)
    row_at, column_at = np.zeros(number + 1, np.int64), np.zeros(number + 1, np.int64)
    for index in range(number):
        row_at[index + 1] = row_at[index] + count // columns[index]
        column_at[index + 1] = column_at[index] + columns[index]
    rows = np.empty(row_at[number], np.uint32)
    sums = np.zeros(column_at[number], np.uint32)
    for index in range(number):
        if columns[index] > 1:  # rows of one column are the mask itself
            _sum_rows(mask, columns, index, row_at, rows)
    for index in range(number - 1, -1, -1):
        _fold_columns(mask, columns, index, column_at, sums)
    widest = max(columns[number - 1] + 1, len(values))
    histogram = np.zeros(widest, np.int64)
    for index in range(number):
        top = max(columns[index] + 1, len(values))
        histogram[:top] = 0
        histogram[: len(values)] = values
        for column in range(columns[index]):
            histogram[column] += sums[column_at[index] + column]
        if columns[index] > 1:
            _count_rows(rows, row_at[index], row_at[index + 1], histogram)
        else:
            histogram[1] += values.sum()
            histogram[0] += count - values.sum()
        total, bits = 0, 0.0
        for occurrences in histogram[:top]:
            if occurrences:
                total += occurrences
                bits -= occurrences * np.log2(np.float64(occurrences))
        costs[index] = bits + total * np.log2(np.float64(max(total, 1)))


@compiled
def _sum_rows(
    mask: NDArray[np.uint8],
    columns: NDArray[np.int64],
    index: int,
    row_at: NDArray[np.int64],
    rows: NDArray[np.uint32],
) -> None:
    """Row counts for one K from those of its largest divisor among the columns before it."""
    parent = index - 1
    while parent >= 0 and columns[index] % columns[parent]:
        parent -= 1
    if parent >= 0 and columns[parent] == 1:
        parent = -1
    length = np.uint64(row_at[index + 1] - row_at[index])
    target, place = np.uint64(row_at[index]), np.uint64(0)
    if parent < 0:
        width = np.uint64(columns[index])
        while place < length:
            total, column = np.uint32(0), np.uint64(0)
            while column < width:
                total += np.uint32(mask[place * width + column])
                column += np.uint64(1)
            rows[target + place] = total
            place += np.uint64(1)
        return
    source, factor = np.uint64(row_at[parent]), np.uint64(columns[index] // columns[parent])
    if factor == np.uint64(2):
        while place < length:
            at = source + (place << np.uint64(1))
            rows[target + place] = rows[at] + rows[at + np.uint64(1)]
            place += np.uint64(1)
        return
    while place < length:
        total, step = np.uint32(0), np.uint64(0)
        while step < factor:
            total += rows[source + place * factor + step]
            step += np.uint64(1)
        rows[target + place] = total
        place += np.uint64(1)


@compiled
def _fold_columns(
    mask: NDArray[np.uint8],
    columns: NDArray[np.int64],
    index: int,
    column_at: NDArray[np.int64],
    sums: NDArray[np.uint32],
) -> None:
    """Column counts for one K from those of its smallest multiple among the columns after it."""
    width = np.uint64(columns[index])
    target, column = np.uint64(column_at[index]), np.uint64(0)
    parent = index + 1
    while parent < len(columns) and columns[parent] % columns[index]:
        parent += 1
    if parent < len(columns):
        place, end = np.uint64(column_at[parent]), np.uint64(column_at[parent + 1])
        while place < end:
            column = np.uint64(0)
            while column < width:
                sums[target + column] += sums[place + column]
                column += np.uint64(1)
            place += width
        return
    place, end = np.uint64(0), np.uint64(len(mask))
    while place < end:
        column = np.uint64(0)
        while column < width:
            sums[target + column] += np.uint32(mask[place + column])
            column += np.uint64(1)
        place += width


@compiled
def _count_rows(rows: NDArray[np.uint32], begin: int, end: int, histogram: NDArray[np.int64]) -> None:
    """Add up how often each row count occurs; two counters, since equal counts often follow each other."""
    twin = np.zeros(len(histogram), np.int64) if end - begin > len(histogram) else histogram
    place = np.uint64(begin)
    while place + np.uint64(1) < np.uint64(end):
        histogram[np.uint64(rows[place])] += 1
        twin[np.uint64(rows[place + np.uint64(1)])] += 1
        place += np.uint64(2)
    if place < np.uint64(end):
        histogram[np.uint64(rows[place])] += 1
    if end - begin > len(histogram):
        histogram += twin
