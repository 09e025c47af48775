"""A proof that two parts are the whole network: both compute the same expression, whatever the picture.

    pictures ─▶ network ─────────────────────▶ answer, number 417
    pictures ─▶ edge ─▶ features ─▶ server ─▶ answer, number 417

The network and its parts run on tensors without values (torch's "meta" device), and what every tensor holds
gets a number (`numbering`): equal numbers are equal expressions, and those are equal for every picture. No
arithmetic is done, so a network of 200 GMACs takes as long as a small one with as many layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves

from workbench.models.libraries import without_compiler
from workbench.models.numbering import NotUnderstood, Numbering
from workbench.models.sharing import parameters_without_values, tensors, with_these_weights

BATCHES: Final = (1, 4)  # a part's integers come from batches of two and three, so these are a test of them


class NotProven(Exception):
    """Something in the expressions is not understood."""


class Different(NotProven):
    """The expressions are not the same, though they may have the same value."""


class Changed(NamedTuple):
    """Which parts change in place what they are given."""

    pictures: bool
    features: bool


def prove(
    network: nn.Module, edge: nn.Module, server: nn.Module, input_size: tuple[int, int, int]
) -> Changed:
    """That ``server(edge(x))`` is the expression that ``network(x)`` is, for batches of one and of four.

    The code of the parts runs on copies of their modules; nothing that was given is changed.

    Raises
    ------
    Different : says for pictures of what shape.
    NotProven : says what is not understood.
    """
    if any(isinstance(module, nn.RNNBase) for module in network.modules()):
        raise NotProven("torch spells out every step of a recurrent layer on tensors without values: seconds")
    weights = parameters_without_values(network)
    like = next(network.parameters(), torch.empty(0))
    try:
        whole, first, second = (_runnable(part, weights) for part in (network, edge, server))
        with torch.no_grad(), without_compiler():
            numbering = Numbering(weights.values(), tensors(network))
            runs = [
                _compared(numbering, whole, first, second, (batch, *input_size), like.dtype)
                for batch in BATCHES
            ]
    except NotProven:
        raise
    except NotUnderstood as error:
        raise NotProven(str(error)) from error
    except Exception as error:  # an operator without a shape-only version, or one that looks at values
        raise NotProven(f"it does not run on tensors without values: {error}") from error
    return Changed(any(run.pictures for run in runs), any(run.features for run in runs))


def _runnable(part: nn.Module, weights: dict[int, Tensor]) -> Callable[[Any], Any]:
    """The part's own code around a copy of its modules; a GraphModule's copy would be compiled anew."""
    if not isinstance(part, fx.GraphModule):
        return with_these_weights(part, weights)
    body = nn.Module()
    vars(body).update(
        {key: value for key, value in vars(part).items() if key in vars(body) or isinstance(value, Tensor)}
    )
    copy, forward = with_these_weights(body, weights), type(part).forward
    return lambda given: forward(copy, given)


def _compared(
    numbering: Numbering,
    whole: Callable[[Any], Any],
    edge: Callable[[Any], Any],
    server: Callable[[Any], Any],
    shape: tuple[int, ...],
    dtype: torch.dtype,
) -> Changed:
    pictures, again = (numbering.given("pictures", shape, dtype) for _ in range(2))
    with numbering:
        expected = _answer(numbering, whole(again))
        try:
            features = edge(pictures)
            before = [leaf._version for leaf in _leaves(features)]
            found = _answer(numbering, server(features))
        except NotUnderstood:
            raise
        except Exception as error:  # an integer that does not follow from the batch size, for one
            raise Different(
                f"the parts do not run on pictures of shape {shape}, as the network does: {error}"
            ) from error
    if not expected:
        raise NotProven("the network's answer holds no tensor")
    if found != expected:
        raise Different(f"the expressions differ for pictures of shape {shape}")
    return Changed(pictures._version > 0, before != [leaf._version for leaf in _leaves(features)])


def _answer(numbering: Numbering, answer: Any) -> list[tuple[int, torch.Size, torch.dtype]]:
    return [(numbering.of(leaf), leaf.shape, leaf.dtype) for leaf in _leaves(answer)]


def _leaves(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
