"""How far decoded features are from the original ones; arrays of any but equal shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import InputError


def mse(original: ArrayLike, decoded: ArrayLike) -> float:
    """Mean squared error."""
    before, after = _pair(original, decoded)
    return float(np.mean((before - after) ** 2))


def relative_mse(original: ArrayLike, decoded: ArrayLike) -> float:
    """Mean squared error over the mean square of the original: 1 is as bad as sending zeros."""
    before, after = _pair(original, decoded)
    error, power = float(np.mean((before - after) ** 2)), float(np.mean(before**2))
    return error / power if power else (0.0 if error == 0 else math.inf)


def psnr(original: ArrayLike, decoded: ArrayLike, peak: float | None = None) -> float:
    """10 log10(peak^2 / mse) in dB; infinite where nothing is lost.

    `peak` is the range of the original (largest minus smallest) unless given, since features have no 255.
    """
    before, after = _pair(original, decoded)
    error = float(np.mean((before - after) ** 2))
    if error == 0:
        return math.inf
    top = float(np.ptp(before)) if peak is None else peak
    return 10 * math.log10(top**2 / error) if top else -math.inf


def cosine(original: ArrayLike, decoded: ArrayLike) -> float:
    """Cosine of the angle between the two seen as vectors, -1 to 1.

    Where both are zero it is 1; where one is, 0.
    """
    before, after = _pair(original, decoded)
    norms = float(np.linalg.norm(before)) * float(np.linalg.norm(after))
    if norms:
        return max(-1.0, min(1.0, float(np.dot(before, after)) / norms))
    return 1.0 if not before.any() and not after.any() else 0.0


def _pair(original: ArrayLike, decoded: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    before = np.asarray(original, dtype=np.float64)
    after = np.asarray(decoded, dtype=np.float64)
    if before.shape != after.shape:
        raise InputError(f"features of shape {before.shape} and {after.shape} cannot be compared")
    if not before.size:
        raise InputError("there are no features to compare: both are empty")
    return before.ravel(), after.ravel()
