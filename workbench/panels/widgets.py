"""Small widgets of our own: a gallery of pictures, the page's address, a table with its CSV."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

import anywidget
import traitlets

from workbench.errors import InputError
from workbench.numbers import readable
from workbench.panels.static import static


class Gallery(anywidget.AnyWidget):
    """Pictures to choose from, and a place to bring one.

    `on_bring(name, content)` is called with a file that a person brings; `on_refuse(error)` for one that
    is too large to be sent to the kernel.
    """

    _esm = static("gallery.js")
    _css = static("gallery.css")

    pictures = traitlets.List(traitlets.Dict(), help="key, name, label, src").tag(sync=True)
    chosen = traitlets.Unicode("", help="key of the picture in use").tag(sync=True)

    def __init__(
        self, on_bring: Callable[[str, bytes], Any], on_refuse: Callable[[Exception], Any], **traits: Any
    ) -> None:
        super().__init__(**traits)
        self._on_bring = on_bring
        self._on_refuse = on_refuse
        self.on_msg(self._hear)

    def show(self, thumbnails: Iterable[Any]) -> None:
        """Offer these: records with `key`, `name`, `label` and `png`."""
        self.pictures = [
            {
                "key": tile.key,
                "name": tile.name,
                "label": tile.label,
                "src": "data:image/png;base64," + base64.b64encode(tile.png).decode("ascii"),
            }
            for tile in thumbnails
        ]

    def _hear(self, _widget: Any, message: Any, buffers: Any) -> None:
        kind = message.get("kind") if isinstance(message, dict) else None
        if kind == "picture" and buffers:
            self._on_bring(str(message.get("name", "picture")), bytes(buffers[0]))
        elif kind == "too large":
            size, limit = (str(readable(int(message[name]), "bytes")) for name in ("size", "largest"))
            self._on_refuse(
                InputError(f"{message['name']} has {size}; at most {limit} can be brought: make it smaller")
            )


class Address(anywidget.AnyWidget):
    """What stands behind the # of the page's address; `on_ask(text)` is called when it is visited."""

    _esm = static("address.js")
    _css = static("address.css")

    address = traitlets.Unicode("").tag(sync=True)

    def __init__(self, on_ask: Callable[[str], Any], **traits: Any) -> None:
        super().__init__(**traits)
        self._on_ask = on_ask
        self.on_msg(self._hear)

    def _hear(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if isinstance(message, dict) and message.get("kind") == "asked":
            self._on_ask(str(message.get("hash", "")))


class TableView(anywidget.AnyWidget):
    """A table that opens on a click, and saves as CSV."""

    _esm = static("table.js")
    _css = static("table.css")

    columns = traitlets.List(traitlets.Unicode()).tag(sync=True)
    rows: traitlets.List[Any] = traitlets.List().tag(sync=True)
    csv = traitlets.Unicode("").tag(sync=True)
    name = traitlets.Unicode("table").tag(sync=True)

    def show(self, table: Any) -> None:
        """Show a `figures.tables.Table`; None empties it."""
        with self.hold_sync():
            self.columns = [] if table is None else list(table.columns)
            self.csv = "" if table is None else table.csv()
            self.rows = [] if table is None else [list(row) for row in table.rows]
