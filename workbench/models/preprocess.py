"""From a picture to what a network wants to see: resize, crop, scale, as its own configuration says.

picture ─▶ shorter side to resize ─▶ centre crop to (H, W) ─▶ /255, - mean, / std ─▶ (C, H, W)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from workbench.errors import InputError, ModelError

_MOST_PIXELS = 2**26  # a narrow picture grows when its shorter side is fitted

Mode = Literal["center", "squash", "border"]
_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What happens to a picture before the network sees it.

    Parameters
    ----------
    input_size : (C, H, W); C is 3 (RGB) or 1 (grey).
    mean, std : one per channel, for pictures scaled to 0..1.
    resize : (height, width) before the crop; for mode "center" the shorter side is brought to its side.
    interpolation : filter of the resizing.
    mode : "center" keeps the aspect and crops, "squash" ignores the aspect, "border" keeps it and pads with
        the mean.
    """

    input_size: tuple[int, int, int]
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    resize: tuple[int, int] | None = None
    interpolation: str = "bicubic"
    mode: Mode = "center"

    def __post_init__(self) -> None:
        size = self.input_size
        if (
            len(size) != 3
            or not all(isinstance(side, int) and side > 0 for side in size)
            or size[0] not in (1, 3)
        ):
            raise ModelError(f"input_size is {size}; allowed: (C, H, W) with C 1 or 3, such as (3, 224, 224)")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != size[0] or not all(math.isfinite(value) for value in values):
                raise ModelError(
                    f"{name} is {values}; allowed: one number for each of the {size[0]} channels"
                )
        if min(self.std) <= 0:
            raise ModelError(f"std is {self.std}; each must be above zero")
        if self.interpolation not in _FILTERS:
            raise ModelError(f"interpolation is {self.interpolation!r}; allowed: {', '.join(_FILTERS)}")

    @classmethod
    def from_timm(cls, config: Mapping[str, Any]) -> Preprocessing:
        """From timm's data configuration (``timm.data.resolve_model_data_config``)."""
        channels, height, width = config["input_size"]
        share = config.get("crop_pct") or 1.0
        interpolation = config.get("interpolation", "bicubic")
        return cls(
            input_size=(channels, height, width),
            mean=per_channel(config["mean"], channels),
            std=per_channel(config["std"], channels),
            resize=(math.floor(height / share), math.floor(width / share)),
            interpolation=interpolation if interpolation in _FILTERS else "bicubic",
            mode=config.get("crop_mode") or "center",
        )

    def apply(self, images: Sequence[Any]) -> Tensor:
        """Pictures as one float32 batch (B, C, H, W)."""
        seen = self.view(images)
        mean = np.asarray(self.mean, np.float32)[:, None, None]
        std = np.asarray(self.std, np.float32)[:, None, None]
        arrays = [np.asarray(picture, np.float32).reshape(*self.input_size[1:], -1) / 255 for picture in seen]
        return torch.from_numpy(np.stack([(array.transpose(2, 0, 1) - mean) / std for array in arrays]))

    def view(self, images: Sequence[Any]) -> list[Image.Image]:
        """The pictures as the network sees them, resized and cropped, still with 8 bits a channel."""
        if isinstance(images, Image.Image) or (isinstance(images, np.ndarray) and images.ndim < 4):
            raise InputError("one picture was given where a list of pictures is expected; write [picture]")
        if not len(images):
            raise InputError("no picture was given; at least one is needed")
        return [self._fit(_as_pil(image, at).convert("RGB" if self.input_size[0] == 3 else "L"))
                for at, image in enumerate(images)]  # fmt: skip

    def _fit(self, picture: Image.Image) -> Image.Image:
        _, height, width = self.input_size
        tall, wide = self.resize or (height, width)
        if self.mode == "squash":
            size = (wide, tall)
        else:
            choose = max if self.mode == "center" else min
            ratio = choose(wide / picture.width, tall / picture.height)
            down = self.mode == "center" and tall == wide
            size = (_scaled(picture.width, ratio, down), _scaled(picture.height, ratio, down))
        if size[0] * size[1] > _MOST_PIXELS:
            raise InputError(
                f"a picture of {picture.width} x {picture.height} pixels would become "
                f"{size[0]:,} x {size[1]:,} for this network; {_MOST_PIXELS:,} are allowed: crop it first"
            )
        if size != picture.size:
            picture = picture.resize(size, _FILTERS[self.interpolation])
        if picture.size == (width, height):
            return picture
        left, top = round((picture.width - width) / 2), round((picture.height - height) / 2)
        fill: Any = tuple(round(255 * value) for value in self.mean)
        canvas = Image.new(picture.mode, (width, height), fill if len(fill) == 3 else fill[0])
        canvas.paste(picture, (-left, -top))
        return canvas


def _scaled(side: int, ratio: float, down: bool) -> int:
    """Rounded as the library does whose pixels these must be: torchvision down, timm to the nearest.

    Down, but not because of the last bit of a float.
    """
    return max(1, math.floor(side * ratio + 1e-6) if down else round(side * ratio))


def per_channel(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """One value for each channel; their mean for all where the numbers of channels differ."""
    known = tuple(float(value) for value in values)
    return known if len(known) == channels else (sum(known) / len(known),) * channels


def _as_pil(image: Any, at: int) -> Image.Image:
    if isinstance(image, Image.Image):
        return image
    try:
        array = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"picture {at} is a {type(image).__name__}, not a PIL image or a uint8 array"
        ) from error
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.size == 0:
        raise InputError(
            f"picture {at} is an array of type {array.dtype} and shape {array.shape}; allowed: PIL images, "
            f"or uint8 arrays of shape (H, W), (H, W, 3) or (H, W, 4)"
        )
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4):
        raise InputError(f"picture {at} has shape {array.shape}; the channels go last: (H, W, 3)")
    return Image.fromarray(array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array)
