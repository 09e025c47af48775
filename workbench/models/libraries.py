"""timm and torchvision, imported without torch's compiler.

Each asks for one name of ``torch._dynamo`` while it is imported, and torch's own shape functions ask it to
stay away from them. With that name comes the whole compiler: its code generators, its tracing of bytecode,
torch.distributed. That is some 50 MB and seconds in every process, for what no network here uses. So a
stand-in answers; whoever asks for more gets the real compiler, and what shall be kept out of it is kept out.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_COMPILER = "torch._dynamo"
_lock = threading.RLock()


def timm() -> ModuleType:
    """The package timm, which brings torchvision."""
    return _imported("timm")


def torchvision() -> ModuleType:
    """The package torchvision."""
    return _imported("torchvision")


def _imported(name: str) -> ModuleType:
    with _lock:
        if name in sys.modules:
            return sys.modules[name]
        importlib.import_module("torch")
        with without_compiler():
            return importlib.import_module(name)


@contextmanager
def without_compiler() -> Iterator[None]:
    """While inside, ``torch._dynamo`` is a stand-in, unless it is loaded already."""
    with _lock:
        if _COMPILER in sys.modules:
            yield
            return
        stand_in, utilities = _StandIn(_COMPILER), _StandIn(f"{_COMPILER}.utils")
        vars(stand_in).update(__path__=[], disable=_disable, utils=utilities)
        vars(utilities).update(is_compile_supported=_is_compile_supported)
        sys.modules.update({_COMPILER: stand_in, f"{_COMPILER}.utils": utilities})
        try:
            yield
        finally:
            _give_way()


class _StandIn(ModuleType):
    """Answers what is set on it; for anything else the real module comes."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(self.__name__), name)


def _give_way() -> None:
    for name in (_COMPILER, f"{_COMPILER}.utils"):
        if isinstance(sys.modules.get(name), _StandIn):
            del sys.modules[name]


def _real(name: str = _COMPILER) -> ModuleType:
    _give_way()
    return importlib.import_module(name)


def _is_compile_supported(torch_device: Any) -> Any:
    return _real(f"{_COMPILER}.utils").is_compile_supported(torch_device)


def _disable(function: Callable[..., Any] | None = None, *args: Any, **options: Any) -> Any:
    """`function`, which the compiler leaves alone once there is one."""
    if function is None:
        return lambda later: _disable(later, *args, **options)

    @functools.cache
    def kept_out() -> Callable[..., Any]:
        return _real().disable(function, *args, **options)

    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        there = not isinstance(sys.modules.get(_COMPILER), _StandIn | type(None))
        return (kept_out() if there else function)(*given, **named)

    return call
