"""A symbol as a few questions "is it at least m?", asked from the background outwards.

    background 0, 3 bits     >= 1?  >= 2?  >= 3?  >= 4?  >= 6?     then within 4-5 or 6-7: >= 5? or >= 7?

The first asks for the side of the background, if there are two. Then come classes of magnitudes, each begun
at one of `STARTS`, which grow by half an octave; within a class the range is halved. Most symbols of a
feature map lie near the background and take one question or two, where a code of fixed length would take
all its bits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

STARTS: Final = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
KINDS: Final = 2 * (len(STARTS) - 1)  # classes of both sides


class Decisions(NamedTuple):
    """The questions, as a tree in order of depth: node 0 is asked first.

    `least` has what each node asks for; `following` (node, answer) the node to go on with, or -1 - symbol.
    `kinds` has the class of each symbol, twice its number and one more below the background.
    """

    least: NDArray[np.int64]
    following: NDArray[np.int64]
    kinds: NDArray[np.int64]


@lru_cache(maxsize=64)
def decisions(bits: int, background: int) -> Decisions:
    """The questions for symbols from 0 to 2**bits - 1, of which `background` is the commonest."""
    least: list[int] = []
    following: list[list[int]] = []
    waiting: list[tuple[int, int, tuple[int, int] | None]] = [(0, (1 << bits) - 1, None)]
    for first, last, asked in waiting:  # grows meanwhile
        if asked is not None:
            node, answer = asked
            following[node][answer] = -1 - first if first == last else len(least)
        if first == last:
            continue
        middle = _split(first, last, background)
        waiting.append((first, middle - 1, (len(least), 0)))
        waiting.append((middle, last, (len(least), 1)))
        least.append(middle)
        following.append([0, 0])
    distance = np.arange(1 << bits) - background
    magnitudes = np.where(distance < 0, -1 - distance, distance)
    kinds = 2 * (np.searchsorted(STARTS, magnitudes, side="right") - 1) + (distance < 0)
    return Decisions(np.array(least, np.int64), np.array(following, np.int64), kinds.astype(np.int64))


def _split(first: int, last: int, background: int) -> int:
    """The least symbol of the upper part of a range that holds more than one."""
    if first < background <= last:
        return background
    near, far = (first, last) if first >= background else (last, first)
    start, limit = abs(near - background), abs(far - background)
    if far < background:  # magnitudes below begin with 0, too
        start, limit = start - 1, limit - 1
    place = int(np.searchsorted(STARTS, start, side="right"))
    end = STARTS[place]  # of the class that the nearest is in
    middle = end if limit >= end else start + (1 << (limit - start).bit_length() - 1)
    return background + middle if far >= background else background - middle
