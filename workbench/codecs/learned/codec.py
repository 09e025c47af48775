"""What all learned codecs share: the bundle that `weights` names, or the stand-in where there is none.

    features ─▶ encoder ─▶ code ─▶ body ─▶ code ─▶ decoder ─▶ features

A bundle takes features of the one shape it was trained for. The stand-in takes any, in blocks of 64:
body = scale float32, then the code of all blocks.
"""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.base import Anatomy, Codec, setting
from workbench.codecs.learned import bundle as bundles
from workbench.codecs.learned.bundle import Bundle
from workbench.codecs.learned.standin import BLOCK
from workbench.errors import InputError, PayloadError, SettingError
from workbench.records import Part

_LARGEST = np.finfo(np.float32).max
_SCALE_BYTES = 4


@dataclass(frozen=True)
class Learned(Codec):
    """An encoder and a decoder from a file of weights; each subclass says how a code becomes bytes."""

    weights: str = setting("", "file of trained weights; without one a fixed stand-in that learned nothing")
    id: str = setting("", "hash that names the weights; filled in from the file", wire=True)

    exact: ClassVar[bool] = False  # matrix products, summed in an order that the processor chooses
    lossless: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if isinstance(self.weights, os.PathLike):
            object.__setattr__(self, "weights", os.fspath(self.weights))
        super().__post_init__()
        if self.weights:
            bundle = bundles.load(self.weights)
            if self.id not in ("", bundle.id):
                raise SettingError(
                    f"{self.name}: {self.weights} holds the weights {bundle.id!r}, not {self.id!r}; "
                    "they were trained again, or it is another file"
                )
            object.__setattr__(self, "id", bundle.id)
        if self.id:
            bundle = bundles.known(self.id)
            if bundle.codec != self.name:
                raise SettingError(f"{self.name}: the weights {self.id!r} are of the codec {bundle.codec!r}")
            self._check(bundle)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of features that the weights were trained for; None without weights."""
        return bundles.known(self.id).shape if self.id else None

    def pack(self, features: NDArray[np.float32]) -> bytes:
        if not self.id:
            return self._pack_blocks(features)
        bundle = bundles.known(self.id)
        if features.shape != bundle.shape:
            where = " at ".join(
                str(bundle.trained[key]) for key in ("model", "split") if key in bundle.trained
            )
            raise InputError(
                f"{self.name}: features of shape {features.shape}; these weights were trained for "
                f"{bundle.shape}{' of ' + where if where else ''}; encode the samples of a batch one by one"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            codes = bundle.encode(features[None])
        return self._pack_codes(np.nan_to_num(codes, nan=0.0), bundle)

    def unpack(self, body: memoryview, shape: tuple[int, ...]) -> NDArray[np.float32]:
        if not self.id:
            return self._unpack_blocks(body, shape)
        bundle = self._bundle_for(shape)
        with np.errstate(over="ignore", invalid="ignore"):
            features = bundle.decode(self._unpack_codes(body, 1, bundle))[0]
        return np.ascontiguousarray(features, np.float32)

    def anatomy(self, body: memoryview, shape: tuple[int, ...]) -> Anatomy:
        if self.id:
            bundle = self._bundle_for(shape)
            parts, shannon = self._parts(body, 1, bundle)
            return Anatomy(parts, shannon, {"weights": self.id, "code": list(bundle.code_shape)})
        blocks = -(-math.prod(shape) // BLOCK)
        _, coded = self._scale(body, blocks)
        parts, shannon = self._parts(coded, blocks, self._stand_in())
        scale = (Part("scale", _SCALE_BYTES, "largest magnitude"),) if blocks else ()
        return Anatomy((*scale, *parts), shannon, {"weights": "none: a stand-in that learned nothing"})

    @abstractmethod
    def _stand_in(self) -> Bundle:
        """What blocks of 64 values go through without weights."""

    @abstractmethod
    def _check(self, bundle: Bundle) -> None:
        """`SettingError` for a bundle whose `code` is not what this codec needs."""

    @abstractmethod
    def _pack_codes(self, codes: NDArray[np.float32], bundle: Bundle) -> bytes:
        """Finite codes (B, *code_shape) as bytes."""

    @abstractmethod
    def _unpack_codes(self, body: memoryview, batch: int, bundle: Bundle) -> NDArray[np.float32]:
        """Codes (batch, *code_shape), finite, from bytes."""

    @abstractmethod
    def _parts(self, body: memoryview, batch: int, bundle: Bundle) -> tuple[tuple[Part, ...], float | None]:
        """What those bytes are made of, and the bound of their symbols."""

    def _bundle_for(self, shape: tuple[int, ...]) -> Bundle:
        bundle = bundles.known(self.id)
        if shape != bundle.shape:
            raise PayloadError(
                f"the payload is damaged: shape {shape}, but its weights were trained for {bundle.shape}"
            )
        return bundle

    def _pack_blocks(self, features: NDArray[np.float32]) -> bytes:
        if not features.size:
            return b""
        scale = np.abs(features).max()
        blocks = -(-features.size // BLOCK)
        values = np.zeros((blocks, BLOCK), np.float32)
        if scale > 0:
            values.reshape(-1)[: features.size] = features.reshape(-1) / np.float64(scale)
        bundle = self._stand_in()
        return scale.astype("<f4").tobytes() + self._pack_codes(bundle.encode(values), bundle)

    def _unpack_blocks(self, body: memoryview, shape: tuple[int, ...]) -> NDArray[np.float32]:
        count = math.prod(shape)
        blocks = -(-count // BLOCK)
        scale, coded = self._scale(body, blocks)
        if not blocks:
            return np.empty(shape, np.float32)
        bundle = self._stand_in()
        with np.errstate(over="ignore", invalid="ignore"):
            values = bundle.decode(self._unpack_codes(coded, blocks, bundle)).reshape(-1)[:count]
            values *= np.float32(scale)
        return np.clip(values, -_LARGEST, _LARGEST).reshape(shape)

    def _scale(self, body: memoryview, blocks: int) -> tuple[float, memoryview]:
        if not blocks:
            if len(body):
                raise PayloadError(f"{self.name}: {len(body)} bytes for no features")
            return 0.0, body
        if len(body) < _SCALE_BYTES:
            raise PayloadError(f"{self.name}: {len(body)} bytes; the scale alone takes {_SCALE_BYTES}")
        scale = float(np.frombuffer(body, "<f4", 1)[0])
        if not (math.isfinite(scale) and scale >= 0):
            raise PayloadError(f"the payload is damaged: its scale is {scale}")
        return scale, body[_SCALE_BYTES:]
