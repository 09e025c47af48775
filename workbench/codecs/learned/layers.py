"""Small networks run by numpy alone, so that a learned encoder needs no torch on the board.

A network is a list of layers as JSON has them, and tensors by name:

    linear       the last axis by a matrix (out, in), plus bias
    conv         (C, *sides) by (out, C, *kernel); stride, padding
    transposed   (C, *sides) by (C, out, *kernel); stride, padding, output_padding
    affine       each channel times scale plus shift: a batch norm at rest
    relu, sigmoid, reshape (shape), swap (the first two axes), crop (sides), residual (inner layers)

All work on a batch (B, ...); sizes were checked when the bundle was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Tensors = Mapping[str, NDArray[Any]]
Layer = Mapping[str, Any]


def run(layers: Sequence[Layer], tensors: Tensors, values: Array) -> Array:
    """What the layers make of a batch of values (B, ...)."""
    for layer in layers:
        values = _KINDS[layer["kind"]](layer, tensors, values)
    return values


def _linear(layer: Layer, tensors: Tensors, values: Array) -> Array:
    made = values @ tensors[layer["weight"]].T
    return made + tensors[layer["bias"]] if "bias" in layer else made


def _conv(layer: Layer, tensors: Tensors, values: Array) -> Array:
    made = _slide(values, tensors[layer["weight"]], layer["stride"], layer["padding"])
    return _with_bias(made, layer, tensors)


def _slide(values: Array, weight: NDArray[Any], stride: int, padding: int) -> Array:
    """Correlation of (B, C, *sides) with (out, C, *kernel): (B, out, *sides)."""
    count = weight.ndim - 2
    axes = tuple(range(2, 2 + count))
    padded = np.pad(values, [(0, 0), (0, 0)] + [(padding, padding)] * count)
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=axes)
    windows = windows[(slice(None), slice(None), *[slice(None, None, stride)] * count)]
    kernel_axes = tuple(range(2 + count, 2 + 2 * count))
    made = np.tensordot(windows, weight, axes=((1, *kernel_axes), (1, *axes)))
    return np.ascontiguousarray(np.moveaxis(made, -1, 1))


def _transposed(layer: Layer, tensors: Tensors, values: Array) -> Array:
    weight = tensors[layer["weight"]]
    stride, padding, extra = layer["stride"], layer["padding"], layer["output_padding"]
    count = weight.ndim - 2
    sides = [stride * (side - 1) + 1 for side in values.shape[2:]]
    spread = np.zeros((*values.shape[:2], *sides), values.dtype)
    spread[(slice(None), slice(None), *[slice(None, None, stride)] * count)] = values
    around = [(size - 1 - padding, size - 1 - padding + extra) for size in weight.shape[2:]]
    spread = np.pad(spread, [(0, 0), (0, 0), *around])
    flipped = np.flip(weight, tuple(range(2, 2 + count))).swapaxes(0, 1)
    return _with_bias(_slide(spread, flipped, 1, 0), layer, tensors)


def _with_bias(values: Array, layer: Layer, tensors: Tensors) -> Array:
    if "bias" not in layer:
        return values
    return values + _across(tensors[layer["bias"]], values)


def _across(numbers: NDArray[Any], values: Array) -> NDArray[Any]:
    return numbers.reshape(-1, *[1] * (values.ndim - 2))


def _affine(layer: Layer, tensors: Tensors, values: Array) -> Array:
    return values * _across(tensors[layer["scale"]], values) + _across(tensors[layer["shift"]], values)


def _relu(layer: Layer, tensors: Tensors, values: Array) -> Array:
    return np.maximum(values, 0)


def _sigmoid(layer: Layer, tensors: Tensors, values: Array) -> Array:
    return (1 / (1 + np.exp(-np.clip(values, -60, 60)))).astype(np.float32)


def _reshape(layer: Layer, tensors: Tensors, values: Array) -> Array:
    return values.reshape(len(values), *layer["shape"])


def _swap(layer: Layer, tensors: Tensors, values: Array) -> Array:
    return values.swapaxes(1, 2)


def _crop(layer: Layer, tensors: Tensors, values: Array) -> Array:
    return values[(slice(None), slice(None), *(slice(side) for side in layer["sides"]))]


def _residual(layer: Layer, tensors: Tensors, values: Array) -> Array:
    return values + run(layer["inner"], tensors, values)


_KINDS = {
    "linear": _linear,
    "conv": _conv,
    "transposed": _transposed,
    "affine": _affine,
    "relu": _relu,
    "sigmoid": _sigmoid,
    "reshape": _reshape,
    "swap": _swap,
    "crop": _crop,
    "residual": _residual,
}
