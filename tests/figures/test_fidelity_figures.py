"""Fidelity drawn from records made by hand: what is on the charts and in the tables is worked out here."""

import base64
import importlib.util
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.figures import fidelity, fidelity_maps, fidelity_space
from workbench.figures import fidelity_distributions as distributions
from workbench.figures.palette import CLASSES, VERSIONS
from workbench.panels.chart import plain_figure

_SPEC = importlib.util.spec_from_file_location(
    "fidelity_fakes_figures", Path(__file__).parents[1] / "session" / "fidelity_fakes.py"
)
fakes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fakes)
report, space, channel_maps = fakes.report_of, fakes.space, fakes.channel_maps


def traces(figure):
    return {trace["name"]: trace for trace in plain_figure(figure)["data"]}


def test_each_metric_has_its_number_and_its_range_on_each_path():
    lines = {line.metric: line for line in fidelity.summary_lines(report())}
    assert list(lines) == ["mse", "psnr", "cosine", "ssim", "cka", "agreement", "agreement_top5", "accuracy"]
    assert lines["ssim"].paths["decoded"] == pytest.approx((0.25, 0.1, 0.3))
    assert lines["ssim"].paths["restored"] == pytest.approx((0.85, 0.7, 0.9))
    assert lines["cka"].paths["restored"] == (0.5, None, None)
    assert lines["accuracy"].paths["decoded"] == (0.5, 0.25, 0.625)
    assert (lines["accuracy"].perfect, lines["psnr"].perfect, lines["mse"].perfect) == (1.0, math.inf, 0.0)


def test_the_table_to_read_has_a_column_each_path():
    table = fidelity.summary_table(report())
    assert table.columns == ("metric", "nothing lost", "decoded", "restored", "what it says")
    rows = {row[0]: row for row in table.rows}
    assert rows["SSIM"][1:4] == ("1", "0.250 (0.100 to 0.300)", "0.850 (0.700 to 0.900)")
    assert rows["same answer (top 1)"][2] == "50.0 % (25.0 % to 62.5 %)"
    assert rows["PSNR"][1:3] == ("∞ dB", "∞ dB (10 dB to 30 dB)")
    assert fidelity.summary_table(report(restored=False)).columns[2:] == ("decoded", "what it says")


def test_the_csv_has_a_row_each_metric_and_path_with_full_numbers():
    lines = fidelity.fidelity_table(report()).csv().splitlines()
    assert lines[0] == "metric,path,value,low,high,unit,samples,unsplit"
    assert "ssim,restored,0.85,0.7,0.9,,4,1.0" in lines
    assert "cka,decoded,0.75,,,,4,1.0" in lines
    assert len(lines) == 1 + 2 * 8


def test_the_summary_chart_draws_what_has_a_best_value_of_one():
    drawn = traces(fidelity.summary_figure(report()))
    names = [
        "cosine similarity",
        "SSIM",
        "linear CKA",
        "same answer (top 1)",
        "answer among the top 5",
        "accuracy",
    ]
    assert drawn["decoded"]["y"] == names
    assert drawn["decoded"]["x"] == pytest.approx([0.65, 0.25, 0.75, 0.5, 1.0, 0.5])
    assert drawn["restored"]["error_x"]["array"][1] == pytest.approx(0.05)
    assert drawn["unsplit network"]["x"] == [1.0]
    assert (
        "50.0 % decoded and 75.0 % restored, 4 samples of digits"
        in fidelity.summary_figure(report()).layout.title.text
    )
    assert "restored" not in traces(fidelity.summary_figure(report(restored=False)))


def test_a_distribution_counts_both_paths_over_the_same_bins():
    bars = distributions.distribution_bars(report(), "ssim")
    assert (bars.edges[0], bars.edges[-1], bars.log) == (0.1, 1.0, False)
    assert sum(bars.counts["decoded"]) == sum(bars.counts["restored"]) == 4
    assert bars.counts["decoded"][0] == 2 and bars.counts["restored"][-1] == 2
    assert bars.means == pytest.approx({"decoded": 0.25, "restored": 0.85})
    drawn = traces(distributions.distribution_figure(report(), "ssim"))
    assert drawn["original against decoded"]["y"] == list(bars.counts["decoded"])
    assert drawn["original against restored"]["marker"]["color"] == VERSIONS["restored"]


def test_what_spans_decades_gets_a_log_axis_and_what_is_infinite_is_left_out_and_said():
    assert distributions.distribution_bars(report(), "mse").log
    figure = distributions.distribution_figure(report(), "mse")
    assert {"1", "10"} <= set(figure.layout.xaxis.ticktext)
    bars = distributions.distribution_bars(report(), "psnr")
    assert bars.left_out == {"decoded": 1, "restored": 1} and sum(bars.counts["decoded"]) == 3
    told = [one.text for one in distributions.distribution_figure(report(), "psnr").layout.annotations]
    assert told == ["left out: 1 decoded, 1 restored (without any error, infinite)"]


def test_histograms_of_maps_are_joined_to_what_a_page_can_show():
    bars = distributions.distribution_bars(report(), "ssim/channel map")
    assert bars.per == "channel map" and len(bars.counts["decoded"]) <= distributions.MAX_BINS
    assert sum(bars.counts["decoded"]) == 65 and bars.left_out["decoded"] == 2
    assert (bars.edges[0], bars.edges[-1]) == pytest.approx((0.5, 1.0))


def test_measures_begin_with_those_of_figure_13_and_an_unknown_one_gives_the_first():
    assert [key for key, _ in distributions.measures(report())] == [
        "ssim", "cosine", "mse", "psnr", "ssim/channel map",
    ]  # fmt: skip
    assert distributions.distribution_bars(report(), "gone").metric == "ssim"


def test_constant_and_single_values_are_one_bar():
    path = fakes.path_fidelity("decoded", [1.0], [1.0], 1)
    path.distributions["ssim"] = fakes.distribution("ssim", [1.0])
    bars = distributions.distribution_bars(report(paths=(path,), samples=1), "ssim")
    assert sorted(bars.counts["decoded"])[-2:] == [0, 1]


def test_every_sample_is_in_every_panel_under_its_own_number():
    figure = fidelity_space.space_figure(space())
    for axis in ("x", "x2", "x3"):
        numbers = sorted(number for one in figure.data if one.xaxis == axis for number in one.customdata)
        assert numbers == list(range(6))
    assert [one.name for one in figure.data if one.showlegend] == ["0", "1", "2"]
    second = next(one for one in figure.data if one.xaxis == "x2" and one.name == "1")
    assert second.x == (4.0, 16.0) and second.y == (6.0, 18.0)
    assert figure.layout.dragmode == "select"


def test_the_numbers_of_each_panel_stand_above_it():
    words = [note.text for note in fidelity_space.space_figure(space()).layout.annotations]
    assert words[0] == "<b>original</b><br>trustworthiness 0.900<br>80% of neighbours have the class"
    assert words[2].startswith("<b>restored</b><br>trustworthiness 0.700<br>50% of 3 neighbours kept")


def test_classes_are_told_apart_by_colour_and_symbol():
    known = fidelity_space.looks(space(50, tuple(str(at) for at in range(50))))
    assert len({(look.colour, look.symbol) for look in known.values()}) == 50
    assert known[7].colour == CLASSES[7] and known[3].symbol != known[7].symbol
    assert fidelity_space.looks(space(classes=()))[-1].name == "no class"


def test_the_sprite_holds_every_picture_at_its_place():
    sheet = fidelity_space.sprite(space(30))
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet.src.partition(",")[2]))))
    assert image.shape == (64, 25 * 32, 3) and (sheet.size, sheet.columns) == (32, 25)
    assert image[32 + 5, 4 * 32 + 5, 0] == 29
    assert len(json.dumps(sheet)) < 4000


def test_the_selection_is_said_by_class():
    assert fidelity_space.selection_words(space(), [0, 3, 1, 99, "x"]) == "3 selected: 2 × 0, 1 × 1"
    assert fidelity_space.selection_words(space(), []) == ""


def test_the_grid_has_a_row_each_path_and_difference_on_the_scale_of_the_channel():
    grid = fidelity_maps.channel_grid(channel_maps())
    assert grid.rows == ("original", "decoded", "restored", "decoded − original", "restored − original")
    assert grid.channels == (12, 11, 10) and grid.averaged == 1
    assert [float(tile.max()) for tile in grid.tiles[0]] == [1.0, 1.0, 1.0]
    assert float(grid.tiles[4][2, 3, 3]) == pytest.approx(-0.1)
    whole = fidelity_maps.channel_grid(channel_maps(), scale="sample")
    assert [float(tile.max()) for tile in whole.tiles[0]] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert grid.collapsed == {"decoded": (True, False, False), "restored": (False, False, False)}


def test_the_grid_draws_maps_and_differences_and_frames_what_collapsed():
    figure = fidelity_maps.channel_figure(channel_maps())
    drawn = traces(figure)
    assert figure.layout.height == 130 + 76 * 5
    assert list(drawn) == ["original", "decoded", "restored", "decoded − original", "restored − original"]
    original, restored = (
        np.array(drawn[name]["z"], dtype=float) for name in ("original", "restored − original")
    )
    assert original.shape == (4, 14) and np.isfinite(original).sum() == 3 * 16
    assert restored[0, 10] == pytest.approx(0.0) and restored[3, 13] == pytest.approx(-0.1)
    assert drawn["decoded"]["y"] == [5, 6, 7, 8] and drawn["decoded"]["customdata"][0][5] == 11
    assert len(figure.layout.shapes) == 1
    assert "collapsed to one value: 1 decoded, 0 restored" in figure.layout.title.text
    assert figure.layout.xaxis.ticktext[0].endswith("one value</span>")


def test_large_maps_are_averaged_and_a_vector_is_drawn():
    grid = fidelity_maps.channel_grid(channel_maps(side=57))
    assert grid.averaged == 2 and grid.tiles[0].shape == (3, 29, 29)
    assert float(grid.tiles[0].mean()) == pytest.approx(0.5, abs=0.01)
    assert fidelity_maps.channel_figure(channel_maps(side=1)).data[0].name == "original"


def test_only_the_window_of_channels_is_drawn():
    grid = fidelity_maps.channel_grid(channel_maps(channels=30), first=24, count=12)
    assert grid.channels == (15, 14, 13, 12, 11, 10)
    assert fidelity_maps.channel_grid(channel_maps(), first=99).channels == (10,)


def test_the_errors_of_all_channels_are_one_line_each_path():
    drawn = traces(fidelity_maps.channel_error_figure(channel_maps(), 0, 2))
    assert drawn["decoded"]["customdata"] == [0, 1, 2]
    assert drawn["decoded"]["marker"]["symbol"] == ["x", "circle", "circle"]
    assert drawn["restored"]["y"][2] == pytest.approx(9 * drawn["restored"]["y"][0])
    table = fidelity_maps.channel_table(channel_maps())
    assert table.columns == (
        "channel", "decoded_mse", "restored_mse", "decoded_collapsed", "restored_collapsed",
    )  # fmt: skip
    assert table.values[0][0] == 12 and table.values[0][3] is True
