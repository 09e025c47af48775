"""The command `workbench`, also `python -m workbench`."""


def main() -> None:
    """Run the command line; never returns."""
    from workbench.cli.app import app

    app(prog_name="workbench")


__all__ = ["main"]
