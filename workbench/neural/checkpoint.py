"""What a killed training needs to go on: weights, best weights, the optimiser's memory; safetensors + JSON.

Written to a file beside it and then moved, so that a full disk or a kill leaves the last good one. Nothing
is ever unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from workbench.errors import StorageError, WeightsError

_KEY = "workbench"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Tensors by name and facts as JSON, in one safetensors file.

    Raises
    ------
    StorageError : the disk is full or the folder cannot be written to; what was there before still is.
    """
    flat = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(flat, {_KEY: json.dumps(dict(facts), sort_keys=True)})
    beside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True) if beside.parent.is_dir() else None
        raise StorageError(
            f"cannot write {path} ({len(content):,} bytes): {error.strerror or error}; free some space or "
            "choose another folder, then start again: training goes on from the last epoch that was written"
        ) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_tensors` wrote.

    Raises
    ------
    WeightsError : no such file, no safetensors, or not written by this project.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} cannot be read: {error!r}; it must be a safetensors file written by workbench"
        ) from error
    if not isinstance(facts, dict):
        raise WeightsError(f"{path} was not written by workbench: its description is no table")
    return tensors, facts


def pack_optimiser(optimiser: torch.optim.Optimizer) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """The optimiser's memory as tensors by name, and its groups as JSON."""
    state = optimiser.state_dict()
    tensors = {
        f"optimiser.{row}.{name}": value if isinstance(value, Tensor) else torch.tensor(float(value))
        for row, memory in state["state"].items()
        for name, value in memory.items()
    }
    return tensors, state["param_groups"]


def unpack_optimiser(
    optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor], groups: list[dict[str, Any]]
) -> None:
    """Give an optimiser back what `pack_optimiser` took."""
    memory: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, row, what = name.split(".", 2)
            memory.setdefault(int(row), {})[what] = value
    optimiser.load_state_dict({"state": memory, "param_groups": groups})
