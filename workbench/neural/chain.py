"""One picture's way through a split network and what was trained around the split, as one torch module.

pictures ─▶ edge ─▶ features ─▶ coder ─▶ crossing ─▶ restorer ─▶ features ─▶ server ─▶ answer
"""

from __future__ import annotations

import copy
from typing import Final

from torch import Tensor, nn

from workbench.codecs.base import Codec
from workbench.codecs.onebit import OneBit
from workbench.errors import InputError
from workbench.models import Split
from workbench.neural.hecs import Prior

PARTS: Final = ("edge", "coder", "crossing", "restorer", "server")


class Chain(nn.Module):
    """The parts of a method; `edge` and `server` are copies, so the network itself is never changed.

    `codec` runs on the board where that is known before training; a learned one is exported afterwards.
    `reads_bits` says that the restorer wants 0 and 1, and not what the codec's decoder gives.
    """

    def __init__(
        self,
        split: Split,
        *,
        crossing: nn.Module,
        restorer: nn.Module,
        coder: nn.Module | None = None,
        codec: Codec | None = None,
        reads_bits: bool = False,
    ) -> None:
        super().__init__()
        if len(split.point.shapes) != 1:
            raise InputError(
                f"{split.model.name} cut at {split.point.name!r} sends {len(split.point.shapes)} tensors; "
                "training needs a cut where one tensor crosses"
            )
        self.edge = copy.deepcopy(split.edge_part).eval()
        self.coder, self.crossing, self.restorer = coder or nn.Identity(), crossing, restorer
        self.server = copy.deepcopy(split.server_part).eval()
        self.codec, self.reads_bits = codec, reads_bits

    def restored(self, features: Tensor) -> Tensor:
        """Features as the server sees them: (B, *shape) to (B, *shape)."""
        return self.restorer(self.crossing(self.coder(features)))

    def penalty(self) -> Tensor | float:
        """What the last features through the crossing cost beyond their error: the rate term, or nothing."""
        return self.crossing.penalty() if isinstance(self.crossing, Prior) else 0.0

    def received(self, decoded: Tensor) -> Tensor:
        """Features as the server sees them, from what the codec's decoder gave (B, *shape)."""
        if not self.reads_bits or not isinstance(self.codec, OneBit) or self.codec.levels is None:
            return decoded
        return self.restorer((decoded > self.codec.levels[0]).to(decoded.dtype))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.server(self.restored(self.edge(pictures)))

    def learn(self, parts: tuple[str, ...]) -> nn.ModuleDict:
        """These parts as one module whose weights learn; all other parts stand still, in eval mode."""
        for name in PARTS:
            part = getattr(self, name)
            part.requires_grad_(name in parts)
            part.eval()
        return nn.ModuleDict({name: getattr(self, name) for name in parts})
