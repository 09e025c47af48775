"""What the screen's benchmark says of its numbers; the measuring itself needs a browser and minutes."""

import json

import pytest

from workbench.bench.screen import browsing
from workbench.bench.ui import Measure, cut_line, measured, write_record
from workbench.errors import WorkbenchError


def test_the_median_stands_for_the_repeats_and_all_of_them_are_kept():
    line = measured("slider", [0.3, 0.1, 0.2], "s", 0.15, "digits-resnet")
    assert (line.value, line.repeats, line.met) == (0.2, (0.3, 0.1, 0.2), False)


@pytest.mark.parametrize(("value", "goal", "met"), [(0.1, 0.1, True), (0.11, 0.1, False), (0.1, None, None)])
def test_a_goal_is_met_reached_or_absent(value, goal, met):
    assert Measure("x", value, "s", goal, (value,)).met is met


def test_the_record_is_json_in_a_folder_that_is_made(tmp_path):
    path = write_record({"what": "ü", "measures": []}, tmp_path / "new" / "results")
    assert path.name == "bench_ui.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {"what": "ü", "measures": []}


def test_without_a_browser_it_says_how_to_get_one(monkeypatch):
    monkeypatch.setenv("WORKBENCH_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(WorkbenchError, match="install Debian's chromium"), browsing():
        pass


def test_the_slowest_network_stands_for_cutting_and_every_one_tells_its_forward_pass():
    rows = [["light", 19, 0.25, 0.5, 0.04], ["heavy", 30, 1.5, 6.25, 2.5]]
    line = cut_line("cutting", rows)
    assert (line.value, line.met, line.repeats) == (6.25, False, (0.5, 6.25))
    assert line.note == (
        "slowest of 2: heavy, 30 cuts; light 0.50 s (listing 0.25 s, one forward pass 0.04 s), "
        "heavy 6.25 s (listing 1.50 s, one forward pass 2.50 s)"
    )
