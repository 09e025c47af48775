"""What is already known around a symbol, as a small number: the fine context.

        UU            w = 10 L + 9 U + 2 UR - 2 UL - LL - 2 UU     sixteen times a prediction of X
     UL U  UR         g = |U - UL| + |U - UR| + |L - UL|           how uneven it is around there
  LL L  X

The weights are a least-squares fit on layers of trained networks, rounded. A symbol map is rows of equal
width; `plane` rows make a channel. It is walked in a frame: two cells before each row hold the first symbol
of the row above, one cell after it repeats its last, so that the same formula holds at the sides. The first
row of a channel, or of a lane, which must not look into another, has w = 17 L - LL and g = |L - background|,
with the background before it; in the second UU is U. Everything is integers, so both sides find the same
context on any machine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled

CLASSES: Final = 3  # of unevenness
LOWEST_W: Final = 5  # w + 5 m lies in 0 ... 26 m, for symbols from 0 to m
SPAN: Final = 26
INNER: Final = 10  # factor of L, where there is a row above
FIRST: Final = 17  # and in a first row, where w = 17 L - LL

_U1, _U2 = np.uint64(1), np.uint64(2)
_FINE_STEPS = 4  # so many values of w / 2 on either side have a context of their own; then steps grow by 1/4


@lru_cache(maxsize=64)
def context_of_w(bits: int, background: int) -> tuple[NDArray[np.uint8], int]:
    """Fine context of each class and w + 5 m, class by class, and their number (at most 256).

    Steps are finest where w means background everywhere, and grow in proportion to the distance from there.
    """
    largest = 2**bits - 1
    width = SPAN * largest + 1
    distance = np.arange(width) - LOWEST_W * largest - 16 * background
    edges = [1]
    while edges[-1] <= width:
        growth = edges[-1] // _FINE_STEPS if bits > 2 else 1
        edges.append(edges[-1] + max(growth, 1))
    halves = np.abs(distance) // (2 if bits > 2 else 1)
    steps = np.searchsorted(np.array(edges), halves, side="right") * np.sign(distance)
    order = steps - steps.min()
    count = int(order.max()) + 1
    table = np.concatenate([order + count * unevenness for unevenness in range(CLASSES)])
    return table.astype(np.uint8), count * CLASSES


@compiled
def lane_starts(rows: int, lanes: int, starts: NDArray[np.int64]) -> None:
    """First row of each lane, and the end: as even as can be, the longer ones first."""
    each, longer = rows // lanes, rows % lanes
    starts[0] = 0
    for lane in range(lanes):
        starts[lane + 1] = starts[lane] + each + (1 if lane < longer else 0)


@compiled
def class_bounds(bits: int) -> tuple[int, int]:
    """The g from which a place counts as uneven, and as rough."""
    largest = (1 << bits) - 1
    return (largest >> 3) + 1, (largest >> 1) + 1


@compiled
def fill_places(
    symbols: NDArray[np.uint8],
    starts: NDArray[np.int64],
    plane: int,
    bits: int,
    background: int,
    framed: NDArray[np.uint8],
    places: NDArray[np.uint16],
) -> None:
    """Where each symbol's neighbourhood is in `context_of_w`; both arrays are framed, three cells wider."""
    width, stride = np.uint64(symbols.shape[1]), np.uint64(symbols.shape[1] + 3)
    source, flat, out = symbols.reshape(-1), framed.reshape(-1), places.reshape(-1)
    read, begin, run = np.uint64(0), np.uint64(0), np.uint64(0)
    for lane in range(len(starts) - 1):
        phase, since = starts[lane] % plane, 0  # row in the channel, rows since one that may not look up
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
            if since == 0:
                _first_places(flat, begin - stride, width, bits, background, out)
            elif since == 1:
                _inner_places(flat, begin - stride, stride, stride, stride, bits, out)
            else:
                run += stride
            since += 1
            if phase == plane or row == starts[lane + 1] - 1:
                if run:
                    _inner_places(flat, begin - run, run, stride, _U2 * stride, bits, out)
                phase, since, run = 0, 0, np.uint64(0)


@compiled
def _first_places(
    flat: NDArray[np.uint8],
    begin: np.uint64,
    width: np.uint64,
    bits: int,
    background: int,
    out: NDArray[np.uint16],
) -> None:
    largest = (1 << bits) - 1
    span = SPAN * largest + 1
    coarse, rough = class_bounds(bits)
    place = begin + _U2
    while place < begin + _U2 + width:
        left, further = np.int64(flat[place - _U1]), np.int64(flat[place - _U2])
        g = abs(left - background)
        w = LOWEST_W * largest + FIRST * left - further
        out[place] = np.uint16(w + (span if g >= coarse else 0) + (span if g >= rough else 0))
        place += _U1


@compiled
def _inner_places(
    flat: NDArray[np.uint8],
    begin: np.uint64,
    length: np.uint64,
    stride: np.uint64,
    upper: np.uint64,
    bits: int,
    out: NDArray[np.uint16],
) -> None:
    """Places of whole rows, the cells between them included; UU is `upper` cells behind."""
    largest = np.uint16((1 << bits) - 1)
    base, span = np.uint16(LOWEST_W) * largest, np.uint16(SPAN) * largest + np.uint16(1)
    bounds = class_bounds(bits)
    coarse, rough = np.uint16(bounds[0]), np.uint16(bounds[1])
    place, end = begin + _U2, begin + length - _U1
    while place < end:  # unsigned places and no branch: the compiler takes 16 at a time
        further, left = np.uint16(flat[place - _U2]), np.uint16(flat[place - _U1])
        ul, u = np.uint16(flat[place - stride - _U1]), np.uint16(flat[place - stride])
        ur, uu = np.uint16(flat[place - stride + _U1]), np.uint16(flat[place - upper])
        g = max(u, ul) - min(u, ul) + max(u, ur) - min(u, ur) + max(left, ul) - min(left, ul)
        w = base + np.uint16(9) * u + np.uint16(2) * ur - np.uint16(2) * (ul + uu)
        w += np.uint16(INNER) * left - further
        out[place] = w + (np.uint16(g >= coarse) + np.uint16(g >= rough)) * span
        place += _U1


@compiled
def fill_keys(
    framed: NDArray[np.uint8],
    places: NDArray[np.uint16],
    contexts: NDArray[np.uint8],
    bits: int,
    keys: NDArray[np.uint16],
    histogram: NDArray[np.uint32],
) -> None:
    """Fine context << bits | symbol for every symbol of a frame, and how often each key occurs."""
    twin = np.zeros(len(histogram), np.uint32)
    shift = np.uint64(bits)
    stride, width = np.uint64(framed.shape[1]), np.uint64(framed.shape[1] - 3)
    flat, where, out = framed.reshape(-1), places.reshape(-1), keys.reshape(-1)
    write, begin = np.uint64(0), _U2
    for _ in range(framed.shape[0]):
        column = np.uint64(0)
        while column + _U1 < width:  # two histograms, since equal keys often follow each other
            key = np.uint64(contexts[np.uint64(where[begin + column])]) << shift | np.uint64(
                flat[begin + column]
            )
            out[write + column] = np.uint16(key)
            histogram[key] += np.uint32(1)
            column += _U1
            key = np.uint64(contexts[np.uint64(where[begin + column])]) << shift | np.uint64(
                flat[begin + column]
            )
            out[write + column] = np.uint16(key)
            twin[key] += np.uint32(1)
            column += _U1
        if column < width:
            key = np.uint64(contexts[np.uint64(where[begin + column])]) << shift | np.uint64(
                flat[begin + column]
            )
            out[write + column] = np.uint16(key)
            histogram[key] += np.uint32(1)
        write += width
        begin += stride
    histogram += twin
