"""`workbench train`: trains from a folder, writes what it says, refuses what cannot be."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import workbench as wb
from workbench.cli.app import app
from workbench.neural import bundle

QUICK = ("--epochs", "1", "--finetune-epochs", "1")


def call(*words):
    """Exit code, stdout and stderr of `workbench train words...`."""
    result = CliRunner().invoke(app, ["train", *map(str, words)], prog_name="workbench")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def folder(tmp_path):
    draw = np.random.default_rng(3)
    for name in ("1", "8"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for at in range(8):
            grey = draw.integers(0, 255, (32, 32), np.uint8)
            Image.fromarray(grey).save(tmp_path / "pictures" / name / f"{at}.png")
    return tmp_path / "pictures"


def test_trains_two_methods_with_two_seeds_and_writes_it_all_down(folder, tmp_path):
    out, record = tmp_path / "out", tmp_path / "deep" / "r.json"
    code, text, err = call(
        "digits-convnext", "--split", "stages.2", "--method", "qcnet-c", "--method", "refbase", "--seeds", 2,
        "--images", folder, "--out", out, "--record", record, "--json", *QUICK,
    )  # fmt: skip
    assert (code, err) == (0, "")
    told = json.loads(text)
    assert told == json.loads(record.read_text())
    assert [(one["method"], one["seed"]) for one in told["reached"]] == [
        ("qcnet-c", 0), ("refbase", 0), ("qcnet-c", 1), ("refbase", 1),
    ]  # fmt: skip
    assert [line["seeds"] for line in told["summary"]] == [2, 2]
    assert told["recipe"]["reconstruct"]["epochs"] == told["recipe"]["finetune"]["epochs"] == 1
    assert (told["learned_from"]["pictures"], told["tested_on"]["pictures"]) == (12, 4)
    assert told["torch_device"] in ("cpu", "cuda")
    split = wb.split(wb.load_model("digits-convnext"), "stages.2")
    assert bundle.load(out / "qcnet-c-1.safetensors", split).seed == 1


def test_a_killed_training_leaves_what_it_measured_and_names_no_folder_of_its_own(
    folder, tmp_path, monkeypatch
):
    """The record is written after each result, and calls the folder of own material by its variable."""
    from workbench.neural import comparing

    whole, record = comparing.compare, tmp_path / "r.json"

    def killed(*args, **options):
        yield next(whole(*args, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(comparing, "compare", killed)
    monkeypatch.setenv("WORKBENCH_REAL", str(folder.parent))
    monkeypatch.setattr("sys.argv", ["workbench", "train", "--images", str(folder)])
    words = ("--method", "refbase", "--method", "qcnet-c", "--first-seed", 4, "--images", folder, *QUICK)
    assert call("digits-convnext", "--split", "stages.2", *words, "--record", record)[0] == 130
    told = json.loads(record.read_text())
    assert [(one["method"], one["seed"]) for one in told["reached"]] == [("refbase", 4)]
    assert told["command"] == "workbench train --images $WORKBENCH_REAL/pictures"
    assert told["learned_from"]["source"] == "$WORKBENCH_REAL/pictures"


def test_the_table_says_which_method_is_a_control(folder):
    words = ("--method", "refbase", "--method", "float-server", "--images", folder, *QUICK)
    code, out, _ = call("digits-convnext", "--split", "stages.2", *words)
    assert code == 0
    names = [line.strip().split("  ")[0] for line in out.splitlines()]
    assert names.count("refbase") == names.count("float-server (control)") == 1


def test_without_labels_stage_one_alone(folder):
    code, out, err = call("digits-convnext", "--split", "stages.2", "--images", folder, "--no-labels", *QUICK)
    assert code == 0
    assert "qcnet-h, seed 0, note: no labels: stage 1 alone was trained" in err
    assert "digits-convnext at stages.2, unsplit" in out


def test_copies_and_a_teacher_reach_both_stages_and_the_record(folder, tmp_path):
    code, text, err = call(
        "digits-convnext", "--split", "stages.2", "--images", folder, "--no-labels", "--flip",
        "--whole-pixels", "--copies", 2, "--teacher", 1, "--temperature", 4,
        "--out", tmp_path / "out", "--json", *QUICK,
    )  # fmt: skip
    assert (code, err) == (0, "")
    told = json.loads(text)
    recipe = told["recipe"]
    assert (recipe["copies"], recipe["teacher"], recipe["temperature"]) == (2, 1.0, 4.0)
    varied = {"turn_degrees": 0, "scale": 0, "shift": 0.125, "flip": True, "whole": True}
    assert recipe["augmentation"] == varied
    (one,) = told["reached"]  # without labels, and yet stage 2 ran
    assert [curve["what"] for curve in one["curves"]] == ["qcnet-h, stage 1", "qcnet-h, stage 2"]
    assert one["notes"] == []
    assert one["accuracy"] is not None  # the folders name the classes of the test pictures


def test_settings_reach_the_method(folder):
    code, text, _ = call(
        "digits-convnext", "--split", "stages.2", "--method", "hecs-b", "--set", "measurements=3",
        "--images", folder, "--json", *QUICK,
    )  # fmt: skip
    assert code == 0
    assert json.loads(text)["reached"][0]["settings"] == {"measurements": 3, "rate_weight": 1.0}


def test_search_names_the_best_first_and_the_front(folder, tmp_path):
    words = ("digits-convnext", "--split", "stages.2", "--images", folder, "--search", tmp_path / "s.log")
    record = tmp_path / "search.json"
    code, text, _ = call(
        *words, "--approach", "pareto", "--candidates", 3, "--epochs", 2, "--json", "--record", record
    )
    assert code == 0
    found = json.loads(text)
    kept = json.loads(record.read_text())
    assert (kept["model"], kept["split"], kept["approach"]) == ("digits-convnext", "stages.2", "pareto")
    assert [one["loss"] for one in kept["candidates"]] == [one["loss"] for one in found]
    assert [one["front"] for one in kept["candidates"]] == [one["pareto"] for one in found]
    assert [one["number"] for one in found] == [0, 1, 2]
    assert any(one["pareto"] for one in found)
    code, text, _ = call(
        *words, "--approach", "pareto", "--candidates", 3
    )  # from the file, nothing is trained
    lines = [line.split() for line in text.splitlines()[3:]]
    best = min(found, key=lambda one: one["loss"])
    assert (lines[0][0], lines[0][1]) == (str(best["number"]), best["compensator"]["family"])


def test_a_search_ends_when_it_is_good_enough(folder, tmp_path):
    words = ("digits-convnext", "--split", "stages.2", "--images", folder, "--epochs", 1, "--json")
    code, text, _ = call(*words, "--search", tmp_path / "s.log", "--candidates", 4, "--target", 1e6)
    assert (code, len(json.loads(text))) == (0, 1)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--method", "qcnet"], "no method 'qcnet'; did you mean"),
        (["--set", "rows=2"], "qcnet-h cannot be made from {'rows': 2}"),
        (["--compensator", "h-vit"], "no compensator 'h-vit'; did you mean 'h-vit-b16'"),
        (["--images", "nowhere"], "nowhere"),
        (["--teacher", "2"], "teacher is 2.0; it must be a number from 0 (labels alone) to 1"),
        (["--copies", "-1"], "copies is -1; it must be a whole number from 0 to 1000"),
        (["--temperature", "0"], "temperature is 0.0; it must be a number from 0.1 to 100"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(words, complaint):
    code, _, err = call("digits-convnext", "--split", "stages.2", *words)
    assert code == 2
    assert complaint in err
    assert err.count("\n") == 1
