"""A trained torch network as the layers that `codecs.learned.layers` runs without torch.

Only what that runner knows can be exported: sequences of linear layers, convolutions, batch norms, ReLU,
sigmoid, reshapes and residuals. Batch norms become scale and shift.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workbench.errors import InputError
from workbench.neural.checkpoint import write_tensors
from workbench.neural.hecs import Measurement
from workbench.neural.layers import Affine, Crop, Residual, Swap

Layer = dict[str, Any]


def export(
    path: Path,
    *,
    codec: str,
    encoder: nn.Module,
    decoder: nn.Module,
    shape: tuple[int, ...],
    code: Mapping[str, Any],
    trained: Mapping[str, Any],
    tensors: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a bundle that ``wb.codec(codec, weights=path)`` takes.

    Raises
    ------
    InputError : a layer that the runner does not know.
    StorageError : the disk is full.
    """
    kept: dict[str, Tensor] = dict(tensors or {})
    encoder_layers, decoder_layers = _layers(encoder, "encoder", kept), _layers(decoder, "decoder", kept)
    with torch.no_grad():
        code_shape = encoder.cpu().eval()(torch.zeros(1, *shape)).shape[1:]
    facts = {
        "codec": codec, "shape": list(shape), "code_shape": list(code_shape), "encoder": encoder_layers,
        "decoder": decoder_layers, "code": dict(code), "trained": dict(trained),
    }  # fmt: skip
    json.dumps(facts)  # complains here, and not on the board, about what JSON cannot hold
    write_tensors(path, kept, facts)


def _layers(module: nn.Module, prefix: str, tensors: dict[str, Tensor]) -> list[Layer]:
    if isinstance(module, nn.Sequential):
        return [
            layer for at, inner in enumerate(module) for layer in _layers(inner, f"{prefix}.{at}", tensors)
        ]
    if isinstance(module, nn.Identity):
        return []
    if isinstance(module, nn.Flatten):
        return [{"kind": "reshape", "shape": [-1]}]
    if isinstance(module, nn.Unflatten):
        return [{"kind": "reshape", "shape": list(module.unflattened_size)}]
    if isinstance(module, nn.ReLU):
        return [{"kind": "relu"}]
    if isinstance(module, nn.Sigmoid):
        return [{"kind": "sigmoid"}]
    if isinstance(module, Swap):
        return [{"kind": "swap"}]
    if isinstance(module, Crop):
        return [{"kind": "crop", "sides": list(module.sides)}]
    if isinstance(module, Residual):
        return [{"kind": "residual", "inner": _layers(module.inner, f"{prefix}.inner", tensors)}]
    if isinstance(module, Affine):
        tensors[f"{prefix}.scale"], tensors[f"{prefix}.shift"] = module.scale, module.shift
        return [{"kind": "affine", "scale": f"{prefix}.scale", "shift": f"{prefix}.shift"}]
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return [_affine(module, prefix, tensors)]
    if isinstance(module, nn.Linear):
        return [_weighted("linear", module, prefix, tensors)]
    if isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d):
        extra = {**_window(module), "output_padding": module.output_padding[0]}
        return [_weighted("transposed", module, prefix, tensors) | extra]
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        return [_weighted("conv", module, prefix, tensors) | _window(module)]
    if isinstance(module, Measurement):
        return _layers(module.as_layers(), prefix, tensors)
    raise InputError(
        f"{type(module).__name__} cannot be exported: the board runs linear, conv and batch norm layers, "
        "ReLU, sigmoid and reshapes; build the encoder from those"
    )


def _weighted(kind: str, module: Any, prefix: str, tensors: dict[str, Tensor]) -> Layer:
    layer: Layer = {"kind": kind, "weight": f"{prefix}.weight"}
    tensors[f"{prefix}.weight"] = module.weight
    if module.bias is not None:
        layer["bias"] = f"{prefix}.bias"
        tensors[f"{prefix}.bias"] = module.bias
    return layer


def _window(module: Any) -> Layer:
    return {"stride": module.stride[0], "padding": int(module.padding[0])}


def _affine(module: Any, prefix: str, tensors: dict[str, Tensor]) -> Layer:
    scale = module.weight / torch.sqrt(module.running_var + module.eps)
    tensors[f"{prefix}.scale"], tensors[f"{prefix}.shift"] = scale, module.bias - module.running_mean * scale
    return {"kind": "affine", "scale": f"{prefix}.scale", "shift": f"{prefix}.shift"}
