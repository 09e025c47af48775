"""The quantiser against the paper's formula written again with Fractions, and its edges."""

import re
from fractions import Fraction

import numba
import numpy as np
import pytest

from workbench.codecs import quantise as quantise_module
from workbench.codecs.deadzone import centroid_count, centroid_levels
from workbench.codecs.extremes import all_finite, extremes
from workbench.codecs.quantise import (
    dequantise,
    grid,
    levels,
    quantise,
    read_grid,
    rounding_bound,
    write_grid,
)
from workbench.errors import PayloadError


def exact_symbols(features, bits, scale):
    """The formula with exact fractions: no float rounding but that of s."""
    step = Fraction(scale)
    low = min(Fraction(float(value)) for value in features)
    zero = round(-low / step)
    top = 2**bits - 1
    return [min(max(round(Fraction(float(value)) / step) + zero, 0), top) for value in features], zero


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 8, 12, 16])
@pytest.mark.parametrize("kind", ["relu", "signed", "positive", "negative"])
def test_symbols_equal_the_formula_in_exact_arithmetic(bits, kind):
    values = np.random.default_rng(7).normal(size=500).astype(np.float32)
    features = {
        "relu": np.maximum(values, 0),
        "signed": values,
        "positive": values + np.float32(100),
        "negative": -np.abs(values) - np.float32(3),
    }[kind]
    symbols, scale, zero_point = quantise(features, bits)
    assert scale == np.float32((float(features.max()) - float(features.min())) / (2**bits - 1))
    expected, zero = exact_symbols(features, bits, scale)
    assert zero_point == zero
    assert symbols.dtype == (np.uint8 if bits <= 8 else np.uint16)
    assert symbols.tolist() == expected
    back = dequantise(symbols, scale, zero_point)
    assert back.dtype == np.float32
    assert [float(v) for v in back] == [float(np.float32((q - zero) * scale)) for q in expected]
    assert np.abs(back.astype(np.float64) - features).max() <= rounding_bound(features, bits)
    assert rounding_bound(features, bits) <= scale * 0.501 + 1e-7 * np.abs(features).max() * 3


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("shift", [0.0, 3.0, -3.0, 1e5, -1e8, 3e38])
def test_each_way_of_rounding_and_of_scaling_gives_the_same(bits, shift):
    """The short ways for common ranges against the long ones, over ranges that take either; some round up
    beyond the last symbol."""
    for seed in range(20):
        values = (np.random.default_rng(seed).normal(size=999) + shift).astype(np.float32)
        symbols, scale, zero_point = quantise(values, bits)
        long = np.empty_like(symbols)
        quantise_module._round(values, 1.0 / scale, float(zero_point), float(2**bits - 1), long)
        assert (symbols == long).all()
        if bits <= 8:
            expected = levels(8, scale, zero_point)[symbols]
            assert (dequantise(symbols, scale, zero_point).view(np.int32) == expected.view(np.int32)).all()


@pytest.mark.parametrize(
    "values", [[0.0], [-2.5, 3e38, -3e38], [-1e-45, 1e-45], [float("inf"), 1.0], [-1.0, -float("inf")]]
)
def test_extremes_are_the_least_and_the_greatest(values):
    array = np.array(values, np.float32)
    assert extremes(array) == (min(array.tolist()), max(array.tolist()))
    assert extremes(array[::-1]) == extremes(array)
    assert all_finite(array) == bool(np.isfinite(array).all())


@pytest.mark.parametrize("bits", [0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFFFFFFF, 0x7F800000, 0xFF800000])
@pytest.mark.parametrize("place", [0, 17, 99])
def test_what_is_not_finite_is_seen_anywhere(bits, place):
    array = np.ones(100, np.float32)
    array.view(np.uint32)[place] = bits
    assert not all_finite(array) and not all_finite(array[::-1])


def test_zero_comes_back_exactly():
    features = np.array([-1.3, 0.0, 2.9, 0.0], np.float32)
    symbols, scale, zero_point = quantise(features, 3)
    assert dequantise(symbols, scale, zero_point)[[1, 3]].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0, 1e-45, -3e-39, 3.4028235e38, -3.4028235e38, 1.1])
@pytest.mark.parametrize("bits", [1, 4, 8, 16])
def test_a_constant_comes_back_exactly(value, bits):
    features = np.full((2, 3), value, np.float32)
    symbols, scale, zero_point = quantise(features, bits)
    assert (dequantise(symbols, scale, zero_point) == features).all()
    assert read_grid(memoryview(write_grid(scale, zero_point))) == (scale, zero_point)


@pytest.mark.parametrize("bits", [1, 2, 8, 16])
@pytest.mark.parametrize(
    "values",
    [
        [-3.4028235e38, 3.4028235e38, 0.0],
        [1e-45, 3e-45],
        [1e6, 1e6 + 1, 1e6 + 0.5],
        [-1e30, 1e-30],
        [16777216.0, 16777218.0],
    ],
)
def test_extreme_ranges_stay_within_the_bound_and_fit_the_grid(values, bits):
    features = np.array(values, np.float32)
    symbols, scale, zero_point = quantise(features, bits)
    back = dequantise(symbols, scale, zero_point)
    assert np.isfinite(back).all()
    assert np.abs(back.astype(np.float64) - features).max() <= rounding_bound(features, bits)
    assert read_grid(memoryview(write_grid(scale, zero_point))) == (scale, zero_point)


def test_nothing_and_one_value():
    empty = quantise(np.empty((3, 0), np.float32), 4)
    assert empty.symbols.shape == (3, 0) and (empty.scale, empty.zero_point) == (1.0, 0)
    assert dequantise(*empty).shape == (3, 0)
    one = quantise(np.array(2.5, np.float32), 4)
    assert one.symbols.shape == () and dequantise(*one) == np.float32(2.5)


def test_levels_are_what_the_symbols_stand_for():
    features = np.linspace(-2, 5, 77, dtype=np.float32)
    symbols, scale, zero_point = quantise(features, 4)
    assert (levels(4, scale, zero_point)[symbols] == dequantise(symbols, scale, zero_point)).all()


def test_input_is_left_alone_and_need_not_be_contiguous():
    features = np.random.default_rng(7).normal(size=(6, 8)).astype(np.float32)
    before = features.copy()
    assert (quantise(features.T, 4).symbols == quantise(features.T.copy(), 4).symbols).all()
    assert (features == before).all()


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_grid_that_cannot_be_right_is_refused(scale):
    with pytest.raises(PayloadError, match="step"):
        read_grid(memoryview(write_grid(scale, 0)))


def test_a_grid_cut_short_is_refused():
    with pytest.raises(PayloadError, match="take 8"):
        read_grid(memoryview(b"1234567"))


def test_grid_of_the_paper_by_hand():
    assert grid(np.array([-1.0, 2.0], np.float32), 2) == (1.0, 1)


def test_machine_code_fuses_no_multiplication_with_an_addition():
    """A fused multiply-add rounds once instead of twice: the same source would give other symbols on ARM."""
    code = []
    for function, bounds in (
        (quantise_module._round, (1.0, 0.0, 15.0)),
        (quantise_module._round_inside, (1.0, np.int32(0))),
    ):
        fresh = numba.njit(nogil=True)(function.py_func)  # code from the cache cannot be looked at
        for kind in (np.uint8, np.uint16):
            fresh(np.ones(3, np.float32), *bounds, np.empty(3, kind))
        code += fresh.inspect_asm().values()
    assert len(code) == 4 and all("mul" in text for text in code)
    assert not any(re.search(r"\b(v?fn?m(add|sub)\w*|fmla|fmls)\b", text) for text in code)


@pytest.mark.parametrize("scale", [2.0**-149, 1.0, float(np.finfo(np.float32).max)])
@pytest.mark.parametrize("zero_point", [-(2**31), -(2**22), -255, 0, 255, 2**22 - 1, 2**31 - 1])
def test_whatever_grid_a_payload_names_its_values_are_finite(scale, zero_point):
    """`Codec.finite` rests on this: nobody looks at the values again."""
    scale, zero_point = read_grid(memoryview(write_grid(scale, zero_point)))
    for symbols in (np.arange(256, dtype=np.uint8), np.arange(65536, dtype=np.uint16)):
        assert np.isfinite(dequantise(symbols, scale, zero_point)).all()
    for place in (-128, 127):
        places = np.full(centroid_count(8), place, np.int8)
        assert np.isfinite(centroid_levels(8, scale, zero_point, places)).all()
