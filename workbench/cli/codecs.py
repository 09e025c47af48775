"""`workbench codecs`: which codecs there are, and their settings."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer

from workbench.cli.output import Json, show_json, show_table
from workbench.errors import UnknownNameError


def codecs(
    name: Annotated[str | None, typer.Argument(help="Only this codec.")] = None,
    as_json: Json = False,
) -> None:
    """List the codecs with their settings and ranges.

    A setting is given to other commands as --set name=value.

    \b
    Examples:
      workbench codecs
      workbench codecs rans-csr
    """
    from workbench.codecs import codecs as known

    entries = known()
    if name is not None:
        entries = tuple(entry for entry in entries if entry.name == name)
        if not entries:
            raise UnknownNameError("codec", name, [entry.name for entry in known()])
    if as_json:
        show_json([dataclasses.asdict(entry) for entry in entries])
        return
    for position, entry in enumerate(entries):
        typer.echo(f"{'' if position == 0 else chr(10)}{entry.name}: {entry.summary}")
        if entry.source:
            typer.echo(f"  source: {entry.source}")
        if entry.settings:
            show_table(
                ("  setting", "default", "allowed", "what it does"),
                [
                    (f"  {known.name}", _default(known), allowed(known), _meaning(known))
                    for known in entry.settings
                ],
            )


def allowed(setting: Any) -> str:
    """The values a setting may have, in words."""
    if setting.kind is bool:
        return "true, false"
    choices = ", ".join(map(str, setting.choices))
    if setting.minimum is None and setting.maximum is None:
        return choices or setting.kind.__name__
    low = "" if setting.minimum is None else f"{setting.minimum:g}"
    high = "" if setting.maximum is None else f"{setting.maximum:g}"
    span = f"{low} to {high}" if low and high else f"from {low}" if low else f"up to {high}"
    return f"{choices} or {span}" if choices else span


def _default(setting: Any) -> str:
    return "calibrated" if setting.calibrated and setting.default is None else str(setting.default).lower()


def _meaning(setting: Any) -> str:
    symbol = f"{setting.symbol}: " if setting.symbol else ""
    unit = f" [{setting.unit}]" if setting.unit else ""
    return f"{symbol}{setting.help}{unit}"
