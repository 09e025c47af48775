"""The features of many pictures, computed once: in memory, or on disk when they do not fit."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from workbench.errors import StorageError

Progress = Callable[[int, int, str], None]
IN_MEMORY_BYTES = 2**30
_BATCH = 64


class Features:
    """Features (N, *shape) float32 of N pictures; `rows(indices)` gives some of them as a tensor."""

    def __init__(self, values: Tensor | np.memmap) -> None:
        self._values = values
        self.shape = tuple(values.shape[1:])

    def __len__(self) -> int:
        return len(self._values)

    @property
    def on_disk(self) -> bool:
        """Whether they are read from a file."""
        return isinstance(self._values, np.memmap)

    def rows(self, indices: Tensor) -> Tensor:
        """The features of these pictures, (len(indices), *shape)."""
        if isinstance(self._values, Tensor):
            return self._values[indices]
        return torch.from_numpy(np.ascontiguousarray(self._values[indices.numpy()]))


def edge_features(
    edge: nn.Module,
    pictures: Tensor,
    *,
    folder: Path | None = None,
    key: str = "",
    limit_bytes: int = IN_MEMORY_BYTES,
    progress: Progress | None = None,
) -> Features:
    """What the edge part gives for each picture (N, C, H, W).

    Kept in memory up to `limit_bytes`; beyond that in a file in `folder`, named by `key` and the pictures,
    and taken from there when it exists. Without a folder they are kept in memory whatever they need.

    Raises
    ------
    StorageError : the disk is full.
    """
    first = _run(edge, pictures[:1])
    shape = tuple(first.shape[1:])
    needed = 4 * len(pictures) * math.prod(shape)
    if folder is None or needed <= limit_bytes:
        parts = [first[:0]]
        for at in range(0, len(pictures), _BATCH):
            _tell(progress, at, len(pictures))
            parts.append(_run(edge, pictures[at : at + _BATCH]))
        return Features(torch.cat(parts))
    path = folder / f"features-{_digest(pictures, key)}.npy"
    if not path.exists():
        _write(path, edge, pictures, shape, needed, progress)
    return Features(np.lib.format.open_memmap(path, mode="r"))


def _run(edge: nn.Module, pictures: Tensor) -> Tensor:
    with torch.no_grad():
        where = next(edge.parameters(), pictures).device
        return edge(pictures.to(where)).float().cpu()


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total, "features at the split")


def _digest(pictures: Tensor, key: str) -> str:
    digest = hashlib.blake2b(f"{key} {tuple(pictures.shape)}".encode(), digest_size=12)
    digest.update(pictures.contiguous().numpy().data)
    return digest.hexdigest()


def _write(
    path: Path,
    edge: nn.Module,
    pictures: Tensor,
    shape: tuple[int, ...],
    needed: int,
    progress: Progress | None,
) -> None:
    """Filled under another name and moved when whole, so that a kill leaves no half file under this one."""
    beside = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = (len(pictures), *shape)
        with beside.open("wb") as file:
            np.lib.format.write_array_header_2_0(
                file, {"descr": "<f4", "fortran_order": False, "shape": whole}
            )
            for at in range(0, len(pictures), _BATCH):
                _tell(progress, at, len(pictures))
                file.write(_run(edge, pictures[at : at + _BATCH]).contiguous().numpy().data)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write the features to {path} ({needed:,} bytes): {error.strerror or error}; free some "
            "space, choose another folder, or train on fewer pictures"
        ) from error
