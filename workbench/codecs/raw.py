"""The features as they are: 32-bit floats, or 16-bit ones at half the bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.base import Anatomy, Codec, setting
from workbench.errors import InputError, PayloadError
from workbench.records import Part

_TYPES: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "float16": np.dtype("<f2")}


@dataclass(frozen=True)
class Raw(Codec):
    """Every value sent as a float; nothing is lost at float32."""

    name: ClassVar[str] = "raw"
    reusable: ClassVar[bool] = True
    summary: ClassVar[str] = "the features as floats, uncompressed"

    dtype: str = setting("float32", "type of each value on the wire", choices=tuple(_TYPES), wire=True)

    def pack(self, features: NDArray[np.float32]) -> bytes:
        if self.dtype == "float32":
            return features.astype("<f4", copy=False).tobytes()
        with np.errstate(over="ignore"):
            values = features.astype(_TYPES[self.dtype])
        if not np.isfinite(values).all():
            largest = np.abs(features).max()
            raise InputError(
                f"raw: the largest feature is {largest:.4g}, float16 ends at 65504; use dtype='float32'"
            )
        return values.tobytes()

    def unpack(self, body: memoryview, shape: tuple[int, ...]) -> NDArray[np.float32]:
        wire = _TYPES[self.dtype]
        if len(body) != wire.itemsize * math.prod(shape):
            raise PayloadError(
                f"raw: {len(body)} bytes do not hold {math.prod(shape)} values of {self.dtype}"
            )
        return np.frombuffer(body, wire).reshape(shape).astype(np.float32)

    def anatomy(self, body: memoryview, shape: tuple[int, ...]) -> Anatomy:
        return Anatomy((Part("values", len(body), f"each value as {self.dtype}"),))

    def error_bound(self, features: NDArray[np.float32]) -> float:
        """Nothing at float32; half a unit in the last of float16's 11 binary places otherwise."""
        if self.dtype == "float32" or not features.size:
            return 0.0
        return float(np.abs(features).max()) * 2.0**-11 + 2.0**-25
