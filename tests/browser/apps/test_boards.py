"""The Boards app as a person uses it: measure on this machine, look at every view, cancel, an error."""

import csv
import io

import pytest
from app_page import AppPage


class Boards(AppPage):
    """A page of the app; ready when the network is known and nothing runs."""

    TABS = {"Live": "live", "Stages": "stages", "Spread": "spread", "Links": "links"}  # noqa: RUF012
    READY = """() => document.querySelectorAll('.wb-tile').length === 5
        && [...document.querySelectorAll('.wb-choose button')].some(
            one => one.innerText.trim() === 'Measure' && !one.disabled)
        && document.querySelectorAll('.wb-choose select option').length > 10"""


@pytest.fixture(scope="module")
def address(served):
    return served.app("boards")


@pytest.fixture
def boards(page, charts):
    return Boards(page, charts)


def test_measure_and_every_view(boards):
    boards.choose("splits", "layer3")
    boards.choose("codecs", "uniform")
    boards.enter("runs", 40)
    boards.press("Measure")
    boards.page.wait_for_function(
        "() => !document.querySelector('[data-tile=\"Whole way\"] .wb-value').innerText.startsWith('–')",
    )
    boards.settle()
    assert boards.tile("Edge part").split()[-1] in ("µs", "ms")
    assert boards.tile("Payload").endswith("B")
    live = boards.open("Live")
    runs = [trace for trace in live if trace["name"].endswith(("burst", "chain"))]
    assert [len(trace["x"]) for trace in runs] == [40] * 4
    stages = boards.open("Stages")
    assert [trace["name"] for trace in stages[:5]] == ["edge", "encode", "wire", "decode", "server"]
    assert "local (this machine): layer3, uniform" in stages[0]["y"]
    assert all(value > 0 for value in [trace["x"][0] for trace in stages[:5]])
    assert len(boards.open("Spread")) >= 4
    compared = boards.open("Links")
    assert "local (this machine): layer3, uniform<br>on wifi-54" in compared[1]["y"]
    boards.choose("link", "ble5")
    boards.page.wait_for_function(
        "() => document.querySelector('.wb-chart[data-chart=links]').drawn()[1].y[1].endsWith('on ble5')"
    )
    slower = boards.open("Links")
    assert slower[1]["x"][0] == compared[1]["x"][0] and slower[1]["x"][1] > 10 * compared[1]["x"][1]
    boards.page.get_by_role("tab", name="Context", exact=True).click()
    assert "same_bytes_as_here" in boards.page.locator(".wb-context").first.inner_text()


def test_cancel_keeps_what_was_measured(boards):
    boards.choose("splits", "layer2")
    boards.choose("codecs", "raw")
    boards.chooser("mode").select_option("chain")
    boards.enter("runs", 100_000)
    before = boards.open("Stages")[0]["y"]
    boards.open("Live")
    boards.press("Measure")
    boards.page.wait_for_function(
        """() => [...document.querySelectorAll('.wb-progress')].some(one =>
        / · [1-9][0-9]* of 100000/.test(one.innerText) && one.innerText.includes('chain'))""",
    )
    boards.press("Cancel")
    boards.page.locator(".wb-notice", has_text="Stopped").filter(visible=True).wait_for()
    boards.settle()
    assert len(boards.open("Stages")[0]["y"]) == len(before) + 1


def test_the_table_is_saved_and_earlier_trials_come_back(boards):
    bars = len(boards.open("Stages")[0]["y"])
    table = boards.page.locator("[data-table=boards]")
    table.locator("summary").click()
    with boards.page.expect_download() as download:
        table.get_by_role("button", name="Save as CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert {(row["way"], row["mode"]) for row in rows} >= {
        ("split", "burst"), ("split", "chain"), ("all-board", "chain"), ("all-server", "chain"),
    }  # fmt: skip
    assert all(float(row["total_s"]) > 0 for row in rows)
    boards.press("Clear")
    boards.page.locator(".wb-chart[data-chart=stages][data-state=empty]").wait_for(state="attached")
    boards.press("Show earlier")
    assert len(boards.open("Stages")[0]["y"]) == bars


def test_nothing_chosen_is_said_on_the_page(boards):
    boards.choose("codecs")
    boards.press("Measure")
    boards.page.locator(".wb-notice", has_text="choose at least one of: codecs").wait_for()
    boards.choose("codecs", "raw")
    boards.press("Look at it")
    boards.page.locator(".wb-choose", has_text="onnxruntime 1.").wait_for()
    boards.settle()
