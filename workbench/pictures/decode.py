"""Bytes of a picture file to RGB with 8 bits a channel, whatever the file holds.

Grey, palette, 16-bit, CMYK and transparent pictures become RGB; what is transparent lies on white; the
camera's orientation is applied; of an animation the first frame is taken.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.Image import Image as PILImage

from workbench.errors import InputError

MAX_PIXELS = 2**26  # 67 megapixels, 201 MB as RGB; checked before anything is decoded
# Only formats that are decoded in this process; EPS, for one, would start another program.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "AVIF")
# fmt: off
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".avif",
)
# fmt: on


def decode_picture(content: bytes | Path, name: str) -> PILImage:
    """The picture in these bytes, or in that file, as RGB.

    Raises
    ------
    InputError : no picture, cut short, damaged, or of more than 67 million pixels; says which.
    """
    source: io.BytesIO | Path = content if isinstance(content, Path) else io.BytesIO(content)
    if isinstance(source, io.BytesIO) and not source.getbuffer().nbytes:
        raise InputError(f"{name} is empty; give a picture: {_known()}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd files; what matters is checked below
            with Image.open(source, formats=_formats()) as opened:
                _check_size(opened, name)
                opened.load()
                return to_rgb(ImageOps.exif_transpose(opened), name)
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(f"{name} has more than the {MAX_PIXELS:,} pixels that are allowed") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{name} is no picture that can be read; give one of {_known()}") from error
    except FileNotFoundError as error:
        raise InputError(f"there is no picture {name}") from error
    except Exception as error:
        # Decoders of damaged files raise whatever they stumble over: OSError, SyntaxError, struct.error ...
        raise InputError(f"{name} cannot be read as a picture: {error or type(error).__name__}") from error


def to_rgb(image: PILImage, name: str) -> PILImage:
    """Any picture as RGB with 8 bits a channel; itself if it is that already.

    Raises
    ------
    InputError : too many pixels, none at all, or floats outside 0..255.
    """
    _check_size(image, name)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_8_bits(np.asarray(image), name)).convert("RGB")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("RGB")
    return image.convert("RGB")


def _to_8_bits(values: np.ndarray, name: str) -> np.ndarray:
    """Grey of 16 bits over 257, of floats 0..1 times 255; what fits into 8 bits stays."""
    low, high = float(values.min()), float(values.max())
    floats = values.dtype.kind == "f"
    limit = 1.0 if floats and high <= 1 else 255.0 if floats else 65535.0
    if not (low >= 0 and high <= limit):
        raise InputError(f"{name} holds values from {low:g} to {high:g}; allowed: 0 to 65535, or floats to 1")
    return np.rint(values * (255 / limit)).astype(np.uint8)


def _check_size(image: PILImage, name: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"{name} is {image.width} x {image.height} = {image.width * image.height:,} pixels; at most "
            f"{MAX_PIXELS:,} are allowed: make it smaller first"
        )
    if image.width * image.height == 0:
        raise InputError(f"{name} is {image.width} x {image.height}; a picture has at least one pixel")


def _formats() -> list[str]:
    Image.init()
    return [known for known in FORMATS if known in Image.OPEN]


def _known() -> str:
    return "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM"
