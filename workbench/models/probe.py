"""What every node of a traced network gives: shape, cost, memory, and how integers follow the batch size.

The graph is run on pictures without values (shapes only, no arithmetic) for batches of two and of three: what
differs follows from the batch size and is kept as ``per_picture * batch + fixed``. A small network is run
with values, which takes milliseconds and spares the symbolic algebra behind torch's shape functions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.flop_counter import flop_registry

from workbench.errors import CutError
from workbench.models.libraries import without_compiler
from workbench.models.shapes import without_values
from workbench.models.sharing import with_same_weights, with_weights_without_values
from workbench.models.tracing import Trace

BATCHES = (2, 3)
SMALL_MACS = 2e9


class NotDerivable(Exception):
    """A plain value that does not follow from the batch size."""


@dataclass(frozen=True, slots=True)
class BatchNumber:
    """The integer ``per_picture * batch + fixed``."""

    per_picture: int
    fixed: int


@dataclass(frozen=True, slots=True)
class Fact:
    """What one node gave: its values for both batches, its MACs and the storages it holds for one picture.

    `same_as` is the earlier node whose very tensor this is (an identity, a dropout in eval mode);
    `changed` are the tensors that it changed in place.
    """

    values: tuple[Any, Any]
    macs: int
    storages: dict[int, int]
    same_as: fx.Node | None
    changed: tuple[fx.Node, ...]

    @property
    def is_tensor(self) -> bool:
        """One tensor, not a tuple of some and not a plain value."""
        return isinstance(self.values[0], Tensor)

    @property
    def has_tensor(self) -> bool:
        """A tensor, or a structure with tensors in it."""
        return any(isinstance(leaf, Tensor) for leaf in tree_leaves(self.values[0]))


@dataclass(frozen=True, slots=True)
class _Seen:
    value: Any
    flops: int
    storages: dict[int, int]
    same_as: fx.Node | None
    changed: tuple[fx.Node, ...]


class _FlopCounter(TorchDispatchMode):
    """Adds up torch's own formulas at the dispatcher, so that attention counts too.

    torch's FlopCounterMode also hangs hooks into every module of the process, which fail on views of
    parameters and would be seen by other threads.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Whether torch's compiler is loaded, only to be told to stay away: 80 MB for nothing."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        out = without_values(func, args, named)
        operator = func._overloadpacket
        if operator in flop_registry:
            self.total += flop_registry[operator](*args, **named, out_val=out)
        elif operator is torch.ops.aten.mkldnn_rnn_layer:  # an LSTM's layer in one direction, on x86
            steps, hidden, recurrent = args[0].shape[:2], args[1], args[2]
            self.total += 2 * math.prod(steps) * (hidden.numel() + recurrent.numel())
        return out


class _Watcher(fx.Interpreter):
    """Runs the graph node by node and keeps what each gave (so that no storage is used twice)."""

    def __init__(self, network: nn.Module, graph: fx.Graph, counter: _FlopCounter) -> None:
        super().__init__(network, garbage_collect_values=False, graph=graph)
        self._counter = counter
        self.seen: dict[fx.Node, _Seen] = {}

    def run_node(self, n: fx.Node) -> Any:
        given = [(node, self.env[node]) for node in n.all_input_nodes if isinstance(self.env[node], Tensor)]
        versions = [tensor._version for _, tensor in given]
        flops = self._counter.total
        value = super().run_node(n)
        changed = tuple(node for (node, now), old in zip(given, versions, strict=True) if now._version != old)
        same = next((node for node, tensor in given if tensor is value and node not in changed), None)
        storages = {}
        for leaf in tree_leaves(value):
            if isinstance(leaf, Tensor) and n.op != "get_attr":
                storage = leaf.untyped_storage()
                storages[storage._cdata] = storage.nbytes()
        flops = self._counter.total - flops
        self.seen[n] = _Seen(value, flops, storages, same, changed)
        return value


def probe(trace: Trace, input_size: tuple[int, int, int], name: str) -> dict[fx.Node, Fact]:
    """Facts of every node, for pictures of `input_size` (C, H, W).

    Raises
    ------
    CutError : the network does not take pictures of that size.
    """
    recurrent = any(isinstance(module, nn.RNNBase) for module in trace.network.modules())
    # torch spells out every step of an LSTM on "meta", which takes seconds
    ways = (_as_fakes, _without_values) if recurrent else (_without_values, _as_fakes)
    for run in (_in_earnest, *ways) if _is_small(trace.network, input_size) else ways:
        try:
            with without_compiler():
                return _facts(trace.graph, [run(trace, (batch, *input_size)) for batch in BATCHES])
        except Exception:  # an operator without a shape-only version, or a constant that is not on "meta"
            continue
    try:
        return _facts(trace.graph, [_in_earnest(trace, (batch, *input_size)) for batch in BATCHES])
    except Exception as error:  # a foreign forward() may fail in any way
        raise CutError(
            f"{name} does not run on pictures of shape {input_size}: {str(error).splitlines()[0]}; "
            f"load it with the input_size that it was made for"
        ) from error


def _is_small(network: nn.Module, input_size: tuple[int, int, int]) -> bool:
    """Whether one picture costs little even if every weight is used at every pixel."""
    weights = sum(weight.numel() for weight in network.parameters())
    return weights * input_size[1] * input_size[2] <= SMALL_MACS


def derive(fact: Fact) -> Any:
    """A plain value as constants and `BatchNumber`, in the structure in which it came.

    Raises
    ------
    NotDerivable : it depends on more than the batch size.
    """
    return _derive(*fact.values)


def batch_axis(fact: Fact) -> tuple[int, int] | None:
    """Which axis grows with the batch, and its length for one picture; None if no single one does."""
    small, large = (value.shape for value in fact.values)
    if len(small) != len(large):
        return None
    growing = [axis for axis, (two, three) in enumerate(zip(small, large, strict=True)) if two != three]
    if len(growing) != 1:
        return None
    axis = growing[0]
    per_picture = large[axis] - small[axis]
    return (axis, per_picture) if per_picture * BATCHES[0] == small[axis] else None


def _without_values(trace: Trace, shape: tuple[int, ...]) -> dict[fx.Node, _Seen]:
    """On tensors of the "meta" device, which have shapes only."""
    return _watch(with_weights_without_values(trace.network), trace.graph, shape)


def _as_fakes(trace: Trace, shape: tuple[int, ...]) -> dict[fx.Node, _Seen]:
    """On fake tensors, which know their device: several times slower, but more operators work."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        return _watch(with_same_weights(trace.network), trace.graph, shape)


def _in_earnest(trace: Trace, shape: tuple[int, ...]) -> dict[fx.Node, _Seen]:
    """With values, of which only the shapes are kept."""
    seen = _watch(with_same_weights(trace.network), trace.graph, shape)
    shapes: dict[int, Tensor] = {}

    def forget(leaf: Any) -> Any:
        return shapes.setdefault(id(leaf), leaf.to("meta")) if isinstance(leaf, Tensor) else leaf

    light = {node: tree_map(forget, what.value) for node, what in seen.items()}
    return {node: replace(what, value=light[node]) for node, what in seen.items()}


def _watch(network: nn.Module, graph: fx.Graph, shape: tuple[int, ...]) -> dict[fx.Node, _Seen]:
    like = next(iter(network.parameters()), torch.empty(0))
    with torch.no_grad(), _FlopCounter() as counter:
        watcher = _Watcher(network, graph, counter)
        watcher.run(torch.zeros(shape, dtype=like.dtype, device=like.device))
    return watcher.seen


def _facts(graph: fx.Graph, runs: list[dict[fx.Node, _Seen]]) -> dict[fx.Node, Fact]:
    small, large = runs
    return {node: _fact(small[node], large[node]) for node in graph.nodes}


def _fact(small: _Seen, large: _Seen) -> Fact:
    """Both runs together; costs are affine in the batch, so one picture costs 2 * small - large."""
    two, three = BATCHES
    step = (large.flops - small.flops) // (three - two)
    storages = {
        key: 2 * first - second
        for (key, first), second in zip(small.storages.items(), large.storages.values(), strict=False)
    }
    return Fact(
        values=(small.value, large.value),
        macs=(small.flops - (two - 1) * step) // 2,
        storages=storages,
        same_as=small.same_as if large.same_as is small.same_as else None,
        changed=small.changed,
    )


def _derive(small: Any, large: Any) -> Any:
    if type(small) is not type(large):
        raise NotDerivable
    if isinstance(small, tuple | list):
        if len(small) != len(large):
            raise NotDerivable
        leaves = [_derive(two, three) for two, three in zip(small, large, strict=True)]
        return leaves if isinstance(small, list) else tuple(leaves)
    if isinstance(small, dict):
        if small.keys() != large.keys():
            raise NotDerivable
        return {key: _derive(small[key], large[key]) for key in small}
    if isinstance(small, slice):
        ends = zip((small.start, small.stop, small.step), (large.start, large.stop, large.step), strict=True)
        return slice(*(_derive(two, three) for two, three in ends))
    if small is large or small == large:
        return small
    if isinstance(small, int) and not isinstance(small, bool):
        per_picture = (large - small) // (BATCHES[1] - BATCHES[0])
        return BatchNumber(per_picture, small - BATCHES[0] * per_picture)
    raise NotDerivable
