"""Shapes of what common operators give, worked out by hand for tensors without values ("meta").

torch spells them out in Python, step by step: half of the time that probing a transformer takes; a
convolution's shape even brings in symbolic algebra, half a second and 36 MB. What stands in `SHAPES` gives
None where torch has more to say, its errors among it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor


def _bare(like: Tensor, *shape: int) -> Tensor:
    """A tensor without values; `new_empty` would be spelled out in Python."""
    return torch.empty(shape, dtype=like.dtype, device="meta")


def _alike(tensor: Tensor) -> Tensor:
    """Another of the same shape and layout; torch says which where the first has gaps or overlaps."""
    reach = 1 + sum((length - 1) * step for length, step in zip(tensor.shape, tensor.stride(), strict=True))
    if reach != tensor.numel():
        return torch.empty_like(tensor)
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def _normalised(tensor: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What a norm gives: its result, and statistics that only training uses."""
    return _alike(tensor), _bare(tensor, 0), _bare(tensor, 0)


def _together(tensor: Tensor, other: Any, **_scaled: Any) -> Tensor | None:
    """What two tensors of one type give element by element; None unless both lie in the same order."""
    if not isinstance(other, Tensor) or (tensor.dtype, tensor.device) != (other.dtype, other.device):
        return None
    if (tensor.shape, tensor.stride()) == (other.shape, other.stride()):
        return _alike(tensor)
    large, small = (tensor, other) if tensor.ndim >= other.ndim else (other, tensor)
    fits = all(
        length in (1, full)
        for length, full in zip(reversed(small.shape), reversed(large.shape), strict=False)
    )
    plain = fits and large.ndim > 0 and large.is_contiguous() and small.is_contiguous()
    return _bare(large, *large.shape) if plain else None


def _into(tensor: Tensor, other: Any, **_scaled: Any) -> Tensor | None:
    """The first of two, when the second of its shape and type is added to it in place."""
    same = isinstance(other, Tensor) and (tensor.shape, tensor.dtype) == (other.shape, other.dtype)
    return tensor if same and other.is_meta and tensor.is_contiguous() else None


def _averaged(tensor: Tensor, axes: list[int] | None, keep: bool = False, **other: Any) -> Tensor | None:
    """A mean along some axes; None where torch is asked for all of them or for another type."""
    if not axes or other or not tensor.is_floating_point():
        return None
    gone = {axis % tensor.ndim for axis in axes}
    kept = [
        1 if axis in gone else length for axis, length in enumerate(tensor.shape) if keep or axis not in gone
    ]
    return _bare(tensor, *kept)


def _multiplied(*tensors: Tensor, **_scaled: Any) -> Tensor | None:
    """The product of the last two, matrices or batches of them; None where they do not fit."""
    left, right = tensors[-2:]
    fit = (
        left.ndim == right.ndim and left.shape[:-2] == right.shape[:-2] and left.shape[-1] == right.shape[-2]
    )
    return _bare(left, *left.shape[:-1], right.shape[-1]) if fit else None


def _convolved(
    maps: Tensor,
    kernels: Tensor,
    _bias: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    _output_padding: list[int],
    groups: int,
) -> Tensor | None:
    """A convolution's result; None where torch has more to say: transposed, or shapes that do not fit."""
    if transposed or maps.ndim != kernels.ndim or maps.shape[1] != kernels.shape[1] * groups:
        return None
    sizes = _slid(maps.shape[2:], kernels.shape[2:], stride, padding, dilation)
    return _bare(maps, len(maps), len(kernels), *sizes) if min(sizes) > 0 else None


def _pooled(
    maps: Tensor,
    window: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    upwards: bool = False,
) -> tuple[Tensor, Tensor] | None:
    """The largest of each window, and where it was; None as above, and where sizes are rounded up."""
    if upwards or maps.ndim != 4 or {len(window), len(padding), len(dilation)} != {2}:
        return None
    sizes = _slid(maps.shape[2:], window, stride or window, padding, dilation)
    if min(sizes) <= 0 or any(2 * pad > width for pad, width in zip(padding, window, strict=True)):
        return None
    out = _bare(maps, *maps.shape[:2], *sizes)
    return out, out.to(torch.int64)


def _slid(lengths: Any, widths: Any, steps: Any, pads: Any, spreads: Any) -> list[int]:
    """How often a window fits along each axis."""
    along = zip(lengths, widths, steps, pads, spreads, strict=True)
    return [
        (length + 2 * pad - spread * (width - 1) - 1) // step + 1
        for length, width, step, pad, spread in along
    ]


SHAPES: Final[dict[Any, Callable[..., Any]]] = {
    torch.ops.aten.gelu.default: lambda tensor, **_: _alike(tensor),
    torch.ops.aten._safe_softmax.default: lambda tensor, *_, **_named: _alike(tensor),
    torch.ops.aten.native_batch_norm.default: lambda tensor, *_: _normalised(tensor),
    torch.ops.aten.native_layer_norm.default: lambda tensor, *_: _normalised(tensor.contiguous()),
    torch.ops.aten.add.Tensor: _together,
    torch.ops.aten.mul.Tensor: _together,
    torch.ops.aten.add_.Tensor: _into,
    torch.ops.aten.mul_.Tensor: _into,
    torch.ops.aten.mean.dim: _averaged,
    torch.ops.aten.mm.default: _multiplied,
    torch.ops.aten.bmm.default: _multiplied,
    torch.ops.aten.addmm.default: _multiplied,
    torch.ops.aten.convolution.default: _convolved,
    torch.ops.aten.max_pool2d_with_indices.default: _pooled,
}


def without_values(func: Any, args: Sequence[Any], named: dict[str, Any]) -> Any:
    """What an operator gives, at torch's dispatcher: by hand where that is quicker, else by torch."""
    shape = SHAPES.get(func)
    out = shape(*args, **named) if shape is not None and args[0].device.type == "meta" else None
    return func(*args, **named) if out is None else out
