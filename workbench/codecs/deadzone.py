"""Quantising with a dead zone, and decoding to where the values of each level really lie.

    n = sign(x) * floor(|x| / s + 1/2 - d)      q = clip(n + z, 0, 2^Q - 1)      d from 0 (uniform) to 1/2
    lonely: n = ±1 with |x| / s < 0.85 + d, and |n| of the four around it add up to 1 at most, becomes 0
    x' = sign(n) * (|n| + c_|n|) * s            c: mean place of the values inside their level, in 1/128 of s

Values tend to lie nearer to zero than the middle of their level. Rounding towards zero by d makes large
levels rarer, and the whole cheaper, and centroids take back most of the distortion (G. Sullivan, "Efficient
scalar quantization of exponential and Laplacian random variables", IEEE Trans. Inf. Theory 42(5), 1996).
A lonely small value costs a context coder most, and is worth little. Sums are of integers, so that any
machine finds the same centroids.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled
from workbench.codecs.quantise import Quantised, grid
from workbench.errors import PayloadError

MOST_CENTROIDS: Final = 16  # levels further from zero share the last one

_LONELY = 0.85
_UNIT = 128.0
_FINE = 1024.0


def centroid_count(bits: int) -> int:
    """Centroids that travel, one byte each."""
    return min(2**bits, MOST_CENTROIDS)


def quantise_dead(features: NDArray[np.float32], bits: int, dead_zone: float) -> Quantised:
    """Symbols (uint8), step s and zero point z of features, rounded towards zero by `dead_zone` of a step."""
    scale, zero_point = grid(features, bits)
    flat = np.ascontiguousarray(features, dtype=np.float32).reshape(-1)
    symbols = np.empty(flat.size, np.uint8)
    _round_down(flat, 1.0 / scale, 0.5 - dead_zone, float(zero_point), float(2**bits - 1), symbols)
    return Quantised(symbols.reshape(np.shape(features)), scale, zero_point)


def weak_levels(features: NDArray[np.float32], found: Quantised, dead_zone: float) -> NDArray[np.uint8]:
    """1 where the level is ±1 and the value so small that it becomes 0 if it is lonely; else 0."""
    weak = np.empty(found.symbols.shape, np.uint8)
    flat = np.ascontiguousarray(features, dtype=np.float32).reshape(-1)
    limit = _LONELY + dead_zone
    _mark_weak(flat, found.symbols.reshape(-1), 1.0 / found.scale, limit, found.zero_point, weak.reshape(-1))
    return weak


def drop_lonely(rows: NDArray[np.uint8], weak: NDArray[np.uint8], plane: int, zero_point: int) -> None:
    """Set weak levels with next to nothing around them to zero; `plane` rows make a channel."""
    levels = np.abs(rows.astype(np.int16) - zero_point)
    _drop(levels, weak, plane, zero_point, rows)


def error_limit(dead_zone: float) -> float:
    """Largest error in steps: the largest value that becomes 0, and a centroid as far on the other side."""
    return 2 * (_LONELY + dead_zone)


def centroids(features: NDArray[np.float32], found: Quantised, bits: int) -> NDArray[np.int8]:
    """Mean place of the values of each level, by distance from zero, in 1/128 of a step."""
    count = centroid_count(bits)
    sums, numbers = np.zeros(count, np.int64), np.zeros(count, np.int64)
    flat = np.ascontiguousarray(features, dtype=np.float32).reshape(-1)
    _add_places(flat, found.symbols.reshape(-1), 1.0 / found.scale, found.zero_point, sums, numbers)
    places = sums * int(_UNIT) // np.maximum(numbers * int(_FINE), 1)
    return np.clip(places, -128, 127).astype(np.int8)


def centroid_levels(
    bits: int, scale: float, zero_point: int, places: NDArray[np.int8]
) -> NDArray[np.float32]:
    """The 2^Q values that the symbols stand for."""
    steps = np.arange(2**bits, dtype=np.float64) - zero_point
    offsets = places[np.minimum(np.abs(steps), len(places) - 1).astype(np.int64)] / _UNIT
    outward = np.where(steps < 0, -1.0, 1.0)
    limit = float(np.finfo(np.float32).max)
    return np.clip((steps + outward * offsets) * scale, -limit, limit).astype(np.float32)


def read_centroids(body: memoryview, bits: int) -> NDArray[np.int8]:
    """Centroids from the front of a body; `PayloadError` where they are cut short."""
    count = centroid_count(bits)
    if len(body) < count:
        raise PayloadError(f"the payload is damaged: {len(body)} bytes where {count} centroids belong")
    return np.frombuffer(body, np.int8, count)


def look_up(symbols: NDArray[np.uint8], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """values[symbols]; `values` has one entry for each of the symbols' 2^Q possible values."""
    padded = np.zeros(256, np.float32)
    padded[: len(values)] = values
    features = np.empty(symbols.shape, np.float32)
    _look_up(np.ascontiguousarray(symbols).reshape(-1), padded, features.reshape(-1))
    return features


@compiled
def _round_down(
    values: NDArray[np.float32],
    inverse: float,
    half: float,
    zero_point: float,
    top: float,
    symbols: NDArray[np.uint8],
) -> None:
    for place in range(values.size):
        steps = np.float64(values[place]) * inverse
        level = np.floor(abs(steps) + half)
        symbols[place] = np.uint8(min(max((-level if steps < 0 else level) + zero_point, 0.0), top))


@compiled
def _mark_weak(
    values: NDArray[np.float32],
    symbols: NDArray[np.uint8],
    inverse: float,
    limit: float,
    zero_point: int,
    weak: NDArray[np.uint8],
) -> None:
    for place in range(values.size):
        one = abs(np.int64(symbols[place]) - zero_point) == 1
        weak[place] = np.uint8(one and abs(np.float64(values[place]) * inverse) < limit)


@compiled
def _drop(
    levels: NDArray[np.int16], weak: NDArray[np.uint8], plane: int, zero_point: int, rows: NDArray[np.uint8]
) -> None:
    height, width = levels.shape
    for row in range(height):
        for column in range(width):
            if weak[row, column]:
                around = 0
                if column > 0:
                    around += levels[row, column - 1]
                if column + 1 < width:
                    around += levels[row, column + 1]
                if row % plane > 0:
                    around += levels[row - 1, column]
                if row % plane < plane - 1 and row + 1 < height:
                    around += levels[row + 1, column]
                if around <= 1:
                    rows[row, column] = np.uint8(zero_point)


@compiled
def _add_places(
    values: NDArray[np.float32],
    symbols: NDArray[np.uint8],
    inverse: float,
    zero_point: int,
    sums: NDArray[np.int64],
    numbers: NDArray[np.int64],
) -> None:
    last = np.int64(len(sums) - 1)
    for place in range(values.size):
        level = np.int64(symbols[place]) - zero_point
        steps = np.float64(values[place]) * inverse - level
        offset = np.int64(np.rint(min(max(-steps if level < 0 else steps, -2.0), 2.0) * 1024.0))
        distance = abs(level) if abs(level) < last else last
        sums[distance] += offset
        numbers[distance] += 1


@compiled
def _look_up(symbols: NDArray[np.uint8], values: NDArray[np.float32], features: NDArray[Any]) -> None:
    for place in range(symbols.size):
        features[place] = values[symbols[place]]
