"""The features of many pictures, varied ones among them, computed once: in memory, or on disk.

pictures ─▶ edge part ─▶ N rows ┐
varied   ─▶ edge part ─▶ N rows ├─▶ Features: row k·N + i is copy k of picture i, 0 the picture itself
varied   ─▶ edge part ─▶ N rows ┘
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from workbench.errors import StorageError

Progress = Callable[[int, int, str], None]
Vary = Callable[[Tensor], Tensor]
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
    copies: int = 0,
    vary: Vary | None = None,
    limit_bytes: int = IN_MEMORY_BYTES,
    progress: Progress | None = None,
) -> Features:
    """What the edge part gives for each picture (N, C, H, W), then for `copies` varied ones of each.

    Kept in memory up to `limit_bytes`; beyond that in a file in `folder`, named by `key`, `copies`, `vary`
    and the pictures, and taken from there when it exists. Without a folder they are kept in memory whatever
    they need. Copy k is the same in every call.

    Raises
    ------
    StorageError : the disk is full.
    """
    first = _run(edge, pictures[:1])
    whole = ((1 + copies) * len(pictures), *first.shape[1:])
    needed = 4 * math.prod(whole)
    batches = _batches(edge, pictures, copies, vary, progress)
    if folder is None or needed <= limit_bytes:
        return Features(torch.cat([first[:0], *batches]))
    name = f"{key} {copies} {vary}" if copies else key
    path = folder / f"features-{_digest(pictures, name)}.npy"
    found = _read(path, whole)
    if found is None:
        _write(path, batches, whole, needed)
        found = np.lib.format.open_memmap(path, mode="r")
    return Features(found)


def _read(path: Path, whole: tuple[int, ...]) -> np.memmap | None:
    """The features in `path`; None where there is no such file, or one that is not whole."""
    try:
        found = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError):
        return None
    return found if (found.shape, found.dtype) == (whole, np.float32) else None


def _batches(
    edge: nn.Module, pictures: Tensor, copies: int, vary: Vary | None, progress: Progress | None
) -> Iterator[Tensor]:
    count = len(pictures)
    for copy in range(1 + copies):
        for at in range(0, count, _BATCH):
            if progress is not None:
                progress(copy * count + at, (1 + copies) * count, "features at the split")
            batch = pictures[at : at + _BATCH]
            if copy and vary is not None:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(copy * 1_000_003 + at)
                    batch = vary(batch)
            yield _run(edge, batch)


def _run(edge: nn.Module, pictures: Tensor) -> Tensor:
    with torch.no_grad():
        where = next(edge.parameters(), pictures).device
        return edge(pictures.to(where)).float().cpu()


def _digest(pictures: Tensor, key: str) -> str:
    digest = hashlib.blake2b(f"{key} {tuple(pictures.shape)}".encode(), digest_size=12)
    digest.update(pictures.contiguous().numpy().data)
    return digest.hexdigest()


def _write(path: Path, batches: Iterator[Tensor], whole: tuple[int, ...], needed: int) -> None:
    """Filled under another name and moved when whole, so that a kill leaves no half file under this one."""
    beside = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            np.lib.format.write_array_header_2_0(
                file, {"descr": "<f4", "fortran_order": False, "shape": whole}
            )
            for batch in batches:
                file.write(batch.contiguous().numpy().data)
        beside.replace(path)
    except OSError as error:
        if beside.parent.is_dir():
            beside.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write the features to {path} ({needed:,} bytes): {error.strerror or error}; free some "
            "space, choose another folder, or train on fewer pictures or varied copies of them"
        ) from error
