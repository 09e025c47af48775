"""Runs work behind the page: one job at a time, the newest wins, and Cancel works at once.

    start(job) ─▶ the job before is stopped ─▶ thread ─▶ job(ticket) ─▶ ticket.deliver(...)

A job gets a `Ticket`. It calls the ticket as its progress; that raises `Cancelled` once the ticket is
stopped. Results go through `ticket.deliver`, which drops them when a newer job has come meanwhile, so an old
answer never stands over a new choice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol

from workbench.errors import Cancelled

MESSAGES_PER_S = 10
BLINK_S = 0.2
REST_S = 1.0  # longer than a person pauses between two steps of a slider


class Progress(NamedTuple):
    """`done` of `total` steps of `what`."""

    done: int
    total: int
    what: str


class Ticket:
    """One job's right to speak."""

    def __init__(
        self,
        lock: threading.RLock,
        tell: Callable[[Progress], None],
        silent: bool = False,
        rest_s: float = 0.0,
    ) -> None:
        self._lock = lock
        self._tell = tell
        self._silent = silent
        self._rest_s = rest_s
        self._unsaid: Progress | None = None
        self._stopped = threading.Event()
        self._said_at = -1.0
        self._said_what = ""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Progress; shown at most ten times a second, and always when another step begins or one ends.

        Raises
        ------
        Cancelled : the job was stopped.
        """
        self.check()
        now = time.monotonic()
        if self._silent:
            self._unsaid = Progress(done, total, what)
            return
        if what == self._said_what and now - self._said_at < 1 / MESSAGES_PER_S:
            return
        self._said_at, self._said_what = now, what
        self.deliver(lambda: self._tell(Progress(done, total, what)))

    def speak(self) -> None:
        """End a silence: what would have been said last is said now."""
        self._silent = False
        if self._unsaid is not None:
            self(*self._unsaid)

    def rest(self) -> None:
        """Leave the machine to the page for a moment: it draws what was delivered, a person may go on.

        Raises
        ------
        Cancelled : the job was stopped, as it is when something else is chosen meanwhile.
        """
        self._stopped.wait(self._rest_s)
        self.check()

    def check(self) -> None:
        """Raise `Cancelled` if the job was stopped."""
        if self._stopped.is_set():
            raise Cancelled("Stopped. What was finished before is kept.")

    def deliver(self, act: Callable[[], None]) -> bool:
        """Do `act` if this job is still wanted; whether it was."""
        with self._lock:
            if self._stopped.is_set():
                return False
            act()
            return True

    def stop(self) -> None:
        """No more progress, no results."""
        self._stopped.set()

    @property
    def stopped(self) -> bool:
        """Whether nobody waits for this job any more."""
        return self._stopped.is_set()


Job = Callable[[Ticket], None]


class Runner(Protocol):
    """Something that runs jobs; a job must catch its own errors.

    `lock` is held while a job delivers something, and by whoever must not be interrupted by that.
    """

    lock: threading.RLock

    def start(self, job: Job, tell: Callable[[Progress], None]) -> None:
        """Run `job`, and stop the one before."""

    def stop(self) -> None:
        """Stop the job that runs."""


class Threads:
    """Each job in a thread of its own; one computes at a time.

    Parameters
    ----------
    silent_s : a job says nothing of its progress for so long, so that what is done in a blink sends no
        messages; `tell` may then be called once more right after a job has ended.
    rest_s : how long a job rests where it asks its ticket for a rest.
    """

    def __init__(self, silent_s: float = 0.0, rest_s: float = 0.0) -> None:
        self._silent_s = silent_s
        self._rest_s = rest_s
        self.lock = threading.RLock()
        self._turn = threading.Lock()
        self._ticket: Ticket | None = None
        self._thread: threading.Thread | None = None

    def start(self, job: Job, tell: Callable[[Progress], None]) -> None:
        """Begin `job` as soon as the one before has noticed that it was stopped."""
        with self.lock:
            self.stop()
            ticket = self._ticket = Ticket(self.lock, tell, self._silent_s > 0, self._rest_s)
            self._thread = threading.Thread(target=self._run, args=(job, ticket), daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """The job that runs may not speak any more, and ends at its next progress."""
        with self.lock:
            if self._ticket is not None:
                self._ticket.stop()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the newest job; whether it ended in time."""
        thread = self._thread
        if thread is None:
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    def _run(self, job: Job, ticket: Ticket) -> None:
        with self._turn:
            if ticket.stopped:
                return
            timer = threading.Timer(self._silent_s, _speak, [ticket])
            timer.daemon = True
            if self._silent_s:
                timer.start()
            try:
                job(ticket)
            finally:
                timer.cancel()


def _speak(ticket: Ticket) -> None:
    with suppress(Cancelled):
        ticket.speak()


class AtOnce:
    """Runs each job before `start` comes back: for tests and notebooks."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._ticket: Ticket | None = None

    def start(self, job: Job, tell: Callable[[Progress], None]) -> None:
        """Run `job` to its end."""
        self.stop()
        ticket = self._ticket = Ticket(self.lock, tell)
        job(ticket)

    def stop(self) -> None:
        """Stop the job that runs, which only the job itself (or its progress) can ask for here."""
        if self._ticket is not None:
            self._ticket.stop()
