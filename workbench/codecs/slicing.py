"""The three steps of SLICER: which values survive, in which blocks, at how many bits each.

    features ─▶ asymmetric top-K ─▶ survivors ─▶ magnitude splitting ─▶ blocks ─▶ adaptive bits ─▶ codes

Comparisons and integers only, apart from one multiplication and one rounding per value in IEEE double
precision: every machine takes the same decisions.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Block(NamedTuple):
    """Survivors of one sign and of similar magnitude: their places, their codes, and the way back.

    `indices` ascend in the flattened features; a code c of `width` bits stands for
    low + c (high - low) / (2^width - 1).
    """

    indices: NDArray[np.int64]
    codes: NDArray[Any]
    width: int
    low: float
    high: float


def top_k(values: NDArray[np.float32], sparsity: float, asymmetry: float, seed: int) -> NDArray[np.int64]:
    """Indices, ascending, of exactly floor((1 - s) T) survivors of T flattened values.

    A value survives for its score, which is x where x >= 0 and -x / lambda where x < 0: with one threshold
    tau for the scores, what stays is x >= tau or x <= -lambda tau. Among equal scores at the threshold a
    draw decides that depends on `seed` and on the place alone.
    """
    count = survivors(values.size, sparsity)
    if count == 0:
        return np.empty(0, np.int64)
    scores = np.where(values >= 0, values.astype(np.float64), values.astype(np.float64) * (-1.0 / asymmetry))
    threshold = np.partition(scores, values.size - count)[values.size - count]
    above = np.flatnonzero(scores > threshold)
    ties = np.flatnonzero(scores == threshold)
    wanted = count - above.size
    drawn = ties[np.argpartition(_draw(ties, seed), wanted - 1)[:wanted]]
    return np.sort(np.concatenate([above, drawn]))


def survivors(count: int, sparsity: float) -> int:
    """floor((1 - s) T), with s taken as the decimal number that was written."""
    kept = (1.0 - sparsity) * count
    nearest = round(kept)
    return nearest if abs(kept - nearest) <= 1e-9 * max(count, 1) else math.floor(kept)


def magnitude_groups(
    values: NDArray[np.float32], kept: NDArray[np.int64], blocks: int
) -> list[NDArray[np.int64]]:
    """Non-zero survivors of each sign in M groups of equal cardinality, largest magnitudes first.

    Positive groups 1 ... M, then negative groups 1 ... M, each with ascending indices. Where M does not
    divide, the first groups have one value more; equal magnitudes go by their place.
    """
    groups = []
    for sign in (1, -1):
        chosen = kept[np.sign(values[kept]) == sign]
        order = chosen[np.argsort(-np.abs(values[chosen]), kind="stable")]
        groups += [np.sort(group) for group in np.array_split(order, blocks)]
    return groups


def adaptive_block(
    values: NDArray[np.float32], indices: NDArray[np.int64], start: int, tolerance: float
) -> Block:
    """These survivors at the fewest bits, from `start` down, whose integer mismatch stays within delta.

    The mismatch of b bits is the mean of |c_start - c_b'|, where c_b' is the code of b bits brought to the
    scale of the start width and rounded to an integer, as a share of that scale's 2^start - 1.
    """
    chosen = values[indices].astype(np.float64)
    low, high = float(chosen.min()), float(chosen.max())
    reference = _codes(chosen, low, high, start)
    top = 2**start - 1
    width, codes = start, reference
    for narrower in range(start - 1, 0, -1):
        candidate = _codes(chosen, low, high, narrower)
        levels = 2**narrower - 1
        brought = (2 * candidate * top + levels) // (2 * levels)
        if int(np.abs(reference - brought).sum()) > tolerance * top * chosen.size:
            break
        width, codes = narrower, candidate
    return Block(indices, codes.astype(np.uint16), width, low, high)


def block_values(block: Block) -> NDArray[np.float32]:
    """What the codes of a block stand for."""
    step = (block.high - block.low) / (2**block.width - 1)
    return np.clip(block.low + block.codes * step, block.low, block.high).astype(np.float32)


def _codes(values: NDArray[np.float64], low: float, high: float, width: int) -> NDArray[np.int64]:
    if high == low:
        return np.zeros(values.size, np.int64)
    return np.rint((values - low) * ((2**width - 1) / (high - low))).astype(np.int64)


def _draw(places: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """A random-looking number for each place: the splitmix64 mixer (Steele, Lea and Flood, 2014)."""
    offset = np.uint64((seed + 1) * 0xD1342543DE82EF95 & (2**64 - 1))
    mixed = (places.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + offset
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
