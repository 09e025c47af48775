"""An arithmetic coder of yes and no, each with its own probability: what an adaptive model needs.

rANS gives symbols back in reverse, so a model that learns from each symbol would have to keep all its
probabilities before anything is written. Here they are used as they come: [low, high] of 32 bits is split in
their ratio, and leading bytes that both ends share are written (G. N. N. Martin, "Range encoding", 1979).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled, inlined
from workbench.codecs.entropy.logistic import PROBABILITY_BITS

LOW, HIGH, CODE, PLACE = range(4)  # of the coder's four numbers; the third only decodes
FRONT: Final = 4  # bytes that a decoder looks ahead

_TOP, _ALL, _BYTE = np.uint64(0xFF000000), np.uint64(0xFFFFFFFF), np.uint64(0xFF)
_U0, _U1, _U8, _U24 = (np.uint64(number) for number in (0, 1, 8, 24))
_PRECISION = np.uint64(PROBABILITY_BITS)


def begin() -> NDArray[np.uint64]:
    """A coder before its first decision."""
    return np.array([0, 0xFFFFFFFF, 0, 0], np.uint64)


@compiled
def look_ahead(coder: NDArray[np.uint64], data: NDArray[np.uint8]) -> None:
    """Take the first bytes of what is to be decoded; `data` is padded with zeros."""
    for place in range(FRONT):
        coder[CODE] = coder[CODE] << _U8 | np.uint64(data[place])
    coder[PLACE] = np.uint64(FRONT)


@inlined
def code_decision(
    coder: NDArray[np.uint64], data: NDArray[np.uint8], probability: int, answer: int, encoding: bool
) -> int:
    """Write an answer (0 or 1), or read the one that was written; `probability` of a 1 is in 2**-16."""
    low, high = coder[LOW], coder[HIGH]
    middle = low + ((high - low) * np.uint64(probability) >> _PRECISION)
    if not encoding:
        answer = 1 if coder[CODE] <= middle else 0
    if answer:
        high = middle
    else:
        low = middle + _U1
    while (low ^ high) & _TOP == _U0:
        place = coder[PLACE]
        if encoding:
            data[place] = np.uint8(high >> _U24)
        else:
            coder[CODE] = (coder[CODE] << _U8 & _ALL) | np.uint64(data[place])
        coder[PLACE] = place + _U1
        low, high = low << _U8 & _ALL, (high << _U8 & _ALL) | _BYTE
    coder[LOW], coder[HIGH] = low, high
    return answer


def last_bytes(coder: NDArray[np.uint64]) -> bytes:
    """The fewest bytes behind those written that, zeros after them, lie between low and high."""
    low, high = int(coder[LOW]), int(coder[HIGH])
    for count in range(FRONT):
        rest = 8 * (FRONT - count)
        value = -(-low >> rest)
        if value << rest <= high:
            return value.to_bytes(count, "big")
    return low.to_bytes(FRONT, "big")
