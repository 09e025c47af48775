"""The bytes that cross the link, and nothing about what is in them.

    offset  size
    0       3     magic "WBP"
    3       1     layout number, 1
    4       2     length H of the header, little endian
    6       H     msgpack list [codec name, dtype code, shape, settings needed to decode]
    6+H     B     body: the codec's own bytes
    6+H+B   4     CRC-32 of all before it, little endian

Decoding needs only these bytes. Nothing is ever unpickled. Any damage is a `PayloadError`.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgpack
import numpy as np

from workbench.errors import PayloadError, SettingError

MAGIC: Final = b"WBP"
LAYOUT: Final = 1
MAX_HEADER: Final = 2**16 - 1
MAX_DIMS: Final = 8
MAX_ELEMENTS: Final = 2**28  # 1 GiB as fp32: what one payload may make its receiver allocate
DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "f4": np.dtype(np.float32),
    "f2": np.dtype(np.float16),
    "f8": np.dtype(np.float64),
}

_SHORT_HEADER = 256
_PLAIN = (int, float, str, bytes, type(None))
_FRONT = struct.Struct("<3sBH")
_CRC = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload taken apart, its checksum verified, its body still coded."""

    codec: str
    dtype: str
    shape: tuple[int, ...]
    settings: dict[str, Any]
    body: memoryview
    header_bytes: int

    @property
    def elements(self) -> int:
        """Number of values that decoding must give."""
        return math.prod(self.shape)


def write(codec: str, dtype: str, shape: tuple[int, ...], settings: dict[str, Any], body: bytes) -> bytes:
    """Wrap `body` into a payload; settings are written in sorted order, so equal input gives equal bytes.

    Raises
    ------
    SettingError : settings that msgpack cannot hold, or more than 65,535 bytes of them.
    """
    try:
        header = msgpack.packb([codec, dtype, list(shape), {key: settings[key] for key in sorted(settings)}])
    except (TypeError, ValueError, OverflowError) as error:
        raise SettingError(f"{codec}: settings {settings} cannot travel in a header: {error}") from error
    if len(header) > MAX_HEADER:
        raise SettingError(f"{codec}: its header takes {len(header)} bytes; at most {MAX_HEADER} fit")
    front = _FRONT.pack(MAGIC, LAYOUT, len(header)) + header
    checksum = zlib.crc32(body, zlib.crc32(front))
    return b"".join((front, body, _CRC.pack(checksum)))


def fits(shape: Sequence[int]) -> bool:
    """Whether a receiver would decode this shape; an axis of length 0 does not excuse the others."""
    return len(shape) <= MAX_DIMS and math.prod(max(size, 1) for size in shape) <= MAX_ELEMENTS


def read(payload: bytes | bytearray | memoryview) -> Envelope:
    """Take a payload apart after checking its checksum and every field of its header.

    Raises
    ------
    PayloadError : not a payload, a later layout, or damaged; the text says which.
    """
    data = _as_bytes(payload)
    if len(data) < _FRONT.size + _CRC.size:
        raise PayloadError(f"{len(data)} bytes are too few for a payload; it was cut short, send it again")
    magic, layout, header_length = _FRONT.unpack_from(data)
    if magic != MAGIC:
        raise PayloadError(f"not a payload: it starts with {bytes(magic)!r} and not with {MAGIC!r}")
    (stored,) = _CRC.unpack_from(data, len(data) - _CRC.size)
    if zlib.crc32(data[: -_CRC.size]) != stored:
        raise PayloadError("the payload is damaged: its checksum does not fit; send it again")
    if layout != LAYOUT:
        raise PayloadError(f"payload layout {layout}; this version reads layout {LAYOUT}; update workbench")
    body_start, body_end = _FRONT.size + header_length, len(data) - _CRC.size
    if body_start > body_end:
        raise PayloadError("the payload is damaged: its header is longer than the payload")
    header = bytes(data[_FRONT.size : body_start])
    known = _plain_header(header) if header_length <= _SHORT_HEADER else None
    codec, dtype, shape, settings = known or _read_header(header)
    body = data[body_start:body_end]
    return Envelope(codec, dtype, shape, dict(settings), body, header_bytes=len(data) - len(body))


def _as_bytes(payload: object) -> memoryview:
    if not isinstance(payload, bytes | bytearray | memoryview):
        raise PayloadError(f"a payload is bytes, not {type(payload).__name__}")
    data = memoryview(payload)
    if not data.c_contiguous:
        raise PayloadError("a payload is one piece of memory; copy it with bytes(...) first")
    return data.cast("B").toreadonly()


@lru_cache(maxsize=256)
def _plain_header(header: bytes) -> tuple[str, str, tuple[int, ...], dict[str, Any]] | None:
    """As `_read_header`, kept: payloads of a stream share theirs. None where a setting could be changed."""
    fields = _read_header(header)
    return fields if all(isinstance(value, _PLAIN) for value in fields[3].values()) else None


def _read_header(header: bytes) -> tuple[str, str, tuple[int, ...], dict[str, Any]]:
    try:
        fields = msgpack.unpackb(header, strict_map_key=True)  # no list longer than the header is taken
    except (ValueError, OverflowError, msgpack.UnpackException) as error:
        raise PayloadError("the payload is damaged: its header is not msgpack") from error
    if not (isinstance(fields, list) and len(fields) == 4):
        raise PayloadError("the payload is damaged: its header has not the four fields of layout 1")
    codec, dtype, shape, settings = fields
    if not isinstance(codec, str):
        raise PayloadError("the payload is damaged: its codec's name is no text")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise PayloadError(f"the payload asks for values of type {dtype!r}; known: {', '.join(DTYPES)}")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise PayloadError("the payload is damaged: its shape is no list of sizes")
    if not fits(shape):
        raise PayloadError(
            f"the payload asks for an array of shape {tuple(shape)}; at most {MAX_DIMS} axes and "
            f"{MAX_ELEMENTS} values are decoded"
        )
    if not (isinstance(settings, dict) and all(isinstance(key, str) for key in settings)):
        raise PayloadError("the payload is damaged: its settings are no table of names")
    return codec, dtype, tuple(shape), settings
