"""The trial store: what goes in comes out, a later schema and a damaged file are told."""

import dataclasses
import importlib.util
import sqlite3
from pathlib import Path

import pytest

import workbench as wb
from workbench.errors import WorkbenchError
from workbench.experiments.board_store import BoardStore, compared, predicted

_SPEC = importlib.util.spec_from_file_location(
    "board_fakes_store", Path(__file__).parents[1] / "session" / "board_fakes.py"
)
fakes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fakes)


@pytest.fixture
def store(tmp_path):
    return BoardStore(tmp_path / "deep" / "trials.sqlite")


def plain(trial):
    """With lists for tuples in what JSON has no tuples for."""
    facts = {key: list(value) if isinstance(value, tuple) else value for key, value in trial.facts.items()}
    return {**trial.to_dict(), "facts": facts}


def test_what_is_kept_comes_back(store):
    trial = fakes.trial("pi5", "board", hot=(3,))
    assert store.kept() == []
    assert store.keep(trial) == 1
    (again,) = BoardStore(store.path).kept()
    assert again.to_dict() == plain(trial)
    assert again.run("split", "chain").spoilt == 2
    assert again.run("split", "chain").total == trial.run("split", "chain").total


def test_newest_of_one_board(store):
    for number in range(5):
        store.keep(fakes.trial(f"pi{number % 2}", "board", split=f"s{number}"))
    assert [trial.split for trial in store.kept(last=2)] == ["s3", "s4"]
    assert [trial.split for trial in store.kept("pi0")] == ["s0", "s2", "s4"]
    assert store.kept(model="resnet50") == []


def test_names_are_no_sql(store):
    store.keep(fakes.trial("pi5", "board"))
    assert store.kept("x' OR 1=1 --") == []


def test_later_schema_is_told(store):
    store.kept()
    with sqlite3.connect(store.path) as database:
        database.execute("UPDATE board_schema SET version = 99")
    database.close()
    with pytest.raises(WorkbenchError, match="schema 99"):
        store.kept()


def test_file_that_is_no_store_is_told(tmp_path):
    path = tmp_path / "trials.sqlite"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(WorkbenchError, match="cannot be used"):
        BoardStore(path).kept()


def test_prediction_beside_what_was_measured():
    trial = fakes.trial("pi5", "board")
    link = wb.link("lte-cat4")
    beside = predicted(trial, link)
    assert beside.measured_s == pytest.approx(0.003)
    assert beside.predicted_s == link.latency(4000)
    assert beside.ratio == pytest.approx(link.latency(4000) / 0.003)
    assert beside.elsewhere_s == pytest.approx(0.010 + 0.001 + 0.0005 + 0.002)
    assert beside.whole_s == pytest.approx(0.0135 + link.latency(4000))


def test_every_trial_of_the_store_can_be_compared_later(store):
    """The payload of a split and the picture of all-on-server; a trial without a wire is left out."""
    store.keep(fakes.trial("pi5", "board", split="a"))
    store.keep(fakes.trial("orin", "board", split="b", hot=(3, 4)))
    burst = fakes.trial("pi5", "board", split="c")
    store.keep(dataclasses.replace(burst, runs=burst.runs[:1]))
    for name in ("ble5", "lte-cat4"):
        link = wb.link(name)
        found = compared(store.kept(), link)
        assert [(one.trial.board, one.trial.split, one.way) for one in found] == [
            ("pi5", "a", "split"), ("pi5", "a", "all-server"),
            ("orin", "b", "split"), ("orin", "b", "all-server"),
        ]  # fmt: skip
        assert [one.predicted_s for one in found] == [link.latency(nbytes) for nbytes in (4000, 9000) * 2]
        assert {one.link for one in found} == {name}
    assert predicted(store.kept()[-1], wb.link("ble5")) is None
