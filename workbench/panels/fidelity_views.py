"""The views of the Fidelity app: a chart each with its choosers above and its numbers below."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from workbench.figures import (
    fidelity,
    fidelity_distributions,
    fidelity_maps,
    fidelity_space,
    remarked,
)
from workbench.figures.saliency import saliency_figure, saliency_table
from workbench.panels.chart import Chart
from workbench.panels.choosers import Pick
from workbench.panels.explorer_views import View
from workbench.panels.guard import Guard
from workbench.panels.parts import hint
from workbench.session.fidelity import FIDELITY_VIEWS, RESULT_OF, Fidelity
from workbench.session.fidelity_work import METHODS

TITLES = {
    "summary": "Summary",
    "distributions": "Distributions",
    "space": "Feature space",
    "maps": "Feature maps",
    "saliency": "Saliency",
}
_EMPTY = {
    "summary": "Nothing was compared yet. Choose a network, a split and a codec on the left.",
    "distributions": "No numbers yet. Choose a network, a split and a codec on the left.",
    "space": "The samples as points come here: looking at this tab starts t-SNE.",
    "maps": "The channels of one picture come here. Choose the picture on the left.",
    "saliency": "Where the network looks comes here. Choose the picture on the left.",
}
_HEIGHTS = {"summary": 420, "distributions": 470, "space": 560, "maps": 520, "saliency": 460}
_ALONE = "No restorer is chosen, so there is nothing restored to show; choose one on the left."
_SPACE_TIP = (
    "Draw a box or a lasso around points: they stand out in every panel. A click takes a picture to Feature "
    "maps and Saliency."
)
PAGE = 12  # channels side by side


class FidelityViews:
    """All views of a session; `boxes` go into a `Frame`, then `follow` its tabs."""

    def __init__(self, session: Fidelity, guard: Guard) -> None:
        self.session = session
        self._guard = guard
        draws = (self._summary, self._distributions, self._space, self._maps, self._saliency)
        self.views = {
            name: View(name, draw, RESULT_OF[name], _EMPTY[name], _HEIGHTS[name])
            for name, draw in zip(FIDELITY_VIEWS, draws, strict=True)
        }
        for view in self.views.values():
            view.chart.exports = True
        self.views["space"].chart.linked = True
        self.notes = {name: hint() for name in FIDELITY_VIEWS}
        self.summary = widgets.HTML()
        self.measure = Pick("show", self._measured, guard)
        self._measure = "ssim"
        self.selection = hint(_SPACE_TIP)
        self.errors = Chart(name="channel errors", height=220, exports=False)
        self.first = widgets.IntSlider(
            0, 0, 0, PAGE, description="first channel", readout=False, continuous_update=False
        )
        self.scale = widgets.Dropdown(
            options=[("one for each channel", "channel"), ("one for all", "sample")], description="scale"
        )
        self.method = widgets.Dropdown(options=METHODS, value=session.method, description="method")
        self.target = widgets.Combobox(
            description="class", placeholder="the predicted one", continuous_update=False
        )
        self.boxes = {
            TITLES[name]: widgets.VBox(
                [*before, self.views[name].chart, *after, self.notes[name], self.views[name].table]
            )
            for name, before, after in (
                ("summary", (), (self.summary,)),
                ("distributions", (_row(self.measure),), ()),
                ("space", (), (self.selection,)),
                ("maps", (_row(self.first, self.scale),), (self.errors,)),
                ("saliency", (_row(self.method, self.target),), ()),
            )
        }

    def follow(self, tabs: widgets.Tab) -> None:
        """Keep the tabs and the session's `view` together, and draw whenever something changes."""
        session, guard = self.session, self._guard
        tabs.selected_index = FIDELITY_VIEWS.index(session.view)
        tabs.observe(guard(lambda change: self._opened(change["new"])), "selected_index")
        session.observe(
            guard(lambda change: setattr(tabs, "selected_index", FIDELITY_VIEWS.index(change["new"]))), "view"
        )
        for name in ("report", "space", "maps", "saliency"):
            spoilt = tuple(view for view, result in RESULT_OF.items() if result == name)
            session.observe(guard(lambda _change, spoilt=spoilt: self._spoil(*spoilt)), name)
        session.observe(guard(lambda _change: self.draw()), ["stale", "outcome", "view", "busy"])
        session.observe(guard(lambda _change: self._show_choosers()), ["method", "target", "classes"])
        self.first.observe(guard(lambda _change: self._spoil("maps")), "value")
        self.scale.observe(guard(lambda _change: self._spoil("maps")), "value")
        self.errors.observe(guard(lambda change: self._to_channel(change["new"])), "clicked")
        space = self.views["space"].chart
        space.observe(guard(lambda change: self._select(change["new"])), "selected")
        space.observe(guard(lambda change: self._look_at(change["new"])), "clicked")
        self.method.observe(guard(lambda change: setattr(session, "method", change["new"])), "value")
        self.target.observe(guard(lambda change: setattr(session, "target", change["new"].strip())), "value")
        self._show_choosers()
        self.draw()

    def draw(self) -> None:
        """Bring the view in front up to date; the others are greyed until they are."""
        session = self.session
        for name, view in self.views.items():
            stale = view.result in session.stale
            if name == session.view:
                view.show(stale, not session.busy)
            else:
                view.wait(stale)
        (self.summary.add_class if "report" in session.stale else self.summary.remove_class)("wb-old")
        self.errors.busy = self.views["maps"].chart.busy

    def _opened(self, index: int | None) -> None:
        if index is not None:
            self.session.view = FIDELITY_VIEWS[index]

    def _spoil(self, *names: str) -> None:
        for name in names:
            self.views[name].spoil()
        self.draw()

    # choosers above the charts

    def _measured(self, measure: str) -> None:
        self._measure = measure
        self._spoil("distributions")

    def _to_channel(self, point: Any) -> None:
        if point and isinstance(point.get("customdata"), int):
            self.first.value = point["customdata"] // PAGE * PAGE

    def _select(self, rows: Sequence[Any]) -> None:
        space = self.session.space
        words = fidelity_space.selection_words(space, list(rows)) if space is not None else ""
        self.selection.value = html.escape(words) or _SPACE_TIP

    def _look_at(self, point: Any) -> None:
        if point and isinstance(point.get("customdata"), int):
            self.session.look_at(point["customdata"])

    def _show_choosers(self) -> None:
        self.method.value = self.session.method
        self.target.options = self.session.classes
        self.target.value = self.session.target

    # one chart each

    def _summary(self) -> tuple[Any, Any]:
        report = self.session.report
        self.summary.value = "" if report is None else _table(fidelity.summary_table(report))
        if report is None:
            return None, None
        self._note("summary", [note for one in report.paths[:1] for note in one.notes], report)
        figure = fidelity.summary_figure(report)
        self.views["summary"].chart.height = figure.layout.height
        return self._marked(figure, report), fidelity.fidelity_table(report)

    def _distributions(self) -> tuple[Any, Any]:
        report = self.session.report
        if report is None:
            return None, None
        known = fidelity_distributions.measures(report)
        if self._measure not in [key for key, _ in known]:
            self._measure = known[0][0]
        self.measure.offer([(words, key) for key, words in known], self._measure)
        self._note("distributions", [], report)
        figure = fidelity_distributions.distribution_figure(report, self._measure)
        return self._marked(figure, report), fidelity_distributions.distribution_table(report, self._measure)

    def _space(self) -> tuple[Any, Any]:
        space, chart = self.session.space, self.views["space"].chart
        if space is None:
            return None, None
        chart.pictures = fidelity_space.sprite(space)._asdict()
        if any(not isinstance(row, int) or row >= space.samples for row in chart.selected):
            chart.selected = []
        self._select(chart.selected)
        self._note("space", [*space.notes, *(note for one in space.panels for note in one.notes)], space)
        return self._marked(fidelity_space.space_figure(space), space), fidelity_space.space_table(space)

    def _maps(self) -> tuple[Any, Any]:
        maps = self.session.maps
        if maps is None:
            self.errors.show(None)
            return None, None
        last = fidelity_maps.last_page(maps, PAGE)
        self.first.max = last
        first = min(self.first.value, last)
        self.errors.show(fidelity_maps.channel_error_figure(maps, first, PAGE))
        self._note("maps", [fidelity_maps.maps_words(maps)], maps)
        figure = fidelity_maps.channel_figure(maps, first, PAGE, self.scale.value)
        self.views["maps"].chart.height = figure.layout.height
        return self._marked(figure, maps), fidelity_maps.channel_table(maps)

    def _saliency(self) -> tuple[Any, Any]:
        report = self.session.saliency
        if report is None:
            return None, None
        self._note("saliency", list(report.notes), report)
        figure = saliency_figure(report)
        return self._marked(figure, report), saliency_table(report)

    def _note(self, view: str, notes: Sequence[str], record: Any) -> None:
        """What a reader should know, and how to get a third panel where there are two."""
        told = [
            *dict.fromkeys(note for note in notes if note),
            *([_ALONE] if record.restorer is None else []),
        ]
        self.notes[view].value = "<br>".join(html.escape(f"{note[0].upper()}{note[1:]}") for note in told)

    def _marked(self, figure: Any, record: Any) -> Any:
        """A network with random weights is shown as such in every chart."""
        return remarked(figure, "random weights") if record.weights == "random" else figure


def _row(*choosers: widgets.Widget) -> widgets.HBox:
    row = widgets.HBox(list(choosers))
    row.add_class("wb-view-row")
    return row


def _table(table: Any) -> str:
    """A table to read at once."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(text)}</td>' for text in row)}</tr>" for row in table.rows
    )
    return f'<div class="wb-reading"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
