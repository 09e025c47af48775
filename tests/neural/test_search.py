"""The search: stopping rules and the Pareto front by hand, a file that several workers share."""

import pytest

import workbench as wb
from workbench.errors import Cancelled, InputError, SettingError
from workbench.neural.comparing import Pictures
from workbench.neural.compensators import Compensator
from workbench.neural.plans import Plan
from workbench.neural.search import Candidate, Stop, pareto, search

QUICK = Plan(epochs=1, batch=16, patience=0)


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        ([], ""), ([0.5, 0.4], ""), ([0.5, 0.4, 0.6, 0.7, 0.8], "patience"), ([0.5, 0.4, 0.6, 0.7], ""),
        ([0.5, 0.09], "target"), ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], "candidates"),
    ],
)  # fmt: skip
def test_three_stopping_rules(losses, reason):
    assert Stop(candidates=6, patience=3, target=0.1).reason(losses) == reason


def test_pareto_front_by_hand():
    def one(number, accuracy, parameters, server_s):
        return Candidate(number, Compensator(), 0.0, accuracy, parameters, server_s)

    found = [
        one(0, 0.9, 100, 1.0), one(1, 0.8, 50, 1.0), one(2, 0.8, 60, 1.0), one(3, 0.9, 100, 1.0),
        one(4, 0.7, 90, 0.5), one(5, 0.6, 95, 0.6),
    ]  # fmt: skip
    assert [kept.number for kept in pareto(found)] == [0, 1, 3, 4]


@pytest.mark.parametrize("approach", ["1", "2", "pareto"])
def test_killed_search_goes_on_in_its_file(approach, small_split, coloured, tmp_path):
    file, learn = tmp_path / "search.log", Pictures(*coloured)

    def kill(done, total, what):
        if done == 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        search(small_split, learn, file, approach=approach, stop=Stop(5, 5), plan=QUICK, progress=kill)
    calls = []
    found = search(
        small_split, learn, file, approach=approach, stop=Stop(5, 5), plan=QUICK,
        progress=lambda done, total, what: calls.append(done),
    )  # fmt: skip
    assert calls == [2, 3, 4]
    assert [one.number for one in found] == [0, 1, 2, 3, 4]
    for one in found:
        restorer = one.compensator.build(small_split.point.shape)
        assert one.parameters == sum(weight.numel() for weight in restorer.parameters())
        assert 0 < one.loss < 5
        assert 0 <= one.accuracy <= 1
    if approach == "2":  # the later ones are variations of the best of the first two
        best = min(found[:2], key=lambda one: one.loss).compensator
        assert found[2].compensator.family == best.family


def test_file_of_another_search_is_refused(small, small_split, coloured, tmp_path):
    file, learn = tmp_path / "search.log", Pictures(coloured[0], None)
    search(small_split, learn, file, stop=Stop(1), plan=QUICK, families=["C"])
    with pytest.raises(SettingError, match=r"holds a search for '\w+ first 1' .* not for '\w+ second 1'"):
        search(wb.split(small, "second"), learn, file, stop=Stop(1), plan=QUICK)


def test_what_cannot_be_searched(small_split, coloured, tmp_path):
    file = tmp_path / "search.log"
    with pytest.raises(InputError, match="pareto weighs accuracy, which needs labels"):
        search(small_split, Pictures(coloured[0], None), file, approach="pareto")
    with pytest.raises(SettingError, match="approach is '3'; known: 1, 2, pareto"):
        search(small_split, Pictures(*coloured), file, approach="3")
    with pytest.raises(InputError, match=r"none of \('X',\) takes features of shape \(6, 8, 8\)"):
        search(small_split, Pictures(*coloured), file, families=["X"])
    with pytest.raises(SettingError, match="search: patience is 0"):
        Stop(patience=0)
