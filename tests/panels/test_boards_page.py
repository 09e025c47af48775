"""The Boards page without a browser: choose, press, read; in both directions."""

import importlib.util
from pathlib import Path

import pytest

from workbench.errors import LinkCutError
from workbench.panels.boards import boards
from workbench.session.boards import Boards
from workbench.session.runner import AtOnce

_SPEC = importlib.util.spec_from_file_location(
    "board_fakes_page", Path(__file__).parents[1] / "session" / "board_fakes.py"
)
fakes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fakes)


@pytest.fixture
def work():
    return fakes.FakeBench()


@pytest.fixture
def page(work):
    session = Boards(work, AtOnce())
    shown = boards(session)
    session.load()
    return shown


def test_choosers_show_what_there_is(page):
    choose = page.choose
    assert [key for _text, key in choose.boards.options] == ["local", "pi5"]
    assert choose.boards.value == ("local",)
    assert [key for _text, key in choose.splits.options] == ["a", "b", "c"]
    assert choose.splits.value == ("b",)
    assert choose.weights.value == "trained weights"


def test_choosing_on_the_page_reaches_the_session_and_back(page):
    choose, session = page.choose, page.session
    choose.boards.value = ("local", "pi5")
    choose.splits.value = ("a", "c")
    choose.codecs.value = ("raw",)
    choose.runs.value = 12
    choose.mode.value = "chain"
    choose.baselines.value = False
    assert (session.boards, session.splits, session.codecs) == (("local", "pi5"), ("a", "c"), ("raw",))
    assert (session.runs, session.mode, session.baselines) == (12, "chain", False)
    session.splits, session.runs = ("b",), 33
    assert (choose.splits.value, choose.runs.value) == (("b",), 33)
    assert len(choose.settings.children) == 1
    assert (choose.splits_hint.value, choose.codecs_hint.value) == ("b", "raw")
    session.splits = ()
    assert "none chosen" in choose.splits_hint.value
    choose.settings.children[0].value = "float16"
    assert session.settings == {"dtype": "float16"}


def test_any_network_can_be_named(page):
    page.choose.typed.value = "other"
    assert page.session.network == "other"
    assert [key for _text, key in page.choose.splits.options] == ["c", "d", "e"]
    assert page.choose.network.value == "other"


def test_nothing_measured_yet_says_what_to_do(page):
    assert page.stages.figure == {}
    assert "press Measure" in page.stages.empty
    assert page.tiles["Whole way"].text == ""


def test_measure_fills_every_view(page):
    page.choose.measure.click()
    assert page.tiles["Edge part"].text == "10.0 ms"
    assert page.tiles["Payload"].text == "4,000 B"
    assert page.tiles["On the wire"].text == "3.00 ms"
    assert page.tiles["Whole way"].text == "16.5 ms"
    assert page.tiles["Warmest"].text == "70.0 °C"
    assert [stage["key"] for stage in page.strip.stages] == ["edge", "encode", "wire", "decode", "server"]
    assert page.stages.figure["data"] and page.spread.figure["data"] and page.live.figure["data"]
    assert len(page.table.rows) == 3
    assert "same_bytes_as_here" in page.remarks.value
    assert page.choose.progress.layout.display == "none"


def test_what_a_board_says_is_escaped(page):
    page.choose.measure.click()
    assert "<b>Pi</b>" not in page.remarks.value
    assert "&lt;b&gt;Pi&lt;/b&gt;" in page.remarks.value


def test_error_stands_on_the_page_and_goes_with_the_next_success(page, work):
    work.error = LinkCutError("pi5: the connection broke")
    page.choose.measure.click()
    assert "the connection broke" in page.guard.notice.text
    work.error = None
    page.choose.measure.click()
    assert page.guard.notice.text == ""


def test_failures_beside_results_are_said(page, work):
    work.failures = {"pi5": "pi5: does not answer"}
    page.choose.measure.click()
    assert "does not answer" in page.guard.notice.text
    assert page.tiles["Edge part"].text


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"kind": "emulated"}, "emulated: not a board's times"),
        ({"weights": "random"}, "random weights"),
        ({"hot": range(2, 21)}, "not usable: see Context"),
        ({"cancelled": True}, "stopped early"),
    ],
)
def test_what_spoils_a_number_stands_at_the_number(page, changes, warning):
    page.session.trials = (fakes.trial(**changes),)
    assert page.tiles["Edge part"].below == warning


def test_look_at_a_board(page):
    page.choose.boards.value = ("pi5",)
    page.choose.check.click()
    assert page.choose.board_hint.value == "pi5: fine"


def test_earlier_and_clear(page):
    page.choose.earlier.click()
    assert "pi5: earlier, raw" in str(page.stages.figure)
    page.choose.forget.click()
    assert page.stages.figure == {} and page.tiles["Payload"].text == ""


def test_links_are_compared(page):
    assert page.links.figure == {} and list(page.choose.link.options) == ["wifi-54", "ble5"]
    page.choose.earlier.click()
    before = page.links.figure
    assert "pi5: earlier, raw<br>on wifi-54" in before["data"][1]["y"]
    page.choose.link.value = "ble5"
    assert page.session.link == "ble5"
    after = page.links.figure
    assert "pi5: earlier, raw<br>on ble5" in after["data"][1]["y"]
    assert after["data"][1]["x"][0] == before["data"][1]["x"][0] == 3.0
    assert after["data"][1]["x"][1] > 10 * before["data"][1]["x"][1]
    assert [row[6] for row in page.links_table.rows] == ["split", "all-server"]
    page.session.link = "wifi-54"
    assert page.choose.link.value == "wifi-54"


def test_code_and_log_follow(page):
    page.choose.codecs.value = ("uniform",)
    assert "wb.codec('uniform')" in page.code.text
    page.choose.measure.click()
    assert page.guard.log.lines[0][2].startswith("measuring")
