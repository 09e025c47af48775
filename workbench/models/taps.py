"""The server part of a cut with one of its layers laid open: its values, and the gradient that reaches them.

features ─▶ ... ─▶ layer ─▶ tap ─▶ ... ─▶ answer        hang a hook on `tap`; the network knows nothing of it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn

from workbench.errors import CutError, InputError, UnknownNameError
from workbench.models.cuts import Cut, Cutter
from workbench.models.parts import server_graph
from workbench.models.probe import batch_axis
from workbench.models.sharing import with_same_weights
from workbench.models.splitting import Split

_TAP = "tap_here"


@dataclass(frozen=True, eq=False)
class Layer:
    """What a module of the server part gives, or the features themselves (`node` None).

    `shape` is of one picture; `names` are the paths of all modules that end there, the outermost first.
    `alone` says that nothing else crosses there: what comes after is made from this tensor only.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    alone: bool
    node: fx.Node | None

    @property
    def name(self) -> str:
        """The shortest of its names."""
        return self.names[0]


class Tap(nn.Module):
    """Passes a tensor on as the first one that a gradient is kept for; nothing before it learns of any."""

    def forward(self, values: Tensor) -> Tensor:
        return values.detach().requires_grad_()


class Tapped(nn.Module):
    """A server part with a tap: features in, answer out, as the split's own. Its weights cannot change.

    The modules are copies around the same weights, in eval mode, so nothing done here is seen elsewhere.
    """

    def __init__(self, network: fx.GraphModule) -> None:
        super().__init__()
        self.network = network

    @property
    def tap(self) -> nn.Module:
        """The module whose output is the layer's tensor."""
        return self.network.get_submodule(_TAP)

    def forward(self, features: Any) -> Any:
        return self.network(features)


def layers(split: Split) -> tuple[Layer, ...]:
    """The features, and then what every module of the server part gives, in order of execution.

    Only single tensors of float numbers with the batch in front, made from the picture. Modules that end at
    the same tensor are one layer.
    """
    cutter: Cutter = split.model.cutter
    cut = _cut_of(split)
    _, made = server_graph(cutter, cut, keep_input=True)
    single = {one.crossing[0] for one in cutter.single}
    ends: dict[fx.Node, list[str]] = {}
    for name, nodes in cutter.trace.returns:
        if len(nodes) == 1 and (nodes[0] in made or cutter.root[nodes[0]] in cut.crossing):
            ends.setdefault(cutter.root[nodes[0]], []).append(name)
    crossing = cut.crossing[0]
    found = []
    if len(cut.crossing) == 1:
        others = sorted(ends.get(crossing, ()), key=_depth)
        names = tuple(dict.fromkeys((split.point.name, *others)))
        found.append(Layer(names, split.point.shape, True, None))
    for node, paths in ends.items():
        if cutter.step[node] > cut.step and isinstance(made.get(node), fx.Node) and _usable(cutter, node):
            shape = tuple(cutter.facts[node].values[0].shape[1:])
            found.append(Layer(tuple(sorted(paths, key=_depth)), shape, node in single, node))
    order = {layer: -1 if layer.node is None else cutter.step[layer.node] for layer in found}
    return tuple(sorted(found, key=order.__getitem__))


def layer_called(split: Split, name: str, among: tuple[Layer, ...]) -> Layer:
    """The layer of that name.

    Raises
    ------
    InputError : a module of the network, but on the board, or not one tensor of values.
    UnknownNameError : no such module; offers the nearest.
    """
    for layer in among:
        if name in layer.names:
            return layer
    known = [layer.name for layer in among]
    if name in dict(split.model.module.named_modules()):
        raise InputError(
            f"{name!r} of {split.model.name} cannot be looked at behind the cut at {split.point.name!r}: it "
            f"runs on the board, or gives no single tensor with the batch in front; choose a layer of the "
            f"server part ({_some(known)}), or cut earlier"
        )
    raise UnknownNameError("layer of the server part", name, known)


def normalised(split: Split, layer: Layer, among: tuple[Layer, ...]) -> Layer:
    """The layer as the next module reads it: through a layer norm, if one takes it and keeps its shape.

    Before the last attention of a transformer these are the values that its tokens are compared by; in the
    sum of all blocks a few channels outweigh the rest.
    """
    cutter: Cutter = split.model.cutter
    source = _cut_of(split).crossing[0] if layer.node is None else layer.node
    modules = dict(cutter.network.named_modules())
    for other in among:
        if other.node is None or other.shape != layer.shape:
            continue
        norm = isinstance(modules.get(other.names[-1].split("@")[0]), nn.LayerNorm | nn.RMSNorm)
        above = {cutter.root[node] for node in other.node.all_input_nodes if node in cutter.depends}
        if norm and above == {source}:
            return other
    return layer


def tapped(split: Split, layer: Layer, weights: Mapping[str, Tensor] | None = None) -> Tapped:
    """The server part with a tap behind `layer`.

    Parameters
    ----------
    weights : by the names of `split.server_part.state_dict()`, in place of the network's own.
    """
    cutter: Cutter = split.model.cutter
    graph, made = server_graph(cutter, _cut_of(split), keep_input=True)
    behind = next(iter(graph.nodes)) if layer.node is None else made[layer.node]
    with graph.inserting_after(behind):
        tap = graph.call_module(_TAP, (behind,))
    with graph.inserting_after(tap):  # what changes it in place must not change what is kept of it
        copy = graph.call_method("clone", (tap,))
    for user in [user for user in behind.users if user is not tap]:
        user.replace_input_with(behind, copy)
    body = with_same_weights(cutter.network)
    body.add_module(_TAP, Tap())
    graph.lint()
    network = fx.GraphModule(body, graph, "TappedServerPart")
    _stand_still(network, weights or {})
    return Tapped(network.eval())


def _stand_still(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Parameters of its own that share the values and want no gradient, or those of `weights`."""
    for path, module in network.named_modules(remove_duplicate=False):
        front = f"{path}." if path else ""
        for name, parameter in module._parameters.items():
            if parameter is not None:
                values = weights.get(front + name, parameter).detach()
                module._parameters[name] = nn.Parameter(values, requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = weights.get(front + name, buffer)


def _cut_of(split: Split) -> Cut:
    cutter: Cutter = split.model.cutter
    for cut in (*cutter.single, *cutter.all_single, *cutter.several):
        shapes = tuple(cutter.shape(node) for node in cut.crossing)
        if cut.names[0] == split.point.name and shapes == split.point.shapes:
            return cut
    raise CutError(f"{split.model.name} has no cut {split.point.name!r} any more; split it again")


def _usable(cutter: Cutter, node: fx.Node) -> bool:
    fact = cutter.facts[node]
    return (
        fact.is_tensor
        and fact.values[0].is_floating_point()
        and node in cutter.depends
        and node in cutter.needed
        and batch_axis(fact) == (0, 1)
    )


def _depth(name: str) -> int:
    return name.count(".")


def _some(names: list[str], count: int = 6) -> str:
    shown = names if len(names) <= count else [*names[: count - 2], "...", names[-1]]
    return ", ".join(shown) or "there is none"
