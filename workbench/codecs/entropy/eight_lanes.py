"""rANS for long streams of bytes: eight lanes whose states are floats, so that vector instructions divide.

The steps are those of `rans`, with 12 bits of precision. A state is a whole number in [2**24, 2**48) as a
float64, which holds it exactly; x // f is the floor of x times a reciprocal that is rounded up, exactly, as
is every other step: nothing is ever rounded, so any processor makes the same bytes. A processor multiplies
four floats in the time of one product of two whole numbers of 64 bits, of which `rans` needs one a symbol.

Symbol i belongs to lane i % 8, and one renormalisation serves two symbols of a lane. Words are of 24 bits:
two symbols never need more, and 2**48 leaves the reciprocal room to be exact. The encoder writes them
backwards, as `rans` does. The decoder works on the same states as whole numbers.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled
from workbench.codecs.entropy.rans import fill_slots, pop
from workbench.codecs.entropy.vector_push import GROUP, GROUP_BYTES, WORD_BYTES, int_at, push_groups

LANES: Final = 8
BITS: Final = 12
STATE_BYTES: Final = 6
STATES_BYTES: Final = LANES * STATE_BYTES
LOWEST: Final = 2.0**24
SPARE: Final = 4  # bytes of the buffer of words that are written, but never kept

_ABOVE = 1 + 2.0**-51  # a reciprocal times this is above the true one, by less than 2**-48 of it
_ROOM = 2.0**12  # 2**48 >> 2 * BITS is its square: the room for two symbols is the product of two such
_FIRST, _SPAN = np.uint64(LOWEST), np.uint64((1 << BITS) - 1)
_PRECISION, _WORD_BITS, _WORD = np.uint64(BITS), np.uint64(8 * WORD_BYTES), np.uint64(LOWEST - 1)
_U0, _U1, _U2, _U3, _U4, _U7, _U8 = (np.uint64(number) for number in (0, 1, 2, 3, 4, 7, 8))
_BYTES, _GROUP, _GROUP_BYTES = np.uint64(WORD_BYTES), np.uint64(GROUP), np.uint64(GROUP_BYTES)


@compiled
def fill_rows(frequencies: NDArray[np.uint32], places: NDArray[np.int64], rows: NDArray[np.float64]) -> None:
    """What pushing needs of each symbol, 4 numbers at 4 * its place.

    Reciprocal of the frequency f, 2**12 - f, first slot, and f * 2**12.
    """
    start = 0.0
    for index in range(len(frequencies)):
        f, at = np.float64(frequencies[index]), 4 * places[index]
        rows[at], rows[at + 1] = (1.0 / f) * _ABOVE, float(1 << BITS) - f
        rows[at + 2], rows[at + 3] = start, f * _ROOM
        start += f


@compiled
def push(x: float, rows: NDArray[np.float64], at: int | np.int64) -> float:
    """The state after the symbol whose numbers are at `at` in `rows`."""
    return x + rows[at + 2] + math.floor(x * rows[at]) * rows[at + 1]


@compiled
def encode(
    symbols: NDArray[np.uint8],
    rows: NDArray[np.float64],
    states: NDArray[np.float64],
    words: NDArray[np.uint8],
) -> int:
    """Push all symbols; words fill the end of the buffer, and the index of the first byte is given back.

    `states` begin as `LOWEST`. Three bytes for every two symbols, and `GROUP_BYTES` + `SPARE` more, are
    always enough; -1 says that the buffer was not.
    """
    whole = len(symbols) // GROUP * GROUP
    for place in range(len(symbols) - 1, whole - 1, -1):  # fits into fresh states without a word
        lane = (place - whole) % LANES
        states[lane] = push(states[lane], rows, 4 * np.int64(symbols[place]))
    free = len(words)
    while whole > 0:
        groups = min((free - SPARE) // GROUP_BYTES, whole // GROUP)  # as many as fit, whatever they send
        if groups <= 0:
            return -1
        whole -= groups * GROUP
        free = push_groups(symbols, whole, groups, rows, states, words, free)
    return free


@compiled
def decode_stream(
    symbols: NDArray[np.uint8],
    frequencies: NDArray[np.uint32],
    places: NDArray[np.uint32],
    raw: NDArray[np.uint8],
) -> int:
    """Pop all symbols from the bytes of states and words, by a table of `places` and their frequencies.

    1 if every word was used and every state ended where encoding began, else 0; -1 if a state is none that
    an encoder can end in.
    """
    states = np.zeros(LANES, np.uint64)
    for place in range(STATES_BYTES - 1, -1, -1):
        lane = place // STATE_BYTES
        states[lane] = states[lane] << _U8 | np.uint64(raw[place])
    for lane in range(LANES):
        if states[lane] < _FIRST:
            return -1
    slots = np.empty(1 << BITS, np.uint32)
    fill_slots(frequencies, places, slots)
    return 1 if decode(symbols, slots, states, raw[STATES_BYTES:]) else 0


@compiled
def decode(
    symbols: NDArray[np.uint8],
    slots: NDArray[np.uint32],
    states: NDArray[np.uint64],
    words: NDArray[np.uint8],
) -> bool:
    """Pop all symbols by `slots` (of `rans.fill_slots`); true if every word was used and every state ended
    where encoding began."""
    count, available = np.uint64(len(symbols)), np.uint64(len(words))
    whole = count - count % _GROUP
    place, used = _U0, _U0
    while place < whole and used + _GROUP_BYTES + _U1 <= available:  # one is read beyond the last word
        for side in range(2):
            lane = np.uint64(side) * _U4
            x0, x1, x2, x3 = states[lane], states[lane + _U1], states[lane + _U2], states[lane + _U3]
            for half in range(2):
                at = place + lane + np.uint64(half) * _U8
                e0, e1 = np.uint64(slots[x0 & _SPAN]), np.uint64(slots[x1 & _SPAN])
                e2, e3 = np.uint64(slots[x2 & _SPAN]), np.uint64(slots[x3 & _SPAN])
                symbols[at], symbols[at + _U1] = np.uint8(e0), np.uint8(e1)
                symbols[at + _U2], symbols[at + _U3] = np.uint8(e2), np.uint8(e3)
                x0, x1 = pop(x0, e0, _PRECISION), pop(x1, e1, _PRECISION)
                x2, x3 = pop(x2, e2, _PRECISION), pop(x3, e3, _PRECISION)
            x0, used = _refill(x0, words, used)
            x1, used = _refill(x1, words, used)
            x2, used = _refill(x2, words, used)
            x3, used = _refill(x3, words, used)
            states[lane], states[lane + _U1], states[lane + _U2], states[lane + _U3] = x0, x1, x2, x3
        place += _GROUP
    while place < whole:  # near the end of the words, each is looked for before it is read
        for index in range(LANES):
            x = states[index]
            for half in range(2):
                entry = np.uint64(slots[x & _SPAN])
                symbols[place + np.uint64(index + LANES * half)] = np.uint8(entry)
                x = pop(x, entry, _PRECISION)
            if x < _FIRST:
                if used + _BYTES > available:
                    return False
                for byte in range(WORD_BYTES):
                    x = x << _U8 | np.uint64(words[used + np.uint64(WORD_BYTES - 1 - byte)])
                used += _BYTES
            states[index] = x
        place += _GROUP
    while place < count:
        lane = place & _U7
        entry = np.uint64(slots[states[lane] & _SPAN])
        symbols[place] = np.uint8(entry)
        states[lane] = pop(states[lane], entry, _PRECISION)
        place += _U1
    ended = used == available
    for index in range(LANES):
        ended = ended and states[index] == _FIRST
    return bool(ended)


@compiled
def _refill(x: np.uint64, words: NDArray[np.uint8], used: np.uint64) -> tuple[np.uint64, np.uint64]:
    """A state that has become too small takes the next word; the caller knows that there is one."""
    fresh = (x << _WORD_BITS) | (int_at(words, used) & _WORD)
    low = x < _FIRST
    return fresh if low else x, (used + _BYTES) if low else used
