"""What the tests of models share."""

import pytest
import timm
import torch
from torch import nn

import workbench as wb


@pytest.fixture(scope="session")
def untrained():
    """A timm network with weights that differ everywhere, so that no branch is silent."""

    def build(name, side=None, seed=0):
        torch.manual_seed(seed)
        size = {"img_size": side} if side and "fixed" in takes_side(name) else {}
        module = timm.create_model(name, pretrained=False, **size)
        stir(module)
        side = side or module.pretrained_cfg["input_size"][1]
        if name in FADING:
            show_pictures(module, side)
        return wb.load_model(module, input_size=(3, side, side), pretrained=False)

    return build


def show_pictures(module, side):
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.momentum = 1.0
    with torch.no_grad():
        module.train()(torch.randn(4, 3, side, side))


# untrained, these give one answer for all pictures until their batch norms have seen some
FADING = ("tiny_vit_5m_224", "levit_128s")


def takes_side(name):
    config = timm.models.get_pretrained_cfg(name)
    return "fixed" if config is not None and config.fixed_input_size else "any"


def stir(module):
    """Layer scales of 1e-6 and heads of zeros would hide a wrong cut: give every such weight a size."""
    with torch.no_grad():
        for weight in module.parameters():
            if weight.abs().max() < 1e-2:
                weight.copy_(0.1 * torch.randn_like(weight))
    return module


class Small(nn.Module):
    """Two convolutions with a shortcut, small enough to count by hand (see test_costs)."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.act = nn.ReLU()
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        x = self.act(self.first(x))
        x = x + self.second(x)
        return self.head(x.mean((2, 3)))


@pytest.fixture
def small():
    torch.manual_seed(0)
    return Small()
