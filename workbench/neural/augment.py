"""Pictures turned, scaled and shifted a little, as the network may meet them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from workbench.errors import SettingError


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a picture is varied; `flip` mirrors every second one, which digits would not survive.

    `whole` shifts by whole pixels and does not turn or scale: nothing is interpolated, so a picture stays as
    sharp as the network knows it (the crops of He et al., 2015, section 4.2, with edges continued).
    """

    turn_degrees: float = 10.0
    scale: float = 0.1
    shift: float = 0.1
    flip: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        if self.whole and (self.turn_degrees or self.scale):
            raise SettingError(
                f"augmentation: whole pixels cannot be turned by {self.turn_degrees} degrees or scaled by "
                f"{self.scale}; set turn_degrees and scale to 0, or whole to False"
            )

    def __call__(self, pictures: Tensor) -> Tensor:
        """Pictures (B, C, H, W), normalised, each varied on its own; edges are continued outwards."""
        if self.whole:
            return self._shifted(pictures)
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

    def _shifted(self, pictures: Tensor) -> Tensor:
        count, _, *sides = pictures.shape
        places = []
        for side in sides:
            reach = round(self.shift * side)
            moves = torch.randint(-reach, reach + 1, (count, 1))
            places.append((torch.arange(side) + moves).clamp(0, side - 1))
        rows, columns = places
        if self.flip:
            columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
        every = torch.arange(count)[:, None, None]
        return pictures.movedim(1, -1)[every, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
