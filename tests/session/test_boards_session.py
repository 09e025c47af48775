"""The Boards session: what is chosen, what comes in, what Cancel and errors leave behind."""

import importlib.util
import threading
from pathlib import Path

import pytest

from workbench.errors import Cancelled, LinkCutError, SettingError
from workbench.session.boards import Boards
from workbench.session.runner import AtOnce, Threads

_SPEC = importlib.util.spec_from_file_location("board_fakes", Path(__file__).parent / "board_fakes.py")
fakes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fakes)


@pytest.fixture
def work():
    return fakes.FakeBench()


@pytest.fixture
def session(work):
    session = Boards(work, AtOnce())
    session.load()
    return session


def test_load_fills_the_choosers(session):
    assert [place.name for place in session.places] == ["local", "pi5"]
    assert [point.name for point in session.points] == ["a", "b", "c"]
    assert session.splits == ("b",)
    assert session.weights == "trained"
    assert not session.busy and session.problem is None


def test_another_network_forgets_splits_that_it_does_not_have(session):
    session.splits = ("a", "c")
    session.network = "other"
    assert session.splits == ("c",)


def test_measure_asks_for_what_is_chosen(session, work):
    session.boards, session.splits, session.codecs = ("local", "pi5"), ("a", "c"), ("raw",)
    session.set_setting("dtype", "float16")
    session.runs, session.mode, session.precision, session.baselines = 7, "chain", "fp16", False
    session.measure()
    wanted = work.asked[-1]
    assert (wanted.boards, wanted.splits, wanted.codecs) == (("local", "pi5"), ("a", "c"), ("raw",))
    assert (wanted.settings, wanted.runs, wanted.modes) == ({"dtype": "float16"}, 7, ("chain",))
    assert (wanted.precision, wanted.baselines) == ("fp16", False)
    assert [trial.board for trial in session.trials] == ["local", "pi5"]
    assert session.problem is None and not session.busy and session.progress is None


def test_rows_come_in_live(session):
    session.measure()
    board, way, mode, rows, samples = session.live[0]
    assert (board, way, mode) == ("local", "split", "chain")
    assert (len(rows), len(samples)) == (6, 6)


def test_trials_add_up_until_they_are_forgotten(session):
    session.measure()
    session.measure()
    assert len(session.trials) == 2
    assert session.latest() is session.trials[-1]
    session.forget()
    assert session.latest() is None


def test_earlier_trials_come_first_and_once(session):
    session.measure()
    session.recall()
    session.recall()
    assert [trial.split for trial in session.trials] == ["earlier", "b"]


def test_what_was_measured_stands_beside_what_a_link_predicts(session):
    assert session.compared == ()
    session.measure()
    assert [(one.way, one.link, one.sent_bytes) for one in session.compared] == [
        ("split", "wifi-54", 4000), ("all-server", "wifi-54", 9000),
    ]  # fmt: skip
    before = [one.predicted_s for one in session.compared]
    session.link = "ble5"
    assert [one.link for one in session.compared] == ["ble5", "ble5"]
    assert all(one.predicted_s > 10 * was for one, was in zip(session.compared, before, strict=True))
    session.recall()
    assert [one.trial.split for one in session.compared] == ["earlier", "earlier", "b", "b"]
    assert "wb.link('ble5')" in session.code
    session.forget()
    assert session.compared == ()


def test_another_choice_of_codecs_forgets_the_settings(session):
    session.codecs = ("raw",)
    session.set_setting("dtype", "float16")
    assert [field.name for field in session.fields()] == ["dtype"]
    session.codecs = ("raw", "uniform")
    assert session.settings == {}
    assert session.fields() == ()


@pytest.mark.parametrize("name", ["boards", "splits", "codecs"])
def test_nothing_chosen_is_said(session, work, name):
    setattr(session, name, ())
    session.measure()
    assert isinstance(session.problem.error, SettingError)
    assert name in str(session.problem.error)
    assert work.asked == []


def test_failure_is_the_problem_and_the_next_measurement_works(session, work):
    work.error = LinkCutError("pi5: the connection broke")
    session.measure()
    assert session.problem.error is work.error
    assert not session.problem.bug and not session.busy
    work.error = None
    session.measure()
    assert session.problem is None and len(session.trials) == 1


def test_a_board_that_fails_beside_others_is_told(session, work):
    work.failures = {"pi5": "pi5: does not answer"}
    session.measure()
    assert session.failures == work.failures
    assert len(session.trials) == 1


def test_check_says_what_the_board_is(session):
    session.check("pi5")
    assert session.said == "pi5: fine"


def test_cancel_keeps_what_was_measured(work):
    runner = Threads()
    session = Boards(work, runner)
    session.load()
    assert runner.join(60)
    work.wait = threading.Event()
    session.measure()
    assert work.began.wait(60)
    session.measure()
    assert "is running" in str(session.problem.error)
    session.cancel()
    work.wait.set()
    assert runner.join(60)
    assert isinstance(session.problem.error, Cancelled)
    assert [trial.cancelled for trial in session.trials] == [True]
    assert not session.busy


def test_another_network_while_one_is_loaded_takes_its_place(work):
    runner = Threads()
    session = Boards(work, runner)
    work.hold = threading.Event()
    session.load()
    session.network = "other"
    work.hold.set()
    assert runner.join(60)
    assert [point.name for point in session.points] == ["c", "d", "e"]
    assert session.problem is None and not session.busy


def test_another_network_during_a_measurement_waits_and_spoils_nothing(work):
    runner = Threads()
    session = Boards(work, runner)
    session.load()
    assert runner.join(60)
    work.wait = threading.Event()
    session.measure()
    assert work.began.wait(60)
    session.network = "other"
    assert session.busy and session.points == () and work.loaded == ["digits-resnet"]
    work.wait.set()
    assert runner.join(60) and runner.join(60)  # the measurement, then what it kept waiting
    assert [wanted.network for wanted in work.asked] == ["digits-resnet"]
    assert len(session.trials) == 1
    assert [point.name for point in session.points] == ["c", "d", "e"]
    assert session.problem is None and not session.busy


def test_cancel_frees_the_page_while_a_network_is_loaded(work):
    runner = Threads()
    session = Boards(work, runner)
    work.hold = threading.Event()
    session.load()
    session.cancel()
    assert isinstance(session.problem.error, Cancelled) and not session.busy
    work.hold.set()
    assert runner.join(60)
    assert session.points == () and session.line is None
    session.load()
    assert runner.join(60)
    assert len(session.points) == 3 and session.problem is None


def test_code_gives_the_same(session):
    session.codecs = ("raw",)
    session.set_setting("dtype", "float16")
    compile(session.code, "cell", "exec")
    assert "measure_series(" in session.code
    assert "wb.codec('raw', dtype='float16')" in session.code
    assert "['b']" in session.code
