"""What the Training session asks of the workbench, and the real thing behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

from workbench.codec_records import Claim
from workbench.errors import WorkbenchError
from workbench.records import LossCurve, Reached, Summary, Tried, training_place
from workbench.session.board_work import Point
from workbench.session.desk import Desk
from workbench.session.work import Report

Heard = Callable[[LossCurve], None]
Made = Callable[[Reached], None]
Found = Callable[[tuple[Tried, ...]], None]
Held = Callable[["Kept"], None]
Damaged = Callable[[WorkbenchError], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything that decides what is trained."""

    network: str = "digits-resnet"
    split: str = ""
    methods: tuple[str, ...] = ("qcnet-h",)
    seeds: int = 1
    epochs: int = 20
    finetune_epochs: int = 6
    labels: bool = True
    copies: int = 0
    teacher: float = 0.0
    temperature: float = 1.0

    @property
    def lesson(self) -> tuple[Any, ...]:
        """Where is trained, from what and how long: results compare only where this is the same."""
        second = self.labels or self.teacher == 1  # whether there is a stage 2
        taught = self.teacher, self.temperature if self.teacher else None, self.finetune_epochs
        return self.network, self.split, self.copies, self.epochs, taught if second else None

    @property
    def lesson_name(self) -> str:
        """What tells a bundle of this lesson from one of labels and pictures alone, at its name's end."""
        warm = f"-at{self.temperature:g}" if self.temperature != 1 else ""
        taught = f"-teacher{self.teacher:g}{warm}" if self.teacher else ""
        return taught + (f"-copies{self.copies}" if self.copies else "")

    @property
    def taught(self) -> str:
        """Who teaches, and from how many copies, in words; empty where it is labels and pictures alone."""
        cool = f" at temperature {self.temperature:g}" if self.temperature != 1 else ""
        words = [
            f"taught {100 * self.teacher:.0f} % by the unsplit network{cool}" if self.teacher else "",
            _copies(self.copies) if self.copies else "",
        ]
        return ", ".join(filter(None, words))


def _copies(count: int) -> str:
    return f"{count} varied {'copy' if count == 1 else 'copies'} of each picture"


class MethodEntry(NamedTuple):
    """A method to choose, what it is in a line, and whether it is a control, no competitor."""

    name: str
    summary: str
    control: bool = False


class Earlier(NamedTuple):
    """What the project's records say of one network and split: methods, the paper beside them, a search.

    `teacher` is the share of the unsplit network's answers in what was learned. `times` says what spoils the
    times, `commands` give the methods again; a search has its own of both.
    """

    model: str
    split: str
    accuracy_unsplit: float | None
    summary: tuple[Summary, ...]
    claims: tuple[Claim, ...] = ()
    tried: tuple[Tried, ...] = ()
    times: str = ""
    commands: tuple[str, ...] = ()
    search_times: str = ""
    search_command: str = ""
    teacher: float = 0.0

    @property
    def place(self) -> str:
        """Network, split and teacher, in words."""
        return training_place(self.model, self.split, self.teacher)


class Kept(NamedTuple):
    """A trained method that was saved: its bundle's name and file, and the weights of a learned codec."""

    method: str
    seed: int
    name: str
    path: str
    weights: str = ""

    @property
    def folder(self) -> str:
        """Where the bundle is."""
        return str(Path(self.path).parent)


class Shown(NamedTuple):
    """What is recorded of HECS-B: way to (m, error, spread), way to (bytes, accuracy), (what, command)."""

    recoveries: Mapping[str, Sequence[tuple[int, float, float]]]
    rates: Mapping[str, Sequence[tuple[float, float]]]
    told: tuple[tuple[str, str], ...]


class TrainingWork(Protocol):
    """Each call may raise a `WorkbenchError`."""

    def networks(self) -> tuple[str, ...]:
        """Networks to choose from."""

    def methods(self) -> tuple[MethodEntry, ...]:
        """Methods to choose from."""

    def points(self, network: str, report: Report) -> tuple[str, tuple[Point, ...]]:
        """What its weights are ("trained", "random", "own"), and where it can be cut."""

    def place(self) -> str:
        """Where training runs, in words."""

    def train(self, wanted: Wanted, report: Report, heard: Heard, made: Made, kept: Held) -> None:
        """Train all that is wanted; `heard` gets loss curves as they grow, `made` and `kept` each result."""

    def search(self, wanted: Wanted, candidates: int, report: Report, found: Found) -> None:
        """Search for a compensator around the split; `found` gets all that were tried, after each."""

    def summarise(self, reached: Sequence[Reached]) -> tuple[Summary, ...]:
        """Mean and spread over seeds, a method each."""

    def earlier(self, damaged: Damaged) -> tuple[Earlier, ...]:
        """What the project's own records say; `damaged` gets the error of each that cannot be read."""

    def hecs(self, damaged: Damaged) -> Shown:
        """What they say of HECS-B beside others; `damaged` as above."""


class Trainer:
    """`TrainingWork` on this machine, on the digits."""

    def __init__(self) -> None:
        self._desk = Desk()
        self._models: dict[str, Any] = {}

    def networks(self) -> tuple[str, ...]:
        """The demo networks: the pictures that ship are those they know."""
        return self._desk.networks()

    def methods(self) -> tuple[MethodEntry, ...]:
        """Every method."""
        from workbench.neural.methods import METHODS, method

        every = [method(name) for name in METHODS]
        return tuple(MethodEntry(one.name, one.summary, one.control) for one in every)

    def points(self, network: str, report: Report) -> tuple[str, tuple[Point, ...]]:
        """Load it, and list its cuts."""
        from workbench.models import split_points

        report(0, 1, f"loading {network}")
        model = self._model(network)
        return model.weights, tuple(Point(point.name, point.fp32_bytes) for point in split_points(model))

    def place(self) -> str:
        """The GPU's name and precision, or the CPU and its threads."""
        import torch

        from workbench.neural.fitting import device, mixed_precision

        if device().type == "cuda":
            precision = "mixed precision" if mixed_precision() else "single precision"
            return f"GPU: {torch.cuda.get_device_name(0)}, {precision}"
        threads = torch.get_num_threads()
        words = "1 thread" if threads == 1 else f"{threads} threads"
        return f"CPU, {words}; a CUDA GPU would be used if there were one"

    def train(self, wanted: Wanted, report: Report, heard: Heard, made: Made, kept: Held) -> None:
        """One method and seed after the other; each is saved as soon as it is measured."""
        from dataclasses import replace

        from workbench.models import split
        from workbench.neural.comparing import Pictures, compare
        from workbench.neural.methods import method
        from workbench.neural.pictures import training_pictures
        from workbench.neural.training import Recipe

        model = self._model(wanted.network)
        learn, test = training_pictures(model, "digits")
        usual = Recipe()
        recipe = replace(
            usual,
            reconstruct=replace(usual.reconstruct, epochs=wanted.epochs),
            finetune=replace(
                usual.finetune, epochs=wanted.finetune_epochs, warmup=min(5, wanted.finetune_epochs // 2)
            ),
            copies=wanted.copies,
            teacher=wanted.teacher,
            temperature=wanted.temperature,
        )
        learn = learn if wanted.labels else Pictures(learn.pictures, None)
        chosen = [method(name) for name in wanted.methods]
        where = split(model, wanted.split)
        trained: list[Any] = []
        for reached in compare(
            chosen,
            where,
            learn,
            test,
            seeds=range(wanted.seeds),
            recipe=recipe,
            progress=report,
            made=trained.append,
            watch=heard,
        ):
            made(reached)
            kept(_keep(trained.pop(), wanted.lesson_name))

    def search(self, wanted: Wanted, candidates: int, report: Report, found: Found) -> None:
        """Towards accuracy, few parameters and short server time; goes on where the last one stopped."""
        from workbench.models import split
        from workbench.neural.pictures import training_pictures
        from workbench.neural.search import Stop, search, tried

        model = self._model(wanted.network)
        learn, _ = training_pictures(model, "digits")
        where = split(model, wanted.split)
        file = _cache() / "searches" / f"{model.fingerprint}-{quote(wanted.split, safe='')}.log"
        stop = Stop(candidates, patience=candidates)
        every = search(
            where, learn, file, approach="pareto", stop=stop, progress=report,
            watch=lambda now: found(tried(now)),
        )  # fmt: skip
        found(tried(every))

    def summarise(self, reached: Sequence[Reached]) -> tuple[Summary, ...]:
        """Mean and spread over seeds."""
        from workbench.neural.comparing import summarise

        return summarise(reached)

    def earlier(self, damaged: Damaged) -> tuple[Earlier, ...]:
        """The records in data/results."""
        from workbench.experiments.trained import claims, recorded, searched

        searches = {(one.model, one.split, 0.0): one for one in searched(damaged=damaged)}
        records = {(one.model, one.split, one.teacher): one for one in recorded(damaged=damaged)}
        found = []
        for place in dict.fromkeys([*records, *searches]):
            model, split, teacher = place
            told = Earlier(model, split, None, (), teacher=teacher)
            if place in records:
                one = records[place]
                told = told._replace(
                    accuracy_unsplit=one.unsplit, summary=one.summary, claims=claims(one), times=one.times,
                    commands=one.commands,
                )  # fmt: skip
            if place in searches:
                search = searches[place]
                told = told._replace(
                    tried=search.tried, search_times=search.times, search_command=search.command
                )
            found.append(told)
        return tuple(found)

    def hecs(self, damaged: Damaged) -> Shown:
        """The records in data/results."""
        from workbench.experiments.trained import measurements

        return Shown(*measurements(damaged=damaged))

    def _model(self, network: str) -> Any:
        from workbench.models import load_model

        if network not in self._models:
            self._models.clear()
            self._models[network] = load_model(network)
        return self._models[network]


def _cache() -> Path:
    import platformdirs

    home = os.environ.get("WORKBENCH_CACHE") or platformdirs.user_cache_path("workbench", appauthor=False)
    return Path(home)


def _keep(trained: Any, lesson: str) -> Kept:
    """Save it where the Fidelity app finds it; the same lesson again takes the place of the one before.

    A learned codec's weights are saved beside it, for ``wb.codec(name, weights=...)`` and the Explorer.

    Raises
    ------
    StorageError : the disk is full, or the folder cannot be written to.
    """
    from workbench.experiments.bundles import own_folder
    from workbench.neural import bundle
    from workbench.neural.learned import codec_of

    where = trained.split
    parts = (where.model.name, where.point.name, trained.method.name, str(trained.seed))
    name = "-".join(parts).replace("/", "-") + lesson
    path = own_folder() / f"{name}.safetensors"
    bundle.save(trained, path)
    if trained.chain.codec is not None:
        return Kept(trained.method.name, trained.seed, name, str(path))
    weights = own_folder() / f"{name}-codec.safetensors"
    codec_of(trained, weights)
    return Kept(trained.method.name, trained.seed, name, str(path), str(weights))
