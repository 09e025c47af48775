"""Records of trainings as they are read again: joined by split, and put beside the paper."""

import dataclasses
import json
import math

import pytest

from workbench.errors import WorkbenchError
from workbench.experiments.trained import (
    Recorded,
    claims,
    measurements,
    rate_accuracy,
    recorded,
    recoveries,
    searched,
)
from workbench.paths import shipped
from workbench.records import Closeness, LossCurve, Reached, Tried


def _one(method, seed, accuracy, *, payload=100.0, board=10, plain=0.5, restored=0.9):
    before = Closeness(1.0, 0.5, plain, None) if method == "qcnet-h" else None
    return Reached(
        "digits-vit", "cut", method, seed, 450, accuracy, 0.95, 0.5, payload,
        Closeness(0.1, 0.05, restored, None), before, 0.001, 0.002, board, 20,
    )  # fmt: skip


def _write(folder, name, *reached, **more):
    told = {
        "model": "digits-vit", "split": "cut", "command": f"workbench train {name}", "summary": [],
        "reached": [one.to_dict() for one in reached], **more,
    }  # fmt: skip
    (folder / name).write_text(json.dumps(told))


def test_records_of_one_split_are_joined_and_nothing_counts_twice(tmp_path):
    _write(tmp_path, "training-a.json", _one("refae", 0, 0.8), _one("refbase", 0, 0.5), times="quiet")
    _write(tmp_path, "training-b.json", _one("refbase", 1, 0.7), _one("refbase", 0, 0.1), times="busy")
    (record,) = recorded(tmp_path)
    assert [(one.method, one.seed, one.accuracy) for one in record.reached] == [
        ("refbase", 0, 0.5), ("refbase", 1, 0.7), ("refae", 0, 0.8),
    ]  # fmt: skip
    assert record.summary[0].accuracy == pytest.approx(0.6)
    assert record.reached[0].restored == Closeness(0.1, 0.05, 0.9, None)
    assert record.commands == ("workbench train training-a.json", "workbench train training-b.json")
    assert (record.times, record.unsplit) == ("quiet; busy", 0.95)


def test_what_another_teacher_said_is_another_record(tmp_path):
    _write(tmp_path, "training-a.json", _one("refbase", 0, 0.5), recipe={"copies": 8})
    _write(tmp_path, "training-b.json", _one("refbase", 0, 0.7), recipe={"teacher": 0.5})
    plain, taught = recorded(tmp_path)
    assert [one.accuracy for one in (*plain.reached, *taught.reached)] == [0.5, 0.7]
    assert plain.place == "digits-vit at cut"
    assert taught.place == "digits-vit at cut, taught 50 % by the unsplit network"
    _write(tmp_path, "training-c.json", _one("qcnet-h", 0, 0.95), recipe={"teacher": 0.5})
    taught = recorded(tmp_path)[1]
    assert {one.where_here for one in claims(taught)} == {taught.place}


def test_a_record_that_is_none_is_named(tmp_path):
    (tmp_path / "training-a.json").write_text('{"model": 1}')
    with pytest.raises(WorkbenchError, match=r"training-a\.json is no record of `workbench train`"):
        recorded(tmp_path)


def _whole(kind):
    """A record of each kind, nothing wrong with it."""
    about = {"model": "digits-vit", "split": "cut", "command": "workbench train x", "what": "error"}
    curve = LossCurve("stage 1", (1.0,), (1.0,), (0.1,), 0, 1.0, "finished")
    one = dataclasses.replace(_one("qcnet-h", 0, 0.9), curves=(curve,), notes=("a remark",))
    told = {
        "training": {"reached": [one.to_dict()], "recipe": {"teacher": 0.5}, "times": "quiet"},
        "search": {
            "approach": "1",
            "candidates": [dataclasses.asdict(Tried(0, "H", "n=2", 0.1, None, 9, 0.1, True))],
        },
        "hecs-recovery": {"found": [{"way": "hecs", "measurements": 2, "relative_error": 0.5}]},
        "hecs-rate": {"points": [{"way": "jpeg", "payload_bytes": 10.0, "accuracy": 0.7}]},
    }
    return json.loads(json.dumps(about | told[kind]))


_READ = {
    "training": recorded,
    "search": searched,
    "hecs-recovery": measurements,
    "hecs-rate": measurements,
}
_GONE = object()
_DAMAGE = [
    ("training", "", [], "the whole is [] where a table is due"),
    ("training", "recipe", "QCNet", "recipe is 'QCNet' where a table is due"),
    ("training", "recipe", None, "recipe is None where a table is due"),
    ("training", "recipe.teacher", "half", "recipe.teacher is 'half' where a number is due"),
    ("training", "recipe.teacher", True, "recipe.teacher is True where a number is due"),
    ("training", "recipe.teacher", 7, "recipe.teacher is 7 where a number from 0 to 1 is due"),
    ("training", "model", _GONE, "model is missing"),
    ("training", "model", ["a"], "model is ['a'] where text is due"),
    ("training", "split", _GONE, "split is missing"),
    ("training", "command", _GONE, "command is missing"),
    ("training", "times", 3, "times is 3 where text is due"),
    ("training", "reached", _GONE, "reached is missing"),
    ("training", "reached", {}, "reached is {} where a list is due"),
    ("training", "reached", [], "reached is empty"),
    ("training", "reached.0", None, "reached[0] is None where a table is due"),
    ("training", "reached.0.seed", _GONE, "reached[0].seed is missing"),
    ("training", "reached.0.seed", 0.5, "reached[0].seed is 0.5 where a whole number is due"),
    ("training", "reached.0.accuracy", "high", "reached[0].accuracy is 'high' where a number is due"),
    ("training", "reached.0.payload_bytes", None, "reached[0].payload_bytes is None where a number is due"),
    ("training", "reached.0.payload_bytes", math.inf, "payload_bytes is inf where a number is due"),
    ("training", "reached.0.payload_bytes", 10**400, "00000... where a number is due"),
    ("training", "reached.0.method", "qcnet-x", "reached[0].method: no method 'qcnet-x'; did you mean"),
    ("training", "reached.0.extra", 1, "reached[0].extra is nothing that a record of this version says"),
    ("training", "reached.0.restored.cosine", _GONE, "reached[0].restored.cosine is missing"),
    ("training", "reached.0.plain", 3, "reached[0].plain is 3 where a table is due"),
    ("training", "reached.0.notes", [1], "reached[0].notes[0] is 1 where text is due"),
    ("training", "reached.0.curves.0.train", [1, "x"], "curves[0].train[1] is 'x' where a number is due"),
    ("training", "reached.0.curves.0.stopped", "soon", "is 'soon' where one of finished, early, not finite"),
    ("search", "model", _GONE, "model is missing"),
    ("search", "candidates", 3, "candidates is 3 where a list is due"),
    ("search", "candidates.0.loss", _GONE, "candidates[0].loss is missing"),
    ("search", "candidates.0.front", 1, "candidates[0].front is 1 where true or false is due"),
    ("hecs-recovery", "what", _GONE, "what is missing"),
    ("hecs-recovery", "found", None, "found is None where a list is due"),
    ("hecs-recovery", "found.0.measurements", "m", "measurements is 'm' where a whole number is due"),
    ("hecs-rate", "command", 1, "command is 1 where text is due"),
    ("hecs-rate", "points.0", [], "points[0] is [] where a table is due"),
    ("hecs-rate", "points.0.accuracy", _GONE, "points[0].accuracy is missing"),
]  # fmt: skip


def _damaged(whole, place, value):
    """`whole` with another value at a place such as reached.0.seed."""
    if not place:
        return value
    *way, last = [int(step) if step.isdigit() else step for step in place.split(".")]
    inner = whole
    for step in way:
        inner = inner[step]
    if value is _GONE:
        del inner[last]
    else:
        inner[last] = value
    return whole


@pytest.mark.parametrize(("kind", "place", "value", "said"), _DAMAGE)
def test_a_damaged_record_is_named_with_what_is_wrong_and_the_others_are_read(
    tmp_path, kind, place, value, said
):
    (tmp_path / f"{kind}-a.json").write_text(json.dumps(_damaged(_whole(kind), place, value)))
    with pytest.raises(WorkbenchError) as caught:
        _READ[kind](tmp_path)
    assert f"{kind}-a.json is no record of `workbench train`: " in str(caught.value)
    assert said in str(caught.value)
    (tmp_path / f"{kind}-b.json").write_text(json.dumps(_whole(kind)))
    problems = []
    found = _READ[kind](tmp_path, problems.append)
    assert [str(one) for one in problems] == [str(caught.value)]
    (alone,) = [found.told] if kind.startswith("hecs") else [found]
    assert len(alone) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is no JSON (Expecting value"),
        (b'{"model"', "it is no JSON"),
        (b"\xff\xfe", "codec can't decode"),
        (b"[" * 200_000, "record it anew, or take it away"),
    ],
)
def test_a_file_that_is_no_json_is_named(tmp_path, content, said):
    (tmp_path / "search-a.json").write_bytes(content)
    (tmp_path / "search-folder.json").mkdir()
    problems = []
    assert searched(tmp_path, problems.append) == ()
    assert "search-a.json is no record of `workbench train`: " in str(problems[0])
    assert said in str(problems[0])
    assert "search-folder.json is no record of `workbench train`: Is a directory" in str(problems[1])


def test_a_loss_that_was_no_number_is_null_in_a_file_and_is_read(tmp_path):
    told = _damaged(_whole("training"), "reached.0.curves.0.train", [1.0, None])
    (tmp_path / "training-a.json").write_text(json.dumps(told))
    (record,) = recorded(tmp_path)
    first, second = record.reached[0].curves[0].train
    assert first == 1.0 and math.isnan(second)


def test_the_training_app_shows_the_other_records(tmp_path, monkeypatch):
    from workbench.session.training_work import Trainer

    for kind in _READ:
        (tmp_path / "results").mkdir(exist_ok=True)
        (tmp_path / "results" / f"{kind}-a.json").write_text("[]")
        (tmp_path / "results" / f"{kind}-b.json").write_text(json.dumps(_whole(kind)))
    monkeypatch.setattr("workbench.experiments.record_files.shipped", lambda _name: tmp_path)
    problems = []
    earlier, hecs = Trainer().earlier(problems.append), Trainer().hecs(problems.append)
    assert [one.place for one in earlier] == [
        "digits-vit at cut, taught 50 % by the unsplit network", "digits-vit at cut",
    ]  # fmt: skip
    assert (list(hecs.recoveries), list(hecs.rates)) == (["hecs"], ["jpeg"])
    named = " ".join(map(str, problems))
    assert len(problems) == 4 and all(f"{kind}-a.json" in named for kind in _READ)


def _claims(*reached):
    return {one.says: one for one in claims(Recorded("digits-vit", "cut", reached, (), ""))}


def test_ahead_tied_and_behind():
    ours = [_one("qcnet-h", seed, share) for seed, share in enumerate((0.90, 0.92, 0.94))]  # ± 0.02
    rivals = [
        _one(name, seed, share) for name, share in (("refbase", 0.89), ("refae", 0.93)) for seed in (0, 1)
    ]
    found = _claims(*ours, *rivals, _one("refqat", 0, 0.95))
    assert found["ahead of standard dequantisation (refbase)"].holds is True
    assert found["ahead of an autoencoder (refae)"].holds is None
    assert found["ahead of an autoencoder (refae)"].measured == (
        "tied within one standard deviation: 92.00 ± 2.00 % (3 seeds) against 93.00 ± 0.00 % (2 seeds)"
    )
    behind = found["ahead of quantisation-aware training (refqat)"]
    assert (behind.holds, behind.measured.split(":")[0]) == (False, "behind")
    assert found["close to the unpartitioned model, or above it"].holds is False  # 3 points below


def test_bytes_parameters_and_reconstruction_beside_the_paper():
    says = "nothing is added on the board"
    assert _claims(_one("qcnet-h", 0, 0.95), _one("refbase", 0, 0.9))[says].holds is True
    assert _claims(_one("qcnet-h", 0, 0.95, payload=101.0), _one("refbase", 0, 0.9))[says].holds is False
    assert _claims(_one("qcnet-h", 0, 0.95, board=11), _one("refbase", 0, 0.9))[says].holds is False
    says = "features restored far better than by plain dequantisation"
    found = _claims(_one("qcnet-h", 0, 0.95))[says]
    assert found.reported == "cosine similarity 46 % before, 97 % after (ViT-B/16)"
    assert (found.holds, found.measured) == (True, "cosine 50 % before, 90 % after")
    assert _claims(_one("qcnet-h", 0, 0.95, restored=0.7))[says].holds is False


def test_without_an_h_qcnet_there_is_nothing_to_say():
    assert _claims(_one("refbase", 0, 0.9)) == {}


def test_what_is_recorded_of_hecs_comes_with_its_commands(tmp_path):
    error = {"way": "hecs", "measurements": 2, "relative_error": 0.5}
    told = {"what": "error", "command": "python -m a", "found": [error]}
    (tmp_path / "hecs-recovery-a.json").write_text(json.dumps(told))
    point = {"way": "jpeg", "payload_bytes": 10.0, "accuracy": 0.7}
    told = {"what": "bytes", "command": "python -m b", "points": [point]}
    (tmp_path / "hecs-rate-a.json").write_text(json.dumps(told))
    found = measurements(tmp_path)
    assert found.recoveries == {"hecs": ((2, 0.5, 0.0),)} and found.rates == {"jpeg": ((10.0, 0.7),)}
    assert found.told == (("error", "python -m a"), ("bytes", "python -m b"))
    assert [command.split()[2] for _, command in measurements().told] == [
        "workbench.neural.recovery", "workbench.neural.rate_accuracy",
    ]  # fmt: skip
    for damaged in ({"what": 1, "found": []}, {"command": "a", "found": []}):
        (tmp_path / "hecs-recovery-a.json").write_text(json.dumps(damaged))
        with pytest.raises(WorkbenchError, match=r"hecs-recovery-a\.json is no record"):
            measurements(tmp_path)


def test_every_shipped_training_record_is_whole():
    """Whatever file is added to data/results is read, and says how it came about."""
    folder = shipped("data") / "results"
    paths = sorted(folder.glob("training-*.json"))
    assert len(paths) >= 5
    for path in paths:
        told = json.loads(path.read_text())
        assert told["command"].startswith(f"workbench train {told['model']} "), path.name
        assert f" --split {told['split']} " in told["command"]
        assert told["command"].endswith(f"--record {path.name}"), path.name  # as given, without a folder
        assert not any(word.startswith("/") for word in told["command"].split()), path.name
        assert told["tested_on"]["pictures"] == told["reached"][0]["samples"]
        assert {one["method"] for one in told["reached"]} == {line["method"] for line in told["summary"]}
        taught = told["recipe"].get("teacher", 0)
        assert f" --teacher {taught}" in told["command"] or not taught
        place = (told["model"], told["split"], taught)
        (record,) = [one for one in recorded() if (one.model, one.split, one.teacher) == place]
        assert told["command"] in record.commands
        for line in record.summary:
            assert line.seeds == 3 or not told["model"].startswith("digits"), (path.name, line.method)
            assert 0.5 < line.accuracy <= 1
            floats = 4 * math.prod(told["shape"])
            if line.control:
                assert line.payload_bytes == floats + 37  # the header
            else:
                assert line.payload_bytes < floats / 2


def test_the_shipped_records_can_be_read():
    found = {(one.model, one.split): one for one in recorded()}
    for place in (("digits-resnet", "layer2"), ("digits-vit", "blocks.2"), ("digits-convnext", "stages.1")):
        lines = {line.method: line for line in found[place].summary}
        assert {"refbase", "qcnet-h", "refqat"} <= set(lines)
        assert lines["qcnet-h"].payload_bytes == lines["refbase"].payload_bytes
        assert all(command.startswith("workbench train ") for command in found[place].commands)
        assert claims(found[place])


def test_what_the_training_app_shows_of_the_shipped_records():
    """Each network and split once, a search beside the methods of its cut, every command its own."""
    from workbench.session.training_work import Trainer

    problems = []
    every = Trainer().earlier(problems.append)
    found = {one.place: one for one in every}
    assert len(found) == len(every) and problems == []
    told = found["digits-resnet at layer2"]
    assert {line.method for line in told.summary} >= {"refbase", "qcnet-h", "refqat"}
    assert len(told.tried) == 18 and " --search " in told.search_command
    assert told.search_times.startswith("taken with")
    assert not any(" --search " in command for one in found.values() for command in one.commands)
    assert found["digits-convnext at stages.1"].search_command == ""


def test_the_shipped_searches_can_be_read():
    for one in searched():
        best = max(tried.accuracy for tried in one.tried)
        assert any(tried.front and tried.accuracy == best for tried in one.tried)
        assert one.command.startswith("workbench train ")


def test_hecs_is_ahead_at_every_number_of_measurements_in_the_shipped_record():
    lines = recoveries()
    assert set(lines) == {"hecs", "lasso", "vae"}
    for ours, *others in zip(*(lines[way] for way in ("hecs", "lasso", "vae")), strict=True):
        for other in others:
            assert other[0] == ours[0]
            assert ours[1] + ours[2] < other[1] - other[2]


def test_rate_and_accuracy_of_all_ways_are_on_the_same_axes(tmp_path):
    points = [("a", 30.0, 0.9), ("b", 5.0, 0.5), ("a", 10.0, 0.7)]
    told = {"points": [{"way": way, "payload_bytes": size, "accuracy": share} for way, size, share in points]}
    (tmp_path / "hecs-rate-accuracy.json").write_text(json.dumps(told))
    assert rate_accuracy(tmp_path) == {"a": ((10.0, 0.7), (30.0, 0.9)), "b": ((5.0, 0.5),)}
    assert {"hecs-b", "jpeg", "webp", "context", "rans-csr"} <= set(rate_accuracy())
