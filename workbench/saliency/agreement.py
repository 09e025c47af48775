"""How far two maps of the same picture agree: plain numbers, no torch."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InputError
from workbench.saliency_records import MapAgreement

TOP = 0.2


def agreement(first: NDArray[np.floating], second: NDArray[np.floating]) -> MapAgreement:
    """Pearson's correlation, overlap of the top 20 % and distance of the peaks of two maps (h, w).

    A constant map has none of the three, and a note says which one it is.

    Raises
    ------
    InputError : shapes that differ, or values that are no numbers.
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != two.shape or one.ndim != 2 or not one.size:
        raise InputError(
            f"maps have shapes {one.shape} and {two.shape}; two of the same (h, w) can be compared"
        )
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise InputError("a map holds values that are no numbers; nothing can be compared with it")
    flat = [name for name, values in (("first", one), ("second", two)) if np.ptp(values) == 0]
    if flat:
        both = "both maps are" if len(flat) == 2 else f"the {flat[0]} map is"
        return MapAgreement(None, None, None, (f"{both} constant: nothing there to compare",))
    shift = np.subtract(_peak(one), _peak(two))
    return MapAgreement(pearson(one, two), iou(one, two), float(np.hypot(*shift)))


def pearson(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Correlation of two maps that are not constant, -1 to 1.

    >>> pearson(np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([[3.0, 2.0], [1.0, 0.0]]))
    -1.0
    """
    one, two = (values - values.mean() for values in (np.asarray(first), np.asarray(second)))
    return float(np.clip((one * two).sum() / math.sqrt((one**2).sum() * (two**2).sum()), -1.0, 1.0))


def iou(first: NDArray[np.floating], second: NDArray[np.floating], top: float = TOP) -> float:
    """Intersection over union of the places that hold the largest `top` share of each, 0 to 1."""
    one, two = _largest(first, top), _largest(second, top)
    return float((one & two).sum() / (one | two).sum())


def _largest(values: NDArray[np.floating], top: float) -> NDArray[np.bool_]:
    """Those places, and all that tie with the last of them, but none that holds the smallest value."""
    count = math.ceil(top * values.size)
    threshold = np.partition(values, values.size - count, axis=None)[values.size - count]
    return (values >= threshold) & (values > values.min())


def _peak(values: NDArray[np.floating]) -> tuple[int, int]:
    return divmod(int(values.argmax()), values.shape[1])
