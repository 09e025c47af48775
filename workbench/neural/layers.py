"""Small torch layers that the board's runner knows too."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Swap(nn.Module):
    """(B, N, D) to (B, D, N): tokens as a sequence with D channels, and back."""

    def forward(self, values: Tensor) -> Tensor:
        return values.transpose(1, 2)


class Crop(nn.Module):
    """Each side cut to a length."""

    def __init__(self, sides: tuple[int, ...]) -> None:
        super().__init__()
        self.sides = sides

    def forward(self, values: Tensor) -> Tensor:
        return values[(slice(None), slice(None), *(slice(side) for side in self.sides))]


class Residual(nn.Module):
    """What comes in plus what the inner layers make of it."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, values: Tensor) -> Tensor:
        return values + self.inner(values)


class Affine(nn.Module):
    """Each channel (axis 1) times a fixed scale plus a fixed shift."""

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, values: Tensor) -> Tensor:
        across = (-1, *[1] * (values.ndim - 2))
        return values * self.scale.view(across) + self.shift.view(across)


def to_features(samples: Tensor) -> Affine:
    """From mean 0 and variance 1 to the mean and spread that each channel of sample features has.

    The channels of maps (B, C, H, W) are axis 1, of tokens (B, N, D) the last.
    """
    axis = 1 if samples.ndim == 4 else samples.ndim - 1
    others = [at for at in range(samples.ndim) if at != axis]
    std, mean = torch.std_mean(samples.float(), others, correction=0)
    return Affine(std.clamp_min(1e-6), mean)
