"""The script that trains the demo networks: same command, same bytes, and torch left as it was found."""

import dataclasses
import json

import pytest
import torch

from workbench.experiments import demo_training
from workbench.experiments.demo_training import RECIPES, train
from workbench.models.catalog import DemoNetwork, _read, demo_networks

SHORT = {recipe.name: dataclasses.replace(recipe, epochs=1, warmup_epochs=1, batch=256) for recipe in RECIPES}


@pytest.fixture
def few_digits(monkeypatch):
    whole = demo_training.digits_split

    def few(seed):
        split = whole(seed)
        return type(split)(*(demo_training.Digits(half.images[:256], half.labels[:256], half.rows[:256])
                             for half in (split.train, split.test)))  # fmt: skip

    monkeypatch.setattr(demo_training, "digits_split", few)


@pytest.mark.slow  # trains twice
def test_the_same_command_gives_the_same_weights(few_digits, tmp_path):
    threads = torch.get_num_threads()
    recipe = SHORT["digits-convnext"]
    seen = []
    first = train(recipe, tmp_path / "a", lambda done, total, what: seen.append((done, total)))
    torch.randn(7)
    second = train(recipe, tmp_path / "b")
    other = train(dataclasses.replace(recipe, seed=1), tmp_path / "c")
    assert first["sha256"] == second["sha256"] != other["sha256"]
    assert seen[-1] == (1, 1)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_torchs_own_random_numbers_are_not_touched(few_digits, tmp_path):
    state = torch.random.get_rng_state()
    train(SHORT["digits-convnext"], tmp_path)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_card_reads_back(few_digits, tmp_path):
    card = train(SHORT["digits-resnet"], tmp_path)
    network = _read(tmp_path / "digits-resnet.json")
    assert isinstance(network, DemoNetwork)
    assert network.sha256 == card["sha256"]
    assert 0 <= network.accuracy <= 1 and network.test_pictures == 256
    assert set(network.training["versions"]) == {"python", "torch", "timm"}


def test_cards_that_ship_were_made_by_these_recipes():
    cards = demo_networks()
    assert set(cards) == {recipe.name for recipe in RECIPES}
    for recipe in RECIPES:
        card = cards[recipe.name]
        fields = json.loads(json.dumps(dataclasses.asdict(recipe)))
        for key, value in fields.items():
            stored = getattr(card, key) if hasattr(card, key) else card.training[key]
            assert (list(stored) if isinstance(stored, tuple) else stored) == value, key


def test_only_known_networks_can_be_asked_for(capsys):
    with pytest.raises(SystemExit):
        demo_training.main(["--only", "digits-lenet"])
    assert "invalid choice: 'digits-lenet'" in capsys.readouterr().err
