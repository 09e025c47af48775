"""`workbench models`, `split-points`, `codecs`, `links`: tables that line up, JSON that says the same."""

import json

import pytest
from typer.testing import CliRunner

import workbench as wb
from workbench.cli.app import COMMANDS, app


def call(*words):
    """Exit code, stdout and stderr of `workbench words...`."""
    result = CliRunner().invoke(app, [str(word) for word in words], prog_name="workbench")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def told(*words):
    """What it prints as JSON."""
    code, out, err = call(*words, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def test_the_demo_networks_come_first_and_without_timm():
    names = [entry["name"] for entry in told("models")]
    assert names == ["digits-convnext", "digits-resnet", "digits-vit"]
    code, out, _ = call("models")
    assert code == 0 and "99." in out and "workbench models PATTERN" in out


def test_networks_by_pattern():
    names = [entry["name"] for entry in told("models", "resnet50")]
    assert "resnet50" in names and "torchvision/resnet50" in names and len(names) < 200


def test_no_such_network_is_exit_code_2_with_the_nearest():
    code, out, err = call("models", "resnett50")
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert "resnet50" in err


def test_split_points_say_what_the_api_says(resnet):
    points = wb.split_points(resnet)
    found = told("split-points", "digits-resnet")
    assert [point["name"] for point in found["points"]] == [point.name for point in points]
    assert [point["fp32_bytes"] for point in found["points"]] == [point.fp32_bytes for point in points]
    assert found["weights"] == "trained"


def test_split_points_as_a_table():
    code, out, _ = call("split-points", "digits-resnet")
    row = next(line for line in out.splitlines() if line.startswith("layer2 "))
    assert code == 0 and "128x8x8" in row and "32.8 kB" in row and "8,192 B" in row
    assert out.startswith("digits-resnet, trained on scikit-learn's digits; 99.56 % of 450 held-out pictures")


def test_codecs_list_every_setting_with_its_range():
    found = {entry["name"]: entry for entry in told("codecs")}
    assert set(found) == {entry.name for entry in wb.codecs()}
    bits = next(known for known in found["uniform"]["settings"] if known["name"] == "bits")
    assert (bits["kind"], bits["minimum"], bits["maximum"], bits["default"]) == ("int", 1, 16, 8)
    code, out, _ = call("codecs", "rans-csr")
    assert code == 0 and "1 to 8" in out and "onebit" not in out


def test_links_and_what_they_take():
    found = {entry["name"]: entry for entry in told("links", "--bytes", 14903)}
    assert found["ble5"]["latency_s"] == wb.link("ble5").latency(14_903)
    assert found["4g"]["parameters"]["bandwidth_bps"] == {"value": 12e6, "unit": "bit/s"}
    code, out, _ = call("links", "--bytes", 14903)
    assert code == 0 and "93.3 ms" in out and "3.00 ms" in out


def test_one_link_with_numbers_changed_and_one_of_ones_own():
    (outage,) = told("links", "epsilon-outage", "--bytes", 3.24e6, "--set", "snr_db=10")
    assert round(outage["latency_s"], 1) == 6.6
    (mine,) = told("links", "mine", "--set", "bandwidth_bps=1e6", "--set", "rtt_s=0.5", "--bytes", 125000)
    assert mine["latency_s"] == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("codecs", "uniforn"), "did you mean 'uniform'?"),
        (("split-points", "digits-resnt"), "did you mean 'digits-resnet'"),
        (("split-points", "digits-resnet", "--input-size", "big"), "CxHxW"),
        (("split-points", "digits-resnet", "--mean", "a,b"), "must be numbers"),
        (("links", "ble6"), "did you mean 'ble5'?"),
        (("links", "mine", "--set", "bandwidth_bps=-1"), "must be a number above 0 bit/s"),
        (("links", "4g", "--set", "rtt"), "--set takes name=value"),
        (("links", "4g", "--set", "rtt=1"), "did you mean 'rtt_s'"),
        (("links", "--set", "rtt_s=1"), "name it"),
        (("links", "--bytes", "-5"), "cannot have -5"),
    ],
)
def test_what_is_wrong_is_one_line_on_stderr_and_exit_code_2(words, said):
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    assert err.startswith("workbench: ") and err.count("\n") == 1 and said in err


@pytest.mark.parametrize(
    "words", [("nonsense",), ("models", "--nonsense"), ("links", "--bytes", "many"), ("run",)]
)
def test_unknown_commands_and_options_are_exit_code_2(words):
    code, out, err = call(*words)
    assert (code, out) == (2, "") and err


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_examples_and_json(name):
    code, out, _ = call(name, "--help")
    assert code == 0 and f"workbench {name}" in out.split("Examples:")[1] and "--json" in out
