"""The search: stopping rules and the Pareto front by hand, a file that several workers share."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import save_file

import workbench as wb
from workbench.errors import Cancelled, InputError, SettingError, StorageError
from workbench.neural import search as searching
from workbench.neural.comparing import Pictures
from workbench.neural.compensators import Compensator
from workbench.neural.plans import Plan
from workbench.neural.search import Candidate, Stop, pareto, search, tried
from workbench.records import Tried

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


def test_patience_counts_from_the_last_that_was_better():
    assert Stop(candidates=9, patience=3).reason([0.1, 0.4, 0.6, 0.7]) == "patience"
    assert Stop(candidates=9, patience=3).reason([0.1, 0.4, 0.6, 0.7], newest=1) == ""


def test_a_pareto_search_ends_when_nothing_comes_onto_its_front(small_split, coloured, tmp_path, monkeypatch):
    """The least loss is the second, but the third has the fewest parameters; nothing after it is better."""
    told = iter([(0.5, 10), (0.6, 20), (0.4, 5), *[(0.3, 20)] * 9])

    def trying(*_):
        accuracy, parameters = next(told)
        return {"loss": 1 / (1 + parameters), "accuracy": accuracy, "parameters": parameters, "server_s": 1.0}

    monkeypatch.setattr(searching, "_try", trying)
    found = search(small_split, Pictures(*coloured), tmp_path / "s.log", approach="pareto", stop=Stop(12, 4))
    assert len(found) == 3 + 4


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
    assert list(dict.fromkeys(calls)) == [2, 3, 4]
    numbers = [one.number for one in found]
    assert numbers[:2] == [0, 1] and numbers == sorted(set(numbers))  # what was passed over has one too
    assert len({one.compensator for one in found}) == len(found) == 5
    for one in found:
        restorer = one.compensator.build(small_split.point.shape)
        assert one.parameters == sum(weight.numel() for weight in restorer.parameters())
        assert 0 < one.loss < 5
        assert 0 <= one.accuracy <= 1
    if approach == "2":  # the later ones are variations of the best of the first two
        best = min(found[:2], key=lambda one: one.loss).compensator
        assert found[2].compensator.family == best.family


def test_a_candidate_that_was_broken_off_does_not_count(small_split, coloured, tmp_path):
    """Cancel in the middle of a training; the next start still gets all its candidates, and is watched."""
    file, learn, calls, seen = tmp_path / "search.log", Pictures(*coloured), [], []

    def stop(done, total, what):
        calls.append((done, total, what))
        if len(calls) == 4:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        search(small_split, learn, file, stop=Stop(2, 9), plan=QUICK, progress=stop)
    assert set(calls) == {(0, 2, "search")}
    found = search(small_split, learn, file, stop=Stop(2, 9), plan=QUICK, watch=seen.append)
    assert [len(candidates) for candidates in seen] == [1, 2]
    assert [one.number for one in found] == [1, 2]  # the one that was broken off was number 0


@pytest.mark.slow
def test_two_workers_on_one_file_share_the_candidates(small_split, coloured, tmp_path, monkeypatch):
    """Another process on the same file at once: together they try so many, and each has its share."""
    script, file = Path(__file__).with_name("search_worker.py"), tmp_path / "search.log"
    spec = importlib.util.spec_from_file_location("search_worker", script)
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    save_file({"pictures": coloured[0], "labels": coloured[1]}, tmp_path / "learn.safetensors")
    monkeypatch.setattr(searching, "_try", worker.meet(tmp_path, "here", "there"))
    command = [sys.executable, str(script), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as other:
        search(small_split, Pictures(*coloured), file, stop=Stop(6, 99), plan=QUICK)
        said = other.communicate(timeout=240)[0]
    assert (other.returncode, said) == (0, "")
    trials = searching._open(file, "1", small_split, 0).get_trials()
    trials = [trial for trial in trials if "passed_over" not in trial.user_attrs]
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    assert 6 <= len(trials) <= 7  # both may begin the last one
    assert {trial.user_attrs["who"] for trial in trials} == {"here", "there"}
    assert len({trial.user_attrs["loss"] for trial in trials}) > 1


def test_a_compensator_that_was_tried_is_not_tried_again(small_split, coloured, tmp_path, monkeypatch):
    """C has four depths and four widths: sixteen candidates are all of them, another repeats one."""
    values = {"loss": 0.5, "accuracy": 0.5, "parameters": 1, "server_s": 1.0}
    monkeypatch.setattr(searching, "_try", lambda *_: values)
    monkeypatch.setattr(searching, "_REDRAWS", 300)
    file, learn = tmp_path / "search.log", Pictures(*coloured)
    found = search(small_split, learn, file, families=["C"], stop=Stop(16, 99))
    assert len({one.compensator for one in found}) == 16
    assert {one.compensator.sizes for one in found} == {
        f"n={n} f_m={f_m}" for n in (1, 2, 3, 4) for f_m in (0.25, 0.5, 1.0, 1.5)
    }
    monkeypatch.setattr(searching, "_REDRAWS", 3)
    assert len(search(small_split, learn, file, families=["C"], stop=Stop(17, 99))) == 17


def test_tried_are_the_candidates_with_their_front():
    found = [
        Candidate(0, Compensator(), 0.3, 0.9, 100, 1.0),
        Candidate(1, Compensator("T"), 0.2, 0.9, 200, 1.0),
    ]
    assert tried(found) == (
        Tried(0, "H", "n=2 f_m=1.0 s_m=2", 0.3, 0.9, 100, 1.0, True),
        Tried(1, "T", "n_g=1 n_l=1 heads=4 window=4 ffdim=0", 0.2, 0.9, 200, 1.0, False),
    )


def test_a_full_disk_says_so_and_keeps_what_was_tried(small_split, coloured, tmp_path, monkeypatch):
    from optuna.storages.journal import JournalFileBackend

    file, learn = tmp_path / "search.log", Pictures(*coloured)
    search(small_split, learn, file, stop=Stop(1), plan=QUICK)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(JournalFileBackend, "append_logs", full)
        with pytest.raises(StorageError, match=r"search\.log: No space left on device; free some space"):
            search(small_split, learn, file, stop=Stop(2), plan=QUICK)
    found = search(small_split, learn, file, stop=Stop(2), plan=QUICK)
    assert [one.number for one in found] == [0, 1]


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
