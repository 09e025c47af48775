"""A user's own trained network and pictures, where WORKBENCH_REAL names a folder with them."""

import os
from pathlib import Path

import pytest
import torch
from PIL import Image

import workbench as wb

REAL = os.environ.get("WORKBENCH_REAL")
pytestmark = pytest.mark.skipif(not REAL, reason="WORKBENCH_REAL names no folder")


@pytest.fixture(scope="module")
def model():
    home = Path(REAL)
    return wb.load_model(
        f"{home / 'cifar_resnet.py'}:CifarResNet",
        weights=home / "cifar_resnet20.safetensors",
        input_size=(3, 32, 32),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        classes=sorted(folder.name for folder in (home / "cifar10" / "test").iterdir()),
    )


def test_it_answers_as_well_as_its_owner_says(model):
    files = sorted((Path(REAL) / "cifar10" / "test").glob("*/*.jpg"))
    assert len(files) == 1000
    with torch.no_grad():
        answers = model(model.preprocess([Image.open(file) for file in files])).argmax(1)
    right = sum(
        model.classes[answer] == file.parent.name for answer, file in zip(answers, files, strict=True)
    )
    assert right / len(files) == pytest.approx(0.81, abs=0.015)


def test_all_its_cuts_are_equal(model):
    files = sorted((Path(REAL) / "cifar10" / "test").glob("*/*.jpg"))[::125]
    pictures = model.preprocess([Image.open(file) for file in files])
    points = wb.split_points(model, deep=True)
    assert {"layer1", "layer2", "layer3"} <= {point.name for point in points}
    with torch.no_grad():
        whole = model(pictures)
        for point in points:
            split = wb.split(model, point)
            assert torch.equal(split.server_part(split.edge_part(pictures)), whole), point.name
