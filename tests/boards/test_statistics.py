"""Summaries against values worked out by hand; spoilt rows are marked and never averaged in silently."""

import dataclasses

import numpy as np
import pytest

from workbench.board_records import BoardRow, BoardSample
from workbench.boards.statistics import interval_ranks, mark_spoilt, quantile_interval, spread, summarise


def rows(count, edge_s=0.010, every_s=0.1):
    return [BoardRow(at * every_s, edge_s, 0.001, None, None, None, 100) for at in range(count)]


def samples(count, every_s=0.1, **changed):
    """Samples of a calm board; `changed` maps a field to {place: value}."""
    calm = [BoardSample(at * every_s, 50.0, 2.4e9, None, None, 0, 0, 0) for at in range(count)]
    for field, values in changed.items():
        for place, value in values.items():
            calm[place] = dataclasses.replace(calm[place], **{field: value})
    return calm


@pytest.mark.parametrize(
    ("n", "share", "ranks"),
    [
        (100, 0.95, (90, 100)),  # scipy.stats.binom.ppf((.025, .975), 100, .95) is 90, 99
        (100, 0.5, (40, 61)),  # Conover's table for the median, n = 100
        (10, 0.5, (2, 9)),
        (6, 0.5, (1, 6)),
        (5, 0.5, (0, 6)),  # five values give no 95 % interval of a median
        (20, 0.95, (17, 21)),
    ],
)
def test_ranks_of_an_interval(n, share, ranks):
    assert interval_ranks(n, share) == ranks


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_interval_covers_as_often_as_it_says(share):
    draw = np.random.default_rng(7)
    truth = -np.log(1 - share)
    hits = []
    for _experiment in range(2000):
        low, high = quantile_interval(np.sort(draw.exponential(size=100)), share)
        hits.append((low is None or low <= truth) and (high is None or truth <= high))
    assert 0.94 < np.mean(hits) < 0.985


def test_spread_by_hand():
    found = spread([5, 1, 4, 2, 3])
    assert (found.n, found.median, found.quartile_1, found.quartile_3) == (5, 3, 2, 4)
    assert (found.minimum, found.maximum, found.iqr) == (1, 5, 2)
    assert found.p95 == pytest.approx(4.8)
    assert found.median_low is None
    assert found.p95_high is None


@pytest.mark.parametrize(
    ("bits", "reason"),
    [(1, "undervoltage"), (2, "clock capped"), (4, "throttled"), (8, "temperature limit")],
)
def test_rows_beside_a_throttled_sample_are_spoilt(bits, reason):
    marked = mark_spoilt(rows(10), samples(11, throttled={5: bits}))
    assert [row.spoilt for row in marked] == [()] * 4 + [(reason,)] * 2 + [()] * 4


def test_clock_that_moves_spoils():
    moved = mark_spoilt(rows(20), samples(21, clock_hz={7: 2.2e9}))
    assert [place for place, row in enumerate(moved) if row.spoilt] == [6, 7]
    assert moved[6].spoilt == ("clock moved",)
    within = mark_spoilt(rows(20), samples(21, clock_hz={7: 2.3e9}))
    assert not any(row.spoilt for row in within)


def test_jetson_overcurrent_spoils():
    counts = {place: 3 for place in range(4, 11)}
    marked = mark_spoilt(rows(10), samples(11, overcurrent_events=counts))
    assert [place for place, row in enumerate(marked) if row.spoilt] == [3]


def test_spoilt_rows_are_left_out_and_counted():
    slow = [
        dataclasses.replace(row, edge_s=0.05) if place in (5, 6) else row
        for place, row in enumerate(rows(40))
    ]
    run = summarise("split", "burst", slow, samples(41, throttled={6: 4}))
    assert run.spoilt == 2
    assert run.stages["edge"].n == 38
    assert run.stages["edge"].maximum == 0.010
    assert run.total.median == pytest.approx(0.011)
    assert run.usable


def test_run_that_is_mostly_spoilt_is_not_usable():
    run = summarise("split", "burst", rows(10), samples(11, throttled=dict.fromkeys(range(2, 11), 4)))
    assert not run.usable
    assert "only 1 of 10 runs were clean" in run.problems[0] and "throttled" in run.problems[0]
    assert run.stages["edge"].n == 10
    half = summarise("split", "burst", rows(20), samples(21, throttled=dict.fromkeys(range(9, 21), 4)))
    assert half.stages["edge"].n == 8
    assert "were spoilt and left out" in half.problems[0]


def test_throttling_between_samples_is_told_by_the_sticky_bits():
    run = summarise("split", "burst", rows(10), samples(11, throttled={10: 0x40000}))
    assert run.spoilt == 0
    assert not run.usable
    assert "throttled happened at a moment that is not known" in run.problems[0]
    before = summarise("split", "burst", rows(10), samples(11, throttled=dict.fromkeys(range(11), 0x40000)))
    assert before.usable


def test_spread_out_times_are_not_usable():
    restless = [
        dataclasses.replace(row, edge_s=0.01 if place % 2 else 0.02) for place, row in enumerate(rows(20))
    ]
    run = summarise("split", "burst", restless, samples(21))
    assert "something else runs there" in run.problems[0]


def test_energy_is_power_times_busy_time():
    powered = [dataclasses.replace(one, power_w=5.0) for one in samples(11)]
    assert summarise("split", "burst", rows(10), powered).energy_j == pytest.approx(0.055)
    assert summarise("split", "chain", rows(10), powered).energy_j is None
    assert summarise("split", "burst", rows(10), samples(11)).energy_j is None
    assert summarise("split", "burst", rows(10), samples(11), watts=4.0).energy_j == pytest.approx(0.044)


def test_nothing_measured():
    run = summarise("split", "burst", [], [])
    assert run.problems == ("nothing was measured",)
    assert run.total is None
