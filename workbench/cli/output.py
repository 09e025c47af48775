"""What commands print: aligned tables for people, JSON for programs, complaints on stderr."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from workbench.numbers import readable

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def show_json(thing: Any) -> None:
    """`thing` as JSON on stdout; what JSON has no number for (nan, infinity) becomes null."""
    typer.echo(json.dumps(plain(thing), indent=2, ensure_ascii=False, allow_nan=False))


def plain(thing: Any) -> Any:
    """`thing` as dicts, lists, numbers and strings."""
    if isinstance(thing, dict):
        return {str(key): plain(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [plain(value) for value in thing]
    if isinstance(thing, type):
        return thing.__name__
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else None
    return thing if isinstance(thing, int | str | bool) or thing is None else str(thing)


def show_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """An aligned table on stdout; columns in which every cell is a number with a unit go to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    columns = list(zip(heads, *cells, strict=True)) if cells else [(head,) for head in heads]
    widths = [max(map(len, column)) for column in columns]
    right = [bool(cells) and all(cell[:1] in "0123456789-–" for cell in column[1:]) for column in columns]
    for row in (list(heads), *cells):
        line = "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        typer.echo(line.rstrip())


def with_unit(value: float | None, unit: str) -> str:
    """A number as people read it, a dash where there is none."""
    return "–" if value is None else str(readable(value, unit))


def complain(text: str) -> None:
    """One line on stderr."""
    typer.echo("workbench: " + " ".join(text.split()), err=True)
