"""Pictures as JPEG, WebP or PNG: the "send the picture" baseline, and the engine of the `image` codec.

Pillow, no torch. Every option that changes bytes is named here; metadata is never written.
"""

from __future__ import annotations

import io
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from workbench.errors import InputError, PayloadError, SettingError, UnknownNameError

FORMATS: Final = ("jpeg", "webp", "png")
MAX_SIDE: Final = {"jpeg": 65_500, "webp": 16_383, "png": 2**24}
MAX_PIXELS: Final = 2**26

_OPTIONS: dict[str, dict[str, Any]] = {
    "jpeg": {"optimize": False, "progressive": False, "subsampling": "4:2:0"},
    "webp": {"lossless": False, "method": 4},
    "png": {"compress_level": 9},
}
_READERS: dict[str, Any] = {
    "jpeg": JpegImagePlugin.JpegImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "png": PngImagePlugin.PngImageFile,
}


def picture_bytes(image: Image.Image | NDArray[np.uint8], format: str = "jpeg", quality: int = 90) -> bytes:
    """The input picture as a file: what sending it, and computing everything on the server, would cost.

    Parameters
    ----------
    image : a Pillow image, or uint8 of shape (H, W, 3) or (H, W).
    format : jpeg (colour at half resolution, as cameras do), webp (lossy) or png (lossless).
    quality : 1 to 100 for jpeg and webp; png ignores it.

    Raises
    ------
    SettingError : no such format, or a quality out of range.
    InputError : no picture, or one too large for the format.
    """
    if format not in FORMATS:
        raise SettingError(str(UnknownNameError("picture format", format, FORMATS)))
    if not (isinstance(quality, int | np.integer) and 1 <= quality <= 100):
        raise SettingError(f"quality is {quality!r}; it must be a whole number from 1 to 100")
    picture = image if isinstance(image, Image.Image) else _from_array(image)
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    check_size(picture.size, format)
    options = dict(_OPTIONS[format])
    if format != "png":
        options["quality"] = int(quality)
    if format == "jpeg" and picture.mode == "L":
        del options["subsampling"]
    out = io.BytesIO()
    bare = Image.frombytes(picture.mode, picture.size, picture.tobytes())  # nothing but pixels
    bare.save(out, format=format.upper(), **options)
    return out.getvalue()


def read_grey(data: bytes | memoryview, format: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Pixels (H, W) of a grey picture that must have that format and size (W, H).

    Raises
    ------
    PayloadError : another format or size, or damaged; nothing is allocated for a size that is not due.
    """
    body = bytes(data)
    if format == "webp" and _webp_size(body) != size:
        raise PayloadError(f"the payload is damaged: its picture is no WebP of {size[0]} x {size[1]}")
    try:
        with _READERS[format](io.BytesIO(body)) as picture:
            if picture.size != size or picture.info.get("progressive") or getattr(picture, "n_frames", 1) > 1:
                raise PayloadError(f"the payload is damaged: its picture is {picture.size}, due is {size}")
            if picture.mode not in ("L", "RGB"):
                raise PayloadError(f"the payload is damaged: its picture has mode {picture.mode}")
            picture.load()
            pixels = np.asarray(picture.convert("L"))
    except PayloadError:
        raise
    except Exception as error:  # Pillow lets a dozen kinds out for broken files
        raise PayloadError(f"the payload is damaged: its picture cannot be read ({error})") from error
    return pixels


def check_size(size: tuple[int, int], format: str) -> None:
    """`InputError` for a picture (W, H) that has no pixels, or more than the format can hold."""
    width, height = size
    limit = MAX_SIDE[format]
    if not (0 < width <= limit and 0 < height <= limit and width * height <= MAX_PIXELS):
        raise InputError(
            f"a picture of {width} x {height} does not fit {format}: sides from 1 to {limit}, "
            f"at most {MAX_PIXELS} pixels"
        )


def _from_array(pixels: Any) -> Image.Image:
    array = np.asarray(pixels)
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise InputError(
            f"a picture of type {array.dtype} and shape {array.shape}; "
            "allowed: a Pillow image, or uint8 of shape (H, W, 3) or (H, W)"
        )
    if not array.size:
        raise InputError(f"a picture of shape {array.shape} has no pixels")
    return Image.fromarray(np.ascontiguousarray(array))


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """(W, H) of a simple lossy WebP file, read without decoding it."""
    if len(data) < 30 or data[:4] != b"RIFF" or data[8:16] != b"WEBPVP8 " or data[23:26] != b"\x9d\x01\x2a":
        return None
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF
