"""One job at a time behind a page: what runs, how far it is, what went wrong, and a line for the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import traitlets

from workbench.errors import SettingError
from workbench.session.results import Line, Problem
from workbench.session.runner import Runner, Ticket


class Jobs(traitlets.HasTraits):
    """A session whose work is started by a button; a subclass starts it with `_start`."""

    problem = traitlets.Any(None, allow_none=True, help="Problem of the last thing that was asked, or None")
    busy = traitlets.Bool(False)
    progress = traitlets.Any(None, allow_none=True, help="Progress of the work that runs")
    line = traitlets.Any(None, allow_none=True, help="the newest Line of the log")

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self._runner = runner
        self._lines = 0

    @property
    def lock(self) -> threading.RLock:
        """Held while a job delivers something, and by whoever must not be interrupted by that."""
        return self._runner.lock

    def _start(self, doing: str, job: Callable[[Ticket], None], *, instead: bool = False) -> None:
        """Run `job`; while another runs it is refused, or with `instead` put in the other's place."""

        def guarded(ticket: Ticket) -> None:
            started = time.perf_counter()
            try:
                job(ticket)
            except Exception as error:
                problem = Problem(error, doing)
                ticket.deliver(lambda: setattr(self, "problem", problem))
            ticket.deliver(lambda: self._rest(doing, time.perf_counter() - started))

        with self.lock:
            if self.busy and not instead:
                reason = SettingError("something is running: wait for it, or press Cancel")
                self.problem = Problem(reason, doing)
                return
            self.problem, self.busy = None, True
            self._runner.start(guarded, lambda progress: setattr(self, "progress", progress))

    def _rest(self, doing: str, seconds: float) -> None:
        """What a job leaves behind, whatever became of it."""
        self.progress, self.busy = None, False
        if self.problem is None:
            self._lines += 1
            self.line = Line(self._lines, "ran", f"{doing}, {seconds:.1f} s")
