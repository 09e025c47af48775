"""Accuracy against bytes: HECS-B, the training-free codecs, and the picture itself as JPEG and WebP.

All on the held-out digits, from payloads that were really coded and decoded, on the same axes. A picture is
sent as the file that Pillow writes; everything else as a whole payload, header included.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from workbench.codecs import codec, decode
from workbench.codecs.base import Codec
from workbench.codecs.picture import picture_bytes
from workbench.errors import UnknownNameError
from workbench.models import Model, Split, load_model, split
from workbench.neural.comparing import Pictures, compare
from workbench.neural.methods import method
from workbench.neural.pictures import training_pictures
from workbench.neural.plans import FINETUNE
from workbench.neural.training import Recipe
from workbench.pictures.digits import digits_split

Progress = Callable[[int, int, str], None]
FREE: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("uniform", {"bits": bits}) for bits in (1, 2, 3, 4)),
    *(("rans-csr", {"bits": bits}) for bits in (2, 3, 4)),
    *(("context", {"bits": bits}) for bits in (1, 2, 3, 4)),
    ("onebit", {}),
)
QUALITIES = (1, 5, 10, 20, 40, 60, 80, 95)


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of one way: mean bytes of a picture, and the share of pictures answered right."""

    way: str
    settings: dict[str, Any]
    payload_bytes: float
    accuracy: float


def of_codec(where: Split, coder: Codec, features: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean bytes and accuracy of the untouched server part behind a codec."""
    payloads = [coder.encode(one) for one in features.numpy()]
    decoded = torch.from_numpy(np.stack([decode(payload) for payload in payloads]))
    with torch.no_grad():
        right = (where.server_part(decoded).argmax(1) == labels).float().mean().item()
    return statistics.fmean(map(len, payloads)), right


def of_pictures(
    model: Model, images: Sequence[Any], labels: Tensor, kind: str, quality: int
) -> tuple[float, float]:
    """Mean bytes and accuracy of the whole network behind a picture file."""
    files = [picture_bytes(image, kind, quality) for image in images]
    back = [Image.open(io.BytesIO(file)).convert("RGB") for file in files]
    with torch.no_grad():
        right = (model(model.preprocess(back)).argmax(1) == labels).float().mean().item()
    return statistics.fmean(map(len, files)), right


def curve(
    model_name: str,
    split_name: str,
    *,
    measurements: Sequence[int] = (4, 8, 16, 32, 64),
    recipe: Recipe | None = None,
    progress: Progress | None = None,
) -> tuple[Point, ...]:
    """All points for one demo network and split; HECS-B is trained once for each number of measurements."""
    model = load_model(model_name)
    if model.origin != "demo":
        raise UnknownNameError("demo network", model_name, ("digits-resnet", "digits-vit", "digits-convnext"))
    where = split(model, split_name)
    learn, test = training_pictures(model, "digits")
    assert test.labels is not None and learn.labels is not None  # digits are labelled
    found: list[Point] = []
    images = list(digits_split().test.images)
    for kind in ("jpeg", "webp"):
        for quality in QUALITIES:
            found.append(
                Point(kind, {"quality": quality}, *of_pictures(model, images, test.labels, kind, quality))
            )
    with torch.no_grad():
        features = where.edge_part(test.pictures)
        samples = where.edge_part(learn.pictures[:256]).numpy()
    for name, settings in FREE:
        coder = codec(name, **settings).calibrate(samples)
        found.append(Point(name, settings, *of_codec(where, coder, features, test.labels)))
    for count in measurements:
        chosen = method("hecs-b", measurements=count)
        (one,) = compare([chosen], where, Pictures(*learn), Pictures(*test), recipe=recipe, progress=progress)
        assert one.accuracy is not None
        found.append(Point("hecs-b", chosen.settings(), one.payload_bytes, one.accuracy))
    return tuple(found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the curve of one demo network and write it as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m workbench.neural.rate_accuracy", description=main.__doc__
    )
    parser.add_argument("--model", default="digits-convnext")
    parser.add_argument("--split", default="stages.1")
    parser.add_argument("--finetune-epochs", type=int, default=FINETUNE.epochs)
    parser.add_argument("--into", type=Path, required=True, help="the JSON file to write")
    chosen = parser.parse_args(arguments)
    plan = {**FINETUNE.settings(), "epochs": chosen.finetune_epochs}
    points = curve(chosen.model, chosen.split, recipe=Recipe(finetune=type(FINETUNE)(**plan)))
    told = {
        "what": f"accuracy against bytes, {chosen.model} at {chosen.split}, 450 held-out digits",
        "command": f"python -m workbench.neural.rate_accuracy --model {chosen.model} --split {chosen.split} "
        f"--finetune-epochs {chosen.finetune_epochs} --into {chosen.into.name}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": platform.machine(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "points": [asdict(point) for point in points],
    }
    chosen.into.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for point in points:
        print(f"{point.way:9} {point.settings!s:44} {point.payload_bytes:8.1f} bytes {point.accuracy:8.2%}")


if __name__ == "__main__":
    main()
