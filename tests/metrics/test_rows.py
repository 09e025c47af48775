"""One number a sample: against the whole-array metrics, and against values worked by hand."""

import math

import numpy as np
import pytest

from workbench import metrics
from workbench.errors import InputError


def batch(shape, seed=7):
    draw = np.random.default_rng(seed)
    before = draw.normal(size=shape).astype(np.float32)
    return before, before + draw.normal(scale=0.3, size=shape).astype(np.float32)


def test_each_sample_has_the_number_that_it_has_alone():
    before, after = batch((5, 3, 4, 6))
    found = metrics.distortions(before, after)
    for at in range(5):
        alone = before[at], after[at]
        assert found.mse[at] == pytest.approx(metrics.mse(*alone), rel=1e-12)
        assert found.relative_mse[at] == pytest.approx(metrics.relative_mse(*alone), rel=1e-12)
        assert found.psnr[at] == pytest.approx(metrics.psnr(*alone), rel=1e-12)
        assert found.cosine[at] == pytest.approx(metrics.cosine(*alone), rel=1e-12)


def test_equal_zero_and_constant_samples():
    before = np.array([[1.0, -1.0], [0.0, 0.0], [0.0, 0.0], [2.0, 2.0]])
    after = np.array([[1.0, -1.0], [0.0, 0.0], [3.0, 4.0], [1.0, 1.0]])
    found = metrics.distortions(before, after)
    assert found.mse.tolist() == [0, 0, 12.5, 1]
    assert found.relative_mse.tolist() == [0, 0, math.inf, 0.25]
    assert found.psnr.tolist() == [math.inf, math.inf, -math.inf, -math.inf]  # a constant has no range
    assert found.cosine.tolist() == pytest.approx([1, 1, 0, 1], abs=1e-12)


def test_cosine_of_tokens_by_hand():
    before = np.array([[[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]])
    after = np.array([[[0.0, 2.0], [3.0, 3.0], [0.0, 0.0]]])
    assert metrics.token_cosine(before, after)[0] == pytest.approx([0, 1, 1])
    with pytest.raises(InputError, match=r"\(n, N, D\)"):
        metrics.token_cosine(before[0], after[0])


def test_divergence_by_hand():
    # p = (1/2, 1/2), q = (3/4, 1/4): KL = ln(2/3) / 2 + ln(2) / 2 = ln(4/3) / 2
    p, q = np.log([[0.5, 0.5]]), np.log([[0.75, 0.25]])
    assert metrics.divergence(p, q) == pytest.approx([math.log(4 / 3) / 2])
    assert metrics.divergence(q, q).tolist() == [0.0]
    assert metrics.divergence(p, p + 5).tolist() == [0.0]  # logits are the same up to a constant


def test_divergence_agrees_with_scipy_and_stays_finite():
    from scipy.special import softmax
    from scipy.stats import entropy

    draw = np.random.default_rng(3)
    before, after = draw.normal(size=(2, 6, 10))
    expected = entropy(softmax(before, axis=1), softmax(after, axis=1), axis=1)
    assert metrics.divergence(before, after) == pytest.approx(expected, rel=1e-9)
    assert metrics.divergence([[0.0, 1000.0]], [[1000.0, 0.0]]) == pytest.approx([1000.0])


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match=r"\(2, 3\) and \(2, 4\)"):
        metrics.distortions(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(InputError, match="batch"):
        metrics.distortions(np.ones(3), np.ones(3))
    with pytest.raises(InputError, match="cannot be compared"):
        metrics.divergence([[1, 2]], [[1, 2, 3]])
