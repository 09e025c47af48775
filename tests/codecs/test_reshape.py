"""Reshape search: folding against building every D, Algorithm 1 against its definition, odd sizes."""

import numpy as np
import pytest

import workbench as wb
from workbench.codecs import rans_csr, reshape
from workbench.codecs.csr import to_csr
from workbench.codecs.entropy import folding
from workbench.errors import Cancelled, InputError, SettingError


def relu_map(shape, seed=7):
    rng = np.random.default_rng(seed)
    smooth = rng.normal(size=shape)
    for axis in range(1, len(shape)):
        smooth = smooth + np.roll(smooth, 1, axis) + np.roll(smooth, 2, axis)
    return np.maximum(smooth - 0.5, 0).astype(np.float32)


def brute_force_cost_bytes(symbols, rows, background):
    """l_D * H / 8 from lists, row by row."""
    values, columns, counts = [], [], []
    for row in symbols.reshape(rows, -1).tolist():
        places = [place for place, symbol in enumerate(row) if symbol != background]
        columns += places
        values += [row[place] for place in places]
        counts.append(len(places))
    joined = values + columns + counts
    _, occurrences = np.unique(joined, return_counts=True)
    return float(-(occurrences * np.log2(occurrences / len(joined))).sum() / 8), len(joined)


@pytest.mark.parametrize("signed", [False, True])
def test_every_point_is_what_brute_force_says(signed):
    features = relu_map((6, 10, 12)) - (0.7 if signed else 0.0)
    curve = wb.reshape_curve(features, bits=3)
    symbols, background = reshape.quantised(features, 3)
    assert [point.rows for point in curve.points] == list(reshape.divisors(720))
    assert (background > 0) == signed
    for point in curve.points:
        cost, length = brute_force_cost_bytes(symbols, point.rows, background)
        assert point.cost_bytes == pytest.approx(cost, rel=1e-9)
        assert point.length == length == 2 * point.nonzeros + point.rows
        assert point.entropy_bits == pytest.approx(8 * cost / length, rel=1e-9)
        assert point.columns * point.rows == 720
    assert curve.exhaustive_rows == min(curve.points, key=lambda p: (p.cost_bytes, -p.rows)).rows


def test_the_three_searches_agree_with_the_curve():
    features = relu_map((8, 14, 14))
    curve = wb.reshape_curve(features, bits=4)
    symbols, background = reshape.quantised(features, 4)
    assert reshape.search_rows(symbols, background, 4, "exact") == curve.exhaustive_rows
    assert reshape.search_rows(symbols, background, 4, "exhaustive") == curve.exhaustive_rows
    assert reshape.search_rows(symbols, background, 4, "algorithm1") == curve.algorithm1_rows


def test_folding_equals_recounting_for_odd_factors():
    rng = np.random.default_rng(3)
    symbols = rng.integers(0, 4, 2 * 3 * 3 * 5 * 7 * 11).astype(np.uint8)
    columns = reshape.divisors(symbols.size)
    for folded in reshape.candidates(symbols, 0, columns):
        built = reshape.counted(symbols, 0, folded.rows)
        assert np.array_equal(folded.symbols, built.symbols)
        assert np.array_equal(folded.counts, built.counts)


@pytest.mark.parametrize("size", [1, 2, 13, 144, 2 * 3 * 3 * 5 * 7 * 11, 4096])
@pytest.mark.parametrize("alphabet", [1, 2, 16, 200])
def test_costs_by_folding_are_those_of_each_d(size, alphabet):
    symbols = np.random.default_rng(size).integers(0, alphabet, size).astype(np.uint8)
    columns = reshape.divisors(size)
    for background in (0, alphabet // 2):
        found = folding.costs_at(symbols, background, columns[::-1])
        built = [reshape.counted(symbols, background, size // width).cost_bits for width in columns[::-1]]
        assert found == pytest.approx(built, rel=1e-12, abs=1e-9)


def test_algorithm1_prunes_long_rows_and_stops_early():
    costs = {64: 10.0, 32: 8.0, 16: 9.0, 8: 1.0, 4: 0.5}
    assert reshape.algorithm1(64, 4, costs.__getitem__) == (32, (64, 32, 16))
    falling = {64: 10.0, 32: 8.0, 16: 7.0}
    assert reshape.algorithm1(64, 2, falling.__getitem__) == (16, (64, 32, 16))


def test_real_bytes_follow_the_cost():
    features = relu_map((16, 20, 20))
    curve = wb.reshape_curve(features, bits=4)
    for point in curve.points:
        if point.columns > 300:
            continue
        real = rans_csr.encoded_at(features, 4, point.rows)
        assert point.cost_bytes < real < point.cost_bytes * 1.01 + point.table_bytes + 100


def test_encoded_at_is_the_length_of_the_codecs_payload():
    features = relu_map((4, 6, 6))
    assert rans_csr.encoded_at(features, 4, 36) == len(wb.codec("rans-csr", bits=4, rows=36).encode(features))


def test_rows_that_do_not_divide():
    with pytest.raises(SettingError, match=r"5, which does not divide 144 .* 4, 6"):
        rans_csr.encoded_at(relu_map((4, 6, 6)), 4, 5)


@pytest.mark.parametrize("size, expected", [(0, ()), (1, (1,)), (12, (1, 2, 3, 4, 6, 12)), (13, (1, 13))])
def test_divisors(size, expected):
    assert reshape.divisors(size) == expected


def test_divisors_of_the_papers_map():
    found = reshape.divisors(128 * 28 * 28)
    assert len(found) == 36
    assert sum(number <= 256 for number in found) == 18


def test_a_prime_number_of_features_has_two_reshapes():
    features = relu_map((101,))
    curve = wb.reshape_curve(features, bits=4)
    assert [(point.rows, point.columns) for point in curve.points] == [(1, 101), (101, 1)]
    assert curve.algorithm1_visited == (101,)
    assert np.array_equal(wb.decode(wb.codec("rans-csr", rows=1).encode(features)).shape, (101,))


@pytest.mark.parametrize(
    "features", [np.zeros(1, np.float32), np.zeros((4, 6), np.float32), np.full((4, 6), 3.5, np.float32)]
)
def test_constants_and_single_values(features):
    curve = wb.reshape_curve(features, bits=4)
    assert len(curve.points) == len(reshape.divisors(features.size))
    assert all(np.isfinite(point.cost_bytes) and point.cost_bytes >= 0 for point in curve.points)
    assert curve.at(curve.exhaustive_rows).cost_bytes == min(point.cost_bytes for point in curve.points)


def test_no_features_have_no_reshape():
    curve = wb.reshape_curve(np.zeros((0, 3), np.float32))
    assert (curve.elements, curve.points, curve.exhaustive_rows, curve.algorithm1_visited) == (0, (), 0, ())


def test_progress_is_called_for_each_divisor_and_may_cancel():
    seen = []
    wb.reshape_curve(relu_map((4, 6)), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 8) for done in range(1, 9)]

    def stop(done, total):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        wb.reshape_curve(relu_map((4, 6)), progress=stop)


@pytest.mark.parametrize("bits", [0, 9, 2.5])
def test_bits_out_of_range(bits):
    with pytest.raises(SettingError):
        wb.reshape_curve(relu_map((4, 6)), bits=bits)


def test_features_that_are_not_finite():
    with pytest.raises(InputError):
        wb.reshape_curve(np.array([1.0, np.nan], np.float32))


def test_modified_csr_by_hand():
    symbols = np.array([[0, 0, 7, 0], [2, 0, 0, 5], [0, 0, 0, 0]], np.uint8)
    csr = to_csr(symbols, 3, 0)
    assert [part.tolist() for part in csr] == [[7, 2, 5], [2, 0, 3], [1, 2, 0]]
    assert csr.joined().tolist() == [7, 2, 5, 2, 0, 3, 1, 2, 0]
