"""The rANS paper's codec: exact symbols, its own bound, its parts, and what it makes of damage."""

import numpy as np
import pytest

import workbench as wb
from workbench.codecs import csr, payload, reshape
from workbench.codecs.quantise import dequantise, quantise
from workbench.errors import PayloadError, SettingError


def features(shape=(8, 14, 14), signed=False, seed=7):
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return values if signed else np.maximum(values, 0)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("signed", [False, True])
def test_decodes_to_exactly_the_quantised_features(bits, signed):
    original = features(signed=signed)
    codec = wb.codec("rans-csr", bits=bits, rows="exact")
    back = wb.decode(codec.encode(original))
    assert np.array_equal(back, dequantise(*quantise(original, bits)))
    assert np.abs(back - original).max() <= codec.error_bound(original)


@pytest.mark.parametrize("rows", [1, 2, 49, 196, 1568, "algorithm1", "exhaustive", "exact"])
def test_every_reshape_gives_the_same_features(rows):
    original = features()
    reference = wb.decode(wb.codec("raw").encode(dequantise(*quantise(original, 4))))
    assert np.array_equal(wb.decode(wb.codec("rans-csr", bits=4, rows=rows).encode(original)), reference)


def test_searches_choose_what_the_curve_says():
    original = features((16, 14, 14))
    curve = wb.reshape_curve(original, bits=4)
    notes = {
        rows: wb.describe(wb.codec("rans-csr", bits=4, rows=rows).encode(original)).notes
        for rows in ("algorithm1", "exhaustive", "exact")
    }
    assert notes["algorithm1"]["rows"] == curve.algorithm1_rows
    assert notes["exhaustive"]["rows"] == notes["exact"]["rows"] == curve.exhaustive_rows


def test_description_adds_up_and_counts_d():
    original = features()
    coded = wb.codec("rans-csr", bits=4, rows=196).encode(original)
    description = wb.describe(coded)
    symbols, background = reshape.quantised(original, 4)
    nonzeros = int((symbols != background).sum())
    assert sum(part.nbytes for part in description.parts) == len(coded)
    assert description.notes["nonzeros"] == nonzeros
    assert description.notes["symbols in D"] == 2 * nonzeros + 196
    words = next(part.nbytes for part in description.parts if part.name == "words")
    assert words < description.shannon_bytes * 1.01
    assert description.shannon_bytes == pytest.approx(wb.reshape_curve(original, 4).at(196).cost_bytes)


def test_header_is_within_64_bytes():
    coded = wb.codec("rans-csr", bits=8).encode(features((512, 28, 28)))
    assert wb.describe(coded).header_bytes <= 64


@pytest.mark.parametrize("shape", [(0,), (3, 0, 2), (1,), (), (101,), (2, 3, 5, 7)])
@pytest.mark.parametrize("rows", ["algorithm1", "exhaustive", "exact", 1])
def test_odd_shapes(shape, rows):
    original = features(shape, signed=True)
    back = wb.decode(wb.codec("rans-csr", bits=8, rows=rows).encode(original))
    assert back.shape == shape
    assert np.allclose(back, original, atol=0.05)


def test_rows_must_divide():
    with pytest.raises(SettingError, match="does not divide 1568 features; the nearest"):
        wb.codec("rans-csr", rows=3).encode(features())


@pytest.mark.parametrize("rows", [0, -4, 2.5, "best", True])
def test_rows_must_be_a_number_or_a_search(rows):
    with pytest.raises(SettingError, match="rows"):
        wb.codec("rans-csr", rows=rows)


# ── damage behind a valid checksum ──


def rewrapped(coded, body):
    envelope = payload.read(coded)
    return payload.write("rans-csr", envelope.dtype, envelope.shape, envelope.settings, bytes(body))


def test_bodies_that_are_cut_short_are_refused():
    coded = wb.codec("rans-csr", bits=4).encode(features((2, 6, 6)))
    body = payload.read(coded).body
    for length in range(len(body)):
        with pytest.raises(PayloadError):
            wb.decode(rewrapped(coded, body[:length]))


def test_bodies_with_spoilt_bytes_give_an_array_of_the_shape_or_are_refused():
    rng = np.random.default_rng(7)
    coded = wb.codec("rans-csr", bits=4).encode(features((2, 6, 6)))
    body = payload.read(coded).body
    refused = 0
    for _ in range(2000):
        spoilt = bytearray(body)
        spoilt[rng.integers(0, len(body))] ^= 1 << rng.integers(0, 8)
        try:
            assert wb.decode(rewrapped(coded, spoilt)).shape == (2, 6, 6)
        except PayloadError:
            refused += 1
    assert refused > 1500


@pytest.mark.parametrize(
    "joined, message",
    [
        ([3, 1, 1, 1], "add up"),  # v, c and two rows that claim two values
        ([3, 4, 1, 0], "column"),
        ([3, 2, 1, 1, 2, 0], "column"),  # columns that run backwards in a row
        ([0, 1, 1, 0], "value"),
        ([9, 1, 1, 0], "value"),
        ([3, 1, 1], "add up"),
    ],
)
def test_csr_that_cannot_be_is_refused(joined, message):
    with pytest.raises(PayloadError, match=message):
        csr.from_joined(np.array(joined, np.uint32), 8, 2, background=0, largest=7)


def test_csr_comes_back_from_d():
    symbols = np.random.default_rng(7).integers(0, 4, 60).astype(np.uint8)
    joined = csr.to_csr(symbols, 12, 1).joined()
    assert np.array_equal(csr.from_joined(joined, 60, 12, background=1, largest=3), symbols)
