"""Every value as an integer of Q bits, packed; a lossless coder behind it if wanted.

    features ─▶ quantise (s, z) ─▶ symbols ─┬─ pack Q bits ─┬─▶ none │ zip │ zstd
                                            └───────────────┴─▶ rans

body:  step s float32, zero point z int32 (little endian), then the coded symbols
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.codecs import lossless
from workbench.codecs.base import Anatomy, Codec, setting
from workbench.codecs.entropy import order0
from workbench.codecs.packing import pack_bits, packed_bytes, unpack_bits
from workbench.codecs.quantise import (
    GRID_BYTES,
    MAX_BITS,
    dequantise,
    quantise,
    read_grid,
    rounding_bound,
    symbol_type,
    write_grid,
)
from workbench.records import Part


@dataclass(frozen=True)
class Uniform(Codec):
    """Asymmetric integer quantisation with one step for the whole feature map (see `quantise`)."""

    name: ClassVar[str] = "uniform"
    reusable: ClassVar[bool] = True
    finite: ClassVar[bool] = True
    looks: ClassVar[bool] = True
    summary: ClassVar[str] = "integers of Q bits, packed, with or without a lossless coder"
    source: ClassVar[str] = "Sung, Im, Palakonda and Kang 2025, arXiv 2511.11664, section 3 (the quantiser)"

    bits: int = setting(
        8, "bits of each value", symbol="Q", unit="bit", minimum=1, maximum=MAX_BITS, wire=True
    )
    lossless: str = setting(
        "none", "lossless coder behind the packed integers", choices=(*lossless.METHODS, "rans"), wire=True
    )

    def pack(self, features: NDArray[np.float32]) -> bytes:
        symbols, scale, zero_point = quantise(features, self.bits)
        if self.lossless == "rans":
            coded = order0.encode(symbols)
        else:
            coded = lossless.squeeze(pack_bits(symbols, self.bits), self.lossless)
        return write_grid(scale, zero_point) + coded

    def unpack(self, body: memoryview, shape: tuple[int, ...]) -> NDArray[np.float32]:
        scale, zero_point = read_grid(body)
        symbols = self._symbols(body[GRID_BYTES:], math.prod(shape))
        return dequantise(symbols, scale, zero_point).reshape(shape)

    def anatomy(self, body: memoryview, shape: tuple[int, ...]) -> Anatomy:
        scale, zero_point = read_grid(body)
        coded, count = body[GRID_BYTES:], math.prod(shape)
        symbols = self._symbols(coded, count)
        if self.lossless == "rans":
            parts = order0.anatomy(coded, count)
        else:
            behind = "" if self.lossless == "none" else f", then {self.lossless}"
            parts = (Part("values", len(coded), f"{count} symbols of {self.bits} bits, packed{behind}"),)
        return Anatomy(
            (Part("grid", GRID_BYTES, "step and zero point"), *parts),
            shannon_bytes=order0.shannon_bytes(symbols),
            notes={
                "step": scale,
                "zero point": zero_point,
                "alphabet": len(np.unique(symbols)),
                "packed bytes": packed_bytes(count, self.bits),
            },
        )

    def error_bound(self, features: NDArray[np.float32]) -> float:
        """Half a step, and what float32 cannot tell apart."""
        return rounding_bound(features, self.bits)

    def _symbols(self, coded: memoryview, count: int) -> NDArray[Any]:
        if self.lossless == "rans":
            top = 2**self.bits - 1
            return order0.decode(coded, count, top).astype(symbol_type(self.bits))
        packed = lossless.expand(coded, self.lossless, packed_bytes(count, self.bits))
        return unpack_bits(packed, self.bits, count)
