"""The restored path against what training itself measured; a bundle that does not fit is refused."""

import numpy as np
import pytest
import torch
from torch import nn

import workbench as wb
from workbench.errors import SettingError, WeightsError
from workbench.neural import bundle
from workbench.neural.learned import codec_of
from workbench.neural.measuring import measure
from workbench.neural.methods import method
from workbench.neural.plans import Plan
from workbench.neural.training import Recipe, train
from workbench.pictures import load

QUICK = Recipe(Plan(epochs=3, batch=16), Plan("polynomial", epochs=2, batch=16, patience=0))


class Small(nn.Module):
    """Two convolutions and a linear layer, for pictures of 3x8x8 and ten classes."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(6, 8, 3, stride=2, padding=1), nn.ReLU())
        self.last = nn.Linear(8, 10)

    def forward(self, pictures):
        return self.last(self.second(self.first(pictures)).mean((2, 3)))


@pytest.fixture(scope="module")
def small():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        classes = [str(digit) for digit in range(10)]
        return wb.load_model(
            Small(), input_size=(3, 8, 8), mean=(0.0,) * 3, std=(1.0,) * 3, classes=classes, weights=None
        )


@pytest.fixture(scope="module")
def split(small):
    return wb.split(small, "first")


@pytest.fixture(scope="module")
def digits():
    """40 held-out digits."""
    return load("digits").sample(40)


@pytest.fixture(scope="module")
def tensors(small, digits):
    labels = torch.tensor([int(label) for label in digits.labels])
    return small.preprocess([picture.image for picture in digits]), labels


@pytest.fixture(scope="module")
def restorer(split, tensors):
    return train(method("qcnet-h"), split, *tensors, recipe=QUICK, seed=3)


def test_both_paths_are_what_training_measured(small, split, digits, tensors, restorer):
    report = wb.fidelity(small, split, pictures=digits, restorer=restorer)
    expected = measure(restorer.chain, codec_of(restorer), *tensors)
    decoded, restored = report.path("decoded"), report.path("restored")
    assert (report.restorer, report.codec) == ("qcnet-h", "onebit")
    assert report.payload_bytes.mean == expected.payload_bytes
    assert restored.accuracy.value == expected.accuracy
    assert restored.value("mse") == pytest.approx(expected.restored.mse, rel=1e-4)
    assert restored.value("cosine") == pytest.approx(expected.restored.cosine, rel=1e-4)
    assert decoded.value("mse") == pytest.approx(expected.plain.mse, rel=1e-4)
    assert restored.value("mse") != decoded.value("mse")


def test_the_decoded_path_has_the_networks_own_server_part(small, split, digits, restorer):
    codec = codec_of(restorer)
    with_it = wb.fidelity(small, split, codec, digits, restorer=restorer).path("decoded")
    without = wb.fidelity(small, split, codec, digits).path("decoded")
    assert with_it.agreement == without.agreement and with_it.value("kl") == without.value("kl")


def test_a_bundle_gives_what_the_trained_method_gives(small, split, digits, restorer, tmp_path):
    path = tmp_path / "qcnet.safetensors"
    bundle.save(restorer, path)
    store = wb.SampleStore()
    first = wb.fidelity(small, split, pictures=digits, restorer=restorer, store=store)
    ran = [entry for entry in store.log if entry.computed]
    second = wb.fidelity(small, split, "onebit", digits, restorer=str(path), store=store)
    assert [
        entry for entry in store.log if entry.computed
    ] == ran  # the same weights are known by their digest
    assert first.path("restored").value("mse") == second.path("restored").value("mse")
    assert f"restorer={str(path)!r}" in second.call


def test_another_lossless_step_is_taken_and_other_settings_are_refused(small, split, digits, restorer):
    plain = wb.fidelity(small, split, wb.codec("onebit", lossless="none"), digits, restorer=restorer)
    assert plain.settings["lossless"] == "none"
    assert plain.path("restored").value("mse") == pytest.approx(
        wb.fidelity(small, split, pictures=digits, restorer=restorer).path("restored").value("mse")
    )
    with pytest.raises(SettingError, match="onebit with bits 1, not 2"):
        wb.fidelity(small, split, wb.codec("onebit", bits=2), digits, restorer=restorer)
    with pytest.raises(WeightsError, match="trained for the codec 'onebit', not 'uniform'"):
        wb.fidelity(small, split, "uniform", digits, restorer=restorer)


def test_a_restorer_of_another_split_or_no_bundle_is_refused(small, digits, restorer, tmp_path):
    with pytest.raises(WeightsError, match=r"cut at 'first', not for .* cut at 'second'"):
        wb.fidelity(small, "second", pictures=digits, restorer=restorer)
    with pytest.raises(WeightsError, match="there is no bundle"):
        wb.fidelity(small, "first", pictures=digits, restorer=tmp_path / "gone.safetensors")
    bundle.save(restorer, tmp_path / "b.safetensors")
    with pytest.raises(WeightsError, match="for the split 'first', not 'second'"):
        wb.fidelity(small, "second", pictures=digits, restorer=tmp_path / "b.safetensors")


def test_a_method_with_its_own_edge_part_sends_its_own_features(small, split, digits, tensors):
    trained = train(method("refqat"), split, *tensors, recipe=QUICK, seed=1)
    report = wb.fidelity(small, split, pictures=digits, restorer=trained)
    expected = measure(trained.chain, codec_of(trained), *tensors, target=split.edge_part)
    assert report.payload_bytes.mean == expected.payload_bytes
    assert report.path("restored").accuracy.value == expected.accuracy
    assert report.path("restored").value("mse") == pytest.approx(expected.restored.mse, rel=1e-4)
    assert any("its own edge part" in note for note in report.notes)


def test_a_learned_codec_goes_with_its_server_part(small, split, digits, tensors):
    trained = train(method("hecs-b", measurements=7), split, *tensors, recipe=QUICK)
    report = wb.fidelity(small, split, pictures=digits, restorer=trained)
    expected = measure(trained.chain, codec_of(trained), *tensors)
    assert report.codec == "hecs-b" and report.payload_bytes.mean == expected.payload_bytes
    assert report.path("restored").accuracy.value == expected.accuracy


def test_three_panels_and_three_maps(small, split, digits, restorer):
    store = wb.SampleStore()
    space = wb.feature_space(small, split, pictures=digits, restorer=restorer, store=store)
    assert [panel.path for panel in space.panels] == ["original", "decoded", "restored"]
    assert all(panel.points.shape == (40, 2) and np.isfinite(panel.points).all() for panel in space.panels)
    maps = wb.channel_maps(small, split, pictures=digits, restorer=restorer, sample=2, store=store)
    assert set(maps.maps) == set(maps.errors) == set(maps.collapsed) == {"decoded", "restored"}
    assert maps.original.shape == maps.maps["restored"].shape == (6, 8, 8)
    assert maps.errors["restored"] == pytest.approx((maps.difference("restored") ** 2).mean((1, 2)), rel=1e-5)
