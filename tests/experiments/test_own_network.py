"""A network and pictures that a user brings: through the public API and through the command line.

Runs where WORKBENCH_REAL names a folder with a trained CIFAR ResNet-20, its definition, and an ImageFolder.
"""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

import workbench as wb
from workbench.cli.app import app
from workbench.pictures import load

pytestmark = pytest.mark.skipif("WORKBENCH_REAL" not in os.environ, reason="WORKBENCH_REAL is not set")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def real():
    return Path(os.environ["WORKBENCH_REAL"])


@pytest.fixture
def on_path(real, monkeypatch):
    monkeypatch.syspath_prepend(str(real))


@pytest.fixture
def network(real, on_path):
    from cifar_resnet import CifarResNet

    return wb.load_model(
        CifarResNet(20),
        weights=real / "cifar_resnet20.safetensors",
        input_size=(3, 32, 32),
        mean=MEAN,
        std=STD,
        classes=load(real / "cifar10" / "test").classes,
    )


def test_accuracy_of_the_unsplit_network_is_the_known_one(real, network):
    trial = wb.run(network, "layer3", wb.codec("raw"), real / "cifar10" / "test", samples=1000, repeats=1)
    assert trial.samples == 1000
    assert 0.80 < trial.quantities["accuracy_unsplit"].value < 0.82
    assert trial.quantities["agreement"].value == 1.0


def test_fewer_bits_are_fewer_bytes_and_less_faithful(real, network):
    def of(bits):
        codec = wb.codec("rans-csr", bits=bits)
        return wb.run(network, "layer2", codec, real / "cifar10" / "test", samples=100, repeats=1).quantities

    eight, four, two = of(8), of(4), of(2)
    assert eight["payload_bytes"].value > four["payload_bytes"].value > two["payload_bytes"].value
    assert eight["mse"].value < four["mse"].value < two["mse"].value
    assert eight["agreement"].value > 0.97 > two["agreement"].value


def test_every_cut_gives_the_answer_back(real, network):
    pictures = load(real / "cifar10" / "test").sample(10)
    for point in wb.split_points(network):
        trial = wb.run(network, point, "raw", pictures, repeats=1)
        assert trial.quantities["agreement"].value == 1.0, point.name


def test_the_same_through_the_command_line(real, network, tmp_path):
    classes = tmp_path / "classes.txt"
    classes.write_text("\n".join(network.classes))
    words = (
        *("run", "cifar_resnet:CifarResNet", "--weights", real / "cifar_resnet20.safetensors"),
        *("--input-size", "3x32x32", "--mean", ",".join(map(str, MEAN)), "--std", ",".join(map(str, STD))),
        *("--classes", classes, "--images", real / "cifar10" / "test", "--split", "layer2"),
        *("--codec", "uniform", "--set", "bits=4", "--samples", 50, "--repeats", 1, "--json"),
    )
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    codec = wb.codec("uniform", bits=4)
    trial = wb.run(network, "layer2", codec, real / "cifar10" / "test", samples=50, repeats=1)
    for name in ("payload_bytes", "mse", "agreement", "accuracy", "accuracy_unsplit"):
        assert found["quantities"][name]["value"] == trial.quantities[name].value


def test_photographs_of_a_flat_folder(real, network):
    trial = wb.run(network, "layer1", "onebit", real / "imagenet100", samples=20, repeats=1)
    assert trial.samples == 20 and "accuracy" not in trial.quantities
    assert "imagenet100 that are not measured" in trial.context["calibration"]
