"""Uniform: its body byte by byte, sizes, and the description."""

import struct
import zlib

import numpy as np
import pytest

from workbench.codecs import codec, decode, describe
from workbench.codecs.battery.samples import smooth_map
from workbench.codecs.payload import read
from workbench.errors import InputError

FEATURES = smooth_map((8, 14, 14))


def test_body_by_hand():
    features = np.array([[-1.0, 0.0], [0.25, 2.0]], np.float32)
    body = bytes(read(codec("uniform", bits=2).encode(features)).body)
    # s = 3 / 3 = 1, z = 1; q = 0, 1, 1, 3 -> 00 01 01 11
    assert body == struct.pack("<fi", 1.0, 1) + bytes([0b00010111])
    assert decode(codec("uniform", bits=2).encode(features)).tolist() == [[-1.0, 0.0], [0.0, 2.0]]


@pytest.mark.parametrize("bits", [1, 3, 4, 8, 11, 16])
@pytest.mark.parametrize("lossless", ["zip", "zstd", "rans"])
def test_the_lossless_coder_behind_changes_no_value(bits, lossless):
    plain = codec("uniform", bits=bits)
    coded = codec("uniform", bits=bits, lossless=lossless)
    assert (decode(coded.encode(FEATURES)) == decode(plain.encode(FEATURES))).all()


def test_zip_is_the_packed_symbols_by_zlib():
    plain = bytes(read(codec("uniform", bits=4).encode(FEATURES)).body)
    zipped = bytes(read(codec("uniform", bits=4, lossless="zip").encode(FEATURES)).body)
    assert zlib.decompress(zipped[8:]) == plain[8:]
    assert len(plain) == 8 + FEATURES.size // 2


def test_error_is_at_most_half_a_step_and_reaches_it():
    for bits in (2, 4, 8):
        step = float(FEATURES.max() - FEATURES.min()) / (2**bits - 1)
        error = np.abs(decode(codec("uniform", bits=bits).encode(FEATURES)) - FEATURES).max()
        assert 0.45 * step < error <= 0.5001 * step


def test_description_adds_up_and_knows_the_bound():
    payload = codec("uniform", bits=4, lossless="rans").encode(FEATURES)
    description = describe(payload)
    assert [part.name for part in description.parts] == ["header", "grid", "table", "lane states", "words"]
    assert sum(part.nbytes for part in description.parts) == len(payload)
    step = float(FEATURES.max()) / 15
    symbols = np.rint(FEATURES / step).astype(int).reshape(-1)
    share = np.bincount(symbols)[np.unique(symbols)] / symbols.size
    assert description.shannon_bytes == pytest.approx(-symbols.size * (share * np.log2(share)).sum() / 8)
    assert description.notes["alphabet"] == len(share) and description.notes["zero point"] == 0
    assert description.notes["step"] == pytest.approx(step, rel=1e-6)
    words = {part.name: part.nbytes for part in description.parts}["words"]
    assert description.shannon_bytes * 0.99 - 32 <= words <= description.shannon_bytes * 1.01 + 32


def test_what_is_no_feature_map_says_what_was_seen():
    with pytest.raises(InputError, match="2 of 3 features are not finite"):
        codec("uniform").encode(np.array([1.0, np.nan, np.inf], np.float32))
    with pytest.raises(InputError, match="int64; allowed: float16, float32, float64, bfloat16"):
        codec("uniform").encode(np.arange(3))
    with pytest.raises(InputError, match="one by one"):
        codec("uniform").encode(np.broadcast_to(np.float32(0), (2**31 + 1,)))


def test_torch_tensors_are_taken_where_numpy_can_see_them():
    torch = pytest.importorskip("torch")
    tensor = torch.tensor([[0.5, 1.0]])
    assert decode(codec("raw").encode(tensor)).tolist() == [[0.5, 1.0]]
    for hidden in (tensor.to(torch.bfloat16), tensor.clone().requires_grad_()):
        with pytest.raises(InputError, match=r"detach\(\).float\(\)"):
            codec("raw").encode(hidden)


def test_bfloat16_comes_back_as_float32():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="numpy has no bfloat16 of its own")
    half = np.array([0.5, -2.0], ml_dtypes.bfloat16)
    assert decode(codec("raw").encode(half)).tolist() == [0.5, -2.0]
