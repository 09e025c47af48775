"""SLICER: each step against the definition, the indices against scipy's CSR, the paper's relations."""

import struct
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse

from workbench.codecs import codec, decode, describe
from workbench.codecs.battery.samples import smooth_map
from workbench.codecs.packing import unpack_bits
from workbench.codecs.payload import read
from workbench.codecs.slicer import rows_and_columns
from workbench.codecs.slicing import adaptive_block, block_values, magnitude_groups, survivors, top_k
from workbench.errors import PayloadError, SettingError

SIGNED = np.random.default_rng(7).normal(size=3000).astype(np.float32)
RELU = smooth_map((16, 20, 20))


@pytest.mark.parametrize("sparsity", ["0", "0.1", "0.25", "0.3", "0.7", "0.9", "0.99", "1"])
@pytest.mark.parametrize("count", [0, 1, 7, 10, 100, 3000])
def test_exactly_floor_of_the_share_survives(sparsity, count):
    exact = int((1 - Fraction(sparsity)) * count)
    assert survivors(count, float(sparsity)) == exact
    kept = top_k(SIGNED[:count], float(sparsity), 1.0, 0)
    assert kept.size == exact == np.unique(kept).size
    assert (np.diff(kept) > 0).all()


def test_without_asymmetry_the_largest_magnitudes_stay():
    kept = top_k(SIGNED, 0.75, 1.0, 0)
    assert set(kept) == set(np.argsort(-np.abs(SIGNED))[:750])


@pytest.mark.parametrize("asymmetry", [0.25, 1.0, 3.0])
def test_one_threshold_parts_both_signs(asymmetry):
    kept = np.isin(np.arange(SIGNED.size), top_k(SIGNED, 0.8, asymmetry, 0))
    strength = np.where(SIGNED > 0, SIGNED, -SIGNED.astype(float) / asymmetry)
    threshold = strength[kept].min()
    assert (strength[~kept] < threshold).all()
    assert (SIGNED[kept & (SIGNED > 0)] >= threshold).all()
    assert (SIGNED[kept & (SIGNED < 0)] <= -asymmetry * threshold * (1 - 1e-12)).all()


def test_more_asymmetry_keeps_fewer_negative_values():
    negative = [(SIGNED[top_k(SIGNED, 0.8, lam, 0)] < 0).sum() for lam in (0.5, 1.0, 2.0, 8.0)]
    assert negative[0] > negative[1] > negative[2] > negative[3]


def test_ties_are_drawn_by_seed_and_evenly():
    equal = np.ones(10_000, np.float32)
    one, again, other = (top_k(equal, 0.5, 1.0, seed) for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).any()
    shares = np.histogram(one, bins=10, range=(0, 10_000))[0]
    assert shares.min() > 440 and shares.max() < 560  # binomial, four standard deviations


def test_groups_have_equal_cardinality_and_descend_in_magnitude():
    kept = top_k(SIGNED, 0.5, 1.0, 0)
    groups = magnitude_groups(SIGNED, kept, 4)
    assert sorted(np.concatenate(groups)) == sorted(kept)
    for sign, side in ((1, groups[:4]), (-1, groups[4:])):
        sizes = [group.size for group in side]
        assert max(sizes) - min(sizes) <= 1
        assert all((np.sign(SIGNED[group]) == sign).all() for group in side)
        for stronger, weaker in pairwise(side):
            assert np.abs(SIGNED[stronger]).min() >= np.abs(SIGNED[weaker]).max()


def test_zeros_that_survive_are_not_sent():
    mostly_zero = np.zeros((4, 50), np.float32)
    mostly_zero[1, 3:9] = [1, 2, 3, -1, -2, -3]
    payload = codec("slicer", sparsity=0.5).encode(mostly_zero)
    assert describe(payload).notes["values sent"] == 6
    assert (
        decode(codec("slicer", sparsity=0.5, blocks=1, tolerance=0.0, bits=(16,)).encode(mostly_zero)) != 0
    ).sum() == 6


def mismatch(values, start, width):
    """The metric with exact fractions."""
    low, high = float(values.min()), float(values.max())

    def codes(bits):
        return [
            round((Fraction(float(v)) - Fraction(low)) * (2**bits - 1) / (Fraction(high) - Fraction(low)))
            for v in values
        ]

    top, levels = 2**start - 1, 2**width - 1
    brought = [int(Fraction(code * top, levels) + Fraction(1, 2)) for code in codes(width)]
    return Fraction(sum(abs(a - b) for a, b in zip(codes(start), brought, strict=True)), top * len(values))


@pytest.mark.parametrize("tolerance", [0.0, 0.004, 0.01, 0.03, 0.08, 1.0])
@pytest.mark.parametrize("start", [3, 8])
def test_width_is_the_last_before_the_mismatch_exceeds_the_tolerance(tolerance, start):
    values = np.abs(SIGNED[:400])
    block = adaptive_block(values, np.arange(400), start, tolerance)
    expected = start
    while expected > 1 and mismatch(values, start, expected - 1) <= tolerance:
        expected -= 1
    assert block.width == expected
    step = (float(values.max()) - float(values.min())) / (2**expected - 1)
    back = block_values(block)
    assert np.abs(back - values).max() <= step / 2 * 1.0001
    assert back.min() == values.min() and back.max() == values.max()


def test_a_block_of_equal_values_comes_back_exactly_at_one_bit():
    block = adaptive_block(np.full(5, -3.7, np.float32), np.arange(5), 8, 0.0)
    assert block.width == 1 and (block_values(block) == np.float32(-3.7)).all()


def test_indices_are_the_csr_of_scipy():
    settings = {"sparsity": 0.9, "blocks": 1, "bits": (8,), "tolerance": 0.0}
    body = bytes(read(codec("slicer", **settings).encode(RELU)).body)
    rows, columns = rows_and_columns(RELU.shape)
    assert (rows, columns) == (16, 400)
    kept = np.zeros(RELU.size, np.float32)
    places = top_k(RELU.reshape(-1), 0.9, 1.0, 0)
    kept[places] = RELU.reshape(-1)[places]
    matrix = scipy.sparse.csr_array(kept.reshape(rows, columns))
    count, (width, low, high) = body[0], struct.unpack_from("<Bff", body, 1)
    assert (count, width) == (1, 8)
    assert (low, high) == (matrix.data.min(), matrix.data.max())
    row_bytes = 18  # 16 counts of 9 bits
    assert unpack_bits(body[10:28], 9, 16).tolist() == np.diff(matrix.indptr).tolist()
    across_end = 10 + row_bytes + (matrix.nnz * 9 + 7) // 8
    assert unpack_bits(body[28:across_end], 9, matrix.nnz).tolist() == matrix.indices.tolist()
    codes = np.rint((matrix.data.astype(float) - low) * (255 / (float(high) - low)))
    assert list(body[across_end:]) == codes.tolist()


@pytest.mark.parametrize("features", [RELU, SIGNED.reshape(50, 60), SIGNED], ids=["map", "tokens", "vector"])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.8])
def test_coded_indices_change_no_value_and_take_less(features, sparsity):
    plain = codec("slicer", sparsity=sparsity).encode(features)
    coded = codec("slicer-rans", sparsity=sparsity).encode(features)
    assert decode(coded).tobytes() == decode(plain).tobytes()
    assert len(coded) < len(plain)


def test_error_is_what_was_dropped_or_half_a_step():
    chosen = codec("slicer", sparsity=0.6)
    error = np.abs(decode(chosen.encode(SIGNED)) - SIGNED)
    assert error.max() <= chosen.error_bound(SIGNED) <= error.max() * 1.1


def test_more_tolerance_gives_fewer_bits():
    widths = [
        describe(codec("slicer", tolerance=delta, bits=(8,)).encode(RELU)).notes["mean width"]
        for delta in (0.0, 0.003, 0.01, 0.03, 0.1)
    ]
    assert widths[0] == 8.0 and all(a > b for a, b in pairwise(widths))


def test_high_bits_for_large_magnitudes_beat_the_reverse_order():
    errors = {}
    for bits in ((8, 6, 4, 2), (2, 4, 6, 8)):
        payload = codec("slicer", bits=bits, tolerance=0.0).encode(RELU)
        errors[bits] = np.square(decode(payload) - RELU).sum(), len(payload)
    (good, good_bytes), (bad, bad_bytes) = errors.values()
    assert good < bad / 10 and abs(good_bytes - bad_bytes) <= 4


def test_more_blocks_cost_headers_and_lower_the_error():
    sizes, errors = [], []
    for blocks in (1, 2, 4, 8, 16):
        payload = codec("slicer", blocks=blocks, bits=(3,), tolerance=0.0).encode(RELU)
        parts = {part.name: part.nbytes for part in describe(payload).parts}
        sizes.append(parts["block headers"] + parts["row counts"])
        errors.append(np.square(decode(payload) - RELU).sum())
        assert parts["block headers"] == 1 + 9 * blocks
    assert sizes == sorted(sizes) and errors == sorted(errors, reverse=True)


def test_start_widths_go_on_with_the_last_and_ignore_the_rest():
    assert codec("slicer", bits=(8, 4)).encode(RELU) == codec("slicer", bits=(8, 4, 4, 4)).encode(RELU)
    assert codec("slicer", blocks=1, bits=(8, 4)).encode(RELU) == codec("slicer", blocks=1, bits=(8,)).encode(
        RELU
    )
    with pytest.raises(SettingError, match="bits is empty"):
        codec("slicer", bits=())
    with pytest.raises(SettingError, match="whole numbers from 1 to 16"):
        codec("slicer", bits=(8, 17))


def test_blocks_that_overlap_or_run_backwards_are_refused():
    good = codec("slicer", blocks=1, bits=(8,), sparsity=0.9, tolerance=0.0)
    body = bytearray(read(good.encode(RELU)).body)
    twice = bytes([2]) + body[1:10] * 2 + body[10:]
    with pytest.raises(PayloadError):
        good.unpack(memoryview(twice), RELU.shape)
    row = np.zeros(64, np.float32)
    row[[3, 9]] = 1.0
    body = bytearray(read(good.__class__(blocks=1, sparsity=0.5).encode(row)).body)
    first, second = body[11], body[12]
    assert unpack_bits(bytes(body[11:13]), 6, 2).tolist() == [3, 9]
    body[11:13] = bytes([9 << 2 | 3 >> 4, (3 & 15) << 4])
    assert (first, second) != (body[11], body[12])
    with pytest.raises(PayloadError, match="out of order"):
        good.unpack(memoryview(bytes(body)), row.shape)
