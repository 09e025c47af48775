"""A second body for the same weights: own modes and hooks, the very same parameters and buffers.

With it a borrowed module stays as it was found, and training one part of a split does not switch the whole
network to training mode.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from workbench.errors import ModelError

Module = TypeVar("Module", bound=nn.Module)


def with_same_weights(network: Module) -> Module:
    """A copy of the modules around the same parameters and buffers.

    Raises
    ------
    ModelError : the module holds something that cannot be copied (an open file, a lock).
    """
    return _copy(network, {id(tensor): tensor for tensor in tensors(network)})


def with_weights_without_values(network: Module) -> Module:
    """A copy whose tensors have shapes but no values (torch's "meta" device)."""
    return _copy(network, {id(tensor): _without_values(tensor) for tensor in tensors(network)})


def parameters_without_values(network: nn.Module) -> dict[int, Tensor]:
    """For each parameter, by its id, one of its shape on "meta"."""
    return {id(weight): _without_values(weight) for weight in network.parameters()}


def with_these_weights(network: Module, weights: Mapping[int, Tensor]) -> Module:
    """A copy with a tensor of `weights` in place of each whose id is there; it shares all others."""
    return _copy(network, {id(tensor): tensor for tensor in tensors(network)} | dict(weights))


def with_own_weights(network: Module) -> Module:
    """A copy of everything, parameters and buffers as well."""
    return _copy(network, {})


def tensors(network: nn.Module) -> Iterator[Tensor]:
    """Parameters, buffers and other tensors of all modules."""
    for module in network.modules():
        for value in (*module._parameters.values(), *module._buffers.values(), *vars(module).values()):
            if isinstance(value, Tensor):
                yield value


def _without_values(tensor: Tensor) -> Tensor:
    bare = tensor.detach().to("meta")
    return nn.Parameter(bare, requires_grad=False) if isinstance(tensor, nn.Parameter) else bare


def _copy(network: Module, memo: dict[int, Any]) -> Module:
    for module in network.modules():  # a module has a dozen empty tables of hooks, and copying is slow
        memo.update(
            (id(table), OrderedDict())
            for table in vars(module).values()
            if type(table) is OrderedDict and not table
        )
    try:
        return copy.deepcopy(network, memo)
    except Exception as error:  # __deepcopy__ and __reduce__ of a foreign class may fail in any way
        raise ModelError(
            f"a {type(network).__name__} cannot be copied, so it cannot be used unharmed: {error}; "
            f"keep what is no part of the network (files, locks, loaders) out of the module"
        ) from error
