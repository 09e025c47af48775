"""Builds the edge part and the server part of a cut as torch modules that share the network's weights.

What crosses always has the batch axis first, so that a picture's features are ``features[i]``; where the
network keeps the batch elsewhere (windows folded into it, tokens before it), the parts move it there and
back.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn

from workbench.models.cuts import Cut, Cutter
from workbench.models.probe import BatchNumber, derive
from workbench.models.sharing import with_same_weights


def edge_part(cutter: Cutter, cut: Cut, *, keep_input: bool) -> fx.GraphModule:
    """Pictures in, features out; only what the features need is computed.

    `keep_input` guards the pictures against a network that changes them in place.
    """
    wanted = set(cut.crossing)
    for node in reversed(cutter.nodes[: cut.step + 1]):
        if node in wanted:
            wanted.update(node.all_input_nodes)
    graph = fx.Graph()
    made: dict[fx.Node, fx.Node] = {}
    for node in cutter.nodes[: cut.step + 1]:
        if node in wanted:
            made[node] = graph.node_copy(node, made.__getitem__)
            if node is cutter.pictures and keep_input:
                made[node] = graph.call_method("clone", (made[node],))
    sent = tuple(_batch_first(graph, made[node], cutter, node) for node in cut.crossing)
    graph.output(sent[0] if len(sent) == 1 else sent)
    return as_module(cutter.network, graph, "EdgePart")


def server_part(cutter: Cutter, cut: Cut, *, keep_input: bool) -> fx.GraphModule:
    """Features in, answer out; integers from before the cut follow from the features' batch size.

    `keep_input` guards the features against a first operator that changes them in place.
    """
    graph, _ = server_graph(cutter, cut, keep_input=keep_input)
    return as_module(cutter.network, graph, "ServerPart")


def server_graph(cutter: Cutter, cut: Cut, *, keep_input: bool) -> tuple[fx.Graph, dict[fx.Node, Any]]:
    """The graph of a `server_part`, and what each node of the network became in it."""
    graph = fx.Graph()
    features = graph.placeholder("features")
    count = len(cut.crossing)
    sent = [features] if count == 1 else [_call(graph, operator.getitem, features, at) for at in range(count)]
    made: dict[fx.Node, Any] = {}
    for node, tensor in zip(cut.crossing, sent, strict=True):
        guarded = graph.call_method("clone", (tensor,)) if keep_input else tensor
        made[node] = _as_it_was(graph, guarded, cutter, node)
    numbers: dict[BatchNumber, fx.Node] = {}
    known = _known_at_server(cutter, cut)
    wanted = _wanted_at_server(cutter, cut, known)
    for node in cutter.nodes:
        if cutter.step[node] <= cut.step and cutter.root[node] in made:
            made[node] = made[cutter.root[node]]
        elif node in wanted and node in known:
            made[node] = graph.node_copy(node, made.__getitem__)
        elif node in wanted:
            made[node] = _spelled_out(graph, derive(cutter.facts[node]), sent[0], numbers)
    return graph, made


def _known_at_server(cutter: Cutter, cut: Cut) -> set[fx.Node]:
    """What can be computed from the features and the parameters as the network's own code says."""
    known: set[fx.Node] = set()
    for node in cutter.nodes:
        if cutter.has_tensor(node):
            late = cutter.step[node] > cut.step
            if late or node not in cutter.depends or cutter.root[node] in cut.crossing:
                known.add(node)
        elif all(above in known for above in node.all_input_nodes):
            known.add(node)
    return known


def _wanted_at_server(cutter: Cutter, cut: Cut, known: set[fx.Node]) -> set[fx.Node]:
    """What the answer is made from, back to the features and to the integers that are derived."""
    wanted = {cutter.output}
    for node in reversed(cutter.nodes):
        arrived = cutter.step[node] <= cut.step and cutter.root[node] in cut.crossing
        if node in wanted and node in known and not arrived:
            wanted.update(node.all_input_nodes)
    return wanted


def _spelled_out(graph: fx.Graph, value: Any, features: fx.Node, numbers: dict[BatchNumber, fx.Node]) -> Any:
    """A derived value as an argument: constants, and nodes that count from the features' batch size."""
    if isinstance(value, tuple | list):
        leaves = [_spelled_out(graph, leaf, features, numbers) for leaf in value]
        return leaves if isinstance(value, list) else tuple(leaves)
    if isinstance(value, dict):
        return {key: _spelled_out(graph, leaf, features, numbers) for key, leaf in value.items()}
    if isinstance(value, slice):
        ends = (value.start, value.stop, value.step)
        return slice(*(_spelled_out(graph, end, features, numbers) for end in ends))
    if isinstance(value, torch.device):
        return _call(graph, getattr, features, "device")
    if not isinstance(value, BatchNumber):
        return value
    if value not in numbers:
        node = graph.call_method("size", (features, 0))
        node = _call(graph, operator.mul, node, value.per_picture) if value.per_picture != 1 else node
        numbers[value] = _call(graph, operator.add, node, value.fixed) if value.fixed else node
    return numbers[value]


def _batch_first(graph: fx.Graph, tensor: fx.Node, cutter: Cutter, original: fx.Node) -> fx.Node:
    axis, per_picture = cutter.batch_axis(original)
    if axis:
        tensor = graph.call_method("movedim", (tensor, axis, 0))
    return graph.call_method("unflatten", (tensor, 0, (-1, per_picture))) if per_picture > 1 else tensor


def _as_it_was(graph: fx.Graph, tensor: fx.Node, cutter: Cutter, original: fx.Node) -> fx.Node:
    axis, per_picture = cutter.batch_axis(original)
    if per_picture > 1:
        tensor = graph.call_method("flatten", (tensor, 0, 1))
    if axis:
        tensor = graph.call_method("contiguous", (graph.call_method("movedim", (tensor, 0, axis)),))
    return tensor


def _call(graph: fx.Graph, function: Any, *args: Any) -> fx.Node:
    return graph.call_function(function, args)


def as_module(network: nn.Module, graph: fx.Graph, name: str) -> fx.GraphModule:
    """The graph with modules of its own around the network's weights."""
    graph.lint()
    return fx.GraphModule(with_same_weights(network), graph, name)
