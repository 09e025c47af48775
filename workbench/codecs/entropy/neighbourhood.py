"""The fine context of every symbol of a map, by the formulas of `walks`, and the filter of each channel.

A symbol map is rows of equal width; `plane` rows make a channel. It is walked in a frame: two cells before
each row hold the first symbol of the row above, one cell after it repeats its last, so that the same formula
holds at the sides.
"""

from __future__ import annotations

from typing import Any

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

_ENOUGH = 1500  # places at which the filters of a channel are tried
_STRETCH = 4096  # cells
_MOST_COLUMNS = 4096  # of a row of them

_ONE = whole(1)
_U1, _U2 = np.uint64(1), np.uint64(2)
_LARGEST_ERROR = 43  # of 16 X - w, times the largest symbol


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
        constants[index] = filters[index, 0] - filters[FILTERS, 0]
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
    """Fine context << bits | symbol of every symbol, uint16 or uint32, and how often each occurs, unless
    `histogram` is empty.

    `filters`, `bounds`, `span` and `shifted` are of the walk. `framed` and `places`, of `stretch_rows` rows,
    are working memory. A stretch of rows is taken through all steps while it is near the processor.
    """
    width, stride = np.uint64(symbols.shape[1]), np.uint64(symbols.shape[1] + 3)
    source, flat, where, out = symbols.reshape(-1), framed.reshape(-1), places.reshape(-1), keys.reshape(-1)
    counted = len(histogram) > 0
    twin = np.zeros(len(histogram), np.uint32)  # a second one, since equal keys often follow each other
    read, begin = np.uint64(0), np.uint64(0)
    for lane in range(len(starts) - 1):
        row, since = starts[lane], 0  # rows since one that may not look up
        while row < starts[lane + 1]:
            count = min(starts[lane + 1] - row, plane - row % plane, places.shape[0])
            own = chosen[row // plane]
            _fill_stretch(
                source, read, width, count, since, background, filters, own, bounds, span, flat, begin, where
            )
            place = _U2
            for _ in range(count):
                if counted:
                    _count_keys(source, read, width, where, place, shifted, out, histogram, twin)
                else:
                    _note_keys(source, read, width, where, place, shifted, out)
                read += width
                place += stride
            begin += np.uint64(count) * stride
            row += count
            since = since + count if row % plane else 0
    for key in range(len(histogram)):
        histogram[key] += twin[key]


@compiled
def fill_places(
    symbols: NDArray[np.uint8],
    plane: int,
    background: int,
    filters: NDArray[np.int64],
    chosen: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    span: int,
    framed: NDArray[np.uint8],
    places: NDArray[np.uint16],
) -> None:
    """Frame all rows of whole channels, and fill class * span + w of each symbol into `places`, which is as
    large as `framed`; what stands beside the symbols there means nothing."""
    width, stride = np.uint64(symbols.shape[1]), np.uint64(symbols.shape[1] + 3)
    source, flat, where = symbols.reshape(-1), framed.reshape(-1), places.reshape(-1)
    most = max(_STRETCH // framed.shape[1], 1)
    for channel in range(len(symbols) // plane):
        row, own = channel * plane, chosen[channel]
        for since in range(0, plane, most):
            count = min(plane - since, most)
            read, begin = np.uint64(row + since) * width, np.uint64(row + since) * stride
            out = where[begin:]
            _fill_stretch(
                source, read, width, count, since, background, filters, own, bounds, span, flat, begin, out
            )


@compiled
def _fill_stretch(
    source: NDArray[np.uint8],
    read: np.uint64,
    width: np.uint64,
    count: int,
    since: int,
    background: int,
    filters: NDArray[np.int64],
    chosen: np.uint8,
    bounds: NDArray[np.int64],
    span: int,
    flat: NDArray[np.uint8],
    begin: np.uint64,
    out: NDArray[np.uint16],
) -> None:
    """Frame `count` rows, the first of them `since` rows after one that may not look up, and fill their
    places."""
    stride = width + np.uint64(3)
    for one in range(count):
        row = np.uint64(one)
        _frame(source, read + row * width, width, since + one, background, flat, begin + row * stride)
    own, done = filters[chosen], 0
    if since == 0:
        _first_places(flat, begin, width, background, filters[len(filters) - 1], bounds, span, out)
        done = 1
    if since + done == 1 and done < count:  # above the second row there is only one
        _inner_places(flat, begin, done, _ONE, stride, stride, own, bounds, span, out)
        done += 1
    if done < count:
        _inner_places(flat, begin, done, count - done, stride, _U2 * stride, own, bounds, span, out)


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
def _note_keys(
    source: NDArray[np.uint8],
    read: np.uint64,
    width: np.uint64,
    where: NDArray[np.uint16],
    place: np.uint64,
    shifted: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Keys of a row by its places."""
    for at in range(read, read + width):
        out[at] = np.uint64(shifted[np.uint64(where[place])]) | np.uint64(source[at])
        place += _U1


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
    place, cell = begin + _U2, _U2
    while cell < _U2 + width:
        left, further = np.int64(flat[place - _U1]), np.int64(flat[place - _U2])
        g = abs(left - background)
        unevenness = 0
        for bound in bounds:
            unevenness += 1 if g >= bound else 0
        out[cell] = np.uint16(own[0] + own[1] * left + own[5] * further + unevenness * span)
        place += _U1
        cell += _U1


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
