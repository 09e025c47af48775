"""Boards: measure a split on the boards on the desk, and see each stage with the heat it made.

session/boards.py ──▶ choose (left column) · tiles · views (tabs) ──▶ Frame
"""

from __future__ import annotations

import html
from functools import partial
from typing import Any

import ipywidgets as widgets

from workbench.errors import BoardError
from workbench.figures import boards as figures
from workbench.numbers import readable
from workbench.panels.chart import Chart
from workbench.panels.choosers import Chooser, Pick
from workbench.panels.frame import Frame
from workbench.panels.guard import Guard
from workbench.panels.parts import Code, Progress, Stages, group, hint
from workbench.panels.tiles import Tiles
from workbench.panels.widgets import TableView
from workbench.records import Quantity
from workbench.session.boards import MODES, PRECISIONS, Boards

_TILES = ("Edge part", "Payload", "On the wire", "Whole way", "Warmest")
_NO_ADDRESS = "Add a board in a terminal: <code>workbench board add pi5 pi@192.168.1.20</code>"
_EMPTY = "Choose a board, a split and a codec on the left, then press Measure."
_COMING = "Measuring: the first inferences stand here as soon as they have come."
_HEIGHT = 470


class Choose:
    """The left column."""

    def __init__(self, session: Boards, guard: Guard) -> None:
        self.session = session
        self._guard = guard
        self.boards = self._several("boards", 3)
        self.check = widgets.Button(description="Look at it", tooltip="What the board is and what it lacks")
        self.board_hint = hint(_NO_ADDRESS)
        self.network = Pick("network", lambda name: setattr(session, "network", name), guard)
        self.typed = widgets.Text(
            description="or name", placeholder="any timm name, e.g. resnet18", continuous_update=False
        )
        self.weights = hint()
        self.splits = self._several("splits", 5)
        self.codecs = self._several("codecs", 5)
        self.splits_hint, self.codecs_hint = hint(), hint()
        self.settings = widgets.VBox()
        self.runs = widgets.BoundedIntText(session.runs, min=1, max=100_000, description="runs")
        self.mode = widgets.Dropdown(options=list(MODES), value=session.mode, description="mode")
        self.precision = widgets.Dropdown(
            options=PRECISIONS, value=session.precision, description="precision"
        )
        self.baselines = widgets.Checkbox(
            session.baselines, description="also without splitting", indent=False
        )
        self.measure = widgets.Button(description="Measure", button_style="primary")
        self.earlier = widgets.Button(description="Show earlier", tooltip="What was measured here before")
        self.forget = widgets.Button(
            description="Clear", tooltip="Empty the charts; the store keeps everything"
        )
        self.progress = Progress(guard(session.cancel))
        self.link = Pick("link", lambda name: setattr(session, "link", name), guard)
        self.groups = [
            group(
                "Board",
                self.boards,
                widgets.HBox([self.measure, self.check]),
                self.progress,
                self.board_hint,
            ),
            group("Network", self.network, self.typed, self.weights, self.splits, self.splits_hint),
            group("Codec", self.codecs, self.codecs_hint, self.settings),
            group("Runs", self.runs, self.mode, self.precision, self.baselines),
            group("Compare with", self.link, widgets.HBox([self.earlier, self.forget])),
        ]
        self._link()

    def _several(self, name: str, rows: int) -> widgets.SelectMultiple:
        chooser = widgets.SelectMultiple(description=name, rows=rows)
        chooser.tooltip = "Hold Ctrl to choose several"
        return chooser

    def _link(self) -> None:
        session, guard = self.session, self._guard
        for name in ("boards", "splits", "codecs"):
            chooser = getattr(self, name)
            chooser.observe(guard(partial(self._picked, name)), "value")
        for name in ("runs", "mode", "precision", "baselines"):
            traits = (session, name), (getattr(self, name), "value")
            traits[1][0].observe(
                guard(lambda change, name=name: setattr(session, name, change["new"])), "value"
            )
            session.observe(
                guard(lambda change, name=name: setattr(getattr(self, name), "value", change["new"])), name
            )
        self.typed.observe(guard(self._typed), "value")
        self.check.on_click(guard(lambda _button: session.check(next(iter(session.boards), "local"))))
        self.measure.on_click(guard(lambda _button: session.measure()))
        self.earlier.on_click(guard(lambda _button: session.recall()))
        self.forget.on_click(guard(lambda _button: session.forget()))
        watched: dict[tuple[str, ...], Any] = {
            ("places", "boards"): self._show_boards,
            ("points", "splits", "weights", "network", "busy"): self._show_network,
            ("codecs",): self._show_codecs,
            ("link",): lambda: self.link.offer(session.links, session.link),
            ("said",): lambda: setattr(self.board_hint, "value", html.escape(session.said)),
            ("busy", "progress"): self._show_busy,
        }
        for names, show in watched.items():
            session.observe(guard(lambda _change, show=show: show()), list(names))
        for show in (self._show_boards, self._show_network, self._show_codecs, self._show_busy):
            show()
        self.link.offer(session.links, session.link)

    def _picked(self, name: str, change: Any) -> None:
        if tuple(change["new"]) != getattr(self.session, name) and not self._filling:
            setattr(self.session, name, tuple(change["new"]))

    def _typed(self, change: Any) -> None:
        if change["new"].strip():
            self.session.network = change["new"].strip()

    _filling = False

    def _offer(self, chooser: Any, options: list[tuple[str, str]], value: tuple[str, ...]) -> None:
        self._filling = True
        try:
            if tuple(chooser.options) != tuple(options):
                chooser.options = options
            known = [key for _text, key in options]
            chooser.value = tuple(key for key in value if key in known)
        finally:
            self._filling = False

    def _show_boards(self) -> None:
        places = [(f"{place.name} · {place.address}", place.name) for place in self.session.places]
        self._offer(self.boards, places or [("local · this machine", "local")], self.session.boards)

    def _show_network(self) -> None:
        session = self.session
        names = list(dict.fromkeys([*session.networks, session.network]))
        self.network.offer(names, session.network)
        points = [
            (f"{point.name} · {figures.size(point.fp32_bytes)} fp32", point.name) for point in session.points
        ]
        self._offer(self.splits, points, session.splits)
        self.splits_hint.value = _chosen(session.splits)
        if session.points:
            self.weights.value = "<b>random weights</b>" if session.weights == "random" else "trained weights"
        else:
            self.weights.value = "loading …" if session.busy else "<b>not loaded</b>"

    def _show_codecs(self) -> None:
        session = self.session
        self._offer(self.codecs, [(entry.name, entry.name) for entry in session.known_codecs], session.codecs)
        self.codecs_hint.value = _chosen(session.codecs)
        self.settings.children = [
            Chooser(
                field,
                session.settings.get(field.name, field.default),
                partial(session.set_setting, field.name),
                self._guard,
            ).widget
            for field in session.fields()
        ]

    def _show_busy(self) -> None:
        session = self.session
        self.measure.disabled = self.check.disabled = self.earlier.disabled = session.busy
        self.measure.tooltip = (
            "Something is running" if session.busy else "Run the chosen split on the boards"
        )
        if session.progress is None:
            self.progress.hide()
        else:
            self.progress.show(*session.progress)


def _chosen(names: tuple[str, ...]) -> str:
    """What is chosen of a long list, since its place may be out of sight."""
    return html.escape(", ".join(names)) if names else "<b>none chosen</b>; hold Ctrl for several"


class BoardsPage(Frame):
    """The whole page of a session."""

    def __init__(self, session: Boards) -> None:
        self.session = session
        self.guard = Guard(session.lock)
        self.choose = Choose(session, self.guard)
        self.tiles = Tiles(_TILES)
        self.strip = Stages()
        self.code = Code(text=session.code)
        empty = _EMPTY
        self.live = Chart(name="live", empty=empty, height=_HEIGHT)
        self.stages = Chart(name="stages", empty=empty, height=_HEIGHT)
        self.spread = Chart(name="spread", empty=empty, height=_HEIGHT)
        self.links = Chart(
            name="links",
            empty="What was measured on the wire, beside what a link's model predicts, stands here once "
            "something was sent: press Measure, or Show earlier.",
            height=_HEIGHT,
        )
        self.links_table = TableView(name="links")
        self.table = TableView(name="boards")
        self.remarks = widgets.HTML()
        super().__init__(
            "Boards",
            guard=self.guard,
            choose=self.choose.groups,
            tiles=self.tiles,
            views={
                "Live": self.live,
                "Stages": widgets.VBox([self.stages, self.table]),
                "Spread": self.spread,
                "Links": widgets.VBox([self.links, self.links_table]),
                "Context": self.remarks,
            },
            stages=self.strip,
            code=self.code,
        )
        watched: dict[str, Any] = {
            "live": self._show_live,
            "trials": self._show_trials,
            "compared": self._show_compared,
            "failures": self._show_problem,
            "problem": self._show_problem,
            "line": self._show_line,
            "code": lambda: setattr(self.code, "text", session.code),
            "busy": self._show_busy,
        }
        for name, show in watched.items():
            session.observe(self.guard(lambda _change, show=show: show()), name)
        self._show_trials()
        self._show_compared()

    def _show_busy(self) -> None:
        self.live.empty = _COMING if self.session.busy and self.session.measuring else _EMPTY

    def _show_live(self) -> None:
        runs = [figures.Live(*run) for run in self.session.live]
        self.live.show(figures.strip_figure(runs) if runs else None)

    def _show_problem(self) -> None:
        problem, failures = self.session.problem, self.session.failures
        if problem is not None:
            self.guard.show(problem.error)
        elif failures:
            self.guard.show(BoardError(" · ".join(failures.values())))
        else:
            self.guard.clear()

    def _show_line(self) -> None:
        if self.session.line is not None:
            self.guard.log.add(self.session.line.text)

    def _show_trials(self) -> None:
        trials = self.session.trials
        self.stages.show(figures.stage_figure(trials) if trials else None)
        self.spread.show(figures.spread_figure(trials) if trials else None)
        self.table.show(figures.board_table(trials) if trials else None)
        self._show_tiles()
        self._show_context()

    def _show_compared(self) -> None:
        compared = self.session.compared
        self.links.show(figures.links_figure(compared) if compared else None)
        self.links_table.show(figures.links_table(compared) if compared else None)

    def _show_tiles(self) -> None:
        trial = self.session.latest()
        run = None if trial is None else trial.run("split", "chain") or trial.run("split")
        if trial is None or run is None:
            self.tiles.clear()
            self.strip.stages = []
            return
        how = f"median of {run.total.n if run.total else 0} runs on {figures.place_name(trial)}"
        with self.tiles.together():
            self._show_numbers(trial, run, how)
        self._show_stages(run, how)

    def _show_numbers(self, trial: Any, run: Any, how: str) -> None:
        warning = _warning(trial, run)
        for name, stage in (("Edge part", "edge"), ("On the wire", "wire")):
            self._tile(name, run.stages.get(stage), how, warning)
        self._tile("Whole way", run.total, how, warning)
        self.tiles["Payload"].show(
            Quantity(run.sent_bytes, "bytes", "measured", "bytes that crossed"),
            note=trial.codec,
            warning=warning,
        )
        warm = [sample.temperature_c for sample in run.samples if sample.temperature_c is not None]
        if warm:
            self.tiles["Warmest"].show(
                f"{max(warm):.1f} °C", note=f"from {min(warm):.1f} °C", warning=warning
            )
        else:
            self.tiles["Warmest"].show("–", note="the board does not tell")

    def _show_stages(self, run: Any, how: str) -> None:
        self.strip.stages = [
            {
                "key": stage,
                "label": stage,
                "text": figures.duration(spread.median),
                "colour": figures.STAGES[figures.STAGE_OF[stage]],
                "hint": f"measured: {how}",
                "share": spread.median,
                "stale": False,
            }
            for stage, spread in run.stages.items()
        ]

    def _tile(self, name: str, spread: Any, how: str, warning: str) -> None:
        if spread is None:
            self.tiles[name].show("–", note="not in a burst")
            return
        note = f"95th percentile {figures.duration(spread.p95)}"
        self.tiles[name].show(Quantity(spread.median, "s", "measured", how), note=note, warning=warning)

    def _show_context(self) -> None:
        parts = [_context(trial) for trial in reversed(self.session.trials)]
        self.remarks.value = "".join(parts) or "What was true while it ran stands here after a measurement."


def _warning(trial: Any, run: Any) -> str:
    if trial.kind == "emulated":
        return "emulated: not a board's times"
    if run.problems:
        return "not usable: see Context"
    if trial.weights == "random":
        return "random weights"
    return "stopped early" if trial.cancelled else ""


def _context(trial: Any) -> str:
    """Facts, checks and problems of a trial as HTML; every text of the board is escaped."""
    rows = [
        ("board", f"{figures.place_name(trial)} {trial.emulated}"),
        ("measured", f"{trial.when}, {trial.model} ({trial.weights} weights) cut at {trial.split}"),
        ("codec", f"{figures.codec_text(trial)}, run there by {trial.codec_path}"),
        ("network", f"{trial.precision}, {trial.provider}"),
        ("round trip", figures.duration(trial.rtt_s)),
        ("agent's memory", figures.size(trial.peak_memory_bytes) if trial.peak_memory_bytes else "–"),
        *((name, value) for name, value in trial.checks.items()),
        *((f"{run.way}, {run.mode}", problem) for run in trial.runs for problem in run.problems),
        *((f"{run.way}, {run.mode}", remark) for run in trial.runs for remark in run.notes),
        *trial.context.get("notes", {}).items(),
        *((name, value) for name, value in trial.facts.items() if value not in (None, "", ())),
    ]
    cells = "".join(
        f"<tr><th style='text-align:left;padding-right:16px'>{html.escape(str(name))}</th>"
        f"<td>{html.escape(_told(name, value))}</td></tr>"
        for name, value in rows
    )
    return f"<table class='wb-context'>{cells}</table>"


def _told(name: str, value: Any) -> str:
    """A fact as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, int | float):
        unit = {"bytes": "bytes", "s": "s"}.get(name.rpartition("_")[2], "")
        return f"{value / 1e6:.0f} MHz" if name.endswith("_hz") else str(readable(value, unit))
    return str(value)


def boards(session: Boards | None = None) -> BoardsPage:
    """The Boards page, ready to be displayed; without a session, one on this machine's inventory."""
    if session is None:
        from workbench.session.board_work import Bench
        from workbench.session.runner import Threads

        session = Boards(Bench(), Threads())
        page = BoardsPage(session)
        session.load()
        return page
    return BoardsPage(session)
