"""The digits' split: fixed by its seed, stratified, nothing in both halves, and the pictures upright."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from workbench.errors import SettingError
from workbench.pictures.digits import digits_split


def test_every_digit_is_in_one_half_only():
    split = digits_split()
    rows = np.concatenate([split.train.rows, split.test.rows])
    assert sorted(rows) == list(range(1797))
    assert (len(split.train), len(split.test)) == (1347, 450)
    shares = np.bincount(split.test.labels) / np.bincount(load_digits().target)
    assert np.all(abs(shares - 0.25) < 0.01)


def test_the_seed_decides():
    first = digits_split(0).test.rows
    digits_split.cache_clear()
    assert np.array_equal(digits_split(0).test.rows, first)
    assert not np.array_equal(digits_split(1).test.rows, first)


def test_pictures_are_the_digits_enlarged():
    test, original = digits_split().test, load_digits()
    assert test.images.dtype == np.uint8 and test.images.shape == (450, 32, 32, 3)
    assert np.array_equal(test.labels, original.target[test.rows])
    grey = test.images[..., 0].astype(float)
    assert np.array_equal(test.images[..., 0], test.images[..., 2])
    small = grey.reshape(450, 8, 4, 8, 4).mean((2, 4)) * 16 / 255
    error = abs(small - original.images[test.rows])
    assert error.mean() < 1.0 and np.corrcoef(small.ravel(), original.images[test.rows].ravel())[0, 1] > 0.98
    assert test.images.max() == 255 and test.images.min() == 0


def test_nobody_can_write_into_the_shared_arrays():
    with pytest.raises(ValueError, match="read-only"):
        digits_split().train.images[0] = 0


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True, None])
def test_seeds_that_are_none(seed):
    with pytest.raises(SettingError, match="the seed is"):
        digits_split(seed)
