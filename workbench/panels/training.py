"""Training: choose a network, a split and methods, train, watch the loss, compare what came out.

session/training.py ──▶ choose (left column) · tiles · views (tabs) ──▶ Frame
"""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as widgets

from workbench.figures import training as figures
from workbench.figures.base import size
from workbench.panels.chart import Chart
from workbench.panels.choosers import Pick
from workbench.panels.frame import Frame
from workbench.panels.guard import Guard
from workbench.panels.parts import Code, Progress, group, hint, pairs, say
from workbench.panels.tiles import Tiles
from workbench.panels.training_views import HEIGHT, HecsB, Recorded, Search, controls, row
from workbench.panels.widgets import TableView
from workbench.records import Quantity
from workbench.session.training import Training
from workbench.session.training_work import MethodEntry

_TILES = ("Unsplit", "Best method", "Accuracy", "Payload", "Server time")
_EMPTY = "Choose a network, a split and methods on the left, then press Train."
_FOUND = (
    "Kept in <code>{}</code>. The Fidelity app has each in its list of restorers, and in the Explorer a "
    "learned codec takes its weights. In Python:"
)
_NUMBERS = {"seeds": (1, 20), "epochs": (1, 1000), "finetune_epochs": (1, 1000), "copies": (0, 32)}
_WORDS = {"finetune_epochs": "fine-tune"}
_OUTDATED = (
    "What is shown <b>was learned otherwise</b>, and cannot be compared: the next result takes its place."
)
_TOLD = {
    "copies": "Stage 1 learns from so many varied copies of each picture, too; all are held in memory",
    "teacher": "Share of the unsplit network's own answers in stage 2's loss; 0 is the labels alone",
    "temperature": "Of the unsplit network's answers: above 1 they tell more of what it held less likely",
}


class Choose:
    """The left column."""

    def __init__(self, session: Training, guard: Guard) -> None:
        self.session = session
        self.network = Pick("network", lambda name: setattr(session, "network", name), guard)
        self.weights = hint()
        self.split = Pick("split", lambda name: setattr(session, "split", name), guard)
        self.methods = widgets.SelectMultiple(
            options=[(_entry(entry), entry.name) for entry in session.known_methods],
            value=session.methods, description="methods", rows=11,
        )  # fmt: skip
        self.methods.tooltip = "Hold Ctrl to choose several"
        self.about = hint()
        self.numbers: dict[str, Any] = {
            name: widgets.BoundedIntText(
                getattr(session, name), min=low, max=high, description=_WORDS.get(name, name)
            )
            for name, (low, high) in _NUMBERS.items()
        }
        self.numbers |= {
            name: widgets.BoundedFloatText(
                getattr(session, name), min=low, max=high, step=step, description=name
            )
            for name, (low, high, step) in {"teacher": (0, 1, 0.1), "temperature": (0.1, 100, 0.5)}.items()
        }
        for name, text in _TOLD.items():
            self.numbers[name].tooltip = text
        self.labels = widgets.Checkbox(session.labels, description="with labels (stage 2)", indent=False)
        self.train = widgets.Button(description="Train", button_style="primary")
        self.forget = widgets.Button(description="Clear", tooltip="Empty the charts")
        self.lesson, self.place, self.outdated = hint(), hint(), hint()
        self.progress = Progress(guard(session.cancel))
        act = widgets.VBox([row(self.train, self.forget), self.outdated, self.progress])
        act.add_class("wb-act")
        self.groups = [
            group("Network", self.network, self.weights, self.split),
            group("Methods", self.methods, self.about),
            group("Training", pairs(*self.numbers.values()), self.labels, self.lesson, self.place),
            act,
        ]
        self._link(guard)

    def _link(self, guard: Guard) -> None:
        session = self.session
        self.methods.observe(guard(lambda change: setattr(session, "methods", tuple(change["new"]))), "value")
        session.observe(guard(lambda change: setattr(self.methods, "value", tuple(change["new"]))), "methods")
        for name, box in {**self.numbers, "labels": self.labels}.items():
            box.observe(guard(lambda change, name=name: setattr(session, name, change["new"])), "value")
            session.observe(guard(lambda change, box=box: _put(box, change["new"])), name)
        self.train.on_click(guard(lambda _button: session.train()))
        self.forget.on_click(guard(lambda _button: session.forget()))
        watched: dict[tuple[str, ...], Any] = {
            ("points", "split", "weights", "network", "place", "busy"): self._show_network,
            ("methods",): self._show_methods,
            ("labels", "teacher"): self._show_lesson,
            ("shown", "network", "split", *self.numbers, "labels"): self._show_outdated,
            ("busy", "progress"): self._show_busy,
        }
        for names, show in watched.items():
            session.observe(guard(lambda _change, show=show: show()), list(names))
            show()

    def _show_network(self) -> None:
        session = self.session
        self.network.offer(list(dict.fromkeys([*session.networks, session.network])), session.network)
        self.split.offer(
            [(f"{point.name} · {size(point.fp32_bytes)} fp32", point.name) for point in session.points],
            session.split,
        )
        self.place.value = html.escape(session.place)
        if session.points:
            self.weights.value = "<b>random weights</b>" if session.weights == "random" else "trained weights"
        else:
            self.weights.value = "loading …" if session.busy else "<b>not loaded</b>"

    def _show_methods(self) -> None:
        known = {entry.name: entry.summary for entry in self.session.known_methods}
        self.about.value = "<br>".join(
            [
                *(
                    f"<strong>{html.escape(name)}</strong> {html.escape(known[name])}"
                    for name in self.session.methods
                ),
                "Ctrl and a click chooses several.",
            ]
        )

    def _show_lesson(self) -> None:
        """Who says in stage 2 what is right; what has no say is out of reach."""
        session = self.session
        share = f"{100 * session.teacher:.0f} %"
        if session.teacher >= 1:
            told = "Stage 2 learns the unsplit network's own answers, and needs no labels."
        elif not session.labels:
            told = "Stage 1 alone is trained; with teacher 1 stage 2 needs no labels either."
        elif session.teacher:
            told = f"Stage 2 learns {share} from the unsplit network's own answers, the rest from labels."
        else:
            told = ""
        say(self.lesson, told)
        self.labels.disabled = session.teacher >= 1
        self.numbers["temperature"].layout.display = None if session.teacher else "none"

    def _show_outdated(self) -> None:
        say(self.outdated, _OUTDATED if self.session.outdated else "")

    def _show_busy(self) -> None:
        session = self.session
        self.train.disabled = session.busy
        self.train.tooltip = "Something is running" if session.busy else "Train what is chosen"
        if session.progress is None:
            self.progress.hide()
        else:
            self.progress.show(*session.progress)


def _entry(entry: MethodEntry) -> str:
    return f"{entry.name} (control)" if entry.control else entry.name


def _put(box: Any, value: Any) -> None:
    """A value from the session, which may be larger than what a person can choose."""
    if not isinstance(box, widgets.Checkbox):
        box.max = max(box.max, value)
    box.value = value


class TrainingPage(Frame):
    """The whole page of a session."""

    def __init__(self, session: Training) -> None:
        self.session = session
        self.guard = Guard(session.lock)
        self.choose = Choose(session, self.guard)
        self.tiles = Tiles(_TILES)
        self.code = Code(text=session.code)
        self.loss = Chart(name="loss", empty=_EMPTY, height=HEIGHT)
        self.accuracy = Chart(name="accuracy", empty=_EMPTY, height=HEIGHT)
        self.time = Chart(name="time", empty=_EMPTY, height=HEIGHT)
        self.table = TableView(name="training")
        self.search = Search(session, self.guard)
        self.recorded = Recorded(session, self.guard)
        self.hecs = HecsB(session, self.guard)
        self.kept, self.controls = hint(), hint()
        super().__init__(
            "Training",
            guard=self.guard,
            choose=self.choose.groups,
            tiles=self.tiles,
            views={
                "Loss": widgets.VBox([self.loss, self.kept]),
                "Accuracy": widgets.VBox([self.accuracy, self.controls, self.table, self.kept]),
                "Time": widgets.VBox([self.time, self.kept]),
                "Search": self.search.box,
                "Recorded": self.recorded.box,
                "HECS-B": self.hecs.box,
            },
            code=self.code,
        )
        watched: dict[str, Any] = {
            "curves": self._show_curves,
            "summary": self._show_summary,
            "kept": self._show_kept,
            "reached": self._show_kept,
            "shown": self._show_kept,
            "problem": self._show_problem,
            "line": self._show_line,
            "code": lambda: setattr(self.code, "text", session.code),
        }
        for name, show in watched.items():
            session.observe(self.guard(lambda _change, show=show: show()), name)
        self._show_summary()

    def _show_curves(self) -> None:
        curves = self.session.curves
        self.loss.show(figures.loss_figure(curves) if curves else None)

    def _show_summary(self) -> None:
        summary, reached = self.session.summary, self.session.reached
        unsplit = reached[-1].accuracy_unsplit if reached else None
        known = [line for line in summary if line.accuracy is not None]
        self.accuracy.show(figures.accuracy_figure(summary, unsplit) if known else None)
        self.time.show(figures.time_figure(summary) if summary else None)
        self.table.show(figures.training_table(summary) if summary else None)
        say(self.controls, controls(summary))
        with self.tiles.together():
            self.tiles.clear()
            if summary:
                self._show_numbers(summary, reached, unsplit)

    def _show_numbers(self, summary: Any, reached: Any, unsplit: float | None) -> None:
        warning = "random weights" if self.session.weights == "random" else ""
        rivals = [line for line in summary if not line.control] or summary
        best = max(rivals, key=lambda line: (line.accuracy or 0.0, -line.relative_mse))
        tied = [line.method for line in rivals if line is not best and line.accuracy == best.accuracy]
        how = f"{reached[-1].samples} held-out pictures, {best.seeds} seeds"
        if unsplit is not None:
            self.tiles["Unsplit"].show(Quantity(unsplit, "fraction", "measured", how), warning=warning)
        if best.accuracy is not None:
            others = tied[0] if len(tied) == 1 else f"{len(tied)} others"
            note = f"tied with {others}" if tied else "highest accuracy"
            if best.control:
                note = "a control; no method yet"
            self.tiles["Best method"].show(best.method, note=note)
            self.tiles["Accuracy"].show(
                Quantity(best.accuracy, "fraction", "measured", how),
                note=f"of {best.method}",
                warning=warning,
            )
        self.tiles["Payload"].show(
            Quantity(best.payload_bytes, "bytes", "measured", "mean of real payloads, header included"),
            note=f"of {best.method}",
        )
        self.tiles["Server time"].show(
            Quantity(best.server_s, "s", "measured", "median of single pictures on this machine"),
            note=f"of {best.method}",
        )

    def _show_kept(self) -> None:
        kept = self.session.kept
        remarks = [
            f"{one.method}, seed {one.seed}, note: {note}"
            for one in self.session.reached
            for note in one.notes
        ]
        shown = self.session.shown
        words = shown.taught if shown else ""
        taught = [f"{words[0].upper()}{words[1:]}."] if words else []
        where = [_FOUND.format(html.escape(kept[0].folder)), *map(_loading, kept)] if kept else []
        self.kept.value = "<br>".join(
            [*(f"<b>{html.escape(remark)}</b>" for remark in remarks), *taught, *where]
        )

    def _show_problem(self) -> None:
        if self.session.problem is None:
            self.guard.clear()
        else:
            self.guard.show(self.session.problem.error)

    def _show_line(self) -> None:
        if self.session.line is not None:
            self.guard.log.add(self.session.line.text)


def _loading(one: Any) -> str:
    """A trained method that was kept, and how to load it: as a codec, too, where it is one."""
    calls = [f"wb.load_bundle({one.name!r})"]
    if one.weights:
        calls.append(f"wb.codec({one.method!r}, weights={one.weights!r})")
    told = ", ".join(f"<code>{html.escape(call)}</code>" for call in calls)
    return f"{html.escape(one.method)}, seed {one.seed}: {told}"


def training(session: Training | None = None) -> TrainingPage:
    """The Training page, ready to be displayed; without a session, one on this machine."""
    if session is None:
        from workbench.session.runner import Threads
        from workbench.session.training_work import Trainer

        session = Training(Trainer(), Threads())
        page = TrainingPage(session)
        session.load()
        return page
    return TrainingPage(session)
