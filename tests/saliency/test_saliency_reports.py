"""`wb.saliency`: three paths, the class, the layer, the network left as it was, and what cannot be done."""

import json
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import nn

import workbench as wb
from workbench.errors import InputError, ModelError, UnknownNameError, WeightsError
from workbench.experiments import Workspace
from workbench.neural import bundle
from workbench.neural.methods import method
from workbench.neural.plans import Plan
from workbench.neural.training import Recipe, train
from workbench.pictures import load

RECIPE = Recipe(Plan(epochs=2, batch=16), Plan("polynomial", epochs=2, batch=16, patience=0))


@pytest.fixture(scope="module")
def trained(resnet):
    """A compensator and a fine-tuned server part behind layer2, hardly trained."""
    pictures = load("digits").spare[:48]
    inputs = resnet.preprocess([picture.image for picture in pictures])
    labels = torch.tensor([int(picture.label) for picture in pictures])
    return train(method("qcnet-h"), wb.split(resnet, "layer2"), inputs, labels, recipe=RECIPE)


def test_the_report_says_what_it_is_of(resnet, digit, workspace):
    codec = wb.codec("uniform", bits=2)
    report = wb.saliency(resnet, "layer2", codec, digit, workspace=workspace)
    assert (report.model, report.split, report.codec, report.method) == (
        "digits-resnet", "layer2", "uniform", "grad-cam",
    )  # fmt: skip
    assert (report.layer, report.layout) == ("layer3", "channel-first, 4 × 4 places")
    assert (report.label, report.picture_name, report.restorer) == (digit[0].label, digit[0].name, None)
    assert report.picture.shape == (32, 32, 3) and report.picture.dtype == np.uint8
    assert np.array_equal(report.picture, np.asarray(digit[0].image))
    assert list(report.maps) == ["unsplit", "decoded"] and list(report.agreement) == ["decoded"]
    assert report.call == (
        "wb.saliency(model, 'layer2', wb.codec('uniform', bits=2), picture, method='grad-cam')"
    )
    trial = wb.run(resnet, "layer2", codec, digit, repeats=1)
    before, after = dict(trial.answers_before[0].top), dict(trial.answers_after[0].top)
    for path, answers in (("unsplit", before), ("decoded", after)):
        one = report.maps[path]
        assert one.values.shape == (32, 32) and one.values.dtype == np.float32
        assert one.values.min() == 0.0 and one.values.max() == pytest.approx(1.0, abs=1e-6)
        assert one.class_name == trial.answers_before[0].best
        assert one.predicted_probability == pytest.approx(max(answers.values()), abs=1e-5)
        assert answers[one.predicted_name] == max(answers.values())
    assert report.payload_bytes == trial.quantities["payload_bytes"].value
    assert 0 < report.agreement["decoded"].pearson < 1
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert np.allclose(told["maps"]["decoded"]["values"], report.maps["decoded"].values)


def test_the_call_gives_the_report_again(resnet, digit, workspace):
    codec = wb.codec("onebit", lossless="zstd")
    report = wb.saliency(
        resnet, "layer2", codec, digit, "hires-cam", "7", layer="layer4", workspace=workspace
    )
    again = eval(report.call, {"wb": wb, "model": resnet, "picture": digit})
    assert again.call == report.call
    assert np.array_equal(again.maps["decoded"].values, report.maps["decoded"].values)


def test_a_class_by_name_and_by_number_is_the_same_on_every_path(resnet, digit, workspace):
    named = wb.saliency(resnet, "layer2", "onebit", digit, target="8", workspace=workspace)
    numbered = wb.saliency(resnet, "layer2", "onebit", digit, target=8, workspace=workspace)
    own = wb.saliency(resnet, "layer2", "onebit", digit, workspace=workspace)
    assert {one.class_index for one in named.maps.values()} == {8} and own.class_name != "8"
    assert named.class_name == "8"
    assert np.array_equal(named.maps["unsplit"].values, numbered.maps["unsplit"].values)
    assert not np.array_equal(named.maps["unsplit"].values, own.maps["unsplit"].values)
    assert named.maps["unsplit"].predicted_name == own.class_name


@pytest.mark.parametrize("target", [10, -1, True, 2.0, "ten"])
def test_a_class_that_is_none(resnet, digit, target, workspace):
    expected = UnknownNameError if isinstance(target, str) else InputError
    with pytest.raises(expected, match=r"no class of digits-resnet 'ten'|10 classes: a number from 0 to 9"):
        wb.saliency(resnet, "layer2", "raw", digit, target=target, workspace=workspace)


def test_the_restored_path_is_the_trained_chain(resnet, trained, digit, tmp_path, workspace):
    bundle.save(trained, tmp_path / "b.safetensors")
    report = wb.saliency(
        resnet, "layer2", "onebit", digit, restorer=tmp_path / "b.safetensors", workspace=workspace
    )
    assert list(report.maps) == ["unsplit", "decoded", "restored"]
    assert report.restorer == "qcnet-h" and report.codec == "onebit"
    chain, codec = trained.chain, trained.chain.codec
    features = chain.edge(resnet.preprocess([digit[0].image]))[0].detach().numpy()
    with torch.no_grad():
        back = chain.received(torch.from_numpy(wb.decode(codec.encode(features)).copy())[None])
        scores = chain.server(back)[0].softmax(0)
    one = report.maps["restored"]
    assert one.predicted_index == int(scores.argmax())
    assert one.predicted_probability == pytest.approx(scores.max().item(), abs=1e-5)
    assert report.agreement["restored"] != report.agreement["decoded"]
    in_memory = wb.saliency(resnet, "layer2", None, digit, restorer=trained, workspace=workspace)
    assert np.allclose(in_memory.maps["restored"].values, one.values, atol=1e-5)
    assert "restorer=trained" in in_memory.call and "wb.codec('onebit')" in in_memory.call


def test_a_restorer_of_another_codec_is_refused(resnet, trained, digit, workspace):
    with pytest.raises(WeightsError, match="trained for the codec 'onebit', not 'uniform'"):
        wb.saliency(resnet, "layer2", "uniform", digit, restorer=trained, workspace=workspace)


def test_a_layer_by_name_or_the_nearest_names(resnet, digit, workspace):
    report = wb.saliency(resnet, "layer2", "raw", digit, layer="layer3.0.conv2", workspace=workspace)
    assert (report.layer, report.maps["unsplit"].grid) == ("layer3.0.conv2", (4, 4))
    with pytest.raises(UnknownNameError, match="no layer of the server part 'layer5'; did you mean 'layer4'"):
        wb.saliency(resnet, "layer2", "raw", digit, layer="layer5", workspace=workspace)
    with pytest.raises(InputError, match=r"'layer1' of digits-resnet cannot be looked at behind .*'layer2'"):
        wb.saliency(resnet, "layer2", "raw", digit, layer="layer1", workspace=workspace)
    with pytest.raises(InputError, match=r"'global_pool' gives, of shape \(352,\), has no places"):
        wb.saliency(resnet, "layer2", "raw", digit, layer="global_pool", workspace=workspace)


def test_at_the_last_layer_with_places_the_features_themselves_are_looked_at(resnet, digit, workspace):
    report = wb.saliency(resnet, "layer4", "raw", digit, workspace=workspace)
    assert (report.layer, report.maps["unsplit"].grid) == ("layer4", (2, 2))
    assert report.notes[0] == "the features themselves are the layer that is looked at"
    assert report.notes[1] == "coarse: no layer behind this cut has 4 × 4 places; 2 × 2 are the most here"


def test_behind_the_last_places_there_is_no_map_and_the_error_names_a_cut(resnet, digit, workspace):
    with pytest.raises(InputError, match="cut at 'layer4' or earlier") as caught:
        wb.saliency(resnet, "global_pool", "raw", digit, workspace=workspace)
    cut = str(caught.value).split("cut at ")[-1].split("'")[1]
    assert wb.saliency(resnet, cut, "raw", digit, workspace=workspace).layer == "layer4"


def test_where_a_class_token_alone_is_read_an_earlier_layer_is_taken(vit, digit, workspace):
    assert wb.saliency(vit, "blocks.2", "raw", digit, workspace=workspace).layer == "blocks.5.norm1"
    with pytest.raises(InputError, match=r"cut at 'blocks\.4' or earlier"):
        wb.saliency(vit, "blocks", "raw", digit, workspace=workspace)
    named = wb.saliency(vit, "blocks.2", "raw", digit, layer="norm", workspace=workspace)
    assert named.maps["unsplit"].flat
    assert named.agreement["decoded"].pearson is None
    assert named.agreement["decoded"].notes[0].startswith("both maps are empty")


class Flat(nn.Module):
    """No place anywhere behind its first layer."""

    def __init__(self, classes=3):
        super().__init__()
        self.first = nn.Linear(3 * 8 * 8, 6)
        self.last = nn.Linear(6, classes)

    def forward(self, pictures):
        return self.last(torch.relu(self.first(pictures.flatten(1))))


class Maps(nn.Module):
    """A convolution and a head; `classes` 0 answers with the maps themselves."""

    def __init__(self, classes=1):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 5, 3, padding=1)
        self.last = nn.Linear(5, classes) if classes else nn.Identity()

    def forward(self, pictures):
        maps = self.second(torch.relu(self.first(pictures)))
        return self.last(maps.mean((2, 3))) if isinstance(self.last, nn.Linear) else self.last(maps)


def own(module, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = module()
    return wb.load_model(made, input_size=(3, 8, 8), mean=(0.0,) * 3, std=(1.0,) * 3)


PICTURE = np.random.default_rng(7).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def test_a_network_without_places():
    with pytest.raises(InputError, match="none before it either, so there is no map of this network"):
        wb.saliency(own(Flat), "first", "raw", PICTURE)


def test_a_network_with_one_class_works():
    report = wb.saliency(own(Maps), "first", "onebit", PICTURE)
    one = report.maps["unsplit"]
    assert (one.class_index, one.class_name, one.probability) == (0, "class 0", 1.0)
    assert report.layer == "second" and one.grid == (8, 8)
    with pytest.raises(UnknownNameError, match="give a number, or classes="):
        wb.saliency(own(Maps), "first", "raw", PICTURE, target="cat")


def test_what_is_no_classifier():
    with pytest.raises(ModelError, match="Maps is no classifier"):
        wb.saliency(own(lambda: Maps(0)), "first", "raw", PICTURE)


def test_random_weights_are_said(digit):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = wb.load_model("test_resnet", pretrained=False)
    report = wb.saliency(network, "layer2", "raw", digit)
    assert report.weights == "random" and report.notes[0].startswith("random weights: ")


def test_one_picture_at_a_time(resnet, workspace):
    with pytest.raises(InputError, match=r"a map is of one picture, and digits has \d+; give one of them"):
        wb.saliency(resnet, "layer2", "raw", "digits", workspace=workspace)
    of_array = wb.saliency(resnet, "layer2", "raw", PICTURE, workspace=workspace)
    of_image = wb.saliency(resnet, "layer2", "raw", Image.fromarray(PICTURE), workspace=workspace)
    assert np.array_equal(of_array.maps["unsplit"].values, of_image.maps["unsplit"].values)
    assert of_array.label is None


def state(module):
    """All of a network that a careless look could change."""
    return {
        name: (
            part.training, sorted(vars(part)), len(part._forward_hooks), len(part._forward_pre_hooks),
            len(part._backward_hooks), "forward" in vars(part), type(part).forward,
            [
                (key, id(value), value.requires_grad, value.grad is None)
                for key, value in part._parameters.items() if value is not None
            ],
            [(key, id(value)) for key, value in part._buffers.items()],
        )
        for name, part in module.named_modules()
    }  # fmt: skip


@pytest.mark.parametrize("training", [False, True])
def test_the_network_is_left_as_it_was_found(training):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = timm.create_model("test_resnet", pretrained=False)
    network = wb.load_model(module, input_size=(3, 64, 64))
    cut = wb.split(network, "layer1")
    calls = []
    module.layer3.register_forward_hook(lambda *given: calls.append(1))
    module.layer2.train(training)
    next(module.layer2.parameters()).requires_grad_(False)
    kept = next(module.layer4.parameters())
    kept.grad = torch.full_like(kept, 3.0)
    before, weights = state(module), {key: value.clone() for key, value in module.state_dict().items()}
    parts = state(cut.edge_part), state(cut.server_part)
    for name in ("grad-cam", "eigen-cam"):
        report = wb.saliency(network, cut, "onebit", np.zeros((64, 64, 3), np.uint8), name)
    with pytest.raises(UnknownNameError):
        wb.saliency(network, cut, "onebit", np.zeros((64, 64, 3), np.uint8), layer="layer9")
    assert report.layer == "layer3" and not calls
    assert state(module) == before
    assert (state(cut.edge_part), state(cut.server_part)) == parts
    assert kept.grad.eq(3.0).all()
    assert all(torch.equal(value, weights[key]) for key, value in module.state_dict().items())


def test_it_works_where_no_gradient_is_wanted(resnet, digit, workspace):
    expected = wb.saliency(resnet, "layer2", "raw", digit, workspace=workspace)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found = wb.saliency(resnet, "layer2", "raw", digit, workspace=Workspace())
        assert np.array_equal(found.maps["unsplit"].values, expected.maps["unsplit"].values)
        assert torch.is_grad_enabled()


def test_the_edge_part_runs_once_for_each_picture_and_split(resnet, digit):
    kept = Workspace()
    for codec in ("raw", "uniform"):
        for name in ("grad-cam", "hires-cam"):
            wb.saliency(resnet, "layer2", codec, digit, name, workspace=kept)
    ran = [entry.step for entry in kept.log if not entry.cached]
    assert sorted(ran) == ["codec", "codec", "cut", "edge part", "layer to look at"]


@pytest.mark.slow  # imports the project once more, in a process of its own
def test_grad_cam_is_imported_only_for_a_map():
    """Its import takes seconds: no part of the project may bring it along."""
    code = (
        "import sys, workbench as wb, workbench.cli.app, workbench.saliency, workbench.session.explorer\n"
        "wb.saliency, wb.run, wb.fidelity\n"
        "import workbench.experiments.saliency_maps, workbench.figures.saliency, workbench.saliency.layout\n"
        "loaded = {'pytorch_grad_cam', 'cv2', 'matplotlib'} & set(sys.modules)\n"
        "assert callable(wb.saliency) and not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
