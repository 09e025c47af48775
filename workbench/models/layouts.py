"""How a tensor's values lie in its storage, and where they lay before they were copied.

two rows of three    0 1 2 3 4 5        the columns, copied    0 3 1 4 2 5
its second column: start 1, step 3      the same of the copy: start 2, step 1
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Layout(NamedTuple):
    """How values lie in a storage; complex numbers may be conjugated, or negated, when they are read."""

    shape: tuple[int, ...]
    steps: tuple[int, ...]
    start: int
    kind: tuple[torch.dtype, bool, bool]

    def plain(self) -> Layout:
        """The same shape with its values side by side in their order."""
        reach, steps = 1, []
        for length in reversed(self.shape):
            steps.append(reach if length != 1 else 0)
            reach *= length
        return Layout(self.shape, tuple(reversed(steps)), 0, self.kind)


def layout_of(tensor: Tensor) -> Layout:
    """Layouts are equal where the same places are read in the same order."""
    shape, steps = tensor.shape, tensor.stride()
    if 1 in shape:  # nothing ever takes a step along an axis of length one
        steps = tuple(0 if length == 1 else step for length, step in zip(shape, steps, strict=True))
    kind = (tensor.dtype, tensor.is_conj(), tensor.is_neg())
    return Layout(shape, steps, int(tensor.storage_offset()), kind)


def in_original(layout: Layout, copy: Layout, original: Layout) -> Layout | None:
    """Where what lies at `layout` of a dense copy lies in the original; None where its axes are others."""
    if not layout.kind == copy.kind == original.kind or copy.start:
        return None
    ahead, start, room = layout.start, original.start, {}
    for step, length, there in sorted(zip(copy.steps, copy.shape, original.steps, strict=True), reverse=True):
        if length > 1:
            first, ahead = divmod(ahead, step)
            start += first * there
            room[step] = (length - first, there)
    steps = []
    for length, step in zip(layout.shape, layout.steps, strict=True):
        left, there = (1, 0) if length == 1 else room.pop(step, (0, 0))
        if length > left:
            return None
        steps.append(there)
    return Layout(layout.shape, tuple(steps), start, layout.kind)


def is_dense(tensor: Tensor) -> bool:
    """Whether the values lie side by side from the start of the storage, without gaps or overlaps."""
    reach = 1
    for step, length in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if length > 1 and step != reach:
            return False
        reach *= length
    return True
