"""`workbench train`: train methods around a split, and say what each reached."""

from __future__ import annotations

import dataclasses
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from workbench.cli.choices import Classes, InputSize, Mean, Pretrained, Std, Weights, load, settings
from workbench.cli.output import Json, show_json, show_table, with_unit

if TYPE_CHECKING:
    from workbench.neural.search import Approach, Stop
    from workbench.neural.training import Recipe
    from workbench.records import Reached


def train(
    model: Annotated[str, typer.Argument(help="A network: a name, or package.module:factory of your own.")],
    split: Annotated[str, typer.Option(help="Where to cut it; `workbench split-points` lists the places.")],
    method: Annotated[
        list[str] | None, typer.Option(help="A method; may be given several times. Default: qcnet-h.")
    ] = None,
    compensator: Annotated[str | None, typer.Option(help="A preset for the qcnet methods.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of every --method given, such as measurements=32 for hecs-b."),
    ] = None,
    images: Annotated[
        str, typer.Option(help="Pictures to learn from: digits, or a folder with one folder a class.")
    ] = "digits",
    test_images: Annotated[
        str | None, typer.Option(help="Pictures to test on; default: the source's own, or every fifth.")
    ] = None,
    labels: Annotated[
        bool, typer.Option(help="Without labels stage 1 alone is trained, unless --teacher is 1.")
    ] = True,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Train so many times, and give the spread.")] = 1,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of the seeds; the others follow it.")] = 0,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="At most so many epochs in stage 1; of a search 6.")
    ] = None,
    finetune_epochs: Annotated[int | None, typer.Option(min=1, help="Epochs in stage 2.")] = None,
    flip: Annotated[
        bool, typer.Option(help="Mirror pictures where they are varied (not for digits).")
    ] = False,
    whole_pixels: Annotated[
        bool,
        typer.Option(
            help="Vary pictures by shifts of whole pixels (an eighth of a side), not by turn or scale."
        ),
    ] = False,
    copies: Annotated[
        int,
        typer.Option(
            help="Stage 1 learns from so many varied copies of each picture, too; they go through the edge "
            "part once. Stage 2 varies the pictures anew in every epoch."
        ),
    ] = 0,
    teacher: Annotated[
        float,
        typer.Option(
            help="Share of stage 2's loss that is the distance from the unsplit network's own answers: 0 is "
            "the labels alone, 1 needs none."
        ),
    ] = 0.0,
    temperature: Annotated[
        float,
        typer.Option(help="Of the teacher: logits are divided by it; 1 leaves its answers as they are."),
    ] = 1.0,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the CPU to use.")] = None,
    search: Annotated[
        Path | None, typer.Option(help="Search for a compensator instead; this file keeps it, and goes on.")
    ] = None,
    approach: Annotated[str, typer.Option(help="Of the search: 1, 2 or pareto.")] = "1",
    candidates: Annotated[int, typer.Option(min=1, help="Of the search: at most so many.")] = 30,
    patience: Annotated[
        int, typer.Option(min=1, help="Of the search: it ends after so many without a better one.")
    ] = 12,
    target: Annotated[
        float, typer.Option(min=0, help="Of the search: it ends at a held-out loss so low; 0 is never.")
    ] = 0.0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for bundles and checkpoints; a killed training goes on there.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write everything that was measured to this file.")
    ] = None,
    pretrained: Pretrained = None,
    weights: Weights = None,
    input_size: InputSize = None,
    mean: Mean = None,
    std: Std = None,
    classes: Classes = None,
    as_json: Json = False,
) -> None:
    """Train what goes around a split: compensators, their rivals, learned codecs.

    Stage 1 learns to give back the features and needs no labels; stage 2 fine-tunes the server part.
    Numbers are of test pictures that were not learned from, sizes of payloads that were really coded.

    \b
    Examples:
      workbench train digits-resnet --split layer2
      workbench train digits-vit --split blocks.2 --method qcnet-h --method refbase --seeds 3
      workbench train digits-convnext --split stages.1 --method hecs-b --set measurements=32
      workbench train digits-vit --split blocks.2 --search vit.log --approach pareto
      workbench train mynets:resnet --input-size 3x32x32 --split layer2 --images train/ --test-images test/
    """
    import torch

    from workbench.models import split as cut
    from workbench.neural.augment import Augmentation
    from workbench.neural.comparing import Pictures, compare, summarise
    from workbench.neural.fitting import device
    from workbench.neural.methods import method as named
    from workbench.neural.pictures import training_pictures
    from workbench.neural.search import Stop
    from workbench.neural.training import Recipe

    if threads is not None:
        torch.set_num_threads(threads)
    given = settings(set_ or [])
    methods = [
        named(name, **given, **({"compensator": compensator} if compensator and "qcnet" in name else {}))
        for name in method or ["qcnet-h"]
    ]
    network = load(model, pretrained, weights, input_size, mean, std, classes)
    where = cut(network, split)
    learn, test = training_pictures(network, images, test_images)
    if not labels:
        learn = Pictures(learn.pictures, None)
    if search is not None:
        stop = Stop(candidates, patience, target)
        _search(where, learn, images, search, approach, stop, epochs, record, as_json)
        return
    varied = Augmentation(0, 0, 0.125, flip, whole=True) if whole_pixels else Augmentation(flip=flip)
    recipe = Recipe(augmentation=varied, copies=copies, teacher=teacher, temperature=temperature)
    recipe = _lasting(recipe, epochs, finetune_epochs)
    chosen = range(first_seed, first_seed + seeds)
    reached: list[Reached] = []
    told: dict[str, Any] = {}
    for one in compare(
        methods, where, learn, test, seeds=chosen, recipe=recipe, folder=out, progress=_progress()
    ):
        reached.append(one)
        if not as_json:
            _tell(f"{one.method}, seed {one.seed}: {_share(one.accuracy)}, {one.payload_bytes:.0f} bytes")
            for note in one.notes:
                _tell(f"{one.method}, seed {one.seed}, note: {note}")
        summary = summarise(reached)
        told = {
            **_circumstances(str(device())),
            "model": network.name,
            "weights": _portable(network.weights_note),
            "split": where.point.name,
            "shape": list(where.point.shape),
            "learned_from": {"source": _portable(images), "pictures": len(learn.pictures)},
            "tested_on": {"source": _portable(test_images or images), "pictures": len(test.pictures)},
            "recipe": dataclasses.asdict(recipe),
            "summary": [dataclasses.asdict(line) for line in summary],
            "reached": [one.to_dict() for one in reached],
        }
        if record is not None:  # after each, so that a killed training leaves what it measured
            _write(record, told)
    if as_json:
        show_json(told)
        return
    unsplit = reached[0].accuracy_unsplit
    typer.echo(f"\n{network.name} at {where.point.name}, unsplit {_share(unsplit)}, trained on {device()}\n")
    typer.echo("before: accuracy before stage 2; rel. mse: over the variance of the features\n")
    show_table(
        ("method", "accuracy", "±", "before", "payload", "rel. mse", "cosine", "ssim", "board", "server"),
        [
            (
                line.label, _share(line.accuracy), _share(line.accuracy_std), _share(line.accuracy_before),
                with_unit(line.payload_bytes, "bytes"), f"{line.relative_mse:.3f}", f"{line.cosine:.3f}",
                "–" if line.ssim is None else f"{line.ssim:.3f}", with_unit(line.board_s, "s"),
                with_unit(line.server_s, "s"),
            )
            for line in summary
        ],
    )  # fmt: skip


def _search(
    where: Any,
    learn: Any,
    images: str,
    file: Path,
    approach: str,
    stop: Stop,
    epochs: int | None,
    record: Path | None,
    as_json: bool,
) -> None:
    from workbench.neural.fitting import device
    from workbench.neural.plans import Plan
    from workbench.neural.search import search, tried

    chosen = cast("Approach", approach)
    plan = Plan(epochs=epochs, patience=0) if epochs else None
    found = search(where, learn, file, approach=chosen, stop=stop, plan=plan, progress=_progress())
    shown = tried(found)
    told = [
        {**dataclasses.asdict(one), "pareto": point.front} for one, point in zip(found, shown, strict=True)
    ]
    if record is not None:
        circumstances = {
            **_circumstances(str(device())),
            "model": where.model.name,
            "weights": _portable(where.model.weights_note),
            "split": where.point.name,
            "shape": list(where.point.shape),
            "learned_from": {"source": _portable(images), "pictures": len(learn.pictures)},
            "approach": approach,
        }
        _write(record, {**circumstances, "candidates": [dataclasses.asdict(one) for one in shown]})
    if as_json:
        show_json(told)
        return
    typer.echo(f"{where.model.name} at {where.point.name}: {len(found)} candidates, the best first\n")
    show_table(
        ("candidate", "family", "settings", "held-out loss", "accuracy", "parameters", "server", "front"),
        [
            (
                str(one.number), one.family, one.sizes, f"{one.loss:.4f}", _share(one.accuracy),
                f"{one.parameters:,}", with_unit(one.server_s, "s"), "yes" if one.front else "",
            )
            for one in sorted(shown, key=lambda one: one.loss)
        ],
    )  # fmt: skip


def _lasting(recipe: Recipe, epochs: int | None, finetune_epochs: int | None) -> Recipe:
    """The recipe with so many epochs in each stage, where they are given."""
    if epochs is not None:
        recipe = dataclasses.replace(
            recipe, reconstruct=dataclasses.replace(recipe.reconstruct, epochs=epochs)
        )
    if finetune_epochs is not None:
        plan = dataclasses.replace(
            recipe.finetune, epochs=finetune_epochs, warmup=min(recipe.finetune.warmup, finetune_epochs // 2)
        )
        recipe = dataclasses.replace(recipe, finetune=plan)
    return recipe


def _circumstances(where: str) -> dict[str, Any]:
    import platform

    import torch

    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "command": "workbench " + " ".join(_portable(word) for word in sys.argv[1:]),
        "machine": platform.machine(),
        "torch_device": where,
        "threads": torch.get_num_threads(),
        "load_of_the_machine": load,
        "times": _times(load, torch.get_num_threads()),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }


def _times(load: float | None, threads: int) -> str:
    """What spoils the times, in words; the training itself loads as many processors as it has threads."""
    if load is None:
        return "it is not known what else ran on the machine"
    if load > threads + 0.5:
        return (
            f"taken with other work running: load {load} of {os.cpu_count()} processors, {threads} used here"
        )
    return "taken with nothing else running"


def _portable(text: str) -> str:
    """The text with the folder of own material as the variable that names it."""
    own = os.environ.get("WORKBENCH_REAL", "")
    return text.replace(own, "$WORKBENCH_REAL") if own else text


def _write(path: Path, told: dict[str, Any]) -> None:
    import json

    from workbench.cli.output import plain
    from workbench.errors import StorageError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(plain(told), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}; choose another file") from error


def _progress() -> Any:
    """A line that is written over, on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        return None
    return lambda done, total, what: _tell(f"{what}  {100 * done // max(total, 1)} %", end="\r")


def _tell(text: str, end: str = "\n") -> None:
    typer.echo(f"{text:<78}{end}", err=True, nl=False)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"
