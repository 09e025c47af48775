"""The rANS steps themselves (J. Duda, arXiv 1311.2540): four lanes, 64-bit states, 32-bit words.

A state x stays in [2**31, 2**63) between renormalisations. Symbol s with frequency f and first slot b:

    push   x → (x // f) * 2**bits + x % f + b          pop   x → f * (x >> bits) + (x & mask) - b

The encoder runs backwards and writes words from the end of its buffer, so the decoder reads both forwards.
Symbol i belongs to lane i % 4. With at most 12 bits of precision one renormalisation serves two symbols of a
lane: the encoder sends a word where the two would not fit, and the decoder sees that the state is too small.
Division by f is a multiplication by its reciprocal (R. Alverson, 1991), exact for every state below 2**63.

Every decoder checks that a word is there before it reads it, that all are used, and that each state ends
as the encoder's began. Functions here check nothing else: `order0` and `contexts` do, before they call.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled, eight_at, high_multiply

LANES: Final = 4
PAIR_BITS: Final = 12  # most precision with one renormalisation for two symbols
LOWEST: Final = np.uint64(1 << 31)

_U0, _U1, _U2, _U3, _U4, _U5, _U6, _U7, _U8 = (np.uint64(number) for number in range(9))
_U16, _U20, _U32, _SHIFT = np.uint64(16), np.uint64(20), np.uint64(32), np.uint64(63)
_BYTE, _TWELVE, _ABOVE_15 = np.uint64(0xFF), np.uint64(0xFFF), np.uint64(0xF0F0F0F0F0F0F0F0)


def in_range(states: NDArray[np.uint64]) -> bool:
    """Whether each state is one that an encoder can end in."""
    return all(2**31 <= state < 2**63 for state in states.tolist())


@compiled
def count_bytes(symbols: NDArray[np.uint8], histogram: NDArray[np.int64]) -> None:
    """Add up how often each byte occurs: two at a time while all are below 16, else one by one."""
    some, place, count = _U0, _U0, np.uint64(len(symbols))
    pairs = np.zeros(1024, np.uint32)  # four counters each, since equal pairs often follow each other
    second, third, fourth = np.uint64(256), np.uint64(512), np.uint64(768)
    while place + _U7 < count and not some:
        word = eight_at(symbols, place)
        some = word & _ABOVE_15
        word |= word >> _U4
        pairs[word & _BYTE] += np.uint32(1)
        pairs[(word >> _U16 & _BYTE) + second] += np.uint32(1)
        pairs[(word >> _U32 & _BYTE) + third] += np.uint32(1)
        pairs[(word >> np.uint64(48) & _BYTE) + fourth] += np.uint32(1)
        place += _U8
    if not some:
        for both in range(256):
            number = np.int64(0)
            for part in range(both, 1024, 256):
                number += np.int64(pairs[part])
            histogram[both >> 4] += number
            histogram[both & 15] += number
    else:
        counters = np.zeros(1024, np.uint32)
        place = _U0
        while place + _U3 < count:
            counters[np.uint64(symbols[place])] += np.uint32(1)
            counters[np.uint64(symbols[place + _U1]) + np.uint64(256)] += np.uint32(1)
            counters[np.uint64(symbols[place + _U2]) + np.uint64(512)] += np.uint32(1)
            counters[np.uint64(symbols[place + _U3]) + np.uint64(768)] += np.uint32(1)
            place += np.uint64(4)
        for symbol in range(256):
            for part in range(4):
                histogram[symbol] += np.int64(counters[symbol + 256 * part])
    while place < count:
        histogram[np.uint64(symbols[place])] += 1
        place += _U1


@compiled
def fill_steps(
    frequencies: NDArray[np.uint32],
    bits: int,
    places: NDArray[np.int64],
    steps: NDArray[np.uint64],
    halves: NDArray[np.uint32],
) -> None:
    """What `push` needs of each symbol, 4 numbers at 4 * its place.

    Reciprocal of the frequency f, bias, 2**bits - f, and last, in `halves`, a view of `steps`, shift and f.
    """
    total, start = np.uint64(1) << np.uint64(bits), _U0
    for index in range(len(frequencies)):
        f = np.uint64(frequencies[index])
        at = np.uint64(places[index])
        reciprocal, bias, shift = np.uint64(0xFFFFFFFFFFFFFFFF), start + total - _U1, _U0
        if f > _U1:  # else the upper half of x * (2**64 - 1) is x - 1, which the bias puts right
            while (_U1 << shift) < f:
                shift += _U1
            top = np.uint64(1) << np.uint64(63)
            rest = (top % f) << shift
            reciprocal, bias, shift = ((top // f) << shift) + (rest + f - _U1) // f, start, shift - _U1
        at <<= _U2
        steps[at], steps[at + _U1], steps[at + _U2] = reciprocal, bias, total - f
        halves[(at << _U1) + _U6], halves[(at << _U1) + _U7] = np.uint32(shift), np.uint32(f)
        start += f


@compiled
def fill_step_rows(
    frequencies: NDArray[np.uint32], bits: int, steps: NDArray[np.uint64], halves: NDArray[np.uint32]
) -> None:
    """`fill_steps` for each row of frequencies, one after the other."""
    tables, alphabet = frequencies.shape
    places = np.empty(alphabet, np.int64)
    for table in range(tables):
        for symbol in range(alphabet):
            places[symbol] = table * alphabet + symbol
        fill_steps(frequencies[table], bits, places, steps, halves)


@compiled
def push(x: np.uint64, steps: NDArray[np.uint64], halves: NDArray[np.uint32], at: np.uint64) -> np.uint64:
    """The state after the symbol whose numbers are at `at` in `steps`."""
    quotient = high_multiply(x, steps[at]) >> (np.uint64(halves[(at << _U1) + _U6]) & _SHIFT)
    return x + steps[at + _U1] + quotient * steps[at + _U2]


@compiled
def push_pair(
    x: np.uint64,
    at_1: np.uint64,
    at_2: np.uint64,
    steps: NDArray[np.uint64],
    halves: NDArray[np.uint32],
    limit: np.uint64,
    words: NDArray[np.uint32],
    free: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """Push two symbols that the decoder pops as first, second, after sending a word if they would not fit.

    `at_1` and `at_2` are where their numbers are in `steps`.
    """
    words[free] = np.uint32(x)  # always written, kept only where `full` moves on: no branch to mispredict
    both = np.uint64(halves[(at_1 << _U1) + _U7]) * np.uint64(halves[(at_2 << _U1) + _U7])
    full = (x >> limit) >= both
    x = (x >> _U32) if full else x
    return push(push(x, steps, halves, at_2), steps, halves, at_1), (free - _U1) if full else free


@compiled
def encode_pairs(
    symbols: NDArray[np.uint8],
    steps: NDArray[np.uint64],
    halves: NDArray[np.uint32],
    bits: int,
    states: NDArray[np.uint64],
    words: NDArray[np.uint32],
) -> int:
    """Push all symbols; words fill the end of the buffer, and the index of the first is given back.

    A buffer of one word for every two symbols and five more is always enough; -1 says that one was not.
    """
    count = np.uint64(len(symbols))
    limit = np.uint64(63 - 2 * bits)
    free = np.uint64(len(words) - 1)
    group = count >> _U3 << _U3
    rest = count - group
    while rest > _U0:  # the last, incomplete group fits into fresh states without a word
        rest -= _U1
        lane = rest & _U3
        states[lane] = push(states[lane], steps, halves, np.uint64(symbols[group + rest]) << _U2)
    x0, x1, x2, x3 = states[0], states[1], states[2], states[3]
    while group > _U0:
        group -= _U8
        if free < _U8 and group > _U0:
            return -1
        first, second = np.uint64(symbols[group + _U3]) << _U2, np.uint64(symbols[group + _U7]) << _U2
        x3, free = push_pair(x3, first, second, steps, halves, limit, words, free)
        first, second = np.uint64(symbols[group + _U2]) << _U2, np.uint64(symbols[group + _U6]) << _U2
        x2, free = push_pair(x2, first, second, steps, halves, limit, words, free)
        first, second = np.uint64(symbols[group + _U1]) << _U2, np.uint64(symbols[group + _U5]) << _U2
        x1, free = push_pair(x1, first, second, steps, halves, limit, words, free)
        first, second = np.uint64(symbols[group]) << _U2, np.uint64(symbols[group + _U4]) << _U2
        x0, free = push_pair(x0, first, second, steps, halves, limit, words, free)
    states[0], states[1], states[2], states[3] = x0, x1, x2, x3
    return int(free) + 1


@compiled
def fill_slots(
    frequencies: NDArray[np.uint32], places: NDArray[np.uint32], slots: NDArray[np.uint32]
) -> None:
    """One entry for each slot: frequency << 20 | slot - first slot << 8 | place; frequencies below 4096."""
    slot = np.uint64(0)
    for index in range(len(frequencies)):
        entry = np.uint32(frequencies[index]) << np.uint32(20) | np.uint32(places[index])
        for offset in range(frequencies[index]):
            slots[slot] = entry | np.uint32(offset) << np.uint32(8)
            slot += np.uint64(1)


@compiled
def fill_slot_rows(frequencies: NDArray[np.uint32], slots: NDArray[np.uint32]) -> None:
    """`fill_slots` for each row."""
    places = np.empty(frequencies.shape[1], np.uint32)
    for symbol in range(len(places)):
        places[symbol] = symbol
    for table in range(frequencies.shape[0]):
        fill_slots(frequencies[table], places, slots[table])


@compiled
def refill(x: np.uint64, words: NDArray[np.uint32], used: np.uint64) -> tuple[np.uint64, np.uint64]:
    """A state that has become too small takes the next word; the caller knows that there is one."""
    fresh = (x << _U32) | np.uint64(words[used])
    low = x < LOWEST
    return fresh if low else x, used + np.uint64(low)


@compiled
def pop(x: np.uint64, entry: np.uint64, precision: np.uint64) -> np.uint64:
    """The state before the symbol whose slot's `entry` (of `fill_slots`, as uint64) this is."""
    return (entry >> _U20) * (x >> precision) + ((entry >> _U8) & _TWELVE)


@compiled
def decode_pairs(
    symbols: NDArray[np.uint8],
    slots: NDArray[np.uint32],
    bits: int,
    states: NDArray[np.uint64],
    words: NDArray[np.uint32],
) -> bool:
    """Pop all symbols; true if every word was used and every state ended where encoding began."""
    count = np.uint64(len(symbols))
    available = np.uint64(len(words))
    precision = np.uint64(bits)
    mask = (np.uint64(1) << precision) - np.uint64(1)
    groups_end = count >> np.uint64(3) << np.uint64(3)
    position, used = np.uint64(0), np.uint64(0)
    x0, x1, x2, x3 = states[0], states[1], states[2], states[3]
    while position < groups_end and used + np.uint64(4) <= available:
        for half in range(2):
            at = position + (np.uint64(half) << np.uint64(2))
            e0 = np.uint64(slots[x0 & mask])
            e1 = np.uint64(slots[x1 & mask])
            e2 = np.uint64(slots[x2 & mask])
            e3 = np.uint64(slots[x3 & mask])
            symbols[at] = np.uint8(e0)
            symbols[at + np.uint64(1)] = np.uint8(e1)
            symbols[at + np.uint64(2)] = np.uint8(e2)
            symbols[at + np.uint64(3)] = np.uint8(e3)
            x0 = pop(x0, e0, precision)
            x1 = pop(x1, e1, precision)
            x2 = pop(x2, e2, precision)
            x3 = pop(x3, e3, precision)
        x0, used = refill(x0, words, used)
        x1, used = refill(x1, words, used)
        x2, used = refill(x2, words, used)
        x3, used = refill(x3, words, used)
        position += _U8
    states[0], states[1], states[2], states[3] = x0, x1, x2, x3
    while position < groups_end:  # near the end of the words, each is looked for before it is read
        for lane in range(4):
            x = states[lane]
            for half in range(2):
                entry = np.uint64(slots[x & mask])
                symbols[position + np.uint64(lane + 4 * half)] = np.uint8(entry)
                x = pop(x, entry, precision)
            if x < LOWEST:
                if used >= available:
                    return False
                x = (x << _U32) | np.uint64(words[used])
                used += np.uint64(1)
            states[lane] = x
        position += _U8
    while position < count:
        x = states[position & np.uint64(3)]
        entry = np.uint64(slots[x & mask])
        symbols[position] = np.uint8(entry)
        states[position & np.uint64(3)] = pop(x, entry, precision)
        position += np.uint64(1)
    ended = states[0] == LOWEST and states[1] == LOWEST and states[2] == LOWEST and states[3] == LOWEST
    return bool(used == available and ended)


@compiled
def encode_single(
    symbols: NDArray[np.uint32],
    frequencies: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    bits: int,
    states: NDArray[np.uint64],
    words: NDArray[np.uint32],
) -> int:
    """As `encode_pairs` for any alphabet and precision, one renormalisation for each symbol, plain division.

    The buffer holds one word for every symbol.
    """
    free = len(words)
    limit, precision = np.uint64(63 - bits), np.uint64(bits)
    for position in range(len(symbols) - 1, -1, -1):
        x = states[position & 3]
        f = np.uint64(frequencies[symbols[position]])
        if (x >> limit) >= f:
            free -= 1
            words[free] = np.uint32(x)
            x >>= _U32
        states[position & 3] = ((x // f) << precision) + x % f + np.uint64(starts[symbols[position]])
    return free


@compiled
def decode_single(
    symbols: NDArray[np.uint32],
    frequencies: NDArray[np.uint32],
    starts: NDArray[np.uint32],
    bits: int,
    states: NDArray[np.uint64],
    words: NDArray[np.uint32],
) -> bool:
    """As `decode_pairs` for what `encode_single` made; finds each symbol by bisection of the starts."""
    used = 0
    precision = np.uint64(bits)
    mask = (np.uint64(1) << precision) - np.uint64(1)
    for place in range(len(symbols)):
        x = states[place & 3]
        slot = x & mask
        low, high = 0, len(starts)
        while high - low > 1:
            middle = (low + high) >> 1
            if np.uint64(starts[middle]) <= slot:
                low = middle
            else:
                high = middle
        symbols[place] = np.uint32(low)
        x = np.uint64(frequencies[low]) * (x >> precision) + slot - np.uint64(starts[low])
        if x < LOWEST:
            if used >= len(words):
                return False
            x = (x << _U32) | np.uint64(words[used])
            used += 1
        states[place & 3] = x
    ended = states[0] == LOWEST and states[1] == LOWEST and states[2] == LOWEST and states[3] == LOWEST
    return bool(used == len(words) and ended)
