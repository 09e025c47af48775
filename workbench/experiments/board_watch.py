"""Progress and Cancel for work that waits on a board: told often, and heard within a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from workbench.errors import Cancelled
from workbench.experiments.timing import Progress

TICK_S: Final = 0.1
GRACE_S: Final = 0.6  # for the board to stop by itself and hand over its last rows


class Watch:
    """Tells `progress` how far the work has come; where that raises `Cancelled`, stops the work.

    `stop` is how the present step is stopped gently, if it can be; where it cannot, or does not end within
    GRACE_S, the work's task is cancelled, and `measuring` turns that into `Cancelled`.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.cancelled = False
        self.done, self.total, self.what = 0, 1, "connecting"
        self.stop: Callable[[], Awaitable[None]] | None = None

    def show(self, done: int, total: int, what: str) -> None:
        """How far the work has come."""
        self.done, self.total, self.what = done, total, what

    @contextlib.asynccontextmanager
    async def measuring(self) -> AsyncIterator[None]:
        """Tick while the work inside runs."""
        work = asyncio.current_task()
        assert work is not None
        ticker = asyncio.ensure_future(self._tick(work))
        try:
            yield
        except asyncio.CancelledError:
            if not self.cancelled:
                raise
            work.uncancel()
            raise Cancelled(f"stopped while {self.what}; what was measured before is kept") from None
        finally:
            ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await ticker

    async def _tick(self, work: asyncio.Task[None]) -> None:
        while not self.cancelled:
            try:
                self.progress(self.done, self.total, self.what)
            except Cancelled:
                self.cancelled = True
            else:
                await asyncio.sleep(TICK_S)
        if self.stop is not None:
            with contextlib.suppress(Exception):
                await self.stop()
                await asyncio.sleep(GRACE_S)
        work.cancel()
