"""How much neighbours along an axis differ, from a few hundred places: where a context should look."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled

_PLACES: Final = 768


class Roughness(NamedTuple):
    """Mean difference between neighbours, and how uncertain it is (standard error)."""

    mean: float
    error: float

    def clearly_above(self, other: Roughness) -> bool:
        """Whether neighbours here differ more, beyond what chance explains."""
        return self.mean - 3 * self.error > other.mean


def roughness(symbols: NDArray[np.uint8], step: int = 1) -> list[Roughness]:
    """Difference between symbols `step` apart along each axis; infinite where an axis is too short."""
    sums = np.empty((symbols.ndim, 3), np.int64)
    _add_differences(symbols.reshape(-1), np.array(symbols.shape, np.int64), step, _PLACES, sums)
    return [_roughness(*own) for own in sums.tolist()]


def _roughness(total: int, squares: int, found: int) -> Roughness:
    if not found:
        return Roughness(math.inf, 0.0)
    mean = total / found
    return Roughness(mean, math.sqrt(max(squares / found - mean * mean, 0.0) / found))


@compiled
def _add_differences(
    flat: NDArray[np.uint8], sizes: NDArray[np.int64], step: int, places: int, sums: NDArray[np.int64]
) -> None:
    """`_differences` along each axis."""
    stride = 1
    for axis in range(len(sizes) - 1, -1, -1):
        sums[axis, 0] = sums[axis, 1] = sums[axis, 2] = 0
        if sizes[axis] > step:
            found = _differences(flat, sizes[axis], stride, step, places)
            sums[axis, 0], sums[axis, 1], sums[axis, 2] = found
        stride *= sizes[axis]


@compiled
def _differences(
    flat: NDArray[np.uint8], size: int, stride: int, step: int, places: int
) -> tuple[np.int64, np.int64, np.int64]:
    """Sum of differences, of their squares, and their number, at places spread out but always the same."""
    count, zero, one = np.uint64(len(flat)), np.uint64(0), np.uint64(1)
    sizes, strides, far = np.uint64(size), np.uint64(stride), np.uint64(step * stride)
    jump = (count // np.uint64(5) * np.uint64(3) + np.uint64(7919)) % count
    along, beside = jump // strides % sizes, jump % strides
    place, where, rest = zero, zero, zero  # where: place // stride % size, by additions alone
    total, squares, found = zero, zero, zero
    for _ in range(places):
        place += jump
        place -= count if place >= count else zero
        rest += beside
        over = rest >= strides
        rest -= strides if over else zero
        where += along + (one if over else zero)
        where -= sizes if where >= sizes else zero
        inside = where + np.uint64(step) < sizes
        here, there = np.uint64(flat[place]), np.uint64(flat[place + (far if inside else zero)])
        difference = max(here, there) - min(here, there)
        total += difference
        squares += difference * difference
        found += one if inside else zero
    return np.int64(total), np.int64(squares), np.int64(found)
