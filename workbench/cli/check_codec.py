"""`workbench check-codec`: the battery of tests that every codec of the workbench passes, on any codec."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from workbench.cli.output import Json, show_json, show_table


def check_codec(
    target: Annotated[str, typer.Argument(help="The class, as package.module:Class.")],
    mutations: Annotated[
        int, typer.Option(min=1, help="Damaged payloads to decode, spread over the codec's variants.")
    ] = 2_000,
    as_json: Json = False,
) -> None:
    """Run every check of the battery on a codec class, and say which promise it breaks.

    The class is a frozen dataclass that inherits from workbench.codecs.Codec. Its variants are checked too:
    every choice and each end of every range. The current folder counts as a place to import from.
    Exit code 1: some check failed.

    \b
    Examples:
      workbench check-codec workbench.codecs.uniform:Uniform
      workbench check-codec mypackage.mycodec:MyCodec --mutations 100000
    """
    from workbench.codecs.battery import check_codec as run
    from workbench.codecs.battery import checks

    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    with TemporaryDirectory() as folder:  # tables that the checks calibrate are of no use to anybody
        os.environ["WORKBENCH_TABLES"] = folder
        findings = run(target, mutations=mutations)
    broken = [finding for finding in findings if finding.problem]
    variants = len({finding.variant for finding in findings})
    if as_json:
        show_json(
            {
                "codec": target,
                "passed": not broken,
                "variants": variants,
                "findings": [dataclasses.asdict(finding) for finding in findings],
            }
        )
    else:
        rows = []
        for check in checks(mutations):
            bad = sum(finding.check == check.name for finding in broken)
            rows.append((check.name, "passed" if not bad else f"{bad} of {variants} fail", check.meaning))
        show_table(("check", "result", "what it asks"), rows)
        for finding in broken:
            typer.echo(f"\n{finding.check}, {finding.variant}:\n  {finding.problem}")
        verdict = (
            f"{len(broken)} of {len(findings)} checks failed"
            if broken
            else f"all {len(findings)} checks passed"
        )
        typer.echo(f"\n{verdict}, on {variants} variants of the codec")
    if broken:
        raise typer.Exit(1)
