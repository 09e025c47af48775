"""Weights from a file into a network, with a message that says which keys do not fit.

Nothing is ever unpickled: safetensors files, and state dicts through ``torch.load(weights_only=True)``.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workbench.errors import WeightsError

_WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "weights",
    "params",
    "state_dict_ema",
    "model_ema",
    "ema",
)
_SHOWN = 3


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file or of a state dict saved by torch, by name.

    A checkpoint that holds its state dict under "state_dict", "model" or the like is opened.

    Raises
    ------
    WeightsError : no such file, a damaged one, or one that holds more than tensors.
    """
    file = Path(path)
    if not file.is_file():
        raise WeightsError(
            f"there is no weights file {file}; pass the path of a .safetensors, .pt or .pth file"
        )
    try:
        if _is_safetensors(file):
            from safetensors.torch import load_file

            return load_file(file)
        return _tensors(torch.load(file, map_location="cpu", weights_only=True), str(file))
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{file.name} is no plain state dict: it holds Python objects besides tensors, or is damaged. "
            f"Such files are not opened since they can run code; where you trust it, save it again with "
            f"torch.save(model.state_dict(), ...)"
        ) from error
    except Exception as error:  # damaged files fail in many ways: zip, struct, json, safetensors' own
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"{file.name} cannot be read as weights ({type(error).__name__}: {why}); allowed: "
            f".safetensors, or a state dict saved by torch.save"
        ) from error


def put_weights(network: nn.Module, given: Mapping[str, Tensor], source: str, name: str) -> None:
    """Copy tensors into the network; a prefix that all keys share ("module.") is taken off where needed.

    Raises
    ------
    WeightsError : keys are missing, unexpected or of another shape (which ones), or weights are not finite.
        The network is unchanged then.
    """
    wanted = {key: value for key, value in network.state_dict().items() if isinstance(value, Tensor)}
    state = _without_prefix(given, wanted)
    missing = [key for key in wanted if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in wanted and not key.endswith("num_batches_tracked")]
    shapes = [
        f"{key} is {tuple(state[key].shape)} in the file and {tuple(wanted[key].shape)} in the network"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    if missing or unexpected or shapes:
        parts = (
            _some(missing, "missing"),
            _some(unexpected, "unexpected"),
            _some(shapes, "of another shape"),
        )
        raise WeightsError(
            f"{source} does not fit {name}: "
            + "; ".join(part for part in parts if part)
            + ". "
            + _advice(shapes)
        )
    weights = dict(network.named_parameters())
    for key, value in state.items():
        if key in weights and not torch.isfinite(value).all():
            raise WeightsError(
                f"{source}: {key} holds nan or inf; the file is damaged or the training diverged"
            )
    try:
        network.load_state_dict(state, strict=False)
    except RuntimeError as error:  # a module with a way of loading of its own
        raise WeightsError(f"{source} does not fit {name}: {error}") from error


def _is_safetensors(file: Path) -> bool:
    with file.open("rb") as opened:
        start = opened.read(9)
    return file.suffix == ".safetensors" or (len(start) == 9 and start[8:] == b"{")


def _tensors(content: Any, source: str) -> dict[str, Tensor]:
    for _ in range(2):
        inner = [content[key] for key in _WRAPPERS if isinstance(content, Mapping) and key in content]
        content = next((value for value in inner if isinstance(value, Mapping)), content)
    found = (
        {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
        if isinstance(content, Mapping)
        else {}
    )
    if not found:
        kind = type(content).__name__
        held = (
            f" with the keys {', '.join(map(str, list(content)[:_SHOWN]))}"
            if isinstance(content, dict)
            else ""
        )
        raise WeightsError(f"{source} holds a {kind}{held}, and no tensors by name; save model.state_dict()")
    return found


def _without_prefix(given: Mapping[str, Tensor], wanted: Mapping[str, Any]) -> dict[str, Tensor]:
    state = dict(given)
    while state and not any(key in wanted for key in state):
        starts = {key.partition(".")[0] for key in state}
        if len(starts) > 1 or not all("." in key for key in state):
            return dict(given)
        state = {key.partition(".")[2]: value for key, value in state.items()}
    return state


def _some(keys: list[str], what: str) -> str:
    if not keys:
        return ""
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"{len(keys)} {what} ({', '.join(keys[:_SHOWN])}{more})"


def _advice(shapes: list[str]) -> str:
    if 0 < len(shapes) <= 2:
        return "If only the number of classes differs, say classes=[...] or num_classes=N to load_model"
    return "Check that the file belongs to this network and to these arguments"
