"""Metrics against values worked by hand."""

import math

import numpy as np
import pytest

from workbench import metrics
from workbench.errors import InputError


def test_rate_by_hand():
    assert metrics.bits_per_element(1000, 4000) == 2.0
    assert metrics.bits_per_pixel(448, 32, 32) == 3.5
    assert metrics.times_smaller(4000, 500) == 8.0


@pytest.mark.parametrize("call", [(metrics.bits_per_element, 1, 0), (metrics.bits_per_pixel, -1, 2, 2)])
def test_rate_of_nothing_is_refused(call):
    with pytest.raises(InputError):
        call[0](*call[1:])


def test_distortion_by_hand():
    before, after = [[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 2.0]]
    assert metrics.mse(before, after) == 1.0  # 4 / 4
    assert metrics.relative_mse(before, after) == pytest.approx(1 / 7.5)  # mean square 30 / 4
    assert metrics.psnr(before, after) == pytest.approx(10 * math.log10(9))  # range 3
    assert metrics.psnr(before, after, peak=10) == pytest.approx(20)
    assert metrics.cosine(before, after) == pytest.approx(22 / math.sqrt(30 * 18))


def test_distortion_of_equal_and_of_zero_features():
    ones, zeros = np.ones(4, np.float32), np.zeros(4, np.float32)
    assert metrics.mse(ones, ones) == 0 and metrics.psnr(ones, ones) == math.inf
    assert metrics.cosine(ones, -ones) == -1.0
    assert metrics.cosine(zeros, zeros) == 1.0 and metrics.cosine(ones, zeros) == 0.0
    assert metrics.relative_mse(ones, zeros) == 1.0 and metrics.relative_mse(zeros, zeros) == 0.0
    assert metrics.relative_mse(zeros, ones) == math.inf
    assert metrics.psnr(ones, zeros) == -math.inf  # a constant has no range to compare with


def test_float32_features_are_summed_in_double():
    large = np.full(1_000_000, 1e4, np.float32)
    assert metrics.mse(large, large + np.float32(1)) == 1.0


def test_features_of_other_shape_or_none_are_refused():
    with pytest.raises(InputError, match=r"\(2,\) and \(3,\)"):
        metrics.mse([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="empty"):
        metrics.cosine([], [])


def test_wilson_against_a_published_value():
    # Newcombe, Statistics in Medicine 17, 1998, table I: 81/263 gives .2553 to .3662; 0/20 gives 0 to .1611
    share = metrics.wilson(81, 263)
    assert (round(share.low, 4), round(share.high, 4)) == (0.2553, 0.3662)
    assert round(metrics.wilson(0, 20).high, 4) == 0.1611 and metrics.wilson(0, 20).low == 0
    assert metrics.wilson(29, 29).high == 1.0
    with pytest.raises(InputError):
        metrics.wilson(0, 0)
    with pytest.raises(InputError):
        metrics.wilson(3, 2)


BEFORE = [[3, 2, 1], [1, 3, 2], [0, 1, 5], [9, 0, 0]]
AFTER = [[3, 2, 1], [3, 2, 1], [4, 2, 3], [0, 8, 9]]


def test_agreement_by_hand():
    assert metrics.agreement(BEFORE, AFTER)[:1] == (0.25,)
    assert metrics.agreement(BEFORE, AFTER, top=2).hits == 3
    assert metrics.agreement(BEFORE, AFTER, top=5).value == 1.0


def test_accuracy_by_hand():
    assert metrics.accuracy(AFTER, [0, 0, 2, 1]).value == 0.5
    assert metrics.accuracy(AFTER, [0, 0, 2, 1], top=2).value == 1.0


def test_of_equal_scores_the_lower_class_is_first():
    assert metrics.best([[1, 1, 1]], 3).tolist() == [[0, 1, 2]]


def test_probabilities_do_not_overflow():
    assert metrics.probabilities([[1000, 1000]]).tolist() == [[0.5, 0.5]]
    assert metrics.probabilities([[0, math.log(3)]])[0] == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 1, 2, 3], [0, 1, 2, -1], [0.0, 1.0, 1.0, 1.0]])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(InputError, match="label"):
        metrics.accuracy(AFTER, labels)


def test_answers_that_are_no_scores_are_refused():
    with pytest.raises(InputError, match="one row of class scores"):
        metrics.best([1, 2, 3], 1)
    with pytest.raises(InputError, match="cannot be compared"):
        metrics.agreement(BEFORE, AFTER[:2])
    with pytest.raises(InputError, match="top is 0"):
        metrics.agreement(BEFORE, AFTER, top=0)
