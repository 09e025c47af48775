"""`load_model`: a network by name, or an own one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from workbench.errors import ModelError, UnknownNameError
from workbench.models import libraries
from workbench.models.catalog import TORCHVISION, demo_networks, timm_names, torchvision_names
from workbench.models.model import Model
from workbench.models.sources.by_timm import from_hub, from_timm
from workbench.models.sources.by_torchvision import from_torchvision
from workbench.models.sources.demo import from_demo
from workbench.models.sources.factory import is_factory, make
from workbench.models.sources.own import from_own
from workbench.models.sources.wishes import Wishes

HUB = ("hf-hub:", "hf_hub:")


def load_model(
    name: str | nn.Module,
    *,
    pretrained: bool | None = None,
    weights: str | Path | None = None,
    input_size: Sequence[int] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    classes: Sequence[str] | None = None,
    **arguments: Any,
) -> Model:
    """A network in eval mode, with its preprocessing, its classes and the truth about its weights.

    Parameters
    ----------
    name : a demo network ("digits-resnet", "digits-vit", "digits-convnext"), a name of timm ("resnet50",
        also with a tag, "resnet50.a1_in1k", or "hf-hub:OWNER/NAME"), of torchvision ("torchvision/resnet50",
        or plain where timm has no such name), ``package.module:factory`` or ``folder/file.py:factory`` for an
        own network, or an ``nn.Module``. A module that is handed over keeps its mode, its hooks and its
        gradients; its weights are shared, unless `weights` are given: then a copy gets those.
    pretrained : None or True for trained weights, fetched from the hub where they are not on this machine;
        False for random ones, which are marked as such (`Model.weights`). For an own network what its owner
        says of it.
    weights : a .safetensors file or a state dict (.pt, .pth) to load instead.
    input_size : (C, H, W) of a picture. Needed for an own network; else its own configuration decides.
    mean, std : for pictures scaled to 0..1, one number for each channel or one for all; an own network
        without them takes pictures as 0..1.
    classes : a name for each answer.
    arguments : passed on to timm, torchvision or the factory (``num_classes=10``).

    Raises
    ------
    UnknownNameError : no such network; offers the nearest names.
    WeightsError : weights that do not fit (which keys), or that cannot be fetched; offers random ones.
    ModelError : a network that cannot be made, or does not run on such pictures.
    """
    channels = _size(input_size)[0] if input_size is not None else 3
    wishes = Wishes(
        pretrained=pretrained,
        weights=Path(weights).expanduser() if weights is not None else None,
        input_size=_size(input_size) if input_size is not None else None,
        mean=_numbers("mean", mean, channels) if mean is not None else None,
        std=_numbers("std", std, channels) if std is not None else None,
        classes=_names(classes) if classes is not None else None,
        arguments=arguments,
    )
    try:
        return _load(name, wishes)
    except MemoryError as error:
        raise ModelError(_no_memory(name)) from error
    except RuntimeError as error:
        if "memory" in str(error) and not isinstance(error, ModelError):
            raise ModelError(_no_memory(name)) from error
        raise


def _load(name: str | nn.Module, wishes: Wishes) -> Model:
    libraries.timm()  # before any module of timm is imported by its own name
    if isinstance(name, nn.Module):
        return from_own(name, type(name).__name__, wishes)
    if not isinstance(name, str):
        raise ModelError(
            f"a network is a name or an nn.Module, not a {type(name).__name__}; models() lists names"
        )
    demos = demo_networks()
    if name in demos:
        return from_demo(demos[name], wishes)
    if is_factory(name):
        return from_own(make(name, wishes.arguments), name, wishes)
    if name.startswith(TORCHVISION):
        if name.removeprefix(TORCHVISION) not in torchvision_names():
            raise UnknownNameError("network", name, [TORCHVISION + known for known in torchvision_names()])
        return from_torchvision(name.removeprefix(TORCHVISION), wishes)
    if name.startswith(HUB):
        return from_hub(name, wishes)
    from timm.models import is_model

    if is_model(name.removeprefix("timm/")):
        return from_timm(name.removeprefix("timm/"), wishes)
    if name in torchvision_names():
        return from_torchvision(name, wishes)
    known = (*demos, *timm_names(), *(TORCHVISION + other for other in torchvision_names()))
    raise UnknownNameError("network", name, known, "models('word') lists all names that hold a word")


def _size(value: Sequence[int]) -> tuple[int, int, int]:
    try:
        channels, height, width = (int(side) for side in value)
    except (TypeError, ValueError) as error:
        raise ModelError(f"input_size is {value!r}; allowed: (C, H, W), such as (3, 224, 224)") from error
    return channels, height, width


def _numbers(what: str, value: float | Sequence[float], channels: int) -> tuple[float, ...]:
    try:
        numbers = (float(value),) * channels if isinstance(value, int | float) else tuple(map(float, value))
    except (TypeError, ValueError) as error:
        raise ModelError(f"{what} is {value!r}; allowed: a number, or one for each channel") from error
    if not all(math.isfinite(number) for number in numbers):
        raise ModelError(f"{what} is {value!r}; allowed: finite numbers")
    return numbers


def _names(classes: Sequence[str]) -> tuple[str, ...]:
    names = (classes,) if isinstance(classes, str) else tuple(str(name) for name in classes)
    if not names or len(set(names)) < len(names):
        raise ModelError(
            f"classes names {len(names)} classes, {len(set(names))} of them different; each needs its own"
        )
    return names


def _no_memory(name: Any) -> str:
    return f"there is not enough free memory for {name}; close other notebooks, or choose a smaller network"
