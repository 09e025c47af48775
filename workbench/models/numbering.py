"""Numbers for what tensors hold: equal numbers are equal expressions.

Hash-consing at torch's dispatcher: what was seen before keeps its number (the same operator on the same
numbers, with the same other arguments; the same weight; a constant of the same values), and anything else
gets a new one.

    conv(pictures 0, weight 7) ─▶ 12         again conv(pictures 0, weight 7) ─▶ 12
    conv(pictures 0, weight 8) ─▶ 13         rand() ─▶ 14, rand() ─▶ 15

A number stands for values in their order, wherever they lie in memory: a copy keeps its original's. Memory
is followed beside it, since a write in place changes whatever looks at the same storage: what a tensor holds
is read off its storage's content and its own layout.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from workbench.models.layouts import Layout, in_original, is_dense, layout_of
from workbench.models.shapes import without_values

LARGEST_CONSTANT: Final = 1 << 20

_aten = torch.ops.aten
_COPIES: Final = (_aten.clone.default, _aten._to_copy.default)
_LOOKS: Final = (
    _aten.as_strided_.default,
    _aten.squeeze_.dim,
    _aten.unsqueeze_.default,
    _aten.transpose_.default,
)
_KNOWN: Final = ("aten", "prims", "torchvision")  # whose schemas say what is written and what is random
_UNSET: Final = ("empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided")


class NotUnderstood(Exception):
    """An operator that could not be followed."""


@dataclass(frozen=True, slots=True)
class _Content:
    """What a storage holds: the value written last and its layout, and a number for all of it.

    `storage` is kept, so that no address is used twice. `copied` says of which layout of what it is a copy.
    """

    value: int
    layout: Layout
    whole: int
    storage: Any
    copied: tuple[_Content, Layout] | None = None


class _Manner(NamedTuple):
    """What an operator does beside computing: which arguments it writes to, by place and name.

    `value` is the operator that gives the same without writing it anywhere, where there is one.
    """

    value: Any
    written: tuple[tuple[int, str], ...]
    views: bool
    drawn: bool


class Numbering(TorchDispatchMode):
    """While inside, every operator's result gets a number.

    Parameters
    ----------
    weights : on "meta"; each has a number of its own.
    buffers : with values; known by where they lie, so that a view made earlier is the view made now.

    Raises
    ------
    NotUnderstood : by any operator whose result is not known by its arguments alone.
    """

    def __init__(self, weights: Iterable[Tensor], buffers: Iterable[Tensor]) -> None:
        super().__init__()
        self._numbers: dict[Hashable, int] = {}
        self._held: dict[int, _Content] = {}
        for index, weight in enumerate(weights):
            self._hold(weight, self._number(("weight", index)))
        self._weights = frozenset(self._held)
        self._buffers = {_storage(buffer): buffer for buffer in buffers}
        self._doubles: dict[Hashable, Tensor] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Whether torch's compiler is loaded, only to be told to stay away."""
        return False

    def given(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """A new tensor without values that holds what `name` stands for; call it outside."""
        tensor = torch.empty(shape, dtype=dtype, device="meta")
        self._hold(tensor, self._number(("given", name, shape, dtype)))
        return tensor

    def of(self, tensor: Tensor) -> int:
        """The number of what a tensor holds now."""
        layout = layout_of(tensor)
        if not tensor.is_meta:
            storage = _storage(tensor)
            known = storage if storage in self._buffers else _digest(tensor)
            return self._number(("constant", known, layout))
        content = self._content(tensor)
        while layout != content.layout and content.copied is not None:
            moved = in_original(layout, content.layout, content.copied[1])
            if moved is None:
                break
            content, layout = content.copied[0], moved
        return content.value if layout == content.layout else self._number(("view", content.whole, layout))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        manner = _manner(func)
        leaves = [*_tensors(args), *_tensors(named.values())]
        bare = any(leaf.is_meta for leaf in leaves)
        if manner.views and bare:
            return self._views(func, func(*args, **named))
        key: Hashable = (
            object() if manner.drawn else (manner.value, self._spelled(args), self._spelled(named))
        )
        written = _written(manner, args, named)
        if any(not leaf.is_meta or _storage(leaf) in self._weights for leaf in written):
            raise NotUnderstood(f"{func} changes a weight, a buffer or a constant")
        if bare and any(leaf.ndim and not leaf.is_meta for leaf in leaves):
            args, named = self._bare(args), self._bare(named)
        out = without_values(func, args, named)
        for index, leaf in enumerate(written):
            self._write(func, leaf, self._number((key, index, leaf.dtype, leaf.shape)), args)
        if bare and not _gives_tensors(out) and func is not _aten._fused_sdp_choice.default:
            raise NotUnderstood(f"{func} gives a plain {type(out).__name__}, which may follow from values")
        for index, leaf in enumerate(_tensors((out,))):
            if leaf.is_meta and not any(leaf is target for target in written):
                self._make(func, leaf, self._number((key, index, leaf.dtype, leaf.shape)), args)
        return out

    def _bare(self, value: Any) -> Any:
        """An argument without its values; a buffer's double is made once."""
        if isinstance(value, Tensor):
            if _storage(value) not in self._buffers:
                return value.to("meta")
            key = (_storage(value), layout_of(value))
            if key not in self._doubles:
                self._doubles[key] = value.to("meta")
            return self._doubles[key]
        if isinstance(value, tuple | list):
            return type(value)(map(self._bare, value))
        if isinstance(value, dict):
            return {name: self._bare(leaf) for name, leaf in value.items()}
        return value

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _spelled(self, value: Any) -> Hashable:
        """An argument as a key; 1, 1.0 and True are three, and so are 0.0 and -0.0."""
        if isinstance(value, Tensor):
            return (Tensor, self.of(value))
        if isinstance(value, tuple | list):
            return tuple(map(self._spelled, value))
        if isinstance(value, dict):
            return tuple((name, self._spelled(leaf)) for name, leaf in value.items())
        return (type(value), repr(value))

    def _content(self, tensor: Tensor) -> _Content:
        content = self._held.get(_storage(tensor))
        if content is None:
            raise NotUnderstood(f"a tensor of shape {tuple(tensor.shape)} came from nowhere")
        return content

    def _hold(self, tensor: Tensor, value: int, source: Tensor | None = None) -> None:
        """`tensor` is all of a new storage: a copy of `source`, or as if copied from plain memory."""
        layout, copied = layout_of(tensor), None
        if is_dense(tensor) and source is not None:
            copied = (self._content(source), layout_of(source))
        elif is_dense(tensor) and not tensor.is_contiguous():
            plain = layout.plain()
            copied = (_Content(value, plain, self._number(("whole", value, plain)), None), plain)
        whole = self._number(("whole", value, layout))
        self._held[_storage(tensor)] = _Content(value, layout, whole, tensor.untyped_storage(), copied)

    def _views(self, func: Any, out: Any) -> Any:
        for leaf in _tensors((out,)):
            self._content(leaf)
        return out

    def _make(self, func: Any, tensor: Tensor, value: int, args: Any) -> None:
        """What `func` gave: a copy of its first argument, or something new."""
        storage = _storage(tensor)
        if func is _aten._unsafe_view.default and storage in self._held:
            return
        if storage in self._held:
            raise NotUnderstood(
                f"{func} gives what shares its memory with something else, and does not say so"
            )
        source: Any = args[0] if func in _COPIES else None
        if source is None or not _alike(source, tensor):
            self._hold(tensor, value)
        elif layout_of(source) == layout_of(tensor) and is_dense(tensor):
            self._held[storage] = replace(self._content(source), storage=tensor.untyped_storage())
        else:
            self._hold(tensor, self.of(source), source)

    def _write(self, func: Any, tensor: Tensor, value: int, args: Any) -> None:
        """`tensor` and all that look at its storage hold something else from now on."""
        storage, content, layout = _storage(tensor), self._content(tensor), layout_of(tensor)
        if func is _aten.copy_.default and _alike(args[1], tensor):
            value = self.of(args[1])
        size = tensor.numel() * tensor.element_size()
        all_of_it = is_dense(tensor) and size == tensor.untyped_storage().nbytes()
        whole = ("whole", value, layout) if all_of_it else ("written", content.whole, layout, value)
        self._held[storage] = _Content(value, layout, self._number(whole), content.storage)


@functools.cache
def _manner(func: Any) -> _Manner:
    viewed = func.is_view or func in _LOOKS
    if func.namespace not in _KNOWN or (torch.Tag.inplace_view in func.tags and not viewed):
        raise NotUnderstood(f"{func} may do more than it says")
    written = [
        (index, argument.name)
        for index, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    ]
    name, _, overload = func.__name__.partition(".")
    twin = getattr(_aten, name[:-1], None) if name.endswith("_") else None
    drawn = torch.Tag.nondeterministic_seeded in func.tags or name in _UNSET
    return _Manner(getattr(twin, overload, func), tuple(written), viewed, drawn)


def _written(manner: _Manner, args: Any, named: Any) -> list[Tensor]:
    return _tensors(args[index] if index < len(args) else named.get(name) for index, name in manner.written)


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    """What is a tensor among arguments or results, lists of them included; torch's own way is slow."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, tuple | list):
            found += _tensors(value)
    return found


def _gives_tensors(out: Any) -> bool:
    return (
        out is None
        or isinstance(out, Tensor)
        or (isinstance(out, tuple | list) and all(map(_gives_tensors, out)))
    )


def _digest(constant: Tensor) -> bytes:
    if constant.numel() > LARGEST_CONSTANT:
        raise NotUnderstood(f"a constant of {constant.numel()} values is neither a weight nor a buffer")
    values = constant.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    return hashlib.blake2b(values.data).digest()


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _alike(source: Tensor, tensor: Tensor) -> bool:
    """Whether a copy of `source` in `tensor` holds the very same values, under a number that is known."""
    return source.is_meta and (source.dtype, source.shape) == (tensor.dtype, tensor.shape)
