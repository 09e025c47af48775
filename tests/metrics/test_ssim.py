"""SSIM of many maps at once has scikit-image's numbers, its documented examples among them."""

import numpy as np
import pytest
import skimage.data
from skimage.metrics import structural_similarity

from workbench import metrics
from workbench.errors import InputError


@pytest.mark.parametrize(
    ("shape", "window"),
    [((3, 5, 8, 8), 7), ((2, 3, 9, 16), 7), ((2, 4, 4, 4), 3), ((2, 2, 6, 5), 5), ((1, 2, 3, 3), 3)],
)
def test_every_map_is_as_scikit_image_has_it(shape, window):
    draw = np.random.default_rng(7)
    before = draw.normal(size=shape)  # half of it negative
    after = before + draw.normal(scale=0.4, size=shape)
    assert metrics.window_for(*shape[2:]) == window
    found = metrics.ssim_maps(before, after)
    for sample in range(shape[0]):
        reach = np.ptp(before[sample])
        expected = [
            structural_similarity(one, other, win_size=window, data_range=reach)
            for one, other in zip(before[sample], after[sample], strict=True)
        ]
        assert found[sample] == pytest.approx(expected, abs=1e-12)


def test_the_value_that_scikit_image_keeps_of_its_version_0_17():
    """`mssim_skimage_0pt17` in its test_structural_similarity.py: the camera with noise of 20, seed 5."""
    camera = skimage.data.camera()
    noise = 20.0 * np.random.RandomState(5).randn(*camera.shape)
    noisy = np.clip(camera + noise, 0, 255).astype(camera.dtype)
    found = metrics.ssim_maps(camera[None, None], noisy[None, None], data_range=255)
    assert found[0, 0] == pytest.approx(0.3674518327910367, abs=1e-12)


def test_blocks_do_not_change_the_numbers(monkeypatch):
    from workbench.metrics import ssim

    draw = np.random.default_rng(1)
    before, after = draw.normal(size=(2, 4, 6, 8, 8))
    whole = metrics.ssim_maps(before, after)
    monkeypatch.setattr(ssim, "_BLOCK", 100)
    assert np.array_equal(metrics.ssim_maps(before, after), whole)


def test_a_shift_that_negative_values_must_not_hide():
    """The same maps around -5 and around 5 differ by their means alone, and SSIM is symmetric in sign."""
    draw = np.random.default_rng(5)
    maps = draw.normal(size=(1, 1, 10, 10))
    above = metrics.ssim_maps(maps + 5, maps + 5.5, data_range=4.0)
    below = metrics.ssim_maps(maps * -1 - 5, maps * -1 - 5.5, data_range=4.0)
    assert above == pytest.approx(below, abs=1e-12) and above[0, 0] < 1
    assert metrics.ssim_maps(5 + maps, 5 - maps, data_range=4.0)[0, 0] < -0.5  # the pattern turned round


def test_constant_samples():
    ones = np.ones((1, 2, 4, 4))
    other = ones.copy()
    other[0, 1, 0, 0] = 2
    assert metrics.ssim_maps(ones, other).tolist() == [[1.0, 0.0]]


def test_what_has_no_ssim_is_refused():
    assert metrics.window_for(2, 9) is None
    with pytest.raises(InputError, match="2 x 9 have no SSIM"):
        metrics.ssim_maps(np.ones((1, 1, 2, 9)), np.ones((1, 1, 2, 9)))
    with pytest.raises(InputError, match=r"\(n, C, h, w\)"):
        metrics.ssim_maps(np.ones((1, 4, 4)), np.ones((1, 4, 4)))
