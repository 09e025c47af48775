"""`workbench run`: one measured combination of network, split, codec and link."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.cli.choices import (
    Classes,
    InputSize,
    Mean,
    Pretrained,
    Std,
    Weights,
    load,
    settings,
    settings_for,
)
from workbench.cli.output import Json, show_json, show_table, with_unit

if TYPE_CHECKING:
    from workbench.records import Trial

WAYS = ("split", "all on the board", "all on the server")


def run(
    model: Annotated[str, typer.Argument(help="A network: a name, or package.module:factory of your own.")],
    split: Annotated[str, typer.Option(help="Where to cut: a name from `workbench split-points MODEL`.")],
    codec: Annotated[str, typer.Option(help="A name from `workbench codecs`.")] = "rans-csr",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the codec, such as bits=4; repeatable.")
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            help="digits, photographs, a folder (one folder a class) or a file. [default: the network's own]"
        ),
    ] = None,
    link: Annotated[
        str, typer.Option(help="A name from `workbench links`, or one of your own.")
    ] = "lte-cat4",
    link_setting: Annotated[
        list[str] | None,
        typer.Option("--link-set", help="Number of the link, such as rtt_s=0.02; repeatable."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="So many pictures, spread over all. [default: up to 64]")
    ] = None,
    repeats: Annotated[int, typer.Option(help="How often each stage is timed.")] = 7,
    several: Annotated[bool, typer.Option(help="Allow a cut where several tensors cross.")] = False,
    pretrained: Pretrained = None,
    weights: Weights = None,
    input_size: InputSize = None,
    mean: Mean = None,
    std: Std = None,
    classes: Classes = None,
    as_json: Json = False,
) -> None:
    """Measure one split: bytes, fidelity, latency.

    Payloads are really encoded and decoded, stages are timed on this machine, the link is computed. Beside
    it: the whole network on the board, and the picture sent as JPEG to the server.

    \b
    Examples:
      workbench run digits-resnet --split layer2
      workbench run digits-vit --split blocks.2 --codec onebit --link ble5
      workbench run resnet50 --no-pretrained --split layer2 --set bits=3 --images photographs
      workbench run mypackage.nets:small --weights small.safetensors --input-size 3x32x32 \\
          --classes classes.txt --images test/ --split layer2 --samples 200 --json
    """
    from workbench.codecs import codec as make_codec
    from workbench.experiments import run as measure
    from workbench.links import link as make_link
    from workbench.models import split as cut

    coder = make_codec(codec, **settings_for(codec, setting or ()))
    channel = make_link(link, **settings(link_setting or ()))
    network = load(model, pretrained, weights, input_size, mean, std, classes)
    trial = measure(
        network,
        cut(network, split, several=several),
        coder,
        images,
        link=channel,
        samples=samples,
        repeats=repeats,
        progress=_tell if sys.stderr.isatty() else None,
    )
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", nl=False, err=True)
    if as_json:
        show_json(trial.to_dict())
    else:
        _show(trial)


def _tell(done: int, total: int, what: str) -> None:
    typer.echo(f"\r\x1b[K{what} {done}/{total}", nl=False, err=True)


def _show(trial: Trial) -> None:
    chosen = ", ".join(f"{name}={_short(value)}" for name, value in trial.settings.items())
    typer.echo(f"{trial.model} cut at {trial.split}, {trial.codec} ({chosen}) over {trial.link}")
    typer.echo(
        f"  network: {'RANDOM WEIGHTS, ' if trial.weights == 'random' else ''}{trial.context['weights_note']}"
    )
    typer.echo(
        f"  pictures: {trial.samples} of {trial.context['pictures']}; labels: {trial.context['labels']}"
    )
    typer.echo(f"  calibration: {trial.context['calibration']}\n")
    show_table(
        ("number", "value", "", "how"),
        [
            (name.replace("_", " "), with_unit(found.value, found.unit), found.origin, found.how)
            for name, found in trial.quantities.items()
        ],
    )
    typer.echo("\nthe first payload")
    show_table(
        ("  part", "bytes", "what it is"),
        [(f"  {part.name}", f"{part.nbytes:,}", part.meaning) for part in trial.description.parts],
    )
    typer.echo("\nlatency of one picture; transfer is computed, the rest measured here")
    ways = (trial.latency, trial.all_edge, trial.all_server)
    show_table(
        ("  stage", *WAYS),
        [
            (f"  {stage}", *(_seconds(getattr(way, stage)) for way in ways))
            for stage in ("edge", "encode", "transfer", "decode", "server", "total")
        ],
    )
    if trial.context["unsteady"]:
        stages = ", ".join(trial.context["unsteady"])
        typer.echo(f"\nunsteady, as the machine was busy: {stages}; measure again or raise --repeats")


def _seconds(quantity: object) -> str:
    value = getattr(quantity, "value", None)
    return with_unit(value, "s")


def _short(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_short(one) for one in value)})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
