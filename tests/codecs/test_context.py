"""The context codec: exact symbols whatever the layout, its gain, calibrated tables, dead zone, damage."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.codecs import payload, table_store
from workbench.codecs.deadzone import centroid_levels, centroids, quantise_dead
from workbench.codecs.entropy import order0
from workbench.codecs.quantise import dequantise, quantise
from workbench.errors import InputError, PayloadError, SettingError

GOLDEN = Path(__file__).parent.parent / "golden"


def smooth_map(channels=16, side=24, seed=7, signed=False):
    """Blobs of different size and height: neighbours are alike, as in a feature map."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    planes = []
    for _ in range(channels):
        plane = np.zeros((side, side))
        for _ in range(4):
            cy, cx, width = *rng.uniform(0, side, 2), rng.uniform(2, 5)
            plane += rng.normal() * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / width**2)
        planes.append(plane + 0.03 * rng.normal(size=(side, side)))
    features = np.array(planes, np.float32)
    return features if signed else np.maximum(features - 0.1, 0)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_TABLES", str(tmp_path / "tables"))
    monkeypatch.setattr(table_store, "_kept", {})


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("signed", [False, True])
def test_decodes_to_exactly_the_quantised_features(bits, signed):
    original = smooth_map(signed=signed)
    codec = wb.codec("context", bits=bits)
    back = wb.decode(codec.encode(original))
    assert np.array_equal(back, dequantise(*quantise(original, bits)))
    assert np.abs(back - original).max() <= codec.error_bound(original)


SHAPES = [
    *[(), (1,), (2,), (7,), (101,), (3, 5), (1, 1, 9), (4096,), (2, 2049), (5, 1, 13), (3, 4, 5), (4, 4, 1)],
    *[(2, 3, 8, 8), (2, 8, 8, 3), (1, 5, 9, 7), (66, 33), (65, 12), (5, 64, 24), (0,), (3, 0, 2), (2, 600)],
    *[(1, 2, 1, 3, 1, 4, 1, 5), (9, 31, 33), (8, 3, 1000)],
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", ["auto", "channel-first", "channel-last"])
def test_every_shape_comes_back(shape, layout):
    original = np.random.default_rng(7).normal(size=shape).astype(np.float32)
    coded = wb.codec("context", bits=5, layout=layout).encode(original)
    back = wb.decode(coded)
    assert back.shape == shape
    assert np.array_equal(back, dequantise(*quantise(original, 5)))
    assert sum(part.nbytes for part in wb.describe(coded).parts) == len(coded)


def test_uses_far_less_than_order_0():
    original = smooth_map(32, 40)
    for bits in (2, 3, 4):
        symbols = quantise(original, bits).symbols
        assert len(wb.codec("context", bits=bits).encode(original)) < 0.75 * len(order0.encode(symbols))


def test_noise_costs_hardly_more_than_order_0():
    """Where neighbours tell nothing, one table is left."""
    noise = np.random.default_rng(7).uniform(size=(16, 40, 40)).astype(np.float32)
    symbols = quantise(noise, 4).symbols
    assert len(wb.codec("context", bits=4).encode(noise)) < 1.01 * len(order0.encode(symbols)) + 100


def test_layouts_keep_the_gain():
    original = smooth_map(24, 32)
    codec = wb.codec("context", bits=4)
    reference = len(codec.encode(original))
    channel_last = np.moveaxis(original, 0, -1)
    tokens = channel_last.reshape(-1, 24)
    with_class_token = np.concatenate([np.zeros((1, 24), np.float32), tokens])
    for variant in (channel_last, channel_last[None], tokens, tokens[None]):
        coded = codec.encode(variant)
        assert np.array_equal(wb.decode(coded), dequantise(*quantise(variant, 4)))
        assert abs(len(coded) - reference) <= 16
    assert len(codec.encode(with_class_token)) < reference + 60
    assert len(wb.codec("context", bits=4, layout="channel-first").encode(channel_last)) > 1.15 * reference


def test_several_samples_in_one_array():
    batch = np.stack([smooth_map(8, 16, seed) for seed in range(3)])
    assert np.array_equal(wb.decode(wb.codec("context").encode(batch)), dequantise(*quantise(batch, 4)))


def test_equal_input_gives_equal_bytes():
    original = smooth_map()
    assert wb.codec("context").encode(original) == wb.codec("context").encode(np.asfortranarray(original))


def test_small_maps_have_one_lane_and_large_ones_four():
    def states(side):
        parts = wb.describe(wb.codec("context").encode(smooth_map(8, side))).parts
        return next(part.nbytes for part in parts if part.name == "lane states")

    assert (states(16), states(32)) == (8, 32)


# ── calibrated tables ──


def test_calibrated_payloads_do_without_tables_and_decode_the_same():
    samples = [smooth_map(24, 40, seed) for seed in range(5)]
    original = smooth_map(24, 40, seed=99)
    codec = wb.codec("context", bits=4)
    calibrated = codec.calibrate(samples)
    own, named = codec.encode(original), calibrated.encode(original)
    assert np.array_equal(wb.decode(own), wb.decode(named))
    assert len(named) < 1.02 * len(own)  # in a map as small and smooth as this, tables are a few bytes
    parts = [part.name for part in wb.describe(named).parts]
    assert "tables" not in parts
    assert "name of tables" in parts
    assert calibrated.tables == codec.calibrate(samples).tables


def test_tables_reach_another_process_by_their_file(monkeypatch):
    calibrated = wb.codec("context", bits=3).calibrate([smooth_map(seed=1)])
    coded = calibrated.encode(smooth_map(seed=2))
    expected = wb.decode(coded)
    monkeypatch.setattr(table_store, "_kept", {})
    assert np.array_equal(wb.decode(coded), expected)
    assert [path.stem for path in table_store.folder().iterdir()] == [calibrated.tables]


def test_unknown_tables_name_the_next_step(monkeypatch):
    calibrated = wb.codec("context", bits=3).calibrate([smooth_map()])
    coded = calibrated.encode(smooth_map())
    (table_store.folder() / f"{calibrated.tables}.tables").unlink()
    monkeypatch.setattr(table_store, "_kept", {})
    with pytest.raises(PayloadError, match=rf"copy {calibrated.tables}\.tables"):
        wb.decode(coded)
    with pytest.raises(SettingError, match="WORKBENCH_TABLES"):
        calibrated.encode(smooth_map())


def test_a_file_that_is_not_what_its_name_says_is_no_table(monkeypatch):
    calibrated = wb.codec("context", bits=3).calibrate([smooth_map()])
    coded = calibrated.encode(smooth_map())
    path = table_store.folder() / f"{calibrated.tables}.tables"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    monkeypatch.setattr(table_store, "_kept", {})
    with pytest.raises(PayloadError, match="not here"):
        wb.decode(coded)


def test_tables_of_other_bits_are_refused():
    calibrated = wb.codec("context", bits=3).calibrate([smooth_map()])
    with pytest.raises(SettingError, match="calibrated at 3 bits, not 4"):
        dataclasses.replace(calibrated, bits=4).encode(smooth_map())


@pytest.mark.parametrize("name", ["", "short", "../../../etc/pass", "g" * 16])
def test_a_name_of_tables_is_16_digits(name):
    with pytest.raises(SettingError, match="16 hexadecimal digits"):
        wb.codec("context", tables=name)


def test_a_folder_that_cannot_be_written_is_a_warning(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("WORKBENCH_TABLES", str(tmp_path / "file" / "tables"))
    with pytest.warns(RuntimeWarning, match="WORKBENCH_TABLES"):
        calibrated = wb.codec("context").calibrate([smooth_map()])
    assert wb.decode(calibrated.encode(smooth_map())).shape == (16, 24, 24)


def test_calibrated_tables_code_what_they_never_saw():
    calibrated = wb.codec("context", bits=4).calibrate([np.zeros((4, 8, 8), np.float32)])
    original = np.random.default_rng(7).normal(size=(6, 20, 20)).astype(np.float32)
    assert np.array_equal(wb.decode(calibrated.encode(original)), dequantise(*quantise(original, 4)))


def test_calibration_needs_samples():
    with pytest.raises(InputError, match="at least one"):
        wb.codec("context").calibrate([])
    with pytest.raises(InputError, match="at least one"):
        wb.codec("context").calibrate([np.zeros((0, 3), np.float32)])


# ── dead zone and centroids ──


def test_dead_zone_rounds_towards_zero():
    values = np.array([0.0, 0.8, 0.9, 1.8, 1.9, -0.8, -0.9, 3.0, -4.0], np.float32)
    found = quantise_dead(values, 3, 0.35)
    assert (found.scale, found.zero_point) == (1.0, 4)
    assert (found.symbols.astype(int) - 4).tolist() == [0, 0, 1, 1, 2, 0, -1, 3, -4]


def test_a_lonely_small_value_becomes_zero():
    values = np.zeros((1, 5, 5), np.float32)
    values[0, 1, 1] = 1.1  # alone
    values[0, 3, 3], values[0, 3, 4] = 1.1, 3.0  # beside something
    values[0, 0, 4] = 7.0
    back = wb.decode(wb.codec("context", bits=3, dead_zone=0.35, layout="channel-first").encode(values))
    assert back[0, 1, 1] == back[0, 2, 2] < 0.2
    assert back[0, 3, 3] == pytest.approx(1.1, abs=0.02)


def test_no_dead_zone_is_the_uniform_quantiser():
    values = smooth_map(signed=True) + np.float32(1e-4)
    assert np.array_equal(quantise_dead(values, 4, 0.0).symbols, quantise(values, 4).symbols)


def test_centroids_are_means_of_their_levels():
    values = smooth_map()
    found = quantise_dead(values, 3, 0.3)
    levels = centroid_levels(3, found.scale, found.zero_point, centroids(values, found, 3))
    for symbol in range(8):
        inside = values[found.symbols == symbol]
        if inside.size:
            assert abs(levels[symbol] - inside.mean(dtype=np.float64)) <= found.scale / 64


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits, dead_zone", [(3, 0.2), (3, 0.35), (4, 0.35), (8, 0.49)])
def test_dead_zone_keeps_its_bound_and_saves_bytes(bits, dead_zone, signed):
    original = smooth_map(signed=signed)
    codec = wb.codec("context", bits=bits, dead_zone=dead_zone)
    coded = codec.encode(original)
    assert np.abs(wb.decode(coded) - original).max() <= codec.error_bound(original)
    uniform = len(wb.codec("context", bits=bits, centroids=True).encode(original))
    assert len(coded) < (uniform if bits < 8 else 1.01 * uniform)


def test_centroids_lower_the_error():
    original = smooth_map()
    plain = wb.decode(wb.codec("context", bits=2).encode(original))
    better = wb.decode(wb.codec("context", bits=2, centroids=True).encode(original))
    assert ((better - original) ** 2).mean() < 0.9 * ((plain - original) ** 2).mean()


# ── damage behind a valid checksum ──


def rewrapped(coded, body):
    envelope = payload.read(coded)
    return payload.write("context", envelope.dtype, envelope.shape, envelope.settings, bytes(body))


@pytest.mark.parametrize("settings", [{}, {"dead_zone": 0.3}])
@pytest.mark.parametrize("shape", [(3, 7, 9), (9, 40, 40), (17, 31, 33)])
def test_bodies_that_are_cut_short_are_refused(shape, settings):
    original = np.maximum(np.random.default_rng(7).normal(size=shape), 0).astype(np.float32)
    coded = wb.codec("context", bits=2, **settings).encode(original)
    body = payload.read(coded).body
    for length in [*range(min(len(body), 400)), len(body) - 4, len(body) - 1]:
        with pytest.raises(PayloadError):
            wb.decode(rewrapped(coded, body[:length]))


@pytest.mark.parametrize("shape", [(3, 7, 9), (4, 33, 33), (17, 31, 33)])
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_spoilt_bodies_give_an_array_of_the_shape_or_are_refused(shape, bits):
    rng = np.random.default_rng(7)
    coded = wb.codec("context", bits=bits).encode(np.maximum(rng.normal(size=shape), 0).astype(np.float32))
    body = payload.read(coded).body
    refused = 0
    for _ in range(600):
        spoilt = bytearray(body)
        for place in rng.integers(0, min(len(body), 600), rng.integers(1, 4)):
            spoilt[place] = rng.integers(0, 256)
        try:
            back = wb.decode(rewrapped(coded, spoilt))
        except PayloadError:
            refused += 1
            continue
        assert back.shape == shape
        assert np.isfinite(back).all()
    assert refused > 300


def test_threads_do_not_disturb_each_other():
    maps = [smooth_map(seed=seed) for seed in range(8)]
    codec = wb.codec("context", bits=4)
    alone = [codec.encode(one) for one in maps]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(codec.encode, maps * 4)) == alone * 4
        decoded = list(pool.map(wb.decode, alone * 4))
    assert all(np.array_equal(back, wb.decode(one)) for back, one in zip(decoded, alone * 4, strict=True))


@pytest.mark.parametrize("shape", [(7,), (1, 9), (3, 5), (4, 6, 6)])
def test_what_was_decoded_stays_when_something_else_is(shape):
    first, second = (np.random.default_rng(seed).normal(size=shape).astype(np.float32) for seed in (1, 2))
    codec = wb.codec("context", bits=6)
    one, other = codec.encode(first), codec.encode(second)
    decoded = wb.decode(one)
    kept = decoded.copy()
    wb.decode(other)
    assert np.array_equal(decoded, kept)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_stored_payload_of_a_map_whose_channels_name_filters(bits):
    """The golden map is too small for that, so this one has bytes of its own."""
    rng = np.random.default_rng(11)
    steps = rng.integers(-9, 10, size=(24, 21, 37)).cumsum(axis=1).cumsum(axis=2)
    features = np.maximum(steps, 0).astype(np.float32)
    stored = (GOLDEN / f"context-filters-{bits}.wbp").read_bytes()
    assert "filters" in {part.name for part in wb.describe(stored).parts}
    assert np.array_equal(wb.decode(stored), dequantise(*quantise(features, bits)))
    assert wb.codec("context", bits=bits).encode(features) == stored


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("shape", [(16, 32, 32), (18, 20, 61), (3, 401, 23), (1, 1, 17000), (17000, 1)])
def test_large_maps_decode_to_exactly_the_quantised_features(bits, shape):
    rng = np.random.default_rng(5)
    features = rng.normal(size=shape).astype(np.float32).cumsum(axis=-1)
    coded = wb.codec("context", bits=bits).encode(features)
    assert np.array_equal(wb.decode(coded), dequantise(*quantise(features, bits)))


def test_filters_that_are_cut_short_or_have_no_place_are_refused():
    features = smooth_map(20, 30)
    coded = wb.codec("context", bits=4).encode(features)
    body = payload.read(coded).body
    with pytest.raises(PayloadError, match="filters"):
        wb.decode(rewrapped(coded, body[:13]))
    calibrated = wb.codec("context", bits=4).calibrate([features]).encode(features)
    spoilt = bytearray(payload.read(calibrated).body)
    spoilt[18] |= 0x80  # behind grid, flags, name of the tables and axis
    with pytest.raises(PayloadError, match="fitted"):
        wb.decode(rewrapped(calibrated, spoilt))
