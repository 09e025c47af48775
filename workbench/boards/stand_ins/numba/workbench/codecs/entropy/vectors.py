"""Sums over neighbours for all the places of a run at once, by numpy: what the vector instructions give."""

import numpy as np

BLOCK, FILTERS = 16, 8


def fill_block_places(flat, begin, end, stride, upper, own, bounds, span, out):
    begin, end, stride, upper = int(begin), int(end), int(stride), int(upper)
    count = max(end - begin, 0) // BLOCK * BLOCK
    left, u, ur, ul, further, uu = _neighbours(flat, begin, count, stride, upper)
    g = abs(u - ul) + abs(u - ur) + abs(left - ul)
    unevenness = (g[:, None] >= bounds).sum(axis=1)
    w = own[0] + own[1] * left + own[2] * u + own[3] * ur + own[4] * ul + own[5] * further + own[6] * uu
    out[begin : begin + count] = w + unevenness * span
    return np.uint64(begin + count)


def add_block_errors(flat, begin, end, stride, filters, constants, sums):
    begin, stride = int(begin), int(stride)
    count = max(int(end) - begin, 0) // BLOCK * BLOCK
    found = np.stack(_neighbours(flat, begin, count, stride, 2 * stride))
    middle = 16 * flat[begin : begin + count].astype(np.int64)
    errors = abs(middle - filters[:, 1:] @ found - constants[:, None])
    sums += errors.reshape(len(filters), -1, BLOCK).sum(axis=1).astype(sums.dtype)


def fill_block_above(flat, above, upper, count, own, desk, targets):
    above, upper, count = int(above), int(upper), int(count)
    ul, u, ur, uu = (
        flat[place : place + count].astype(np.int64) for place in (above - 1, above, above + 1, upper)
    )
    found = (
        own[0] + own[2] * u + own[3] * ur + own[4] * ul + own[6] * uu,
        abs(u - ul) + abs(u - ur),
        ul,
    )
    for target, values in zip(targets, found):
        desk[int(target) : int(target) + count] = values
    return np.uint64(count)


def _neighbours(flat, begin, count, stride, upper):
    """L, U, UR, UL, LL and UU."""
    places = (begin - 1, begin - stride, begin - stride + 1, begin - stride - 1, begin - 2, begin - upper)
    return [flat[place : place + count].astype(np.int64) for place in places]
