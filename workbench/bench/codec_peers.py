"""Other coders of the same symbols, each from bytes to bytes and back; those not installed are left out.

They are extras (`pip install "workbench[bench]"`), not requirements. A peer gets what ours gets, one array of
uint8 symbols, and its bytes hold all that its decoder needs but the shape and the number of bits.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Symbols = NDArray[np.uint8]


class Peer(NamedTuple):
    """A coder of symbols (C, H, W) of `bits` bits: to bytes, and back to the flat symbols."""

    name: str
    package: str
    encode: Callable[[Symbols, int], bytes]
    decode: Callable[[bytes, tuple[int, ...], int], Symbols]


def available() -> tuple[tuple[Peer, ...], tuple[str, ...]]:
    """The peers that are installed, and the packages that are not."""
    found, missing = [], []
    for make in (_zlib, _zstd, _lz4, _constriction, _pcodec, _jpegls):
        try:
            found.append(make())
        except ImportError as error:
            missing.append(str(error.name))
    return tuple(found), tuple(missing)


def versions() -> dict[str, str]:
    """Version of each peer's package that is installed."""
    return {peer.package: version(peer.package) for peer in available()[0] if peer.package}


def _zlib() -> Peer:
    return Peer(
        "zlib-6",
        "",
        lambda symbols, bits: zlib.compress(symbols.tobytes(), 6),
        lambda data, shape, bits: np.frombuffer(zlib.decompress(data), np.uint8),
    )


def _zstd() -> Peer:
    zstandard = import_module("zstandard")
    return Peer(
        "zstd-3",
        "zstandard",
        lambda symbols, bits: zstandard.ZstdCompressor(level=3).compress(symbols.tobytes()),
        lambda data, shape, bits: np.frombuffer(zstandard.ZstdDecompressor().decompress(data), np.uint8),
    )


def _lz4() -> Peer:
    lz4 = import_module("lz4.frame")
    return Peer(
        "lz4",
        "lz4",
        lambda symbols, bits: lz4.compress(symbols.tobytes()),
        lambda data, shape, bits: np.frombuffer(lz4.decompress(data), np.uint8),
    )


def _constriction() -> Peer:
    stream = import_module("constriction").stream

    def encode(symbols: Symbols, bits: int) -> bytes:
        shares = (np.bincount(symbols.reshape(-1), minlength=2**bits) / symbols.size).astype(np.float32)
        coder = stream.stack.AnsCoder()
        model = stream.model.Categorical(shares, perfect=False)
        coder.encode_reverse(symbols.reshape(-1).astype(np.int32), model)
        return shares.astype("<f4").tobytes() + coder.get_compressed().astype("<u4").tobytes()

    def decode(data: bytes, shape: tuple[int, ...], bits: int) -> Symbols:
        shares = np.frombuffer(data, "<f4", 2**bits).astype(np.float32)
        words = np.frombuffer(data, "<u4", -1, 4 * 2**bits).astype(np.uint32)
        model = stream.model.Categorical(shares, perfect=False)
        count = int(np.prod(shape))
        return stream.stack.AnsCoder(words).decode(model, count).astype(np.uint8)

    return Peer("constriction ANS", "constriction", encode, decode)


def _pcodec() -> Peer:
    pcodec = import_module("pcodec")
    config = pcodec.ChunkConfig()
    return Peer(
        "pcodec",
        "pcodec",
        lambda symbols, bits: pcodec.standalone.simple_compress(
            symbols.reshape(-1).astype(np.uint16), config
        ),
        lambda data, shape, bits: pcodec.standalone.simple_decompress(data).astype(np.uint8),
    )


def _jpegls() -> Peer:
    imagecodecs = import_module("imagecodecs")

    def encode(symbols: Symbols, bits: int) -> bytes:
        return bytes(imagecodecs.jpegls_encode(symbols.reshape(-1, symbols.shape[-1])))

    def decode(data: bytes, shape: tuple[int, ...], bits: int) -> Symbols:
        return imagecodecs.jpegls_decode(data).reshape(-1)

    return Peer("JPEG-LS", "imagecodecs", encode, decode)


def paper_encode(features: NDArray[np.float32], bits: int, columns: int) -> Any:
    """The rANS paper's pipeline as numpy and constriction make it: fp32 to words, one table over v, c, r."""
    stream = import_module("constriction").stream
    low, high = features.min(), features.max()
    scale = (high - low) / (2**bits - 1)
    zero = int(np.round(-low / scale))
    symbols = np.clip(np.round(features / scale) + zero, 0, 2**bits - 1).astype(np.int32)
    matrix = symbols.reshape(-1, columns)
    filled = matrix != zero
    values, (_, places), counts = matrix[filled], np.nonzero(filled), filled.sum(1)
    joined = np.concatenate([values, places, counts]).astype(np.int32)
    shares = (np.bincount(joined) / len(joined)).astype(np.float32)
    coder = stream.stack.AnsCoder()
    coder.encode_reverse(joined, stream.model.Categorical(shares, perfect=False))
    return coder.get_compressed(), shares, len(joined), len(values), np.float32(scale), zero


def paper_decode(coded: Any, shape: tuple[int, ...], columns: int) -> NDArray[np.float32]:
    """Back to fp32 from what `paper_encode` made."""
    stream = import_module("constriction").stream
    words, shares, length, nonzeros, scale, zero = coded
    coder = stream.stack.AnsCoder(words)
    joined = coder.decode(stream.model.Categorical(shares, perfect=False), length)
    values, places, counts = np.split(joined, (nonzeros, 2 * nonzeros))
    symbols = np.full(len(counts) * columns, zero, np.int32)
    symbols[np.repeat(np.arange(len(counts)), counts) * columns + places] = values
    return ((symbols - zero) * scale).astype(np.float32).reshape(shape)
