"""All scripts that a page needs before its first widget, as one file.

Voila's page comes in some ninety pieces, each asked for when the one before has run: on a warm kernel they
are most of the wait. A piece only registers its modules, so all of them can come early and at once:

    first_scripts.txt ─▶ pieces of voila, ipywidgets, anywidget ─▶ /voila/first.js?v=HASH ─▶ every page, once

A piece that is not listed, or not installed in that version, is asked for by itself as ever.

One place in them is mended. ipywidgets looks for a model ten times a second, for two seconds, but not once
more after the last pause: where the models came within it, as happens on a busy machine, the page kept saying
"Error displaying widget: model not found".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tornado import web
from voila.handler import BaseVoilaHandler

LISTED = tuple(Path(__file__).with_name("first_scripts.txt").read_text(encoding="utf-8").split())


GIVES_UP = b'throw Error("widget model not found")'
_LOOKS_AGAIN = b"if(this.has_model(arguments[0]))return this._models[arguments[0]];"


@dataclass(frozen=True)
class FirstScripts:
    """The pieces `names` in one script.

    Parameters
    ----------
    names : paths as in a page's addresses, such as ``static/143.voila.js``.
    folders : first part of such a path → the folders where the rest is looked for, in this order.
    """

    folders: Mapping[str, Sequence[str]]
    names: tuple[str, ...] = LISTED

    @cached_property
    def content(self) -> bytes:
        """Each piece in a function of its own, as strict or as lax as it was."""
        pieces = b"".join(b"!function(){%s\n}();\n" % path.read_bytes() for path in self._found())
        return pieces.replace(GIVES_UP, _LOOKS_AGAIN + GIVES_UP)

    @cached_property
    def version(self) -> str:
        """Changes with the content, so that browsers may keep it for good."""
        return hashlib.sha256(self.content).hexdigest()[:16]

    def _found(self) -> Iterable[Path]:
        for name in self.names:
            kind, _, rest = name.partition("/")
            places = [Path(folder) / rest for folder in self.folders.get(kind, ())]
            yield from [place for place in places if place.is_file()][:1]

    def address(self, base_url: str) -> str:
        """Where the script is, on a server that answers at `base_url`."""
        return f"{base_url}voila/first.js?v={self.version}"

    def into_page(self, page_config: dict[str, Any], *, base_url: str, **known: Any) -> dict[str, Any]:
        """Voila's hook: tells the page's template that address."""
        return {**page_config, "firstScript": self.address(base_url)}


class FirstScript(BaseVoilaHandler):
    """Sends them; a browser asks once for each version."""

    def initialize(self, scripts: FirstScripts, **kwargs: Any) -> None:
        """Tornado's constructor."""
        super().initialize(**kwargs)
        self.scripts = scripts

    @web.authenticated
    def get(self) -> None:
        """The script."""
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "private, max-age=31536000, immutable")
        self.finish(self.scripts.content)
