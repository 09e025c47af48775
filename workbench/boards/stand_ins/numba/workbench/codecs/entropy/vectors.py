"""Sums over neighbours for all the places of a run at once, by numpy: what the vector instructions give."""

import numpy as np

BLOCK, FILTERS = 16, 8


def fill_block_places(flat, begin, cell, end, stride, upper, own, bounds, span, out):
    begin, cell, end, stride, upper = int(begin), int(cell), int(end), int(stride), int(upper)
    count = max(end - cell, 0) // BLOCK * BLOCK
    left, u, ur, ul, further, uu = _neighbours(flat, begin + cell, count, stride, upper)
    g = abs(u - ul) + abs(u - ur) + abs(left - ul)
    unevenness = (g[:, None] >= bounds).sum(axis=1)
    w = own[0] + own[1] * left + own[2] * u + own[3] * ur + own[4] * ul + own[5] * further + own[6] * uu
    out[cell : cell + count] = w + unevenness * span
    return np.uint64(cell + count)


def add_block_errors(flat, begin, width, rows, step, blocks, most, filters, constants, sums):
    for row in range(rows):
        place, count = int(begin) + row * step * width, blocks * BLOCK
        found = np.stack(_neighbours(flat, place, count, width, 2 * width))
        middle = 16 * flat[place : place + count].astype(np.int64)
        errors = abs(middle - filters[:FILTERS, 1:] @ found - constants[:, None])
        sums += errors.reshape(FILTERS, -1, BLOCK).sum(axis=1).astype(sums.dtype)


def copy_blocks(source, read, count, flat, write):
    read, count, write = int(read), int(count), int(write)
    flat[write : write + count] = source[read : read + count]
    return np.uint64(count)


def fill_block_above(flat, above, upper, count, own, joint, desk, weighed, unlike):
    above, upper, count, weighed, unlike = int(above), int(upper), int(count), int(weighed), int(unlike)
    most, times, scale, offset = joint
    ul, u, ur, uu = (
        flat[place : place + count].astype(np.int64) for place in (above - 1, above, above + 1, upper)
    )
    desk[weighed : weighed + count] = own[0] + own[2] * u + own[3] * ur + own[4] * ul + own[6] * uu
    uneven = np.minimum(abs(u - ul) + abs(u - ur), most)
    desk[unlike : unlike + count] = (uneven * times + ul) * scale + offset
    return np.uint64(count)


def _neighbours(flat, begin, count, stride, upper):
    """L, U, UR, UL, LL and UU."""
    places = (begin - 1, begin - stride, begin - stride + 1, begin - stride - 1, begin - 2, begin - upper)
    return [flat[place : place + count].astype(np.int64) for place in places]
