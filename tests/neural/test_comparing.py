"""Methods side by side: mean and spread by hand, one record a method and seed, pictures from folders."""

import dataclasses
import json
import statistics

import numpy as np
import pytest
import torch
from PIL import Image

import workbench as wb
from workbench.errors import InputError
from workbench.neural import bundle
from workbench.neural.comparing import Pictures, compare, summarise
from workbench.neural.methods import METHODS, method
from workbench.neural.pictures import training_pictures
from workbench.neural.plans import Plan
from workbench.neural.training import Recipe
from workbench.records import Closeness, Reached

QUICK = Recipe(Plan(epochs=2, batch=16), Plan("polynomial", epochs=2, batch=16, patience=0))


def _reached(name, seed, accuracy, ssim=None):
    near = Closeness(1.0, 0.5, 0.9, ssim)
    return Reached(
        "net", "cut", name, seed, 10, accuracy, 0.9, None, 100.0 + seed, near, None, 0.1 * seed, 0.2, 5, 6
    )


def test_mean_and_spread_by_hand():
    runs = [_reached("b", 0, 0.5), _reached("a", 0, 0.9), _reached("b", 1, 0.7), _reached("b", 2, 0.9)]
    first, second = summarise(runs)
    assert (first.method, second.method) == ("b", "a")
    assert first.accuracy == pytest.approx(0.7)
    assert first.accuracy_std == pytest.approx(0.2)  # divides by n - 1
    assert first.payload_bytes == 101.0
    assert first.board_s == pytest.approx(0.1)
    assert first.ssim is first.accuracy_before is None
    assert (second.seeds, second.accuracy_std) == (1, 0.0)


def test_a_control_is_told_from_the_methods():
    assert {name for name in METHODS if method(name).control} == {"float-server", "float-network"}
    names = ("qcnet-h", "float-server", "float-network", "own")
    found = {line.method: line.control for line in summarise([_reached(name, 0, 0.9) for name in names])}
    assert found == {"qcnet-h": False, "float-server": True, "float-network": True, "own": False}


def test_without_labels_there_is_no_accuracy_at_all():
    (line,) = summarise([_reached("a", 0, None, ssim=0.25)])
    assert (line.accuracy, line.accuracy_std, line.ssim) == (None, None, 0.25)


def test_every_method_with_every_seed_and_a_bundle_of_each(small_split, coloured, tmp_path):
    learn, test = Pictures(*(part[:48] for part in coloured)), Pictures(*(part[48:] for part in coloured))
    methods = [method("refbase"), method("qcnet-c"), method("refae")]
    found = list(compare(methods, small_split, learn, test, seeds=(0, 1), recipe=QUICK, folder=tmp_path))
    assert [(one.method, one.seed) for one in found] == [
        (name, seed) for seed in (0, 1) for name in ("refbase", "qcnet-c", "refae")
    ]
    assert all(one.samples == 12 and one.accuracy_unsplit == found[0].accuracy_unsplit for one in found)
    assert found[0].payload_bytes == found[1].payload_bytes != found[2].payload_bytes
    assert [one.plain is None for one in found[:3]] == [True, False, True]
    board = sum(weight.numel() for weight in small_split.edge_part.parameters())
    assert [one.parameters_board > board for one in found[:3]] == [False, False, True]
    json.dumps([one.to_dict() for one in found])
    again = bundle.load(tmp_path / "qcnet-c-1.safetensors", small_split)
    with torch.no_grad():
        right = (again.chain(test.pictures).argmax(1) == test.labels).float().mean().item()
    assert right == pytest.approx(found[4].accuracy)
    codec = wb.codec("refae", weights=tmp_path / "refae-0-codec.safetensors")
    features = small_split.edge_part(test.pictures[:1])[0].detach().numpy()
    assert wb.decode(codec.encode(features)).shape == features.shape
    assert statistics.fmean(found[0].curves[0].learning_rates) > 0


def test_no_test_pictures(small_split, coloured):
    with pytest.raises(InputError, match="no test pictures"):
        list(compare([method("refbase")], small_split, Pictures(*coloured), Pictures(coloured[0][:0], None)))


@pytest.fixture
def folder(tmp_path):
    for name in ("7", "3"):
        (tmp_path / name).mkdir()
        for at in range(5):
            grey = np.full((32, 32), 20 * int(name) + at, np.uint8)
            Image.fromarray(grey).save(tmp_path / name / f"{at}.png")
    return tmp_path


def test_pictures_of_a_folder_are_numbered_as_the_network_does(folder):
    model = wb.load_model("digits-convnext")
    learn, test = training_pictures(model, folder)
    assert test.labels.tolist() == [3, 7]  # every fifth
    assert sorted(learn.labels.tolist()) == [3] * 4 + [7] * 4
    assert learn.pictures.shape == (8, 3, 32, 32)
    own = dataclasses.replace(model, classes=None)
    assert sorted(training_pictures(own, folder)[0].labels.tolist()) == [0] * 4 + [1] * 4


def test_labels_that_the_network_does_not_know(folder):
    (folder / "7").rename(folder / "seven")
    with pytest.raises(InputError, match="labelled 'seven', but there is no class of digits-convnext"):
        training_pictures(wb.load_model("digits-convnext"), folder)


def test_digits_bring_their_own_test_pictures():
    learn, test = training_pictures(wb.load_model("digits-convnext"), "digits")
    assert (len(learn.pictures), len(test.pictures)) == (1347, 450)
    assert learn.labels.bincount().min() > 100
