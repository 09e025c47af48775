"""Asymmetric integer quantisation: floats → integers of Q bits → floats, zero kept exactly.

    s = (max - min) / (2^Q - 1)     step, rounded to float32 so that both sides hold the same number
    z = round(-min / s)             zero point: the symbol that stands for 0.0
    q = clip(round(x / s) + z, 0, 2^Q - 1)          x' = (q - z) * s

Sung, Im, Palakonda and Kang (2025), "Range Asymmetric Numeral Systems-Based Lightweight Intermediate
Feature Compression for Split Computing of Deep Neural Networks", arXiv 2511.11664, section 3. Rounding is
to the nearest, ties to even. z lies outside 0 ... 2^Q - 1 where all values have one sign.

Everything after `quantise` is integers. Before it only min, max, one division, and per value one
multiplication and one rounding in IEEE double precision happen, none of which may be fused or reordered, so
x86 and ARM give the same symbols.
"""

from __future__ import annotations

import math
import struct
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled
from workbench.codecs.extremes import finite_extremes
from workbench.errors import PayloadError

MAX_BITS: Final = 16
GRID_BYTES: Final = 8

_GRID = struct.Struct("<fi")
_SMALLEST_STEP = 2.0**-149  # the smallest float32 above zero
_LARGEST = float(np.finfo(np.float32).max)
_EXACT = 2**22  # up to here q - z is a float32, and rounding its product with s once gives what doubles give
_FINEST = 2.0**-30  # steps below this share of the largest value are finer than float32 itself


class Quantised(NamedTuple):
    """Symbols in the shape of the features (uint8 up to 8 bits, else uint16), step s and zero point z."""

    symbols: NDArray[Any]
    scale: float
    zero_point: int


def quantise(features: NDArray[np.float32], bits: int) -> Quantised:
    """Q-bit symbols of finite features of any shape, with the grid that leads back.

    The step never falls below 2^-30 of the largest magnitude, which is finer than float32 can tell apart;
    thus a constant comes back exactly and z fits 32 bits. No features, or all zero, give s = 1 and z = 0.

    Raises
    ------
    InputError : a value is nan or infinite.
    """
    flat = np.ascontiguousarray(features, dtype=np.float32).reshape(-1)
    low, high = finite_extremes(flat)
    scale, zero_point = _grid(low, high, bits)
    symbols = np.empty(flat.size, symbol_type(bits))
    inverse, top = 1.0 / scale, 2**bits - 1
    if round(high * inverse) + zero_point <= top:  # then no value leads beyond, and none below 0
        _round_inside(flat, inverse, np.int32(zero_point), symbols)
    else:
        _round(flat, inverse, float(zero_point), float(top), symbols)
    return Quantised(symbols.reshape(np.shape(features)), scale, zero_point)


def dequantise(symbols: NDArray[Any], scale: float, zero_point: int) -> NDArray[np.float32]:
    """Features (q - z) * s in float32, in the shape of the symbols (uint8 or uint16)."""
    if symbols.dtype.itemsize > 1:
        return _clip((symbols.astype(np.float64) - zero_point) * scale)
    features = np.empty(symbols.shape, np.float32)
    if abs(zero_point) < _EXACT and (255 + abs(zero_point)) * scale < _LARGEST:
        _scale(symbols.reshape(-1), np.float32(zero_point), np.float32(scale), features.reshape(-1))
        return features
    _look_up(symbols.reshape(-1), levels(8, scale, zero_point), features.reshape(-1))
    return features


def grid(features: NDArray[np.float32], bits: int) -> tuple[float, int]:
    """The step s and the zero point z for these features at Q bits."""
    low, high = finite_extremes(features)
    return _grid(low, high, bits)


def _grid(low: float, high: float, bits: int) -> tuple[float, int]:
    largest = max(-low, high)
    if largest == 0.0:
        return 1.0, 0
    step = max((high - low) / (2**bits - 1), largest * _FINEST, _SMALLEST_STEP)
    scale = float(np.float32(min(step, _LARGEST)))
    return scale, -round(low * (1.0 / scale))


def levels(bits: int, scale: float, zero_point: int) -> NDArray[np.float32]:
    """The 2^Q values that the symbols 0, 1, ... stand for."""
    return _clip((np.arange(2**bits, dtype=np.float64) - zero_point) * scale)


def rounding_bound(features: NDArray[np.float32], bits: int) -> float:
    """Largest error of quantising these features: s / 2, and what float32 itself cannot tell apart."""
    if not features.size:
        return 0.0
    low, high = float(features.min()), float(features.max())
    step = max(grid(features, bits)[0], (high - low) / (2**bits - 1))  # above float32's end s is cut short
    largest = max(-low, high)
    return step * (0.5 + 2.0**-20) + largest * 2.0**-22 + _SMALLEST_STEP


def symbol_type(bits: int) -> np.dtype[Any]:
    """uint8 up to 8 bits, else uint16."""
    return np.dtype(np.uint8 if bits <= 8 else np.uint16)


def write_grid(scale: float, zero_point: int) -> bytes:
    """s as float32 and z as int32: the 8 bytes that decoding needs."""
    return _GRID.pack(scale, zero_point)


def read_grid(body: memoryview) -> tuple[float, int]:
    """s and z from the front of a body; `PayloadError` where they cannot be right."""
    if len(body) < GRID_BYTES:
        raise PayloadError(f"the body is {len(body)} bytes; step and zero point alone take {GRID_BYTES}")
    scale, zero_point = _GRID.unpack_from(body)
    if not (math.isfinite(scale) and scale > 0.0):
        raise PayloadError(f"the payload is damaged: its quantisation step is {scale}")
    return scale, zero_point


def _clip(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.clip(values, -_LARGEST, _LARGEST).astype(np.float32)


@compiled
def _round(
    values: NDArray[np.float32], inverse: float, zero_point: float, top: float, symbols: NDArray[Any]
) -> None:
    for i in range(values.size):
        level = np.rint(np.float64(values[i]) * inverse) + zero_point
        symbols[i] = np.uint16(min(max(level, 0.0), top))


@compiled
def _round_inside(
    values: NDArray[np.float32], inverse: float, zero_point: np.int32, symbols: NDArray[Any]
) -> None:
    """As `_round` where no value leads out of range, about twice as fast."""
    for i in range(values.size):
        symbols[i] = np.int32(np.rint(np.float64(values[i]) * inverse)) + zero_point


@compiled
def _scale(
    symbols: NDArray[np.uint8], zero_point: np.float32, scale: np.float32, values: NDArray[np.float32]
) -> None:
    for i in range(symbols.size):
        values[i] = (np.float32(symbols[i]) - zero_point) * scale


@compiled
def _look_up(symbols: NDArray[np.uint8], table: NDArray[np.float32], values: NDArray[np.float32]) -> None:
    for i in range(symbols.size):
        values[i] = table[symbols[i]]
