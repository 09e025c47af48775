"""`workbench models`: which networks there are."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from workbench.cli.output import Json, show_json, show_table, with_unit
from workbench.errors import UnknownNameError


def models(
    pattern: Annotated[
        str | None, typer.Argument(help="Part of a name (resnet) or a pattern with wildcards ('vit_*_224').")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Without a pattern: also every timm and torchvision name.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the networks: demo, timm, torchvision.

    Without a pattern only the demo networks are listed; they ship with the project and need no download.
    An own network is named package.module:factory wherever a network is asked for.

    \b
    Examples:
      workbench models
      workbench models resnet
      workbench models 'vit_*_224' --json
    """
    from workbench.models import models as known

    only_demo = pattern is None and not everything
    entries = known(pattern, origins=("demo",) if only_demo else None)
    if not entries:
        raise UnknownNameError("network", pattern, [entry.name for entry in known()])
    if as_json:
        show_json([dataclasses.asdict(entry) for entry in entries])
        return
    show_table(
        ("network", "from", "input", "parameters", "accuracy", "what it is"),
        [
            (
                entry.name,
                entry.origin,
                "x".join(map(str, entry.input_size)) if entry.input_size else "",
                f"{entry.parameters:,}" if entry.parameters else "",
                with_unit(entry.accuracy, "fraction") if entry.accuracy else "",
                entry.summary,
            )
            for entry in entries
        ],
    )
    if only_demo:
        typer.echo(
            "\nMore: `workbench models PATTERN` searches timm and torchvision; --all lists everything."
        )
