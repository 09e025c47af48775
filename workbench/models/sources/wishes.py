"""What a caller asked for, and how weights come into a network that was built by name.

    build ─▶ weights of a given file | random, seeded | trained ─▶ network in eval mode, what to say of it

Random weights are drawn with a fixed seed, so that they are the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from workbench.errors import ModelError
from workbench.models.model import Weights
from workbench.models.preprocess import Preprocessing, per_channel
from workbench.models.weights import put_weights, read_weights

RANDOM = "random weights (drawn with seed 0): its answers mean nothing"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller of `load_model` asked for; None where the network's own configuration decides."""

    pretrained: bool | None = None
    weights: Path | None = None
    input_size: tuple[int, int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    classes: tuple[str, ...] | None = None
    arguments: dict[str, Any] = field(default_factory=dict)

    def refine(self, known: Preprocessing) -> Preprocessing:
        """The network's own preprocessing, with what the caller said instead."""
        changes: dict[str, Any] = {"mean": self.mean, "std": self.std}
        if self.input_size and self.input_size != known.input_size:
            channels = self.input_size[0]
            changes["input_size"] = self.input_size
            changes["mean"] = self.mean or per_channel(known.mean, channels)
            changes["std"] = self.std or per_channel(known.std, channels)
            if known.resize:
                scale = [
                    large / small for large, small in zip(known.resize, known.input_size[1:], strict=True)
                ]
                sides = zip(self.input_size[1:], scale, strict=True)
                changes["resize"] = tuple(int(side * factor) for side, factor in sides)
        return replace(known, **{key: value for key, value in changes.items() if value is not None})


def with_weights(
    build: Callable[[], nn.Module], name: str, wishes: Wishes, trained: Callable[[], nn.Module], note: str
) -> tuple[nn.Module, Weights, str]:
    """The network in eval mode, whether its weights are trained, and where they came from."""
    if wishes.weights:
        module = seeded(build, name)
        put_weights(module, read_weights(wishes.weights), wishes.weights.name, name)
        return module.eval(), "trained", f"from {wishes.weights.name}"
    if wishes.pretrained is False:
        return seeded(build, name).eval(), "random", RANDOM
    return trained().eval(), "trained", note


def seeded(build: Callable[[], nn.Module], name: str) -> nn.Module:
    """Built with random weights that are the same each time; torch's own stream of numbers is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            return build()
        except (TypeError, ValueError, RuntimeError, AssertionError) as error:
            raise ModelError(f"{name} cannot be built with these arguments: {error}") from error
