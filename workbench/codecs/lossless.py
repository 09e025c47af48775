"""General lossless compressors behind a codec, never giving more bytes than they are asked for.

    zip    zlib stream (RFC 1950), deflate level 6, window 2^15
    zstd   one zstandard frame (RFC 8878) that states its content's size, level 3, no checksum

Whoever decodes knows the size beforehand, from the header's shape; a stream that is longer or shorter is
damaged, and one that claims to be longer is refused before anything is allocated for it.
"""

from __future__ import annotations

import zlib
from typing import Final

import zstandard

from workbench.errors import PayloadError

METHODS: Final = ("none", "zip", "zstd")
_ZIP_LEVEL, _ZIP_WINDOW, _ZIP_MEMORY = 6, 15, 8
_ZSTD_LEVEL = 3


def squeeze(data: bytes, method: str) -> bytes:
    """`data` by one of METHODS."""
    if method == "zip":
        packer = zlib.compressobj(_ZIP_LEVEL, zlib.DEFLATED, _ZIP_WINDOW, _ZIP_MEMORY)
        return packer.compress(data) + packer.flush()
    if method == "zstd":
        return zstandard.ZstdCompressor(
            level=_ZSTD_LEVEL, write_content_size=True, write_checksum=False, write_dict_id=False
        ).compress(data)
    return data


def expand(body: bytes | memoryview, method: str, size: int) -> bytes:
    """The `size` bytes that were squeezed.

    Raises
    ------
    PayloadError : damaged, or not exactly `size` bytes.
    """
    if method == "zip":
        return _unzip(body, size)
    if method == "zstd":
        return _unzstd(body, size)
    if len(body) != size:
        raise PayloadError(f"the body holds {len(body)} bytes where {size} are due")
    return bytes(body)


def _unzip(body: bytes | memoryview, size: int) -> bytes:
    stream = zlib.decompressobj(_ZIP_WINDOW)
    try:
        data = stream.decompress(body, size + 1)
    except zlib.error as error:
        raise PayloadError(f"the payload is damaged: its ZIP stream breaks off ({error})") from error
    if len(data) != size or not stream.eof or stream.unused_data:
        raise PayloadError(f"the payload is damaged: its ZIP stream does not hold exactly {size} bytes")
    return data


def _unzstd(body: bytes | memoryview, size: int) -> bytes:
    try:
        frame = zstandard.get_frame_parameters(body)
        if frame.content_size != size:
            raise PayloadError(
                f"the payload is damaged: its zstd frame holds {frame.content_size} bytes, {size} are due"
            )
        unpacker = zstandard.ZstdDecompressor()
        data = unpacker.decompress(body, max_output_size=max(size, 1), allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise PayloadError(f"the payload is damaged: its zstd frame cannot be read ({error})") from error
    if len(data) != size:
        raise PayloadError(f"the payload is damaged: its zstd frame gave {len(data)} bytes, {size} are due")
    return data
