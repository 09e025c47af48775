"""Every codec side by side on real features of a demo network."""

import numpy as np
import pytest

import workbench as wb
from workbench import metrics
from workbench.errors import Cancelled, InputError, SettingError
from workbench.experiments import Workspace
from workbench.experiments.line_up import line_up, line_up_rates
from workbench.experiments.papers import SIZE_RATIO, claims, claims_here
from workbench.experiments.reshape_search import entropy_curve, symbol_histogram
from workbench.experiments.side_by_side import rate_curves, side_by_side
from workbench.pictures import load

SPLIT = "layer2"


@pytest.fixture(scope="module")
def model():
    return wb.load_model("digits-resnet")


@pytest.fixture(scope="module")
def images():
    return load("digits")[:1]


@pytest.fixture(scope="module")
def space():
    return Workspace()


@pytest.fixture(scope="module")
def sides(model, images, space):
    return side_by_side(model, SPLIT, images, 4, workspace=space)


@pytest.fixture(scope="module")
def features(model, images, space):
    return space.edge(space.split(model, SPLIT), images, repeats=1).tensors[0][0]


def test_every_codec_stands_there_or_is_left_out_with_why(sides):
    there = {side.codec for side in sides.sides}
    left_out = {name for name, _ in sides.left_out}
    assert there | left_out == {entry.name for entry in wb.codecs()}
    assert left_out == {"bottlenet", "hecs-b", "refae"}


def test_bytes_and_errors_are_those_of_the_codecs_themselves(sides, features):
    for label, codec in (
        ("uniform rans", wb.codec("uniform", bits=4, lossless="rans")),
        ("rans-csr exact", wb.codec("rans-csr", bits=4, rows="exact")),
        ("image png", wb.codec("image", format="png")),
        ("slicer", wb.codec("slicer", bits=(4,))),
    ):
        side = next(side for side in sides.sides if side.label == label)
        payload = codec.encode(features)
        assert side.payload_bytes == len(payload) == sum(part.nbytes for part in side.description.parts)
        assert side.relative_mse == metrics.relative_mse(features, wb.decode(payload))
    assert [side.payload_bytes for side in sides.sides] == sorted(side.payload_bytes for side in sides.sides)
    assert sides.raw_bytes == 4 * features.size == 32_768


def test_a_calibrated_codec_stands_beside_itself_uncalibrated(sides, features):
    by_label = {side.label: side for side in sides.sides}
    alone, calibrated = by_label["context uncalibrated"], by_label["context"]
    assert by_label["context mixing"].payload_bytes < calibrated.payload_bytes
    assert by_label["onebit mixing"].payload_bytes < by_label["onebit context"].payload_bytes
    assert alone.payload_bytes == len(wb.codec("context", bits=4).encode(features))
    assert alone.relative_mse == calibrated.relative_mse
    parts = [{part.name for part in side.description.parts if part.nbytes} for side in (alone, calibrated)]
    assert ["tables" in names for names in parts] == [True, False]
    assert "onebit uncalibrated" in by_label and "rans-csr uncalibrated" not in by_label


def test_the_answers_are_the_networks_own(sides, model, images):
    trial = wb.run(model, split=SPLIT, codec=wb.codec("raw"), images=images)
    assert sides.answer == trial.answers_before[0].best
    raw = next(side for side in sides.sides if side.label == "raw float32")
    assert raw.answer == sides.answer and raw.relative_mse == 0


def test_q_applies_where_it_applies(model, images, space):
    two = side_by_side(model, SPLIT, images, 2, workspace=space)
    bits = {side.label: side.settings.get("bits") for side in two.sides}
    assert bits["onebit none"] == bits["uniform none"] == bits["context"] == 2
    assert bits["slicer"] == (2,) and bits["image png"] is None


@pytest.mark.parametrize("bits", [0, 9, True, 4.0, "4"])
def test_q_out_of_range(model, images, bits):
    with pytest.raises(SettingError, match="whole number from 1 to 8"):
        side_by_side(model, SPLIT, images, bits)


def test_without_a_picture(model, images):
    with pytest.raises(InputError, match="at least one"):
        side_by_side(model, SPLIT, images[:0])


def test_cancel_is_heard_between_codecs(model, images, space):
    def stop(done, total, what):
        if what.startswith("coding with") and done == 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        side_by_side(model, SPLIT, images, workspace=space, progress=stop)


def test_a_codec_that_refuses_is_left_out_with_what_it_said(model, images, space, monkeypatch):
    from workbench.codecs.uniform import Uniform

    def refuse(self, features):
        raise InputError("not today")

    monkeypatch.setattr(Uniform, "encode", refuse)
    sides = side_by_side(model, SPLIT, images, workspace=space)
    assert ("uniform zip", "not today") in sides.left_out
    assert sides.find("uniform") is None and sides.find("context") is not None


def test_more_bits_cost_more_and_err_less(model, images, space):
    curves = rate_curves(model, SPLIT, images, workspace=space)
    lines = {line.label: line.points for line in curves.lines}
    assert set(lines) == {variant.label for variant in line_up_rates()[0]}
    for label in ("context", "context mixing", "rans-csr", "uniform", "uniform rans"):
        points = lines[label]
        assert [point.setting for point in points] == [f"Q = {bits}" for bits in range(1, 9)]
        assert all(np.diff([point.payload_bytes for point in points]) > 0)
        assert all(np.diff([point.relative_mse for point in points]) < 0)
    assert len(lines["onebit"]) == 2 and len(lines["image"]) == 7


def test_the_line_up_has_no_two_alike():
    variants = line_up()[0]
    assert len({variant.label for variant in variants}) == len(variants)
    built = [(repr(variant.at_bits(4)), variant.calibrated) for variant in variants]
    assert len(set(built)) == len(built)


def test_the_three_searches_and_real_bytes(features):
    found = entropy_curve(features, 4)
    curve = found.curve
    assert [search.name for search in found.searches] == ["algorithm1", "exhaustive", "exact"]
    assert found.search("algorithm1").rows == curve.algorithm1_rows
    assert found.search("exact").rows == found.search("exhaustive").rows == curve.exhaustive_rows
    assert all(search.seconds > 0 for search in found.searches)
    for point in curve.points:
        assert point.encoded_bytes > point.cost_bytes  # the bound is below every real payload
    best = min(curve.points, key=lambda point: point.encoded_bytes)
    assert best.encoded_bytes == len(wb.codec("rans-csr", rows=best.rows).encode(features))


def test_the_histogram_is_that_of_the_curve(features):
    curve = entropy_curve(features, 4).curve
    for rows in (1, 128, "exact", "algorithm1"):
        histogram = symbol_histogram(features, 4, rows)
        point = curve.at(histogram.rows)
        assert histogram.length == point.length
        assert histogram.entropy_bits == pytest.approx(point.entropy_bits, rel=1e-12)
        assert sum(histogram.values) == sum(histogram.columns) == point.nonzeros
        assert sum(histogram.row_counts) == histogram.rows


def test_a_histogram_by_hand():
    # symbols 0 0 3 | 0 1 0: v = 3 1, c = 2 1, r = 1 1
    histogram = symbol_histogram(np.float32([[0, 0, 3], [0, 1, 0]]), 2, 2)
    assert histogram.values == (0, 1, 0, 1)
    assert histogram.columns == (0, 1, 1)
    assert histogram.row_counts == (0, 2)
    assert histogram.entropy_bits == pytest.approx(-(4 / 6) * np.log2(4 / 6) - 2 * (1 / 6) * np.log2(1 / 6))


@pytest.mark.parametrize(
    ("rows", "said"), [(7, "nearest that do"), ("best", "one of algorithm1"), (2.0, "whole number")]
)
def test_rows_that_cannot_be(features, rows, said):
    with pytest.raises(SettingError, match=said):
        symbol_histogram(features, 4, rows)


def test_claims_are_those_of_the_record_and_of_the_present_choice(sides, features):
    recorded = claims()
    assert len(recorded) == 15
    assert {claim.holds for claim in recorded} == {True, False}
    here = claims_here(sides, entropy_curve(features, 4))
    ratio = (
        sides.find("rans-csr", rows="algorithm1").payload_bytes
        / sides.find("uniform", lossless="none").payload_bytes
    )
    assert here[0].numbers["ratio"] == ratio
    assert f"{SIZE_RATIO:.3g} ×" not in here[0].measured
    assert here[0].reported.startswith("90 KB at Q = 4")
    assert all(claim.place for claim in (*recorded, *here))
