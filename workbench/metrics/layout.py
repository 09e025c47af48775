"""How a feature map lies, and its channels as maps, whatever the layout.

(C, H, W)  channel-first     maps as they are
(H, W, C)  channel-last      the last axis first
(N, D)     tokens            each of the D numbers as a map over the grid of tokens, where there is one
others     vector            no maps
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InputError

Kind = Literal["channel-first", "channel-last", "tokens", "vector"]
MOST_PREFIX = 8  # class, distillation and register tokens, which belong to no place


@dataclass(frozen=True, slots=True)
class Layout:
    """`grid` is (rows, columns) of a map, None without maps; the first `prefix` tokens lie outside it."""

    kind: Kind
    grid: tuple[int, int] | None = None
    prefix: int = 0


def layout_of(shape: tuple[int, ...], input_size: tuple[int, ...]) -> Layout:
    """The layout of features of `shape` (no batch axis) from a picture (..., H, W).

    Maps keep the picture's aspect, which tells the axes apart; where both ends do, the channels come first.
    """
    height, width = input_size[-2:]
    if len(shape) == 3:
        if not _alike(shape[1:], height, width) and _alike(shape[:2], height, width):
            return Layout("channel-last", shape[:2])
        return Layout("channel-first", (shape[1], shape[2]))
    if len(shape) == 2:
        grids = [
            (height // side, width // side)
            for side in range(1, min(height, width) + 1)
            if height % side == 0 and width % side == 0
        ]
        places = max((rows * columns for rows, columns in grids if rows * columns <= shape[0]), default=0)
        prefix = shape[0] - places
        if prefix <= MOST_PREFIX and prefix < places:
            return Layout("tokens", next(grid for grid in grids if grid[0] * grid[1] == places), prefix)
        return Layout("tokens")
    return Layout("vector")


def as_maps(features: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Features (n, *shape) as maps (n, C, h, w); without a grid each number is a map of 1 x 1.

    Raises
    ------
    InputError : features that do not lie so.
    """
    if layout.kind == "channel-first" and features.ndim == 4:
        return features
    if layout.kind == "channel-last" and features.ndim == 4:
        return np.moveaxis(features, 3, 1)
    if layout.kind == "tokens" and layout.grid is not None and features.ndim == 3:
        rows, columns = layout.grid
        placed = features[:, layout.prefix :].reshape(len(features), rows, columns, features.shape[2])
        return np.moveaxis(placed, 3, 1)
    if layout.grid is None:
        return features.reshape(len(features), -1, 1, 1)
    raise InputError(f"features of shape {features.shape[1:]} do not lie as {layout.kind} on {layout.grid}")


def _alike(grid: tuple[int, ...], height: int, width: int) -> bool:
    """Whether a grid has the aspect of the picture, one place more or less by rounding."""
    return abs(grid[0] * width - grid[1] * height) < max(height, width) and grid[0] <= height
