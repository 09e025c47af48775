"""Symbols of any shape as a map of rows that a context coder can walk, and back.

    (C, H, W)   as it is                     channels of H rows        (H, W, C)   C moved to the front
    (N, D)      tokens: D moved to the front; N = r * r (+ class tokens) as r rows of r, the rest behind

Neighbours on a row and above it should be alike. Which axis is the channel is found by looking how much
neighbours differ along each, or said by `layout`. Two bytes remember it: the axis that was moved to the front
(of those longer than 1; 255 none) and how rows follow each other, with its highest bit set where each channel
names the filter that predicts it (see `neighbourhood`): maps of 2 bits or more with tables of their own, so
large that those filters and more tables pay. One of the two bits below is set where channels are coded 16 or
32 abreast (see `channel_rans`): in large maps, whatever their tables.
"""

from __future__ import annotations

import math
from functools import lru_cache
from types import ModuleType
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import contexts
from workbench.codecs.entropy.calibrated import Calibrated
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.entropy.smoothness import Roughness, roughness
from workbench.codecs.entropy.vector_lanes import SIDE
from workbench.errors import PayloadError
from workbench.records import Part

Layout = Literal["auto", "channel-first", "channel-last"]
LAYOUTS: Final[tuple[str, ...]] = get_args(Layout)
HEAD_BYTES: Final = 2

_AS_IT_IS = 255
_IMAGE, _ROWS_ALONE, _TOKENS = 0, 1, 2  # 2 + p: a square of tokens after p others
_MOST_CLASS_TOKENS = 8
_LARGE_CHANNEL, _LARGE_MAP, _HUGE_MAP = 400, 16384, 65536  # symbols
_FITTED, _SIXTEEN, _THIRTY_TWO = 0x80, 0x40, 0x20  # beside how rows follow each other
_FLAG_OF = {0: 0, SIDE: _SIXTEEN, 2 * SIDE: _THIRTY_TWO}


class Arrangement(NamedTuple):
    """The axis moved to the front (255: none), and how rows follow each other."""

    axis: int
    rows: int


def encode(
    symbols: NDArray[np.uint8],
    bits: int,
    background: int,
    layout: Layout = "auto",
    known: Calibrated | None = None,
    mixing: bool = False,
) -> bytes:
    """Symbols from 0 to 2**bits - 1 (uint8, any shape) as bytes, coded by their neighbourhoods: by tables, or
    by context mixing."""
    arrangement = _as_known(symbols.shape, known) or arrange(symbols, layout)
    rows, grid = to_rows(symbols, arrangement, bits, background)
    if mixing:
        return bytes(arrangement) + _mixing().encode(rows, grid)
    grid, head = _planned(symbols.shape, arrangement, bits, background, known is not None)
    return head + contexts.encode(rows, grid, known)


def decode(
    data: memoryview,
    shape: tuple[int, ...],
    bits: int,
    background: int,
    known: Calibrated | None = None,
    mixing: bool = False,
) -> NDArray[np.uint8]:
    """The symbols of this shape that `encode` made these bytes from.

    Raises
    ------
    PayloadError : the bytes do not hold exactly such symbols.
    """
    arrangement, grid = _read_head(data, shape, bits, background, known, mixing)
    coded = data[HEAD_BYTES:]
    rows = _mixing().decode(coded, grid) if mixing else contexts.decode(coded, grid, known)
    return from_rows(rows, arrangement, shape)


def anatomy(
    data: memoryview,
    shape: tuple[int, ...],
    bits: int,
    background: int,
    known: Calibrated | None = None,
    mixing: bool = False,
) -> tuple[Part, ...]:
    """What the bytes are made of."""
    _, grid = _read_head(data, shape, bits, background, known, mixing)
    head = Part("layout", HEAD_BYTES, "which axis is the channel, and how rows follow each other")
    coded = data[HEAD_BYTES:]
    return (head, *(_mixing().anatomy(coded, grid) if mixing else contexts.anatomy(coded, grid, known)))


def arrange(symbols: NDArray[np.uint8], layout: Layout = "auto") -> Arrangement:
    """How to walk these symbols."""
    dense = symbols.reshape(_long_axes(symbols.shape))
    if dense.ndim < 2 or not dense.size:
        return Arrangement(_AS_IT_IS, _ROWS_ALONE)
    rough = roughness(dense)
    axis = _AS_IT_IS
    if layout == "channel-last":
        axis = dense.ndim - 1
    elif layout == "auto":  # a row, and what is above it, should lie along the smoothest axes
        inner = range(dense.ndim - 1, dense.ndim - 3 if dense.ndim > 2 else dense.ndim - 2, -1)
        outer = min((rough[other] for other in range(dense.ndim) if other not in inner), key=_mean)
        axis = next((own for own in inner if rough[own].clearly_above(outer)), _AS_IT_IS)
    if dense.ndim > 2:
        return Arrangement(axis, _IMAGE)
    along = 1 if axis == _AS_IT_IS else 0
    side, others = _square(dense.shape[along])
    if side and rough[1 - along].clearly_above(roughness(dense, side)[along]):
        return Arrangement(axis, _TOKENS + others)
    return Arrangement(axis, _IMAGE if rough[1 - along].mean < 2 * rough[along].mean else _ROWS_ALONE)


def fits(shape: tuple[int, ...], arrangement: Arrangement) -> bool:
    """Whether symbols of this shape can be so arranged."""
    return _channels(shape, arrangement) > 0


def _as_known(shape: tuple[int, ...], known: Calibrated | None) -> Arrangement | None:
    """The arrangement of the samples of a calibration, where a map of this shape has their channels by it."""
    if known is None or known.arrangement is None or not len(known.chosen):
        return None
    arrangement = Arrangement(*known.arrangement)
    return arrangement if _channels(shape, arrangement) == len(known.chosen) else None


@lru_cache(maxsize=256)
def _channels(shape: tuple[int, ...], arrangement: Arrangement) -> int:
    """Channels of symbols so arranged, 0 where they cannot be."""
    try:
        return _grid(shape, arrangement, 1, 0).channels
    except PayloadError:
        return 0


@lru_cache(maxsize=256)
def _planned(
    shape: tuple[int, ...], arrangement: Arrangement, bits: int, background: int, calibrated: bool
) -> tuple[Grid, bytes]:
    """How symbols so arranged are walked, and the bytes that say so."""
    grid = _grid(shape, arrangement, bits, background)
    lanes = _lanes(grid, calibrated)
    grid = grid._replace(fitted=not calibrated and bits > 1 and _is_large(grid), lanes=lanes)
    flags = (_FITTED if grid.fitted else 0) | _FLAG_OF[lanes]
    return grid, bytes([arrangement.axis, arrangement.rows | flags])


def to_rows(
    symbols: NDArray[np.uint8], arrangement: Arrangement, bits: int, background: int
) -> tuple[NDArray[np.uint8], Grid]:
    """The symbols as contiguous rows, and how to walk them."""
    grid = _grid(symbols.shape, arrangement, bits, background)
    dense = symbols.reshape(_long_axes(symbols.shape))
    if arrangement.axis != _AS_IT_IS:
        dense = np.moveaxis(dense, arrangement.axis, 0)
    if arrangement.rows < _TOKENS or not symbols.size:
        return np.ascontiguousarray(dense).reshape(grid.rows, grid.width), grid
    others = arrangement.rows - _TOKENS
    rows = np.full(grid.rows * grid.width, background, np.uint8)
    inside = dense.size - others * len(dense)
    rows[:inside] = dense[:, others:].reshape(-1)
    rows[inside : dense.size] = dense[:, :others].reshape(-1)
    return rows.reshape(grid.rows, grid.width), grid


def from_rows(rows: NDArray[np.uint8], arrangement: Arrangement, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Inverse of `to_rows`."""
    sizes = list(_long_axes(shape))
    if arrangement.axis != _AS_IT_IS:
        sizes.insert(0, sizes.pop(arrangement.axis))
    if arrangement.rows < _TOKENS:
        dense = rows.reshape(sizes)
    else:
        others = arrangement.rows - _TOKENS
        flat, inside = rows.reshape(-1), math.prod(sizes) - others * sizes[0]
        dense = np.empty(sizes, np.uint8)
        dense[:, others:] = flat[:inside].reshape(sizes[0], -1)
        dense[:, :others] = flat[inside : math.prod(sizes)].reshape(sizes[0], -1)
    if arrangement.axis != _AS_IT_IS:
        dense = np.moveaxis(dense, 0, arrangement.axis)
    return np.ascontiguousarray(dense).reshape(shape)


@lru_cache(maxsize=256)
def _grid(shape: tuple[int, ...], arrangement: Arrangement, bits: int, background: int) -> Grid:
    """How to walk symbols of this shape so arranged; `PayloadError` where they cannot be."""
    sizes = list(_long_axes(shape))
    axis, kind = arrangement
    if axis != _AS_IT_IS:
        if axis >= len(sizes):
            raise PayloadError(f"the payload is damaged: axis {axis} of a shape {shape}")
        sizes.insert(0, sizes.pop(axis))
    if not math.prod(sizes):
        return Grid(0, 1, 1, bits, background)
    if kind < _TOKENS:
        width = sizes[-1] if sizes else 1
        plane = sizes[-2] if kind == _IMAGE and len(sizes) > 1 else 1
        return Grid(math.prod(sizes) // width, width, plane, bits, background)
    others = kind - _TOKENS
    side = math.isqrt(max(sizes[-1] - others, 0))
    if len(sizes) != 2 or side < 2 or side * side + others != sizes[1]:
        raise PayloadError(f"the payload is damaged: {others} tokens and a square in a shape {shape}")
    rows = sizes[0] * side + math.ceil(others * sizes[0] / side)
    return Grid(rows, side, side, bits, background)


def _square(tokens: int) -> tuple[int, int]:
    """Side of the square that so many tokens make, and the class tokens before it; (0, 0) if they do not."""
    side = math.isqrt(tokens)
    others = tokens - side * side
    return (side, others) if side > 2 and others <= _MOST_CLASS_TOKENS else (0, 0)


def _long_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


def _lanes(grid: Grid, calibrated: bool) -> int:
    """How many channels are coded abreast: 32 are faster, but cost two dozen bytes."""
    huge = grid.rows * grid.width >= _HUGE_MAP and grid.rows % (2 * SIDE * grid.plane) == 0
    lanes = 2 * SIDE if calibrated and huge else SIDE
    return lanes if grid._replace(lanes=lanes).abreast * grid.width >= _LARGE_MAP else 0


def _is_large(grid: Grid) -> bool:
    return grid.plane * grid.width >= _LARGE_CHANNEL and grid.rows * grid.width >= _LARGE_MAP


def _read_head(
    data: memoryview,
    shape: tuple[int, ...],
    bits: int,
    background: int,
    known: Calibrated | None,
    mixing: bool,
) -> tuple[Arrangement, Grid]:
    if len(data) < HEAD_BYTES:
        raise PayloadError("the payload is damaged: it does not say how its symbols are laid out")
    arrangement, grid = _understood(data[0], data[1], shape, bits, background)
    if grid.fitted and (mixing or known is not None or bits == 1):
        raise PayloadError("the payload is damaged: a fitted walk where there can be none")
    if mixing and grid.lanes:
        raise PayloadError(f"the payload is damaged: {grid.lanes} channels abreast where there can be none")
    return arrangement, grid


@lru_cache(maxsize=256)
def _understood(
    axis: int, rows: int, shape: tuple[int, ...], bits: int, background: int
) -> tuple[Arrangement, Grid]:
    """What the two bytes of a head say."""
    arrangement = Arrangement(axis, rows & ~(_FITTED | _SIXTEEN | _THIRTY_TWO))
    abreast = rows & (_SIXTEEN | _THIRTY_TWO)
    lanes = next((lanes for lanes, flag in _FLAG_OF.items() if flag == abreast), None)
    if lanes is None:
        raise PayloadError("the payload is damaged: both 16 and 32 channels abreast")
    grid = _grid(shape, arrangement, bits, background)
    grid = grid._replace(fitted=bool(rows & _FITTED), lanes=lanes)
    if lanes and not grid.abreast:
        raise PayloadError(f"the payload is damaged: {lanes} channels abreast where there can be none")
    return arrangement, grid


def _mixing() -> ModuleType:
    """Imported where it is asked for: tables are what nearly all payloads use, and start sooner alone."""
    from workbench.codecs.entropy import mixing

    return mixing


def _mean(rough: Roughness) -> float:
    return rough.mean
