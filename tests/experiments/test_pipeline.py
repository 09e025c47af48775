"""One trial, every number of it worked out a second time by other means."""

import json
import math
import statistics

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import workbench as wb
from workbench.errors import (
    Cancelled,
    CutError,
    InputError,
    ModelError,
    SettingError,
    UnknownNameError,
    WorkbenchError,
)
from workbench.experiments import Workspace, steps
from workbench.pictures import load


@pytest.fixture(scope="module")
def trial(resnet, six):
    """Four bits at layer2 over Bluetooth."""
    return wb.run(
        resnet, split="layer2", codec=wb.codec("uniform", bits=4), images=six, link="ble5", repeats=3
    )


@pytest.fixture(scope="module")
def by_hand(resnet, six):
    """Features of each picture, alone, and the unsplit network's scores."""
    split = wb.split(resnet, "layer2")
    with torch.no_grad():
        inputs = [resnet.preprocess([picture.image]) for picture in six]
        features = [split.edge_part(one)[0].numpy() for one in inputs]
        scores = np.concatenate([resnet.module(one).numpy() for one in inputs])
    return split, features, scores


def test_sizes_are_those_of_payloads_encoded_one_by_one(trial, by_hand):
    sizes = [len(wb.codec("uniform", bits=4).encode(one)) for one in by_hand[1]]
    assert trial.quantities["payload_bytes"].value == statistics.mean(sizes)
    assert trial.quantities["payload_bytes"].origin == "measured"
    header, body = trial.quantities["header_bytes"].value, trial.quantities["body_bytes"].value
    assert header + body == statistics.mean(sizes)
    assert trial.quantities["raw_bytes"].value == 4 * 128 * 8 * 8


def test_rates_follow_from_the_payload(trial):
    payload = trial.quantities["payload_bytes"].value
    assert trial.quantities["bits_per_element"].value == pytest.approx(8 * payload / 8192)
    assert trial.quantities["bits_per_pixel"].value == pytest.approx(8 * payload / 1024)
    assert trial.quantities["times_smaller"].value == pytest.approx(32768 / payload)


def test_distortion_is_of_features_that_were_decoded(trial, by_hand):
    codec = wb.codec("uniform", bits=4)
    pairs = [(one, wb.decode(codec.encode(one))) for one in by_hand[1]]
    errors = [np.mean((before.astype(float) - after) ** 2) for before, after in pairs]
    assert trial.quantities["mse"].value == pytest.approx(np.mean(errors), rel=1e-5)
    cosines = [
        np.vdot(before, after) / np.linalg.norm(before) / np.linalg.norm(after) for before, after in pairs
    ]
    assert trial.quantities["cosine"].value == pytest.approx(np.mean(cosines), rel=1e-5)


def test_the_answer_is_that_of_the_server_part_on_decoded_features(trial, by_hand, resnet, six):
    split, features, scores = by_hand
    decoded = [wb.decode(wb.codec("uniform", bits=4).encode(one)) for one in features]
    with torch.no_grad():
        after = np.concatenate([split.server_part(torch.from_numpy(one)[None]).numpy() for one in decoded])
    same = (scores.argmax(1) == after.argmax(1)).mean()
    assert trial.quantities["agreement"].value == same
    right = [resnet.classes.index(picture.label) for picture in six]
    assert trial.quantities["accuracy"].value == (after.argmax(1) == right).mean()
    assert trial.quantities["accuracy_unsplit"].value == (scores.argmax(1) == right).mean()
    chances = torch.softmax(torch.from_numpy(after), 1).numpy()
    for answer, row, picture in zip(trial.answers_after, chances, six, strict=True):
        assert answer.label == picture.label and len(answer.top) == 5
        assert answer.best == resnet.classes[row.argmax()]
        assert answer.top[0][1] == pytest.approx(row.max(), rel=1e-4)


def test_raw_features_change_nothing(resnet, six):
    trial = wb.run(resnet, "layer3", wb.codec("raw"), six, repeats=1)
    found = {name: quantity.value for name, quantity in trial.quantities.items()}
    assert (found["mse"], found["cosine"], found["agreement"]) == (0, pytest.approx(1), 1)
    assert found["accuracy"] == found["accuracy_unsplit"]
    assert found["payload_bytes"] == found["raw_bytes"] + found["header_bytes"]
    assert [answer.best for answer in trial.answers_before] == [answer.best for answer in trial.answers_after]


def test_the_first_payload_is_described_to_the_last_byte(trial, by_hand):
    first = wb.codec("uniform", bits=4).encode(by_hand[1][0])
    assert sum(part.nbytes for part in trial.description.parts) == len(first)
    assert trial.description == wb.describe(first)


def test_transfer_is_the_links_latency_of_the_mean_payload(trial):
    payload = trial.quantities["payload_bytes"].value
    assert trial.latency.transfer.value == wb.link("ble5").latency(payload)
    assert trial.latency.transfer.origin == "computed"
    jpeg = trial.quantities["input_jpeg_bytes"].value
    assert trial.all_server.transfer.value == wb.link("ble5").latency(jpeg)
    assert trial.all_edge.transfer is None and trial.all_edge.server is None


def test_stages_are_measured_and_say_how(trial):
    for way, stages in [
        (trial.latency, ("edge", "encode", "decode", "server")),
        (trial.all_edge, ("edge", "total")),
        (trial.all_server, ("encode", "decode", "server")),
    ]:
        for stage in stages:
            quantity = getattr(way, stage)
            assert quantity.origin == "measured" and quantity.unit == "s" and 0 < quantity.value < 5
            assert "3 repeats" in quantity.how and "torch" in quantity.how and "threads" in quantity.how
    assert trial.latency.total.origin == trial.all_server.total.origin == "computed"


def test_stages_are_added_per_repeat_and_then_the_median_is_taken(monkeypatch, resnet, six):
    scripted = {
        "timing the edge part": (1.0, 5.0, 1.0),
        "timing the encoder": (1.0, 1.0, 9.0),
        "timing the decoder": (7.0, 1.0, 1.0),
        "timing the server part": (2.0, 2.0, 2.0),
        "timing the unsplit network": (3.0, 4.0, 8.0),
        "input as JPEG": (5.0, 0.5, 0.5),
        "input from JPEG": (0.5, 0.5, 0.5),
    }
    monkeypatch.setattr(steps, "timed", lambda call, repeats, progress, what: scripted[what])
    link = wb.link("still", bandwidth_bps=1e15, rtt_s=100)
    trial = wb.run(resnet, "layer3", "raw", six, link=link, repeats=3)
    assert trial.latency.total.value == pytest.approx(111)  # median of 11, 9, 13; the medians add up to 5
    assert trial.latency.edge.value == 1.0
    assert trial.all_edge.total.value == 4.0
    assert trial.all_server.total.value == pytest.approx(108.5)  # median of 8.5, 5, 9


def test_jpeg_size_is_of_the_picture_at_the_networks_input(trial, six):
    sizes = [len(steps.as_jpeg(picture.image)) for picture in six]
    assert trial.quantities["input_jpeg_bytes"].value == statistics.mean(sizes)


def test_a_trial_is_plain_json(trial):
    again = json.loads(json.dumps(trial.to_dict()))
    assert again["quantities"]["payload_bytes"]["value"] == trial.quantities["payload_bytes"].value
    assert again["samples"] == 6 and again["context"]["repeats"] == 3
    assert again["context"]["machine"]["torch"] == torch.__version__.split("+")[0]


def test_calibration_uses_pictures_that_are_not_measured(resnet, six):
    other = load("digits")[100:103]
    first = wb.run(resnet, "layer2", "onebit", six, repeats=1)
    second = wb.run(resnet, "layer2", "onebit", other, repeats=1)
    assert first.settings["thresholds"] == second.settings["thresholds"]
    assert "training digits that are not measured" in first.context["calibration"]
    own = wb.run(resnet, "layer2", wb.codec("onebit", thresholds=(0.25,), levels=(0.0, 1.0)), six, repeats=1)
    assert own.settings["thresholds"] == (0.25,) and own.context["calibration"] == "not needed"


def test_the_threshold_is_the_mean_over_the_calibration_pictures(resnet, six):
    from workbench.experiments.choices import kept_apart

    spare, _ = kept_apart(resnet, six, 16)
    assert len(spare) == 16 and not set(spare.names) & set(six.names)
    split = wb.split(resnet, "layer2")
    with torch.no_grad():
        features = split.edge_part(resnet.preprocess([picture.image for picture in spare]))
    trial = wb.run(resnet, "layer2", "onebit", six, repeats=1)
    assert trial.settings["thresholds"][0] == pytest.approx(features.mean().item(), rel=1e-5)


def test_several_tensors_are_coded_one_by_one_and_added(resnet, six):
    point = next(point for point in wb.split_points(resnet, several=True) if len(point.shapes) == 2)
    trial = wb.run(resnet, point, wb.codec("uniform", bits=8), six, repeats=1)
    split = wb.split(resnet, point)
    with torch.no_grad():
        tensors = split.edge_part(resnet.preprocess([six[0].image]))
    sizes = [len(wb.codec("uniform", bits=8).encode(tensor[0].numpy())) for tensor in tensors]
    assert len(sizes) == 2 and trial.description.payload_bytes == sum(sizes)
    assert sum(part.nbytes for part in trial.description.parts) == sum(sizes)
    assert trial.description.notes["tensors"] == 2
    assert trial.quantities["raw_bytes"].value == point.fp32_bytes
    assert trial.quantities["agreement"].value == 1.0


def test_two_tensors_are_calibrated_each_for_itself(resnet, six):
    point = next(point for point in wb.split_points(resnet, several=True) if len(point.shapes) == 2)
    workspace = Workspace()
    codecs, told = workspace.codecs_for(workspace.split(resnet, point), wb.codec("onebit"), six)
    assert len(codecs) == 2 and codecs[0].thresholds != codecs[1].thresholds and told.startswith("on 16 of")


def test_without_images_the_networks_own_test_pictures_are_taken(resnet):
    trial = wb.run(resnet, "layer4", wb.codec("uniform", bits=8), repeats=1)
    assert trial.samples == 64 and trial.context["pictures"] == "digits"
    assert trial.quantities["accuracy_unsplit"].value > 0.95


def test_random_weights_are_said_at_the_number():
    model = wb.load_model("test_vit", pretrained=False, input_size=(3, 32, 32))
    point = wb.split_points(model)[1]
    trial = wb.run(model, point, wb.codec("uniform", bits=8), samples=3, repeats=1)
    assert trial.weights == "random" and trial.context["pictures"] == "photographs"
    assert "weights are random" in trial.quantities["agreement"].how
    assert "accuracy" not in trial.quantities and "no labels" in trial.context["labels"]


def test_one_picture_of_one_pixel(resnet):
    trial = wb.run(resnet, "layer2", "rans-csr", [Image.new("RGB", (1, 1), (200, 10, 10))], repeats=1)
    assert trial.samples == 1 and math.isfinite(trial.latency.total.value)
    assert trial.answers_before[0].label is None and "accuracy" not in trial.quantities


@pytest.mark.parametrize("labels", [list("012345"), [0, 1, 2, 3, 4, 5], np.arange(6)])
def test_given_labels_are_names_or_numbers(resnet, six, labels):
    trial = wb.run(resnet, "layer4", "raw", six, labels, repeats=1)
    right = [picture.label == str(number) for number, picture in enumerate(six)]
    assert trial.quantities["accuracy_unsplit"].value == sum(right) / 6  # all six are recognised
    assert trial.context["labels"] == "given"


def test_given_labels_are_sampled_with_their_pictures(resnet):
    digits = load("digits")
    labels = [resnet.classes.index(label) for label in digits.labels]
    trial = wb.run(resnet, "layer4", "raw", digits, labels, samples=40, repeats=1)
    assert trial.samples == 40 and trial.quantities["accuracy_unsplit"].value > 0.9


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["0"] * 5, "5 labels for 6 pictures"),
        (["zero"] + ["0"] * 5, "no class of digits-resnet 'zero'"),
        ([10] + [0] * 5, "numbers from 0 to 9"),
        ([True] * 6, "is no class"),
        ([0.5] * 6, "is no class"),
        ("012345", "must be a list"),
        (7, "must be a list"),
    ],
)
def test_labels_that_do_not_fit_are_refused(resnet, six, labels, said):
    with pytest.raises(InputError, match=said):
        wb.run(resnet, "layer4", "raw", six, labels, repeats=1)


def test_labels_of_folders_count_only_if_they_are_classes(resnet, tmp_path):
    for label in ("3", "cat"):
        (tmp_path / label).mkdir()
        Image.new("RGB", (32, 32)).save(tmp_path / label / "one.png")
    both = wb.run(resnet, "layer4", "raw", tmp_path, repeats=1)
    assert "accuracy" not in both.quantities and "'cat'" in both.context["labels"]
    assert both.answers_before[1].label == "cat"
    (tmp_path / "cat" / "one.png").unlink()
    assert "accuracy" in wb.run(resnet, "layer4", "raw", tmp_path, repeats=1).quantities


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"split": "layer22"}, UnknownNameError, "did you mean 'layer2'"),
        ({"split": "fc"}, CutError, "nothing is left to the server"),
        ({"codec": "uniforn"}, UnknownNameError, "did you mean 'uniform'"),
        ({"codec": 7}, SettingError, "must be from wb.codec"),
        ({"link": "ble6"}, UnknownNameError, "did you mean 'ble5'"),
        ({"images": "digitz"}, UnknownNameError, "did you mean 'digits'"),
        ({"images": []}, InputError, "no picture was given"),
        ({"images": [b"text"]}, InputError, "picture 0 is no picture"),
        ({"samples": 0}, SettingError, "at least 1"),
        ({"repeats": 0}, SettingError, "from 1 to 1000"),
        ({"model": nn.Linear(2, 2)}, SettingError, "load_model"),
        ({"model": "digits-resnt"}, UnknownNameError, "did you mean 'digits-resnet'"),
    ],
)
def test_what_is_wrong_is_said_with_what_is_allowed(resnet, six, changes, error, said):
    given = {"model": resnet, "split": "layer2", "codec": "raw", "images": six, "repeats": 1, **changes}
    with pytest.raises(error, match=said):
        wb.run(**given)


def test_a_network_that_is_no_classifier_is_refused(six):
    model = wb.load_model(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), input_size=(3, 32, 32))
    with pytest.raises(ModelError, match=r"\(6, 4, 30, 30\).*needs a classifier"):
        wb.run(model, wb.split_points(model)[0], "raw", six, repeats=1)


def test_a_split_of_another_network_is_refused(resnet, six):
    other = wb.load_model("digits-vit")
    split = wb.split(other, wb.split_points(other)[3])
    with pytest.raises(SettingError, match="one of digits-vit, not of this digits-resnet"):
        wb.run(resnet, split, "raw", six, repeats=1)
    with pytest.raises(SettingError, match="load_model"):
        wb.cut_profile(nn.Linear(2, 2))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("no more"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_a_want_of_memory_says_what_to_do(monkeypatch, resnet, six, error):
    def full(*arguments):
        raise error

    monkeypatch.setattr(steps, "run_edge", full)
    with pytest.raises(WorkbenchError, match=r"not enough memory for a trial of digits-resnet.*samples"):
        wb.run(resnet, "layer2", "raw", six, repeats=1)


def test_other_runtime_errors_stay_as_they_are(monkeypatch, resnet, six):
    def broken(*arguments):
        raise RuntimeError("a bug")

    monkeypatch.setattr(steps, "run_edge", broken)
    with pytest.raises(RuntimeError, match=r"^a bug$"):
        wb.run(resnet, "layer2", "raw", six, repeats=1)


def test_a_cancelled_run_ends_with_cancelled(resnet, six):
    def progress(done, total, what):
        assert 0 <= done < total
        if what == "codec":
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        wb.run(resnet, "layer2", "raw", six, repeats=1, progress=progress)


def test_the_network_is_left_as_it_was(resnet, six):
    before = {name: tensor.clone() for name, tensor in resnet.module.state_dict().items()}
    wb.run(resnet, "layer2", "raw", six, repeats=1)
    assert not resnet.module.training
    assert all(torch.equal(before[name], tensor) for name, tensor in resnet.module.state_dict().items())
    assert all(weight.grad is None for weight in resnet.module.parameters())
    assert torch.is_grad_enabled()
