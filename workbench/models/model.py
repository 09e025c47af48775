"""A network together with what is needed to use it: preprocessing, classes, where its weights came from."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from workbench.models.preprocess import Preprocessing

Weights = Literal["trained", "random", "own"]


class _Seen(NamedTuple):
    """The weights when the fingerprint was taken, and how often each had been changed in place."""

    held: tuple[Tensor, ...]
    versions: tuple[int, ...]
    digest: str


@dataclass(eq=False)
class Model:
    """A network in eval mode and all that belongs to it.

    `weights` is "trained", "random" (to be shown wherever its numbers appear) or "own" (as they were in the
    module that was handed over, which only its owner knows); `weights_note` says it in words, `source` names
    where the network came from, `origin` what kind of name it is known by.
    """

    name: str
    module: nn.Module = field(repr=False)
    preprocessing: Preprocessing
    classes: tuple[str, ...] | None = field(repr=False)
    weights: Weights
    weights_note: str
    source: str
    origin: Literal["demo", "timm", "torchvision", "own"]
    _seen: _Seen | None = field(default=None, init=False, repr=False)

    @property
    def input_size(self) -> tuple[int, int, int]:
        """Shape of one picture: (C, H, W)."""
        return self.preprocessing.input_size

    @property
    def mean(self) -> tuple[float, ...]:
        """Subtracted from each channel of a picture scaled to 0..1."""
        return self.preprocessing.mean

    @property
    def std(self) -> tuple[float, ...]:
        """What each channel is divided by after that."""
        return self.preprocessing.std

    @property
    def parameters(self) -> int:
        """How many trainable numbers the network holds."""
        return sum(weight.numel() for weight in self.module.parameters())

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits over the name, the preprocessing and all weights: same digits, same answers.

        Computed again after a weight was changed, as training does it.
        """
        held = tuple(
            tensor
            for part in self.module.modules()  # several times faster than its state_dict()
            for tensor in (*part._parameters.values(), *part._buffers.values())
            if tensor is not None
        )
        versions = tuple(tensor._version for tensor in held)
        if self._seen is None or self._seen.versions != versions or not _same(self._seen.held, held):
            self._seen = _Seen(held, versions, self._digest())
        return self._seen.digest

    def _digest(self) -> str:
        tensors = {key: value for key, value in self.module.state_dict().items() if isinstance(value, Tensor)}
        digest = hashlib.blake2b(f"{self.name} {self.preprocessing}".encode(), digest_size=16)
        for key, value in tensors.items():
            digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()

    def preprocess(self, images: Sequence[Any]) -> Tensor:
        """PIL images or uint8 arrays, (H, W, 3) or (H, W), as the network wants them: float32 (B, C, H, W).

        Raises
        ------
        InputError : something that is no picture, or none at all.
        """
        return self.preprocessing.apply(images)

    def __call__(self, pictures: Tensor) -> Any:
        """The network's answer to preprocessed pictures (B, C, H, W)."""
        return self.module(pictures)

    @cached_property
    def cutter(self) -> Any:
        """The traced network and its cuts, made when first asked for and then kept."""
        from workbench.models.cuts import Cutter

        return Cutter(self.module, self.input_size, self.name)


def _same(some: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))
