"""`workbench run` says what `wb.run` says, and refuses what cannot be."""

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

import workbench as wb
from workbench.cli.app import app
from workbench.cli.choices import settings_for

QUICK = ("--samples", "4", "--repeats", "1")


def call(*words):
    """Exit code, stdout and stderr of `workbench run words...`."""
    result = CliRunner().invoke(app, ["run", *map(str, words)], prog_name="workbench")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_json_is_the_trial(resnet):
    words = ("digits-resnet", "--split", "layer3", "--codec", "uniform", "--set", "bits=3", "--link", "ble5")
    code, out, err = call(*words, *QUICK, "--json")
    assert (code, err) == (0, "")
    trial = wb.run(resnet, "layer3", wb.codec("uniform", bits=3), link="ble5", samples=4, repeats=1)
    found = json.loads(out)
    for name in ("payload_bytes", "mse", "cosine", "agreement", "accuracy"):
        assert found["quantities"][name]["value"] == trial.quantities[name].value
    assert found["settings"] == {"bits": 3, "lossless": "none"}
    assert found["latency"]["transfer"]["value"] == trial.latency.transfer.value
    assert found["quantities"]["payload_bytes"]["origin"] == "measured"


def test_the_table_has_units_origins_and_the_three_ways():
    code, out, _ = call("digits-resnet", "--split", "layer3", *QUICK)
    assert code == 0
    assert out.startswith("digits-resnet cut at layer3, rans-csr (bits=4, rows=algorithm1) over lte-cat4\n")
    payload = next(line for line in out.splitlines() if line.startswith("payload bytes"))
    assert " B " in payload and "measured" in payload
    assert "all on the board  all on the server" in out and "computed" in out
    total = next(line for line in out.splitlines() if line.startswith("  total"))
    assert total.count("s") == 3


def test_random_weights_are_shouted():
    code, out, _ = call(
        "test_resnet", "--no-pretrained", "--split", "layer2", "--images", "photographs", *QUICK
    )
    assert code == 0 and "RANDOM WEIGHTS" in out


def test_an_own_link_and_an_own_folder(tmp_path):
    (tmp_path / "3").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "3" / "one.png")
    words = ("digits-resnet", "--split", "layer4", "--images", tmp_path, "--repeats", 1, "--json")
    code, out, _ = call(*words, "--link", "mine", "--link-set", "bandwidth_bps=1e3", "--link-set", "rtt_s=7")
    found = json.loads(out)
    assert code == 0 and found["samples"] == 1 and found["link"] == "mine"
    payload = found["quantities"]["payload_bytes"]["value"]
    assert found["latency"]["transfer"]["value"] == pytest.approx(7 + 8 * payload / 1e3)
    assert "accuracy" in found["quantities"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("digits-resnt", "--split", "layer2"), "did you mean 'digits-resnet'"),
        (("digits-resnet", "--split", "layer22"), "did you mean 'layer2'"),
        (("digits-resnet", "--split", "layer2", "--codec", "uniforn"), "did you mean 'uniform'"),
        (("digits-resnet", "--split", "layer2", "--set", "bit=4"), "did you mean 'bits'"),
        (("digits-resnet", "--split", "layer2", "--set", "bits=9"), "from 1 to 8"),
        (("digits-resnet", "--split", "layer2", "--set", "bits=four"), "'four'"),
        (("digits-resnet", "--split", "layer2", "--set", "bits"), "name=value"),
        (("digits-resnet", "--split", "layer2", "--link", "ble6"), "did you mean 'ble5'"),
        (("digits-resnet", "--split", "layer2", "--images", "digts"), "did you mean 'digits'"),
        (("digits-resnet", "--split", "layer2", "--images", __file__), "is no picture"),
        (("digits-resnet", "--split", "layer2", "--samples", "0"), "at least 1"),
        (("digits-resnet", "--split", "layer2", "--repeats", "0"), "from 1 to 1000"),
        (("json:loads", "--split", "layer2"), "json"),
    ],
)
def test_what_is_wrong_is_one_line_on_stderr_and_exit_code_2(words, said):
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    assert err.startswith("workbench: ") and err.count("\n") == 1 and said in err


def test_a_split_is_required():
    code, out, err = call("digits-resnet")
    assert (code, out) == (2, "") and "--split" in err


@pytest.mark.parametrize(
    ("codec", "pairs", "expected"),
    [
        ("uniform", ["bits=4", "lossless=none"], {"bits": 4, "lossless": "none"}),
        ("rans-csr", ["rows=exact"], {"rows": "exact"}),
        ("rans-csr", ["rows= 64 "], {"rows": 64}),
        ("onebit", ["thresholds=0.5", "levels=0,1.5"], {"thresholds": (0.5,), "levels": (0, 1.5)}),
        ("raw", ["dtype=float16"], {"dtype": "float16"}),
    ],
)
def test_settings_are_read_as_the_codec_declares_them(codec, pairs, expected):
    assert settings_for(codec, pairs) == expected
    assert wb.codec(codec, **settings_for(codec, pairs)).settings().items() >= expected.items()


def test_a_want_of_memory_is_exit_code_2(monkeypatch):
    def full(*words, **settings):
        raise MemoryError("9 GB wanted")

    monkeypatch.setattr("workbench.models.loading.load_model", full)
    monkeypatch.setattr("workbench.models.load_model", full, raising=False)
    code, out, err = call("digits-resnet", "--split", "layer2")
    assert (code, out) == (2, "") and "not enough memory: 9 GB wanted" in err


def test_times_that_cannot_be_trusted_are_marked(monkeypatch):
    from workbench.experiments import trial

    monkeypatch.setattr(trial, "unsteady", lambda seconds: True)
    code, out, _ = call("digits-resnet", "--split", "layer3", *QUICK)
    assert code == 0 and "unsteady, as the machine was busy: edge, encode" in out
