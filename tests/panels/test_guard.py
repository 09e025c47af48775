"""No error of a callback is lost: it is on the page and in the log."""

import threading

import ipywidgets as widgets
import pytest

from workbench.errors import Cancelled, SettingError
from workbench.panels.guard import Guard


@pytest.fixture
def guard():
    return Guard()


def test_an_error_a_user_can_act_on_is_shown_in_its_own_words(guard):
    slider = widgets.IntSlider()

    def moved(change):
        raise SettingError(f"bits must be 1 to 8, not {change['new']}")

    slider.observe(guard(moved), "value")
    slider.value = 9
    assert guard.notice.kind == "error"
    assert guard.notice.text == "bits must be 1 to 8, not 9"
    assert "bits must be 1 to 8, not 9" in guard.notice.value
    assert guard.notice.layout.display is None
    assert "SettingError: bits must be 1 to 8" in guard.log.value


def test_a_bug_says_so_and_leaves_its_traceback_in_the_log(guard):
    def broken():
        return {}["missing"]

    assert guard(broken)() is None
    assert guard.notice.value.count("Bug") == 1
    assert "KeyError: &#x27;missing&#x27;" in guard.notice.value
    assert "in broken" in guard.log.lines[0][2]


def test_the_line_goes_when_the_same_callback_succeeds_and_stays_for_others(guard):
    fails = [True]

    def sometimes():
        if fails[0]:
            raise SettingError("no")

    sometimes_guarded, other = guard(sometimes), guard(lambda: 1)
    sometimes_guarded()
    assert other() == 1
    assert guard.notice.text == "no"
    fails[0] = False
    sometimes_guarded()
    assert guard.notice.text == ""
    assert guard.notice.layout.display == "none"
    assert "no" in guard.log.lines[0][2]


def test_cancelled_is_a_note_and_no_error(guard):
    with guard:
        raise Cancelled("stopped after 3 of 8")
    assert (guard.notice.kind, guard.notice.text) == ("note", "stopped after 3 of 8")


def test_it_works_at_the_top_of_a_thread(guard):
    def work():
        with guard:
            raise SettingError("from a thread")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert guard.notice.text == "from a thread"


def test_markup_in_a_message_is_text(guard):
    with guard:
        raise SettingError("<script>alert(1)</script>")
    assert "<script>" not in guard.notice.value + guard.log.value


def test_stopping_the_kernel_is_not_swallowed(guard):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guard(interrupted)()
    with pytest.raises(KeyboardInterrupt), guard:
        raise KeyboardInterrupt


def test_a_folded_log_sends_nothing_and_is_complete_when_unfolded(guard):
    guard.log.layout.display = "none"
    before = guard.log.value
    guard.log.add("encoded in 2 ms")
    assert guard.log.value == before
    guard.log.layout.display = None
    assert "encoded in 2 ms" in guard.log.value


def test_the_log_keeps_the_newest_lines(guard):
    for number in range(guard.log.limit + 5):
        guard.log.add(f"line {number}")
    assert len(guard.log.lines) == guard.log.limit
    assert guard.log.lines[0][2] == f"line {guard.log.limit + 4}"
