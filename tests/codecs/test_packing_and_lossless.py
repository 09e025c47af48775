"""Bit packing against a string of bits, and lossless coders that must not give more than is due."""

import tracemalloc
import zlib

import numpy as np
import pytest
import zstandard

from workbench.codecs.lossless import METHODS, expand, squeeze
from workbench.codecs.packing import pack_bits, packed_bytes, unpack_bits
from workbench.errors import PayloadError


@pytest.mark.parametrize("bits", [*range(1, 18), 23, 24, 31, 32])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 63, 1000])
def test_packed_bits_are_the_symbols_written_as_a_string_of_bits(bits, count):
    symbols = np.random.default_rng(bits).integers(0, 2**bits, count)
    symbols = symbols.astype(np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32)
    text = "".join(format(symbol, f"0{bits}b") for symbol in symbols)
    text += "0" * (-len(text) % 8)
    expected = bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
    packed = pack_bits(symbols, bits)
    assert packed == expected and len(packed) == packed_bytes(count, bits)
    back = unpack_bits(memoryview(packed), bits, count)
    assert back.dtype == symbols.dtype and (back == symbols).all()


def test_packed_bits_of_the_wrong_length_or_with_something_behind_them():
    with pytest.raises(PayloadError, match="2 bytes do not hold 5 symbols of 4 bits; 3 bytes would"):
        unpack_bits(b"\x12\x34", 4, 5)
    with pytest.raises(PayloadError, match="after the last packed symbol"):
        unpack_bits(b"\x12\x34\x51", 4, 5)
    assert unpack_bits(b"\x12\x34\x50", 4, 5).tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "data", [b"", b"x", b"abc" * 400, bytes(range(256))], ids=["none", "one", "text", "all"]
)
def test_squeezed_bytes_come_back(method, data):
    assert expand(memoryview(squeeze(data, method)), method, len(data)) == data


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("due", [0, 1199, 1201])
def test_another_size_than_is_due_is_refused(method, due):
    with pytest.raises(PayloadError):
        expand(squeeze(b"abc" * 400, method), method, due)


@pytest.mark.parametrize("method", ["zip", "zstd"])
def test_bytes_behind_the_stream_are_refused(method):
    with pytest.raises(PayloadError):
        expand(squeeze(b"abc" * 400, method) + b"!", method, 1200)


def bombs():
    huge = bytes(2**26)
    without_size = zstandard.ZstdCompressor(write_content_size=False).compress(huge)
    wide = zstandard.ZstdCompressionParameters.from_level(3, window_log=27, enable_ldm=True)
    return {
        "zip": ("zip", zlib.compress(huge, 9)),
        "zstd with its size": ("zstd", zstandard.compress(huge)),
        "zstd without its size": ("zstd", without_size),
        "zstd wide": ("zstd", zstandard.ZstdCompressor(compression_params=wide).compress(huge)),
    }


@pytest.mark.parametrize(("method", "bomb"), bombs().values(), ids=bombs())
def test_a_small_stream_that_grows_is_stopped_at_what_is_due(method, bomb):
    tracemalloc.start()
    with pytest.raises(PayloadError):
        expand(bomb, method, 1000)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert highest < 200_000


@pytest.mark.parametrize("stream", [b"", b"\x78", b"\x28\xb5\x2f\xfd", bytes(20)])
@pytest.mark.parametrize("method", ["zip", "zstd"])
def test_what_is_no_stream_is_refused(method, stream):
    with pytest.raises(PayloadError, match="damaged"):
        expand(stream, method, 5)
