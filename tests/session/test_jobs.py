"""What a button starts: one job takes another's place."""

import threading

from workbench.session.jobs import Jobs
from workbench.session.runner import Threads


def test_a_job_that_ends_as_another_takes_its_place_does_not_end_that_one(monkeypatch):
    runner = Threads()
    session = Jobs(runner)
    end_first, end_second, ended = threading.Event(), threading.Event(), threading.Event()
    session.observe(lambda _change: ended.set(), "line")
    session._start("first", lambda ticket: end_first.wait(60))
    start = runner.start

    def late(job, tell):
        end_first.set()
        ended.wait(0.5)  # the first would say now that nothing runs
        start(job, tell)

    monkeypatch.setattr(runner, "start", late)
    session._start("second", lambda ticket: end_second.wait(60), instead=True)
    assert session.busy
    end_second.set()
    assert runner.join(60)
    assert not session.busy
    assert session.line.text.startswith("second")
