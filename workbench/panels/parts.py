"""Parts of the page that ipywidgets does not have: theme, lost connection, code to copy, stages, progress."""

from __future__ import annotations

from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from workbench.panels.static import static


class ThemeSwitch(anywidget.AnyWidget):
    """Light or dark; kept by the browser from app to app, and changed without the kernel."""

    _esm = static("theme.js")
    _css = static("theme.css")


class Connection(anywidget.AnyWidget):
    """A line while a served page cannot reach its kernel; what was chosen last works again afterwards."""

    _esm = static("connection.js")


class Code(anywidget.AnyWidget):
    """The Python that gives the same numbers, with a button that copies it."""

    _esm = static("code.js")
    _css = static("code.css")

    text = traitlets.Unicode("").tag(sync=True)


class Stages(anywidget.AnyWidget):
    """The pipeline drawn with its times; clicking a stage sets `chosen`.

    Each of `stages` is a dict: `key`, `label`, `text` (its time, ready to read), `colour`, and optionally
    `hint` (shown on hover), `share` (how much of the whole it is, in any unit: its width in the bar)
    and `stale`.
    """

    _esm = static("stages.js")
    _css = static("stages.css")

    stages = traitlets.List(traitlets.Dict()).tag(sync=True)
    chosen = traitlets.Unicode("").tag(sync=True)


class Progress(widgets.HBox):
    """How far long work has come, with a Cancel button; takes no room while nothing runs.

    `on_cancel` is called when the button is pressed. `show` may be called from a thread.
    """

    def __init__(self, on_cancel: Any) -> None:
        self.label = widgets.HTML()
        self.bar = widgets.IntProgress(0, 0, 1)
        self.cancel = widgets.Button(description="Cancel", tooltip="Stop; what is finished is kept")
        self.cancel.on_click(lambda _button: on_cancel())
        super().__init__([self.label, self.bar, self.cancel])
        self.add_class("wb-progress")
        self.hide()

    def show(self, done: int, total: int, what: str) -> None:
        """`done` of `total` steps of `what` are finished."""
        self.label.value = f"{what} · {done} of {total}"
        with self.bar.hold_sync():  # one message instead of two
            self.bar.max = max(total, 1)
            self.bar.value = done
        self.cancel.disabled = False
        self.layout.display = None

    def hide(self) -> None:
        """The work has ended."""
        self.layout.display = "none"


def group(title: str, *children: widgets.Widget) -> widgets.VBox:
    """Choosers under a heading, for the left column."""
    heading = widgets.HTML(f"<h3>{title}</h3>")
    heading.add_class("wb-heading")
    box = widgets.VBox([heading, *children])
    box.add_class("wb-group")
    return box


def pairs(*boxes: widgets.Widget) -> widgets.Box:
    """Narrow choosers, two in a row."""
    box = widgets.Box(boxes)
    box.add_class("wb-pairs")
    return box


def hint(text: str = "") -> widgets.HTML:
    """A quiet line below a chooser; `text` is HTML, where <b> marks what warns."""
    line = widgets.HTML(text)
    line.add_class("wb-hint")
    return line


def say(line: widgets.HTML, text: str) -> None:
    """Put `text` (HTML) on a line, which takes no room while it is empty."""
    line.value = text
    line.layout.display = None if text else "none"
