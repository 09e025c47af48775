"""The saliency chart: what each panel says, and that it draws the record's own numbers."""

import dataclasses

import numpy as np
import pytest

from workbench.figures.saliency import MAX_SIDE, saliency_figure, saliency_panels, saliency_table
from workbench.panels.chart import plain_figure
from workbench.saliency_records import MapAgreement, SaliencyMap, SaliencyReport


def one(path, values, name="3", says="3", flat=False):
    return SaliencyMap(
        path, "grad-cam", 3, name, values, (2, 2), 0.25, 3 if says == name else 8, says, 0.5, flat
    )


@pytest.fixture
def report():
    ramp = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    picture = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    return SaliencyReport(
        "net", "trained", "cut", "onebit", {}, "qcnet-h", "grad-cam", "layer4", "channel-first",
        "digit 7", "3", picture, 99,
        {
            "unsplit": one("unsplit", ramp),
            "decoded": one("decoded", ramp[::-1], says="8"),
            "restored": one("restored", 0 * ramp, flat=True),
        },
        {
            "decoded": MapAgreement(-0.5, 0.125, 2.0),
            "restored": MapAgreement(None, None, None, ("the restored map is empty: nothing to compare",)),
        },
    )  # fmt: skip


def test_the_words_of_each_panel(report):
    unsplit, decoded, restored = saliency_panels(report)
    assert unsplit.title == "answers <b>3</b>, 50.0 %" and unsplit.below == "the one to compare with"
    assert decoded.title == "answers <b>8</b>, 50.0 %<br>3: 25.0 %"
    assert decoded.below == (
        "correlation <b>-0.50</b><br>top 20 % overlap <b>0.12</b> (IoU)<br>peak moved <b>2</b> pixels"
    )
    assert restored.below == "the restored map is empty<br>nothing to compare"
    assert (unsplit.peak, decoded.peak, restored.peak) == ((3, 2), (3, 0), None)


def test_the_maps_lie_over_the_picture_pixel_by_pixel(report):
    drawn = plain_figure(saliency_figure(report, 0.4))["data"]
    images = [trace for trace in drawn if trace["type"] == "image"]
    heats = {trace["name"]: trace for trace in drawn if trace["type"] == "heatmap"}
    assert len(images) == 4 and images[0]["source"].startswith("data:image/png;base64,")
    assert list(heats) == ["unsplit", "decoded", "restored"]
    assert np.allclose(heats["decoded"]["z"], report.maps["decoded"].values, atol=5e-4)
    assert list(heats["decoded"]["x"]) == [0, 1, 2, 3] and list(heats["decoded"]["y"]) == [0, 1, 2]
    assert {trace["opacity"] for trace in heats.values()} == {0.4}
    assert {(trace["zmin"], trace["zmax"]) for trace in heats.values()} == {(0, 1)}
    assert [trace["showscale"] for trace in heats.values()] == [False, False, True]
    assert [trace["xaxis"] for trace in heats.values()] == [trace["xaxis"] for trace in images[1:]]
    peaks = [(trace["x"], trace["y"]) for trace in drawn if trace["type"] == "scatter"]
    assert [(list(x), list(y)) for x, y in peaks] == [([3], [2]), ([3], [0])]


def test_the_slider_changes_the_maps_and_nothing_else(report):
    figure = saliency_figure(report, 0.4)
    (slider,) = figure.layout.sliders
    assert slider.steps[slider.active].args[0] == {"opacity": 0.4}
    assert [figure.data[at].type for at in slider.steps[0].args[1]] == ["heatmap"] * 3


def test_the_title_says_method_class_layer_and_agreement(report):
    assert saliency_figure(report).layout.title.text == (
        "Grad-CAM of <b>3</b> at layer4; correlation with unsplit: decoded -0.50"
    )
    eigen = dataclasses.replace(report, method="eigen-cam", agreement={})
    assert saliency_figure(eigen).layout.title.text == "Eigen-CAM at layer4; nothing to compare"


def test_a_large_map_is_drawn_by_means_at_the_right_places(report):
    large = np.zeros((226, 226), np.float32)
    large[:2, 2:4] = 1.0
    big = dataclasses.replace(
        report,
        picture=np.zeros((226, 226, 3), np.uint8),
        maps={"unsplit": one("unsplit", large)},
        agreement={},
    )
    (panel,) = saliency_panels(big)
    assert panel.step == 3 and max(panel.values.shape) == 75 <= MAX_SIDE
    assert panel.values[0, :2] == pytest.approx([2 / 9, 2 / 9])
    assert panel.values.sum() * 9 == pytest.approx(4.0)
    heat = next(trace for trace in saliency_figure(big).data if trace.type == "heatmap")
    assert list(heat.x[:2]) == [1, 4]


def test_the_table_has_full_numbers(report):
    table = saliency_table(report)
    by_path = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.values}
    assert by_path["decoded"]["pearson"] == -0.5 and by_path["decoded"]["answers"] == "8"
    assert by_path["restored"]["peak_row"] is None and by_path["unsplit"]["peak_column"] == 3
    assert table.rows[1][2] == "25.0 %"
    assert table.csv().splitlines()[0].startswith("path,class,probability,answers")
