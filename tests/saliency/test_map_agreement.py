"""The agreement of two maps against numbers worked out by hand."""

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.saliency.agreement import agreement, iou, pearson

RAMP = np.arange(100.0).reshape(10, 10)


def test_a_map_agrees_with_itself_and_with_itself_scaled():
    for other in (RAMP, 3 * RAMP - 7, RAMP.astype(np.float32)):
        found = agreement(RAMP, other)
        assert (found.pearson, found.iou_top20, found.peak_shift_pixels, found.notes) == (1.0, 1.0, 0.0, ())


def test_the_opposite():
    found = agreement(RAMP, -RAMP)
    assert found.pearson == -1.0
    assert found.iou_top20 == 0.0
    assert found.peak_shift_pixels == pytest.approx(9 * 2**0.5)


def test_pearson_is_numpys():
    draw = np.random.default_rng(7)
    one, two = draw.normal(size=(2, 12, 9))
    assert pearson(one, two) == pytest.approx(np.corrcoef(one.ravel(), two.ravel())[0, 1], abs=1e-12)


def test_the_top_fifth_by_hand():
    """20 of 100 places each, 10 of them shared: 10 of 30."""
    one, two = np.zeros((10, 10)), np.zeros((10, 10))
    one[0:2], two[1:3] = 1.0, 1.0
    one += 0.001 * RAMP / 100
    two += 0.001 * RAMP / 100
    assert iou(one, two) == pytest.approx(10 / 30)


def test_a_map_that_speaks_of_few_places_has_only_those_on_top():
    """4 % of one map are above zero, and all of them are among the 20 % of the other."""
    few = np.zeros((10, 10))
    few[9, 6:] = 1.0
    assert iou(few, RAMP) == pytest.approx(4 / 20)


def test_the_peak_moves_by_the_straight_way():
    one, two = np.zeros((20, 30)), np.zeros((20, 30))
    one[2, 3], two[5, 7] = 1.0, 1.0
    assert agreement(one, two).peak_shift_pixels == 5.0


@pytest.mark.parametrize(
    ("one", "two", "words"),
    [
        (np.zeros((4, 4)), RAMP[:4, :4], "the first map is constant"),
        (RAMP[:4, :4], np.full((4, 4), 0.3), "the second map is constant"),
        (np.ones((4, 4)), np.zeros((4, 4)), "both maps are constant"),
        (np.ones((1, 1)), np.zeros((1, 1)), "both maps are constant"),
    ],
)
def test_constants_have_no_numbers_but_a_note(one, two, words):
    found = agreement(one, two)
    assert (found.pearson, found.iou_top20, found.peak_shift_pixels) == (None, None, None)
    assert found.notes == (f"{words}: nothing there to compare",)


def test_what_cannot_be_compared():
    with pytest.raises(InputError, match=r"shapes \(4, 4\) and \(4, 5\)"):
        agreement(np.zeros((4, 4)), np.zeros((4, 5)))
    with pytest.raises(InputError, match="no numbers"):
        agreement(np.full((2, 2), np.nan), np.zeros((2, 2)))
