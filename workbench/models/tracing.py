"""A network's forward pass as a graph, with the value that each of its modules returns.

torch.fx runs the network's Python once with placeholders instead of tensors. timm names the modules and
functions that must not be entered (they branch on values); those become single nodes.
"""

from __future__ import annotations

import threading
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves

from workbench.errors import CutError
from workbench.models import libraries
from workbench.models.sharing import with_same_weights

_ONE_AT_A_TIME = threading.RLock()
_HERE = Path(__file__).resolve()


@dataclass(frozen=True, slots=True)
class Trace:
    """The graph, and what each call of a module returned, in the order in which the calls end.

    A second call of the same module is named ``path@2``. `inside` names the innermost module in which a
    node was executed ("" for the network itself). `network` has the same weights as the traced one, and
    the constants that its forward() makes along the way. `closed` are the modules that could not be
    entered, with the reason: they are single steps of the graph.
    """

    network: nn.Module
    graph: fx.Graph
    returns: tuple[tuple[str, tuple[fx.Node, ...]], ...]
    inside: dict[fx.Node, str]
    closed: dict[str, str]


class _BoundaryTracer(fx.Tracer):
    """Notes what every module returns; calls from other threads pass through untouched.

    While torch.fx traces, every ``nn.Module.__call__`` of the process goes through the tracer.
    """

    def __init__(self, closed: tuple[type[nn.Module], ...]) -> None:
        libraries.timm()
        from timm.models._features_fx import get_notrace_functions, get_notrace_modules

        super().__init__(autowrap_functions=tuple(get_notrace_functions()))
        self._leaves = (*get_notrace_modules(), *closed)
        self._thread = threading.get_ident()
        self._path = [""]
        self._names: dict[int, str] = {}
        self._buffers: dict[int, tuple[str, Tensor]] = {}
        self._calls: Counter[str] = Counter()
        self.returns: list[tuple[str, tuple[fx.Node, ...]]] = []
        self.inside: dict[fx.Node, str] = {}
        self.stuck_in: str | None = None

    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        return isinstance(module, self._leaves) or super().is_leaf_module(module, path)

    def create_args_for_root(
        self, root_fn: Callable[..., Any], is_module: bool, concrete_args: Any = None
    ) -> tuple[Callable[..., Any], list[Any]]:
        """One placeholder for the pictures; every other argument keeps its default."""
        return root_fn, [self.root, self.create_proxy("placeholder", "pictures", (), {})]

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self._thread or not isinstance(attr_val, nn.Parameter):
            return attr_val
        if not self._names:  # torch.fx looks through all parameters for each that is used
            self._names = {id(weight): name for name, weight in self.root.named_parameters()}
        name = self._names.get(id(attr_val))
        if name is None:
            return super().getattr(attr, attr_val, parameter_proxy_cache)
        if name not in parameter_proxy_cache:
            parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {})
        return parameter_proxy_cache[name]

    def create_arg(self, a: Any) -> Any:
        """What stands for an argument; a buffer is known by name, which torch.fx finds by trying all."""
        if isinstance(a, Tensor) and not isinstance(a, nn.Parameter):
            if not self._buffers:  # kept, so that no other tensor takes an id
                self._buffers = {id(one): (name, one) for name, one in self.root.named_buffers()}
            if id(a) in self._buffers:
                return self.create_node("get_attr", self._buffers[id(a)][0], (), {})
        return super().create_arg(a)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        path = self.path_of_module(m)
        self._path.append(path)
        try:
            value = super().call_module(m, forward, args, kwargs)
        except Exception:
            self.stuck_in = self.stuck_in or path
            raise
        finally:
            self._path.pop()
        self._calls[path] += 1
        nodes = tuple(leaf.node for leaf in tree_leaves(value) if isinstance(leaf, fx.Proxy))
        name = path if self._calls[path] == 1 else f"{path}@{self._calls[path]}"
        self.returns.append((name, nodes))
        return value

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        self.inside[node] = self._path[-1]
        return node


def trace(network: nn.Module, name: str) -> Trace:
    """The graph of a network in eval mode; the network itself is not touched.

    Where the code of one module cannot be followed, modules of its class become single steps.

    Raises
    ------
    CutError : the network's own forward() cannot be followed, or a module that is most of it; names the line
        and what to change there.
    """
    closed: dict[type[nn.Module], str] = {}
    while True:
        traced = with_same_weights(network)
        tracer = _BoundaryTracer(tuple(closed))
        try:
            with _ONE_AT_A_TIME:
                graph = tracer.trace(traced)
            break
        except Exception as error:  # any line of a foreign forward() may fail, in any way
            kind = type(traced.get_submodule(tracer.stuck_in or ""))
            if not tracer.stuck_in or kind in closed or issubclass(kind, nn.Sequential | type(traced)):
                raise CutError(_explain(error, name)) from error
            closed[kind] = _explain(error, name)
    clean = with_same_weights(network)
    reasons = {path: closed[type(module)] for path, module in clean.named_modules() if type(module) in closed}
    for key, value in vars(traced).items():
        if isinstance(value, Tensor) and key not in vars(clean):
            setattr(clean, key, value)
    return Trace(clean, graph, tuple(tracer.returns), tracer.inside, reasons)


def _explain(error: Exception, name: str) -> str:
    line = _culprit(error)
    where = f"{Path(line.filename).name}, line {line.lineno}" if line else "its forward()"
    where += f': "{line.line}"' if line and line.line else ""
    why = (str(error).strip() or type(error).__name__).splitlines()[0]
    return (
        f"{name} cannot be cut: torch.fx cannot follow {where} ({type(error).__name__}: {why}). "
        "A cut needs a forward() that takes the same path for every picture: move a branch or a loop that "
        "depends on a tensor's values into a module of its own and mark its class with "
        "timm.models.register_notrace_module, or a function with timm.models.register_notrace_function"
    )


def _culprit(error: Exception) -> traceback.FrameSummary | None:
    """The innermost line that belongs neither to torch nor to this project."""
    torch_home = str(Path(torch.__file__).parent)
    frames = traceback.extract_tb(error.__traceback__)
    foreign = [
        frame
        for frame in frames
        if not frame.filename.startswith((torch_home, "<eval_with_key>"))
        and Path(frame.filename).resolve() != _HERE
    ]
    return foreign[-1] if foreign else None
