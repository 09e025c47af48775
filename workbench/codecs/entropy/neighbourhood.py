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
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled
from workbench.codecs.entropy.vectors import BLOCK, FILTERS, add_block_errors, fill_block_places

FIRST: Final = 17  # factor of L in a first row, where w = 17 L - LL
_ENOUGH = 1500  # places at which the filters of a channel are tried
_MOST_COLUMNS = 4096  # of a row of them

_U1, _U2 = np.uint64(1), np.uint64(2)
_NEVER = 0xFFFF  # a bound that no g reaches

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
    and `contexts` has the fine context of each class and w, class by class, `fine` of them altogether.
    """

    filters: NDArray[np.int64]
    bounds: NDArray[np.int64]
    span: int
    contexts: NDArray[np.uint16]
    fine: int


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
    contexts = np.concatenate([order + count * unevenness for unevenness in range(len(limits) + 1)])
    bounds = np.array(limits + (_NEVER,) * (4 - len(limits)), np.int64)
    return Walk(
        np.array(filters, np.int64), bounds, span, contexts.astype(np.uint16), count * (len(limits) + 1)
    )


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
        constants[index] = (16 - filters[index, 1:].sum()) * background
    end = np.uint64(min(width, _MOST_COLUMNS) - 1)
    for channel in range(len(chosen)):
        first, last = channel * plane, min((channel + 1) * plane, rows)
        step = max((last - first) * width // _ENOUGH, 1)
        sums[:] = 0
        for row in range(first + 2, last, step):
            begin = np.uint64(row * width)
            add_block_errors(flat, begin + _U2, begin + end, np.uint64(width), filters, constants, sums)
        best, least = 0, np.int64(-1)
        for index in range(FILTERS):
            errors = np.int64(0)
            for column in range(BLOCK):
                errors += sums[index, column]
            if least < 0 or errors < least:
                best, least = index, errors
        chosen[channel] = best


@compiled
def fill_places(
    symbols: NDArray[np.uint8],
    starts: NDArray[np.int64],
    plane: int,
    background: int,
    filters: NDArray[np.int64],
    chosen: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    span: int,
    framed: NDArray[np.uint8],
    places: NDArray[np.uint16],
) -> None:
    """Where each symbol's neighbourhood is in `Walk.contexts`; both arrays are framed, three cells wider."""
    width, stride = np.uint64(symbols.shape[1]), np.uint64(symbols.shape[1] + 3)
    source, flat, out = symbols.reshape(-1), framed.reshape(-1), places.reshape(-1)
    read, begin, run = np.uint64(0), np.uint64(0), np.uint64(0)
    for lane in range(len(starts) - 1):
        phase, since = starts[lane] % plane, 0  # row in the channel, rows since one that may not look up
        channel = starts[lane] // plane
        for row in range(starts[lane], starts[lane + 1]):
            before = np.uint8(background) if since == 0 else flat[begin - stride + _U2]
            flat[begin] = before
            flat[begin + _U1] = before
            place = np.uint64(0)
            while place < width:
                flat[begin + _U2 + place] = source[read + place]
                place += _U1
            flat[begin + stride - _U1] = flat[begin + stride - _U2]
            read += width
            begin += stride
            phase += 1
            own = filters[chosen[channel]]
            if since == 0:
                _first_places(flat, begin - stride, width, background, own, bounds, span, out)
            elif since == 1:
                _inner_places(flat, begin - stride, stride, stride, stride, own, bounds, span, out)
            else:
                run += stride
            since += 1
            if phase == plane or row == starts[lane + 1] - 1:
                if run:
                    _inner_places(flat, begin - run, run, stride, _U2 * stride, own, bounds, span, out)
                phase, since, run, channel = 0, 0, np.uint64(0), channel + 1


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
    place = begin + _U2
    while place < begin + _U2 + width:
        left, further = np.int64(flat[place - _U1]), np.int64(flat[place - _U2])
        g = abs(left - background)
        unevenness = 0
        for bound in bounds:
            unevenness += 1 if g >= bound else 0
        out[place] = np.uint16(base + FIRST * left - further + unevenness * span)
        place += _U1


@compiled
def first_base(own: NDArray[np.int64], background: int) -> int:
    """The base of w in a first row, where factors sum to 16, from that of a filter."""
    return own[0] - (16 - own[1:].sum()) * background


@compiled
def _inner_places(
    flat: NDArray[np.uint8],
    begin: np.uint64,
    length: np.uint64,
    stride: np.uint64,
    upper: np.uint64,
    own: NDArray[np.int64],
    bounds: NDArray[np.int64],
    span: int,
    out: NDArray[np.uint16],
) -> None:
    """Places of whole rows, the cells between them included; UU is `upper` cells behind."""
    end = begin + length - _U1
    place = fill_block_places(flat, begin + _U2, end, stride, upper, own, bounds, span, out)
    while place < end:
        further, left = np.int64(flat[place - _U2]), np.int64(flat[place - _U1])
        ul, u = np.int64(flat[place - stride - _U1]), np.int64(flat[place - stride])
        ur, uu = np.int64(flat[place - stride + _U1]), np.int64(flat[place - upper])
        g = abs(u - ul) + abs(u - ur) + abs(left - ul)
        unevenness = 0
        for bound in bounds:
            unevenness += 1 if g >= bound else 0
        w = own[0] + own[1] * left + own[2] * u + own[3] * ur + own[4] * ul + own[5] * further + own[6] * uu
        out[place] = np.uint16(w + unevenness * span)
        place += _U1


@compiled
def fill_contexts(
    symbols: NDArray[np.uint8],
    places: NDArray[np.uint16],
    contexts: NDArray[np.uint16],
    bits: int,
    found: NDArray[np.uint16],
    histogram: NDArray[np.uint32],
) -> None:
    """The fine context of every symbol, and how often each context << bits | symbol occurs."""
    twin = np.zeros(len(histogram), np.uint32)
    shift = np.uint64(bits)
    width, stride = np.uint64(symbols.shape[1]), np.uint64(places.shape[1])
    flat, where, out = symbols.reshape(-1), places.reshape(-1), found.reshape(-1)
    at, begin = np.uint64(0), _U2
    for _ in range(symbols.shape[0]):
        end, place = at + width, begin
        while at < end:
            out[at] = contexts[np.uint64(where[place])]
            at += _U1
            place += _U1
        begin += stride
    at, end = np.uint64(0), np.uint64(len(flat))
    while at + _U1 < end:  # two histograms, since equal keys often follow each other
        histogram[np.uint64(out[at]) << shift | np.uint64(flat[at])] += np.uint32(1)
        twin[np.uint64(out[at + _U1]) << shift | np.uint64(flat[at + _U1])] += np.uint32(1)
        at += _U2
    if at < end:
        histogram[np.uint64(out[at]) << shift | np.uint64(flat[at])] += np.uint32(1)
    histogram += twin
