"""Working memory of a thread, kept from call to call: fresh pages would cost as much as the coding itself.

What is borrowed here holds anything, and must not leave the function that borrowed it.
"""

from __future__ import annotations

import math
import threading
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_KEPT_BYTES: Final = 8 * 2**20  # of one buffer; larger ones are not kept

_own = threading.local()


class _Kept(NamedTuple):
    """A buffer, and how it was last lent."""

    buffer: NDArray[np.uint8]
    shape: int | tuple[int, ...]
    dtype: type[np.generic]
    view: NDArray[Any]


def borrow(name: str, shape: int | tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """An array of this shape in the thread's buffer called `name`; its contents are left over from before."""
    kept: dict[str, _Kept] | None = getattr(_own, "kept", None)
    if kept is None:
        kept = _own.kept = {}
    last = kept.get(name)
    if last is not None and last.shape == shape and last.dtype is dtype:
        return last.view
    nbytes = (shape if isinstance(shape, int) else math.prod(shape)) * np.dtype(dtype).itemsize
    if nbytes > MOST_KEPT_BYTES:
        return np.empty(shape, dtype)
    buffer = (
        last.buffer
        if last is not None and last.buffer.nbytes >= nbytes
        else np.empty(max(nbytes, 4096), np.uint8)
    )
    view = buffer[:nbytes].view(dtype).reshape(shape)
    kept[name] = _Kept(buffer, shape, dtype, view)
    return view
