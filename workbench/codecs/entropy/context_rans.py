"""rANS with a table for each neighbourhood: the steps of `rans`, four lanes over four ranges of rows.

The lanes walk down their ranges side by side, two symbols of each between renormalisations; rows that do not
divide by four follow one by one. Where one lane is enough (a small map), it walks all rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled
from workbench.codecs.entropy.neighbourhood import FIRST, INNER, LOWEST_W, SPAN, class_bounds
from workbench.codecs.entropy.rans import LOWEST, pop, push, push_pair, refill

CHUNK = np.uint64(512)  # columns prepared at a time; even, so that pairs stay together

_U0, _U1, _U2, _U3, _U32, _BYTE = (np.uint64(number) for number in (0, 1, 2, 3, 32, 255))
_ABOVE, _UNEVEN, _CORNER, _OUT, _LEVELS = (np.uint64(part * 4 * int(CHUNK)) for part in range(5))
_LANE_1, _LANE_2, _LANE_3 = CHUNK, CHUNK * np.uint64(2), CHUNK * np.uint64(3)


@compiled
def push_one(
    x: np.uint64,
    key: np.uint16,
    steps: NDArray[np.uint64],
    bits: int,
    words: NDArray[np.uint32],
    free: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """As `push_pair` for the last symbol of a row of odd width."""
    at = np.uint64(key) << _U2
    words[free] = np.uint32(x)
    full = (x >> np.uint64(63 - bits)) >= steps[at + _U3] >> _U32
    x = (x >> _U32) if full else x
    return push(x, steps, at), (free - _U1) if full else free


@compiled
def encode_rows(
    keys: NDArray[np.uint16],
    starts: NDArray[np.int64],
    steps: NDArray[np.uint64],
    bits: int,
    states: NDArray[np.uint64],
    words: NDArray[np.uint32],
) -> int:
    """Push every key; words fill the end of the buffer, and the index of the first is given back.

    The buffer holds one word for every pair of columns of every row, and one more.
    """
    width = keys.shape[1]
    lanes = len(starts) - 1
    each = keys.shape[0] // lanes
    limit = np.uint64(63 - 2 * bits)
    free = np.uint64(len(words) - 1)
    odd = width & 1
    for lane in range(lanes - 1, -1, -1):
        for row in range(starts[lane + 1] - 1, starts[lane] + (each if lanes > 1 else 0) - 1, -1):
            x = states[lane]
            if odd:
                x, free = push_one(x, keys[row, width - 1], steps, bits, words, free)
            for column in range(width - odd - 2, -1, -2):
                first, second = keys[row, column], keys[row, column + 1]
                x, free = push_pair(x, first, second, steps, limit, words, free)
            states[lane] = x
    if lanes == 1:
        return int(free) + 1
    x0, x1, x2, x3 = states[0], states[1], states[2], states[3]
    for down in range(each - 1, -1, -1):
        row0, row1 = keys[starts[0] + down], keys[starts[1] + down]
        row2, row3 = keys[starts[2] + down], keys[starts[3] + down]
        if odd:
            x3, free = push_one(x3, row3[width - 1], steps, bits, words, free)
            x2, free = push_one(x2, row2[width - 1], steps, bits, words, free)
            x1, free = push_one(x1, row1[width - 1], steps, bits, words, free)
            x0, free = push_one(x0, row0[width - 1], steps, bits, words, free)
        at = np.uint64(width - odd)
        while at > _U0:
            at -= np.uint64(2)
            after = at + _U1
            x3, free = push_pair(x3, row3[at], row3[after], steps, limit, words, free)
            x2, free = push_pair(x2, row2[at], row2[after], steps, limit, words, free)
            x1, free = push_pair(x1, row1[at], row1[after], steps, limit, words, free)
            x0, free = push_pair(x0, row0[at], row0[after], steps, limit, words, free)
    states[0], states[1], states[2], states[3] = x0, x1, x2, x3
    return int(free) + 1


@compiled
def decode_rows(
    framed: NDArray[np.uint8],
    starts: NDArray[np.int64],
    plane: int,
    alphabet_bits: int,
    background: int,
    contexts: NDArray[np.uint8],
    slots: NDArray[np.uint32],
    bits: int,
    states: NDArray[np.uint64],
    words: NDArray[np.uint32],
    available: int,
) -> bool:
    """Pop every symbol into a frame (see `neighbourhood`).

    True if every word was used and every state ended where encoding began. `words` are padded with as many
    as a row of each lane can take, so that no read needs a check; whether more than `available` were used is
    looked at after each row.
    """
    rows, stride = framed.shape
    flat = framed.reshape(-1)
    lanes = len(starts) - 1
    each = rows // lanes if lanes > 1 else 0
    precision = np.uint64(bits)
    mask = (np.uint64(1) << precision) - np.uint64(1)
    width, used = np.uint64(stride - 3), _U0
    largest = (1 << alphabet_bits) - 1
    bounds = class_bounds(alphabet_bits)
    desk = np.zeros(
        int(_LEVELS) + 1024, np.uint16
    )  # above, uneven, UL, symbols of a stretch; then class by g
    for g in range(3 * largest + 1):
        desk[int(_LEVELS) + g] = ((g >= bounds[0]) + (g >= bounds[1])) * (SPAN * largest + 1)
    factors, begins = np.empty(4, np.uint64), np.empty(4, np.uint64)
    since, phases = (
        np.zeros(4, np.int64),
        np.zeros(4, np.int64),
    )  # rows since one that may not look up; row % plane
    for lane in range(lanes):
        begins[lane] = np.uint64(starts[lane] * stride)
        phases[lane] = starts[lane] % plane
    x0, x1, x2, x3 = states[0], states[1 % lanes], states[2 % lanes], states[3 % lanes]
    for _ in range(each):
        for lane in range(4):
            factors[lane] = _begin(flat, begins[lane], stride, since[lane], background)
        f0, f1, f2, f3 = factors[0], factors[1], factors[2], factors[3]
        l0, l1 = np.uint64(flat[begins[0]]), np.uint64(flat[begins[1]])
        l2, l3 = np.uint64(flat[begins[2]]), np.uint64(flat[begins[3]])
        m0, m1, m2, m3 = l0, l1, l2, l3
        done = _U0
        while done < width:
            end = min(width - done, CHUNK)
            for lane in range(4):
                _prepare(
                    flat, begins[lane] + done, end, stride, since[lane], alphabet_bits, background, desk, lane
                )
            at = _U0
            while at < end:
                x0, m0 = _take(x0, desk, at, f0, l0, m0, contexts, slots, precision, mask)
                x1, m1 = _take(x1, desk, at + _LANE_1, f1, l1, m1, contexts, slots, precision, mask)
                x2, m2 = _take(x2, desk, at + _LANE_2, f2, l2, m2, contexts, slots, precision, mask)
                x3, m3 = _take(x3, desk, at + _LANE_3, f3, l3, m3, contexts, slots, precision, mask)
                at += _U1
                if at < end:
                    x0, l0 = _take(x0, desk, at, f0, m0, l0, contexts, slots, precision, mask)
                    x1, l1 = _take(x1, desk, at + _LANE_1, f1, m1, l1, contexts, slots, precision, mask)
                    x2, l2 = _take(x2, desk, at + _LANE_2, f2, m2, l2, contexts, slots, precision, mask)
                    x3, l3 = _take(x3, desk, at + _LANE_3, f3, m3, l3, contexts, slots, precision, mask)
                    at += _U1
                x0, used = refill(x0, words, used)
                x1, used = refill(x1, words, used)
                x2, used = refill(x2, words, used)
                x3, used = refill(x3, words, used)
            for lane in range(4):
                _file(flat, begins[lane] + done, end, desk, lane)
            done += end
        if used > np.uint64(available):
            return False
        for lane in range(4):
            _end(flat, stride, plane, begins, since, phases, lane)
    if lanes > 1:
        states[0], states[1], states[2], states[3] = x0, x1, x2, x3
    for lane in range(lanes):
        x = states[lane]
        for _ in range(starts[lane] + each, starts[lane + 1]):
            factor = _begin(flat, begins[lane], stride, since[lane], background)
            left = np.uint64(flat[begins[lane]])
            further = left
            done = _U0
            while done < width:
                end = min(width - done, CHUNK)
                _prepare(
                    flat, begins[lane] + done, end, stride, since[lane], alphabet_bits, background, desk, 0
                )
                at = _U0
                while at < end:
                    symbol = left
                    x, left = _take(x, desk, at, factor, left, further, contexts, slots, precision, mask)
                    further = symbol
                    at += _U1
                    if not at & _U1 or at == end:
                        x, used = refill(x, words, used)
                _file(flat, begins[lane] + done, end, desk, 0)
                done += end
            if used > np.uint64(available):
                return False
            _end(flat, stride, plane, begins, since, phases, lane)
        states[lane] = x
    ended = used == np.uint64(available)
    for lane in range(lanes):
        ended = ended and states[lane] == LOWEST
    return bool(ended)


@compiled
def _begin(flat: NDArray[np.uint8], begin: np.uint64, stride: int, since: int, background: int) -> np.uint64:
    """Set the two cells before a row; gives back the factor of L."""
    before = np.uint8(background) if since == 0 else flat[begin - np.uint64(stride) + _U2]
    flat[begin] = before
    flat[begin + _U1] = before
    return np.uint64(FIRST if since == 0 else INNER)


@compiled
def _prepare(
    flat: NDArray[np.uint8],
    begin: np.uint64,
    count: np.uint64,
    stride: int,
    since: int,
    bits: int,
    background: int,
    desk: NDArray[np.uint16],
    lane: int,
) -> None:
    """What the rows above say, for a stretch of a row: their part of w + 5 m and of g, and UL."""
    base = np.uint16(LOWEST_W * ((1 << bits) - 1))
    offset = np.uint64(lane) * CHUNK
    place = _U0
    if since == 0:
        while place < count:
            desk[offset + _ABOVE + place] = base
            desk[offset + _UNEVEN + place] = np.uint16(0)
            desk[offset + _CORNER + place] = np.uint16(background)
            place += _U1
        return
    above = begin + _U2 - np.uint64(stride)
    upper = above if since == 1 else above - np.uint64(stride)
    while place < count:
        ul, u = np.uint16(flat[above - _U1 + place]), np.uint16(flat[above + place])
        ur, uu = np.uint16(flat[above + _U1 + place]), np.uint16(flat[upper + place])
        desk[offset + _ABOVE + place] = base + np.uint16(9) * u + np.uint16(2) * ur - np.uint16(2) * (ul + uu)
        desk[offset + _UNEVEN + place] = max(u, ul) - min(u, ul) + max(u, ur) - min(u, ur)
        desk[offset + _CORNER + place] = ul
        place += _U1


@compiled
def _take(
    x: np.uint64,
    desk: NDArray[np.uint16],
    at: np.uint64,
    factor: np.uint64,
    left: np.uint64,
    further: np.uint64,
    contexts: NDArray[np.uint8],
    slots: NDArray[np.uint32],
    precision: np.uint64,
    mask: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """Pop one symbol by the table of its neighbourhood; the state after it, and the symbol."""
    ul = np.uint64(desk[at + _CORNER])
    g = np.uint64(desk[at + _UNEVEN]) + max(left, ul) - min(left, ul)
    place = np.uint64(desk[at + _ABOVE]) + factor * left - further + np.uint64(desk[_LEVELS + g])
    entry = np.uint64(slots[np.uint64(contexts[place]) << precision | x & mask])
    symbol = entry & _BYTE
    desk[at + _OUT] = np.uint16(symbol)
    return pop(x, entry, precision), symbol


@compiled
def _file(
    flat: NDArray[np.uint8], begin: np.uint64, count: np.uint64, desk: NDArray[np.uint16], lane: int
) -> None:
    """Move the symbols of a stretch from the desk into the frame."""
    source = np.uint64(lane) * CHUNK + _OUT
    place = _U0
    while place < count:
        flat[begin + _U2 + place] = np.uint8(desk[source + place])
        place += _U1


@compiled
def _end(
    flat: NDArray[np.uint8],
    stride: int,
    plane: int,
    begins: NDArray[np.uint64],
    since: NDArray[np.int64],
    phases: NDArray[np.int64],
    lane: int,
) -> None:
    """Set the cell after a row, and go to the next."""
    begins[lane] += np.uint64(stride)
    flat[begins[lane] - _U1] = flat[begins[lane] - _U2]
    since[lane] += 1
    phases[lane] += 1
    if phases[lane] == plane:
        since[lane], phases[lane] = 0, 0
