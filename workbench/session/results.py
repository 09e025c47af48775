"""Results that follow a choice: asked for when the choice changes, greyed until they come, dropped when late.

    choice changes ─▶ refresh ─▶ Runner ─▶ _settle ─▶ _steps, one after the other ─▶ _arrive ─▶ traits

Each result has a key: the part of the choice on which it depends. Only results whose key changed are
asked for again, and until they come the old ones stay, marked stale.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, NamedTuple

import traitlets

from workbench.errors import Cancelled, WorkbenchError
from workbench.session.choice import Choice
from workbench.session.runner import Progress, Runner, Ticket

Kind = Literal["ran", "cached", "error", "note"]


class Problem(NamedTuple):
    """What went wrong instead of an answer. A `bug` is our fault, the rest a person can act on."""

    error: Exception
    doing: str

    @property
    def bug(self) -> bool:
        """Whether this is a fault of the workbench."""
        return not isinstance(self.error, WorkbenchError)


class Line(NamedTuple):
    """One line of the log; `number` counts from 1."""

    number: int
    kind: Kind
    text: str


class Results(traitlets.HasTraits):
    """What a session of any app does with its results; the app says which there are.

    A subclass names its main result in `_main`, those asked for only when looked at in `_lazy` and those
    that wait until a person has chosen nothing else for a moment in `_later`. It says what each depends on
    (`_needs`), who makes it (`_steps`) and how a choice is completed (`_settle`).
    """

    _main: str
    _lazy: tuple[str, ...] = ()
    _later: tuple[str, ...] = ()

    outcome = traitlets.Any(None, allow_none=True, help="the main result, or a Problem")
    stale = traitlets.Any(frozenset(), help="names of results that do not fit the choice yet")
    busy = traitlets.Bool(False)
    progress = traitlets.Any(None, allow_none=True, help="Progress of the work that runs")
    line = traitlets.Any(None, allow_none=True, help="the newest Line of the log")

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self._runner = runner
        self._keys: dict[str, Any] = {}
        self._quiet = 0
        self._lines = 0

    @property
    def lock(self) -> threading.RLock:
        """Held while a job delivers something, and by whoever must not be interrupted by that."""
        return self._runner.lock

    # what an app says of its results

    @property
    def choice(self) -> Choice:
        """The present choice as one value."""
        raise NotImplementedError

    def _needs(self, choice: Choice) -> dict[str, Any]:
        """What each result depends on, in the order in which they are made."""
        raise NotImplementedError

    def _steps(self) -> dict[str, Callable[[Choice, Ticket], Any]]:
        """Who makes each result that is made after the choice is settled."""
        raise NotImplementedError

    def _settle(self, choice: Choice, ticket: Ticket) -> Choice:
        """The choice with everything filled in that steps need."""
        raise NotImplementedError

    def _looked_at(self, name: str) -> bool:
        """Whether a result is shown anywhere at present; the rest is not asked for."""
        return True

    def _doing(self, choice: Choice) -> str:
        """The choice in words, for the log."""
        raise NotImplementedError

    def _describe(self) -> None:
        """Bring what is written of the choice up to date: its code, its link."""

    def _log(self, ticket: Ticket, name: str, doing: str, spent: float) -> None:
        """Tell that a result was made."""

    def _afterwards(self, ticket: Ticket) -> None:
        """What is done once all results are there."""

    # what every app does with them

    @property
    def unfinished(self) -> bool:
        """Whether something that is shown does not fit the choice."""
        return any(self._looked_at(name) for name in self.stale)

    def refresh(self) -> None:
        """Ask for whatever does not fit the choice; again also after an error or a Cancel."""
        with self.lock:  # a job that delivers meanwhile would be told of as if it had not
            wanted = self._to_do()
            self.busy = self.busy or bool(wanted)  # first, so that nothing seems to have stopped for a moment
            self._wanted()  # what is greyed is greyed before the address tells of the choice
            self._describe()
            if wanted:
                choice = self.choice
                self._runner.start(lambda ticket: self._job(choice, ticket), self._tell)
            else:
                self._runner.stop()
                self._rest()
                self._well()

    def cancel(self) -> None:
        """Stop what runs. The last results stay; `refresh` goes on."""
        with self.lock:
            self._runner.stop()
            if self.busy:
                self._rest()
                self._say("note", "cancelled")
                self.outcome = Problem(Cancelled("Stopped. Choose something, or press Run again."), "working")

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Changes inside lead to one refresh, at the end of the outermost."""
        with self.lock:
            with self._quietly():
                yield
            if not self._quiet:
                self.refresh()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Changes inside start nothing anew.

        They hold the runner's lock: a job that fills in the rest of a choice while a person changes it would
        fill in what fits the old one, and make the change seem part of its own.
        """
        with self.lock:
            self._quiet += 1
            try:
                yield
            finally:
                self._quiet -= 1

    def _wanted(self) -> list[str]:
        """Results that do not fit the choice and are looked at, in the order in which they are made."""
        self.stale = frozenset(self._unfit())
        return self._to_do()

    def _unfit(self) -> list[str]:
        """Results that do not fit the choice."""
        return [name for name, key in self._needs(self.choice).items() if self._keys.get(name) != key]

    def _to_do(self) -> list[str]:
        """Those of them that are looked at."""
        return [name for name in self._unfit() if self._looked_at(name)]

    def _fits(self, name: str, choice: Choice) -> bool:
        return bool(self._keys.get(name) == self._needs(choice)[name])

    def _job(self, choice: Choice, ticket: Ticket) -> None:
        doing = "working"
        try:
            doing = f"loading {choice.network}"
            choice = self._settle(choice, ticket)
            doing = self._doing(choice)
            steps = self._steps()
            while not self._finished(ticket):
                for name in self._wanted_now(ticket):
                    if name in self._later:
                        ticket.rest()
                    started = time.perf_counter()
                    result = steps[name](choice, ticket)
                    spent = time.perf_counter() - started
                    ticket.deliver(partial(self._arrive, name, result, choice))
                    self._log(ticket, name, doing, spent)
                self._afterwards(ticket)
        except Cancelled:
            ticket.deliver(self.cancel)
        except Exception as error:
            trouble = _no_memory(error, choice) or error
            ticket.deliver(lambda: self._fail(trouble, doing))

    def _wanted_now(self, ticket: Ticket) -> list[str]:
        wanted: list[str] = []
        ticket.deliver(lambda: wanted.extend(self._wanted()))
        return [name for name in wanted if name not in ("known", "gallery")]

    def _arrive(self, name: str, result: Any, choice: Choice) -> None:
        """Take a result of `choice`, which may no longer be the present one."""
        self._keys[name] = self._needs(choice)[name]
        setattr(self, name, result)  # before it stops being greyed
        if self._fits(name, self.choice):
            self.stale = self.stale - {name}
        if name == self._main:
            self.outcome = result

    def _fail(self, error: Exception, doing: str) -> None:
        self._rest()
        self._say("error", f"{doing}: {type(error).__name__}: {error}")
        self.outcome = Problem(error, doing)

    def _finished(self, ticket: Ticket) -> bool:
        """Whether nothing is left to do; then the session rests.

        Looks once more after resting: a view that came to the front just before thought work still ran.
        """
        left: list[str] = []

        def look() -> None:
            if not self._wanted():
                self._rest()
            left.extend(self._wanted())
            self.busy = bool(left)
            if not left:
                self._well()

        ticket.deliver(look)
        return not left

    def _well(self) -> None:
        """Everything fits the choice again: what went wrong before is past."""
        if isinstance(self.outcome, Problem) and getattr(self, self._main) is not None:
            self.outcome = getattr(self, self._main)

    def _rest(self) -> None:
        self.busy = False
        self.progress = None

    def _tell(self, progress: Progress) -> None:
        if self.busy:
            self.progress = progress

    def _say(self, kind: Kind, text: str) -> None:
        self._lines += 1
        self.line = Line(self._lines, kind, text)


def _no_memory(error: Exception, choice: Choice) -> WorkbenchError | None:
    """What to say when memory ran out, in Python or inside torch."""
    if not isinstance(error, MemoryError) and "allocate memory" not in str(error):
        return None
    return WorkbenchError(
        f"not enough memory for {choice.network}: {error}. Choose a smaller network, or close other kernels "
        f"(each holds about 0.8 GB)"
    )
