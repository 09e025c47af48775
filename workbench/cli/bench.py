"""`workbench bench`: how fast and how small, measured on this machine.

To add one: a function here, and a line in `BENCHES`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from workbench.cli.output import Json, show_json, show_table, with_unit

Folder = Annotated[
    Path | None, typer.Option("--into", help="Folder for the JSON record. [default: data/results]")
]


def ui(
    quick: Annotated[bool, typer.Option(help="Fewer repeats and networks: about a minute.")] = False,
    into: Folder = None,
    as_json: Json = False,
) -> None:
    """Measure the screen in a headless Chromium: start, first widget, slider to chart, cutting, memory.

    Takes some minutes. The record goes to data/results/bench_ui.json; run it while nothing else does.
    """
    from workbench.bench.ui import bench_ui, write_record
    from workbench.paths import shipped

    record = bench_ui(quick=quick, progress=lambda done, total, what: _say(f"{done}/{total} {what}"))
    path = write_record(record, into or shipped("data") / "results")
    _show(record, path, as_json)


def boards(
    rounds: Annotated[
        int, typer.Option(min=1, max=100, help="Repeats of what is started anew each time.")
    ] = 5,
    runs: Annotated[
        int, typer.Option(min=1, max=100_000, help="Inferences of a measurement, payloads over the wire.")
    ] = 100,
    into: Folder = None,
    as_json: Json = False,
) -> None:
    """Measure what measuring on a board costs by itself: start, wire, a hundred runs, Cancel, memory.

    Needs no board: the agent runs here, and behind OpenSSH's own server on 127.0.0.1. Takes about a minute;
    run it while nothing else does. The record goes to data/results/bench_boards.json.
    """
    from workbench.bench.boards import bench_boards
    from workbench.bench.measures import write_json
    from workbench.paths import shipped

    record = bench_boards(
        rounds=rounds, runs=runs, progress=lambda done, total, what: _say(f"{done}/{total} {what}")
    )
    _show(record, write_json(record, into or shipped("data") / "results", "bench_boards"), as_json)


def relations(
    pictures: Annotated[
        int | None, typer.Option(min=1, help="Test pictures of each network. [default: all 450]")
    ] = None,
    into: Folder = None,
    as_json: Json = False,
) -> None:
    """See whether the papers' relations hold on the demo networks, and where they do not.

    Takes about a minute. Prints a Markdown table; the record goes to data/results/bench_relations.json.
    """
    import dataclasses

    from workbench.bench.relations import measure, table, write_record
    from workbench.paths import shipped

    found = measure(lambda done, total, what: _say(f"{done + 1}/{total} {what}"), pictures)
    path = write_record(found, into or shipped("data") / "results")
    if as_json:
        show_json([dataclasses.asdict(one) for one in found])
        return
    typer.echo(table(found))
    _say(f"written to {path}")


def codecs(
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Rounds of timing, all coders in turn.")] = 60,
    pictures: Annotated[
        int, typer.Option(min=2, max=100, help="Pictures whose feature maps are coded.")
    ] = 10,
    into: Folder = None,
    as_json: Json = False,
) -> None:
    """Measure the codecs beside zlib, zstd, lz4, constriction, pcodec and JPEG-LS on a network's features.

    Bytes at Q = 2 to 8, times at Q = 4, and the goals they should meet; every round trip is checked. Takes
    about a minute; run it while nothing else does. The record goes to data/results/bench_codecs_demo.json
    and .md; where WORKBENCH_REAL names a folder, its network and pictures are used, and it is ..._real.
    The other coders are extras: pip install "workbench[bench]".
    """
    from workbench.bench.codec_table import goal_rows, write_record
    from workbench.bench.codecs import bench_codecs
    from workbench.paths import shipped

    record = bench_codecs(rounds, pictures, lambda done, total, what: _say(f"{done}/{total} {what}"))
    paths = write_record(record, into or shipped("data") / "results")
    if as_json:
        show_json(record)
        return
    show_table(("what", "measured", "goal", "met", "how"), goal_rows(record))
    if record["peers_missing"]:
        _say(f"not installed, so not measured: {', '.join(record['peers_missing'])}")
    _say(f"written to {' and '.join(map(str, paths))}")


def _show(record: dict[str, Any], path: Path, as_json: bool) -> None:
    """Lines with a median, a goal and how often it was measured."""
    if as_json:
        show_json(record)
        return
    rows = [
        (
            line["what"],
            with_unit(line["value"], line["unit"]),
            with_unit(line["goal"], line["unit"]),
            {True: "yes", False: "NO", None: ""}[line["met"]],
            str(len(line["repeats"])),
            line["note"][:60],
        )
        for line in record["measures"]
    ]
    show_table(("what", "median", "goal", "met", "n", "note"), rows)
    _say(f"written to {path}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


BENCHES: dict[str, Callable[..., Any]] = {
    "ui": ui,
    "relations": relations,
    "codecs": codecs,
    "boards": boards,
}

bench = typer.Typer(
    help="How fast and how small: measured on this machine, written to data/results/.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for _name, _command in BENCHES.items():
    bench.command(_name)(_command)
