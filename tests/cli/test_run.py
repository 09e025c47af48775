"""`workbench run` says what `wb.run` says, and refuses what cannot be."""

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

import workbench as wb
from workbench.cli.app import app
from workbench.cli.choices import settings_for
from workbench.pictures import load

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


WITH_METRICS = (
    "digits-resnet",
    "--split",
    "layer3",
    "--codec",
    "uniform",
    "--set",
    "bits=3",
    "--repeats",
    "1",
)


def test_all_metrics_are_those_of_fidelity(resnet):
    code, out, err = call(*WITH_METRICS, "--metrics", "all", "--samples", "9", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)["fidelity"]
    expected = wb.fidelity(resnet, "layer3", wb.codec("uniform", bits=3), samples=9)
    path = expected.path("decoded")
    for name in ("mse", "relative_mse", "psnr", "cosine", "ssim", "kl"):
        assert found["paths"]["decoded"][name]["mean"] == pytest.approx(path.value(name), rel=1e-4)
    for name in ("agreement", "agreement_top5", "accuracy"):
        assert found["paths"]["decoded"][name]["value"] == path.value(name)
    assert found["paths"]["decoded"]["cka"] == pytest.approx(path.cka, rel=1e-4)
    assert found["payload_bytes"]["mean"] == expected.payload_bytes.mean
    assert (found["samples"], found["codec"]) == (9, "uniform")


def test_the_table_has_a_metric_a_row(resnet):
    code, out, _ = call(*WITH_METRICS, "--metrics", "all", "--samples", "9")
    assert code == 0
    table = out.split("fidelity over 9 samples of digits")[1].splitlines()
    rows = {line.split("  ")[0]: line for line in table if "  " in line}
    path = wb.fidelity(resnet, "layer3", wb.codec("uniform", bits=3), samples=9).path("decoded")
    assert "decoded" in table[1] and " dB" in rows["psnr"] and " nat" in rows["kl"]
    assert f"{path.value('ssim'):.3f}" in rows["ssim"]
    assert f"{100 * path.agreement.value:.1f} %" in rows["agreement"] and "Wilson" in rows["accuracy"]


def test_some_metrics_and_no_other():
    code, out, _ = call(
        *WITH_METRICS, "--metrics", "ssim, cosine", "--data", "photographs", "--samples", "3", "--json"
    )
    numbers = json.loads(out)["fidelity"]["paths"]["decoded"]
    assert code == 0 and set(numbers) == {"ssim", "cosine", "notes"}
    code, out, _ = call(*WITH_METRICS, "--metrics", "accuracy", "--data", "photographs", "--samples", "3")
    assert code == 0 and "not here: accuracy" in out


def test_without_metrics_there_is_no_fidelity():
    code, out, _ = call("digits-resnet", "--split", "layer3", *QUICK, "--json")
    assert code == 0 and "fidelity" not in json.loads(out)


def test_a_bundle_adds_the_restored_path(resnet, tmp_path):
    from workbench.neural import bundle
    from workbench.neural.methods import method
    from workbench.neural.training import Trained

    split = wb.split(resnet, "layer4")
    features = split.edge_part(
        resnet.preprocess([picture.image for picture in load("digits").sample(8)])
    ).detach()
    chain = method("refbase").chain(split, features, 0).eval()
    bundle.save(Trained(method("refbase"), split, chain, 0), tmp_path / "r.safetensors")
    words = ("digits-resnet", "--split", "layer4", "--restorer", tmp_path / "r.safetensors", *QUICK)
    code, out, _ = call(*words, "--json")
    found = json.loads(out)
    assert code == 0 and found["codec"] == "onebit" and found["fidelity"]["restorer"] == "refbase"
    assert set(found["fidelity"]["paths"]) == {"decoded", "restored"}
    assert found["settings"]["thresholds"] == list(chain.codec.thresholds)
    code, out, _ = call(*words)
    assert code == 0 and "restorer: refbase" in out and "decoded" in out and "restored" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--metrics", "sim"), "did you mean 'ssim'"),
        (("--metrics", " , "), "--metrics is empty"),
        (("--restorer", "gone.safetensors"), "there is no bundle 'gone.safetensors'"),
        (("--restorer", "gone.safetensors", "--set", "bits=3"), "--set needs --codec"),
        (("--restorer", __file__, "--codec", "onebit"), "must be a safetensors file"),
        (("--data", "torchvision/CIFAR11", "--metrics", "all"), "CIFAR10"),
    ],
)
def test_what_is_wrong_with_metrics_is_exit_code_2(words, said):
    code, out, err = call("digits-resnet", "--split", "layer4", *words)
    assert (code, out) == (2, "") and err.count("\n") == 1 and said in err
