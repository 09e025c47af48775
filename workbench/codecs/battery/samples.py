"""Feature maps that codecs get wrong: the inputs of the battery. All are made here, none is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def smooth_map(shape: tuple[int, int, int] = (6, 8, 10), *, seed: int = 7) -> NDArray[np.float32]:
    """A ReLU map (C, H, W) with the smoothness of a trained network's: about half zeros, long tail."""
    rng = np.random.default_rng(seed)
    channels, height, width = shape
    noise = rng.normal(size=(channels, height + 2, width + 2))
    blurred = sum(noise[:, i : i + height, j : j + width] for i in range(3) for j in range(3)) / 3.0
    scaled = blurred * rng.uniform(0.5, 2.0, size=(channels, 1, 1))
    return np.maximum(scaled, 0.0).astype(np.float32)


def ordinary() -> dict[str, NDArray[Any]]:
    """Features that every codec must take, by name."""
    relu = smooth_map()
    signed = np.random.default_rng(8).normal(size=(4, 6, 5)).astype(np.float32)
    sparse = np.where(np.random.default_rng(9).random((5, 7, 9)) < 0.03, 2.5, 0.0).astype(np.float32)
    return {
        "relu": relu,
        "signed": signed,
        "tokens": signed.reshape(10, 12) * np.linspace(0.2, 3.0, 12, dtype=np.float32),
        "batch": np.stack([signed, -2.0 * signed]),
        "sparse": sparse,
        "positive": np.abs(signed) + np.float32(10),
        "negative": -np.abs(signed) - np.float32(10),
        "prime length": signed.reshape(-1)[:113].copy(),
        "constant": np.full((3, 4, 5), 1.75, np.float32),
        "negative constant": np.full((2, 3), -0.3, np.float32),
        "zero": np.zeros((3, 4, 5), np.float32),
        "minus zero": np.full((2, 2), -0.0, np.float32),
        "one element": np.array([[[1.5]]], np.float32),
        "no axes": np.array(-2.25, np.float32),
        "two values": np.array([0.0, 1.0], np.float32),
        "empty": np.empty((0,), np.float32),
        "empty axis": np.empty((3, 0, 5), np.float32),
        "float16": relu.astype(np.float16),
        "float64": signed.astype(np.float64) / 3,
        "transposed": relu.transpose(2, 0, 1),
        "every other": signed[:, ::2, ::-1],
        "Fortran order": np.asfortranarray(relu),
        "big endian": signed.astype(">f4"),
        "eight axes": signed.reshape(1, 2, 2, 1, 6, 1, 5, 1),
    }


def extreme() -> dict[str, NDArray[Any]]:
    """Features that a codec may refuse with an `InputError`, but must not get wrong."""
    largest = float(np.finfo(np.float32).max)
    return {
        "largest": np.array([-largest, 0.0, largest], np.float32),
        "subnormal": np.array([1e-45, 0.0, -3e-42, 1e-39], np.float32),
        "wide range": np.array([1e-30, 1.0, 1e30, -1e20], np.float32),
        "far from zero": np.array([1e6, 1e6 + 1, 1e6 + 0.5], np.float32),
        "float16 ends": np.array([65504.0, -65504.0, 6e-8], np.float16),
    }


def refused() -> dict[str, Any]:
    """What is no feature map: every codec must answer with an `InputError`."""
    return {
        "nan": np.array([0.0, np.nan], np.float32),
        "infinity": np.array([0.0, -np.inf], np.float32),
        "beyond float32": np.array([1e300]),
        "whole numbers": np.arange(5),
        "truth values": np.ones(3, bool),
        "complex numbers": np.ones(3, np.complex64),
        "text": "features",
        "ragged list": [[1.0], [1.0, 2.0]],
        "nothing": None,
        "nine axes": np.zeros((1,) * 9, np.float32),
        "too many values": np.broadcast_to(np.float32(1), (2**15, 2**15)),
    }
