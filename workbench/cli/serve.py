"""`workbench serve` and `workbench lab`: the two ways to a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Port = Annotated[
    int | None,
    typer.Option(help="Port on 127.0.0.1. Left out: the usual one, or any free one where that is in use."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON line {address, port, pid} when it is ready.")
]
Open = Annotated[bool, typer.Option("--open", help="Open the address in the web browser too.")]


def serve(
    port: Port = None,
    apps: Annotated[
        Path | None, typer.Option(help="Folder of app notebooks to serve. Left out: the workbench's own.")
    ] = None,
    warm: Annotated[
        int,
        typer.Option(
            min=0,
            max=8,
            help="Kernels of each app kept ready for the next visitor: a page then shows in about a second "
            "instead of several, for up to 0.9 GB of memory each and never more than half of what is free. "
            "0 keeps none.",
        ),
    ] = 1,
    json: AsJson = False,
    open_browser: Open = False,
) -> None:
    """Serve the dashboards to this machine's browser.

    Prints an address with a token, and serves until Ctrl-C. Only this machine can reach it (127.0.0.1), and
    only with the token, which is new at every start.
    Each visitor has a kernel of their own; it ends when the tab is closed, after 5 minutes without a page, or
    after 2 hours in which nothing was touched.

    To use it from elsewhere, forward the port over SSH:  ssh -L 8866:127.0.0.1:8866 HOST

    \b
    Examples:
      workbench serve
      workbench serve --port 8866 --open
      workbench serve --json
    """
    from workbench.serving.dashboards import serve as run

    run(port, folder=apps, warm=warm, as_json=json, open_browser=open_browser)


def lab(
    port: Port = None,
    folder: Annotated[
        Path | None, typer.Option(help="Folder to work in. Left out: the workbench's own notebooks.")
    ] = None,
    json: AsJson = False,
    open_browser: Open = False,
) -> None:
    """Open the notebooks in JupyterLab.

    Prints an address with a token, and serves until Ctrl-C. Only this machine can reach it (127.0.0.1), and
    only with the token, which is new at every start.
    Notebooks are changed in place; give --folder a copy to keep the originals.

    \b
    Examples:
      workbench lab --open
      workbench lab --folder ~/my-notebooks
    """
    from workbench.serving.lab import lab as run

    run(port, folder=folder, as_json=json, open_browser=open_browser)
