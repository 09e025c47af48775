"""The Training app's views beside its own charts: a search, what is recorded of a split, and HECS-B.

session/training.py ──▶ Search · Recorded · HecsB, a box each ──▶ training.py
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

import ipywidgets as widgets

from workbench.figures import training as figures
from workbench.panels.chart import Chart
from workbench.panels.choosers import Pick
from workbench.panels.codec_views import Papers
from workbench.panels.guard import Guard
from workbench.panels.parts import hint, say
from workbench.panels.widgets import TableView
from workbench.records import Summary
from workbench.session.training import Training

HEIGHT: Final = 470
_NO_SEARCH = "No search is recorded for this split, and none ran here: press Search."
_NO_RECORD = "No record for this network and split; the list above has the others."
_CONTROLS = (
    "Controls, no competitors: {}. Nothing is quantised there, so what is reached is what fine-tuning brings "
    "by itself, and what a method falls short of it is what its few bits cost."
)
_NO_HECS = "Nothing is recorded of HECS-B."


def row(*children: widgets.Widget) -> widgets.HBox:
    """Widgets side by side."""
    return widgets.HBox(list(children), layout={"grid_gap": "8px", "padding": "8px 0 0"})


def controls(summary: Iterable[Summary]) -> str:
    """What the controls among these are there for; empty where there are none."""
    names = [html.escape(line.method) for line in summary if line.control]
    return _CONTROLS.format(", ".join(names)) if names else ""


def damaged_records(session: Training, guard: Guard) -> widgets.HTML:
    """A line for each record that cannot be read."""

    def show() -> None:
        say(line, "<br>".join(f"<b>{html.escape(text)}</b>" for text in session.damaged))

    line = hint()
    session.observe(guard(lambda _change: show()), "damaged")
    show()
    return line


class Search:
    """A view of its own: how many compensators to try, what was tried, and what nothing else beats."""

    def __init__(self, session: Training, guard: Guard) -> None:
        self.session = session
        self.candidates = widgets.BoundedIntText(
            session.candidates, min=1, max=500, description="candidates"
        )  # fmt: skip
        self.button = widgets.Button(description="Search")
        self.hint = hint()
        self.chart = Chart(name="search", empty=_NO_SEARCH, height=HEIGHT)
        self.table = TableView(name="search")
        self.box = widgets.VBox([row(self.candidates, self.button), self.hint, self.chart, self.table])
        self.candidates.observe(
            guard(lambda change: setattr(session, "candidates", change["new"])), "value"
        )  # fmt: skip
        session.observe(
            guard(lambda change: setattr(self.candidates, "value", change["new"])), "candidates"
        )  # fmt: skip
        self.button.on_click(guard(lambda _button: session.search()))
        session.observe(guard(lambda _change: self._show_busy()), "busy")
        session.observe(guard(lambda _change: self.show()), ["tried", "split", "network", "earlier"])
        self._show_busy()
        self.show()

    def _show_busy(self) -> None:
        busy = self.session.busy
        self.button.disabled = busy
        self.button.tooltip = "Something is running" if busy else "Try compensators around this split"

    def show(self) -> None:
        """What was tried here, else what is recorded."""
        recorded = self.session.recorded
        tried = self.session.tried or (recorded.tried if recorded else ())
        if self.session.tried:
            self.hint.value = "Tried here. More candidates go on from these, also another day."
        elif recorded and tried:
            self.hint.value = (
                "Recorded with the project; press Search to try compensators here. Times: "
                f"{html.escape(recorded.search_times)}. Measured by<br>{_commands([recorded.search_command])}"
            )
        else:
            self.hint.value = ""
        self.chart.show(figures.search_figure(tried) if tried else None)
        self.table.show(figures.search_table(tried) if tried else None)


class Recorded:
    """A view of its own: what the project's records say of a split, with the paper's words beside.

    The present split's to begin with; a list offers the others, also of networks that do not ship.
    """

    def __init__(self, session: Training, guard: Guard) -> None:
        self.session = session
        self.pick = Pick("record", lambda place: setattr(session, "record", place), guard)
        self.pick.add_class("wb-long")  # names of one network differ at their end
        self.chart = Chart(name="recorded", empty=_NO_RECORD, height=HEIGHT)
        self.table = TableView(name="recorded")
        self.time = Chart(name="recorded-time", empty=_NO_RECORD, height=HEIGHT)
        self.controls, self.times = hint(), hint()
        self.papers = Papers()
        self.damaged = damaged_records(session, guard)
        self.rest = widgets.VBox([self.controls, self.table, self.time, self.times, self.papers.box])
        self.box = widgets.VBox([_chooser_row(self.pick), self.damaged, self.chart, self.rest])
        session.observe(guard(lambda _change: self.show()), ["record", "earlier"])
        self.show()

    def show(self) -> None:
        """The record that is looked at."""
        session = self.session
        self.pick.offer([one.place for one in session.earlier if one.summary], session.record)
        found = session.looked_at
        if found is None or not found.summary:
            self.chart.show(None)
            self.rest.layout.display = "none"
            return
        self.chart.show(figures.accuracy_figure(found.summary, found.accuracy_unsplit))
        say(self.controls, controls(found.summary))
        self.table.show(figures.training_table(found.summary))
        self.time.show(figures.time_figure(found.summary))
        self.times.value = f"Times: {html.escape(found.times)}.<br>Measured by<br>{_commands(found.commands)}"
        self.papers.show(found.claims)
        self.papers.box.layout.display = None if found.claims else "none"
        self.rest.layout.display = None


class HecsB:
    """A view of its own: what was recorded of HECS-B beside others, whatever is chosen on the left."""

    def __init__(self, session: Training, guard: Guard) -> None:
        self.session = session
        self.recovery = Chart(name="recovery", empty=_NO_HECS, height=HEIGHT)
        self.rate = Chart(name="rate-accuracy", empty=_NO_HECS, height=HEIGHT)
        self.tables = [TableView(name="recovery"), TableView(name="rate-accuracy")]
        self.commands = hint()
        self.damaged = damaged_records(session, guard)
        self.box = widgets.VBox(
            [self.damaged, self.recovery, self.tables[0], self.rate, self.tables[1], self.commands]
        )
        session.observe(guard(lambda _change: self.show()), "hecs")
        self.show()

    def show(self) -> None:
        """Both charts, each with its table, and what gives them again."""
        found = self.session.hecs
        lines, rates = (found.recoveries, found.rates) if found else ({}, {})
        self.recovery.show(figures.recovery_figure(lines) if lines else None)
        self.tables[0].show(figures.recovery_table(lines) if lines else None)
        self.rate.show(figures.rate_accuracy_figure(rates) if rates else None)
        self.tables[1].show(figures.rate_accuracy_table(rates) if rates else None)
        self.commands.value = "<br>".join(
            f"{html.escape(what[:1].upper() + what[1:])}. Measured by<br>{_commands([command])}"
            for what, command in (found.told if found else ())
        )


def _chooser_row(*children: widgets.Widget) -> widgets.HBox:
    line = widgets.HBox(list(children))
    line.add_class("wb-view-row")
    return line


def _commands(commands: Iterable[str]) -> str:
    return "<br>".join(f"<code>{html.escape(command)}</code>" for command in commands)
