"""The autoencoder that QCNet is compared with: half the sides, half the channels, then ZIP.

body:  the code as float32, little endian, by ZIP
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.codecs import lossless
from workbench.codecs.learned.bundle import Bundle
from workbench.codecs.learned.codec import Learned
from workbench.codecs.learned.standin import means
from workbench.errors import PayloadError
from workbench.records import Part


@dataclass(frozen=True)
class RefAe(Learned):
    """A convolutional autoencoder's code as floats, zipped."""

    name: ClassVar[str] = "refae"
    summary: ClassVar[str] = (
        "learned: an autoencoder's code as floats, zipped; a fixed transform until it gets weights"
    )
    source: ClassVar[str] = "Sánchez Leal et al. 2025, QCNet, IEEE Access 13: RefAE"

    def _stand_in(self) -> Bundle:
        return means(8, -1.0, 1.0)

    def _check(self, bundle: Bundle) -> None:
        """Any code will do."""

    def _pack_codes(self, codes: NDArray[np.float32], bundle: Bundle) -> bytes:
        return lossless.squeeze(codes.astype("<f4").tobytes(), "zip")

    def _unpack_codes(self, body: memoryview, batch: int, bundle: Bundle) -> NDArray[np.float32]:
        data = lossless.expand(body, "zip", 4 * batch * math.prod(bundle.code_shape))
        codes = np.frombuffer(data, "<f4").astype(np.float32).reshape(batch, *bundle.code_shape)
        if not np.isfinite(codes).all():
            raise PayloadError("the payload is damaged: its code holds values that are not finite")
        return codes

    def _parts(self, body: memoryview, batch: int, bundle: Bundle) -> tuple[tuple[Part, ...], float | None]:
        if not batch:
            return (), None
        count = self._unpack_codes(body, batch, bundle).size
        return (Part("code", len(body), f"{count} floats of 32 bits, zipped"),), None
