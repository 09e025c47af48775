"""Demo networks: their cards and weights ship with the project."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from torch import nn

from workbench.errors import WeightsError
from workbench.models.building import build_timm
from workbench.models.catalog import DemoNetwork
from workbench.models.model import Model
from workbench.models.preprocess import Preprocessing
from workbench.models.sources.wishes import Wishes, with_weights
from workbench.models.weights import put_weights, read_weights


def from_demo(card: DemoNetwork, wishes: Wishes) -> Model:
    """A demo network with the weights that ship with the project."""
    build = partial(build_timm, card.timm_name, {**card.arguments, **wishes.arguments}, card.identity)
    right = f"{100 * card.accuracy:.2f} % of {card.test_pictures} held-out pictures right"
    note = f"trained on scikit-learn's digits; {right}"
    module, weights, note = with_weights(build, card.name, wishes, lambda: _shipped(build, card), note)
    known = Preprocessing(card.input_size, card.mean, card.std)
    return Model(
        name=card.name,
        module=module,
        preprocessing=wishes.refine(known),
        classes=wishes.classes or card.classes,
        weights=weights,
        weights_note=note,
        source=card.source,
        origin="demo",
    )


def _shipped(build: Callable[[], nn.Module], card: DemoNetwork) -> nn.Module:
    path = card.weights_path
    if not path.is_file():
        raise WeightsError(f"{path} is missing; restore it, or run `{card.training.get('command')}`")
    if hashlib.sha256(path.read_bytes()).hexdigest() != card.sha256:
        raise WeightsError(
            f"{path} is not the file that its card describes (its SHA-256 differs); restore it from the "
            f"repository, or run `{card.training.get('command')}`"
        )
    module = build()
    put_weights(module, read_weights(path), path.name, card.name)
    return module
