"""The frame that every app shares, so that a person who knows one knows all.

    ┌ workbench ── Explorer · Codecs ─────────────────────────── light/dark ┐   head
    │ (an error, a warning)                                                 │   notice
    │ CHOOSE        │  tiles: the numbers, live                             │   choose, tiles
    │               │───────────────────────────────────────────────────────│
    │               │  one main view, big; the others as tabs               │   views
    │               │───────────────────────────────────────────────────────│
    │               │  edge ▸ codec ▸ link ▸ decode ▸ server                │   stages
    └ code ▸   log ▸ ───────────────────────────────────────────────────────┘   foot

Look: static/workbench.css. Below 1100 pixels the columns stand one above the other.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence

import ipywidgets as widgets

from workbench.panels.guard import Guard
from workbench.panels.parts import Code, Connection, ThemeSwitch
from workbench.panels.static import static
from workbench.panels.tiles import Tiles
from workbench.paths import app_notebooks


class Frame(widgets.VBox):
    """A whole page.

    Parameters
    ----------
    title : the app's title, as in its notebook's metadata; marks its tab in the header.
    guard : gives the notice line and the log.
    choose : the left column from top to bottom, most often `parts.group(...)`.
    tiles : the row of numbers.
    views : name → widget, in the order of the tabs.
    stages : the pipeline strip, or nothing.
    code : the Python that gives this view, or nothing.
    """

    def __init__(
        self,
        title: str,
        *,
        guard: Guard,
        choose: Sequence[widgets.Widget],
        tiles: Tiles,
        views: Mapping[str, widgets.Widget],
        stages: widgets.Widget | None = None,
        code: Code | None = None,
    ) -> None:
        self.tabs = widgets.Tab(list(views.values()), titles=tuple(views))
        places = [
            _style(),
            _placed("wb-head", widgets.HBox([widgets.HTML(_bar(title)), ThemeSwitch()])),
            _placed("wb-notice-place", widgets.VBox([Connection(), guard.notice])),
            _placed("wb-choose wb-card", widgets.VBox(list(choose))),
            _placed("wb-tiles", tiles),
            _placed("wb-views wb-card", widgets.VBox([self.tabs])),
            _placed("wb-stages", widgets.VBox([stages] if stages else [])),
            _placed("wb-foot", _foot({"code": code, "log": guard.log})),
        ]
        super().__init__(places)
        self.add_class("wb-app")

    def open_view(self, view: str) -> None:
        """Bring the view of that name to the front."""
        self.tabs.selected_index = self.tabs.titles.index(view)

    @property
    def view(self) -> str:
        """Name of the view in front."""
        return str(self.tabs.titles[self.tabs.selected_index or 0])


def _placed(classes: str, box: widgets.DOMWidget) -> widgets.DOMWidget:
    for name in classes.split():
        box.add_class(name)
    return box


def _style() -> widgets.HTML:
    style = widgets.HTML(f"<style>{static('workbench.css')}</style>")
    style.layout.display = "none"
    return style


def _bar(title: str) -> str:
    """Brand and the apps that exist; links only where a server serves them."""
    here = f'<b aria-current="page">{html.escape(title)}</b>'
    base = os.environ.get("VOILA_BASE_URL")
    if base is None:
        brand, entries = '<span class="wb-brand">work<i>bench</i></span>', [here]
    else:
        brand = f'<a class="wb-brand" href="{base}" title="All apps">work<i>bench</i></a>'
        entries = [
            here if app.title == title else f'<a href="{base}{app.address}">{html.escape(app.title)}</a>'
            for app in app_notebooks()
        ]
    return f'<div class="wb-bar">{brand}<nav class="wb-nav">{"".join(entries)}</nav></div>'


def _foot(folds: Mapping[str, widgets.Widget | None]) -> widgets.VBox:
    """Buttons in a row; each shows or hides its widget below."""
    buttons, bodies = [], []
    for name, body in folds.items():
        if body is None:
            continue
        body.layout.display = "none"
        button = widgets.ToggleButton(description=f"{name} ▸")
        button.observe(lambda change, body=body, name=name: _fold(change, body, name), "value")
        buttons.append(button)
        bodies.append(body)
    return widgets.VBox([_placed("wb-fold-row", widgets.HBox(buttons)), *bodies])


def _fold(change: dict, body: widgets.DOMWidget, name: str) -> None:
    body.layout.display = None if change["new"] else "none"
    change["owner"].description = f"{name} {'▾' if change['new'] else '▸'}"
