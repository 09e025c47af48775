"""A column of sixteen symbols at a time, by numpy: what the vector instructions give."""

import numpy as np

SIDE = 16
PLACES = (0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15)
STATE_BITS, WORD_BITS = 31, 16
FREQUENCY_BITS, BIAS_BITS = 12, 13
SPREAD = GATHERED = np.zeros(0, np.uint8)

_PLACES = {
    lanes: np.concatenate([np.array(PLACES) + side for side in range(0, lanes, SIDE)]) for lanes in (16, 32)
}


def pop_columns(
    ring, current, above, upper, count, factors, bounds, class_bits, tables, slots, precision, lowest,
    shuffles, states, words, used,
):  # fmt: skip
    count, class_bits, precision, used = int(count), int(class_bits), int(precision), int(used)
    lanes = len(states)
    places = _PLACES[lanes]
    base, a, b, c, d, e, f = factors.reshape(7, lanes).astype(np.int64)

    def cells(row, column, columns):
        begin = int(row) + lanes * column
        return ring[begin : begin + lanes * columns].reshape(columns, lanes).astype(np.int64)

    corners, uu = cells(above, 1, count + 2), cells(upper, 2, count)
    ul, u, ur = corners[:count], corners[1 : count + 1], corners[2:]
    known, uneven = base + b * u + c * ur + d * ul + f * uu, abs(u - ul) + abs(u - ur)
    further, left = cells(current, 0, 2)
    x, mask, lowest = states.astype(np.int64), (1 << precision) - 1, int(lowest)
    for column in range(count):
        g = uneven[column] + abs(left - ul[column])
        level = (g >= bounds[:, None]).sum(axis=0)
        place = known[column] + a * left + e * further + (level << class_bits)
        slot = tables[place] + (x[places] & mask)
        entry = slots[slot].astype(np.int64)
        further, left = left, entry & 0xFF
        begin = int(current) + lanes * (column + 2)
        ring[begin : begin + lanes] = left
        entry = entry[places]  # places swap in pairs, so this is the way back, too
        x = (entry >> 20) * (x >> precision) + (entry >> 8 & 0xFFF)
        low = np.flatnonzero(x < lowest)
        x[low] = x[low] << WORD_BITS | words[used : used + len(low)]
        used += len(low)
    states[...] = x
    return used


def push_columns(symbols, keys, begin, pitch, count, index, steps, precision, shuffles, states, words, free):
    """x // f is what the reciprocal gives, exactly, so plain numbers may be divided."""
    precision, free = int(precision), int(free)
    places = int(begin) + int(pitch) * np.arange(len(states)) + np.arange(int(count))[:, None]
    step = index[keys[places]]
    if len(states) > SIDE:
        step = step | symbols[places]
    step = (steps[step] >> np.uint64(32)).astype(np.int64)
    frequency = step & (1 << FREQUENCY_BITS) - 1
    start = step >> FREQUENCY_BITS & (1 << BIAS_BITS) - 1
    start -= np.where(frequency == 1, (1 << precision) - 1, 0)
    x = states.astype(np.int64)
    for column in range(len(step) - 1, -1, -1):
        f = frequency[column]
        full = x >> (STATE_BITS - precision) >= f
        sent = x[full] & 0xFFFF
        words[free - len(sent) : free] = sent
        free -= len(sent)
        quotient, rest = np.divmod(np.where(full, x >> WORD_BITS, x), f)
        x = (quotient << precision) + rest + start[column]
    states[...] = x
    return free


def turn_block(ring, place, lanes, flat, begin, pitch):
    block = np.stack([ring[one : one + SIDE] for one in range(place, place + SIDE * lanes, lanes)])
    for lane, channel in enumerate(PLACES):
        first = int(begin) + int(pitch) * channel
        flat[first : first + SIDE] = block[:, lane]
