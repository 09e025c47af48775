"""Bundles by name: the shipped one works around its network, own ones are found, what is none is refused."""

import dataclasses
import json
import shutil
import struct

import numpy as np
import pytest

import workbench as wb
from workbench.errors import WeightsError
from workbench.experiments.bundles import bundle, bundles
from workbench.paths import shipped

NAME = "digits-resnet-layer2-qcnet-h"


def write(path, metadata):
    head = json.dumps({"__metadata__": metadata}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head)


def test_the_shipped_bundle_says_what_it_was_trained_for():
    found = bundle(NAME)
    assert found in bundles()
    assert found[2:] == ("qcnet-h", "digits-resnet", "layer2", "onebit")
    assert found.path == shipped("data") / "bundles" / f"{NAME}.safetensors"
    assert found.path.stat().st_size < 4_000_000


def test_the_shipped_bundle_restores_the_features_of_its_network():
    report = wb.fidelity("digits-resnet", "layer2", pictures="digits", restorer=bundle(NAME).path, samples=60)
    decoded, restored = (report.path(name).value("cosine") for name in ("decoded", "restored"))
    assert decoded == pytest.approx(0.85, abs=0.02)
    assert restored == pytest.approx(0.98, abs=0.01)
    assert report.path("restored").accuracy.hits >= 59


def test_a_bundle_is_loaded_by_its_name_around_its_own_network_or_a_split_that_is_given():
    trained = wb.load_bundle(NAME)
    assert (trained.method.name, trained.split.model.name, trained.split.point.name) == (
        "qcnet-h", "digits-resnet", "layer2",
    )  # fmt: skip
    given = wb.split(wb.load_model("digits-resnet"), "layer2")
    again = wb.load_bundle(bundle(NAME).path, given, codec=wb.codec("onebit"))
    assert again.split is given
    picture = given.model.preprocess([np.zeros((32, 32, 3), np.uint8)])
    assert np.array_equal(again.chain(picture).numpy(), trained.chain(picture).numpy())


def test_a_bundle_for_another_place_is_refused_by_name():
    model = wb.load_model("digits-resnet")
    with pytest.raises(WeightsError, match="for the split 'layer2', not 'layer3'"):
        wb.load_bundle(NAME, wb.split(model, "layer3"))
    with pytest.raises(WeightsError, match="for the codec 'onebit', not 'uniform'"):
        wb.load_bundle(NAME, wb.split(model, "layer2"), codec=wb.codec("uniform"))


def test_a_bundle_of_an_own_network_asks_for_its_split(tmp_path):
    facts = {"codec": None, "method": "refae", "model": "mynets.py:Net", "split": "layer2"}
    write(tmp_path / "a.safetensors", {"workbench": json.dumps(facts)})
    with pytest.raises(
        WeightsError, match=r"'mynets\.py:Net', which cannot .* split=wb\.split\(model, 'layer2'\)"
    ):
        wb.load_bundle(tmp_path / "a.safetensors")


def test_own_bundles_are_found_by_name_and_others_by_path(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_BUNDLES", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    shutil.copy(bundle(NAME).path, tmp_path / "own" / "mine.safetensors")
    write(tmp_path / "own" / "checkpoint.safetensors", {"workbench": json.dumps({"epoch": 3})})
    assert [one.name for one in bundles()] == [NAME, "mine"]
    assert bundle("mine").path == tmp_path / "own" / "mine.safetensors"
    elsewhere = tmp_path / "elsewhere.safetensors"
    shutil.copy(bundle(NAME).path, elsewhere)
    assert bundle(elsewhere).name == str(elsewhere) and bundle(elsewhere).split == "layer2"


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"workbench": json.dumps({"epoch": 3})}, "does not say its 'codec'"),
        ({"workbench": json.dumps({"codec": None, "method": 1, "model": "a", "split": "b"})}, "no text"),
        ({"workbench": "[]"}, "no table"),
        (
            {"workbench": json.dumps({"codec": "refae"})},
            r"codec 'refae' alone, for wb\.codec\('refae', weights=",
        ),
        ({"other": "{}"}, "cannot be read"),
        ({"workbench": "{"}, "cannot be read"),
    ],
)
def test_what_is_no_bundle_is_refused_with_why(tmp_path, metadata, said):
    write(tmp_path / "a.safetensors", metadata)
    with pytest.raises(WeightsError, match=said):
        bundle(tmp_path / "a.safetensors")


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 64, np.arange(9).tobytes()])
def test_any_other_file_is_refused(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read"):
        bundle(tmp_path / "a.safetensors")


def test_a_name_that_nobody_knows_is_said_with_those_that_are_known():
    with pytest.raises(WeightsError, match=f"no bundle 'gone'; known: {NAME}"):
        bundle("gone")


@pytest.mark.slow  # trains
def test_what_the_training_app_trained_is_found_by_its_name(tmp_path, monkeypatch):
    from workbench.neural import pictures
    from workbench.session.training_work import Trainer, Wanted

    def few(model, learn):
        return tuple(type(one)(one.pictures[:48], one.labels[:48]) for one in real(model, learn))

    real = pictures.training_pictures
    monkeypatch.setattr(pictures, "training_pictures", few)
    monkeypatch.setenv("WORKBENCH_BUNDLES", str(tmp_path))
    reached, kept = [], []
    wanted = Wanted(split="layer3", methods=("qcnet-c", "refae"), epochs=1, labels=False)
    Trainer().train(wanted, lambda *_progress: None, lambda _curve: None, reached.append, kept.append)
    assert [one.method for one in reached] == [one.method for one in kept] == ["qcnet-c", "refae"]
    assert [one.name for one in bundles()] == [NAME, *(one.name for one in kept)]  # not the codec's weights
    found = bundle("digits-resnet-layer3-qcnet-c-0")
    assert found.path.parent == tmp_path and found.split == "layer3"
    report = wb.fidelity("digits-resnet", "layer3", pictures="digits", restorer=found.path, samples=8)
    assert report.restorer == "qcnet-c" and report.codec == "onebit"
    compensator, learned = kept
    assert (compensator.name, compensator.weights) == (found.name, "")
    assert compensator.folder == learned.folder == str(tmp_path)
    codec = wb.codec("refae", weights=learned.weights)
    trained = wb.load_bundle(learned.name)
    report = wb.fidelity("digits-resnet", "layer3", pictures="digits", restorer=trained, samples=8)
    assert report.codec == "refae"
    features = np.abs(np.random.default_rng(7).normal(size=trained.split.point.shape)).astype(np.float32)
    assert wb.decode(codec.encode(features)).shape == features.shape
    before = found.path.read_bytes()
    taught = dataclasses.replace(wanted, methods=("qcnet-c",), finetune_epochs=1, teacher=1.0)
    Trainer().train(taught, lambda *_progress: None, lambda _curve: None, reached.append, kept.append)
    assert kept[-1].name == "digits-resnet-layer3-qcnet-c-0-teacher1"
    assert bundle(kept[-1].name).path.exists() and found.path.read_bytes() == before
