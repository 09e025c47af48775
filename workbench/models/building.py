"""A timm network by name and keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from workbench.models import libraries


def build_timm(
    name: str, arguments: Mapping[str, Any], identity: Sequence[str] = (), *, pretrained: bool = False
) -> nn.Module:
    """``timm.create_model(name, **arguments)``, and ``nn.Identity`` for the modules named in `identity`.

    Random weights come from torch's global stream of numbers.

    Lists become tuples on the way, so that arguments may come from JSON.
    """
    as_given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in arguments.items()
    }
    network = libraries.timm().create_model(name, pretrained=pretrained, **as_given)
    for path in identity:
        network.set_submodule(path, nn.Identity())
    return network
