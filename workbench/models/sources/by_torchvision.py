"""Networks that torchvision builds by name."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from workbench.errors import WeightsError
from workbench.models import libraries
from workbench.models.class_names import unique_names
from workbench.models.hub import fetch
from workbench.models.model import Model
from workbench.models.preprocess import Preprocessing
from workbench.models.sources.wishes import Wishes, with_weights


def from_torchvision(name: str, wishes: Wishes) -> Model:
    """A network that torchvision builds by name."""
    torchvision = libraries.torchvision()
    arguments = dict(wishes.arguments)
    if wishes.classes:
        arguments.setdefault("num_classes", len(wishes.classes))
    known_weights = torchvision.models.get_model_weights(name).DEFAULT
    if name in ("googlenet", "inception_v3"):
        arguments.setdefault("init_weights", True)
    build = partial(_build_torchvision, name, arguments, None)

    def trained() -> nn.Module:
        if len(known_weights.meta["categories"]) != arguments.get("num_classes", 1000):
            raise WeightsError(f"the trained weights of {name} are for 1000 classes; pass pretrained=False")
        arguments.pop("init_weights", None)
        get = partial(_build_torchvision, name, arguments, known_weights)
        return fetch(get, f"torchvision/{name}", None, None, known_weights.url)

    note = f"torchvision's {known_weights}"
    module, weights, note = with_weights(build, f"torchvision/{name}", wishes, trained, note)
    recipe = known_weights.transforms()
    side, crop = recipe.resize_size[0], recipe.crop_size[0]
    known = Preprocessing(
        input_size=(3, crop, crop),
        mean=tuple(recipe.mean),
        std=tuple(recipe.std),
        resize=(side, side),
        interpolation=recipe.interpolation.value,
    )
    names = unique_names(known_weights.meta["categories"])
    return Model(
        name=f"torchvision/{name}",
        module=module,
        preprocessing=wishes.refine(known),
        classes=wishes.classes or (names if "num_classes" not in arguments else None),
        weights=weights,
        weights_note=note,
        source=f"torchvision {torchvision.__version__}",
        origin="torchvision",
    )


def _build_torchvision(name: str, arguments: dict[str, Any], weights: Any) -> nn.Module:
    return libraries.torchvision().models.get_model(name, weights=weights, **arguments)
