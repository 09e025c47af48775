"""Networks and pictures that several tests of the pipeline share."""

import pytest

import workbench as wb
from workbench.pictures import load


@pytest.fixture(scope="session")
def resnet():
    """The demo ResNet, trained on digits."""
    return wb.load_model("digits-resnet")


@pytest.fixture(scope="session")
def six():
    """Six held-out digits."""
    return load("digits").sample(6)
