"""The blocks that every compensator is built from, for maps (2-D) and for token sequences (1-D).

    ConvBlock         convolution ─▶ batch norm ─▶ ReLU
    TransposedBlock   transposed convolution ─▶ batch norm ─▶ ReLU, `stride` times as long and wide
    AttentionBlock    norm ─▶ attention ─▶ + ─▶ norm ─▶ feed-forward ─▶ +, over all tokens or in windows
    Pool              mean over `stride` places: back to the length and width that came in

All take and give (B, channels, *sides) with one or two sides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_CONV: dict[int, type[nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d}
_TRANSPOSED: dict[int, type[nn.Module]] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}
_NORM: dict[int, type[nn.Module]] = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d}
_POOL: dict[int, type[nn.Module]] = {1: nn.AvgPool1d, 2: nn.AvgPool2d}


class ConvBlock(nn.Sequential):
    """Convolution, batch norm, ReLU; with a stride s each side becomes ceil(side / s)."""

    def __init__(self, channels: int, filters: int, sides: int, *, stride: int = 1, kernel: int = 3) -> None:
        super().__init__(
            _CONV[sides](channels, filters, kernel, stride=stride, padding=kernel // 2),
            _NORM[sides](filters),
            nn.ReLU(),
        )


class TransposedBlock(nn.Sequential):
    """Transposed convolution, batch norm, ReLU; each side becomes `stride` times as long."""

    def __init__(self, channels: int, filters: int, sides: int, *, stride: int = 1, kernel: int = 3) -> None:
        super().__init__(
            _TRANSPOSED[sides](
                channels, filters, kernel, stride=stride, padding=kernel // 2, output_padding=stride - 1
            ),
            _NORM[sides](filters),
            nn.ReLU(),
        )


def pointwise(channels: int, filters: int, sides: int) -> nn.Module:
    """A linear convolution that looks at one place only."""
    return _CONV[sides](channels, filters, 1)


def pool(sides: int, stride: int) -> nn.Module:
    """The mean of each `stride` places along every side."""
    return _POOL[sides](stride)


class AttentionBlock(nn.Module):
    """A transformer block with the norm first, over (B, width, *sides).

    Parameters
    ----------
    window : tokens along each side of a window that attends only to itself; 0 means all tokens attend to all.
        Sides that it does not divide are padded; padding is never attended to.
    """

    def __init__(self, width: int, heads: int, feedforward: int, *, window: int = 0) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, feedforward), nn.GELU(), nn.Linear(feedforward, width)
        )

    def forward(self, features: Tensor) -> Tensor:
        tokens = features.movedim(1, -1)
        tokens = tokens + self._attend(self.norm1(tokens))
        tokens = tokens + self.feedforward(self.norm2(tokens))
        return tokens.movedim(-1, 1)

    def _attend(self, tokens: Tensor) -> Tensor:
        sides, width = tokens.shape[1:-1], tokens.shape[-1]
        window = [self.window or side for side in sides]
        windows, real = _into_windows(tokens, window)
        query, key, value = self.qkv(windows).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mask = None if real.all() else real[:, None, None, :].repeat(len(tokens), 1, 1, 1)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        joined = mixed.transpose(1, 2).reshape(*windows.shape[:2], width)
        return _out_of_windows(self.out(joined), window, sides)


def _into_windows(tokens: Tensor, window: Sequence[int]) -> tuple[Tensor, Tensor]:
    """(B, *sides, width) as (B x windows, tokens in a window, width), and which of the tokens are real."""
    sides = tokens.shape[1:-1]
    short = [-side % size for side, size in zip(sides, window, strict=True)]
    pads = [0, 0]
    for missing in reversed(short):
        pads += [0, missing]
    padded = functional.pad(tokens, pads)
    real = functional.pad(torch.ones(1, *sides, 1, dtype=torch.bool, device=tokens.device), pads)
    return _cut(padded, window), _cut(real, window)[..., 0]


def _cut(tokens: Tensor, window: Sequence[int]) -> Tensor:
    batch, *sides, width = tokens.shape
    counts = [side // size for side, size in zip(sides, window, strict=True)]
    paired = [number for pair in zip(counts, window, strict=True) for number in pair]
    axes = range(1, 1 + 2 * len(sides))
    split = tokens.reshape(batch, *paired, width).permute(0, *axes[::2], *axes[1::2], 1 + 2 * len(sides))
    return split.reshape(batch * math.prod(counts), math.prod(window), width)


def _out_of_windows(windows: Tensor, window: Sequence[int], sides: Sequence[int]) -> Tensor:
    counts = [-(-side // size) for side, size in zip(sides, window, strict=True)]
    count = len(sides)
    split = windows.reshape(-1, *counts, *window, windows.shape[-1])
    order = [axis for at in range(count) for axis in (1 + at, 1 + count + at)]
    whole = split.permute(0, *order, 1 + 2 * count)
    padded = [number * size for number, size in zip(counts, window, strict=True)]
    whole = whole.reshape(-1, *padded, windows.shape[-1])
    return whole[(slice(None), *(slice(side) for side in sides))]
