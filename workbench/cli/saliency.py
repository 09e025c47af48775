"""`workbench saliency`: where a network looks, unsplit and on decoded features."""

from __future__ import annotations

import sys
from pathlib import Path
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
    settings_for,
)
from workbench.cli.output import Json, show_json, show_table, with_unit
from workbench.errors import SettingError, StorageError

if TYPE_CHECKING:
    from workbench.models import Model
    from workbench.pictures import Pictures
    from workbench.saliency_records import SaliencyReport


def saliency(
    model: Annotated[str, typer.Argument(help="A network: a name, or package.module:factory of your own.")],
    split: Annotated[str, typer.Option(help="Where to cut: a name from `workbench split-points MODEL`.")],
    codec: Annotated[
        str | None, typer.Option(help="A name from `workbench codecs`. [default: the restorer's, else raw]")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the codec, such as bits=4; repeatable.")
    ] = None,
    picture: Annotated[
        str | None, typer.Option(help="A file, a folder, digits or photographs. [default: the network's own]")
    ] = None,
    number: Annotated[int, typer.Option(help="Which of several pictures, from 0.")] = 0,
    method: Annotated[str, typer.Option(help="grad-cam, grad-cam++, hires-cam or eigen-cam.")] = "grad-cam",
    target: Annotated[
        str | None, typer.Option("--class", help="A class, by name or number. [default: what it answers]")
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="A module behind the cut. [default: the last with places]")
    ] = None,
    restorer: Annotated[
        Path | None, typer.Option(help="A bundle of `workbench train` for this network, split and codec.")
    ] = None,
    page: Annotated[Path | None, typer.Option("--html", help="Write the maps over the picture here.")] = None,
    pretrained: Pretrained = None,
    weights: Weights = None,
    input_size: InputSize = None,
    mean: Mean = None,
    std: Std = None,
    classes: Classes = None,
    as_json: Json = False,
) -> None:
    """Show where a network looks, and whether it still looks there after the codec.

    The maps are of one layer behind the cut and of one class: unsplit, on features decoded from a real
    payload, and on restored ones. The first one takes some seconds more, for pytorch-grad-cam.

    \b
    Examples:
      workbench saliency digits-resnet --split layer2 --codec onebit --html maps.html
      workbench saliency digits-vit --split blocks.2 --codec uniform --set bits=2 --class 3 --number 7
      workbench saliency resnet50 --split layer2 --picture cat.jpg --method hires-cam --class tabby
      workbench saliency digits-resnet --split layer2 --restorer runs/qcnet-h-0.safetensors --json
    """
    from workbench.codecs import codec as make_codec
    from workbench.experiments.saliency_maps import saliency as look

    if codec is None and setting:
        raise SettingError("--set is a setting of a codec; name it with --codec")
    coder = None if codec is None else make_codec(codec, **settings_for(codec, setting or ()))
    network = load(model, pretrained, weights, input_size, mean, std, classes)
    report = look(
        network,
        split,
        coder,
        _one(network, picture, number),
        method,
        _class(network, target),
        restorer,
        layer,
    )
    if page is not None:
        _write(report, page)
    if as_json:
        show_json(report.to_dict())
    else:
        _show(report)


def _one(network: Model, source: str | None, number: int) -> Pictures:
    from workbench.experiments.choices import default_pictures
    from workbench.pictures import load as pictures

    found = default_pictures(network) if source is None else pictures(source)
    if not 0 <= number < len(found):
        raise SettingError(f"--number is {number}; {found.name} has {len(found)}: 0 to {len(found) - 1}")
    return found[number : number + 1]


def _class(network: Model, text: str | None) -> str | int | None:
    """A name where the network has it, else a number where it is one."""
    if text is None or text in (network.classes or ()) or not text.isdigit():
        return text
    return int(text)


def _write(report: SaliencyReport, page: Path) -> None:
    from workbench.figures import remarked
    from workbench.figures.saliency import saliency_figure

    figure = saliency_figure(report)
    if report.weights == "random":
        remarked(figure, "random weights")
    try:
        page.write_text(figure.to_html(include_plotlyjs=True), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{page} cannot be written: {error.strerror}") from error
    typer.echo(f"wrote {page}", err=not sys.stdout.isatty())


def _show(report: SaliencyReport) -> None:
    from workbench.figures.saliency import saliency_table

    typer.echo(
        f"{report.model} cut at {report.split}, {report.codec}: {with_unit(report.payload_bytes, 'bytes')}"
    )
    typer.echo(f"  picture: {report.picture_name}{'' if report.label is None else f', label {report.label}'}")
    typer.echo(f"  {report.method} of {report.class_name!r} at {report.layer} ({report.layout})")
    for note in report.notes:
        typer.echo(f"  {note}")
    typer.echo()
    table = saliency_table(report)
    show_table([name.replace("_", " ") for name in table.columns], table.rows)
    for path, found in report.agreement.items():
        for note in found.notes:
            typer.echo(f"  {path}: {note}")
