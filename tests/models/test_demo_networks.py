"""The networks that ship: what their cards say is true, and each of their cuts gives the same logits."""

import hashlib
import json

import numpy as np
import pytest
import torch

import workbench as wb
from workbench.errors import ModelError, WeightsError
from workbench.models import catalog
from workbench.paths import shipped
from workbench.pictures.digits import digits_split

NAMES = ("digits-convnext", "digits-resnet", "digits-vit")


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return wb.load_model(request.param)


@pytest.fixture(scope="module")
def test_digits():
    return digits_split().test


def test_the_card_describes_the_file():
    for name, card in catalog.demo_networks().items():
        content = card.weights_path.read_bytes()
        assert hashlib.sha256(content).hexdigest() == card.sha256
        assert len(content) <= 3_000_000
        assert card.parameters == wb.load_model(name).parameters
        assert card.licence and card.pictures and card.training["command"].endswith(name)
    assert tuple(catalog.demo_networks()) == NAMES


def test_accuracy_on_the_held_out_digits_is_the_one_on_the_card(model, test_digits):
    card = catalog.demo_networks()[model.name]
    with torch.no_grad():
        answers = model(model.preprocess(list(test_digits.images))).argmax(1).numpy()
    accuracy = float((answers == test_digits.labels).mean())
    assert card.test_pictures == len(test_digits) == 450
    assert (
        abs(accuracy - card.accuracy) <= 1 / 450
    )  # a last bit may turn one close decision on another machine
    assert card.accuracy >= 0.975
    assert model.weights == "trained" and f"{100 * card.accuracy:.2f} %" in model.weights_note


def test_classes_are_the_digits(model, test_digits):
    with torch.no_grad():
        answer = model(model.preprocess(list(test_digits.images[:1])))
    assert model.classes[int(answer.argmax())] == str(test_digits.labels[0])


def test_every_cut_gives_the_same_logits(model, test_digits):
    pictures = model.preprocess(list(test_digits.images[:8]))
    points = wb.split_points(model)
    assert len(points) >= 10
    with torch.no_grad():
        whole = model(pictures)
        for point in points:
            split = wb.split(model, point)
            assert torch.equal(split.server_part(split.edge_part(pictures)), whole), point.name


@pytest.mark.slow
def test_every_deeper_cut_and_every_cut_with_several_tensors(model, test_digits):
    pictures = model.preprocess(list(test_digits.images[:8]))
    with torch.no_grad():
        whole = model(pictures)
        for point in wb.split_points(model, deep=True, several=True):
            split = wb.split(model, point)
            assert torch.equal(split.server_part(split.edge_part(pictures)), whole), point.name


def test_features_shrink_along_the_stages_and_relu_leaves_zeros(test_digits):
    model = wb.load_model("digits-resnet")
    shapes = {point.name: point.shape for point in wb.split_points(model)}
    assert [shapes[f"layer{stage}"] for stage in (1, 2, 3, 4)] == [
        (64, 16, 16),
        (128, 8, 8),
        (256, 4, 4),
        (352, 2, 2),
    ]
    with torch.no_grad():
        features = (
            wb.split(model, "layer2").edge_part(model.preprocess(list(test_digits.images[:16]))).numpy()
        )
    assert features.min() == 0
    assert 0.2 < np.mean(features == 0) < 0.95


def test_a_damaged_weights_file_is_noticed(tmp_path, monkeypatch):
    card = catalog.demo_networks()["digits-resnet"]
    broken = tmp_path / "models" / card.weights_file
    broken.parent.mkdir()
    monkeypatch.setattr(catalog, "shipped", lambda folder: tmp_path)
    with pytest.raises(WeightsError, match=r"is missing; restore it, or run `python -m workbench"):
        wb.load_model("digits-resnet")
    broken.write_bytes(b"\x00" * 100)
    with pytest.raises(WeightsError, match="SHA-256 differs"):
        wb.load_model("digits-resnet")


def test_a_damaged_card_is_noticed(tmp_path):
    card = tmp_path / "digits-x.json"
    for content in ("{", "[]", json.dumps({"name": "digits-x"})):
        card.write_text(content)
        with pytest.raises(ModelError, match=r"digits-x\.json cannot be read"):
            catalog._read(card)


def test_the_table_in_the_data_folder_says_what_the_cards_say():
    table = (shipped("data") / "README.md").read_text(encoding="utf-8")
    for name, card in catalog.demo_networks().items():
        right = round(card.accuracy * card.test_pictures)
        size = card.weights_path.stat().st_size / 1e6
        row = (
            f"| {name} | {100 * card.accuracy:.2f} % ({right} of {card.test_pictures}) | "
            f"{card.parameters:,} | {size:.2f} MB |"
        )
        assert row in table
