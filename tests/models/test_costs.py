"""Costs of a cut against numbers counted by hand on a network of four layers."""

import pytest
import torch
import torchvision

import workbench as wb
from workbench.models import probe, shapes
from workbench.models.costs import Costs


@pytest.fixture
def points(small):
    model = wb.load_model(small, input_size=(3, 8, 6))
    return {point.name: point for point in wb.split_points(model, deep=True, several=True)}


FIRST = 3 * 4 * 9  # weights of the first convolution, 3 to 4 channels, 3x3, no bias
SECOND = 4 * 4 * 9
PIXELS = 8 * 6


def test_macs_are_weights_times_places(points):
    whole = PIXELS * FIRST + PIXELS * SECOND + 4 * 5
    assert points["act"].macs_before == PIXELS * FIRST
    assert points["add"].macs_before == PIXELS * (FIRST + SECOND)
    assert {point.macs_before + point.macs_after for point in points.values()} == {whole}


def test_parameters_are_counted_where_they_are_used(points):
    assert points["act"].params_before == FIRST
    assert points["act"].params_after == SECOND + 4 + 4 * 5 + 5
    assert points["mean"].params_after == 4 * 5 + 5


def test_bytes_follow_from_the_shape(points):
    assert points["act"].shape == (4, 8, 6)
    assert points["act"].fp32_bytes == 4 * 4 * 8 * 6
    assert points["act"].int8_bytes == 4 * 8 * 6
    assert points["mean"].shapes == ((4,),)


def test_peak_memory_is_what_is_alive_at_once(points):
    picture, features = 4 * 3 * PIXELS, 4 * 4 * PIXELS
    assert points["first"].peak_activation_bytes == picture + features
    assert points["act"].peak_activation_bytes == 2 * features
    assert points["second"].peak_activation_bytes == 2 * features
    assert points["add"].peak_activation_bytes == 3 * features


def test_a_cut_with_several_tensors_lists_both(points):
    assert points["second"].shapes == ((4, 8, 6), (4, 8, 6))
    assert points["second"].elements == 2 * 4 * 8 * 6


def test_deep_cuts_lie_between_modules(points):
    assert points["add"].deep and points["mean"].deep
    assert not points["act"].deep
    assert list(points) == ["first", "act", "second", "add", "mean"]


def test_networks_whose_macs_are_published():
    """He et al. 2016, table 1: 1.8 billion for ResNet-18; Touvron et al. 2021: 4.6 for ViT-S/16 (DeiT-S)."""
    for name, macs, parameters in (
        ("resnet18", 1.814e9, 11_689_512),
        ("vit_small_patch16_224", 4.597e9, 22_050_664),
    ):
        model = wb.load_model(name, pretrained=False)
        first = wb.split_points(model)[0]
        assert first.macs_before + first.macs_after == pytest.approx(macs, rel=0.01)
        assert first.params_before + first.params_after == parameters == model.parameters


def test_a_parameter_that_both_parts_use_counts_in_both():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = torch.nn.Conv2d(3, 3, 1, bias=False)

        def forward(self, x):
            return self.mix(self.mix(x)).flatten(1)

    points = wb.split_points(wb.load_model(Twice(), input_size=(3, 4, 4)))
    assert [point.name for point in points] == ["mix", "mix@2"]
    assert (points[0].params_before, points[0].params_after) == (9, 9)
    assert (points[1].params_before, points[1].params_after) == (9, 0)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_layers_count(kind):
    class Scan(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scan = getattr(torch.nn, kind)(6, 4, batch_first=True)
            self.head = torch.nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.scan(x.flatten(1, 2).reshape(-1, 3 * 8, 6))[0].mean(1))

    gates = {"LSTM": 4, "GRU": 3}[kind]
    points = wb.split_points(wb.load_model(Scan(), input_size=(3, 8, 6)), deep=True)
    assert points[-1].macs_before == 24 * gates * 4 * (6 + 4)
    assert points[-1].macs_after == 4 * 2


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v3_small",
        "squeezenet1_1",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("vit_b_32", "swin_t", "maxvit_t", "densenet121")
        ),
    ],
)
def test_torchvisions_own_figures(name):
    """``weights.meta`` of torchvision states parameters, and billions of multiply-accumulates as "_ops"."""
    stated = torchvision.models.get_model_weights(name).DEFAULT.meta
    first = wb.split_points(wb.load_model(f"torchvision/{name}", pretrained=False))[0]
    assert first.params_before + first.params_after == stated["num_params"]
    assert (first.macs_before + first.macs_after) / 1e9 == pytest.approx(stated["_ops"], abs=0.0006)


@pytest.mark.parametrize("name", ["digits-resnet", "test_vit", "test_convnext", "test_efficientnet"])
def test_shapes_alone_give_the_same_facts_as_values(name, monkeypatch):
    """Small networks are measured with values, large ones by shapes, where some operators are abbreviated."""
    model = wb.load_model(name, pretrained=None if name.startswith("digits") else False)
    trace = model.cutter.trace

    def facts(run):
        found = probe._facts(trace.graph, [run(trace, (batch, *model.input_size)) for batch in (2, 3)])
        costs = Costs(trace.network, found, model.cutter.needed, model.cutter.depends)
        kept = [
            (fact.macs, sorted(fact.storages.values()), fact.same_as, fact.changed) for fact in found.values()
        ]
        return kept, costs.macs, costs.peaks

    abbreviated = facts(probe._without_values)
    assert abbreviated == facts(probe._in_earnest)
    monkeypatch.setattr(shapes, "SHAPES", {})
    assert abbreviated == facts(probe._without_values)


def test_only_a_small_network_is_measured_with_values():
    small = wb.load_model("digits-resnet")
    assert probe._is_small(small.module, small.input_size)
    large = wb.load_model("resnet18", pretrained=False)
    assert not probe._is_small(large.module, large.input_size)
