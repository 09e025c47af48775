"""The Training app's state: what is to be trained, how its loss falls, what came out. Traitlets, no widgets.

network, split, methods, recipe ──▶ train ──▶ Runner ──▶ TrainingWork
                                                           │
        curves (while it runs), summary, problem  ◀────────┘
"""

from __future__ import annotations

import traitlets

from workbench.errors import Cancelled, SettingError, WorkbenchError
from workbench.records import LossCurve, Reached, Tried
from workbench.session.jobs import Jobs
from workbench.session.results import Problem
from workbench.session.runner import Runner, Ticket
from workbench.session.training_work import Earlier, Kept, TrainingWork, Wanted

_USUAL = Wanted()
_CHOSEN = (
    "network", "split", "methods", "seeds", "epochs", "finetune_epochs", "labels", "copies", "teacher",
    "temperature",
)  # fmt: skip


class Training(Jobs):
    """Set what is wanted, call `train`, read the rest.

    Parameters
    ----------
    work : does what takes time.
    runner : `Threads()` behind a page, `AtOnce()` in a test.
    """

    network = traitlets.Unicode(_USUAL.network)
    split = traitlets.Unicode(_USUAL.split, help="name of a split point; empty until the network is known")
    methods = traitlets.Tuple(default_value=_USUAL.methods)
    seeds = traitlets.Int(_USUAL.seeds)
    epochs = traitlets.Int(_USUAL.epochs)
    finetune_epochs = traitlets.Int(_USUAL.finetune_epochs)
    labels = traitlets.Bool(_USUAL.labels)
    copies = traitlets.Int(_USUAL.copies, min=0, max=1000, help="varied copies of each picture")
    teacher = traitlets.Float(
        _USUAL.teacher, min=0, max=1, help="share of the unsplit network's own answers in stage 2's loss"
    )
    temperature = traitlets.Float(_USUAL.temperature, min=0.1, max=100, help="of the teacher's answers")

    points = traitlets.Tuple(help="Points of the network, once it is loaded")
    weights = traitlets.Unicode("", help="trained, random or own, once the network is loaded")
    place = traitlets.Unicode("", help="where training runs")
    curves = traitlets.Tuple(help="(method and stage, LossCurve) of the training that runs or ran last")
    reached = traitlets.Tuple(help="the newest Reached of each method and seed, all of one lesson")
    shown = traitlets.Any(None, allow_none=True, help="the Wanted that gave the newest of `reached`")
    summary = traitlets.Tuple(help="a Summary of each method of `reached`")
    kept = traitlets.Tuple(help="Kept of each method and seed that was saved")
    candidates = traitlets.Int(12, help="a search tries so many compensators")
    tried = traitlets.Tuple(help="every Tried of the search around this split that ran here")
    earlier = traitlets.Tuple(help="what the project's own records say, an Earlier each network and split")
    record = traitlets.Unicode("", help="`place` of the Earlier that is looked at; empty where there is none")
    hecs = traitlets.Any(None, allow_none=True, help="Shown: the records of HECS-B, once they are read")
    damaged = traitlets.Tuple(help="what is wrong with each record that cannot be read, in a sentence")
    code = traitlets.Unicode("", help="commands that train the same, and Python that loads what was kept")

    def __init__(self, work: TrainingWork, runner: Runner) -> None:
        super().__init__(runner)
        self._work = work
        self.networks = work.networks()
        self.known_methods = work.methods()
        self.observe(lambda _change: self.load(), "network")
        self.observe(lambda _change: self.forget(), ["network", "split"])
        self.observe(lambda _change: self._describe(), [*_CHOSEN, "candidates", "kept"])
        self.observe(lambda _change: self._look(), ["network", "split", "earlier"])
        self._describe()

    @property
    def wanted(self) -> Wanted:
        """The present choice as one value."""
        return Wanted(**{name: getattr(self, name) for name in _CHOSEN})

    @property
    def outdated(self) -> bool:
        """Whether what is shown was learned otherwise than is chosen now; the next result takes its place."""
        return self.shown is not None and self.shown.lesson != self.wanted.lesson

    def load(self) -> None:
        """Learn where the network can be cut."""
        self.points, self.weights = (), ""
        self._start(f"loading {self.network}", self._load, instead=True)

    def train(self) -> None:
        """Train what is chosen; `cancel` stops it, and what was finished is kept."""
        wanted = self.wanted
        if not (wanted.methods and wanted.split):
            missing = "a method" if not wanted.methods else "a split"
            self.problem = Problem(SettingError(f"choose {missing} first"), "training")
            return
        self.curves = ()
        self._start("training", lambda ticket: self._train(wanted, ticket))

    def search(self) -> None:
        """Search for a compensator around the split; `cancel` stops it, and what was tried is kept."""
        if not self.split:
            self.problem = Problem(SettingError("choose a split first"), "searching")
            return
        wanted, candidates = self.wanted, self.candidates
        self._start("searching", lambda ticket: self._search(wanted, candidates, ticket))

    @property
    def recorded(self) -> Earlier | None:
        """What the project's records say of this network and split."""
        here = (self.network, self.split)
        return next((one for one in self.earlier if (one.model, one.split) == here), None)

    @property
    def looked_at(self) -> Earlier | None:
        """The record that `record` names: of the present choice, until another is asked for."""
        return next((one for one in self.earlier if one.place == self.record), None)

    def cancel(self) -> None:
        """Stop at the next batch; every method and seed that was finished stays."""
        with self.lock:
            self._runner.stop()
            if self.busy:
                self.problem = Problem(Cancelled("Stopped. What was finished before is kept."), "training")
                self.progress, self.busy = None, False

    def forget(self) -> None:
        """Take the results away."""
        self.reached, self.summary, self.curves, self.tried, self.kept = (), (), (), (), ()
        self.shown = None

    # in the thread

    def _load(self, ticket: Ticket) -> None:
        weights, points = self._work.points(self.network, ticket)
        damaged: list[WorkbenchError] = []
        place = self._work.place()
        earlier, hecs = self._work.earlier(damaged.append), self._work.hecs(damaged.append)
        names = [point.name for point in points]
        recorded = [one.split for one in earlier if one.model == self.network and one.split in names]
        usual = (recorded or names[len(names) // 2 :] or [""])[0]

        def take() -> None:
            self.weights, self.points, self.place = weights, points, place
            self.earlier, self.hecs, self.damaged = earlier, hecs, tuple(map(str, damaged))
            if self.split not in names:
                self.split = usual

        ticket.deliver(take)

    def _train(self, wanted: Wanted, ticket: Ticket) -> None:
        def heard(curve: LossCurve) -> None:
            ticket.check()
            ticket.deliver(lambda: self._show_curve(curve))

        def made(reached: Reached) -> None:
            alike = self.shown is not None and self.shown.lesson == wanted.lesson
            earlier = self.reached if alike else ()
            others = [one for one in earlier if (one.method, one.seed) != (reached.method, reached.seed)]
            everything = (*others, reached)
            summary = self._work.summarise(everything)

            def take() -> None:
                self.shown, self.reached, self.summary = wanted, everything, summary
                self.kept = self.kept if alike else ()

            ticket.deliver(take)

        def kept(one: Kept) -> None:
            others = [other for other in self.kept if other.path != one.path]
            ticket.deliver(lambda: setattr(self, "kept", (*others, one)))

        self._work.train(wanted, ticket, heard, made, kept)

    def _search(self, wanted: Wanted, candidates: int, ticket: Ticket) -> None:
        def found(tried: tuple[Tried, ...]) -> None:
            ticket.deliver(lambda: setattr(self, "tried", tried))

        self._work.search(wanted, candidates, ticket, found)

    def _show_curve(self, curve: LossCurve) -> None:
        others = tuple(pair for pair in self.curves if pair[0] != curve.what)
        self.curves = (*others, (curve.what, curve))

    def _look(self) -> None:
        """At the record of the present network and split."""
        self.record = self.recorded.place if self.recorded else ""

    def _describe(self) -> None:
        methods = "".join(f" --method {name}" for name in self.methods)
        labels = "" if self.labels else " --no-labels"
        copies = f" --copies {self.copies}" if self.copies else ""
        teacher = f" --teacher {self.teacher}" if self.teacher else ""
        if self.teacher and self.temperature != 1:
            teacher += f" --temperature {self.temperature}"
        loads = "".join(map(_loading, self.kept))
        self.code = (
            "# in a terminal\n"
            f"workbench train {self.network} --split {self.split}{methods} --seeds {self.seeds} "
            f"--epochs {self.epochs} --finetune-epochs {self.finetune_epochs}{labels}{copies}{teacher}\n"
            f"workbench train {self.network} --split {self.split} --search search.log --approach pareto "
            f"--candidates {self.candidates}\n"
        ) + (f"\n# what was kept\nimport workbench as wb\n{loads}" if loads else "")


def _loading(one: Kept) -> str:
    """Python that loads what was kept."""
    weights = f'codec = wb.codec("{one.method}", weights={one.weights!r})\n' if one.weights else ""
    return f'trained = wb.load_bundle("{one.name}")\n{weights}'
