"""Damage to payloads: by accident, where the checksum notices, and on purpose, with a checksum that fits."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import msgpack
import numpy as np

from workbench.codecs import payload as layout

_FRONT_BYTES = 6
_CRC_BYTES = 4


def flipped(payload: bytes) -> Iterator[bytes]:
    """The payload with each single bit inverted in turn."""
    damaged = bytearray(payload)
    for position in range(8 * len(payload)):
        damaged[position >> 3] ^= 1 << (position & 7)
        yield bytes(damaged)
        damaged[position >> 3] ^= 1 << (position & 7)


def cut_short(payload: bytes) -> Iterator[bytes]:
    """Every beginning of the payload, from none of it to all but the last byte; then a byte too many."""
    for length in range(len(payload)):
        yield payload[:length]
    yield payload + b"\0"


def sealed(front: bytes) -> bytes:
    """Everything but the checksum, with the checksum that fits."""
    return front + struct.pack("<I", zlib.crc32(front))


def mutants(payload: bytes, count: int, *, seed: int = 7) -> Iterator[bytes]:
    """`count` payloads that are damaged somewhere and yet have a checksum that fits.

    Most have a damaged body; the rest a damaged header, or a header that is well-formed and wrong: another
    shape, other settings, another codec's name.
    """
    rng = np.random.default_rng(seed)
    front = payload[:-_CRC_BYTES]
    body_start = _FRONT_BYTES + struct.unpack_from("<H", payload, 4)[0]
    for _ in range(count):
        kind = rng.random()
        if kind < 0.75 and len(front) > body_start:
            yield sealed(front[:body_start] + _damage(front[body_start:], rng))
        elif kind < 0.85:
            yield sealed(_damage(front, rng))
        else:
            yield sealed(_other_header(front, body_start, rng))


def _damage(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes: a bit, a byte, an extreme run, a piece removed, doubled, moved or cut off."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, len(out) + 1))
        length = int(rng.integers(1, 9))
        match int(rng.integers(0, 8)):
            case 0 if at < len(out):
                out[at] ^= 1 << int(rng.integers(0, 8))
            case 1 if at < len(out):
                out[at] = int(rng.integers(0, 256))
            case 2:
                out[at : at + length] = b"\xff" * len(out[at : at + length])
            case 3:
                out[at : at + length] = bytes(len(out[at : at + length]))
            case 4:
                del out[at : at + length]
            case 5:
                out[at:at] = out[at : at + length]
            case 6:
                out[at:at] = rng.bytes(length)
            case _:
                del out[at:]
    return bytes(out)


def _other_header(front: bytes, body_start: int, rng: np.random.Generator) -> bytes:
    codec, dtype, shape, settings = msgpack.unpackb(front[_FRONT_BYTES:body_start])
    match int(rng.integers(0, 5)):
        case 0:
            shape = [int(size) for size in rng.integers(0, 9, size=rng.integers(0, 10))]
        case 1:
            shape = [size + int(rng.integers(-1, 2)) for size in shape]
        case 2:
            dtype = str(rng.choice(["f2", "f4", "f8", "i8", ""]))
        case 3:
            for key in list(settings):
                settings[key] = _other_value(rng)
        case _:
            shape = [2 ** int(rng.integers(0, 64)) for _ in range(rng.integers(1, 4))]
            shape = [2**14] if layout.fits(shape) else shape
    header = msgpack.packb([codec, dtype, shape, settings])
    return front[:4] + struct.pack("<H", len(header)) + header + front[body_start:]


def _other_value(rng: np.random.Generator) -> object:
    wrong: tuple[object, ...] = (
        None,
        True,
        -1,
        0,
        1,
        2,
        3,
        7,
        2**40,
        0.5,
        float("nan"),
        "zip",
        "",
        [],
        [1, 2],
    )
    return wrong[int(rng.integers(0, len(wrong)))]
