"""The Training page without a browser: choose, press, read; in both directions."""

import html
import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.panels.training import training
from workbench.session.runner import AtOnce
from workbench.session.training import Training

_SPEC = importlib.util.spec_from_file_location(
    "training_fakes_page", Path(__file__).parents[1] / "session" / "training_fakes.py"
)
fakes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fakes)


@pytest.fixture
def work():
    return fakes.FakeTrainer()


@pytest.fixture
def page(work):
    session = Training(work, AtOnce())
    shown = training(session)
    session.load()
    return shown


def test_choosers_show_what_there_is_and_reach_the_session(page):
    choose, session = page.choose, page.session
    assert [key for _text, key in choose.split.options] == ["a", "b", "c"]
    assert (choose.split.value, choose.weights.value) == ("c", "trained weights")
    assert "what qcnet-h is" in choose.about.value
    choose.split.value = "a"
    choose.methods.value = ("refbase", "hecs-b")
    choose.numbers["seeds"].value = 3
    choose.labels.value = False
    assert (session.split, session.methods, session.seeds) == ("a", ("refbase", "hecs-b"), 3)
    assert session.labels is False
    session.methods, session.epochs = ("qcnet-h",), 5
    assert (choose.methods.value, choose.numbers["epochs"].value) == (("qcnet-h",), 5)


def test_the_teacher_is_chosen_and_says_what_it_makes_of_the_labels(page, work):
    choose, session = page.choose, page.session
    temperature = choose.numbers["temperature"]
    assert (choose.lesson.value, temperature.layout.display) == ("", "none")
    choose.numbers["copies"].value = 4
    choose.numbers["teacher"].value = 0.5
    temperature.value = 2.0
    assert "learns 50 % from the unsplit network" in choose.lesson.value
    assert (temperature.layout.display, choose.labels.disabled) == (None, False)
    choose.labels.value = False
    assert "Stage 1 alone" in choose.lesson.value
    choose.numbers["teacher"].value = 1
    assert "needs no labels" in choose.lesson.value and choose.labels.disabled
    choose.train.click()
    (wanted,) = work.asked
    assert (wanted.copies, wanted.teacher, wanted.temperature) == (4, 1.0, 2.0)
    assert page.kept.value.startswith(
        "Taught 100 % by the unsplit network at temperature 2, 4 varied copies of each picture.<br>Kept in"
    )
    session.teacher, session.copies = 0.25, 200
    assert (choose.numbers["teacher"].value, choose.numbers["copies"].value) == (0.25, 200)
    assert session.copies == 200  # more than a person is offered, and still what was asked for


def test_what_another_teacher_taught_is_marked_until_the_next_result(page):
    outdated = page.choose.outdated.layout
    page.choose.train.click()
    assert outdated.display == "none"
    page.choose.numbers["teacher"].value = 0.5
    assert outdated.display is None
    page.choose.train.click()
    assert outdated.display == "none"
    assert [row[0] for row in page.table.rows] == ["qcnet-h"]
    page.choose.numbers["epochs"].value += 1
    assert outdated.display is None


def test_nothing_trained_yet_says_what_to_do(page):
    assert page.loss.figure == {}
    assert "press Train" in page.loss.empty
    assert page.tiles["Accuracy"].text == ""


def test_train_draws_loss_accuracy_and_time(page):
    page.choose.methods.value = ("refbase", "qcnet-h")
    page.choose.numbers["seeds"].value = 2
    page.choose.train.click()
    held = [line for line in page.loss.figure["data"] if "learned" not in line["name"]]
    assert {line["name"]: line["y"] for line in held} == {
        "refbase, stage 1": [1.0, 0.5],
        "qcnet-h, stage 1": [1.0, 0.5],
    }
    before, after = page.accuracy.figure["data"]
    assert before["y"] == [0.8, 0.8]
    assert after["y"] == pytest.approx([0.91, 0.91])
    assert after["error_y"]["array"] == pytest.approx([0.0141, 0.0141], abs=1e-4)
    low, high = page.accuracy.figure["layout"]["yaxis"]["range"]
    assert 0 < low < 0.8
    assert high == 1.0
    board, server, _ = page.time.figure["data"]
    assert (board["x"], server["x"]) == ([1.0, 1.0], [2.0, 2.0])
    assert page.tiles["Accuracy"].text == "91.0 %"
    assert page.tiles["Payload"].text == "100 B"
    assert page.table.rows[0][0] == "refbase"
    page.choose.forget.click()
    assert page.accuracy.figure == page.time.figure == page.loss.figure == {}


def test_without_labels_there_is_time_but_no_accuracy(page):
    page.choose.labels.value = False
    page.choose.train.click()
    assert page.accuracy.figure == {}
    assert page.time.figure["data"]
    assert page.tiles["Accuracy"].text == ""


def test_records_are_shown_for_their_split_alone(page):
    recorded = page.recorded
    assert recorded.chart.figure["data"][1]["x"] == ["refae"]
    assert "Times: taken with other work running." in recorded.times.value
    assert "<code>workbench train &lt;c&gt;</code>" in recorded.times.value
    assert "ahead of &lt;b&gt;" in recorded.papers.text.value
    board, server, _ = recorded.time.figure["data"]
    assert (board["x"], server["x"]) == ([1.0], [2.0])
    page.choose.split.value = "a"
    assert (recorded.chart.figure, recorded.pick.value) == ({}, None)
    assert recorded.rest.layout.display == "none"
    page.choose.split.value = "c"
    assert recorded.rest.layout.display is None
    assert recorded.papers.box.layout.display is None


def test_every_record_can_be_looked_at(page):
    recorded = page.recorded
    assert list(recorded.pick.options) == [
        "digits-resnet at c",
        "own at d",
        "own at e",
    ]  # a search alone has no bars
    assert recorded.pick.value == "digits-resnet at c"
    recorded.pick.value = "own at d"
    assert page.session.record == "own at d"
    assert recorded.chart.figure["data"][1]["y"] == [0.8]
    assert recorded.papers.box.layout.display == "none"
    page.choose.split.value = "a"
    assert (page.session.record, recorded.chart.figure) == ("", {})
    page.session.record = "own at d"
    assert recorded.pick.value == "own at d"


def test_a_record_that_cannot_be_read_is_named_beside_those_that_can(work):
    work.damaged = ["training-<a>.json is no record of `workbench train`: model is missing"]
    session = Training(work, AtOnce())
    shown = training(session)
    assert shown.recorded.damaged.layout.display == "none"
    session.load()
    for view in (shown.recorded, shown.hecs):
        assert view.damaged.value.startswith("<b>training-&lt;a&gt;.json is no record")
        assert view.damaged.layout.display is None
    assert session.problem is None and session.points
    assert shown.recorded.chart.figure["data"] and shown.hecs.rate.figure["data"]


def test_hecs_is_shown_beside_others_with_its_commands(page):
    hecs, lasso = page.hecs.recovery.figure["data"]
    assert (hecs["x"], hecs["y"], lasso["y"]) == ([2, 4], [0.5, 0.25], [0.9, 0.8])
    assert [line["name"] for line in page.hecs.rate.figure["data"]] == ["hecs-b", "jpeg"]
    recovery, rate = page.hecs.tables
    assert recovery.rows[0][:2] == ["hecs", "2"] and rate.rows[1][0] == "jpeg"
    assert (
        "Error against m. Measured by<br><code>python -m &lt;recovery&gt;</code>" in page.hecs.commands.value
    )


def test_what_was_trained_says_where_it_is_kept_and_how_it_is_loaded(page):
    assert page.kept.value == ""
    page.choose.methods.value = ("qcnet-h", "hecs-b")
    page.choose.train.click()
    where, compensator, learned = page.kept.value.split("<br>")
    assert where.startswith("Kept in <code>/own</code>. The Fidelity app has each")
    assert html.unescape(compensator) == (
        "qcnet-h, seed 0: <code>wb.load_bundle('digits-resnet-c-qcnet-h-0')</code>"
    )
    assert html.unescape(learned) == (
        "hecs-b, seed 0: <code>wb.load_bundle('digits-resnet-c-hecs-b-0')</code>, "
        "<code>wb.codec('hecs-b', weights='/own/digits-resnet-c-hecs-b-0-codec.safetensors')</code>"
    )
    assert 'trained = wb.load_bundle("digits-resnet-c-qcnet-h-0")\n' in page.code.text
    page.choose.forget.click()
    assert page.kept.value == ""


def test_a_remark_on_a_training_is_seen_above_where_it_is_kept(page):
    page.choose.train.click()
    page.session.reached = (replace(page.session.reached[0], notes=("stage 1: the loss was <no> number",)),)
    remark, where, _ = page.kept.value.split("<br>")
    assert remark == "<b>qcnet-h, seed 0, note: stage 1: the loss was &lt;no&gt; number</b>"
    assert where.startswith("Kept in")


def test_a_tie_is_told_and_the_closer_features_win(page, work):
    close, far = fakes.reached("qcnet-h"), fakes.reached("refbase")
    far = replace(far, restored=replace(far.restored, relative_mse=0.3))
    page.session.reached = (far, close)
    page.session.summary = work.summarise((far, close))
    assert page.tiles["Best method"].text == "qcnet-h"
    assert "tied with refbase" in page.tiles["Best method"].below
    page.session.summary = work.summarise((far, close, fakes.reached("bottlenet")))
    assert "tied with 2 others" in page.tiles["Best method"].below


def test_a_control_is_never_the_best_method_while_there_is_another(page, work):
    control, method = fakes.reached("float-server", 0, 0.95), fakes.reached("qcnet-h")
    page.session.reached = (control, method)
    page.session.summary = work.summarise((control, method))
    assert (page.tiles["Best method"].text, page.tiles["Accuracy"].text) == ("qcnet-h", "90.0 %")
    assert page.tiles["Best method"].below == "highest accuracy"
    assert "no competitors: float-server." in page.controls.value
    tied = fakes.reached("float-server", 0, 0.9)
    page.session.summary = work.summarise((tied, method))
    assert page.tiles["Best method"].below == "highest accuracy"
    page.session.summary = work.summarise((control,))
    assert page.tiles["Best method"].text == "float-server"
    assert page.tiles["Best method"].below == "a control; no method yet"
    page.session.summary = work.summarise((method,))
    assert page.controls.value == ""


def test_controls_are_told_from_methods_in_the_list_and_in_records(page):
    assert [text for text, _name in page.choose.methods.options][2:] == ["hecs-b", "float-server (control)"]
    page.choose.methods.value = ("float-server",)
    assert page.session.methods == ("float-server",)
    recorded = page.recorded
    assert recorded.controls.value == ""
    recorded.pick.value = "own at e"
    assert recorded.chart.figure["data"][1]["x"] == ["qcnet-h", "float-server<br>(control)"]
    assert "no competitors: float-server." in recorded.controls.value


def test_search_shows_the_record_until_one_ran_here(page, work):
    line, marks = page.search.chart.figure["data"]
    assert (line["y"], marks["y"]) == ([0.7], [0.7, 0.6])
    assert "Recorded with the project" in page.search.hint.value
    assert "Times: taken in peace. Measured by<br><code>workbench train --search &lt;s&gt;</code>" in (
        page.search.hint.value
    )
    page.search.candidates.value = 3
    page.search.button.click()
    assert work.asked[-1][1] == 3
    assert page.search.chart.figure["data"][1]["y"] == [0.9, 0.9, 0.9]
    assert [row[1] for row in page.search.table.rows] == ["n=1", "n=2", "n=3"]
    assert "Tried here" in page.search.hint.value
    page.choose.split.value = "a"
    assert (page.search.chart.figure, page.search.hint.value) == ({}, "")
    page.session.candidates = 9
    assert page.search.candidates.value == 9


def test_an_error_of_a_search_is_on_the_page(page, work):
    work.error = "no space"
    page.search.button.click()
    assert "no space" in page.guard.notice.value
    assert not page.search.button.disabled


def test_an_error_is_on_the_page(page, work):
    work.error = "no <b>labels</b>"
    page.choose.train.click()
    assert "no &lt;b&gt;labels&lt;/b&gt;" in page.guard.notice.value
    work.error = None
    page.choose.train.click()
    assert page.guard.notice.value == ""
