"""The same pixels as timm's and torchvision's own evaluation transforms."""

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image

import workbench as wb
from workbench.errors import InputError
from workbench.models.preprocess import Preprocessing


def picture(width, height, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


@pytest.mark.parametrize("size", [(300, 200), (200, 333), (31, 97), (224, 224)])
@pytest.mark.parametrize(
    "config",
    [
        {"crop_pct": 0.875, "interpolation": "bicubic"},
        {"crop_pct": 0.95, "interpolation": "bilinear"},
        {"crop_pct": 1.0, "interpolation": "bicubic", "crop_mode": "squash"},
        {"crop_pct": 1.0, "interpolation": "bicubic", "crop_mode": "border"},
    ],
)
def test_as_timm_does(config, size):
    config = {"input_size": (3, 96, 96), "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4), **config}
    transform = timm.data.create_transform(**config, is_training=False)
    ours = Preprocessing.from_timm(config).apply([picture(*size)])
    assert torch.allclose(ours[0], transform(picture(*size)), atol=1e-6)


def test_as_torchvision_does():
    model = wb.load_model("torchvision/resnet18", pretrained=False)
    transform = torchvision.models.ResNet18_Weights.DEFAULT.transforms(antialias=True)
    assert torch.allclose(model.preprocess([picture(300, 280)])[0], transform(picture(300, 280)), atol=1e-6)


def test_pil_and_arrays_and_grey_and_transparent():
    model = wb.load_model("digits-resnet")
    image = picture(32, 32)
    batch = model.preprocess(
        [image, np.asarray(image), image.convert("RGBA"), np.asarray(image)[:, :, 0], image.convert("L")]
    )
    assert batch.shape == (5, 3, 32, 32) and batch.dtype == torch.float32
    assert torch.equal(batch[0], batch[1]) and torch.equal(batch[0], batch[2])
    assert torch.equal(batch[3][0], batch[3][1])


def test_digits_go_through_unchanged_but_scaled():
    model = wb.load_model("digits-resnet")
    array = np.asarray(picture(32, 32))
    expected = (array[5, 7, 2] / 255 - model.mean[2]) / model.std[2]
    assert model.preprocess([array])[0, 2, 5, 7].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "at least one"),
        (Image.new("RGB", (4, 4)), r"write \[picture\]"),
        (np.zeros((4, 4, 3), np.uint8), r"write \[picture\]"),
        (["cat.png"], "picture 0"),
        ([np.zeros((4, 4, 3))], "float64"),
        ([np.zeros((3, 8, 8), np.uint8)], "channels go last"),
        ([np.zeros((0, 4, 3), np.uint8)], "picture 0"),
        ([Image.new("RGB", (4, 4)), None], "picture 1"),
    ],
)
def test_what_is_no_picture(images, message):
    with pytest.raises(InputError, match=message):
        wb.load_model("digits-resnet").preprocess(images)


def test_a_picture_too_narrow_to_be_fitted_is_refused_before_it_grows():
    config = {"input_size": (3, 224, 224), "mean": (0.5,) * 3, "std": (0.2,) * 3, "crop_pct": 0.875}
    ours = Preprocessing.from_timm(config)
    assert ours.apply([Image.new("RGB", (3, 600))]).shape == (1, 3, 224, 224)
    with pytest.raises(InputError, match=r"1 x 60000 pixels would become 256 x 15,360,000"):
        ours.apply([Image.new("RGB", (1, 60_000))])
