"""All cuts beside the input as JPEG."""

import io
import statistics

import pytest
from PIL import Image

import workbench as wb
from workbench.errors import InputError
from workbench.pictures import load


def test_the_profile_has_every_cut_and_the_mean_size_of_the_input_as_jpeg(resnet):
    digits = load("digits").sample(5)
    profile = wb.cut_profile(resnet, digits)
    assert profile.points == wb.split_points(resnet)
    assert profile.input_shape == (3, 32, 32) and profile.model == "digits-resnet"
    sizes = []
    for picture in digits:
        file = io.BytesIO()
        picture.image.save(file, "JPEG", quality=95, subsampling=2)
        sizes.append(file.tell())
    assert profile.input_jpeg.value == statistics.mean(sizes)
    assert profile.input_jpeg.origin == "measured" and "quality 95" in profile.input_jpeg.how


def test_the_picture_is_brought_to_the_networks_size_first(resnet):
    large = Image.effect_noise((500, 400), 50).convert("RGB")
    assert wb.cut_profile(resnet, [large]).input_jpeg.value < 3000


def test_deeper_cuts_on_request(resnet):
    assert len(wb.cut_profile(resnet, deep=True, samples=1).points) > len(wb.split_points(resnet))


def test_progress_is_told(resnet):
    told = []
    wb.cut_profile("digits-resnet", samples=1, progress=lambda *step: told.append(step))
    assert told == [(0, 2, "cuts"), (1, 2, "input as JPEG")]


def test_bad_pictures_are_refused(resnet):
    with pytest.raises(InputError, match="no picture was given"):
        wb.cut_profile(resnet, [])
