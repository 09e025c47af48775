"""Finding what `calibrated` keeps, from sample maps of a layer.

samples ─▶ sums of products of neighbours, channel by channel ─▶ a least-squares filter for each channel
        ─▶ fine contexts, counted ─▶ at most 64 tables, each used by the contexts whose counts it codes best

All sums are integers, and equations are solved by single operations on doubles in a fixed order: any machine
finds the same model from the same symbols.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import context_model, contexts
from workbench.codecs.entropy.calibrated import Calibrated, filters_of
from workbench.codecs.entropy.compiled import compiled
from workbench.codecs.entropy.context_model import ONE, ZERO, log2_fixed
from workbench.codecs.entropy.fitting import Model, grouped, precision_of
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.entropy.walks import FACTORS, Factors, calibrated_walk, parts_of, reach_of

MOST_FILTERS: Final = 254  # besides that of all channels; a byte says how many there are
MOST_TABLES: Final = 64

_START = np.array((10, 9, 2, -2, -1, -2)) / 16  # what a filter is where nothing is known
_SHARED = 200.0  # places for which what is usual counts in the equations of each channel
_ROUNDS = 12  # of sharing filters, or tables, among those they fit best
_SEEN = 16  # times that a symbol counts which occurs once, where one that never does counts once


def find(samples: Sequence[tuple[NDArray[np.uint8], Grid]], arrangement: tuple[int, int]) -> Calibrated:
    """The model for maps like these: rows of symbols and how they are walked, of one number of bits and one
    background, not empty; filters are fitted to those of the number of channels that most of them have."""
    numbers = Counter(own.channels for _, own in samples)
    channels = max(numbers, key=lambda number: (numbers[number], number))
    grid = next(own for _, own in samples if own.channels == channels)
    bits, background = grid.bits, grid.background
    deep = grid.plane > 2  # else no symbol has all its neighbours
    products = np.zeros((channels if deep else 1, FACTORS + 1, FACTORS + 1), np.int64)
    places = 0
    for rows, own in samples:
        if deep and own.channels == channels:
            add_products(rows, own.plane, own.background, products)
            places += own.plane * own.width
    factors, chosen = _filters(products, places, bits)
    walk = calibrated_walk(bits, background, factors)
    histogram = np.zeros((walk.fine, 1 << bits), np.int64)
    for rows, own in samples:
        histogram += contexts.contexts_of(rows, own._replace(own=walk), filters_of(chosen, own))[1]
    return Calibrated(bits, background, arrangement, walk, chosen, _model(histogram, bits, background))


@compiled
def add_products(
    symbols: NDArray[np.uint8], plane: int, background: int, products: NDArray[np.int64]
) -> None:
    """Add to `products` (channel, 7, 7) those of L, U, UR, UL, LL, UU and X, less the background, of all
    places of a map (rows, width) that have these neighbours, on and above the diagonal."""
    rows, width = symbols.shape
    around = np.empty(7, np.int64)
    for row in range(rows):
        if row % plane < 2:
            continue
        own = products[row // plane]
        for column in range(2, width - 1):
            around[0], around[4] = symbols[row, column - 1], symbols[row, column - 2]
            around[1], around[2] = symbols[row - 1, column], symbols[row - 1, column + 1]
            around[3], around[5] = symbols[row - 1, column - 1], symbols[row - 2, column]
            around[6] = symbols[row, column]
            for one in range(7):
                around[one] -= background
            for one in range(7):
                for other in range(one, 7):
                    own[one, other] += around[one] * around[other]


def _filters(products: NDArray[np.int64], places: int, bits: int) -> tuple[Factors, NDArray[np.uint8]]:
    """Factors of the filter of all channels, then of the others; and which of them each channel uses. The
    products are sums over so many places of each channel."""
    products = products + np.triu(products, 1).transpose(0, 2, 1)
    common = _solve(products.sum(axis=0, keepdims=True).astype(np.float64), bits)
    usual = (products / _energy(products)).sum(axis=0) / len(products)
    if not places:
        return _as_factors(common, common[:0]), np.empty(0, np.uint8)
    own = _solve(_beside(products, usual, places), bits)
    if len(own) <= MOST_FILTERS:
        return _as_factors(common, own), np.arange(1, len(own) + 1, dtype=np.uint8)
    order = np.lexsort(own.T[::-1])
    own = own[order[np.arange(MOST_FILTERS) * len(own) // MOST_FILTERS]]
    chosen = _nearest(products, own, parts_of(bits))
    for _ in range(_ROUNDS):
        shared = np.zeros((len(own), *products.shape[1:]), np.int64)
        np.add.at(shared, chosen, products)
        own = _solve(_beside(shared, usual, places), bits)
        before, chosen = chosen, _nearest(products, own, parts_of(bits))
        if np.array_equal(before, chosen):
            break
    return _as_factors(common, own), (chosen + 1).astype(np.uint8)


def _beside(products: NDArray[np.int64], usual: NDArray[np.float64], places: int) -> NDArray[np.float64]:
    """Sums of products, and what is usual in all channels, in the size of each: for those that say little."""
    return products + _energy(products) * (usual * (_SHARED / places))


def _energy(products: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum of X squared."""
    return np.maximum(products[:, FACTORS, FACTORS], 1).astype(np.float64)[:, None, None]


def _solve(products: NDArray[np.float64], bits: int) -> NDArray[np.int64]:
    """Least-squares factors (filter, 6) for each of these sums, in parts of a symbol and within reach."""
    left, right = products[:, :FACTORS, :FACTORS].copy(), products[:, :FACTORS, FACTORS:].copy()
    left += np.eye(FACTORS)
    right += _START[:, None]
    both = np.concatenate([left, right], axis=2)
    for one in range(FACTORS):
        for other in range(FACTORS):
            if other != one:
                share = both[:, other, one] / both[:, one, one]
                both[:, other] = both[:, other] - share[:, None] * both[:, one]
    parts = parts_of(bits)
    solved = parts * both[:, :, FACTORS] / np.diagonal(both[:, :, :FACTORS], axis1=1, axis2=2)
    below, above = reach_of(bits)
    too_low = -solved.clip(max=0).sum(axis=1) / below
    too_high = solved.clip(min=0).sum(axis=1) / above
    beyond = np.maximum(np.maximum(too_low, too_high), 1.0)[:, None]
    found = np.rint(solved / beyond).astype(np.int64)
    return _within(found, below, above)


def _within(factors: NDArray[np.int64], below: int, above: int) -> NDArray[np.int64]:
    """Where rounding led out of reach, towards zero by one."""
    out = (-factors.clip(max=0).sum(axis=1) > below) | (factors.clip(min=0).sum(axis=1) > above)
    return np.where(out[:, None], factors - np.sign(factors), factors)


def _as_factors(common: NDArray[np.int64], own: NDArray[np.int64]) -> Factors:
    return tuple(tuple(one) for one in (*common.tolist(), *own.tolist()))


def _nearest(products: NDArray[np.int64], factors: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """For each channel, the filter with the least sum of squared errors."""
    errors = np.concatenate([factors, np.full((len(factors), 1), -parts)], axis=1)  # of w - parts * X
    sums = np.einsum("fa,cab,fb->cf", errors, products, errors, optimize=True)
    return np.asarray(sums.argmin(axis=1), np.int64)


def _model(histogram: NDArray[np.int64], bits: int, background: int) -> Model:
    """Tables for these counts, with a frequency for every symbol; contexts next to each other share one at
    first, then each takes the one that codes it in the fewest bits."""
    shift = max(bits - 6, 0)
    counts, sizes = grouped(histogram, bits, background, shift)
    table_of = np.empty(len(counts), np.uint8)
    merged = counts.copy()
    number = context_model.merge_contexts(merged, MOST_TABLES, (0, 0), table_of)
    merged = merged[:number]
    for _ in range(_ROUNDS):
        if not take_tables(counts, merged, table_of):
            break
        merged[:] = 0
        np.add.at(merged, table_of, counts)
    used = np.flatnonzero(np.bincount(table_of, minlength=number))
    precision, codes = precision_of(bits), np.empty((len(used), merged.shape[1]), np.uint8)
    context_model.fill_codes(merged[used] * _SEEN + sizes, sizes, precision, codes)
    return Model(precision, shift, np.searchsorted(used, table_of).astype(np.uint8), codes)


@compiled
def take_tables(counts: NDArray[np.int64], tables: NDArray[np.int64], table_of: NDArray[np.uint8]) -> bool:
    """Give each context (counts of its groups of symbols) the table (likewise) that codes them in the fewest
    bits, and say whether one changed; contexts without symbols keep theirs."""
    number, groups = tables.shape
    costs, changed = np.empty((number, groups), np.int64), False
    for table in range(number):
        total = ZERO + groups
        for group in range(groups):
            total += _SEEN * tables[table, group]
        for group in range(groups):
            costs[table, group] = log2_fixed(total) - log2_fixed(_SEEN * tables[table, group] + 1)
    for context in range(len(counts)):
        own, least = -ONE, ZERO
        for table in range(number):
            bits = ZERO
            for group in range(groups):
                bits += counts[context, group] * costs[table, group]
            if own < 0 or bits < least or (bits == least and table == table_of[context]):
                own, least = table, bits
        if least and own != table_of[context]:
            table_of[context] = own
            changed = True
    return changed
