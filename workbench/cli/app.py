"""The command `workbench`: one file a command group, each loaded with what it needs only when it runs.

To add a command: write a function with annotated typer parameters in a file of its own, import it here and
add it to `COMMANDS`. A file may import typer and `workbench.cli.output` at its top, nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from workbench import __version__
from workbench.cli import (
    bench,
    board,
    check_codec,
    codecs,
    links,
    models,
    output,
    run,
    saliency,
    serve,
    split_points,
    train,
)
from workbench.errors import WorkbenchError

COMMANDS: dict[str, Callable[..., Any]] = {
    "serve": serve.serve,
    "lab": serve.lab,
    "models": models.models,
    "split-points": split_points.split_points,
    "codecs": codecs.codecs,
    "check-codec": check_codec.check_codec,
    "links": links.links,
    "run": run.run,
    "saliency": saliency.saliency,
    "train": train.train,
}

EPILOG = "Every command has --help with examples, and --json. Exit code 2: something given was wrong."


class _Group(TyperGroup):
    """Turns what a user can act on into one line on stderr and exit code 2; bugs stay loud."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order in which a person needs them."""
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except WorkbenchError as error:
            output.complain(str(error))
            raise typer.Exit(2) from error
        except MemoryError as error:
            output.complain(f"not enough memory: {error}; take a smaller network or fewer pictures")
            raise typer.Exit(2) from error


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=EPILOG,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"workbench {__version__}")
        raise typer.Exit()


@app.callback()
def workbench(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Which network, which cut, which codec? A workbench for split computing.

    A network is cut in two; the features at the cut are compressed and sent over a link. These commands
    say what there is, and measure one combination; `workbench serve` shows it all on a page.
    """


for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
app.add_typer(bench.bench, name="bench")
app.add_typer(board.app, name="board")
