"""The same numbers as `distortion` and `fidelity`, one for each sample of a batch: arrays (n, *shape)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import InputError
from workbench.metrics.fidelity import probabilities

Row = NDArray[np.float64]


class Distortions(NamedTuple):
    """One value a sample, each (n,); see `metrics.mse`, `relative_mse`, `psnr` and `cosine`."""

    mse: Row
    relative_mse: Row
    psnr: Row
    cosine: Row


def distortions(original: ArrayLike, decoded: ArrayLike) -> Distortions:
    """How far each decoded sample is from its original; PSNR is over the range of that original sample."""
    before, after = pair(original, decoded)
    before, after = before.reshape(len(before), -1), after.reshape(len(after), -1)
    power, error = _mean_square(before), _mean_square(before - after)
    reach = np.ptp(before, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(power > 0, error / power, np.where(error > 0, np.inf, 0.0))
        psnr = np.where(error > 0, 20 * np.log10(reach) - 10 * np.log10(error), np.inf)
    return Distortions(error, relative, psnr, _cosines(before, after))


def token_cosine(original: ArrayLike, decoded: ArrayLike) -> NDArray[np.float64]:
    """Cosine of each token (n, N) of token features (n, N, D)."""
    before, after = pair(original, decoded)
    if before.ndim != 3:
        raise InputError(f"token features are (n, N, D), not {before.shape}")
    return _cosines(before, after)


def divergence(before: ArrayLike, after: ArrayLike) -> Row:
    """KL(before || after) in nat of the answers, one a row; logits (n, classes).

    The logarithms are taken of the logits themselves, so that no probability is rounded to zero.
    """
    first, second = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if first.shape != second.shape:
        raise InputError(f"answers of shape {first.shape} and {second.shape} cannot be compared")
    chances = probabilities(first)
    found = (chances * (_log_softmax(first) - _log_softmax(second))).sum(axis=1)
    return np.maximum(found, 0.0)


def pair(original: ArrayLike, decoded: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two batches as float64.

    Raises
    ------
    InputError : another shape, no sample, or no values.
    """
    before, after = np.asarray(original, np.float64), np.asarray(decoded, np.float64)
    if before.shape != after.shape:
        raise InputError(f"features of shape {before.shape} and {after.shape} cannot be compared")
    if before.ndim < 2 or not before.size:
        raise InputError(f"features have shape {before.shape}; a batch (n, ...) with values is needed")
    return before, after


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _mean_square(values: NDArray[np.float64]) -> Row:
    return np.einsum("...i,...i->...", values, values) / values.shape[-1]


def _cosines(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    """Along the last axis; 1 where both are zero, 0 where one is."""
    product = np.einsum("...i,...i->...", before, after)
    first, second = np.linalg.norm(before, axis=-1), np.linalg.norm(after, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.clip(product / first / second, -1.0, 1.0)
    return np.where((first > 0) & (second > 0), cosine, ((first == 0) & (second == 0)).astype(np.float64))
