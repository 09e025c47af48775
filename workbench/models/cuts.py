"""Every place where a traced network can be cut.

A cut after step i gives the edge what ran up to i and the server the rest. What crosses are the tensors that
depend on the picture, were made up to i and are used after i:

    pictures ─▶ conv1 ─▶ act1 ─┬▶ conv2 ─▶ add ─▶ ...      after act1: act1 alone crosses (one tensor)
                               └───────────▶┘              after conv2: act1 and conv2 cross (several)

Integers such as a batch size do not count, since they follow from the tensors that cross; neither does what
comes from parameters alone, since the server has the parameters.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from torch import fx, nn

from workbench.errors import CutError
from workbench.models.costs import Costs
from workbench.models.probe import Fact, NotDerivable, batch_axis, derive, probe
from workbench.models.tracing import Trace, trace
from workbench.records import SplitPoint


@dataclass(frozen=True, slots=True)
class Cut:
    """The nodes whose tensors cross after step `step`, under all names by which the cut may be asked for.

    `names[0]` is the shortest module path; `deep` says that no module ends there.
    """

    step: int
    crossing: tuple[fx.Node, ...]
    names: tuple[str, ...]
    deep: bool


class Cutter:
    """A network's graph, ordered and measured, and its cuts.

    Parameters
    ----------
    network : in eval mode; not changed.
    input_size : (C, H, W) of a picture.
    name : for messages.

    Raises
    ------
    CutError : the network cannot be traced, or does not run on such pictures.
    """

    def __init__(self, network: nn.Module, input_size: tuple[int, int, int], name: str) -> None:
        self.trace: Trace = trace(network, name)
        self.network: nn.Module = self.trace.network
        self.facts: dict[fx.Node, Fact] = probe(self.trace, input_size, name)
        self.nodes: tuple[fx.Node, ...] = tuple(self.trace.graph.nodes)
        self.step: dict[fx.Node, int] = {node: step for step, node in enumerate(self.nodes)}
        self.output: fx.Node = self.nodes[-1]
        self.pictures: fx.Node = next(node for node in self.nodes if node.op == "placeholder")
        self._follow_changes()

    def _follow_changes(self) -> None:
        """Whoever uses a tensor after it was changed in place uses the result of the change."""
        for node, fact in self.facts.items():
            for old in fact.changed:
                if fact.values[0] is self.facts[old].values[0]:
                    late = self.step[node]
                    for user in [user for user in old.users if self.step[user] > late]:
                        user.replace_input_with(old, node)

    def has_tensor(self, node: fx.Node) -> bool:
        """Whether the node gives a tensor (or a structure with one)."""
        return self.facts[node].has_tensor

    @cached_property
    def root(self) -> dict[fx.Node, fx.Node]:
        """The first node that gave this very tensor."""
        roots: dict[fx.Node, fx.Node] = {}
        for node, fact in self.facts.items():
            roots[node] = roots[fact.same_as] if fact.same_as is not None else node
        return roots

    @cached_property
    def needed(self) -> frozenset[fx.Node]:
        """Nodes with tensors that the answer is made from."""
        found = {self.output}
        for node in reversed(self.nodes):
            if node in found:
                found.update(above for above in node.all_input_nodes if self.has_tensor(above))
        return frozenset(found)

    @cached_property
    def depends(self) -> frozenset[fx.Node]:
        """Nodes whose tensors are made from the picture, and not from parameters and shapes alone."""
        found = {self.pictures}
        for node in self.nodes:
            if self.has_tensor(node) and any(above in found for above in node.all_input_nodes):
                found.add(node)
        return frozenset(found)

    @cached_property
    def _last_use(self) -> dict[fx.Node, int]:
        """Step of the last needed use of each tensor, over all nodes that give the same one."""
        last: dict[fx.Node, int] = {}
        for node in self.nodes:
            if node in self.needed:
                for above in node.all_input_nodes:
                    last[self.root[above]] = self.step[node]
        return last

    @cached_property
    def alive(self) -> tuple[tuple[fx.Node, ...], ...]:
        """For each step, the tensors that cross a cut right after it."""
        crossing: list[tuple[fx.Node, ...]] = []
        now: list[fx.Node] = []
        for step, node in enumerate(self.nodes):
            if node in self.depends and node in self.needed and self.root[node] is node:
                now.append(node)
            now = [made for made in now if self._last_use.get(made, -1) > step]
            crossing.append(tuple(now))
        return tuple(crossing)

    @cached_property
    def _opaque(self) -> tuple[tuple[int, int], ...]:
        """Steps between which a plain value that does not follow from the batch size is alive."""
        spans = []
        for node, fact in self.facts.items():
            if not fact.has_tensor and node.op != "output":
                try:
                    derive(fact)
                except NotDerivable:
                    spans.append((self.step[node], max((self.step[user] for user in node.users), default=-1)))
        return tuple(spans)

    def can_cross(self, nodes: tuple[fx.Node, ...], step: int) -> bool:
        """Whether these can be sent: single float tensors with one axis that is the batch's."""
        if not nodes or nodes == (self.pictures,) or nodes[0] is self.root[self._answer]:
            return False
        if any(first <= step < last for first, last in self._opaque):
            return False
        return all(
            self.facts[node].is_tensor
            and self.facts[node].values[0].is_floating_point()
            and batch_axis(self.facts[node]) is not None
            for node in nodes
        )

    @cached_property
    def _answer(self) -> fx.Node:
        """The node that the network returns, where that is one tensor."""
        returned = self.output.args[0]
        return returned if isinstance(returned, fx.Node) else self.output

    @cached_property
    def _ends(self) -> dict[fx.Node, list[str]]:
        """Names of the module calls that end at each node; the last tensor counts where a call gives more."""
        ends: dict[fx.Node, list[str]] = {}
        for name, nodes in self.trace.returns:
            tensors = [node for node in nodes if node in self.facts and self.has_tensor(node)]
            if tensors and name:
                ends.setdefault(max(tensors, key=self.step.__getitem__), []).append(name)
        return ends

    @cached_property
    def single(self) -> tuple[Cut, ...]:
        """Cuts with one tensor at a module boundary, in order of execution."""
        return tuple(cut for cut in self.all_single if not cut.deep)

    @cached_property
    def all_single(self) -> tuple[Cut, ...]:
        """Cuts with one tensor anywhere, also between modules and inside them."""
        found: dict[fx.Node, list[str]] = {}
        for node in self.nodes[:-1]:
            crossing = self.alive[self.step[node]]
            if len(crossing) == 1 and self.can_cross(crossing, self.step[node]):
                names = found.setdefault(crossing[0], [])
                if self.root[node] is crossing[0]:
                    names += sorted(self._ends.get(node, []), key=_depth)
        counts = Counter(name for name, _ in self.trace.returns)
        cuts = []
        for node, names in found.items():
            known = _outermost_first(names) if names else (self._deep_name(node, counts),)
            cuts.append(Cut(self.step[node], (node,), known, deep=not names))
        return tuple(cuts)

    @cached_property
    def several(self) -> tuple[Cut, ...]:
        """Cuts at the end of a module where more than one tensor crosses."""
        found: dict[tuple[fx.Node, ...], tuple[int, list[str]]] = {}
        for node in self.nodes:
            step = self.step[node]
            crossing = self.alive[step]
            if (
                len(crossing) > 1
                and node in self._ends
                and node in self.needed
                and self.can_cross(crossing, step)
            ):
                _, names = found.setdefault(crossing, (step, []))
                names += sorted(self._ends[node], key=_depth)
        cuts = (
            Cut(step, crossing, _outermost_first(names), False) for crossing, (step, names) in found.items()
        )
        return tuple(cuts)

    def _deep_name(self, node: fx.Node, counts: Counter[str]) -> str:
        what = (
            node.target
            if isinstance(node.target, str)
            else getattr(node.target, "__name__", str(node.target))
        )
        inside = self.trace.inside.get(node, "")
        name = f"{inside}.{what}" if inside else str(what)
        counts[name] += 1
        return name if counts[name] == 1 else f"{name}@{counts[name]}"

    @cached_property
    def costs(self) -> Costs:
        """What each part of the network costs, by step."""
        return Costs(self.network, self.facts, self.needed, self.depends)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole network for one picture."""
        return self.costs.macs[-1]

    def point(self, cut: Cut, index: int) -> SplitPoint:
        """The cut as a record, with the cost of both parts."""
        return SplitPoint(
            name=cut.names[0],
            index=index,
            shapes=tuple(self.shape(node) for node in cut.crossing),
            macs_before=self.costs.macs[cut.step],
            macs_after=self.macs - self.costs.macs[cut.step],
            params_before=sum(size for size, first, _ in self.costs.weights if first <= cut.step),
            params_after=sum(size for size, _, last in self.costs.weights if last > cut.step),
            peak_activation_bytes=self.costs.peaks[cut.step],
            deep=cut.deep,
        )

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Shape for one picture: without the batch axis, or with what is left of it in front."""
        axis, per_picture = self.batch_axis(node)
        shape = list(self.facts[node].values[0].shape)
        del shape[axis]
        return (per_picture, *shape) if per_picture > 1 else tuple(shape)

    def batch_axis(self, node: fx.Node) -> tuple[int, int]:
        """The axis of a node that can cross which holds the batch, and its length for one picture."""
        found = batch_axis(self.facts[node])
        if found is None:
            raise CutError(f"{node.name} has no batch axis, so it cannot cross a cut")
        return found


def _depth(name: str) -> int:
    return name.count(".")


def _outermost_first(names: list[str]) -> tuple[str, ...]:
    """The modules that end at one place; an identity after them goes last, unless the module around ends."""
    around = [name for name in names if names[0].startswith(f"{name}.")]
    return tuple(dict.fromkeys([*sorted(around, key=_depth), *names]))
