"""BottleNet: fewer channels and smaller sides, 8 bits, then JPEG over the channels as tiles.

body:  the JPEG
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import order0
from workbench.codecs.image import mosaic, tile, untile
from workbench.codecs.learned.bundle import Bundle
from workbench.codecs.learned.codec import Learned
from workbench.codecs.learned.standin import means
from workbench.codecs.picture import check_size, picture_bytes, read_grey
from workbench.errors import InputError, PayloadError, SettingError
from workbench.records import Part

STAND_IN_QUALITY = 90


@dataclass(frozen=True)
class BottleNet(Learned):
    """A reduced map of values from 0 to 1, as the tiles of a JPEG."""

    name: ClassVar[str] = "bottlenet"
    summary: ClassVar[str] = (
        "learned: reduced channels and sides, then JPEG; a fixed transform until it gets weights"
    )
    source: ClassVar[str] = "Eshratifar, Esmaili, Pedram 2019, BottleNet, arXiv:1902.01000"

    def _stand_in(self) -> Bundle:
        return means(16, 0.0, 1.0)

    def _check(self, bundle: Bundle) -> None:
        quality = bundle.code.get("quality")
        if not (isinstance(quality, int) and 1 <= quality <= 100):
            raise SettingError(f"bottlenet: the weights {bundle.id!r} say no JPEG quality from 1 to 100")

    def _pack_codes(self, codes: NDArray[np.float32], bundle: Bundle) -> bytes:
        pixels = np.rint(255 * np.clip(codes, 0, 1)).astype(np.uint8).reshape(_folded(codes.shape[0], bundle))
        layout = mosaic(pixels.shape)
        check_size(layout.size, "jpeg")
        return picture_bytes(
            tile(pixels, layout, 128), "jpeg", int(bundle.code.get("quality", STAND_IN_QUALITY))
        )

    def _unpack_codes(self, body: memoryview, batch: int, bundle: Bundle) -> NDArray[np.float32]:
        codes = self._pixels(body, batch, bundle).reshape(batch, *bundle.code_shape)
        return codes.astype(np.float32) / np.float32(255)

    def _parts(self, body: memoryview, batch: int, bundle: Bundle) -> tuple[tuple[Part, ...], float | None]:
        if not batch:
            return (), None
        pixels = self._pixels(body, batch, bundle)
        part = Part("picture", len(body), f"{pixels.size} values of 8 bits as a JPEG")
        return (part,), order0.shannon_bytes(pixels)

    def _pixels(self, body: memoryview, batch: int, bundle: Bundle) -> NDArray[np.uint8]:
        shape = _folded(batch, bundle)
        layout = mosaic(shape)
        try:
            check_size(layout.size, "jpeg")
        except InputError as error:
            raise PayloadError(f"the payload is damaged: {error}") from error
        return untile(read_grey(body, "jpeg", layout.size), layout, shape)


def _folded(batch: int, bundle: Bundle) -> tuple[int, ...]:
    """A bundle's code as it is, the blocks of the stand-in in one row that folds itself."""
    return bundle.code_shape if bundle.id else (batch * bundle.code_shape[0],)
