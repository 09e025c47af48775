"""Feature maps to measure codecs on: after a ReLU of a trained network, never random.

WORKBENCH_REAL set    the own CIFAR ResNet-20 there, run fully convolutionally on centres of 112 x 112 of
                      ImageNet pictures: layer2 gives 32 x 56 x 56 = 100,352 values
otherwise             the demo network digits-resnet on centres of 112 x 112 of scikit-image's photographs:
                      layer2 gives 128 x 28 x 28 = 100,352 values, the shape of the rANS paper

Tables are calibrated on maps of other pictures alone: 30 more, or the corners of the other photographs.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InputError

SPARE: Final = 30  # pictures
_SIDE = 112


class Spare(NamedTuple):
    """A map to calibrate on: of part of the picture with this index, or of a picture that is not measured."""

    owner: int | None
    features: NDArray[np.float32]


class Material(NamedTuple):
    """Feature maps (C, H, W) float32, one a picture, and where they come from in words and in one word."""

    maps: tuple[NDArray[np.float32], ...]
    source: str
    names: tuple[str, ...]
    kind: str
    spare: tuple[Spare, ...] = ()

    def apart_from(self, index: int) -> list[NDArray[np.float32]]:
        """Maps of all other pictures, measured or not, to calibrate on."""
        others = [one for place, one in enumerate(self.maps) if place != index]
        return others + [features for owner, features in self.spare if owner != index]


def load_material(pictures: int = 10) -> Material:
    """Feature maps of so many pictures.

    Raises
    ------
    InputError : WORKBENCH_REAL names a folder without the network or the pictures.
    """
    real = os.environ.get("WORKBENCH_REAL")
    return _real(Path(real), pictures) if real else _demo(pictures)


def _real(folder: Path, pictures: int) -> Material:
    from PIL import Image

    from workbench.models import load_model

    paths = sorted((folder / "imagenet100").glob("*.jpg"))
    module, weights = folder / "cifar_resnet.py", folder / "cifar_resnet20.safetensors"
    if not (paths and module.exists() and weights.exists()):
        raise InputError(
            f"WORKBENCH_REAL is {folder}, which lacks imagenet100/*.jpg, cifar_resnet.py or its weights; "
            "unset it to measure on the demo network"
        )
    spec = importlib.util.spec_from_file_location("cifar_resnet", module)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    model = load_model(
        found.CifarResNet(20),
        weights=weights,
        input_size=(3, 32, 32),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )
    chosen = _spread(paths, pictures)
    spare = _spread([path for path in paths if path not in chosen], SPARE)
    images = [np.asarray(_centre(Image.open(path).convert("RGB"), _SIDE)) for path in (*chosen, *spare)]
    maps = _outputs(model.module, "layer2", images, model.mean, model.std)
    source = "CIFAR ResNet-20, layer2 after its ReLU, on centres of 112 x 112 of ImageNet pictures"
    names, measured = tuple(path.stem for path in chosen), len(chosen)
    return Material(
        maps[:measured], source, names, "real", tuple(Spare(None, one) for one in maps[measured:])
    )


def _demo(pictures: int) -> Material:
    from workbench.models import load_model
    from workbench.pictures import load

    model = load_model("digits-resnet")
    chosen = [picture for picture in load("photographs") if min(picture.image.size) >= _SIDE][:pictures]
    corners = [(index, one) for index, picture in enumerate(chosen) for one in _corners(picture.image, _SIDE)]
    parts = [_centre(picture.image, _SIDE) for picture in chosen] + [one for _, one in corners]
    maps = _outputs(model.module, "layer2", list(map(np.asarray, parts)), model.mean, model.std)
    source = "digits-resnet, layer2 after its ReLU, on centres of 112 x 112 of scikit-image's photographs"
    names, measured = tuple(picture.name for picture in chosen), len(chosen)
    spare = [Spare(index, one) for (index, _), one in zip(corners, maps[measured:], strict=True)]
    return Material(maps[:measured], source, names, "demo", tuple(spare))


def _spread(paths: list[Path], count: int) -> list[Path]:
    return paths[:: max(len(paths) // count, 1)][:count]


def _centre(image: Any, side: int) -> Any:
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _corners(image: Any, side: int) -> list[Any]:
    right, bottom = image.width - side, image.height - side
    places = ((0, 0), (right, 0), (0, bottom), (right, bottom))
    return [image.crop((left, top, left + side, top + side)) for left, top in places]


def _outputs(
    module: Any, name: str, images: list[NDArray[np.uint8]], mean: Any, std: Any
) -> tuple[NDArray[np.float32], ...]:
    """What the module called `name` gives for each picture, whatever its size."""
    import torch

    seen: list[NDArray[np.float32]] = []
    handle = module.get_submodule(name).register_forward_hook(
        lambda _module, _inputs, output: seen.append(output[0].detach().numpy().copy())
    )
    try:
        with torch.no_grad():
            for image in images:
                values = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)
                centred = (values - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
                module(centred[None])
    finally:
        handle.remove()
    return tuple(seen)
