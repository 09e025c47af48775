"""Working memory of a thread, kept from call to call: fresh pages would cost as much as the coding itself.

What is borrowed here holds anything, and must not leave the function that borrowed it.
"""

from __future__ import annotations

import math
import threading
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MOST_KEPT_BYTES: Final = 8 * 2**20  # of one buffer; larger ones are not kept

_own = threading.local()


def borrow(name: str, shape: int | tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    """An array of this shape in the thread's buffer called `name`; its contents are left over from before."""
    count = shape if isinstance(shape, int) else math.prod(shape)
    nbytes = count * np.dtype(dtype).itemsize
    if nbytes > MOST_KEPT_BYTES:
        return np.empty(shape, dtype)
    buffers: dict[str, NDArray[np.uint8]] | None = getattr(_own, "buffers", None)
    if buffers is None:
        buffers = _own.buffers = {}
    buffer = buffers.get(name)
    if buffer is None or buffer.nbytes < nbytes:
        buffer = buffers[name] = np.empty(max(nbytes, 4096), np.uint8)
    return buffer[:nbytes].view(dtype).reshape(shape)
