"""Neighbours, components and points against scikit-learn, and against cases worked by hand."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from workbench.errors import Cancelled, InputError
from workbench.metrics import embedding


def clouds(count=60, width=200, seed=7):
    """Three clouds far apart, and the cloud of each sample."""
    draw = np.random.default_rng(seed)
    label = np.arange(count) % 3
    centre = 10 * draw.normal(size=(3, width))
    return (centre[label] + draw.normal(size=(count, width))).astype(np.float32), label


def test_components_are_those_of_scikit_learn():
    features, _ = clouds()
    ours = embedding.principal(embedding.gram(features), 10)
    theirs = PCA(10, svd_solver="full").fit_transform(features.astype(np.float64))
    assert np.abs(np.abs(ours) - np.abs(theirs)).max() < 2e-3 * np.abs(theirs).max()
    assert (ours[np.abs(ours).argmax(axis=0), range(10)] > 0).all()


def test_distances_and_neighbours_are_those_of_scikit_learn():
    features, _ = clouds()
    apart = embedding.distances(embedding.gram(features))
    expected, places = NearestNeighbors(n_neighbors=5).fit(features).kneighbors()
    found = embedding.neighbours(apart, 5)
    assert np.take_along_axis(apart, found, axis=1) == pytest.approx(expected, rel=1e-3)
    assert (found == places).mean() > 0.99


def test_equal_samples_are_no_distance_apart():
    features = np.full((6, 1000), 1e3, np.float32)
    features[:3] += np.random.default_rng(1).normal(size=1000).astype(np.float32)
    apart = embedding.distances(embedding.gram(features))
    assert apart[:3, :3].max() == 0 == apart[3:, 3:].max() and apart[:3, 3:].min() > 1


def test_shares_by_hand():
    before, after = np.array([[1, 2], [0, 2], [1, 0]]), np.array([[2, 1], [2, 3], [3, 4]])
    assert embedding.neighbours_kept(before, after) == 3 / 6
    assert embedding.class_agreement(before, np.array([0, 0, 1])) == 2 / 6
    with pytest.raises(InputError, match="cannot be compared"):
        embedding.neighbours_kept(before, after[:2])
    with pytest.raises(InputError, match="1 to 2 are possible"):
        embedding.neighbours(np.zeros((3, 3)), 3)


def test_trustworthiness_is_that_of_the_features_themselves():
    features, _ = clouds()
    points = np.random.default_rng(3).normal(size=(60, 2))
    apart = embedding.distances(embedding.gram(features))
    assert embedding.trustworthiness(apart, points, 7) == pytest.approx(
        trustworthiness(features, points, n_neighbors=7), abs=1e-3
    )


def test_points_keep_clouds_apart_and_leave_the_start_alone():
    features, label = clouds()
    products = embedding.gram(features)
    start = embedding.first_points(embedding.principal(products, 2))
    assert start[:, 0].std() == pytest.approx(1e-4)
    kept = start.copy()
    heard = []
    points = embedding.tsne(
        embedding.principal(products, 20),
        start,
        perplexity=10,
        seed=0,
        progress=lambda *said: heard.append(said),
    )
    assert points.shape == (60, 2) and np.isfinite(points).all() and np.array_equal(start, kept)
    nearest = embedding.neighbours(embedding.distances(embedding.gram(points)), 5)
    assert embedding.class_agreement(nearest, label) == 1.0
    assert heard == [(stage, 4, "t-SNE") for stage in range(4)]


def test_a_cancel_between_stages_ends_it():
    features, _ = clouds()
    stages = []

    def stop(done, total, what):
        stages.append(done)
        if done == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        embedding.tsne(features, np.zeros((60, 2), np.float32), perplexity=5, seed=0, progress=stop)
    assert stages == [0, 1, 2]


def test_wide_features_become_sums_that_keep_distances():
    draw = np.random.default_rng(1)
    wide = draw.normal(size=(12, 40_000)).astype(np.float32)
    few = embedding.sketch(wide)
    assert few.shape == (12, 16_384) and np.array_equal(few, embedding.sketch(wide))
    before, after = (embedding.distances(embedding.gram(one)) for one in (wide, few))
    others = ~np.eye(12, dtype=bool)
    assert np.abs(after[others] / before[others] - 1).max() < 0.04
    assert embedding.sketch(wide[:, :500]) is not None and embedding.sketch(wide[:, :500]).shape == (12, 500)
