"""Times are of the repeats, without the warm-up, and say how they lie."""

import itertools
import statistics

import pytest

from workbench.errors import SettingError
from workbench.experiments import timing


def test_the_warm_up_is_not_counted(monkeypatch):
    clock = itertools.count(start=0, step=1)
    calls = []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(clock)))
    seconds = timing.timed(calls.append, 3, timing.quiet, "it")
    assert calls == [0, 0, 1, 2] and seconds == (1.0, 1.0, 1.0)


def test_progress_is_told_before_each_repeat():
    told = []
    timing.timed(lambda r: None, 3, lambda *step: told.append(step), "it")
    assert told == [(0, 3, "it"), (1, 3, "it"), (2, 3, "it")]


def test_sums_are_per_repeat():
    assert timing.sums((1, 2, 3), (10, 20, 30)) == (11, 22, 33)
    assert statistics.median(timing.sums((1, 9, 1), (9, 1, 1))) == 10
    with pytest.raises(ValueError, match="shorter"):
        timing.sums((1, 2), (1,))


def test_a_measured_time_is_the_median_and_tells_its_spread():
    quantity = timing.measured((0.003, 0.001, 0.002), "encoding")
    assert quantity.value == 0.002 and quantity.origin == "measured"
    assert "encoding; median of 3 repeats from 1.00 ms to 3.00 ms" in quantity.how


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ((1.0, 1.1, 1.2, 1.0, 9.0), False),  # one outlier does not move a median
        ((1.0, 1.0, 2.0, 2.0, 2.0), True),
        ((1.0, 1.0, 1.0, 1.0), False),
        ((1.0, 5.0), False),  # too few to tell
    ],
)
def test_times_that_lie_far_apart_are_called_unsteady(seconds, expected):
    assert timing.unsteady(seconds) is expected
    assert ("UNSTEADY" in timing.spread(seconds)) is expected


def test_the_machine_is_named():
    facts = timing.machine_facts()
    assert facts["processor"] and facts["threads"] >= 1 and facts["python"].count(".") == 2
    assert facts["processor"] in timing.machine()


@pytest.mark.parametrize("repeats", [0, -1, 1001, 2.0, "3", True, None])
def test_repeats_that_are_none_are_refused(repeats):
    with pytest.raises(SettingError, match="from 1 to 1000"):
        timing.checked_repeats(repeats)
