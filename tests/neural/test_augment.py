"""Pictures varied by whole pixels: shifts and mirrors by hand."""

import pytest
import torch
from torch.nn import functional

from workbench.errors import SettingError
from workbench.neural.augment import Augmentation


def test_whole_pixels_by_hand():
    """Each picture is a window of itself with edges continued, mirrored or not; every shift comes up."""
    picture = torch.arange(2 * 8 * 16, dtype=torch.float32).reshape(1, 2, 8, 16)
    padded = functional.pad(picture, (2, 2, 1, 1), mode="replicate")
    windows = [padded[0, :, y : y + 8, x : x + 16] for y in range(3) for x in range(5)]
    windows += [window.flip(-1) for window in windows]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = Augmentation(0, 0, 0.125, flip=True, whole=True)(picture.repeat(400, 1, 1, 1))
    found = [next(at for at, window in enumerate(windows) if torch.equal(window, one)) for one in made]
    assert {*found} == {*range(30)}


def test_whole_pixels_are_not_turned():
    with pytest.raises(
        SettingError, match=r"cannot be turned by 10\.0 degrees or scaled by 0\.1; set turn_deg"
    ):
        Augmentation(whole=True)
