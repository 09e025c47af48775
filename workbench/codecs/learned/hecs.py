"""HECS-B: few linear measurements of the features, rounded, and coded by the prior they were trained with.

body:  with weights, rANS by the weights' own tables; the stand-in's whole numbers by order-0 rANS
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import order0
from workbench.codecs.learned import prior
from workbench.codecs.learned.bundle import Bundle
from workbench.codecs.learned.codec import Learned
from workbench.codecs.learned.standin import cosines
from workbench.errors import SettingError
from workbench.records import Part

_STEP = 1 / 16
_MOST = 2**20


@dataclass(frozen=True)
class HecsB(Learned):
    """Compressed sensing with a learned measurement and a learned decoder."""

    name: ClassVar[str] = "hecs-b"
    summary: ClassVar[str] = (
        "learned: few linear measurements, rounded, entropy-coded; a fixed transform until it gets weights"
    )
    source: ClassVar[str] = "Zhong, Chen 2025, HECS-B, arXiv:2504.15295"

    def _stand_in(self) -> Bundle:
        return cosines(16)

    def _check(self, bundle: Bundle) -> None:
        tables = bundle.tensors.get("tables")
        places = math.prod(bundle.code_shape)
        if tables is None or not prior.valid(tables) or len(tables) != places or tables.shape[1] % 2 == 0:
            raise SettingError(f"hecs-b: the weights {bundle.id!r} have no valid table for each measurement")

    def _pack_codes(self, codes: NDArray[np.float32], bundle: Bundle) -> bytes:
        if not bundle.id:
            whole = np.rint(np.clip(codes / _STEP, -_MOST, _MOST)).astype(np.int64)
            return order0.encode(np.where(whole < 0, -2 * whole - 1, 2 * whole).astype(np.uint32))
        offset = bundle.tensors["tables"].shape[1] // 2
        whole = np.rint(np.clip(codes, -offset, offset)).astype(np.int64)
        return prior.encode(whole.reshape(-1) + offset, bundle.tensors["tables"])

    def _unpack_codes(self, body: memoryview, batch: int, bundle: Bundle) -> NDArray[np.float32]:
        shape = (batch, *bundle.code_shape)
        if bundle.id:
            offset = bundle.tensors["tables"].shape[1] // 2
            return (prior.decode(body, bundle.tensors["tables"]) - offset).astype(np.float32).reshape(shape)
        coded = order0.decode(body, math.prod(shape), 2 * _MOST).astype(np.int32)
        whole = np.where(coded % 2, -(coded + 1) // 2, coded // 2)
        return (whole * np.float32(_STEP)).astype(np.float32).reshape(shape)

    def _parts(self, body: memoryview, batch: int, bundle: Bundle) -> tuple[tuple[Part, ...], float | None]:
        count = batch * math.prod(bundle.code_shape)
        if not bundle.id:
            coded = order0.decode(body, count, 2 * _MOST)
            return order0.anatomy(body, count), order0.shannon_bytes(coded)
        symbols = prior.decode(body, bundle.tensors["tables"])
        shares = bundle.tensors["tables"][np.arange(count), symbols] / (1 << prior.BITS)
        bound = float(-np.log2(shares).sum() / 8)
        return (Part("measurements", len(body), f"{count} whole numbers by the trained prior"),), bound
