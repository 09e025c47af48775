"""What features become between board and server, as torch modules: bits, levels, straight through."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Bits(nn.Module):
    """Features to 0 and 1 by a threshold, as the ``onebit`` codec does; no gradient passes."""

    threshold: Tensor

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.register_buffer("threshold", torch.tensor(threshold, dtype=torch.float32))

    def forward(self, features: Tensor) -> Tensor:
        return (features > self.threshold).to(features.dtype)


class Levels(nn.Module):
    """0 and 1 to the two calibrated levels: plain dequantisation."""

    levels: Tensor

    def __init__(self, levels: tuple[float, float]) -> None:
        super().__init__()
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float32))

    def forward(self, bits: Tensor) -> Tensor:
        return self.levels[0] + bits * (self.levels[1] - self.levels[0])


class StraightThrough(nn.Module):
    """Features to their level forward, and the gradient as if nothing had happened backward.

    Source: Bengio, Léonard, Courville, "Estimating or propagating gradients through stochastic
    neurons", 2013.
    """

    def __init__(self, threshold: float, levels: tuple[float, float]) -> None:
        super().__init__()
        self.bits, self.to_levels = Bits(threshold), Levels(levels)

    def forward(self, features: Tensor) -> Tensor:
        return features + (self.to_levels(self.bits(features)) - features).detach()
