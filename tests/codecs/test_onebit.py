"""One bit: thresholds and levels against plain means, the packed bits against numpy, both bit widths."""

import zlib

import numpy as np
import pytest

from workbench.codecs import codec, decode, describe
from workbench.codecs.battery.samples import smooth_map
from workbench.codecs.payload import read
from workbench.errors import InputError, PayloadError, SettingError

FEATURES = smooth_map((6, 9, 11))
SAMPLES = [smooth_map((6, 9, 11), seed=seed) for seed in (1, 2, 3)]
EVERY = np.concatenate([sample.reshape(-1) for sample in SAMPLES]).astype(np.float64)


def test_calibration_finds_the_mean_and_the_mean_on_each_side():
    calibrated = codec("onebit").calibrate(SAMPLES)
    (threshold,) = calibrated.thresholds
    assert threshold == pytest.approx(EVERY.mean(), rel=1e-6)
    below, above = EVERY[threshold >= EVERY], EVERY[threshold < EVERY]
    assert calibrated.levels == pytest.approx((below.mean(), above.mean()), rel=1e-6)


def test_two_bits_part_each_side_at_its_own_mean():
    calibrated = codec("onebit", bits=2).calibrate(SAMPLES)
    one = codec("onebit").calibrate(SAMPLES)
    assert calibrated.thresholds == (one.levels[0], one.thresholds[0], one.levels[1])
    groups = np.searchsorted(calibrated.thresholds, EVERY, side="left")
    means = [EVERY[groups == group].mean() for group in range(4)]
    assert calibrated.levels == pytest.approx(means, rel=1e-6)


def test_body_is_levels_and_zipped_packed_bits():
    calibrated = codec("onebit").calibrate(SAMPLES)
    body = bytes(read(calibrated.encode(FEATURES)).body)
    assert np.frombuffer(body[:8], "<f4").tolist() == list(calibrated.levels)
    assert zlib.decompress(body[8:]) == np.packbits(calibrated.thresholds[0] < FEATURES).tobytes()


def test_decoded_values_are_the_level_of_their_side():
    calibrated = codec("onebit").calibrate(SAMPLES)
    expected = np.where(calibrated.thresholds[0] < FEATURES, *calibrated.levels[::-1]).astype(np.float32)
    assert (decode(calibrated.encode(FEATURES)) == expected).all()


@pytest.mark.parametrize("bits", [1, 2])
def test_without_calibration_the_map_s_own_means_are_taken(bits):
    own = codec("onebit", bits=bits).calibrate([FEATURES])
    assert codec("onebit", bits=bits).encode(FEATURES) == own.encode(FEATURES)


@pytest.mark.parametrize("bits", [1, 2])
def test_means_do_not_depend_on_the_order_of_the_values(bits):
    shuffled = np.random.default_rng(7).permutation(EVERY.astype(np.float32))
    assert codec("onebit", bits=bits).calibrate([shuffled]) == codec("onebit", bits=bits).calibrate(SAMPLES)


def test_two_bits_halve_the_error_at_least():
    errors = [
        np.square(decode(codec("onebit", bits=bits).encode(FEATURES)) - FEATURES).mean() for bits in (1, 2)
    ]
    assert errors[1] < errors[0] / 2


def test_no_levels_of_the_samples_better_than_the_means():
    calibrated = codec("onebit").calibrate([FEATURES])
    decoded = decode(calibrated.encode(FEATURES)).astype(np.float64)
    best = np.square(decoded - FEATURES).sum()
    for shift in (-0.01, 0.01):
        assert np.square(decoded + shift - FEATURES).sum() > best


def test_description_counts_levels_bits_and_shares():
    description = describe(codec("onebit", lossless="none").encode(FEATURES))
    assert [(part.name, part.nbytes) for part in description.parts[1:]] == [("levels", 8), ("bits", 75)]
    share = (FEATURES.mean() < FEATURES).mean()
    assert description.notes["shares"] == pytest.approx([1 - share, share])
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share)) * FEATURES.size / 8
    assert description.shannon_bytes == pytest.approx(entropy)


def test_settings_that_do_not_go_together():
    with pytest.raises(SettingError, match="go together"):
        codec("onebit", thresholds=(0.5,))
    with pytest.raises(SettingError, match="needs 3, ascending"):
        codec("onebit", bits=2, thresholds=(0.5,), levels=(0.0, 1.0))
    with pytest.raises(SettingError, match="ascending"):
        codec("onebit", thresholds=(0.5,), levels=(1.0, 0.0))
    with pytest.raises(SettingError, match="1 or 2"):
        codec("onebit", bits=3)


def test_calibration_needs_something():
    for nothing in ([], [np.empty((0, 3), np.float32)]):
        with pytest.raises(InputError, match="at least one feature map"):
            codec("onebit").calibrate(nothing)
    with pytest.raises(InputError, match="not finite"):
        codec("onebit").calibrate([np.array([np.nan], np.float32)])


def test_levels_that_are_not_finite_are_refused():
    with pytest.raises(PayloadError, match="levels"):
        codec("onebit").unpack(
            memoryview(np.array([np.nan, 1.0], "<f4").tobytes() + zlib.compress(b"\0")), (4,)
        )


@pytest.mark.parametrize("bits", [1, 2])
@pytest.mark.parametrize("shape", [(6, 9, 11), (99, 6), (594,), ()])
def test_the_lossless_coder_behind_changes_no_value(bits, shape):
    features = FEATURES.reshape(shape) if shape else FEATURES[0, 0, 0]
    decoded = [
        decode(codec("onebit", bits=bits, lossless=lossless).encode(np.asarray(features)))
        for lossless in ("none", "zip", "zstd", "context", "mixing")
    ]
    assert all(one.tobytes() == decoded[0].tobytes() and one.shape == shape for one in decoded)


def test_neighbours_are_worth_more_than_zip():
    features = smooth_map((32, 40, 40))
    sizes = {
        name: len(codec("onebit", lossless=name).encode(features))
        for name in ("none", "zip", "context", "mixing")
    }
    assert sizes["context"] < 0.9 * sizes["zip"] < sizes["none"]
    assert sizes["mixing"] < sizes["context"]
