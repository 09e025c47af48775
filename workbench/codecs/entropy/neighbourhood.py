"""What is already known around a symbol, as a small number: the fine context.

        UU            w = a L + b U + c UR + d UL + e LL + f UU   sixteen times a prediction of X
     UL U  UR         g = |U - UL| + |U - UR| + |L - UL|          how uneven it is around there
  LL L  X

In the fitted walk each channel names the one of eight such sums that predicts it best; in the plain walk all
use one. The weights are least-squares fits on layers of trained networks, rounded: of all channels for the
plain walk, of eight clusters of channels for the fitted one.

A symbol map is rows of equal width; `plane` rows make a channel. It is walked in a frame: two cells before
each row hold the first symbol of the row above, one cell after it repeats its last, so that the same formula
holds at the sides. The first row of a channel, or of a lane, which must not look into another, has
w = 17 L - LL and g = |L - background|, with the background before it; in the second UU is U. Everything is
integers, so both sides find the same context on any machine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled, whole
from workbench.codecs.entropy.vectors import (
    BLOCK,
    FILTERS,
    add_block_errors,
    copy_blocks,
    fill_block_places,
)

FIRST: Final = 17  # factor of L in a first row, where w = 17 L - LL
MOST_CLASSES: Final = 9 * 8 * 256  # of `Walk.classes`
_ENOUGH = 1500  # places at which the filters of a channel are tried
_STRETCH = 4096  # cells
_MOST_COLUMNS = 4096  # of a row of them

_ONE, _SUM = whole(1), whole(16)
_U1, _U2, _U3 = (np.uint64(number) for number in (1, 2, 3))
_LARGEST_ERROR = 43  # of 16 X - w, times the largest symbol
_NEVER = 0x7FFF  # a bound that no g reaches

_PLAIN = ((10, 9, 2, -2, -1, -2),)
_FITTED = (
    (9, 6, 4, -2, -1, -1),
    (5, 3, 5, 0, 1, 1),
    (12, 6, 3, -5, 0, 0),
    (9, 1, 4, -1, 1, 1),
    (11, 9, 2, -4, -1, -1),
    (0, 11, 2, 2, 1, -1),
    (7, 7, 2, 0, 0, -1),
    (12, 3, 1, -1, 0, 0),
)


class Walk(NamedTuple):
    """How neighbourhoods become contexts, for one number of bits and one background.

    `filters` has a row for each filter: its base, so that no w is negative, then the factors of L, U, UR, UL,
    LL and UU. `bounds` are the g at which a place counts as more uneven, four of them; w lies below `span`,
    and `contexts` has the fine context of each class and w, class by class, `fine` of them altogether;
    `shifted` has them << bits, in 16 bits where that is enough for these and a symbol, else in 32.

    `classes` is what a decoder looks up, by the numbers (most, times, scale, size) of `joint`, which make
    n = (min(|U - UL| + |U - UR|, most) * times + UL) * scale. Where it `knows_factors`, up to 4 bits, it has
    class * span + factor * L at n + L, `size` cells for each filter, and as many more for first rows. Beyond,
    n says what g needs, and `classes` has class * span at g.

    `stages` has base and factors of each filter in the first row of a channel, in its second, and in any
    further, for a decoder that takes all rows by one formula: what is above a first row is background.
    """

    filters: NDArray[np.int64]
    bounds: NDArray[np.int64]
    span: int
    contexts: NDArray[np.uint16]
    shifted: NDArray[Any]
    fine: int
    classes: NDArray[np.uint16]
    joint: tuple[int, int, int, int]
    knows_factors: bool
    stages: NDArray[np.int16]


@lru_cache(maxsize=64)
def walk(bits: int, background: int, fitted: bool) -> Walk:
    """The fitted walk, or the plain one, which the first format and calibrated tables use."""
    largest = 2**bits - 1
    if fitted:
        lowest, span = 6, 30 * largest + 1
        limits = {1: (1,), 2: (1, 2), 3: (1, 2, 4)}.get(bits, tuple(largest >> by for by in (4, 3, 2, 1)))
    else:
        lowest, span = 5, 26 * largest + 1
        limits = ((largest >> 3) + 1, (largest >> 1) + 1)
    factors = _FITTED if fitted else _PLAIN
    filters = [(lowest * largest + (16 - sum(own)) * background, *own) for own in factors]
    distance = np.arange(span) - lowest * largest - 16 * background
    if fitted:  # beyond the least and the greatest symbol nothing more is said
        distance = np.clip(distance, -16 * background - largest, 16 * (largest - background) + largest)
    order = _steps(distance, bits, fitted)
    count = int(order.max()) + 1
    fine = count * (len(limits) + 1)
    contexts = np.concatenate([order + count * unevenness for unevenness in range(len(limits) + 1)])
    bounds = np.array(limits + (_NEVER,) * (4 - len(limits)), np.int64)
    steps, most = np.arange(largest + 1), max(limits)
    knows_factors = bits <= 4
    if knows_factors:
        joint = (most, largest + 1, largest + 1, (most + 1) * (largest + 1) ** 2)
        uneven, corner, left = np.ix_(np.arange(most + 1), steps, steps)
        levels = span * ((uneven + abs(left - corner))[..., None] >= limits).sum(axis=-1)
        classes = np.concatenate([(levels + own[0] * left).ravel() for own in (*factors, (FIRST,))])
    else:
        joint = (most, 256, 1, 0)
        classes = span * (np.arange(most + largest + 1)[:, None] >= limits).sum(axis=-1)
    return Walk(
        np.array(filters, np.int64),
        bounds,
        span,
        contexts.astype(np.uint16),
        (contexts << bits).astype(np.uint16 if fine << bits <= 1 << 16 else np.uint32),
        fine,
        classes.astype(np.uint16),
        joint,
        knows_factors,
        _stages(np.array(filters, np.int64), background),
    )


def _stages(own: NDArray[np.int64], background: int) -> NDArray[np.int16]:
    first, second = np.zeros_like(own), own.copy()
    first[:, 0] = [first_base(one, background) for one in own]
    first[:, 1], first[:, 5] = FIRST, -1
    second[:, 2], second[:, 6] = own[:, 2] + own[:, 6], 0
    return np.stack([first, second, own]).astype(np.int16)


def _steps(distance: NDArray[np.int64], bits: int, fitted: bool) -> NDArray[np.int64]:
    """Places of equal context in a row: finest where w means background everywhere, growing with distance."""
    if fitted:
        unit, growth = (3, 10) if bits > 3 else (1, 8)
    else:
        unit, growth = (2, 4) if bits > 2 else (1, 0)
    edges = [1]
    while edges[-1] <= len(distance):
        edges.append(edges[-1] + max(edges[-1] // growth if growth else 1, 1))
    steps = np.searchsorted(np.array(edges), np.abs(distance) // unit, side="right") * np.sign(distance)
    return np.asarray(steps - steps.min(), np.int64)


def stretch_rows(width: int) -> int:
    """Rows of a stretch: what fits beside the rest into the fastest memory."""
    return max(_STRETCH // (width + 3), 1)


@compiled
def lane_starts(rows: int, lanes: int, starts: NDArray[np.int64]) -> None:
    """First row of each lane, and the end: as even as can be, the longer ones first."""
    each, longer = rows // lanes, rows % lanes
    starts[0] = 0
    for lane in range(lanes):
        starts[lane + 1] = starts[lane] + each + (1 if lane < longer else 0)


@compiled
def choose_filters(
    symbols: NDArray[np.uint8],
    plane: int,
    largest: int,
    background: int,
    filters: NDArray[np.int64],
    chosen: NDArray[np.uint8],
) -> None:
    """The filter of each channel: the one with the least sum of errors |16 X - w|, at some rows of it.

    Places come in blocks of sixteen columns; maps of fewer have the first filter everywhere.
    """
    rows, width = symbols.shape
    flat = symbols.reshape(-1)
    sums, constants = np.empty((FILTERS, BLOCK), np.int32), np.empty(FILTERS, np.int64)
    for index in range(FILTERS):
        constants[index] = filters[index, 0] - first_base(filters[index], background)
    blocks = (min(width, _MOST_COLUMNS) - 3) // BLOCK
    most = 0xFFFF // (_LARGEST_ERROR * largest)  # blocks whose errors together fit 16 bits
    for channel in range(len(chosen)):
        first, last = channel * plane, min((channel + 1) * plane, rows)
        step = max((last - first) * width // _ENOUGH, 1)
        for index in range(FILTERS):
            for column in range(BLOCK):
                sums[index, column] = 0
        tried = (last - first - 3 + step) // step
        begin = np.uint64((first + 2) * width + 2)
        add_block_errors(flat, begin, width, tried, step, blocks, most, filters, constants, sums)
        best, least = 0, np.int64(-1)
        for index in range(FILTERS):
            errors = np.int64(0)
            for column in range(BLOCK):
                errors += sums[index, column]
            if least < 0 or errors < least:
                best, least = index, errors
        chosen[channel] = best


@compiled
def fill_keys(
    symbols: NDArray[np.uint8],
    starts: NDArray[np.int64],
    plane: int,
    background: int,
    filters: NDArray[np.int64],
    chosen: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    span: int,
    shifted: NDArray[Any],
    framed: NDArray[np.uint8],
    places: NDArray[np.uint16],
    keys: NDArray[Any],
    histogram: NDArray[np.uint32],
) -> None:
    """Fine context << bits | symbol of every symbol, uint16 or uint32, and how often each occurs.

    `shifted` is of the walk. `framed` and `places`, of `stretch_rows` rows, are working memory. A stretch of
    rows is taken through all steps while it is near the processor.
    """
    width, stride = np.uint64(symbols.shape[1]), np.uint64(symbols.shape[1] + 3)
    source, flat, where, out = symbols.reshape(-1), framed.reshape(-1), places.reshape(-1), keys.reshape(-1)
    twin = np.zeros(len(histogram), np.uint32)  # a second one, since equal keys often follow each other
    read, begin = np.uint64(0), np.uint64(0)
    for lane in range(len(starts) - 1):
        row, since = starts[lane], 0  # rows since one that may not look up
        while row < starts[lane + 1]:
            own = filters[chosen[row // plane]]
            count = min(starts[lane + 1] - row, plane - row % plane, places.shape[0])
            for one in range(count):
                _frame(source, read + np.uint64(one) * width, width, since + one, background, flat, begin)
                begin += stride
            start, done = begin - np.uint64(count) * stride, 0
            if since == 0:
                _first_places(flat, start, width, background, own, bounds, span, where)
                done = 1
            if since + done == 1 and done < count:  # above the second row there is only one
                _inner_places(flat, start, done, _ONE, stride, stride, own, bounds, span, where)
                done += 1
            if done < count:
                _inner_places(flat, start, done, count - done, stride, _U2 * stride, own, bounds, span, where)
            place = _U2
            for _ in range(count):
                _count_keys(source, read, width, where, place, shifted, out, histogram, twin)
                read += width
                place += stride
            row += count
            since = since + count if row % plane else 0
    for key in range(len(histogram)):
        histogram[key] += twin[key]


@compiled
def _frame(
    source: NDArray[np.uint8],
    read: np.uint64,
    width: np.uint64,
    since: int,
    background: int,
    flat: NDArray[np.uint8],
    begin: np.uint64,
) -> None:
    """Copy a row, and set the two cells before it and the one after."""
    before = np.uint8(background) if since == 0 else flat[begin - width - _U1]
    flat[begin] = before
    flat[begin + _U1] = before
    place = copy_blocks(source, read, width, flat, begin + _U2)
    while place < width:
        flat[begin + _U2 + place] = source[read + place]
        place += _U1
    flat[begin + _U2 + width] = flat[begin + _U1 + width]


@compiled
def _count_keys(
    source: NDArray[np.uint8],
    read: np.uint64,
    width: np.uint64,
    where: NDArray[np.uint16],
    place: np.uint64,
    shifted: NDArray[Any],
    out: NDArray[Any],
    histogram: NDArray[np.uint32],
    twin: NDArray[np.uint32],
) -> None:
    """Keys of a row by its places, counted on the way."""
    at, end = read, read + width
    while at + _U1 < end:
        key = np.uint64(shifted[np.uint64(where[place])]) | np.uint64(source[at])
        out[at] = key
        histogram[key] += np.uint32(1)
        key = np.uint64(shifted[np.uint64(where[place + _U1])]) | np.uint64(source[at + _U1])
        out[at + _U1] = key
        twin[key] += np.uint32(1)
        at += _U2
        place += _U2
    if at < end:
        key = np.uint64(shifted[np.uint64(where[place])]) | np.uint64(source[at])
        out[at] = key
        histogram[key] += np.uint32(1)


@compiled
def _first_places(
    flat: NDArray[np.uint8],
    begin: np.uint64,
    width: np.uint64,
    background: int,
    own: NDArray[np.int64],
    bounds: NDArray[np.int64],
    span: int,
    out: NDArray[np.uint16],
) -> None:
    base = first_base(own, background)
    place, cell = begin + _U2, _U2
    while cell < _U2 + width:
        left, further = np.int64(flat[place - _U1]), np.int64(flat[place - _U2])
        g = abs(left - background)
        unevenness = 0
        for bound in bounds:
            unevenness += 1 if g >= bound else 0
        out[cell] = np.uint16(base + FIRST * left - further + unevenness * span)
        place += _U1
        cell += _U1


@compiled
def first_base(own: NDArray[np.int64], background: int) -> int:
    """The base of w in a first row, where factors sum to 16, from that of a filter."""
    left = _SUM
    for factor in own[1:]:
        left -= factor
    return own[0] - left * background


@compiled
def _inner_places(
    flat: NDArray[np.uint8],
    begin: np.uint64,
    done: int,
    rows: int,
    stride: np.uint64,
    upper: np.uint64,
    own: NDArray[np.int64],
    bounds: NDArray[np.int64],
    span: int,
    out: NDArray[np.uint16],
) -> None:
    """Places of `rows` rows after `done` of a stretch that begins at a cell of the frame, the cells between
    rows included; UU is `upper` cells behind."""
    cell = np.uint64(done) * stride + _U2
    end = np.uint64(done + rows) * stride - _U1
    cell = fill_block_places(flat, begin, cell, end, stride, upper, own, bounds, span, out)
    while cell < end:
        place = begin + cell
        further, left = np.int64(flat[place - _U2]), np.int64(flat[place - _U1])
        ul, u = np.int64(flat[place - stride - _U1]), np.int64(flat[place - stride])
        ur, uu = np.int64(flat[place - stride + _U1]), np.int64(flat[place - upper])
        g = abs(u - ul) + abs(u - ur) + abs(left - ul)
        unevenness = 0
        for bound in bounds:
            unevenness += 1 if g >= bound else 0
        w = own[0] + own[1] * left + own[2] * u + own[3] * ur + own[4] * ul + own[5] * further + own[6] * uu
        out[cell] = np.uint16(w + unevenness * span)
        cell += _U1
