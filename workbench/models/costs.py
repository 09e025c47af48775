"""What the two parts of a cut cost: arithmetic, parameters, memory; one pass over the graph for all cuts.

Everything is a sum or a span over the steps of the graph, so that a cut after step i only looks up i.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from torch import fx, nn

from workbench.models.probe import Fact


class Costs:
    """Costs by step, for one picture.

    Parameters
    ----------
    network : holds the parameters.
    facts : what every node gave, in order of execution.
    needed : the nodes that the answer is made from.
    depends : the nodes whose tensors are made from the picture.
    """

    def __init__(
        self,
        network: nn.Module,
        facts: Mapping[fx.Node, Fact],
        needed: frozenset[fx.Node],
        depends: frozenset[fx.Node],
    ) -> None:
        self._network, self._facts, self._needed, self._depends = network, facts, needed, depends
        self._nodes = tuple(facts)
        self._step = {node: step for step, node in enumerate(self._nodes)}

    @cached_property
    def macs(self) -> tuple[int, ...]:
        """Multiply-accumulates up to each step."""
        total, sums = 0, []
        for node in self._nodes:
            total += self._facts[node].macs if node in self._needed else 0
            sums.append(total)
        return tuple(sums)

    @cached_property
    def weights(self) -> tuple[tuple[int, int, int], ...]:
        """For each parameter its size and the steps of its first and last use on the way of the picture."""
        held: dict[fx.Node, frozenset[nn.Parameter]] = {}
        spans: dict[nn.Parameter, tuple[int, int]] = {}
        for node in self._nodes:
            if node not in self._needed:
                continue
            constants = [
                above for above in node.all_input_nodes if above in held and above not in self._depends
            ]
            held[node] = frozenset(self._own_weights(node)).union(*(held[above] for above in constants))
            if node in self._depends:
                for weight in held[node]:
                    first, _ = spans.get(weight, (self._step[node], 0))
                    spans[weight] = (first, self._step[node])
        return tuple((weight.numel(), first, last) for weight, (first, last) in spans.items())

    def _own_weights(self, node: fx.Node) -> tuple[nn.Parameter, ...]:
        if node.op == "call_module":
            return tuple(self._network.get_submodule(str(node.target)).parameters())
        if node.op == "get_attr":
            owner, _, attribute = str(node.target).rpartition(".")
            thing = getattr(self._network.get_submodule(owner), attribute)
            return (thing,) if isinstance(thing, nn.Parameter) else ()
        return ()

    @cached_property
    def peaks(self) -> tuple[int, ...]:
        """Largest sum of activations alive at one time, up to each step."""
        last: dict[int, int] = {}
        for node in self._nodes:
            if node in self._needed:
                for made in (node, *node.all_input_nodes):
                    last.update(dict.fromkeys(self._facts[made].storages, self._step[node]))
        now: dict[int, int] = {}
        peak, peaks = 0, []
        for node in self._nodes:
            if node in self._needed and node.op != "output":
                now.update(self._facts[node].storages)
            peak = max(peak, sum(now.values()))
            now = {key: size for key, size in now.items() if last[key] > self._step[node]}
            peaks.append(peak)
        return tuple(peaks)
