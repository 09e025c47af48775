"""Which compensator? A search over families and sizes, in one file that several workers may share.

    draw settings ─▶ train stage 1 briefly ─▶ held-out loss │ accuracy, parameters, server time ─▶ draw better

    approach 1   family and all its settings are drawn together, towards the least held-out loss
    approach 2   first the family and its depth, the rest at its middle; then the rest, for the best of these
    pareto       all together, towards high accuracy, few parameters and short server time at once

It stops by three rules, whichever comes first: so many candidates; no better one for so long; good enough.
The approaches are those that the QCNet paper names, as understood here: its text was not at hand.

A search that is killed goes on from its file, and a second process on the same file helps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from workbench.errors import InputError, SettingError, StorageError
from workbench.models import Split
from workbench.neural.comparing import Pictures
from workbench.neural.compensators import FAMILIES, Compensator, suits
from workbench.neural.fitting import split_rows
from workbench.neural.measuring import accuracy
from workbench.neural.methods import QcNet
from workbench.neural.plans import Plan
from workbench.neural.training import Recipe, train
from workbench.records import Tried

if TYPE_CHECKING:
    import optuna

Progress = Callable[[int, int, str], None]
Approach = Literal["1", "2", "pareto"]
_MIDDLE = {"f_m": 1.0, "s_m": 2, "heads": 4, "window": 4, "embdim": 1.0, "ffdim": 4}
_STUDY = "compensators"
_REDRAWS = 20


@dataclass(frozen=True, slots=True)
class Stop:
    """When a search ends: `candidates` in all, `patience` of them without a better one, or `target`."""

    candidates: int = 30
    patience: int = 12
    target: float = 0.0

    def __post_init__(self) -> None:
        for name, low in (("candidates", 1), ("patience", 1), ("target", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value < 1e9:
                raise SettingError(f"search: {name} is {value!r}; it must be a number from {low}")

    def reason(self, losses: Sequence[float], newest: int | None = None) -> str:
        """Why a search with these losses, in order, is over; empty where it is not.

        `newest` is the last one that was better than those before it: of the least loss where not given.
        """
        if len(losses) >= self.candidates:
            return "candidates"
        best = min(range(len(losses)), key=losses.__getitem__, default=0)
        if losses and losses[best] <= self.target:
            return "target"
        last = best if newest is None else newest
        return "patience" if losses and len(losses) - 1 - last >= self.patience else ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One compensator that was tried: held-out loss of stage 1, accuracy behind it without fine-tuning."""

    number: int
    compensator: Compensator
    loss: float
    accuracy: float | None
    parameters: int
    server_s: float


def search(
    split: Split,
    learn: Pictures,
    storage: Path,
    *,
    approach: Approach = "1",
    stop: Stop | None = None,
    families: Iterable[str] = FAMILIES,
    plan: Plan | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    watch: Callable[[tuple[Candidate, ...]], None] | None = None,
) -> tuple[Candidate, ...]:
    """Every candidate of the search in `storage`, those of earlier and of other workers among them.

    Parameters
    ----------
    learn : pictures (N, C, H, W) and classes; "pareto" needs the classes. A fifth is held out to judge by.
    storage : file that keeps the search.
    plan : how long each candidate is trained.
    progress : called with (candidates finished, at most so many, words) often; may raise `Cancelled`.
    watch : called with all candidates after each.

    Raises
    ------
    InputError : no family takes these features; "pareto" without labels.
    SettingError : the file holds a search around another split, or by another approach.
    StorageError : the file cannot be written.
    """
    stop, plan = stop or Stop(), plan or Plan(epochs=6, patience=0)
    able = [family for family in FAMILIES if family in set(families) and suits(family, split.point.shape)]
    if not able:
        raise InputError(f"search: none of {tuple(families)} takes features of shape {split.point.shape}")
    if approach not in ("1", "2", "pareto"):
        raise SettingError(f"search: approach is {approach!r}; known: 1, 2, pareto")
    if approach == "pareto" and learn.labels is None:
        raise InputError("search: pareto weighs accuracy, which needs labels; give them, or use approach 1")
    study = _open(storage, approach, split, seed)
    while not _over(study, stop, approach) and _begun(study) < stop.candidates:
        done = len(candidates(study))

        def tell(*_: object, done: int = done) -> None:
            if progress is not None:
                progress(done, stop.candidates, "search")

        tell()
        with _told(storage):
            trial, chosen = _ask(study, able, approach, stop)
            try:
                found = _try(chosen, split, learn, plan, seed, tell)
            except BaseException:
                study.tell(trial, state=_failed())  # or it would count as one that a worker is at
                raise
            for name, value in found.items():
                trial.set_user_attr(name, value)
            trial.set_user_attr("compensator", chosen.settings())
            if approach == "pareto":
                study.tell(trial, (found["accuracy"], found["parameters"], found["server_s"]))
            else:
                study.tell(trial, found["loss"])
        if watch is not None:
            watch(candidates(study))
    return candidates(study)


def candidates(study: optuna.Study) -> tuple[Candidate, ...]:
    """The finished candidates of a study, in order."""
    return tuple(
        Candidate(
            trial.number,
            Compensator(**trial.user_attrs["compensator"]),
            trial.user_attrs["loss"],
            trial.user_attrs["accuracy"],
            trial.user_attrs["parameters"],
            trial.user_attrs["server_s"],
        )
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name == "COMPLETE"
    )


def pareto(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Those that no other beats in one of accuracy, parameters and server time without losing in another."""

    def scores(one: Candidate) -> tuple[float, float, float]:
        return (-(one.accuracy or 0.0), one.parameters, one.server_s)

    def beats(other: Candidate, one: Candidate) -> bool:
        pairs = list(zip(scores(other), scores(one), strict=True))
        return all(theirs <= mine for theirs, mine in pairs) and any(theirs < mine for theirs, mine in pairs)

    return tuple(one for one in found if not any(beats(other, one) for other in found))


def tried(found: Sequence[Candidate]) -> tuple[Tried, ...]:
    """The same as records, with what is on the Pareto front."""
    front = {one.number for one in pareto(found)}
    return tuple(
        Tried(
            one.number, one.compensator.family, one.compensator.sizes, one.loss, one.accuracy,
            one.parameters, one.server_s, one.number in front,
        )
        for one in found
    )  # fmt: skip


def _over(study: optuna.Study, stop: Stop, approach: str) -> str:
    """Why the search is over; for "pareto" a candidate is better if it came onto the front."""
    found = candidates(study)
    newest = None
    if approach == "pareto":
        newest = max((at for at in range(len(found)) if found[at] in pareto(found[: at + 1])), default=0)
    return stop.reason([one.loss for one in found], newest)


def _failed() -> optuna.trial.TrialState:
    from optuna.trial import TrialState

    return TrialState.FAIL


def _begun(study: optuna.Study) -> int:
    """Candidates that are finished or that a worker is at; one that was killed long ago counts no more."""
    import datetime

    recent = datetime.datetime.now() - datetime.timedelta(hours=1)
    return sum(
        trial.state.name == "COMPLETE"
        or (trial.state.name == "RUNNING" and (trial.datetime_start or recent) > recent)
        for trial in study.get_trials(deepcopy=False)
    )


def _open(storage: Path, approach: str, split: Split, seed: int) -> optuna.Study:
    try:
        import optuna
    except ImportError as error:
        raise SettingError("a search needs optuna; install it with: pip install optuna") from error
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    what = f"{split.model.fingerprint} {split.point.name} {approach}"
    least, most = optuna.study.StudyDirection.MINIMIZE, optuna.study.StudyDirection.MAXIMIZE
    directions = [most, least, least] if approach == "pareto" else [least]
    try:
        storage.parent.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(storage))), study_name=_STUDY,
            directions=directions, load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=seed + _workers(storage), n_startup_trials=6),
        )  # fmt: skip
    except OSError as error:
        raise _unwritten(storage, error) from error
    except (ValueError, KeyError) as error:
        raise SettingError(f"search: {storage} holds no search of compensators ({error})") from error
    if study.user_attrs.setdefault("search", what) != what:
        raise SettingError(
            f"search: {storage} holds a search for {study.user_attrs['search']!r} (fingerprint, split, "
            f"approach), not for {what!r}; choose another file"
        )
    with _told(storage):
        study.set_user_attr("search", what)
    return study


@contextmanager
def _told(storage: Path) -> Iterator[None]:
    """A full disk as an error that says what to do; the candidates before it are in the file."""
    try:
        yield
    except OSError as error:
        raise _unwritten(storage, error) from error


def _unwritten(storage: Path, error: OSError) -> StorageError:
    return StorageError(
        f"search: cannot write {storage}: {error.strerror or error}; free some space or choose another file, "
        "then start it again: a search goes on from the last candidate that was written"
    )


def _workers(storage: Path) -> int:
    """Different for each start on the same file, so that two workers do not draw the same candidates."""
    return storage.stat().st_size % 1_000_003 if storage.exists() else 0


def _ask(
    study: optuna.Study, able: Sequence[str], approach: str, stop: Stop
) -> tuple[optuna.Trial, Compensator]:
    """The next trial and its compensator.

    One that was tried already is passed over, and the next drawn blindly: the sampler would offer it again
    and again. After some such draws it is taken nevertheless, for a family may have few.
    """
    import optuna

    usual, blind = study.sampler, optuna.samplers.RandomSampler(seed=len(study.get_trials(deepcopy=False)))
    known = {one.compensator for one in candidates(study)}
    try:
        for left in reversed(range(_REDRAWS)):
            trial = study.ask()
            chosen = _draw(trial, able, approach, study, stop)
            if chosen not in known or not left:
                break
            trial.set_user_attr("passed_over", True)
            study.tell(trial, state=_failed())
            study.sampler = blind
    finally:
        study.sampler = usual
    return trial, chosen


def _draw(
    trial: optuna.Trial, able: Sequence[str], approach: str, study: optuna.Study, stop: Stop
) -> Compensator:
    family, size, rest = "", {}, dict(_MIDDLE)
    done = candidates(study)
    first_half = approach == "2" and len(done) < stop.candidates // 2
    if approach != "2" or first_half:
        family = trial.suggest_categorical("family", list(able))
        size = _draw_depth(trial, family)
    else:
        best = min(done, key=lambda one: one.loss).compensator
        family = best.family
        size = {"n": best.n} if family != "T" else {"n_g": best.n_g, "n_l": best.n_l}
    if not first_half:
        rest = _draw_rest(trial, family)
    if family == "C":  # it has no stride to multiply
        return Compensator("C", **size, f_m=rest["f_m"], s_m=1)
    if family != "T":
        return Compensator(family, **size, f_m=rest["f_m"], s_m=rest["s_m"])  # type: ignore[arg-type]
    return Compensator("T", **size, heads=int(rest["heads"]), window=int(rest["window"]), ffdim=_ffdim(rest))


def _ffdim(rest: dict[str, Any]) -> int:
    return int(rest["ffdim"]) * 32


def _draw_depth(trial: optuna.Trial, family: str) -> dict[str, Any]:
    if family != "T":
        return {"n": trial.suggest_int("n", 1, 4)}
    return {"n_g": trial.suggest_int("n_g", 1, 2), "n_l": trial.suggest_int("n_l", 0, 2)}


def _draw_rest(trial: optuna.Trial, family: str) -> dict[str, Any]:
    if family == "T":
        return {
            "heads": trial.suggest_categorical("heads", [1, 2, 4]),
            "window": trial.suggest_categorical("window", [2, 4, 8]),
            "ffdim": trial.suggest_categorical("ffdim", [1, 2, 4, 8]),
        }
    filters = {"f_m": trial.suggest_categorical("f_m", [0.25, 0.5, 1.0, 1.5])}
    return filters if family == "C" else {**filters, "s_m": trial.suggest_int("s_m", 1, 2)}


def _try(
    chosen: Compensator, split: Split, learn: Pictures, plan: Plan, seed: int, progress: Progress
) -> dict[str, Any]:
    """Loss, accuracy, parameters and server time of one candidate, on the pictures that were held out."""
    trained = train(QcNet(chosen), split, learn.pictures, recipe=Recipe(plan), seed=seed, progress=progress)
    chain, (curve,) = trained.chain, trained.curves
    _, held = split_rows(len(learn.pictures), plan, seed)
    share = None if learn.labels is None else accuracy(chain, learn.pictures[held], learn.labels[held])
    loss = min(curve.held_out, default=math.inf)
    return {
        "loss": loss if math.isfinite(loss) else 1e9,
        "accuracy": share,
        "parameters": sum(weight.numel() for weight in chain.restorer.parameters()),
        "server_s": _seconds(chain.restorer, tuple(split.point.shape)),
    }


def _seconds(restorer: torch.nn.Module, shape: tuple[int, ...]) -> float:
    """The fastest of 25 runs for one picture, after two that warm up: other work only ever adds to it."""
    bits, taken = torch.zeros(1, *shape), []
    with torch.no_grad():
        for _ in range(27):
            start = time.perf_counter()
            restorer(bits)
            taken.append(time.perf_counter() - start)
    return min(taken[2:])
