"""One job at a time, the newest wins, Cancel works at once, and nothing speaks too often."""

import threading
import time

import pytest

from workbench.errors import Cancelled
from workbench.session.runner import MESSAGES_PER_S, AtOnce, Threads


def test_the_newest_job_wins_and_an_old_result_is_dropped():
    runner = Threads()
    begun, go_on = threading.Event(), threading.Event()
    results, ended = [], []

    def slow(ticket):
        begun.set()
        go_on.wait(60)
        ended.append(ticket.deliver(lambda: results.append("old")))

    runner.start(slow, lambda progress: None)
    assert begun.wait(60)
    runner.start(lambda ticket: ticket.deliver(lambda: results.append("new")), lambda progress: None)
    go_on.set()
    assert runner.join(60)
    assert results == ["new"]
    assert ended == [False]


def test_jobs_between_the_first_and_the_newest_never_run():
    runner = Threads()
    begun, go_on = threading.Event(), threading.Event()
    ran = []

    def first(ticket):
        begun.set()
        go_on.wait(60)

    runner.start(first, lambda progress: None)
    assert begun.wait(60)
    for number in range(20):
        runner.start(lambda ticket, number=number: ran.append(number), lambda progress: None)
    go_on.set()
    assert runner.join(60)
    assert ran == [19]


def test_progress_raises_once_stopped():
    runner = Threads()
    begun = threading.Event()
    ended = []

    def endless(ticket):
        begun.set()
        try:
            while True:
                ticket(0, 1, "endless")
                time.sleep(0.001)
        except Cancelled:
            ended.append(True)

    runner.start(endless, lambda progress: None)
    assert begun.wait(60)
    runner.stop()
    assert runner.join(60)
    assert ended == [True]


def test_progress_is_said_ten_times_a_second_at_most(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("workbench.session.runner.time.monotonic", lambda: now[0])
    said = []

    def job(ticket):
        for call in range(1000):  # one second
            ticket(call, 1000, "counting")
            now[0] += 0.001

    AtOnce().start(job, said.append)
    assert len(said) == MESSAGES_PER_S


def test_another_step_is_said_at_once():
    said = []

    def job(ticket):
        for what in ("one", "two", "three"):
            ticket(0, 1, what)

    AtOnce().start(job, said.append)
    assert [progress.what for progress in said] == ["one", "two", "three"]


def test_at_once_has_run_when_start_comes_back():
    done = []
    AtOnce().start(lambda ticket: ticket.deliver(lambda: done.append(1)), lambda progress: None)
    assert done == [1]


def test_a_stopped_ticket_says_so():
    runner = AtOnce()

    def job(ticket):
        runner.stop()
        assert ticket.stopped
        with pytest.raises(Cancelled):
            ticket(0, 1, "on")

    runner.start(job, lambda progress: None)


def test_what_is_done_in_a_blink_says_nothing_and_a_long_step_says_what_it_does():
    said, spoke = [], threading.Event()
    quick = Threads(silent_s=60)
    quick.start(lambda ticket: ticket(0, 1, "quick"), said.append)
    assert quick.join(60)
    assert said == []

    def slow(ticket):
        ticket(0, 3, "loading")
        assert spoke.wait(60)
        ticket(1, 3, "loaded")

    patient = Threads(silent_s=0.01)
    patient.start(slow, lambda progress: (said.append(progress.what), spoke.set()))
    assert patient.join(60)
    assert said == ["loading", "loaded"]


def test_a_job_that_was_stopped_in_its_silence_stays_silent():
    runner, said, done = Threads(silent_s=0.01), [], threading.Event()
    begun = threading.Event()

    def job(ticket):
        ticket(0, 1, "step")
        begun.set()
        done.wait(60)

    runner.start(job, said.append)
    assert begun.wait(60)
    ticket = runner._ticket
    runner.stop()
    with pytest.raises(Cancelled):
        ticket.speak()
    done.set()
    assert runner.join(60)


def test_a_job_that_rests_goes_on_by_itself_and_ends_at_once_when_it_is_stopped():
    ended, begun = [], threading.Event()

    def rests(ticket):
        begun.set()
        try:
            ticket.rest()
            ended.append("rested")
        except Cancelled:
            ended.append("stopped")

    AtOnce().start(rests, lambda progress: None)
    short = Threads(rest_s=0.01)
    short.start(rests, lambda progress: None)
    assert short.join(60)
    begun.clear()
    for_hours = Threads(rest_s=3600)
    for_hours.start(rests, lambda progress: None)
    assert begun.wait(60)
    for_hours.stop()
    assert for_hours.join(60)
    assert ended == ["rested", "rested", "stopped"]
