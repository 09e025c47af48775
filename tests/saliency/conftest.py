"""Networks and pictures that the tests of saliency share."""

import pytest
import timm
import torch
from torch import nn

import workbench as wb
from workbench.experiments import Workspace
from workbench.pictures import load


@pytest.fixture(scope="session")
def resnet():
    """The demo ResNet, trained on digits."""
    return wb.load_model("digits-resnet")


@pytest.fixture(scope="session")
def vit():
    """The demo ViT: 8 x 8 tokens and a class token."""
    return wb.load_model("digits-vit")


@pytest.fixture(scope="session")
def convnext():
    """The demo ConvNeXt: channel-last inside its blocks."""
    return wb.load_model("digits-convnext")


@pytest.fixture(scope="session")
def swin():
    """A tiny untrained Swin, channel-last from end to end: 8 x 8, then 4 x 4 places."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        module = timm.create_model(
            "swin_tiny_patch4_window7_224", pretrained=False, img_size=32, window_size=4, embed_dim=16,
            depths=(1, 2), num_heads=(1, 2), num_classes=7,
        )  # fmt: skip
        nn.init.normal_(module.head.fc.weight)
    return wb.load_model(module, input_size=(3, 32, 32), pretrained=False)


@pytest.fixture
def digit():
    """One held-out digit."""
    return load("digits")[3:4]


@pytest.fixture(scope="session")
def workspace():
    """One that remembers, so that each network is traced and cut once."""
    return Workspace()
