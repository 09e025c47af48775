"""The networks that can be loaded by name: the demo networks first, then timm's and torchvision's.

A demo network is one model card, ``data/models/NAME.json``, beside its weights ``NAME.safetensors``;
the card is written by `workbench.experiments.demo_training` and is the only place that describes it.
"""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from workbench.errors import ModelError
from workbench.models import libraries
from workbench.paths import shipped

Origin = Literal["demo", "timm", "torchvision"]
TORCHVISION = "torchvision/"


@dataclass(frozen=True, slots=True)
class DemoNetwork:
    """A small trained network that ships with the project; the fields of its model card.

    `timm_name` and `arguments` go to ``timm.create_model``; the modules named in `identity` are then
    replaced by ``nn.Identity`` (a stem's pooling that would leave too little of a 32x32 picture).
    `accuracy` is the share of the `test_pictures` held-out ones whose class was right, `training` tells
    seed, command, versions and hyperparameters, `sha256` is of the weights file.
    """

    name: str
    summary: str
    timm_name: str
    arguments: dict[str, Any]
    identity: tuple[str, ...]
    input_size: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    weights_file: str
    sha256: str
    parameters: int
    accuracy: float
    test_pictures: int
    pictures: str
    licence: str
    source: str
    training: dict[str, Any]

    @property
    def weights_path(self) -> Path:
        """Where the weights are on this machine."""
        return shipped("data") / "models" / self.weights_file


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One network as a list shows it; what is known only after building it is None."""

    name: str
    origin: Origin
    summary: str = ""
    input_size: tuple[int, int, int] | None = None
    parameters: int | None = None
    accuracy: float | None = None
    offline: bool = False


def demo_networks() -> dict[str, DemoNetwork]:
    """The demo networks by name, as their model cards describe them."""
    return dict(_cards())


def models(
    pattern: str | None = None, *, origins: tuple[Origin, ...] | None = None
) -> tuple[ModelEntry, ...]:
    """Every network that `load_model` knows by name: the demo networks, then timm's, then torchvision's.

    Parameters
    ----------
    pattern : keep names that match it: a word ("resnet") or with wildcards ("vit_*_224").
    origins : keep these only; ``("demo",)`` answers without importing timm.
    """
    wanted = origins or ("demo", "timm", "torchvision")
    entries: list[ModelEntry] = []
    if "demo" in wanted:
        entries += [_demo_entry(network) for network in _cards().values()]
    if "timm" in wanted:
        entries += [ModelEntry(name, "timm") for name in timm_names()]
    if "torchvision" in wanted:
        entries += [ModelEntry(TORCHVISION + name, "torchvision") for name in torchvision_names()]
    if pattern is None:
        return tuple(entries)
    glob = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    return tuple(entry for entry in entries if fnmatch.fnmatchcase(entry.name, glob))


@lru_cache(maxsize=1)
def timm_names() -> tuple[str, ...]:
    """Names that ``timm.create_model`` builds."""
    return tuple(libraries.timm().list_models())


@lru_cache(maxsize=1)
def torchvision_names() -> tuple[str, ...]:
    """Names that ``torchvision.models.get_model`` builds and that classify pictures."""
    known = libraries.torchvision().models
    return tuple(known.list_models(module=known))


def _demo_entry(network: DemoNetwork) -> ModelEntry:
    return ModelEntry(
        name=network.name,
        origin="demo",
        summary=network.summary,
        input_size=network.input_size,
        parameters=network.parameters,
        accuracy=network.accuracy,
        offline=True,
    )


@lru_cache(maxsize=1)
def _cards() -> dict[str, DemoNetwork]:
    cards = sorted((shipped("data") / "models").glob("*.json"))
    networks = [_read(card) for card in cards]
    return {network.name: network for network in networks}


def _read(card: Path) -> DemoNetwork:
    try:
        fields = json.loads(card.read_text(encoding="utf-8"))
        tuples = {key: tuple(fields[key]) for key in ("identity", "input_size", "mean", "std", "classes")}
        return DemoNetwork(**{**fields, **tuples})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the model card {card.name} cannot be read: {error}; restore it from the repository, or write "
            f"it anew with `python -m workbench.experiments.demo_training`"
        ) from error
