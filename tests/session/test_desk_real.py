"""What a user brings, where WORKBENCH_REAL names it: an own network and an own folder of pictures."""

import os
from pathlib import Path

import pytest

from workbench.records import Trial
from workbench.session import AtOnce, Explorer
from workbench.session.desk import Desk

REAL = os.environ.get("WORKBENCH_REAL")
pytestmark = pytest.mark.skipif(REAL is None, reason="WORKBENCH_REAL names no folder of real material")


def test_an_own_folder_of_classes_and_an_own_network_are_explored():
    folder = Path(REAL)
    session = Explorer(Desk(), AtOnce())
    session.choose(source=str(folder / "cifar10" / "test"), split="layer2", settings={"bits": 3})
    assert isinstance(session.outcome, Trial), session.outcome
    labels = {tile.label for tile in session.gallery}
    assert len(labels) >= 8 and None not in labels
    assert session.many.samples == 64
    assert "accuracy" not in session.many.quantities
    session.choose(network=f"{folder / 'cifar_resnet.py'}:CifarResNet")
    assert session.outcome.error is not None
    assert "input_size" in str(session.outcome.error)
