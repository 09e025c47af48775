"""The Boards app's state: what is to be measured, how far it is, what came out. Traitlets, no widgets.

boards, network, splits, codecs, runs ──▶ measure ──▶ Runner ──▶ BoardWork
                                                                   │
    live (while it runs), trials, failures, problem, progress  ◀───┘
                            └─ link ─▶ compared
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import traitlets

from workbench.board_records import BoardRow, BoardSample, BoardTrial
from workbench.errors import Cancelled, SettingError
from workbench.session.board_work import BoardWork, Measurement
from workbench.session.jobs import Jobs
from workbench.session.results import Problem
from workbench.session.runner import Progress, Runner, Ticket
from workbench.session.work import Field

PRECISIONS: Final = ("fp32", "fp16")
MODES: Final = {"both": ("burst", "chain"), "burst": ("burst",), "chain": ("chain",)}
LIVE_EVERY_S: Final = 0.25
_USUAL: Final = Measurement()


class Boards(Jobs):
    """Set what is wanted, call `measure`, read the rest.

    Parameters
    ----------
    work : does what takes time.
    runner : `Threads()` behind a page, `AtOnce()` in a test.
    """

    boards = traitlets.Tuple(default_value=_USUAL.boards)
    network = traitlets.Unicode(_USUAL.network)
    splits = traitlets.Tuple(help="names of split points; empty until the network is known")
    codecs = traitlets.Tuple(default_value=_USUAL.codecs)
    settings = traitlets.Dict(help="of the codec, where exactly one is chosen")
    runs = traitlets.Int(_USUAL.runs)
    precision = traitlets.Enum(PRECISIONS, PRECISIONS[0])
    mode = traitlets.Enum(tuple(MODES), "both")
    baselines = traitlets.Bool(True)

    link = traitlets.Unicode("wifi-54", help="the link whose model stands beside what was measured")

    places = traitlets.Tuple(help="Places of the inventory")
    points = traitlets.Tuple(help="Points of the network, once it is loaded")
    weights = traitlets.Unicode("", help="trained, random or own, once the network is loaded")
    live = traitlets.Tuple(help="(board, way, mode, rows, samples) of each run that is coming in")
    trials = traitlets.Tuple(help="every BoardTrial of this page, the newest last")
    compared = traitlets.Tuple(help="what the trials sent, Compared with the link")
    failures = traitlets.Dict(help="board to the reason why it gave nothing more")
    said = traitlets.Unicode("", help="what the last check of a board gave")
    code = traitlets.Unicode("", help="Python that measures the same")

    def __init__(self, work: BoardWork, runner: Runner) -> None:
        super().__init__(runner)
        self._work = work
        self._cancel = threading.Event()
        self._incoming: dict[tuple[str, str, str], tuple[list[BoardRow], list[BoardSample]]] = {}
        self._shown_at = 0.0
        self._loading = self._load_then = False
        self.measuring = False  # whether what runs is a measurement
        self.known_codecs = work.codecs()
        self.networks = work.networks()
        self.links = work.links()
        self.observe(lambda _change: self.load(), "network")
        chosen = [
            "boards",
            "network",
            "splits",
            "codecs",
            "settings",
            "runs",
            "precision",
            "mode",
            "baselines",
            "link",
        ]
        self.observe(lambda _change: self._describe(), chosen)
        self.observe(lambda _change: setattr(self, "settings", {}), "codecs")
        self.observe(lambda _change: self._compare(), ["trials", "link"])
        self._describe()

    @property
    def wanted(self) -> Measurement:
        """The present choice as one value."""
        return Measurement(
            self.boards, self.network, self.splits, self.codecs, dict(self.settings), self.runs,
            self.precision, MODES[self.mode], self.baselines,
        )  # fmt: skip

    def fields(self) -> tuple[Field, ...]:
        """What can be set on the codec, where exactly one is chosen."""
        found = [entry for entry in self.known_codecs if self.codecs == (entry.name,)]
        return found[0].fields if found else ()

    def set_setting(self, name: str, value: Any) -> None:
        """Change one setting of the codec."""
        self.settings = {**self.settings, name: value}

    def load(self) -> None:
        """Read the inventory, and learn where the network can be cut; after a measurement that runs."""
        self.points, self.weights = (), ""
        self._load_then = self.busy and not self._loading
        if not self._load_then:
            self._loading = True
            self._start(f"loading {self.network}", self._load, instead=True)

    def check(self, board: str) -> None:
        """Look at a board."""
        self._start(f"looking at {board}", lambda ticket: self._check(board, ticket))

    def measure(self) -> None:
        """Measure what is chosen; `cancel` stops it, and what was measured is kept."""
        wanted = self.wanted
        if not (wanted.boards and wanted.splits and wanted.codecs):
            missing = [name for name in ("boards", "splits", "codecs") if not getattr(wanted, name)]
            self.problem = Problem(SettingError(f"choose at least one of: {', '.join(missing)}"), "measuring")
            return
        if not self.busy:
            self._cancel.clear()
            self._incoming, self.live, self.failures = {}, (), {}
            self.measuring = True
        self._start("measuring", lambda ticket: self._measure(wanted, ticket))

    def cancel(self) -> None:
        """Stop within a second; what was measured comes all the same."""
        self._cancel.set()
        with self.lock:
            if self.busy and not self.measuring:
                self._runner.stop()
                self.problem = Problem(Cancelled("Stopped. Press the button again to go on."), "waiting")
                self._rest("", 0.0)

    def recall(self) -> None:
        """Put what was measured before, by anyone here, in front of this page's trials."""
        self._start("reading the trial store", self._recall)

    def forget(self) -> None:
        """Take the trials away."""
        self.trials, self.live = (), ()

    def _compare(self) -> None:
        self.compared = self._work.compare(self.trials, self.link)

    def _rest(self, doing: str, seconds: float) -> None:
        super()._rest(doing, seconds)
        self._loading = self.measuring = False
        if self._load_then:
            problem = self.problem
            self.load()
            self.problem = problem or self.problem

    # in the thread

    def _load(self, ticket: Ticket) -> None:
        places = self._work.boards()
        ticket.deliver(lambda: setattr(self, "places", places))
        weights, points = self._work.points(self.network, ticket)
        usual = points[len(points) // 2].name if points else ""

        def take() -> None:
            names = [point.name for point in points]
            kept = tuple(name for name in self.splits if name in names)
            self.weights, self.points = weights, points
            self.splits = kept or ((usual,) if usual else ())

        ticket.deliver(take)

    def _recall(self, ticket: Ticket) -> None:
        earlier = self._work.earlier()
        here = {(trial.when, trial.board, trial.split, trial.codec) for trial in self.trials}
        fresh = [one for one in earlier if (one.when, one.board, one.split, one.codec) not in here]
        ticket.deliver(lambda: setattr(self, "trials", (*fresh, *self.trials)))

    def _check(self, board: str, ticket: Ticket) -> None:
        said = self._work.check(board)
        ticket.deliver(lambda: setattr(self, "said", said))

    def _measure(self, wanted: Measurement, ticket: Ticket) -> None:
        def report(board: str, done: int, total: int, what: str) -> None:
            if self._cancel.is_set():
                raise Cancelled("Stopped. What was measured before is kept.")
            told = what if board in what else f"{board}: {what}"
            ticket.deliver(lambda: setattr(self, "progress", Progress(done, total, told)))

        def heard(board: str, way: str, mode: str, rows: Any, samples: Any) -> None:
            known = self._incoming.setdefault((board, way, mode), ([], []))
            if rows and known[0] and rows[0].start_s < known[0][-1].start_s:  # the next split or codec
                known = self._incoming[(board, way, mode)] = ([], [])
            known[0].extend(rows)
            known[1].extend(samples)
            if time.monotonic() - self._shown_at > LIVE_EVERY_S:
                self._shown_at = time.monotonic()
                ticket.deliver(self._show_live)

        trials, failures = self._work.measure(wanted, report, heard)

        def take() -> None:
            self._show_live()
            self.trials = (*self.trials, *trials)
            self.failures = failures
            if self._cancel.is_set():
                self.problem = Problem(Cancelled("Stopped. What was measured before is kept."), "measuring")

        ticket.deliver(take)

    def _show_live(self) -> None:
        self.live = tuple(
            (*key, tuple(rows), tuple(samples)) for key, (rows, samples) in self._incoming.items()
        )

    def latest(self) -> BoardTrial | None:
        """The newest trial."""
        return self.trials[-1] if self.trials else None

    def _describe(self) -> None:
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        codecs = ", ".join(
            f"wb.codec({name!r}{settings if len(self.codecs) == 1 else ''})" for name in self.codecs
        )
        self.code = (
            "import workbench as wb\n"
            "from workbench.experiments.board_series import measure_series\n"
            "from workbench.experiments.board_store import compared\n"
            "from workbench.figures.boards import links_figure, stage_figure\n\n"
            f"trials, failures = measure_series(\n    {list(self.boards)!r}, {self.network!r}, "
            f"{list(self.splits)!r}, [{codecs}],\n    runs={self.runs}, precision={self.precision!r}, "
            f"modes={MODES[self.mode]!r}, baselines={self.baselines!r},\n)\nstage_figure(trials)\n"
            f"links_figure(compared(trials, wb.link({self.link!r})))"
        )
