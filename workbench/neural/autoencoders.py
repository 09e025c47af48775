"""RefAE and BottleNet: convolutional encoders on the board, decoders on the server.

    RefAE       conv ─ conv/2 ─ conv ─▶ code, half of each side and of the channels ─▶ floats, ZIP
    BottleNet   conv/2 to few channels ─ sigmoid ─▶ 8 bits ─▶ JPEG of the channels as tiles

Sources: Sánchez Leal et al., QCNet, IEEE Access 13, 2025 (RefAE: 3+3 layers, 2x space, 2x channels, ZIP);
Eshratifar, Esmaili, Pedram, "BottleNet", 2019 (the JPEG is the identity for the gradient). How many channels
BottleNet keeps (an eighth) and its JPEG quality (90) are chosen here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from workbench.codecs.image import mosaic, tile, untile
from workbench.codecs.picture import picture_bytes, read_grey
from workbench.errors import InputError
from workbench.neural.blocks import ConvBlock, TransposedBlock, pointwise
from workbench.neural.layers import Crop, Swap, to_features


class Pair(NamedTuple):
    """Encoder for the board, decoder for the server."""

    encoder: nn.Sequential
    decoder: nn.Sequential


def _outline(shape: tuple[int, ...], name: str) -> tuple[int, tuple[int, ...], list[nn.Module]]:
    """Channels, sides, and what brings the channels to the front."""
    if len(shape) == 3:
        return shape[0], shape[1:], []
    if len(shape) == 2:
        return shape[1], shape[:1], [Swap()]
    raise InputError(
        f"{name} halves the sides of maps (C, H, W) and token sequences (N, D), and features here have shape "
        f"{shape}; hecs-b and qcnet-c take them"
    )


def refae(samples: Tensor, seed: int = 0) -> Pair:
    """Three layers each way; the code of such features (B, *shape) has half the sides and channels."""
    channels, sides, front = _outline(tuple(samples.shape[1:]), "refae")
    count, half = len(sides), max(1, channels // 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = nn.Sequential(
            *front,
            ConvBlock(channels, channels, count),
            ConvBlock(channels, half, count, stride=2),
            pointwise(half, half, count),
        )
        decoder = nn.Sequential(
            ConvBlock(half, half, count),
            TransposedBlock(half, channels, count, stride=2),
            Crop(sides),
            pointwise(channels, channels, count),
            to_features(samples),
            *front,
        )
    return Pair(encoder, decoder)


def bottlenet(samples: Tensor, keep: int = 8, seed: int = 0) -> Pair:
    """The code of such features (B, *shape) has half the sides and one channel in `keep`."""
    channels, sides, front = _outline(tuple(samples.shape[1:]), "bottlenet")
    count, few = len(sides), max(1, channels // keep)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reduce = pointwise(channels, few, count)
        encoder = nn.Sequential(*front, ConvBlock(channels, channels, count, stride=2), reduce, nn.Sigmoid())
        decoder = nn.Sequential(
            TransposedBlock(few, channels, count, stride=2),
            Crop(sides),
            ConvBlock(channels, channels, count),
            pointwise(channels, channels, count),
            to_features(samples),
            *front,
        )
    return Pair(encoder, decoder)


class JpegThrough(nn.Module):
    """Codes of 0 to 1 as the codec's JPEG gives them back; the identity for the gradient."""

    def __init__(self, quality: int) -> None:
        super().__init__()
        self.quality = quality

    def forward(self, codes: Tensor) -> Tensor:
        pixels = np.rint(255 * codes.detach().float().clamp(0, 1).cpu().numpy()).astype(np.uint8)
        back = np.stack([self._through(one) for one in pixels]).astype(np.float32) / np.float32(255)
        return codes + (torch.from_numpy(back).to(codes) - codes).detach()

    def _through(self, pixels: Any) -> Any:
        layout = mosaic(pixels.shape)
        file = picture_bytes(tile(pixels, layout, 128), "jpeg", self.quality)
        return untile(read_grey(file, "jpeg", layout.size), layout, pixels.shape)
