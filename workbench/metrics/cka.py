"""Linear centred kernel alignment of two sets of features of the same samples, whole or batch by batch.

    X (n, p), Y (n, q) ─▶ K = X X', L = Y Y' ─▶ HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))

Sources: Kornblith, Norouzi, Lee, Hinton, "Similarity of neural network representations revisited", ICML 2019,
for the biased estimate; Song et al., "Feature selection via dependence maximization", JMLR 13, 2012, for the
unbiased HSIC; Nguyen, Raghu, Kornblith, "Do wide and deep networks learn the same things?", ICLR 2021, for
averaging the unbiased one over batches.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import InputError

_ROUNDING = 1e-6
FEWEST = 4  # samples that the unbiased estimate needs


def linear_cka(first: ArrayLike, second: ArrayLike, *, unbiased: bool = True) -> float | None:
    """Likeness of the two (n, ...) up to rotation and scale: 1 the same, 0 nothing in common.

    The biased estimate lies between 0 and 1 and is too high for few samples of many features; the unbiased
    one is right in the mean and can fall below 0. None where one of the two is the same for all samples.

    Raises
    ------
    InputError : fewer than 4 samples (biased: 2), or different numbers of them.
    """
    one, other = _kernel(first), _kernel(second)
    if len(one) != len(other):
        raise InputError(f"CKA compares the same samples; here are {len(one)} and {len(other)}")
    if len(one) < (FEWEST if unbiased else 2):
        raise InputError(f"CKA of {len(one)} samples; at least {FEWEST if unbiased else 2} are needed")
    hsic = _unbiased if unbiased else _biased
    return _ratio(hsic(one, other), hsic(one, one), hsic(other, other))


class BatchedCka:
    """Unbiased linear CKA over batches: add each batch, then ask for `value`; nothing is kept of a batch.

    Over several batches it is the ratio of the mean HSICs. Batches must be random draws of the samples:
    sorted by class, each would hold a single class.
    """

    def __init__(self) -> None:
        self._sums = np.zeros(3)
        self.batches = 0

    def add(self, first: ArrayLike, second: ArrayLike) -> None:
        """One batch of both, (n, ...), n at least 4."""
        one, other = _kernel(first), _kernel(second)
        if len(one) != len(other) or len(one) < FEWEST:
            raise InputError(
                f"CKA: batches of {len(one)} and {len(other)} samples; the same {FEWEST} or more are needed"
            )
        self._sums += _unbiased(one, other), _unbiased(one, one), _unbiased(other, other)
        self.batches += 1

    @property
    def value(self) -> float | None:
        """Of all batches; None where there was none, or one side is the same for all samples."""
        return _ratio(*self._sums) if self.batches else None


def batch_sizes(samples: int, most: int) -> tuple[int, ...]:
    """So many samples in as few batches of at most `most` as there can be, each as large as the others."""
    count = max(1, math.ceil(samples / most))
    return tuple(samples * (at + 1) // count - samples * at // count for at in range(count))


def _kernel(features: ArrayLike) -> NDArray[np.float64]:
    """X X' of the centred features; in float32 where they are, as products of so many values take long."""
    rows = np.asarray(features)
    if rows.ndim < 1 or not rows.size:
        raise InputError(f"CKA of features of shape {rows.shape}; (n, ...) with values is needed")
    middle = centred(rows.reshape(len(rows), -1))
    return (middle @ middle.T).astype(np.float64)


def centred(rows: NDArray[Any]) -> NDArray[Any]:
    """Rows (n, p) less their mean; all zero where they differ by no more than rounding does."""
    middle = rows - rows.mean(axis=0, dtype=np.float64).astype(rows.dtype)
    if np.abs(middle).max() <= _ROUNDING * np.abs(rows).max():
        return np.zeros_like(middle)
    return middle


def _biased(one: NDArray[Any], other: NDArray[Any]) -> float:
    """tr(K L) of kernels of centred features, which are centred themselves."""
    return float((one * other).sum())


def _unbiased(one: NDArray[Any], other: NDArray[Any]) -> float:
    count = len(one)
    first, second = (kernel - np.diag(np.diag(kernel)) for kernel in (one, other))
    sums_1, sums_2 = first.sum(axis=0), second.sum(axis=0)
    total = (
        (first * second).sum()
        + sums_1.sum() * sums_2.sum() / ((count - 1) * (count - 2))
        - 2 * (sums_1 @ sums_2) / (count - 2)
    )
    return float(total / (count * (count - 3)))


def _ratio(shared: float, first: float, second: float) -> float | None:
    if min(first, second) <= 0:
        return None
    return float(max(-1.0, min(1.0, shared / math.sqrt(first) / math.sqrt(second))))
