"""Trains the demo networks on scikit-learn's digits and writes their weights and model cards.

    python -m workbench.experiments.demo_training [--only NAME] [--into FOLDER]

    digits ─▶ shift, turn, scale, noise ─▶ small timm network ─▶ AdamW, one cosine ─▶ weights and card

The schedule is fixed beforehand: the held-out pictures are looked at once, after the last step, for the
accuracy on the card. The same command gives the same weights on the same machine and versions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.models.building import build_timm
from workbench.paths import shipped
from workbench.pictures.digits import CLASSES, SIDE, Digits, digits_split

MEAN, STD = (0.31, 0.31, 0.31), (0.35, 0.35, 0.35)
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one demo network is built and trained; lengths of time are in passes over the training digits."""

    name: str
    summary: str
    timm_name: str
    arguments: dict[str, Any]
    identity: tuple[str, ...] = ()
    epochs: int = 60
    warmup_epochs: int = 3
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    turn_degrees: float = 12.0
    scale: float = 0.12
    shift: float = 0.12
    noise: float = 0.03
    seed: int = 0
    threads: int = 1


RECIPES = (
    Recipe(
        name="digits-resnet",
        summary="a small bottleneck ResNet with a deep stem, four stages of two blocks",
        timm_name="resnet26d",
        arguments={"num_classes": 10, "channels": [16, 32, 64, 88], "stem_width": 16},
        identity=("maxpool",),
        epochs=60,
    ),
    Recipe(
        name="digits-vit",
        summary="a small vision transformer, patches of 4x4, six blocks of width 96",
        timm_name="vit_tiny_patch16_224",
        arguments={
            "num_classes": 10, "img_size": SIDE, "patch_size": 4, "embed_dim": 96, "depth": 6, "num_heads": 4,
            "drop_path_rate": 0.1,
        },
        epochs=120,
        warmup_epochs=8,
        learning_rate=1e-3,
    ),
    Recipe(
        name="digits-convnext",
        summary="a small ConvNeXt with a 2x2 stem, stages of two, two, four and two blocks",
        timm_name="convnext_atto",
        arguments={
            "num_classes": 10, "depths": [2, 2, 4, 2], "dims": [24, 48, 96, 112], "patch_size": 2,
            "ls_init_value": 0.1, "conv_mlp": False,
        },
        identity=("stages.0.downsample",),
        epochs=60,
    ),
)  # fmt: skip


def train(recipe: Recipe, into: Path, progress: Progress | None = None) -> dict[str, Any]:
    """Train one demo network; write its weights and its card into `into`; the card is also returned."""
    split = digits_split(recipe.seed)
    with _repeatable(recipe.seed, recipe.threads):
        network = build_timm(recipe.timm_name, recipe.arguments, recipe.identity)
        started = time.perf_counter()
        _fit(network, split.train, recipe, progress)
        seconds = time.perf_counter() - started
        right = int((predict(network, split.test) == split.test.labels).sum())
    return _write(recipe, network, into, right / len(split.test), len(split.test), seconds)


def predict(network: nn.Module, digits: Digits) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The class that `network` gives to each of the digits."""
    network.eval()
    with torch.inference_mode():
        answers = [network(batch).argmax(1) for batch in _normalise(digits).split(256)]
    return torch.cat(answers).numpy()


def _fit(network: nn.Module, digits: Digits, recipe: Recipe, progress: Progress | None) -> None:
    pictures, labels = _normalise(digits), torch.from_numpy(digits.labels.copy())
    decayed = [weight for weight in network.parameters() if weight.ndim > 1]
    others = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps_per_epoch = math.ceil(len(labels) / recipe.batch)
    steps, warmup = recipe.epochs * steps_per_epoch, recipe.warmup_epochs * steps_per_epoch
    draw = torch.Generator().manual_seed(recipe.seed)
    network.train()
    for step, rows in enumerate(_batches(len(labels), recipe, draw)):
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * _cosine(step, steps, warmup)
        answers = network(_vary(pictures[rows], recipe, draw))
        loss = functional.cross_entropy(answers, labels[rows], label_smoothing=recipe.label_smoothing)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if progress and (step % 10 == 0 or step == steps - 1):
            progress(step + 1, steps, f"{recipe.name}: loss {loss.item():.3f}")


def _batches(count: int, recipe: Recipe, draw: torch.Generator) -> Iterator[Tensor]:
    for _ in range(recipe.epochs):
        yield from torch.randperm(count, generator=draw).split(recipe.batch)


def _cosine(step: int, steps: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _normalise(digits: Digits) -> Tensor:
    pictures = torch.from_numpy(digits.images.copy()).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    return ((pictures - mean) / std).contiguous()


def _vary(pictures: Tensor, recipe: Recipe, draw: torch.Generator) -> Tensor:
    """Each picture turned, scaled and shifted a little, with noise; what comes in from outside is black."""

    def spread(*size: int) -> Tensor:
        return 2 * torch.rand(*size, generator=draw) - 1

    count = len(pictures)
    angle = torch.deg2rad(recipe.turn_degrees * spread(count))
    zoom = 1 + recipe.scale * spread(count, 2)
    cos, sin = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([cos, -sin, sin, cos], 1).view(count, 2, 2) * zoom[:, :, None]
    grid = functional.affine_grid(
        torch.cat([turn, recipe.shift * 2 * spread(count, 2, 1)], 2),
        list(pictures.shape),
        align_corners=False,
    )
    black = -MEAN[0] / STD[0]
    moved = functional.grid_sample(pictures - black, grid, align_corners=False) + black
    return moved + recipe.noise / STD[0] * torch.randn(moved.shape, generator=draw)


@contextmanager
def _repeatable(seed: int, threads: int) -> Iterator[None]:
    """Seeded, one fixed number of threads, deterministic operators; torch is left as it was found."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])


def _write(
    recipe: Recipe, network: nn.Module, into: Path, accuracy: float, test_pictures: int, seconds: float
) -> dict[str, Any]:
    import timm
    from safetensors.torch import save

    into.mkdir(parents=True, exist_ok=True)
    weights = save({key: value.contiguous() for key, value in network.state_dict().items()})
    (into / f"{recipe.name}.safetensors").write_bytes(weights)
    settings = asdict(recipe)
    for key in ("name", "summary", "timm_name", "arguments", "identity"):
        del settings[key]
    card = {
        "name": recipe.name,
        "summary": recipe.summary,
        "timm_name": recipe.timm_name,
        "arguments": recipe.arguments,
        "identity": list(recipe.identity),
        "input_size": [3, SIDE, SIDE],
        "mean": list(MEAN),
        "std": list(STD),
        "classes": list(CLASSES),
        "weights_file": f"{recipe.name}.safetensors",
        "sha256": hashlib.sha256(weights).hexdigest(),
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "accuracy": accuracy,
        "test_pictures": test_pictures,
        "pictures": "scikit-learn's handwritten digits, enlarged from 8x8 to 32x32; see data/README.md",
        "licence": "weights: MIT as the project; pictures: CC BY 4.0",
        "source": "trained from random weights by the project's own script",
        "training": {
            "command": f"python -m workbench.experiments.demo_training --only {recipe.name}",
            "date": datetime.now(UTC).date().isoformat(),
            "seconds": round(seconds),
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "timm": timm.__version__,
            },
            "machine": platform.machine(),
            **settings,
        },
    }  # fmt: skip
    (into / f"{recipe.name}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card


def main(arguments: Sequence[str] | None = None) -> None:
    """Train all demo networks, or the one named by ``--only``."""
    names = [recipe.name for recipe in RECIPES]
    parser = argparse.ArgumentParser(
        prog="python -m workbench.experiments.demo_training", description=__doc__
    )
    parser.add_argument("--only", choices=names, help="train this network only")
    parser.add_argument(
        "--into", type=Path, help="folder for weights and cards (default: the project's data/models)"
    )
    chosen = parser.parse_args(arguments)
    for recipe in RECIPES:
        if chosen.only in (None, recipe.name):
            card = train(recipe, chosen.into or shipped("data") / "models", _print_progress)
            print(
                f"\n{card['name']}: {100 * card['accuracy']:.2f} % of {card['test_pictures']} held-out digits"
            )


def _print_progress(done: int, total: int, what: str) -> None:
    print(f"\r{done}/{total} {what}", end="", flush=True)


if __name__ == "__main__":
    main()
