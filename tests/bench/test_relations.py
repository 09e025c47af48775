"""The relations on made-up material, where each is known to hold or not; and the committed record."""

import json

import numpy as np
import pytest

from workbench.bench.relations import (
    CUTS,
    Material,
    Relation,
    accuracy_over_bits,
    algorithm1_near_optimum,
    blocks_cost_headers,
    demo_material,
    high_bits_for_large_magnitudes,
    relations,
    table,
    widths_fall_with_tolerance,
    write_record,
)
from workbench.codecs.battery.samples import smooth_map
from workbench.paths import shipped

MAPS = [smooth_map((8, 12, 12), seed=seed) for seed in range(4)]


def material(accuracy=lambda maps: 1.0):
    return Material("made up", "cut", MAPS, accuracy)


def test_accuracy_must_be_flat_and_then_fall():
    def by_error(limit):
        def accuracy(maps):
            return float(np.mean([np.square(a - b).mean() < limit for a, b in zip(maps, MAPS, strict=True)]))

        return accuracy

    levels = [np.var(m) for m in MAPS]
    assert accuracy_over_bits(material(by_error(min(levels) / 20))).holds
    assert not accuracy_over_bits(material()).holds
    assert not accuracy_over_bits(material(by_error(min(levels) / 1e7))).holds


def test_slicer_s_relations_hold_on_smooth_maps():
    assert widths_fall_with_tolerance(material()).holds
    headers = blocks_cost_headers(material())
    assert headers.holds and headers.measured["M=4"] - headers.measured["M=2"] == 2 * (
        9 + 8
    )  # 8 rows of 8 bits
    order = high_bits_for_large_magnitudes(material())
    assert order.holds and order.measured["large first: mse"] < order.measured["reverse: mse"] / 2


def test_algorithm_1_is_compared_with_the_optimum():
    found = algorithm1_near_optimum(material())
    assert 0.0 <= found.measured["median"] <= found.measured["largest"]
    assert found.holds == (found.measured["largest"] <= 0.03)


def test_table_and_record_say_where_a_relation_does_not_hold(tmp_path):
    one = Relation("1", "claim", "net", "cut", "Q=4", {"a": 0.12345}, "bits", False)
    assert table([one]).splitlines()[-1] == "| 1 | claim | net, cut | a 0.1235 (bits) | **no** |"
    record = json.loads(write_record([one], tmp_path / "new").read_text())
    assert record["relations"][0]["holds"] is False
    assert set(record["machine"]) >= {"processor", "numba", "numpy"} and record["date"][:2] == "20"


def test_the_committed_record_covers_every_cut_and_relation():
    record = json.loads((shipped("data") / "results" / "bench_relations.json").read_text())
    assert {(one["network"], one["cut"]) for one in record["relations"]} == set(CUTS)
    assert len(record["relations"]) == 5 * len(CUTS)


@pytest.mark.slow
def test_relations_of_a_demo_network():
    found = {one.claim: one for one in relations(demo_material("digits-resnet", "layer1", pictures=60))}
    assert len(found) == 5
    assert found["more blocks M cost headers"].holds and found["mean widths fall as delta grows"].holds
    assert found["high bits for large magnitudes beat the reverse order"].holds
