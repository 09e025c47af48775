"""A small untrained network with a cut, and pictures whose class can be seen, for all tests of training."""

import pytest
import torch
from torch import nn

import workbench as wb


class Small(nn.Module):
    """Two convolutions and a linear layer, for pictures of 3x8x8 and three classes."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.ReLU())
        self.last = nn.Linear(8, 3)

    def forward(self, pictures):
        return self.last(self.second(self.first(pictures)).mean((2, 3)))


def _small(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return wb.load_model(Small(), input_size=(3, 8, 8), mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.fixture(scope="session")
def small():
    return _small(5)


@pytest.fixture(scope="session")
def other_small():
    return _small(6)


@pytest.fixture(scope="session")
def small_split(small):
    return wb.split(small, "first")


@pytest.fixture(scope="session")
def coloured():
    """60 smooth pictures whose brightest channel is their class, and the labels."""
    draw = torch.Generator().manual_seed(1)
    labels = torch.arange(60) % 3
    coarse = 0.5 * torch.randn(60, 3, 3, 3, generator=draw)
    pictures = nn.functional.interpolate(coarse, (8, 8), mode="bilinear")
    pictures[torch.arange(60), labels] += 1.0
    return pictures, labels
