"""How a symbol map is walked: what a coder looks at around a symbol, and which small numbers it makes of it.

        UU            w = a L + b U + c UR + d UL + e LL + f UU   a prediction of X, in parts of a symbol
     UL U  UR         g = |U - UL| + |U - UR| + |L - UL|          how uneven it is around there
  LL L  X

w and the class of g make the fine context. In the plain walk all channels use one such sum. In the fitted one
each names that of eight that predicts it best; their weights are least-squares fits on layers of trained
networks, rounded: of all channels for the plain walk, of eight clusters of channels for the fitted one. In a
calibrated walk (see `calibration`) the weights are least-squares fits of the very channels that are coded, in
finer parts.

The first row of a channel, or of a lane, which must not look into another, has w = 17/16 L - LL/16 and
g = |L - background|, with the background before it; in the second UU is U. Everything is integers, so both
sides find the same context on any machine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_CLASSES: Final = 9 * 8 * 256  # of `Walk.classes`
PARTS: Final = 16  # of a symbol, in which the plain and the fitted walk weigh
FACTORS: Final = 6  # of L, U, UR, UL, LL and UU

_FIRST = (17, 0, 0, 0, -1, 0)  # sixteenths
_NEVER = 0x7FFF  # a bound that no g reaches

_PLAIN = ((10, 9, 2, -2, -1, -2),)
_FITTED = (
    (9, 6, 4, -2, -1, -1),
    (5, 3, 5, 0, 1, 1),
    (12, 6, 3, -5, 0, 0),
    (9, 1, 4, -1, 1, 1),
    (11, 9, 2, -4, -1, -1),
    (0, 11, 2, 2, 1, -1),
    (7, 7, 2, 0, 0, -1),
    (12, 3, 1, -1, 0, 0),
)

Factors = tuple[tuple[int, ...], ...]


class Walk(NamedTuple):
    """How neighbourhoods become contexts, for one number of bits and one background.

    `filters` has a row for each filter: its base, so that no w is negative, then the factors of L, U, UR, UL,
    LL and UU; the last row is the filter of first rows. `bounds` are the g at which a place counts as more
    uneven, four of them; w lies below `span`, and `contexts` has the fine context of each class and w, class
    by class, `fine` of them altogether; `shifted` has them << bits, in 16 bits where that is enough for these
    and a symbol, else in 32.

    `classes` is what a decoder of four lanes looks up, by the numbers (most, times, scale, size) of `joint`,
    which make n = (min(|U - UL| + |U - UR|, most) * times + UL) * scale. Where it `knows_factors`, up to 4
    bits and in no calibrated walk, it has class * span + factor * L at n + L, `size` cells for each filter.
    Elsewhere n says what g needs, and `classes` has class * span at g.

    `stages` has base and factors of each filter but the last in the first row of a channel, in its second,
    and in any further, for a decoder that takes all rows by one formula: above a first row is background.
    """

    filters: NDArray[np.int64]
    bounds: NDArray[np.int64]
    span: int
    contexts: NDArray[np.uint16]
    shifted: NDArray[Any]
    fine: int
    classes: NDArray[np.uint16]
    joint: tuple[int, int, int, int]
    knows_factors: bool
    stages: NDArray[np.int16]


@lru_cache(maxsize=64)
def walk(bits: int, background: int, fitted: bool) -> Walk:
    """The fitted walk, or the plain one, which the first format and the first calibrated tables use."""
    largest = 2**bits - 1
    if fitted:
        reach, limits = (6, 30), _limits(bits)
        steps = (3, 10) if bits > 3 else (1, 8)
    else:
        reach, limits = (5, 26), ((largest >> 3) + 1, (largest >> 1) + 1)
        steps = (2, 4) if bits > 2 else (1, 0)
    factors = _FITTED if fitted else _PLAIN
    return _build(bits, background, factors, PARTS, reach, limits, steps, clipped=fitted)


@lru_cache(maxsize=16)
def calibrated_walk(bits: int, background: int, factors: Factors) -> Walk:
    """The walk by filters of one's own, in `parts_of` a symbol and within `reach_of` it, at most 255."""
    parts = parts_of(bits)
    finer = parts // PARTS
    unit, growth = (3, 10) if bits > 3 else (1, 8)
    limits = _limits(bits)[:4] if bits < 7 else _limits(bits)[:3]
    below, above = reach_of(bits)
    return _build(
        bits, background, factors, parts, (below, below + above), limits, (unit * finer, growth), clipped=True
    )


def parts_of(bits: int) -> int:
    """In how many parts of a symbol a calibrated walk weighs: as fine as numbers of 16 bits allow."""
    return 2 * PARTS if bits < 8 else PARTS


def reach_of(bits: int) -> tuple[int, int]:
    """How far the negative and the positive factors of a filter of a calibrated walk may add up."""
    parts = parts_of(bits)
    return 3 * parts // 4, 7 * parts // 4


def _limits(bits: int) -> tuple[int, ...]:
    largest = 2**bits - 1
    return {1: (1,), 2: (1, 2), 3: (1, 2, 4)}.get(bits, tuple(largest >> by for by in (4, 3, 2, 1)))


def _build(
    bits: int,
    background: int,
    factors: Factors,
    parts: int,
    reach: tuple[int, int],
    limits: tuple[int, ...],
    steps: tuple[int, int],
    clipped: bool,
) -> Walk:
    """`reach` is what is added to w, and its span, in parts of the largest symbol; `steps` are the size of
    the first step from the background, in parts, and the part of its distance by which a step grows."""
    largest = 2**bits - 1
    lowest, span = reach[0], reach[1] * largest + 1
    first = tuple(parts // PARTS * factor for factor in _FIRST)
    filters = np.array(
        [(lowest * largest + (parts - sum(own)) * background, *own) for own in (*factors, first)], np.int64
    )
    distance = np.arange(span) - lowest * largest - parts * background
    if clipped:  # beyond the least and the greatest symbol nothing more is said
        beyond = parts // PARTS * largest
        distance = np.clip(distance, -parts * background - beyond, parts * (largest - background) + beyond)
    order = _steps(distance, *steps)
    count = int(order.max()) + 1
    fine = count * (len(limits) + 1)
    contexts = np.concatenate([order + count * unevenness for unevenness in range(len(limits) + 1)])
    bounds = np.array(limits + (_NEVER,) * (4 - len(limits)), np.int64)
    levels, most = np.arange(largest + 1), max(limits)
    knows_factors = bits <= 4 and parts == PARTS
    if knows_factors:
        joint = (most, largest + 1, largest + 1, (most + 1) * (largest + 1) ** 2)
        uneven, corner, left = np.ix_(np.arange(most + 1), levels, levels)
        class_at = span * ((uneven + abs(left - corner))[..., None] >= limits).sum(axis=-1)
        classes = np.concatenate([(class_at + own[0] * left).ravel() for own in (*factors, first)])
    else:
        joint = (most, 256, 1, 0)
        classes = span * (np.arange(most + largest + 1)[:, None] >= limits).sum(axis=-1)
    return Walk(
        filters,
        bounds,
        span,
        contexts.astype(np.uint16),
        (contexts << bits).astype(np.uint16 if fine << bits <= 1 << 16 else np.uint32),
        fine,
        classes.astype(np.uint16),
        joint,
        knows_factors,
        _stages(filters),
    )


def _stages(filters: NDArray[np.int64]) -> NDArray[np.int16]:
    own = filters[:-1]
    first, second = np.repeat(filters[-1:], len(own), axis=0), own.copy()
    second[:, 2], second[:, 6] = own[:, 2] + own[:, 6], 0
    return np.stack([first, second, own]).astype(np.int16)


def _steps(distance: NDArray[np.int64], unit: int, growth: int) -> NDArray[np.int64]:
    """Places of equal context in a row: finest where w means background everywhere, growing with distance."""
    edges = [1]
    while edges[-1] <= len(distance):
        edges.append(edges[-1] + max(edges[-1] // growth if growth else 1, 1))
    steps = np.searchsorted(np.array(edges), np.abs(distance) // unit, side="right") * np.sign(distance)
    return np.asarray(steps - steps.min(), np.int64)
