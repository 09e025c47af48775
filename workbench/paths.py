"""Where the project's own files are: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from workbench.errors import WorkbenchError

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """The project's folder of that name: ``data``, ``apps`` or ``notebooks``."""
    for home in (_PACKAGE / "_shipped", _PACKAGE.parent):
        if (home / folder).is_dir():
            return home / folder
    raise WorkbenchError(f"the folder {folder}/ is missing beside {_PACKAGE}; install workbench again")


class AppNotebook(NamedTuple):
    """One dashboard: its notebook, and what its card on the home page says."""

    title: str
    summary: str
    path: Path

    @property
    def address(self) -> str:
        """Where the server shows it, relative to the server's own address."""
        return f"voila/render/{quote(self.path.name)}"


def app_notebooks(folder: Path | None = None) -> tuple[AppNotebook, ...]:
    """The dashboards in `folder` (else ``$WORKBENCH_APPS``, else the project's own), in the header's order.

    A notebook says it in its metadata: ``"workbench": {"title": ..., "summary": ..., "order": 1}``; without
    that, its file name is the title and it comes last.
    """
    if folder is None:
        folder = Path(os.environ["WORKBENCH_APPS"]) if "WORKBENCH_APPS" in os.environ else shipped("apps")
    found = []
    for path in sorted(folder.glob("*.ipynb")):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("workbench", {})
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise WorkbenchError(f"{path} is no notebook: {error}") from error
        title = card.get("title") or path.stem.replace("-", " ").replace("_", " ").capitalize()
        found.append((card.get("order", 1000), AppNotebook(title, card.get("summary", ""), path)))
    return tuple(app for _order, app in sorted(found, key=lambda entry: (entry[0], entry[1].path.name)))
