"""What several tests of the command line share."""

import pytest

import workbench as wb


@pytest.fixture(scope="session")
def resnet():
    """The demo ResNet, trained on digits."""
    return wb.load_model("digits-resnet")
