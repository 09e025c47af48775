"""What a method is: the parts it puts around a split, and which of them each stage trains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from workbench.models import Split
from workbench.neural.chain import Chain


class Method(ABC):
    """One way to train around a split. `reconstructs` and `finetunes` name the parts each stage trains.

    A `control` is no competitor: it leaves something out on purpose, so that others can be told from it.
    """

    name: str
    summary: str
    reconstructs: tuple[str, ...] = ()
    finetunes: tuple[str, ...] = ("server",)
    control: bool = False

    @abstractmethod
    def chain(self, split: Split, samples: Tensor, seed: int) -> Chain:
        """All parts, untrained, for features like `samples` (B, *shape); sizes and scales come from them."""

    def settings(self) -> dict[str, Any]:
        """What it takes to make this method again besides its name, ready for JSON."""
        return {}
