"""Where the places of the picture lie in a layer's tensor: by its shape, and by trying where that is open.

    channel-first   (C, h, w)      a convolution's
    channel-last    (h, w, C)      Swin's, the inside of ConvNeXt's blocks
    tokens          (N, C)         a ViT's: h * w tokens, and class or register tokens before or behind them

Trying: the picture is changed in one quarter at a time; values that belong to a place answer to their quarter
most. The reading of the tensor under which they do so is the layout.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Kind = Literal["channel-first", "channel-last", "tokens", "tokens-last"]
MAX_EXTRA = 8  # class, distillation and register tokens
CHANCE = 3.0  # so many standard deviations of a correlation by chance are none
QUARTERS = ((0, 0), (0, 1), (1, 0), (1, 1))


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a tensor (B, *shape) as maps; so many tokens stand `before` the grid's and `behind`."""

    kind: Kind
    grid: tuple[int, int]
    before: int = 0
    behind: int = 0

    @property
    def places(self) -> int:
        """How many places of the picture it tells apart."""
        return math.prod(self.grid)

    def maps(self, values: Tensor) -> Tensor:
        """(B, C, rows, columns) of a tensor (B, *shape)."""
        if self.kind == "channel-first":
            return values
        if self.kind == "channel-last":
            return values.movedim(-1, 1)
        tokens = values if self.kind == "tokens" else values.movedim(1, -1)
        kept = tokens[:, self.before : tokens.shape[1] - self.behind]
        return kept.movedim(-1, 1).reshape(len(values), -1, *self.grid)

    def __str__(self) -> str:
        rows, columns = self.grid
        extra = self.before + self.behind
        more = f" and {extra} more" if extra else ""
        return f"{self.kind}, {rows} × {columns} places{more}"


def possible(shape: tuple[int, ...], picture: tuple[int, int]) -> tuple[Layout, ...]:
    """The layouts that a tensor of `shape` (one picture's) can have, for pictures of (height, width).

    A grid has more than one place, and the picture's proportions where any reading of the shape has them.
    """
    found: list[Layout] = []
    if len(shape) == 3:
        both = (Layout("channel-first", shape[1:]), Layout("channel-last", shape[:2]))
        able = [one for one in both if _is_grid(one.grid, picture)]
        found += [one for one in able if _fits(one.grid, picture)] or able
    if len(shape) == 2:
        kinds: tuple[Kind, ...] = ("tokens", "tokens-last")
        for kind, tokens in zip(kinds, shape, strict=True):
            for extra in range(MAX_EXTRA + 1):
                for grid in _grids(tokens - extra, picture):
                    found += [
                        Layout(kind, grid, before, extra - before) for before in dict.fromkeys((extra, 0))
                    ]
    return tuple(found)


def find(
    shape: tuple[int, ...],
    input_size: tuple[int, int, int],
    values_of: Callable[[Tensor], Tensor],
) -> Layout | None:
    """The layout of a layer; None where no reading of its tensor has places.

    Parameters
    ----------
    shape : of the layer's tensor, without the batch axis.
    input_size : (C, H, W) of the network's pictures.
    values_of : pictures (B, C, H, W) to the layer's tensor (B, *shape); asked only where the shape leaves
        more than one layout, or tokens, which may be no places at all.
    """
    choices = possible(shape, input_size[1:])
    if not choices:
        return None
    if len(choices) == 1 and len(shape) == 3 and _fits(choices[0].grid, input_size[1:]):
        return choices[0]
    answers = _answers(input_size, values_of)
    scores = [_score(one, answers) for one in choices]
    best = int(np.argmax(scores))
    by_chance = CHANCE / math.sqrt((len(QUARTERS) - 1) * choices[best].places)
    return choices[best] if scores[best] > by_chance else None


def _is_grid(grid: tuple[int, int], picture: tuple[int, int]) -> bool:
    """More than one place, and no more than pixels."""
    return math.prod(grid) > 1 and grid[0] <= picture[0] and grid[1] <= picture[1]


def _fits(grid: tuple[int, int], picture: tuple[int, int]) -> bool:
    """The picture's proportions, but for what rounding to whole rows and columns makes of them."""
    (rows, columns), (height, width) = grid, picture
    near = abs(rows * width / height - columns) < 1 or abs(columns * height / width - rows) < 1
    return _is_grid(grid, picture) and near


def _grids(tokens: int, picture: tuple[int, int]) -> Iterator[tuple[int, int]]:
    if tokens < 2:
        return
    middle = round(math.sqrt(tokens * picture[0] / picture[1]))
    for rows in range(max(1, middle - 1), middle + 2):
        if tokens % rows == 0 and _fits((rows, tokens // rows), picture):
            yield rows, tokens // rows


def _answers(input_size: tuple[int, int, int], values_of: Callable[[Tensor], Tensor]) -> Tensor:
    """How each value changes when one quarter of the picture does: (4, *shape), squared."""
    channels, height, width = input_size
    draw = torch.Generator().manual_seed(0)
    pictures = torch.randn(1, channels, height, width, generator=draw).repeat(5, 1, 1, 1)
    other = torch.randn(channels, height, width, generator=draw)
    for at, (down, right) in enumerate(QUARTERS):
        rows = slice(height // 2, None) if down else slice(None, height // 2)
        columns = slice(width // 2, None) if right else slice(None, width // 2)
        pictures[at + 1, :, rows, columns] = other[:, rows, columns]
    with torch.no_grad():
        values = values_of(pictures).double()
    return (values[1:] - values[:1]).square()


def _score(layout: Layout, answers: Tensor) -> float:
    """Correlation, over places and quarters, of a place's share of the answers and of its area there."""
    answered = layout.maps(answers).sum(1).numpy()
    total = answered.sum(0)
    if not (np.isfinite(total).all() and total.max() > 0):
        return -1.0
    share = answered / np.where(total > 0, total, 1.0)
    lies = np.stack(
        [np.outer(_half(layout.grid[0], down), _half(layout.grid[1], right)) for down, right in QUARTERS]
    )
    if share.std() == 0:
        return -1.0
    return float(np.corrcoef(share.ravel(), lies.ravel())[0, 1])


def _half(count: int, second: int) -> NDArray[np.float64]:
    """How much of each of `count` equal pieces lies in the first (0) or second (1) half."""
    first = np.clip(count / 2 - np.arange(count), 0.0, 1.0)
    return 1 - first if second else first
