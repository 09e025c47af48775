"""The codec bench: that it measures what it says, that its record is whole, and that peers may be missing."""

import json

import numpy as np
import pytest

from workbench.bench import codec_peers as peers
from workbench.bench import codecs as bench
from workbench.bench.codec_material import Material, load_material
from workbench.bench.codec_table import goal_rows, markdown, write_record
from workbench.errors import InputError


def smooth_maps(count=3, shape=(8, 24, 24)):
    rng = np.random.default_rng(7)
    maps = []
    for _ in range(count):
        rough = rng.normal(size=shape)
        for axis in (1, 2):
            rough = rough + np.roll(rough, 1, axis) + np.roll(rough, 2, axis)
        maps.append(np.maximum(rough, 0).astype(np.float32))
    return Material(tuple(maps), "smoothed noise", tuple(f"map {index}" for index in range(count)), "demo")


@pytest.fixture(scope="module")
def record():
    patch = pytest.MonkeyPatch()
    patch.setattr(bench, "load_material", lambda pictures: smooth_maps(pictures))
    patch.setattr(bench, "second_start", lambda: {"seconds": 1.0, "compiled_again": 0, "loaded": 9})
    try:
        return bench.bench_codecs(rounds=2, pictures=2)
    finally:
        patch.undo()


def test_record_is_plain_json(record):
    assert json.loads(json.dumps(record))["schema"] == 1


def test_sizes_are_one_number_a_picture_and_in_order(record):
    sizes = record["bytes"]
    for by_bits in sizes.values():
        assert list(by_bits) == ["2", "3", "4", "6", "8"]
        assert all(len(numbers) == 2 for numbers in by_bits.values())
    for bits in ("2", "4", "8"):
        total = {name: sum(by_bits[bits]) for name, by_bits in sizes.items()}
        assert total["context"] < total["order-0 rANS"] < total["packed, Q bits"] + 200
        assert total["Shannon bound of the symbols"] < total["order-0 rANS"]


def test_every_timing_has_its_quartiles(record):
    names = [timing["name"] for timing in record["timings_q4"]]
    assert len(names) == len(set(names)) >= 6
    for timing in record["timings_q4"]:
        low, high = timing["encode_quartiles"]
        assert 0 < low <= timing["encode_ms"] <= high
        assert timing["rounds"] == 2


def test_goals_say_whether_they_were_met(record):
    for goal in record["goals"]:
        if goal["value"] is None:
            assert goal["met"] is None
            continue
        sign, limit = goal["goal"].split()
        holds = {"<=": goal["value"] <= float(limit), ">=": goal["value"] >= float(limit)}
        assert goal["met"] == holds.get(sign, goal["value"] == float(limit))
    assert len(record["goals"]) >= 18
    of_context = [goal["what"] for goal in record["goals"] if "numpy + constriction" in goal["what"]]
    assert [what.split(",")[0] for what in of_context] == ["context"] * 2 + [
        "context calibrated on others"
    ] * 2


def test_tables_show_every_goal_and_every_coder(record, tmp_path):
    data, text = write_record(record, tmp_path / "results")
    assert (data.name, text.name) == ("bench_codecs_demo.json", "bench_codecs_demo.md")
    assert json.loads(data.read_text()) == json.loads(json.dumps(record))
    written = text.read_text()
    assert written == markdown(record)
    for goal in record["goals"]:
        assert goal["what"] in written
    for timing in record["timings_q4"]:
        assert timing["name"] in written
    assert len(goal_rows(record)) == len(record["goals"])


def test_a_wrong_round_trip_is_never_reported():
    job = bench.Job("broken", lambda: b"x", lambda data: np.zeros(3, np.uint8), np.ones(3, np.uint8))
    with pytest.raises(AssertionError, match="broken"):
        bench._interleaved([job], rounds=1)


@pytest.mark.parametrize("peer", peers.available()[0], ids=lambda peer: peer.name)
def test_peers_give_back_what_they_took(peer):
    symbols = np.minimum(np.random.default_rng(7).geometric(0.3, (4, 9, 11)) - 1, 15).astype(np.uint8)
    data = peer.encode(symbols, 4)
    assert isinstance(data, bytes)
    assert np.array_equal(peer.decode(data, symbols.shape, 4), symbols.reshape(-1))


def test_missing_peers_are_named(monkeypatch):
    def absent(name):
        raise ImportError(f"no module {name}", name=name)

    monkeypatch.setattr(peers, "import_module", absent)
    found, missing = peers.available()
    assert [peer.name for peer in found] == ["zlib-6"]
    assert set(missing) == {"zstandard", "lz4.frame", "constriction", "pcodec", "imagecodecs"}


def test_the_papers_format_comes_back():
    pytest.importorskip("constriction")
    features = smooth_maps(1).maps[0]
    coded = peers.paper_encode(features, 4, 4)
    step = features.max() / 15
    assert np.abs(peers.paper_decode(coded, features.shape, 4) - features).max() <= step * 0.5001


def test_demo_features_without_a_network(monkeypatch):
    monkeypatch.delenv("WORKBENCH_REAL", raising=False)
    material = load_material(2)
    assert len(material.maps) == 2
    assert all(one.shape == (128, 28, 28) and one.min() == 0 < one.max() for one in material.maps)
    assert material.kind == "demo"
    first, second = ([id(one) for one in material.apart_from(index)] for index in range(2))
    assert len(first) == len(second) == 1 + 4  # the other picture, and its corners
    assert id(material.maps[0]) in second and not set(first) & set(second)


def test_a_folder_without_a_network_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_REAL", str(tmp_path))
    with pytest.raises(InputError, match="unset it"):
        load_material(2)
