"""Pictures turned, scaled and shifted a little, as the network may meet them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a picture is varied; `flip` mirrors every second one, which digits would not survive."""

    turn_degrees: float = 10.0
    scale: float = 0.1
    shift: float = 0.1
    flip: bool = False

    def __call__(self, pictures: Tensor) -> Tensor:
        """Pictures (B, C, H, W), normalised, each varied on its own; edges are continued outwards."""
        count = len(pictures)

        def spread(*size: int) -> Tensor:
            return 2 * torch.rand(*size) - 1

        angle = torch.deg2rad(self.turn_degrees * spread(count))
        zoom = 1 + self.scale * spread(count, 2)
        cos, sin = torch.cos(angle), torch.sin(angle)
        turn = torch.stack([cos, -sin, sin, cos], 1).view(count, 2, 2) * zoom[:, :, None]
        if self.flip:
            turn[:, :, 0] *= torch.where(torch.rand(count, 1) < 0.5, -1.0, 1.0)
        moves = torch.cat([turn, 2 * self.shift * spread(count, 2, 1)], 2).to(pictures)
        grid = functional.affine_grid(moves, list(pictures.shape), align_corners=False)
        return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
