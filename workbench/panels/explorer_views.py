"""The Explorer's views: one chart each, its numbers as a table below, drawn when it is in front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from workbench import figures
from workbench.figures import tables
from workbench.panels.chart import Chart
from workbench.panels.guard import Guard
from workbench.panels.widgets import TableView
from workbench.session.explorer import VIEWS, Explorer, Problem

_EMPTY = {
    "cut profile": "The network is being loaded. Its cuts come next: click one to split there.",
    "payload": "Nothing was encoded yet. Choose a network, a split and a codec on the left.",
    "reshape": "Entropy and cost of every reshape N × K come here: looking at this tab starts the search.",
    "answer": "No answer yet. Choose a picture on the left, or bring your own with +.",
    "latency": "No times yet. Choose a link on the left.",
}
_SHOWS = {"cut profile": "known", "reshape": "curve"}
_HEIGHT = 470


class View:
    """One tab: draws what the session holds, greyed while something newer is computed.

    `result` names what it shows, as in the session's `stale`; `empty` says what to do while there is nothing.
    """

    def __init__(
        self, name: str, draw: Callable[[], tuple[Any, Any]], result: str, empty: str, height: int = _HEIGHT
    ) -> None:
        self.chart = Chart(name=name, empty=empty, height=height)
        self.table = TableView(name=name.replace(" ", "-"))
        self.box = widgets.VBox([self.chart, self.table])
        self.result = result
        self._draw = draw
        self._dirty = True

    def spoil(self) -> None:
        """What is drawn no longer fits what the session holds."""
        self._dirty = True

    def wait(self, stale: bool) -> None:
        """Not looked at: greyed if it would have to be drawn anew."""
        self.chart.busy = bool(self.chart.figure) and (stale or self._dirty)

    def show(self, stale: bool, failed: bool) -> None:
        """Draw anew if needed; `stale` greys it."""
        if self._dirty:
            figure, table = self._draw()
            self.chart.show(figure)
            self.table.show(table)
            self._dirty = False
        self.chart.busy = stale and not failed
        (self.chart.add_class if stale and failed else self.chart.remove_class)("wb-old")


class Views:
    """All views of a session; `boxes` go into a `Frame`, then `follow` its tabs."""

    def __init__(self, session: Explorer, guard: Guard) -> None:
        self.session = session
        self._guard = guard
        self._axes = figures.Axes()
        draws = (self._cuts, self._payload, self._reshape, self._answer, self._latency)
        self.views = {
            name: View(name, draw, _SHOWS.get(name, "trial"), _EMPTY[name])
            for name, draw in zip(VIEWS, draws, strict=True)
        }
        self.boxes = {name[0].upper() + name[1:]: view.box for name, view in self.views.items()}

    def follow(self, tabs: widgets.Tab) -> None:
        """Keep the tabs and the session's `view` together, and draw whenever something changes."""
        session, guard = self.session, self._guard
        tabs.selected_index = VIEWS.index(session.view)
        tabs.observe(guard(lambda change: self._opened(change["new"])), "selected_index")
        session.observe(
            guard(lambda change: setattr(tabs, "selected_index", VIEWS.index(change["new"]))), "view"
        )
        results = {
            "known": ("cut profile",),
            "trial": tuple(VIEWS),
            "curve": ("reshape",),
            "split": VIEWS[:1],
        }
        for name, spoilt in results.items():
            session.observe(guard(lambda _change, spoilt=spoilt: self._spoil(spoilt)), name)
        session.observe(guard(lambda _change: self._axes.forget()), ["network", "split", "codec", "link"])
        session.observe(guard(lambda _change: self.draw()), ["stale", "outcome", "view", "busy"])
        chart = self.views["cut profile"].chart
        chart.observe(guard(lambda change: self._clicked(change["new"])), "clicked")
        self.draw()

    def draw(self) -> None:
        """Bring the view in front up to date; the others are greyed until they are."""
        session = self.session
        for name, view in self.views.items():
            stale = view.result in session.stale
            if name == session.view:
                view.show(stale, failed=not session.busy and isinstance(session.outcome, Problem))
            else:
                view.wait(stale)

    def _opened(self, index: int | None) -> None:
        if index is not None:
            self.session.view = VIEWS[index]

    def _spoil(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.views[name].spoil()
        self.draw()

    def _clicked(self, point: Any) -> None:
        if point and isinstance(point.get("customdata"), str):
            self.session.split = point["customdata"]

    # one chart each

    def _cuts(self) -> tuple[Any, Any]:
        session = self.session
        if session.known is None:
            return None, None
        trial = session.trial
        fits = trial is not None and trial.model == session.known.name and trial.split == session.split
        nbytes = trial.quantities["payload_bytes"].value if fits else None
        profile = session.known.profile
        figure = figures.cut_profile_figure(profile, session.split or None, nbytes)
        return self._marked(figure, session.known.weights), tables.cut_table(profile)

    def _payload(self) -> tuple[Any, Any]:
        trial = self.session.trial
        if trial is None:
            return None, None
        jpeg = self.session.known.profile.input_jpeg.value if self.session.known else None
        figure = figures.payload_figure(trial.description, jpeg, self._axes)
        return self._marked(figure, trial.weights), tables.payload_table(trial.description)

    def _reshape(self) -> tuple[Any, Any]:
        curve = self.session.curve
        if curve is None:
            return None, None
        return figures.reshape_figure(curve), tables.reshape_table(curve)

    def _answer(self) -> tuple[Any, Any]:
        trial = self.session.trial
        if trial is None or not trial.answers_before:
            return None, None
        figure = figures.answer_figure(trial.answers_before[0], trial.answers_after[0], axes=self._axes)
        return self._marked(figure, trial.weights), tables.answer_table(trial)

    def _latency(self) -> tuple[Any, Any]:
        trial = self.session.trial
        if trial is None:
            return None, None
        figure = figures.latency_figure(
            trial.latency, trial.all_edge, trial.all_server, trial.link, self._axes
        )
        return self._marked(figure, trial.weights), tables.trial_table(trial)

    def _marked(self, figure: Any, weights: str) -> Any:
        """A network with random weights is shown as such in every chart."""
        return figures.remarked(figure, "random weights") if weights == "random" else figure
