"""A whole symbol map as bytes and back by context mixing: the fewest bytes, some 40 to 70 times as slow.

symbols ─▶ position by position, channel by channel ─▶ yes-or-no questions ─▶ P(yes) of each ─▶ bytes
                                                          `decisions`       `mixing_model`    `binary_coder`

Nothing but the coded answers travels: the receiver learns what the sender learnt, answer by answer. What
tables by neighbourhood cannot use is what other channels had at the same place; here their errors correct the
prediction.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.binary_coder import FRONT, PLACE, begin, last_bytes, look_ahead
from workbench.codecs.entropy.decisions import decisions
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.entropy.mixing_model import LARGEST_SYMBOL_BYTES, code_map, learner
from workbench.errors import PayloadError
from workbench.records import Part

_SPARE: Final = 2 * LARGEST_SYMBOL_BYTES


def encode(symbols: NDArray[np.uint8], grid: Grid) -> bytes:
    """Symbols (rows, width) as bytes."""
    if not symbols.size:
        return b""
    room = symbols.size * grid.bits // 8 + _SPARE
    while True:
        data, coder = np.empty(room, np.uint8), begin()
        if _code(_cells(symbols, grid), grid, coder, data, True):
            return data[: int(coder[PLACE])].tobytes() + last_bytes(coder)
        room *= 2


def decode(data: memoryview, grid: Grid) -> NDArray[np.uint8]:
    """The symbols (rows, width) that `encode` made these bytes from.

    Raises
    ------
    PayloadError : the bytes do not hold exactly such a map.
    """
    symbols = np.zeros((grid.rows, grid.width), np.uint8)
    if not symbols.size:
        if len(data):
            raise PayloadError(f"the payload is damaged: {len(data)} bytes where no symbols are coded")
        return symbols
    padded, coder = np.zeros(len(data) + _SPARE, np.uint8), begin()
    padded[: len(data)] = np.frombuffer(data, np.uint8)
    look_ahead(coder, padded)
    cells = _cells(symbols, grid)
    whole = _code(cells, grid, coder, padded, False)
    written, end = int(coder[PLACE]) - FRONT, last_bytes(coder)
    if not whole or written + len(end) != len(data) or bytes(data[written:]) != end:
        raise PayloadError("the payload is damaged: its coded symbols do not end where they should")
    return np.ascontiguousarray(cells.T).reshape(-1)[: symbols.size].reshape(symbols.shape)


def anatomy(data: memoryview, grid: Grid) -> tuple[Part, ...]:
    """What the bytes are made of."""
    if not len(data):
        return ()
    return (Part("answers", len(data), f"{grid.rows * grid.width} symbols, each as some coded answers"),)


def _cells(symbols: NDArray[np.uint8], grid: Grid) -> NDArray[np.uint8]:
    """The symbols as (position, channel); the last channel is filled up."""
    positions = min(grid.plane, grid.rows) * grid.width
    cells = np.zeros(grid.channels * positions, np.uint8)
    cells[: symbols.size] = symbols.reshape(-1)
    return np.ascontiguousarray(cells.reshape(-1, positions).T)


def _code(
    cells: NDArray[np.uint8], grid: Grid, coder: NDArray[np.uint64], data: NDArray[np.uint8], encoding: bool
) -> bool:
    tree = decisions(grid.bits, grid.background)
    positions, channels = cells.shape
    own = learner(channels, positions, len(tree.least))
    count = grid.rows * grid.width
    return bool(code_map(cells, grid.width, count, grid.background, tree, own, coder, data, encoding))
