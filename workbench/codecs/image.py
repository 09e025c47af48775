"""Feature maps as one grey picture: channels side by side as tiles, coded as JPEG, WebP or PNG.

    features ─▶ 8-bit integers (s, z) ─▶ tiles ─▶ JPEG │ WebP │ PNG

Signed values are right: the range from the smallest to the largest value becomes 0 ... 255, and the grey
value z that stands for 0.0 fills the unused tiles. JPEG and WebP change the integers; PNG keeps them.

    (..., H, W)   one tile of H x W for each index of the axes before, as square a mosaic as goes
    (N, D)        one tile, N high
    (T,), ()      folded into rows, as square as goes

body:  step s float32, zero point z int32 (little endian), then the file
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.base import Anatomy, Codec, setting
from workbench.codecs.entropy import order0
from workbench.codecs.picture import FORMATS, check_size, picture_bytes, read_grey
from workbench.codecs.quantise import (
    GRID_BYTES,
    dequantise,
    quantise,
    read_grid,
    rounding_bound,
    write_grid,
)
from workbench.errors import InputError, PayloadError
from workbench.records import Part


class Mosaic(NamedTuple):
    """Tiles of `height` x `width`, `across` of them side by side, `down` rows of them."""

    tiles: int
    height: int
    width: int
    across: int
    down: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        return self.across * self.width, self.down * self.height


@dataclass(frozen=True)
class ImageCodec(Codec):
    """The channels as tiles of one picture, by a picture codec."""

    name: ClassVar[str] = "image"
    summary: ClassVar[str] = "channels as tiles of a grey picture: JPEG, WebP or PNG"
    source: ClassVar[str] = "Choi and Bajic 2018, Deep feature compression for collaborative object detection"

    format: str = setting("jpeg", "picture codec", choices=FORMATS, wire=True)
    quality: int = setting(90, "quality of JPEG and WebP", minimum=1, maximum=100)

    def pack(self, features: NDArray[np.float32]) -> bytes:
        symbols, scale, zero_point = quantise(features, 8)
        head = write_grid(scale, zero_point)
        if not features.size:
            return head
        layout = mosaic(features.shape)
        check_size(layout.size, self.format)
        background = min(max(zero_point, 0), 255)
        return head + picture_bytes(tile(symbols, layout, background), self.format, self.quality)

    def unpack(self, body: memoryview, shape: tuple[int, ...]) -> NDArray[np.float32]:
        scale, zero_point = read_grid(body)
        return dequantise(self._symbols(body, shape), scale, zero_point)

    def anatomy(self, body: memoryview, shape: tuple[int, ...]) -> Anatomy:
        scale, zero_point = read_grid(body)
        symbols = self._symbols(body, shape)
        width, height = mosaic(shape).size if math.prod(shape) else (0, 0)
        return Anatomy(
            (
                Part("grid", GRID_BYTES, "step and zero point"),
                Part("picture", len(body) - GRID_BYTES, f"{self.format}, {width} x {height} grey pixels"),
            ),
            shannon_bytes=order0.shannon_bytes(symbols),
            notes={"step": scale, "zero point": zero_point, "picture": [width, height]},
        )

    def error_bound(self, features: NDArray[np.float32]) -> float | None:
        """Half a step for PNG; nothing is promised for JPEG and WebP."""
        return rounding_bound(features, 8) if self.format == "png" else None

    def _symbols(self, body: memoryview, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        coded = body[GRID_BYTES:]
        if not math.prod(shape):
            if len(coded):
                raise PayloadError(f"image: {len(coded)} bytes of picture for no features")
            return np.empty(shape, np.uint8)
        layout = mosaic(shape)
        try:
            check_size(layout.size, self.format)
        except InputError as error:
            raise PayloadError(f"the payload is damaged: {error}") from error
        return untile(read_grey(coded, self.format, layout.size), layout, shape)


def mosaic(shape: tuple[int, ...]) -> Mosaic:
    """How features of a shape (none of its sizes 0) become tiles of one picture."""
    count = math.prod(shape)
    if len(shape) < 2:
        width = math.isqrt(count - 1) + 1
        return Mosaic(1, -(-count // width), width, 1, 1)
    height, width = shape[-2:]
    tiles = count // (height * width)
    across = min(max(round(math.sqrt(tiles * height / width)), 1), tiles)
    return Mosaic(tiles, height, width, across, -(-tiles // across))


def tile(symbols: NDArray[np.uint8], layout: Mosaic, background: int) -> NDArray[np.uint8]:
    """Symbols of the features as the pixels (H, W) of the picture."""
    places = layout.across * layout.down * layout.height * layout.width
    padded = np.full(places, background, np.uint8)
    padded[: symbols.size] = symbols.reshape(-1)
    grid = padded.reshape(layout.down, layout.across, layout.height, layout.width)
    width, height = layout.size
    return np.ascontiguousarray(grid.transpose(0, 2, 1, 3)).reshape(height, width)


def untile(pixels: NDArray[np.uint8], layout: Mosaic, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Symbols of the features from the pixels of the picture."""
    grid = pixels.reshape(layout.down, layout.height, layout.across, layout.width)
    flat = np.ascontiguousarray(grid.transpose(0, 2, 1, 3)).reshape(-1)
    return flat[: math.prod(shape)].reshape(shape)
