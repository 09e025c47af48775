"""QCNet: networks on the server that give back the features from their bits.

    bits (B, C, H, W) | (B, N, D) ─▶ blocks of one family ─▶ point-wise linear convolution ─▶ features

    C    n ConvBlocks
    TC   n transposed convolutions, the first with stride s_m, then a mean over s_m places
    T    point-wise embedding + position, n_l blocks of window attention, n_g of global attention
    H    one transposed convolution with stride s_m, then n ConvBlocks, the first with stride s_m

Source: Sánchez Leal et al., "Quantization Compensator Network: Server-Side Feature Reconstruction in
Partitioned IoT Systems", IEEE Access 13, 2025. The families, f_m and s_m are the paper's. Its tables were
not at hand when this was written: of the presets only ``h-vit-b16`` (n=6, f_m=1.5, s_m=2; about 19.5 M
parameters for 197 x 768) is known to be the paper's; the others are chosen here and say so. From that
number follows the width of the blocks: it is C·f_m and C by turns, which gives 19.48 M.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from workbench.errors import InputError, SettingError, UnknownNameError
from workbench.neural.blocks import AttentionBlock, ConvBlock, TransposedBlock, pointwise, pool

Family = Literal["C", "TC", "T", "H"]
FAMILIES: tuple[Family, ...] = get_args(Family)
MAX_TOKENS = 4096  # attention over all of them holds MAX_TOKENS squared numbers for each head


@dataclass(frozen=True, slots=True)
class Compensator:
    """Settings of one compensator; `build` makes the network for a shape of features.

    n, f_m and s_m belong to C, TC and H; the others to T (`ffdim` and `embdim` 0: four times embdim, and C).
    """

    family: Family = "H"
    n: int = 2
    f_m: float = 1.0
    s_m: int = 2
    n_g: int = 1
    n_l: int = 1
    heads: int = 4
    ffdim: int = 0
    embdim: int = 0
    window: int = 4
    origin: str = "chosen here"

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise SettingError(str(UnknownNameError("family of compensators", self.family, FAMILIES)))
        limits = {"n": (1, 64), "s_m": (1, 8), "n_g": (0, 64), "n_l": (0, 64), "heads": (1, 64)}
        limits |= {"ffdim": (0, 2**16), "embdim": (0, 2**14), "window": (1, 256)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not (type(value) is int and low <= value <= high):
                raise SettingError(
                    f"compensator: {name} is {value!r}; it must be a whole number from {low} to {high}"
                )
        if not (isinstance(self.f_m, int | float) and 0.05 <= self.f_m <= 16):
            raise SettingError(f"compensator: f_m is {self.f_m!r}; it must be a number from 0.05 to 16")
        if self.family == "T" and self.n_g + self.n_l < 1:
            raise SettingError("compensator: T needs at least one block; set n_g or n_l to 1 or more")

    def settings(self) -> dict[str, Any]:
        """Name to value, ready for JSON."""
        return asdict(self)

    @property
    def sizes(self) -> str:
        """What its family is built with, in words: ``n=2 f_m=1.0 s_m=2``."""
        if self.family == "T":
            names: tuple[str, ...] = ("n_g", "n_l", "heads", "window", "ffdim")
        else:
            names = ("n", "f_m") if self.family == "C" else ("n", "f_m", "s_m")
        return " ".join(f"{name}={getattr(self, name)}" for name in names)

    def build(self, shape: tuple[int, ...], *, seed: int = 0) -> Restorer:
        """The network for features of `shape` (without the batch axis), its weights drawn from `seed`.

        Raises
        ------
        InputError : the family cannot take this shape; says which families can.
        """
        _check_shape(self.family, shape)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Restorer(self, shape)


def suits(family: Family, shape: tuple[int, ...]) -> bool:
    """Whether a family takes features of this shape: (C, H, W), (N, D), and C alone also (D,)."""
    if len(shape) not in (1, 2, 3) or not math.prod(shape):
        return False
    places = math.prod(_sides(shape))
    return family == "C" or (len(shape) > 1 and not (family == "T" and places > MAX_TOKENS))


def _check_shape(family: Family, shape: tuple[int, ...]) -> None:
    if suits(family, shape):
        return
    able = [other for other in FAMILIES if suits(other, shape)]
    if not able:
        raise InputError(
            f"no compensator takes features of shape {shape}; maps (C, H, W), token sequences (N, D) and "
            "vectors (D,) can be restored; choose another split point"
        )
    why = f"more than {MAX_TOKENS} places to attend to" if len(shape) > 1 else "no places side by side"
    raise InputError(
        f"family {family} cannot take features of shape {shape}: {why}; these can: {', '.join(able)}"
    )


def _channels(shape: tuple[int, ...]) -> int:
    return shape[0] if len(shape) == 3 else shape[-1]


def _sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[1:] if len(shape) == 3 else (shape[:-1] or (1,))


class Restorer(nn.Module):
    """A compensator for features of one shape: bits as 0 and 1, (B, *shape), to features (B, *shape).

    What comes out is scaled by `spread` and moved by `centre`, per channel, so that training starts at the
    size of the features whatever it is; `fit_scale` takes both from samples.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, settings: Compensator, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.settings, self.shape = settings, shape
        channels, sides = _channels(shape), _sides(shape)
        make = {"C": _convolutions, "TC": _transposed, "T": _transformer, "H": _hybrid}[settings.family]
        self.body = make(settings, channels, sides)
        self.register_buffer("centre", torch.zeros(channels, *[1] * len(sides)))
        self.register_buffer("spread", torch.ones(channels, *[1] * len(sides)))

    def fit_scale(self, features: Tensor) -> None:
        """Take centre and spread of each channel from sample features (B, *shape)."""
        inside = self._inside(features.float())
        axes = [axis for axis in range(inside.ndim) if axis != 1]
        std, mean = torch.std_mean(inside, axes, keepdim=True, correction=0)
        self.centre.copy_(mean[0])
        self.spread.copy_(std[0].clamp_min(1e-6))

    def forward(self, bits: Tensor) -> Tensor:
        restored = self.body(self._inside(bits)) * self.spread + self.centre
        return restored if len(self.shape) == 3 else restored.movedim(1, -1).reshape(-1, *self.shape)

    def _inside(self, features: Tensor) -> Tensor:
        """(B, channels, *sides), as the blocks want it."""
        if len(self.shape) == 3:
            return features
        return features.reshape(len(features), *_sides(self.shape), _channels(self.shape)).movedim(-1, 1)


def _by_turns(settings: Compensator, channels: int, wide_first: bool) -> list[int]:
    """Widths of n blocks: C·f_m and C by turns."""
    wide = max(1, round(channels * settings.f_m))
    return [wide if (at % 2 == 0) == wide_first else channels for at in range(settings.n)]


def _convolutions(settings: Compensator, channels: int, sides: tuple[int, ...]) -> nn.Module:
    widths = [channels, *_by_turns(settings, channels, wide_first=True)]
    blocks = [ConvBlock(before, after, len(sides)) for before, after in pairwise(widths)]
    return nn.Sequential(*blocks, pointwise(widths[-1], channels, len(sides)))


def _transposed(settings: Compensator, channels: int, sides: tuple[int, ...]) -> nn.Module:
    widths = [channels, *_by_turns(settings, channels, wide_first=True)]
    strides = [settings.s_m] + [1] * (settings.n - 1)
    blocks = [
        TransposedBlock(before, after, len(sides), stride=stride)
        for before, after, stride in zip(widths[:-1], widths[1:], strides, strict=True)
    ]
    back = [pool(len(sides), settings.s_m)] if settings.s_m > 1 else []
    return nn.Sequential(*blocks, *back, pointwise(widths[-1], channels, len(sides)))


def _hybrid(settings: Compensator, channels: int, sides: tuple[int, ...]) -> nn.Module:
    wide = max(1, round(channels * settings.f_m))
    widths = [wide, *_by_turns(settings, channels, wide_first=False)]
    strides = [settings.s_m] + [1] * (settings.n - 1)
    blocks = [
        ConvBlock(before, after, len(sides), stride=stride)
        for before, after, stride in zip(widths[:-1], widths[1:], strides, strict=True)
    ]
    first = TransposedBlock(channels, wide, len(sides), stride=settings.s_m)
    return nn.Sequential(first, *blocks, pointwise(widths[-1], channels, len(sides)))


def _transformer(settings: Compensator, channels: int, sides: tuple[int, ...]) -> nn.Module:
    width = settings.embdim or channels
    width = -(-width // settings.heads) * settings.heads  # every head the same width
    feedforward = settings.ffdim or 4 * width
    local = [
        AttentionBlock(width, settings.heads, feedforward, window=settings.window)
        for _ in range(settings.n_l)
    ]
    everywhere = [AttentionBlock(width, settings.heads, feedforward) for _ in range(settings.n_g)]
    return nn.Sequential(
        pointwise(channels, width, len(sides)),
        Position(width, sides),
        *local,
        *everywhere,
        pointwise(width, channels, len(sides)),
    )


class Position(nn.Module):
    """Adds a learned vector for each place."""

    def __init__(self, width: int, sides: tuple[int, ...]) -> None:
        super().__init__()
        self.table = nn.Parameter(0.02 * torch.randn(1, width, *sides))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.table
