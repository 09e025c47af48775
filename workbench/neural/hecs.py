"""HECS-B: the measurement itself is learned, and what a measurement costs is learned with it.

    features ─▶ y = W x, rows of W at most 1 long ─▶ times gain ─▶ + uniform noise │ rounding ─▶ decoder

    loss = error of the features / their variance + rate_weight · bits / number of features

The error is the variational bound of a Gaussian decoder (Grover and Ermon, "Uncertainty autoencoders",
2019), and at the same time the distillation loss against what the split sends when it is left alone
(HECS-B, eq. 11). The rate (eq. 14) is the code length under a factorised prior, a mixture of logistics for
each measurement, with uniform noise for rounding while training (Ballé, Laparra, Simoncelli 2017).

Source: Zhong, Chen, "High-Efficiency Split Computing for Cooperative Edge Systems: A Novel Compressed Sensing
Bottleneck", arXiv:2504.15295, as its abstract and the equations' names were known here. The rows start as
the principal directions of sample features; that start is chosen here.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from workbench.codecs.entropy.tables import normalise
from workbench.codecs.learned.prior import BITS
from workbench.neural.blocks import ConvBlock, pointwise
from workbench.neural.layers import Residual, Swap

_MIXTURE = 3
_WIDEST = 700
_TAIL = 1e-5


def _exact(values: Tensor) -> torch.autocast:
    """No mixed precision here: eight bits of mantissa would move codes by whole numbers."""
    return torch.autocast(values.device.type, enabled=False)


class Measurement(nn.Module):
    """y = W x of standardised features, flattened: (B, *shape) to (B, m); rows of W at most 1 long."""

    centre: Tensor
    spread: Tensor

    def __init__(self, samples: Tensor, measurements: int, *, quantised: bool = True, seed: int = 0) -> None:
        super().__init__()
        flat = samples.float().flatten(1)
        self.register_buffer("centre", flat.mean(0))
        self.register_buffer("spread", flat.var(0, correction=0).mean().sqrt().clamp_min(1e-6))
        rows = directions((flat - self.centre) / self.spread, measurements, seed)
        self.weight = nn.Parameter(rows)
        step = math.sqrt(0.12 * flat.shape[1] / measurements) if quantised else 1.0
        self.log_gain = nn.Parameter(torch.full((measurements,), -math.log(step)), requires_grad=quantised)

    def bounded(self) -> Tensor:
        """W: (m, values)."""
        return self.weight / self.weight.norm(dim=1, keepdim=True).clamp_min(1.0)

    def forward(self, features: Tensor) -> Tensor:
        with _exact(features):
            values = (features.float().flatten(1) - self.centre) / self.spread
            return values @ self.bounded().T * self.log_gain.exp()

    def as_layers(self) -> nn.Module:
        """The same as one linear layer."""
        count, values = self.weight.shape
        linear = nn.Linear(values, count)
        with torch.no_grad():
            matrix = self.bounded() * self.log_gain.exp()[:, None] / self.spread
            linear.weight.copy_(matrix)
            linear.bias.copy_(-matrix @ self.centre)
        return nn.Sequential(nn.Flatten(), linear)


def directions(values: Tensor, count: int, seed: int) -> Tensor:
    """`count` orthonormal rows: the principal directions of values (B, D), then random ones."""
    draw = torch.Generator().manual_seed(seed)
    _, _, principal = torch.linalg.svd(values - values.mean(0), full_matrices=False)
    missing = max(0, count - len(principal)) + 1
    filled = torch.cat([principal[:count], torch.randn(missing, values.shape[1], generator=draw)])
    basis, signs = torch.linalg.qr(filled.T)
    return (basis * signs.diagonal().sign()).T[:count].contiguous()


class Prior(nn.Module):
    """Rounding, and the probability of every whole number at every measurement.

    While training it adds noise from -1/2 to 1/2 in place of rounding; `penalty` is the rate term of the last
    codes that went through.
    """

    def __init__(self, codes: Tensor, rate_weight: float, features: int) -> None:
        super().__init__()
        count = codes.shape[1]
        spread = codes.std(0, correction=0).clamp_min(0.3)
        self.means = nn.Parameter(codes.mean(0)[:, None] + spread[:, None] * torch.linspace(-1, 1, _MIXTURE))
        self.log_scales = nn.Parameter((spread * 0.5).log()[:, None].repeat(1, _MIXTURE))
        self.logits = nn.Parameter(torch.zeros(count, _MIXTURE))
        self.weight = rate_weight / features
        self._bits: Tensor | float = 0.0

    def forward(self, codes: Tensor) -> Tensor:
        sent = codes + torch.rand_like(codes) - 0.5 if self.training else codes.round()
        self._bits = -self.probability(sent).log2().sum(1).mean()
        return sent

    def penalty(self) -> Tensor | float:
        """rate_weight · bits for one sample / number of its features."""
        return self.weight * self._bits

    def probability(self, codes: Tensor) -> Tensor:
        """Mass of the unit interval around each code (B, m); never below 1e-9."""
        with _exact(codes):
            scales = self.log_scales.exp().clamp_min(1e-3)
            at = codes[..., None] - self.means
            mass = torch.sigmoid((at + 0.5) / scales) - torch.sigmoid((at - 0.5) / scales)
            return (mass * self.logits.softmax(-1)).sum(-1).clamp_min(1e-9)

    def tables(self) -> Tensor:
        """Integer tables (m, 2·offset + 1) that add up to 2^BITS in each row, for numbers -offset..offset."""
        with torch.no_grad():
            far = torch.arange(-_WIDEST, _WIDEST + 1, dtype=torch.float32)
            mass = torch.stack([self.probability(number.expand(len(self.means))) for number in far], 1)
            outside = [
                1 - mass[:, _WIDEST - offset : _WIDEST + offset + 1].sum(1).min().item()
                for offset in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, _WIDEST)
            ]
        offsets = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, _WIDEST)
        offset = next((size for size, left in zip(offsets, outside, strict=True) if left < _TAIL), _WIDEST)
        inside = mass[:, _WIDEST - offset : _WIDEST + offset + 1].double().numpy()
        counts = np.maximum((inside * 2**24).astype(np.int64), 1)
        return torch.from_numpy(np.stack([normalise(row, BITS) for row in counts]).astype(np.int32))


def decoder(measurement: Measurement, shape: tuple[int, ...], *, width: int = 0) -> nn.Sequential:
    """Codes (B, m) to features (B, *shape): W transposed to start with, then one residual block."""
    count, values = measurement.weight.shape
    linear = nn.Linear(count, values)
    with torch.no_grad():
        back = measurement.bounded().T * (-measurement.log_gain).exp() * measurement.spread
        linear.weight.copy_(back)
        linear.bias.copy_(measurement.centre)
    channels = shape[0] if len(shape) == 3 else shape[-1]
    sides = shape[1:] if len(shape) == 3 else shape[:-1]
    if not sides:
        wide = nn.Linear(values, width or values)
        last = nn.Linear(width or values, values)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        return nn.Sequential(linear, Residual(nn.Sequential(wide, nn.ReLU(), last)))
    swap = [Swap()] if len(shape) == 2 else []
    last_point = pointwise(width or channels, channels, len(sides))
    nn.init.zeros_(last_point.weight)  # type: ignore[arg-type]
    nn.init.zeros_(last_point.bias)  # type: ignore[arg-type]
    refine = nn.Sequential(ConvBlock(channels, width or channels, len(sides)), last_point)
    return nn.Sequential(linear, nn.Unflatten(1, shape), *swap, Residual(refine), *swap)
