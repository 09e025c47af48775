"""Does the network still give the same answer (fidelity), and the right one (accuracy)?

Scores are arrays (n, classes), one row a picture: logits or probabilities, only their order counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import InputError
from workbench.fidelity_records import Share


def wilson(hits: int, n: int, z: float = 1.959964) -> Share:
    """A share with its score interval; z is the quantile of the normal distribution, 1.96 for 95 %.

    References
    ----------
    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927.
    """
    if not (n > 0 and 0 <= hits <= n):
        raise InputError(f"{hits} of {n} is no share; at least one picture is needed")
    share, scale = hits / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = 0.0 if hits == 0 else centre - half, 1.0 if hits == n else centre + half
    return Share(share, low, high, hits, n)


def agreement(before: ArrayLike, after: ArrayLike, top: int = 1) -> Share:
    """Share of pictures whose best class before is among the best `top` classes after."""
    first, second = _scores(before), _scores(after)
    if first.shape != second.shape:
        raise InputError(f"answers of shape {first.shape} and {second.shape} cannot be compared")
    return _found(best(first, 1)[:, 0], second, top)


def accuracy(scores: ArrayLike, labels: Sequence[int] | NDArray[Any], top: int = 1) -> Share:
    """Share of pictures whose label is among the best `top` classes."""
    answers, right = _scores(scores), np.asarray(labels)
    if right.shape != (len(answers),):
        raise InputError(f"{len(answers)} answers need as many labels, not {right.size}")
    if right.dtype.kind not in "iu" or right.min() < 0 or right.max() >= answers.shape[1]:
        raise InputError(f"labels are class numbers from 0 to {answers.shape[1] - 1}")
    return _found(right, answers, top)


def best(scores: ArrayLike, count: int) -> NDArray[np.intp]:
    """The best `count` classes of each row, best first; of equal scores the lower class number first."""
    answers = _scores(scores)
    return np.argsort(-answers, axis=1, kind="stable")[:, :count]


def probabilities(logits: ArrayLike) -> NDArray[np.float64]:
    """Softmax of each row."""
    answers = _scores(logits)
    shifted = np.exp(answers - answers.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _found(wanted: NDArray[Any], answers: NDArray[np.float64], top: int) -> Share:
    if top < 1:
        raise InputError(f"top is {top}; it must be at least 1")
    hits = (best(answers, top) == wanted[:, None]).any(axis=1)
    return wilson(int(hits.sum()), len(hits))


def _scores(scores: ArrayLike) -> NDArray[np.float64]:
    answers = np.asarray(scores, dtype=np.float64)
    if answers.ndim != 2 or not answers.size:
        raise InputError(f"answers have shape {answers.shape}; one row of class scores a picture is needed")
    return answers
