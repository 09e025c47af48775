"""The least and the greatest of many float32 in one pass, which also says whether all are finite.

The bits of a float, taken as a whole number with a sign and its other 31 bits turned where it is negative,
are in the same order as the floats; comparing whole numbers is done for many at a time.
"""

from __future__ import annotations

import math
import struct

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled
from workbench.errors import InputError

_WHOLE, _FLOAT = struct.Struct("<i"), struct.Struct("<f")
_SIGN, _OTHERS, _LEAST = np.int32(31), np.int32(0x7FFFFFFF), np.int32(-(2**31))


def extremes(values: NDArray[np.float32]) -> tuple[float, float]:
    """The least and the greatest of at least one value, any shape; not both finite where a value is not."""
    flags = values.flags
    if not (flags.c_contiguous and flags.writeable and values.dtype == np.float32):  # compiled for such alone
        return float(values.min()), float(values.max())
    low, high = _extreme_keys(values.reshape(-1).view(np.int32))
    return _value_of(int(low)), _value_of(int(high))


def finite_extremes(values: NDArray[np.float32]) -> tuple[float, float]:
    """The least and the greatest value, both 0 where there is none.

    Raises
    ------
    InputError : a value is nan or infinite.
    """
    if not values.size:
        return 0.0, 0.0
    low, high = extremes(values)
    if not (math.isfinite(low) and math.isfinite(high)):
        bad = int(values.size - np.isfinite(values).sum())
        raise InputError(
            f"{bad} of {values.size} features are not finite in float32; remove nan and inf first"
        )
    return low, high


def all_finite(values: NDArray[np.float32]) -> bool:
    """Whether no value is nan or infinite."""
    return not values.size or all(map(math.isfinite, extremes(values)))


def _value_of(key: int) -> float:
    value: float = _FLOAT.unpack(_WHOLE.pack(key if key >= 0 else key ^ 0x7FFFFFFF))[0]
    return value


@compiled
def _extreme_keys(bits: NDArray[np.int32]) -> tuple[np.int32, np.int32]:
    low, high = _OTHERS, _LEAST
    for place in range(bits.size):
        one = bits[place]
        key = np.int32(one ^ np.int32(np.int32(one >> _SIGN) & _OTHERS))
        low = min(low, key)
        high = max(high, key)
    return low, high
