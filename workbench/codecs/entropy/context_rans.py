"""rANS with a table for each neighbourhood: the steps of `rans`, four lanes over four ranges of rows.

The lanes walk down their ranges side by side, two symbols of each between renormalisations; rows that do not
divide by four follow one by one. Where one lane is enough (a small map), it walks all rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled
from workbench.codecs.entropy.neighbourhood import FIRST, first_base
from workbench.codecs.entropy.rans import LOWEST, pop, push, push_pair, refill
from workbench.codecs.entropy.vectors import fill_block_above

CHUNK = np.uint64(512)  # columns prepared at a time; even, so that pairs stay together

_U0, _U1, _U2, _U3, _U32, _BYTE = (np.uint64(number) for number in (0, 1, 2, 3, 32, 255))
_ABOVE, _UNEVEN, _CORNER, _OUT, _LEVELS = (np.uint64(part * 4 * int(CHUNK)) for part in range(5))
_LANE_1, _LANE_2, _LANE_3 = CHUNK, CHUNK * np.uint64(2), CHUNK * np.uint64(3)


@compiled
def push_one(
    x: np.uint64,
    at: np.uint64,
    steps: NDArray[np.uint64],
    bits: int,
    words: NDArray[np.uint32],
    free: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """As `push_pair` for the last symbol of a row of odd width."""
    words[free] = np.uint32(x)
    full = (x >> np.uint64(63 - bits)) >= steps[at + _U3] >> _U32
    x = (x >> _U32) if full else x
    return push(x, steps, at), (free - _U1) if full else free


@compiled
def step_at(
    symbols: NDArray[np.uint8], found: NDArray[np.uint16], offsets: NDArray[np.uint32], at: np.uint64
) -> np.uint64:
    """Where the numbers of the symbol at a place are, by the table of its context."""
    return np.uint64(offsets[np.uint64(found[at])]) + (np.uint64(symbols[at]) << _U2)


@compiled
def encode_rows(
    symbols: NDArray[np.uint8],
    found: NDArray[np.uint16],
    starts: NDArray[np.int64],
    offsets: NDArray[np.uint32],
    steps: NDArray[np.uint64],
    bits: int,
    states: NDArray[np.uint64],
    words: NDArray[np.uint32],
) -> int:
    """Push every symbol; words fill the end of the buffer, and the index of the first is given back.

    `found` has the context of each symbol, `offsets` where each context's table begins in `steps`. The buffer
    holds one word for every pair of columns of every row, and one more.
    """
    rows, width = symbols.shape
    signs, seen = symbols.reshape(-1), found.reshape(-1)
    lanes = len(starts) - 1
    each = rows // lanes
    limit = np.uint64(63 - 2 * bits)
    free = np.uint64(len(words) - 1)
    odd, long = width & 1, np.uint64(width)
    for lane in range(lanes - 1, -1, -1):
        for row in range(starts[lane + 1] - 1, starts[lane] + (each if lanes > 1 else 0) - 1, -1):
            x = states[lane]
            begin = np.uint64(row) * long
            at = begin + long
            if odd:
                at -= _U1
                x, free = push_one(x, step_at(signs, seen, offsets, at), steps, bits, words, free)
            while at > begin:
                at -= _U2
                first = step_at(signs, seen, offsets, at)
                second = step_at(signs, seen, offsets, at + _U1)
                x, free = push_pair(x, first, second, steps, limit, words, free)
            states[lane] = x
    if lanes == 1:
        return int(free) + 1
    x0, x1, x2, x3 = states[0], states[1], states[2], states[3]
    b0, b1 = np.uint64(starts[0]) * long, np.uint64(starts[1]) * long
    b2, b3 = np.uint64(starts[2]) * long, np.uint64(starts[3]) * long
    for down in range(each - 1, -1, -1):
        at = np.uint64(down) * long
        begin, at = at, at + long
        if odd:
            at -= _U1
            x3, free = push_one(x3, step_at(signs, seen, offsets, b3 + at), steps, bits, words, free)
            x2, free = push_one(x2, step_at(signs, seen, offsets, b2 + at), steps, bits, words, free)
            x1, free = push_one(x1, step_at(signs, seen, offsets, b1 + at), steps, bits, words, free)
            x0, free = push_one(x0, step_at(signs, seen, offsets, b0 + at), steps, bits, words, free)
        while at > begin:
            at -= _U2
            first = step_at(signs, seen, offsets, b3 + at)
            second = step_at(signs, seen, offsets, b3 + at + _U1)
            x3, free = push_pair(x3, first, second, steps, limit, words, free)
            first = step_at(signs, seen, offsets, b2 + at)
            second = step_at(signs, seen, offsets, b2 + at + _U1)
            x2, free = push_pair(x2, first, second, steps, limit, words, free)
            first = step_at(signs, seen, offsets, b1 + at)
            second = step_at(signs, seen, offsets, b1 + at + _U1)
            x1, free = push_pair(x1, first, second, steps, limit, words, free)
            first = step_at(signs, seen, offsets, b0 + at)
            second = step_at(signs, seen, offsets, b0 + at + _U1)
            x0, free = push_pair(x0, first, second, steps, limit, words, free)
    states[0], states[1], states[2], states[3] = x0, x1, x2, x3
    return int(free) + 1


@compiled
def decode_rows(
    framed: NDArray[np.uint8],
    starts: NDArray[np.int64],
    plane: int,
    background: int,
    filters: NDArray[np.int64],
    chosen: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    span: int,
    contexts: NDArray[np.uint8],
    slots: NDArray[np.uint32],
    bits: int,
    states: NDArray[np.uint64],
    words: NDArray[np.uint32],
    available: int,
) -> bool:
    """Pop every symbol into a frame (see `neighbourhood`); `contexts` says which table each place uses.

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
    desk = np.zeros(
        int(_LEVELS) + 1024, np.uint16
    )  # above, uneven, UL, symbols of a stretch; then class by g
    for g in range(1024):
        for bound in bounds:
            desk[int(_LEVELS) + g] += np.uint16(span if g >= bound else 0)
    factors, others, begins = np.empty(4, np.uint64), np.empty(4, np.uint64), np.empty(4, np.uint64)
    since, phases = (
        np.zeros(4, np.int64),
        np.zeros(4, np.int64),
    )  # rows since one that may not look up; row % plane
    channels = np.zeros(4, np.int64)
    for lane in range(lanes):
        begins[lane] = np.uint64(starts[lane] * stride)
        phases[lane] = starts[lane] % plane
        channels[lane] = starts[lane] // plane
    x0, x1, x2, x3 = states[0], states[1 % lanes], states[2 % lanes], states[3 % lanes]
    for _ in range(each):
        for lane in range(4):
            _begin(flat, begins[lane], stride, since[lane], background)
            own = filters[chosen[channels[lane]]]
            factors[lane] = np.uint64(FIRST if since[lane] == 0 else own[1])
            others[lane] = np.uint64(0 if since[lane] == 0 else own[5] + 1)
        f0, f1, f2, f3 = factors[0], factors[1], factors[2], factors[3]
        e0, e1, e2, e3 = others[0], others[1], others[2], others[3]
        l0, l1 = np.uint64(flat[begins[0]]), np.uint64(flat[begins[1]])
        l2, l3 = np.uint64(flat[begins[2]]), np.uint64(flat[begins[3]])
        m0, m1, m2, m3 = l0, l1, l2, l3
        done = _U0
        while done < width:
            end = min(width - done, CHUNK)
            for lane in range(4):
                own = filters[chosen[channels[lane]]]
                _prepare(flat, begins[lane] + done, end, stride, since[lane], own, background, desk, lane)
            at = _U0
            while at < end:
                x0, m0 = _take(x0, desk, at, f0, e0, l0, m0, contexts, slots, precision, mask)
                x1, m1 = _take(x1, desk, at + _LANE_1, f1, e1, l1, m1, contexts, slots, precision, mask)
                x2, m2 = _take(x2, desk, at + _LANE_2, f2, e2, l2, m2, contexts, slots, precision, mask)
                x3, m3 = _take(x3, desk, at + _LANE_3, f3, e3, l3, m3, contexts, slots, precision, mask)
                at += _U1
                if at < end:
                    x0, l0 = _take(x0, desk, at, f0, e0, m0, l0, contexts, slots, precision, mask)
                    x1, l1 = _take(x1, desk, at + _LANE_1, f1, e1, m1, l1, contexts, slots, precision, mask)
                    x2, l2 = _take(x2, desk, at + _LANE_2, f2, e2, m2, l2, contexts, slots, precision, mask)
                    x3, l3 = _take(x3, desk, at + _LANE_3, f3, e3, m3, l3, contexts, slots, precision, mask)
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
            _end(flat, stride, plane, begins, since, phases, channels, lane)
    if lanes > 1:
        states[0], states[1], states[2], states[3] = x0, x1, x2, x3
    for lane in range(lanes):
        x = states[lane]
        for _ in range(starts[lane] + each, starts[lane + 1]):
            _begin(flat, begins[lane], stride, since[lane], background)
            own = filters[chosen[channels[lane]]]
            factor = np.uint64(FIRST if since[lane] == 0 else own[1])
            other = np.uint64(0 if since[lane] == 0 else own[5] + 1)
            left = np.uint64(flat[begins[lane]])
            further = left
            done = _U0
            while done < width:
                end = min(width - done, CHUNK)
                _prepare(flat, begins[lane] + done, end, stride, since[lane], own, background, desk, 0)
                at = _U0
                while at < end:
                    symbol = left
                    x, left = _take(
                        x, desk, at, factor, other, left, further, contexts, slots, precision, mask
                    )
                    further = symbol
                    at += _U1
                    if not at & _U1 or at == end:
                        x, used = refill(x, words, used)
                _file(flat, begins[lane] + done, end, desk, 0)
                done += end
            if used > np.uint64(available):
                return False
            _end(flat, stride, plane, begins, since, phases, channels, lane)
        states[lane] = x
    ended = used == np.uint64(available)
    for lane in range(lanes):
        ended = ended and states[lane] == LOWEST
    return bool(ended)


@compiled
def _begin(flat: NDArray[np.uint8], begin: np.uint64, stride: int, since: int, background: int) -> None:
    """Set the two cells before a row."""
    before = np.uint8(background) if since == 0 else flat[begin - np.uint64(stride) + _U2]
    flat[begin] = before
    flat[begin + _U1] = before


@compiled
def _prepare(
    flat: NDArray[np.uint8],
    begin: np.uint64,
    count: np.uint64,
    stride: int,
    since: int,
    own: NDArray[np.int64],
    background: int,
    desk: NDArray[np.uint16],
    lane: int,
) -> None:
    """What the rows above say, for a stretch of a row: their part of w and of g, and UL."""
    offset = np.uint64(lane) * CHUNK
    place = _U0
    if since == 0:
        first = first_base(own, background)
        while place < count:
            desk[offset + _ABOVE + place] = np.uint16(first)
            desk[offset + _UNEVEN + place] = np.uint16(0)
            desk[offset + _CORNER + place] = np.uint16(background)
            place += _U1
        return
    base, b, c, d, f = own[0], own[2], own[3], own[4], own[6]
    above = begin + _U2 - np.uint64(stride)
    upper = above if since == 1 else above - np.uint64(stride)
    targets = (offset + _ABOVE, offset + _UNEVEN, offset + _CORNER)
    place = fill_block_above(flat, above, upper, count, own, desk, targets)
    while place < count:
        ul, u, ur = flat[above - _U1 + place], flat[above + place], flat[above + _U1 + place]
        w = base + b * np.int64(u) + c * np.int64(ur) + d * np.int64(ul) + f * np.int64(flat[upper + place])
        desk[offset + _ABOVE + place] = np.uint16(w)
        desk[offset + _UNEVEN + place] = np.uint16(max(u, ul) - min(u, ul) + max(u, ur) - min(u, ur))
        desk[offset + _CORNER + place] = ul
        place += _U1


@compiled
def _take(
    x: np.uint64,
    desk: NDArray[np.uint16],
    at: np.uint64,
    factor: np.uint64,
    other: np.uint64,
    left: np.uint64,
    further: np.uint64,
    contexts: NDArray[np.uint8],
    slots: NDArray[np.uint32],
    precision: np.uint64,
    mask: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """Pop one symbol by the table of its neighbourhood; the state after it, and the symbol.

    `factor` is that of L, `other` that of LL and one more, so that it is not negative.
    """
    ul = np.uint64(desk[at + _CORNER])
    g = np.uint64(desk[at + _UNEVEN]) + max(left, ul) - min(left, ul)
    place = (
        np.uint64(desk[at + _ABOVE])
        + factor * left
        + other * further
        - further
        + np.uint64(desk[_LEVELS + g])
    )
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
    channels: NDArray[np.int64],
    lane: int,
) -> None:
    """Set the cell after a row, and go to the next."""
    begins[lane] += np.uint64(stride)
    flat[begins[lane] - _U1] = flat[begins[lane] - _U2]
    since[lane] += 1
    phases[lane] += 1
    if phases[lane] == plane:
        since[lane], phases[lane] = 0, 0
        channels[lane] += 1
