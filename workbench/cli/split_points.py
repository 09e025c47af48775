"""`workbench split-points`: where a network can be cut."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from workbench.cli.choices import Classes, InputSize, Mean, Pretrained, Std, Weights, load
from workbench.cli.output import Json, show_json, show_table, with_unit


def split_points(
    model: Annotated[str, typer.Argument(help="A network: a name, or package.module:factory of your own.")],
    deep: Annotated[bool, typer.Option(help="Also cuts inside blocks.")] = False,
    several: Annotated[bool, typer.Option(help="Also cuts where several tensors cross.")] = False,
    pretrained: Pretrained = None,
    weights: Weights = None,
    input_size: InputSize = None,
    mean: Mean = None,
    std: Std = None,
    classes: Classes = None,
    as_json: Json = False,
) -> None:
    """List every place where a network can be cut.

    For each: the shape and bytes of what crosses there, and what each part costs.

    MACs are multiply-accumulates for one picture, before and after the cut; memory is the peak of fp32
    activations while the edge part runs.

    \b
    Examples:
      workbench split-points digits-resnet
      workbench split-points resnet50 --no-pretrained
      workbench split-points mypackage.nets:small --weights small.safetensors --input-size 3x32x32
    """
    from workbench.models import split_points as points_of

    network = load(model, pretrained, weights, input_size, mean, std, classes)
    points = points_of(network, deep=deep, several=several)
    if as_json:
        show_json(
            {"model": network.name, "weights": network.weights, "points": [_as_dict(p) for p in points]}
        )
        return
    typer.echo(f"{network.name}, {network.weights_note}, input {'x'.join(map(str, network.input_size))}\n")
    show_table(
        ("split point", "shape", "fp32", "int8", "MACs before", "after", "params before", "after", "memory"),
        [
            (
                point.name,
                " + ".join("x".join(map(str, shape)) for shape in point.shapes),
                with_unit(point.fp32_bytes, "bytes"),
                with_unit(point.int8_bytes, "bytes"),
                with_unit(point.macs_before, "MACs"),
                with_unit(point.macs_after, "MACs"),
                f"{point.params_before:,}",
                f"{point.params_after:,}",
                with_unit(point.peak_activation_bytes, "bytes"),
            )
            for point in points
        ],
    )


def _as_dict(point: Any) -> dict[str, Any]:
    return {
        **dataclasses.asdict(point),
        "elements": point.elements,
        "fp32_bytes": point.fp32_bytes,
        "int8_bytes": point.int8_bytes,
    }
