"""Methods side by side: each trained with several seeds around one split, and what they reached.

methods x seeds ─▶ train ─▶ measure before fine-tuning ─▶ fine-tune ─▶ measure ─▶ Reached ─▶ mean and spread
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from workbench.errors import InputError
from workbench.models import Split
from workbench.neural import bundle
from workbench.neural.fitting import Progress, Watch
from workbench.neural.learned import codec_of
from workbench.neural.measuring import Measured, accuracy, measure
from workbench.neural.method import Method
from workbench.neural.methods import is_control
from workbench.neural.training import Recipe, Trained, train
from workbench.records import Reached, Summary


class Pictures(NamedTuple):
    """Preprocessed pictures (N, C, H, W) and their classes (N,), or None."""

    pictures: Tensor
    labels: Tensor | None


def compare(
    methods: Sequence[Method],
    split: Split,
    learn: Pictures,
    test: Pictures,
    *,
    seeds: Sequence[int] = (0,),
    recipe: Recipe | None = None,
    folder: Path | None = None,
    progress: Progress | None = None,
    made: Callable[[Trained], None] | None = None,
    watch: Watch | None = None,
) -> Iterator[Reached]:
    """Train each method with each seed, and say what it reached on `test`, one after the other.

    Parameters
    ----------
    folder : bundles and checkpoints go there, a bundle a method and seed.
    made : called with each trained method.
    watch : called with the loss curve so far after every epoch.
    """
    if not len(test.pictures):
        raise InputError("training: no test pictures; the numbers need pictures that were not learned from")
    whole = None if test.labels is None else accuracy(split.model.module, test.pictures, test.labels)
    for seed in seeds:
        for method in methods:
            yield _one(method, split, learn, test, seed, recipe, folder, progress, made, watch, whole)


def _one(
    method: Method,
    split: Split,
    learn: Pictures,
    test: Pictures,
    seed: int,
    recipe: Recipe | None,
    folder: Path | None,
    progress: Progress | None,
    made: Callable[[Trained], None] | None,
    watch: Watch | None,
    whole: float | None,
) -> Reached:
    before: list[float | None] = []

    def between(trained: Trained) -> None:
        if test.labels is not None:
            before.append(accuracy(trained.chain, test.pictures, test.labels))

    trained = train(
        method,
        split,
        *learn,
        recipe=recipe,
        seed=seed,
        folder=folder,
        progress=progress,
        between=between,
        watch=watch,
    )
    if folder is not None:
        bundle.save(trained, folder / f"{method.name}-{seed}.safetensors")
    if made is not None:
        made(trained)
    weights = folder / f"{method.name}-{seed}-codec.safetensors" if folder is not None else None
    found = measure(
        trained.chain, codec_of(trained, weights), *test, target=split.edge_part, progress=progress
    )
    return _reached(trained, found, len(test.pictures), whole, before[0] if before else None)


def _reached(
    trained: Trained, found: Measured, samples: int, whole: float | None, before: float | None
) -> Reached:
    chain, method = trained.chain, trained.method
    learned = method.reconstructs or method.finetunes
    return Reached(
        model=trained.split.model.name,
        split=trained.split.point.name,
        method=method.name,
        seed=trained.seed,
        samples=samples,
        accuracy=found.accuracy,
        accuracy_unsplit=whole,
        accuracy_before=before,
        payload_bytes=found.payload_bytes,
        restored=found.restored,
        plain=found.plain if chain.reads_bits and "restorer" in learned else None,
        board_s=found.board_s,
        server_s=found.server_s,
        parameters_board=_count(chain.edge) + _count(chain.coder),
        parameters_server=_count(chain.restorer) + _count(chain.server),
        curves=trained.curves,
        notes=trained.notes,
        settings=method.settings(),
    )


def _count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def summarise(reached: Sequence[Reached]) -> tuple[Summary, ...]:
    """One line a method, in the order in which methods first came."""
    names = list(dict.fromkeys(one.method for one in reached))
    return tuple(_summary(name, [one for one in reached if one.method == name]) for name in names)


def _summary(name: str, runs: Sequence[Reached]) -> Summary:
    shares = [one.accuracy for one in runs if one.accuracy is not None]
    before = [one.accuracy_before for one in runs if one.accuracy_before is not None]
    similar = [one.restored.ssim for one in runs if one.restored.ssim is not None]
    return Summary(
        method=name,
        seeds=len(runs),
        accuracy=statistics.fmean(shares) if shares else None,
        accuracy_std=(statistics.stdev(shares) if len(shares) > 1 else 0.0) if shares else None,
        accuracy_before=statistics.fmean(before) if before else None,
        payload_bytes=statistics.fmean(one.payload_bytes for one in runs),
        relative_mse=statistics.fmean(one.restored.relative_mse for one in runs),
        cosine=statistics.fmean(one.restored.cosine for one in runs),
        ssim=statistics.fmean(similar) if similar else None,
        board_s=statistics.median(one.board_s for one in runs),
        server_s=statistics.median(one.server_s for one in runs),
        control=is_control(name),
    )
