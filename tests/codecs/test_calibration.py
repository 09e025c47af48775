"""What calibration finds: filters that least squares give, tables that pay, and files that are checked."""

from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.codecs import payload, table_store
from workbench.codecs.entropy import calibration, contexts
from workbench.codecs.entropy.calibrated import read_calibrated
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.entropy.walks import calibrated_walk, parts_of, reach_of
from workbench.codecs.quantise import dequantise, quantise
from workbench.errors import InputError, PayloadError, SettingError

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_TABLES", str(tmp_path / "tables"))
    monkeypatch.setattr(table_store, "_kept", {})


def woven(channels, side, seed, bits=4):
    """Symbols of channels that differ: even ones follow their left neighbour, odd ones the one above."""
    rng = np.random.default_rng(seed)
    planes = rng.normal(size=(channels, side, side)).cumsum(axis=2)
    planes[1::2] = planes[1::2].transpose(0, 2, 1)
    planes -= planes.min()
    return (planes / planes.max() * (2**bits - 1)).round().astype(np.uint8)


def walked(symbols, bits=4, background=0):
    channels, height, width = symbols.shape
    return symbols.reshape(-1, width), Grid(channels * height, width, height, bits, background)


def features_of(symbols):
    return symbols.astype(np.float32)


# ── filters ──


@pytest.mark.parametrize("background", [0, 3])
def test_products_are_sums_over_all_places_that_have_their_neighbours(background):
    symbols = np.random.default_rng(7).integers(0, 16, (3, 6, 9)).astype(np.uint8)
    products = np.zeros((3, 7, 7), np.int64)
    calibration.add_products(walked(symbols)[0], 6, background, products)
    s = symbols.astype(np.int64) - background
    inner = (
        s[:, 2:, 1:-2],
        s[:, 1:-1, 2:-1],
        s[:, 1:-1, 3:],
        s[:, 1:-1, 1:-2],
        s[:, 2:, :-3],
        s[:, :-2, 2:-1],
        s[:, 2:, 2:-1],
    )
    around = np.stack(inner, axis=1).reshape(3, 7, -1)
    assert np.array_equal(products, np.triu(around @ around.transpose(0, 2, 1)))


def test_each_channel_is_predicted_by_what_predicts_it():
    known = calibration.find([walked(woven(8, 40, seed)) for seed in range(4)], (255, 0))
    parts = parts_of(4)
    left, above = known.fine.filters[1:-1, 1] / parts, known.fine.filters[1:-1, 2] / parts
    assert (left[::2] > 0.65).all() and (above[1::2] > 0.65).all()
    assert (abs(above[::2]) < 0.3).all() and (abs(left[1::2]) < 0.3).all()
    both = known.fine.filters[0, 1:3] / parts
    assert (both > 0.2).all()  # the filter of all channels, for maps of others


def test_factors_are_those_of_least_squares():
    """Of a channel's places, of 200 with what is usual, and of the filter to start from as one more."""
    samples = [walked(woven(4, 20, seed)) for seed in range(2)]
    products = np.zeros((4, 7, 7), np.int64)
    for rows, grid in samples:
        calibration.add_products(rows, grid.plane, 0, products)
    full = (products + np.triu(products, 1).transpose(0, 2, 1)).astype(float)
    usual = np.mean([own / own[6, 6] for own in full], axis=0)
    full = [own + own[6, 6] * usual * 200 / (2 * 20 * 20) for own in full]
    start = np.array((10, 9, 2, -2, -1, -2)) / 16
    expected = [np.linalg.solve(own[:6, :6] + np.eye(6), own[:6, 6] + start) for own in full]
    known = calibration.find(samples, (255, 0))
    assert np.allclose(known.fine.filters[1:-1, 1:] / parts_of(4), expected, atol=0.5001 / parts_of(4))


def test_a_channel_that_says_nothing_is_predicted_as_usual():
    samples = [woven(8, 30, seed) for seed in range(2)]
    for one in samples:
        one[3] = 0
    known = calibration.find([walked(one) for one in samples], (255, 0))
    assert (
        np.abs(known.fine.filters[4, 1:] / parts_of(4) - np.array((10, 9, 2, -2, -1, -2)) / 16).max() < 0.02
    )


@pytest.mark.parametrize("bits", range(1, 9))
def test_no_filter_leaves_the_reach_of_its_walk(bits):
    """Symbols that alternate ask for large factors of both signs."""
    board = np.indices((40, 40)).sum(axis=0) % 2 * (2**bits - 1)
    noise = np.random.default_rng(7).integers(0, 2**bits, (4, 40, 40))
    symbols = np.where(noise % 3 == 0, noise, board).astype(np.uint8)
    known = calibration.find([walked(symbols, bits)], (255, 0))
    below, above = reach_of(bits)
    factors = known.fine.filters[:-1, 1:]
    assert (-factors.clip(max=0).sum(axis=1) <= below).all() and (
        factors.clip(min=0).sum(axis=1) <= above
    ).all()
    rows, grid = walked(symbols, bits)
    coded = contexts.encode(rows, grid, known)
    assert np.array_equal(contexts.decode(memoryview(coded), grid, known), rows)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("background", [0, 1, -1])
def test_no_neighbourhood_leads_out_of_the_walk(bits, background):
    below, above = reach_of(bits)
    largest, background = 2**bits - 1, background % 2**bits
    extreme = ((above, 0, 0, -below, 0, 0), (0, 0, 0, 0, 0, -below), (0, above, 0, 0, 0, 0))
    walk = calibrated_walk(bits, background, extreme)
    for own in walk.filters:
        least = own[0] + largest * own[1:].clip(max=0).sum()
        most = own[0] + largest * own[1:].clip(min=0).sum()
        assert least >= 0 and most < walk.span
    assert len(walk.contexts) <= 2**16 and walk.span.bit_length() + len(walk.contexts) // walk.span // 5 <= 14


def test_more_channels_than_there_are_filters_share_those_that_fit_them():
    symbols = woven(600, 24, seed=1)
    known = calibration.find([walked(symbols), walked(woven(600, 24, seed=2))], (255, 0))
    assert len(known.fine.filters) - 2 == calibration.MOST_FILTERS == 254
    assert known.chosen.min() >= 1 and len(known.chosen) == 600
    left = known.fine.filters[known.chosen, 1]
    assert left[::2].mean() > 1.8 * abs(left[1::2].mean())
    codec = wb.codec("context", bits=4).calibrate([features_of(symbols)])
    assert read_calibrated(table_store.find(codec.tables)).chosen.shape == (600,)
    assert np.array_equal(wb.decode(codec.encode(features_of(symbols))), features_of(symbols))


# ── what it is worth ──


def test_what_channels_have_of_their_own_pays():
    samples = [features_of(woven(32, 28, seed)) for seed in range(6)]
    calibrated, own = wb.codec("context").calibrate(samples[1:]), wb.codec("context")
    assert len(calibrated.encode(samples[0])) < 0.93 * len(own.encode(samples[0]))


def test_the_order_of_samples_does_not_matter():
    samples = [features_of(woven(8, 20, seed)) for seed in range(5)]
    codec = wb.codec("context")
    assert codec.calibrate(samples).tables == codec.calibrate(samples[::-1]).tables


def test_filters_are_of_the_number_of_channels_that_most_samples_have():
    samples = [features_of(woven(channels, 20, seed)) for seed, channels in enumerate((5, 8, 8))]
    codec = wb.codec("context")
    known = read_calibrated(table_store.find(codec.calibrate(samples).tables))
    assert len(known.chosen) == 8
    assert codec.calibrate(samples).tables == codec.calibrate(samples[::-1]).tables


# ── other shapes ──


def test_channels_are_where_they_were_in_the_samples():
    """Of channel-last samples, most of which are seen to be so; noise alone would be taken as it is."""
    noise = np.random.default_rng(7).normal(size=(30, 30, 24)).astype(np.float32)
    samples = [noise[::-1], *(features_of(woven(24, 30, seed)).transpose(1, 2, 0) for seed in range(3))]
    calibrated = wb.codec("context").calibrate(samples)
    assert payload.read(wb.codec("context").encode(noise)).body[9] == 255
    coded = calibrated.encode(noise)
    assert payload.read(coded).body[17] == 2
    assert np.array_equal(wb.decode(coded), dequantise(*quantise(noise, 4)))


@pytest.mark.parametrize(
    "shape", [(16, 20, 20), (3, 16, 20, 20), (7, 20, 20), (16, 9, 31), (20, 20), (500,), ()]
)
def test_other_shapes_are_coded_by_the_same_tables(shape):
    calibrated = wb.codec("context").calibrate([features_of(woven(16, 20, seed)) for seed in range(3)])
    original = np.random.default_rng(7).normal(size=shape).astype(np.float32)
    assert np.array_equal(wb.decode(calibrated.encode(original)), dequantise(*quantise(original, 4)))


def test_a_batch_uses_the_filters_of_each_sample():
    samples = [features_of(woven(16, 24, seed)) for seed in range(5)]
    calibrated = wb.codec("context").calibrate(samples[2:])
    alone = [len(calibrated.encode(sample)) for sample in samples[:2]]
    assert len(calibrated.encode(np.stack(samples[:2]))) < sum(alone)


@pytest.mark.parametrize("shape", [(0, 4, 4), (1, 1), (5,), (3, 2), (2, 2, 2), (4, 1, 7)])
def test_samples_without_neighbours_still_calibrate(shape):
    calibrate = wb.codec("context").calibrate
    samples = [np.ones(shape, np.float32), np.arange(30, dtype=np.float32).reshape(5, 6)]
    coded = calibrate(samples).encode(samples[1])
    assert np.array_equal(wb.decode(coded), dequantise(*quantise(samples[1], 4)))


# ── files ──


def test_the_first_calibrated_tables_still_decode():
    paths = sorted(GOLDEN.glob("context-first-tables-*.wbp"))
    assert len(paths) == 8
    for path in paths:
        label = path.stem.removeprefix("context-first-tables-")
        name = payload.read(path.read_bytes()).body
        assert len(name) > 17
        for tables in (GOLDEN / "tables").glob("*.tables"):
            table_store.know(tables.read_bytes())
        assert np.array_equal(wb.decode(path.read_bytes()), np.load(GOLDEN / "context" / f"{label}.npy"))


def test_the_first_calibrated_tables_still_encode():
    path = GOLDEN / "context-first-tables-default.wbp"
    for tables in (GOLDEN / "tables").glob("*.tables"):
        table_store.know(tables.read_bytes())
    name = bytes(payload.read(path.read_bytes()).body[9:17]).hex()
    codec = wb.codec("context", tables=name)
    assert codec.encode(np.load(GOLDEN / "features.npy")) == path.read_bytes()


@pytest.mark.parametrize("channels", [8, 254, 255, 256])
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_what_is_read_is_what_was_found(bits, channels):
    known = calibration.find([walked(woven(channels, 9, seed, bits), bits) for seed in range(3)], (255, 0))
    assert len(known.fine.filters) - 2 == min(channels, 254)
    again = read_calibrated(known.to_bytes())
    assert again.to_bytes() == known.to_bytes()
    assert (again.bits, again.background, again.arrangement) == (bits, 0, (255, 0))
    assert np.array_equal(again.fine.filters, known.fine.filters)
    assert np.array_equal(again.walk.contexts, known.walk.contexts)


def test_tables_that_are_cut_short_are_refused():
    whole = calibration.find([walked(woven(4, 20, 1))], (255, 0)).to_bytes()
    for length in range(len(whole)):
        with pytest.raises(InputError, match="no calibrated tables"):
            read_calibrated(whole[:length])
    with pytest.raises(InputError, match="their length cannot be right"):
        read_calibrated(whole + b"\0")


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("bits", 9, "bits, background or filters"),
        ("background", 16, "bits, background or filters"),
        ("filter", 127, "a filter"),
        ("filter", 129, "a filter"),
        ("chosen", 5, "the filter of a channel"),
        ("precision", 13 << 4, "precision"),
        ("number", 0, "precision"),
        ("table", 64, "the table of a context"),
        ("code", 0, "a frequency"),
        ("code", 65, "a frequency"),
    ],
)
def test_tables_that_would_lead_out_of_memory_are_refused(part, value, message):
    known = calibration.find([walked(woven(4, 20, 1))], (255, 0))
    spoilt, filters = bytearray(known.to_bytes()), 5
    chosen = 13 + 6 * filters
    table = chosen + 4 + 2
    code = table + len(known.model.table_of)
    places = {
        "bits": 4,
        "background": 5,
        "filter": 13,
        "chosen": chosen + 3,
        "precision": chosen + 4,
        "number": chosen + 5,
        "table": code - 1,
        "code": len(spoilt) - 1,
    }
    assert len(spoilt) == code + known.model.codes.size
    spoilt[places[part]] = value
    with pytest.raises(InputError, match=message):
        read_calibrated(bytes(spoilt))


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_spoilt_tables_are_refused_or_code_all_the_same(bits):
    """Their name is that of the spoilt bytes, so that nothing but their contents can tell."""
    rng = np.random.default_rng(7)
    whole = calibration.find([walked(woven(4, 20, 1, bits), bits)], (255, 0)).to_bytes()
    original = features_of(woven(4, 20, 2, bits))
    refused = 0
    for _ in range(300):
        spoilt = bytearray(whole)
        for place in rng.integers(0, len(whole) if rng.integers(2) else 40, rng.integers(1, 3)):
            spoilt[place] = rng.integers(0, 256 if rng.integers(2) else 5)
        codec = wb.codec("context", bits=bits, tables=table_store.know(bytes(spoilt)))
        try:
            coded = codec.encode(original)
        except SettingError as error:
            refused += 1
            assert "cannot be used" in str(error) or "calibrated at" in str(error)
            continue
        assert np.array_equal(wb.decode(coded), dequantise(*quantise(original, bits)))
    assert 30 < refused < 290


def test_a_receiver_with_spoilt_tables_says_so():
    calibrated = wb.codec("context").calibrate([features_of(woven(4, 20, 1))])
    coded = calibrated.encode(features_of(woven(4, 20, 2)))
    table_store._kept[calibrated.tables] = table_store._kept[calibrated.tables][:50]
    with pytest.raises(PayloadError, match=f"tables {calibrated.tables} cannot be used"):
        wb.decode(coded)
