"""What a learned codec does without weights: a fixed transform of blocks of 64 values; nothing is learned.

It lets a person try the codec on any features, and it is the floor that training has to beat. The values are
taken in the order of memory, scaled by the largest magnitude, the last block filled up with zeros.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.learned.bundle import Bundle

BLOCK = 64


@cache
def cosines(kept: int) -> Bundle:
    """The first `kept` coefficients of an orthonormal cosine transform, and its transpose back."""
    places = (np.arange(BLOCK) + 0.5) * np.pi / BLOCK
    rows = np.cos(np.outer(np.arange(kept), places)) * np.sqrt(2 / BLOCK)
    rows[0] /= np.sqrt(2)
    return _matrices(rows, rows.T, kept)


@cache
def means(kept: int, low: float, high: float) -> Bundle:
    """The mean of each BLOCK / `kept` values, moved so that -1..1 becomes low..high."""
    run = BLOCK // kept
    averages = np.kron(np.eye(kept), np.full((1, run), 1 / run))
    gain, shift = (high - low) / 2, (high + low) / 2
    return _matrices(averages * gain, np.kron(np.eye(kept), np.ones((run, 1))) / gain, kept, shift)


def _matrices(forth: NDArray[Any], back: NDArray[Any], kept: int, shift: float = 0.0) -> Bundle:
    tensors = {
        "forth": forth.astype(np.float32),
        "back": back.astype(np.float32),
        "forth shift": np.full(kept, shift, np.float32),
        "back shift": (back @ np.full(kept, -shift)).astype(np.float32),
    }
    return Bundle(
        id="",
        codec="",
        shape=(BLOCK,),
        code_shape=(kept,),
        encoder=[{"kind": "linear", "weight": "forth", "bias": "forth shift"}],
        decoder=[{"kind": "linear", "weight": "back", "bias": "back shift"}],
        tensors=tensors,
        code={},
        trained={},
    )
