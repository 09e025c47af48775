"""The codecs' compiled functions without numba: the same bytes, by numpy and plain Python.

Each function runs as it is written, on numpy's scalars, whose unsigned integers wrap as machine words do. The
few on which encoding spends its time have a faster twin below, found by name.
"""

import functools

import numpy as np

_WORD = 0xFFFFFFFF


def compiled(function):
    twin = TWINS.get((function.__module__.rpartition(".")[2], function.__name__))
    if twin is not None and names_of(twin) != names_of(function):
        twin = None  # the function has changed since its twin was written: right goes before fast

    @functools.wraps(function)
    def plain(*arguments):
        if twin is not None:
            return twin(*arguments)
        with np.errstate(over="ignore"):
            return function(*arguments)

    return plain


inlined = compiled


def whole(number):
    return np.int64(number)


def names_of(function):
    return function.__code__.co_varnames[: function.__code__.co_argcount]


def high_multiply(a, b):
    return np.uint64((int(a) * int(b)) >> 64)


def eight_at(data, place):
    return data[int(place) : int(place) + 8].view("<u8")[0]


def _round(values, inverse, zero_point, top, symbols):
    levels = np.rint(values.astype(np.float64) * inverse) + zero_point
    symbols[...] = np.clip(levels, 0.0, top).astype(np.uint16)


def _round_inside(values, inverse, zero_point, symbols):
    symbols[...] = np.rint(values.astype(np.float64) * inverse).astype(np.int64) + zero_point


def _scale(symbols, zero_point, scale, values):
    values[...] = (symbols.astype(np.float32) - zero_point) * scale


def _extreme_keys(bits):
    keys = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
    return keys.min(), keys.max()


def _look_up(symbols, table, values):
    values[...] = table[symbols]


def count_bytes(symbols, histogram):
    histogram[...] += np.bincount(symbols, minlength=256)[:256]


class Pusher:
    """Pushes symbols onto plain integers; `sent` are the words, the last sent first in the payload."""

    def __init__(self, frequency, bias, bits):
        total = 1 << bits
        self.bits = bits
        self.frequency = frequency.tolist()
        bias = bias.tolist()
        self.start = [b - total + 1 if f == 1 else b for b, f in zip(bias, self.frequency)]
        self.sent = []

    def one(self, x, key):
        f = self.frequency[key]
        if x >> (63 - self.bits) >= f:
            self.sent.append(x & _WORD)
            x >>= 32
        return self.plain(x, key)

    def two(self, x, first, second):
        if x >> (63 - 2 * self.bits) >= self.frequency[first] * self.frequency[second]:
            self.sent.append(x & _WORD)
            x >>= 32
        return self.plain(self.plain(x, second), first)

    def plain(self, x, key):
        quotient, left = divmod(x, self.frequency[key])
        return (quotient << self.bits) + left + self.start[key]

    def put(self, words):
        """The words into the end of the buffer; the index of the first, or -1 where they do not fit."""
        free = len(words) - len(self.sent)
        if free < 0:
            return -1
        words[free:] = self.sent[::-1]
        return free


def encode_pairs(symbols, steps, halves, bits, states, words):
    """x // f is what the reciprocal gives, exactly, so plain integers may divide."""
    push = Pusher(halves[7::8], steps[1::4], bits)
    data = symbols.tolist()
    group = len(data) >> 3 << 3
    lanes = [int(state) for state in states]
    for place in range(len(data) - 1, group - 1, -1):
        lanes[(place - group) & 3] = push.plain(lanes[(place - group) & 3], data[place])
    while group > 0:
        group -= 8
        for lane in (3, 2, 1, 0):
            lanes[lane] = push.two(lanes[lane], data[group + lane], data[group + lane + 4])
    states[...] = lanes
    return push.put(words)


def encode_rows(keys, index, starts, steps, halves, bits, states, words):
    push = Pusher(halves[7::8], steps[1::4], bits)
    rows = index[keys].tolist()
    width, lanes = keys.shape[1], len(starts) - 1
    each, odd = len(rows) // lanes, width & 1
    begin = [int(start) for start in starts]
    states_now = [int(state) for state in states]
    for lane in range(lanes - 1, -1, -1):
        x = states_now[lane]
        for row in range(begin[lane + 1] - 1, begin[lane] + (each if lanes > 1 else 0) - 1, -1):
            keys_of_row = rows[row]
            if odd:
                x = push.one(x, keys_of_row[width - 1])
            for column in range(width - odd - 2, -1, -2):
                x = push.two(x, keys_of_row[column], keys_of_row[column + 1])
        states_now[lane] = x
    for down in range(each - 1 if lanes > 1 else -1, -1, -1):
        side_by_side = [(lane, rows[begin[lane] + down]) for lane in (3, 2, 1, 0)]
        if odd:
            for lane, row in side_by_side:
                states_now[lane] = push.one(states_now[lane], row[width - 1])
        for column in range(width - odd - 2, -1, -2):
            for lane, row in side_by_side:
                states_now[lane] = push.two(states_now[lane], row[column], row[column + 1])
    states[...] = states_now
    return push.put(words)


def note_keys(source, read, width, where, place, shifted, out):
    read, width, place = int(read), int(width), int(place)
    out[read : read + width] = shifted[where[place : place + width]] | source[read : read + width]


def encode_single(symbols, frequencies, starts, bits, states, words):
    frequency, start = frequencies.tolist(), starts.tolist()
    limit = 63 - bits
    lanes = [int(state) for state in states]
    sent = []
    data = symbols.tolist()
    for place in range(len(data) - 1, -1, -1):
        symbol = data[place]
        x = lanes[place & 3]
        f = frequency[symbol]
        if (x >> limit) >= f:
            sent.append(x & _WORD)
            x >>= 32
        quotient, left = divmod(x, f)
        lanes[place & 3] = (quotient << bits) + left + start[symbol]
    states[...] = lanes
    free = len(words) - len(sent)
    words[free:] = sent[::-1]
    return free


def _pack(symbols, bits, body):
    shifts = np.arange(int(bits) - 1, -1, -1, dtype=np.uint64)
    body[...] = np.packbits(((symbols.astype(np.uint64)[:, None] >> shifts) & np.uint64(1)).astype(np.uint8))


TWINS = {
    ("quantise", "_round"): _round,
    ("quantise", "_round_inside"): _round_inside,
    ("quantise", "_scale"): _scale,
    ("quantise", "_look_up"): _look_up,
    ("extremes", "_extreme_keys"): _extreme_keys,
    ("packing", "_pack"): _pack,
    ("rans", "count_bytes"): count_bytes,
    ("rans", "encode_pairs"): encode_pairs,
    ("context_rans", "encode_rows"): encode_rows,
    ("neighbourhood", "_note_keys"): note_keys,
    ("rans", "encode_single"): encode_single,
}
