"""`workbench links`: which links there are, and how long so many bytes take on them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from workbench.cli.choices import settings as parse
from workbench.cli.output import Json, show_json, show_table, with_unit


def links(
    name: Annotated[str | None, typer.Argument(help="Only this link, or one of your own with --set.")] = None,
    nbytes: Annotated[
        float | None, typer.Option("--bytes", help="Show how long that many bytes take on each link.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="name=value, such as bandwidth_bps=1e6; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the links, and how long a payload takes.

    With a name: its numbers, where they come from, and the formula.

    \b
    Examples:
      workbench links --bytes 14903
      workbench links epsilon-outage --bytes 3.24e6 --set snr_db=10 --set epsilon=0.001
      workbench links mine --set bandwidth_bps=250e3 --set rtt_s=0.04 --bytes 4388
    """
    from workbench.errors import SettingError
    from workbench.links import link as one
    from workbench.links import links as known

    changes = parse(setting or ())
    if changes and name is None:
        raise SettingError("--set changes one link: name it, as in `workbench links 4g --set rtt_s=0.05`")
    found = known() if name is None else (one(name, **changes),)
    if as_json:
        show_json([_as_dict(link, nbytes) for link in found])
        return
    if name is None:
        show_table(
            ("link", "rate", *(() if nbytes is None else (f"{nbytes:,.0f} bytes take",)), "where from"),
            [(link.name, _rate(link), *_took(link, nbytes), _short(link.source)) for link in found],
        )
        return
    for link in found:
        typer.echo(
            f"{link.name}{''.join(f': {took} for {nbytes:,.0f} bytes' for took in _took(link, nbytes))}"
        )
        typer.echo(f"  source: {link.source}")
        typer.echo(f"  latency: {link.formula}")
        show_table(
            ("  number", "value", "what it is"),
            [(f"  {known.name}", _value(known), known.help) for known in link.parameters()],
        )


def _rate(link: Any) -> str:
    bps = getattr(link, "bandwidth_bps", None)
    return f"best {with_unit(link.best_rate_bps, 'bps')}" if bps is None else with_unit(bps, "bps")


def _took(link: Any, nbytes: float | None) -> tuple[str, ...]:
    return () if nbytes is None else (with_unit(link.latency(nbytes), "s"),)


def _short(source: str) -> str:
    return source if len(source) <= 72 else source[:69].rstrip() + "..."


def _value(known: Any) -> str:
    return "best" if known.value is None else f"{known.value:g} {known.unit}".strip()


def _as_dict(link: Any, nbytes: float | None) -> dict[str, Any]:
    numbers = {known.name: {"value": known.value, "unit": known.unit} for known in link.parameters()}
    told = {"name": link.name, "source": link.source, "formula": link.formula, "parameters": numbers}
    return told if nbytes is None else {**told, "bytes": nbytes, "latency_s": link.latency(nbytes)}
