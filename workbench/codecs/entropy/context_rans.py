"""rANS with a table for each neighbourhood: the steps of `rans`, four lanes over four ranges of rows.

The lanes walk down their ranges side by side, two symbols of each between renormalisations; rows that do not
divide by four follow one by one. Where one lane is enough (a small map), it walks all rows.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled, whole
from workbench.codecs.entropy.rans import LOWEST, pop, push, push_pair, refill
from workbench.codecs.entropy.vectors import fill_block_above
from workbench.codecs.entropy.walks import MOST_CLASSES

CHUNK = np.uint64(512)  # columns prepared at a time; even, so that pairs stay together

_U0, _U1, _U2, _U3, _U7, _U8, _U32 = (np.uint64(number) for number in (0, 1, 2, 3, 7, 8, 32))
_BYTE, _ONE_LANE = np.uint64(0xFF), whole(0)
_PITCH = CHUNK + np.uint64(2)  # of the lanes on the desk: a stretch of symbols has the two before it in front
_UNLIKE, _OUT, _CLASSES = (np.uint64(part * 4 * int(_PITCH)) for part in range(1, 4))
_CONTEXTS = _CLASSES + np.uint64(MOST_CLASSES)
_LANE_1, _LANE_2, _LANE_3 = _PITCH, _PITCH * np.uint64(2), _PITCH * np.uint64(3)
DESK: Final = int(_CONTEXTS)  # cells before the tables of the places


@compiled
def push_one(
    x: np.uint64,
    at: np.uint64,
    steps: NDArray[np.uint64],
    halves: NDArray[np.uint32],
    bits: int,
    words: NDArray[np.uint32],
    free: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """As `push_pair` for the last symbol of a row of odd width."""
    words[free] = np.uint32(x)
    full = (x >> np.uint64(63 - bits)) >= np.uint64(halves[(at << _U1) + _U7])
    x = (x >> _U32) if full else x
    return push(x, steps, halves, at), (free - _U1) if full else free


@compiled
def fill_index(table_of: NDArray[np.uint8], bits: int, index: NDArray[np.uint16]) -> None:
    """Where in `steps` the numbers for each context << bits | symbol are."""
    alphabet, key = np.uint64(1) << np.uint64(bits), _U0
    for context in range(len(table_of)):
        own = np.uint64(table_of[context]) << np.uint64(bits)
        for symbol in range(alphabet):
            index[key] = np.uint16(own + np.uint64(symbol))
            key += _U1


@compiled
def encode_rows(
    keys: NDArray[Any],
    index: NDArray[np.uint16],
    starts: NDArray[np.int64],
    steps: NDArray[np.uint64],
    halves: NDArray[np.uint32],
    bits: int,
    states: NDArray[np.uint64],
    words: NDArray[np.uint32],
) -> int:
    """Push every symbol; words fill the end of the buffer, and the index of the first is given back.

    `keys` has context << bits | symbol of each, uint16 or uint32 (rows, width); `index` is of `fill_index`.
    The buffer holds one word for every pair of columns of every row, and one more.
    """
    rows, width = keys.shape
    flat = keys.reshape(-1)
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
                x, free = push_one(x, step_at(flat, index, at), steps, halves, bits, words, free)
            while at > begin:
                at -= _U2
                first, second = step_at(flat, index, at), step_at(flat, index, at + _U1)
                x, free = push_pair(x, first, second, steps, halves, limit, words, free)
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
            x3, free = push_one(x3, step_at(flat, index, b3 + at), steps, halves, bits, words, free)
            x2, free = push_one(x2, step_at(flat, index, b2 + at), steps, halves, bits, words, free)
            x1, free = push_one(x1, step_at(flat, index, b1 + at), steps, halves, bits, words, free)
            x0, free = push_one(x0, step_at(flat, index, b0 + at), steps, halves, bits, words, free)
        while at > begin:
            at -= _U2
            first, second = step_at(flat, index, b3 + at), step_at(flat, index, b3 + at + _U1)
            x3, free = push_pair(x3, first, second, steps, halves, limit, words, free)
            first, second = step_at(flat, index, b2 + at), step_at(flat, index, b2 + at + _U1)
            x2, free = push_pair(x2, first, second, steps, halves, limit, words, free)
            first, second = step_at(flat, index, b1 + at), step_at(flat, index, b1 + at + _U1)
            x1, free = push_pair(x1, first, second, steps, halves, limit, words, free)
            first, second = step_at(flat, index, b0 + at), step_at(flat, index, b0 + at + _U1)
            x0, free = push_pair(x0, first, second, steps, halves, limit, words, free)
    states[0], states[1], states[2], states[3] = x0, x1, x2, x3
    return int(free) + 1


@compiled
def step_at(keys: NDArray[Any], index: NDArray[np.uint16], at: np.uint64) -> np.uint64:
    """Where the numbers of the symbol at a place are, by the table of its context."""
    return np.uint64(index[np.uint64(keys[at])]) << _U2


@compiled
def decode_rows(
    framed: NDArray[np.uint8],
    starts: NDArray[np.int64],
    plane: int,
    background: int,
    filters: NDArray[np.int64],
    chosen: NDArray[np.uint8],
    joint: tuple[int, int, int, int],
    factors: NDArray[np.uint64] | None,
    desk: NDArray[np.uint16],
    slots: NDArray[np.uint32],
    bits: int,
    states: NDArray[np.uint64],
    words: NDArray[np.uint32],
    available: int,
) -> bool:
    """Pop every symbol into a frame (see `neighbourhood`); `desk` is of `fill_desk`.

    `factors` has room for four numbers, or is None where `Walk.classes` knows the factors of L. True if every
    word was used and every state ended where encoding began. `words` are padded with as many as a row of each
    lane can take, so that no read needs a check; whether more than `available` were used is looked at after
    each row.
    """
    rows, stride = framed.shape
    flat = framed.reshape(-1)
    lanes = len(starts) - 1
    each = rows // lanes if lanes > 1 else 0
    precision, first = np.uint64(bits), len(filters) - 1
    width, used = np.uint64(stride - 3), _U0
    others, begins = np.empty(4, np.uint64), np.empty(4, np.uint64)
    since = np.zeros(4, np.int64)  # rows since one that may not look up
    phases, channels = np.zeros(4, np.int64), np.zeros(4, np.int64)  # row % plane, row // plane
    for lane in range(lanes):
        begins[lane] = np.uint64(starts[lane] * stride)
        phases[lane] = starts[lane] % plane
        channels[lane] = starts[lane] // plane
    x0, x1, x2, x3 = states[0], states[1 % lanes], states[2 % lanes], states[3 % lanes]
    for _ in range(each):
        for lane in range(4):
            _begin(flat, begins[lane], stride, since[lane], background)
            own = filters[np.int64(chosen[channels[lane]]) if since[lane] else first]
            others[lane] = np.uint64(own[5])
            if factors is not None:
                factors[lane] = np.uint64(own[1])
        o0, o1, o2, o3 = others[0], others[1], others[2], others[3]
        l0, l1 = np.uint64(flat[begins[0]]), np.uint64(flat[begins[1]])
        l2, l3 = np.uint64(flat[begins[2]]), np.uint64(flat[begins[3]])
        done = _U0
        while done < width:
            end = min(width - done, CHUNK)
            for lane in range(4):
                index = chosen[channels[lane]]
                _prepare(
                    flat,
                    begins[lane] + done,
                    end,
                    stride,
                    since[lane],
                    filters,
                    index,
                    joint,
                    background,
                    desk,
                    lane,
                )
            at = _U0
            while at < end:
                x0, l0 = _take(x0, desk, at, _U0, factors, o0, l0, slots, precision)
                x1, l1 = _take(x1, desk, at + _LANE_1, _U1, factors, o1, l1, slots, precision)
                x2, l2 = _take(x2, desk, at + _LANE_2, _U2, factors, o2, l2, slots, precision)
                x3, l3 = _take(x3, desk, at + _LANE_3, _U3, factors, o3, l3, slots, precision)
                at += _U1
                if at < end:
                    x0, l0 = _take(x0, desk, at, _U0, factors, o0, l0, slots, precision)
                    x1, l1 = _take(x1, desk, at + _LANE_1, _U1, factors, o1, l1, slots, precision)
                    x2, l2 = _take(x2, desk, at + _LANE_2, _U2, factors, o2, l2, slots, precision)
                    x3, l3 = _take(x3, desk, at + _LANE_3, _U3, factors, o3, l3, slots, precision)
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
            own = filters[np.int64(chosen[channels[lane]]) if since[lane] else first]
            o0 = np.uint64(own[5])
            if factors is not None:
                factors[0] = np.uint64(own[1])
            left = np.uint64(flat[begins[lane]])
            done = _U0
            while done < width:
                end = min(width - done, CHUNK)
                index = chosen[channels[lane]]
                _prepare(
                    flat,
                    begins[lane] + done,
                    end,
                    stride,
                    since[lane],
                    filters,
                    index,
                    joint,
                    background,
                    desk,
                    _ONE_LANE,
                )
                at = _U0
                while at < end:
                    x, left = _take(x, desk, at, _U0, factors, o0, left, slots, precision)
                    at += _U1
                    if not at & _U1 or at == end:
                        x, used = refill(x, words, used)
                _file(flat, begins[lane] + done, end, desk, _ONE_LANE)
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
def fill_desk(
    classes: NDArray[np.uint16],
    contexts: NDArray[np.uint16],
    table_of: NDArray[np.uint8],
    desk: NDArray[np.uint16],
) -> None:
    """Lay the tables that `decode_rows` looks up behind its working memory: `Walk.classes`, then which table
    each place uses. One array, so that one register is enough for all."""
    for index in range(len(classes)):
        desk[_CLASSES + np.uint64(index)] = classes[index]
    for place in range(len(contexts)):
        desk[_CONTEXTS + np.uint64(place)] = np.uint16(table_of[contexts[place]])


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
    filters: NDArray[np.int64],
    index: np.uint8,
    joint: tuple[int, int, int, int],
    background: int,
    desk: NDArray[np.uint16],
    lane: int,
) -> None:
    """What a stretch of a row begins with: the two symbols before it, and what the rows above say, their part
    of w, and of the place in `Walk.classes`."""
    own = filters[index]
    most, times, scale, size = joint
    target = np.uint64(lane) * _PITCH
    desk[target + _OUT], desk[target + _OUT + _U1] = np.uint16(flat[begin]), np.uint16(flat[begin + _U1])
    place = _U0
    if since == 0:
        first = np.uint16(filters[len(filters) - 1, 0])
        unlike = np.uint16(background * scale + (len(filters) - 1) * size)
        while place < count:
            desk[target + place] = first
            desk[target + _UNLIKE + place] = unlike
            place += _U1
        return
    above = begin + _U2 - np.uint64(stride)
    upper = above if since == 1 else above - np.uint64(stride)
    offset: Any = np.int64(index) * size
    place = fill_block_above(
        flat, above, upper, count, own, (most, times, scale, offset), desk, target, target + _UNLIKE
    )
    while place < count:
        ul, u = np.int64(flat[above - _U1 + place]), np.int64(flat[above + place])
        ur, uu = np.int64(flat[above + _U1 + place]), np.int64(flat[upper + place])
        desk[target + place] = np.uint16(own[0] + own[2] * u + own[3] * ur + own[4] * ul + own[6] * uu)
        uneven: Any = min(abs(u - ul) + abs(u - ur), most)
        desk[target + _UNLIKE + place] = np.uint16((uneven * times + ul) * scale + offset)
        place += _U1


@compiled
def _take(
    x: np.uint64,
    desk: NDArray[np.uint16],
    at: np.uint64,
    lane: np.uint64,
    factors: NDArray[np.uint64] | None,
    other: np.uint64,
    left: np.uint64,
    slots: NDArray[np.uint32],
    precision: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """Pop one symbol by the table of its neighbourhood onto the desk; the state after it, and the symbol.

    `other` is the factor of LL, which may wrap around.
    """
    further = np.uint64(desk[at + _OUT])
    unlike = np.uint64(desk[at + _UNLIKE])
    place = np.uint64(desk[at]) + other * further
    if factors is None:
        place += np.uint64(desk[_CLASSES + unlike + left])
    else:
        corner = unlike & _BYTE
        g = (unlike >> _U8) + max(left, corner) - min(left, corner)
        place += factors[lane] * left + np.uint64(desk[_CLASSES + g])
    entry = np.uint64(slots[np.uint64(desk[_CONTEXTS + place]) << precision | x & ((_U1 << precision) - _U1)])
    symbol = entry & _BYTE
    desk[at + _OUT + _U2] = np.uint16(symbol)
    return pop(x, entry, precision), symbol


@compiled
def _file(
    flat: NDArray[np.uint8], begin: np.uint64, count: np.uint64, desk: NDArray[np.uint16], lane: int
) -> None:
    """Move the symbols of a stretch from the desk into the frame."""
    source = np.uint64(lane) * _PITCH + _OUT + _U2
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
