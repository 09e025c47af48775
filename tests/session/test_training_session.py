"""The Training session: what is chosen, what comes in, what Cancel and errors leave behind."""

import dataclasses
import importlib.util
import shlex
from pathlib import Path

import pytest
from traitlets import TraitError
from typer.main import get_command

from workbench.cli.app import app
from workbench.errors import Cancelled, SettingError
from workbench.session.runner import AtOnce, Threads
from workbench.session.training import Training
from workbench.session.training_work import Trainer, Wanted

_SPEC = importlib.util.spec_from_file_location("training_fakes", Path(__file__).parent / "training_fakes.py")
fakes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fakes)


@pytest.fixture
def work():
    return fakes.FakeTrainer()


@pytest.fixture
def session(work):
    session = Training(work, AtOnce())
    session.load()
    return session


def test_load_begins_at_the_split_that_was_recorded(session):
    assert [point.name for point in session.points] == ["a", "b", "c"]
    assert (session.split, session.weights, session.place) == ("c", "trained", "CPU, 1 threads")
    assert not session.busy and session.problem is None
    session.network = "other"
    assert session.split == "y"  # the middle one, where nothing is recorded


def test_train_asks_for_what_is_chosen_and_keeps_what_comes(session, work):
    session.methods, session.seeds, session.epochs, session.finetune_epochs = ("refbase", "qcnet-h"), 2, 7, 3
    session.train()
    (wanted,) = work.asked
    assert (wanted.network, wanted.split, wanted.methods) == ("digits-resnet", "c", ("refbase", "qcnet-h"))
    assert (wanted.seeds, wanted.epochs, wanted.finetune_epochs, wanted.labels) == (2, 7, 3, True)
    assert [(one.method, one.seed) for one in session.reached] == [
        ("refbase", 0), ("qcnet-h", 0), ("refbase", 1), ("qcnet-h", 1),
    ]  # fmt: skip
    assert [(line.method, line.seeds) for line in session.summary] == [("refbase", 2), ("qcnet-h", 2)]
    assert session.summary[0].accuracy == pytest.approx(0.91)
    assert {what: len(curve.train) for what, curve in session.curves} == {
        "refbase, stage 1": 2,
        "qcnet-h, stage 1": 2,
    }
    assert not session.busy and session.progress is None and session.problem is None


def test_a_search_shows_what_it_tried_as_it_goes(session, work):
    session.candidates = 3
    seen = []
    session.observe(lambda change: seen.append(len(change["new"])), "tried")
    session.search()
    wanted, candidates = work.asked[-1]
    assert (wanted.network, wanted.split, candidates) == ("digits-resnet", "c", 3)
    assert seen == [1, 2, 3]
    assert [one.sizes for one in session.tried] == ["n=1", "n=2", "n=3"]
    assert not session.busy and session.problem is None
    session.split = "a"
    assert session.tried == ()


def test_a_search_without_a_split_says_so(work):
    session = Training(work, AtOnce())
    session.search()
    assert str(session.problem.error) == "choose a split first"
    assert work.asked == []


def test_what_is_recorded_belongs_to_its_network_and_split(session):
    assert session.recorded.times == "taken with other work running"
    assert session.looked_at is session.recorded
    session.split = "a"
    assert session.recorded is session.looked_at is None


def test_another_record_can_be_looked_at_until_the_choice_changes(session):
    session.record = "own at d"
    assert session.looked_at.accuracy_unsplit == 0.8
    assert session.recorded.split == "c"
    session.split = "b"
    assert session.record == "digits-resnet at b"


def test_results_of_another_split_do_not_stay(session):
    session.train()
    session.split = "a"
    assert session.reached == session.summary == session.curves == ()


def test_nothing_chosen(session, work):
    session.methods = ()
    session.train()
    assert isinstance(session.problem.error, SettingError)
    assert str(session.problem.error) == "choose a method first"
    assert work.asked == []


def test_what_went_wrong_is_kept_and_the_next_training_clears_it(session, work):
    work.error = "no labels"
    session.train()
    assert (str(session.problem.error), session.problem.bug, session.busy) == ("no labels", False, False)
    work.error = None
    session.train()
    assert session.problem is None and len(session.reached) == 1


def test_cancel_keeps_what_was_finished_and_another_training_can_begin(work):
    runner = Threads()
    session = Training(work, runner)
    session.load()
    assert runner.join(60)
    work.hold = True
    session.methods = ("refbase", "qcnet-h")
    session.train()
    assert work.began.wait(60)
    assert session.busy
    session.train()
    assert "something is running" in str(session.problem.error)
    session.cancel()
    assert runner.join(60)
    assert isinstance(session.problem.error, Cancelled)
    assert not session.busy
    assert [one.method for one in session.reached] == ["refbase"]
    work.hold = False
    session.train()
    assert runner.join(60)
    assert [one.method for one in session.reached] == ["refbase", "qcnet-h"]


def test_trained_again_takes_the_place_of_the_one_before(session):
    session.methods, session.seeds = ("refbase",), 2
    session.train()
    session.seeds = 1
    session.train()
    assert [(one.method, one.seed) for one in session.reached] == [("refbase", 1), ("refbase", 0)]
    assert session.summary[0].seeds == 2
    assert [one.seed for one in session.kept] == [1, 0]


def test_code_is_the_command(session):
    session.methods, session.labels = ("qcnet-h", "hecs-b"), False
    assert session.code.splitlines()[1] == (
        "workbench train digits-resnet --split c --method qcnet-h --method hecs-b --seeds 1 --epochs 20 "
        "--finetune-epochs 6 --no-labels"
    )
    session.candidates = 7
    assert session.code.splitlines()[2] == (
        "workbench train digits-resnet --split c --search search.log --approach pareto --candidates 7"
    )
    assert len(session.code.splitlines()) == 3


def test_the_teacher_and_copies_are_asked_for_and_stand_in_the_command(session, work):
    session.copies, session.teacher, session.temperature = 8, 0.5, 4
    session.train()
    (wanted,) = work.asked
    assert (wanted.copies, wanted.teacher, wanted.temperature) == (8, 0.5, 4.0)
    assert session.code.splitlines()[1].endswith(
        " --finetune-epochs 6 --copies 8 --teacher 0.5 --temperature 4.0"
    )
    session.copies, session.teacher = 0, 0
    assert session.code.splitlines()[1].endswith(" --finetune-epochs 6")  # nobody's temperature is left out


def test_the_command_is_one_that_the_command_line_reads(session):
    session.methods, session.copies, session.teacher, session.temperature = ("refbase",), 3, 1, 0.1
    command = next(line for line in session.code.splitlines() if line.startswith("workbench train"))
    wants = get_command(app).commands["train"]
    with wants.make_context("train", shlex.split(command)[2:]) as context:
        found = context.params
    assert (found["model"], found["split"], found["method"]) == ("digits-resnet", "c", ["refbase"])
    assert (found["copies"], found["teacher"], found["temperature"]) == (3, 1.0, 0.1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("copies", -1), ("copies", 1001), ("teacher", -0.1), ("teacher", 1.1), ("temperature", 0)],
)
def test_what_cannot_be_trained_cannot_be_chosen(session, name, value):
    with pytest.raises(TraitError, match=name):
        setattr(session, name, value)


def test_what_another_teacher_taught_makes_room_for_the_next_result(session):
    session.methods = ("refbase", "qcnet-h")
    session.train()
    session.search()
    assert not session.outdated
    session.teacher = 0.5
    assert session.outdated and len(session.reached) == 2  # it stays until there is something else
    session.methods = ("qcnet-h",)
    session.train()
    assert [one.method for one in session.reached] == ["qcnet-h"]
    assert [line.method for line in session.summary] == ["qcnet-h"]
    assert [one.method for one in session.kept] == ["qcnet-h"]
    assert session.tried and not session.outdated
    session.methods = ("refbase",)
    session.train()
    assert [one.method for one in session.reached] == ["qcnet-h", "refbase"]  # one teacher, one comparison
    session.copies = 2
    assert session.outdated
    session.copies, session.teacher, session.temperature = 0, 0, 3
    session.train()
    session.temperature = 1
    assert not session.outdated  # without a teacher it has no temperature
    session.forget()
    session.teacher = 1
    assert not session.outdated


def test_how_long_was_trained_and_by_what_labels_parts_results_too(session):
    session.methods = ("refbase",)
    session.train()
    for name, other in {"epochs": 2, "finetune_epochs": 2, "labels": False}.items():
        usual = getattr(session, name)
        setattr(session, name, other)
        assert session.outdated, name
        setattr(session, name, usual)
        assert not session.outdated
    session.seeds = 3  # more of the same
    assert not session.outdated
    session.labels = False
    session.train()
    session.finetune_epochs += 1
    assert not session.outdated  # without labels or a teacher alone there is no second stage
    session.epochs = 2
    session.methods = ("qcnet-h",)
    session.train()
    assert [one.method for one in session.reached] == ["qcnet-h"] * 3


def test_a_split_that_is_chosen_while_another_is_trained_is_not_mixed_with_it(session):
    session.observe(lambda _change: setattr(session, "split", "a"), "curves")
    session.methods = ("refbase",)
    session.train()
    assert [one.split for one in session.reached] == ["c"] and session.outdated
    session.methods = ("qcnet-h",)
    session.train()
    assert [(one.split, one.method) for one in session.reached] == [("a", "qcnet-h")]


def test_what_is_wanted_becomes_the_recipe(monkeypatch):
    def asked(methods, where, learn, test, **given):
        recipes.append(given["recipe"])
        return iter(())

    recipes = []
    monkeypatch.setattr("workbench.neural.comparing.compare", asked)
    wanted = Wanted(split="layer3", epochs=3, finetune_epochs=4, copies=8, teacher=0.5, temperature=2.0)
    Trainer().train(wanted, *[lambda *_told: None] * 4)
    (recipe,) = recipes
    assert (recipe.copies, recipe.teacher, recipe.temperature) == (8, 0.5, 2.0)
    assert (recipe.reconstruct.epochs, recipe.finetune.epochs, recipe.finetune.warmup) == (3, 4, 2)
    assert recipe.augmentation is not None


def test_a_bundle_of_another_lesson_has_another_name():
    """So that taught and untaught stand side by side in Fidelity, and neither is written over."""
    wanted = Wanted(split="layer3")
    assert wanted.lesson_name == ""
    names = [
        dataclasses.replace(wanted, **other).lesson_name
        for other in ({"temperature": 4.0}, {"teacher": 0.5}, {"teacher": 1.0, "temperature": 2.5},
                      {"copies": 8}, {"copies": 8, "teacher": 0.25})
    ]  # fmt: skip
    assert names == ["", "-teacher0.5", "-teacher1-at2.5", "-copies8", "-teacher0.25-copies8"]


def test_code_loads_what_was_kept(session):
    session.methods = ("qcnet-h", "hecs-b")
    session.train()
    assert session.code.splitlines()[4:] == [
        "# what was kept",
        "import workbench as wb",
        'trained = wb.load_bundle("digits-resnet-c-qcnet-h-0")',
        'trained = wb.load_bundle("digits-resnet-c-hecs-b-0")',
        "codec = wb.codec(\"hecs-b\", weights='/own/digits-resnet-c-hecs-b-0-codec.safetensors')",
    ]
