"""Which samples have features alike, as numbers and as a picture: neighbours, principal components, t-SNE.

features (n, p) ─▶ gram (n, n) ─┬▶ distances ─▶ neighbours ─▶ shares that are kept
                                └▶ principal (n, dims) ─▶ tsne (n, 2)

All distances come from one product of the features with themselves, so p may be large.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import InputError
from workbench.metrics.cka import centred

STAGE = 250  # iterations between two reports, the fewest that scikit-learn takes
STAGES = 4
EXAGGERATION = 12.0
_WIDEST, _SKETCHED = 2**15, 2**14
Progress = Callable[[int, int, str], None]


def sketch(features: NDArray[np.float32], seed: int = 0) -> NDArray[np.float32]:
    """Features (n, p) as they are up to 32,768 of them; wider ones as 16,384 random signed sums.

    Distances stay as they are within about 1 % (Charikar, Chen, Farach-Colton, "Finding frequent items in
    data streams", 2002, for the sums); the same seed and width give the same sums.
    """
    width = features.shape[1]
    if width <= _WIDEST:
        return features
    draw = np.random.default_rng(seed)
    group = -(-width // _SKETCHED)
    places = draw.permutation(width)
    signs = draw.choice(np.array([-1, 1], np.float32), width)
    wide = np.zeros((len(features), _SKETCHED * group), np.float32)
    wide[:, :width] = features[:, places] * signs
    return wide.reshape(len(features), _SKETCHED, group).sum(axis=2)


def gram(features: ArrayLike) -> NDArray[np.float64]:
    """Products (n, n) of the centred features (n, p) with each other."""
    rows = np.asarray(features)
    if rows.ndim != 2 or not rows.size:
        raise InputError(f"features have shape {rows.shape}; (n, p) is needed")
    middle = centred(rows)
    return (middle @ middle.T).astype(np.float64)


def distances(products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distances (n, n) from `gram`; what is within its rounding is 0."""
    lengths = np.diag(products)
    squares = lengths[:, None] + lengths[None, :] - 2 * products
    squares[squares < 1e-6 * (lengths[:, None] + lengths[None, :])] = 0.0
    np.fill_diagonal(squares, 0.0)
    return np.sqrt(squares)


def principal(products: NDArray[np.float64], dims: int) -> NDArray[np.float32]:
    """Scores (n, dims) of the principal components from `gram`, largest first.

    The sign is such that the largest score of each is positive.
    """
    values, vectors = np.linalg.eigh(products)
    order = np.argsort(-values)[:dims]
    scores = vectors[:, order] * np.sqrt(np.maximum(values[order], 0.0))
    largest = scores[np.abs(scores).argmax(axis=0), np.arange(scores.shape[1])]
    return (scores * np.where(largest < 0, -1.0, 1.0)).astype(np.float32)


def neighbours(apart: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The nearest `count` others of each sample (n, count), nearest first; of equals the earlier one."""
    if not 1 <= count < len(apart):
        raise InputError(f"{count} nearest of {len(apart)} samples; 1 to {len(apart) - 1} are possible")
    others = apart.copy()
    np.fill_diagonal(others, np.inf)
    return np.argsort(others, axis=1, kind="stable")[:, :count]


def neighbours_kept(original: NDArray[np.intp], other: NDArray[np.intp]) -> float:
    """Share of the neighbours (n, k) of the one that are among those of the other, over all samples."""
    if original.shape != other.shape:
        raise InputError(f"neighbours of shape {original.shape} and {other.shape} cannot be compared")
    kept = (original[:, :, None] == other[:, None, :]).any(axis=2)
    return float(kept.mean())


def class_agreement(nearest: NDArray[np.intp], labels: NDArray[Any]) -> float:
    """Share of the neighbours (n, k) that have the class of the sample."""
    return float((labels[nearest] == labels[:, None]).mean())


def trustworthiness(apart: NDArray[np.float64], points: NDArray[Any], count: int) -> float:
    """How far the nearest `count` in the picture are near in the features too, 0 to 1; count below n / 2.

    Source: Venna, Kaski, "Neighborhood preservation in nonlinear projection methods", ICANN 2001; computed by
    scikit-learn.
    """
    from sklearn.manifold import trustworthiness as of_points

    return float(of_points(apart, points, n_neighbors=count, metric="precomputed"))


def tsne(
    scores: NDArray[np.float32],
    start: NDArray[np.float32],
    *,
    perplexity: float,
    seed: int,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Points (n, 2) by scikit-learn's Barnes-Hut t-SNE from `start` (n, 2), which is not changed.

    It runs in four stages of 250 iterations, the first exaggerated, each from where the last one ended, so
    that progress(done, total, what) can tell of it and may raise between two.

    Source: van der Maaten, "Accelerating t-SNE using tree-based algorithms", JMLR 15, 2014.
    """
    from sklearn.manifold import TSNE

    points = np.array(start, np.float32)
    for stage in range(STAGES):
        if progress is not None:
            progress(stage, STAGES, "t-SNE")
        solver = TSNE(
            2, perplexity=perplexity, init=points.copy(), random_state=seed, max_iter=STAGE,
            early_exaggeration=EXAGGERATION if stage == 0 else 1.0,
            learning_rate=max(len(scores) / (4 * (EXAGGERATION if stage == 0 else 1.0)), 50.0),
        )  # fmt: skip
        points = solver.fit_transform(scores)
    return points


def first_points(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where t-SNE starts: the first two principal components, the first with a deviation of 0.0001."""
    two = np.zeros((len(scores), 2), np.float32)
    two[:, : min(2, scores.shape[1])] = scores[:, :2]
    spread = float(two[:, 0].std())
    return two * np.float32(1e-4 / spread) if spread else two
