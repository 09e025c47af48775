"""The views of the Codecs app: a chart each with its numbers as a table, drawn when it is in front."""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as widgets

from workbench import figures
from workbench.figures import codec_tables as tables
from workbench.panels.explorer_views import View
from workbench.panels.guard import Guard
from workbench.panels.parts import hint
from workbench.panels.widgets import TableView
from workbench.session.codecs import CODEC_VIEWS, RESULT_OF, Codecs
from workbench.session.explorer import Problem

_EMPTY = {
    "bytes": "Nothing was encoded yet. Choose a network and a split on the left; every codec follows.",
    "rate": "Bytes against distortion of every codec come here: this tab starts the work.",
    "entropy": "Entropy and real bytes of every reshape N × K come here: this tab starts the search.",
    "symbols": "The symbols of D come here. Choose N on the left, or click a point of the entropy view.",
}
_TITLES = {
    "bytes": "Bytes by part",
    "rate": "Rate and distortion",
    "entropy": "Entropy over N",
    "symbols": "Symbols of D",
    "papers": "Papers",
}


class Papers:
    """A table to read at once: what the papers report beside what was measured here."""

    def __init__(self) -> None:
        self.text = widgets.HTML()
        self.table = TableView(name="papers")
        self.box = widgets.VBox([self.text, self.table])
        self.show(None)

    def grey(self, stale: bool) -> None:
        """Grey the claims while they do not fit the choice."""
        (self.text.add_class if stale else self.text.remove_class)("wb-old")

    def show(self, claims: Any) -> None:
        """Show these claims, or what comes here."""
        if claims is None:
            self.text.value = (
                '<div class="wb-hint">What the papers say comes here, beside what holds here.</div>'
            )
            return
        table = tables.claims_table(claims)
        self.table.show(table)
        head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in table.columns)
        body = "".join(
            f'<tr data-holds="{row[-1]}">{"".join(f"<td>{html.escape(text)}</td>" for text in row)}</tr>'
            for row in table.rows
        )
        self.text.value = (
            f'<div class="wb-papers"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )


class CodecViews:
    """All views of a session; `boxes` go into a `Frame`, then `follow` its tabs."""

    def __init__(self, session: Codecs, guard: Guard) -> None:
        self.session = session
        self._guard = guard
        self._axes = figures.Axes()
        draws = {
            "bytes": self._bytes,
            "rate": self._rate,
            "entropy": self._entropy,
            "symbols": self._symbols,
        }
        self.views = {
            name: View(name, draw, RESULT_OF[name], _EMPTY[name], 640 if name == "bytes" else 500)
            for name, draw in draws.items()
        }
        self.left_out = hint()
        for name in ("bytes", "rate"):
            self.views[name].box.children = (*self.views[name].box.children, self.left_out)
        self.papers = Papers()
        boxes = {name: view.box for name, view in self.views.items()} | {"papers": self.papers.box}
        self.boxes = {_TITLES[name]: boxes[name] for name in CODEC_VIEWS}

    def follow(self, tabs: widgets.Tab) -> None:
        """Keep the tabs and the session's `view` together, and draw whenever something changes."""
        session, guard = self.session, self._guard
        tabs.selected_index = CODEC_VIEWS.index(session.view)
        tabs.observe(guard(lambda change: self._opened(change["new"])), "selected_index")
        session.observe(
            guard(lambda change: setattr(tabs, "selected_index", CODEC_VIEWS.index(change["new"]))), "view"
        )
        spoilt_by = {
            "sides": ("bytes",),
            "rates": ("rate",),
            "entropy": ("entropy",),
            "symbols": ("symbols", "entropy"),
            "settings": ("entropy",),
        }
        for name, spoilt in spoilt_by.items():
            session.observe(guard(lambda _change, spoilt=spoilt: self._spoil(spoilt)), name)
        session.observe(guard(lambda _change: self._axes.forget()), ["network", "split"])
        session.observe(guard(lambda _change: self.draw()), ["stale", "outcome", "view", "busy", "claims"])
        chart = self.views["entropy"].chart
        chart.observe(guard(lambda change: self._clicked(change["new"])), "clicked")
        self.draw()

    def draw(self) -> None:
        """Bring the view in front up to date; grey the others at once, so that none comes up as if new."""
        session = self.session
        for view in self.views.values():
            if view.result in session.stale:
                view.chart.busy = True
        stale = RESULT_OF[session.view] in session.stale
        self.papers.grey("claims" in session.stale and session.claims is not None)
        if session.view == "papers":
            self.papers.show(session.claims)
        else:
            failed = not session.busy and isinstance(session.outcome, Problem)
            self.views[session.view].show(stale, failed)

    def _opened(self, index: int | None) -> None:
        if index is not None:
            self.session.view = CODEC_VIEWS[index]

    def _spoil(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.views[name].spoil()
            self.views[name].chart.busy = True
        self.draw()

    def _clicked(self, point: Any) -> None:
        """A click on a reshape chooses its N, and shows its symbols."""
        if point and isinstance(point.get("customdata"), int):
            self.session.set_setting("rows", point["customdata"])
            self.session.view = "symbols"

    # one chart each

    def _bytes(self) -> tuple[Any, Any]:
        sides = self.session.sides
        if sides is None:
            return None, None
        self._tell(sides.left_out)
        figure = figures.sides_figure(sides, self._axes)
        self.views["bytes"].chart.height = figure.layout.height
        return self._marked(figure, sides.weights), tables.sides_table(sides)

    def _rate(self) -> tuple[Any, Any]:
        rates = self.session.rates
        if rates is None:
            return None, None
        return self._marked(figures.rate_figure(rates), rates.weights), tables.rate_table(rates)

    def _entropy(self) -> tuple[Any, Any]:
        found, symbols = self.session.entropy, self.session.symbols
        if found is None:
            return None, None
        rows = self.session.settings.get("rows")
        chosen = rows if isinstance(rows, int) else (symbols.rows if symbols else None)
        known = {point.rows for point in found.curve.points}
        figure = figures.entropy_figure(found, chosen if chosen in known else None)
        return self._marked(figure, self._weights()), tables.entropy_table(found)

    def _symbols(self) -> tuple[Any, Any]:
        symbols = self.session.symbols
        if symbols is None:
            return None, None
        figure = figures.symbol_figure(symbols, self._axes)
        return self._marked(figure, self._weights()), tables.symbol_table(symbols)

    def _tell(self, left_out: tuple[tuple[str, str], ...]) -> None:
        reasons = dict.fromkeys(why for _, why in left_out)
        told = [
            f"{', '.join(name for name, why in left_out if why == reason)}: {reason}" for reason in reasons
        ]
        self.left_out.value = html.escape(f"Left out: {'; '.join(told)}.") if told else ""

    def _weights(self) -> str:
        return self.session.known.weights if self.session.known else ""

    def _marked(self, figure: Any, weights: str) -> Any:
        """A network with random weights is shown as such in every chart."""
        return figures.remarked(figure, "random weights") if weights == "random" else figure
