"""One wrapper for every callback, so that no error is lost and none sees another's work half done.

ipywidgets shows an exception of a callback nowhere: not on the page, not in the server's log. So every
callback goes through a `Guard`, which shows it in a line on the page and keeps it in the page's log.

    guard = Guard(session.lock)
    slider.observe(guard(self._moved), "value")      # a callback
    with guard: ...                                   # a piece of code; also in a thread

A person's clicks come in the page's thread, results in that of the work, and both bring widgets up to date
from what the session holds. So a callback runs under the session's lock, as what the work delivers does:
what it reads is still true when it has shown it.
"""

from __future__ import annotations

import functools
import html
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal

import ipywidgets as widgets
import traitlets

from workbench.errors import Cancelled, WorkbenchError

Kind = Literal["error", "warning", "note"]


class Notice(widgets.HTML):
    """A line across the page: an error (red), a warning (amber) or a note; nothing while `text` is empty."""

    text = traitlets.Unicode("")
    kind = traitlets.Enum(["error", "warning", "note"], "note")

    def __init__(self) -> None:
        super().__init__()
        self.clear()

    def show(self, text: str, kind: Kind = "error", title: str = "") -> None:
        """Show `text`; an error stays until the callback that raised it succeeds or another line comes."""
        self.kind, self.text = kind, text
        head = f"<b>{html.escape(title)}</b>" if title else ""
        role = "alert" if kind == "error" else "status"
        body = f"{head}<span>{html.escape(text)}</span>"
        self.value = f'<div class="wb-notice" role="{role}" data-kind="{kind}">{body}</div>'
        self.layout.display = None

    def clear(self) -> None:
        """Take the line away."""
        self.text = self.value = ""
        self.layout.display = "none"


class Log(widgets.HTML):
    """What ran, what was cached, what went wrong; newest first, the last 200 lines.

    Its text is sent to the page only while somebody looks: while `layout.display` is not "none".
    """

    limit = 200

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str, str]] = []
        self.layout.observe(lambda _change: self._draw(), "display")
        self._draw()

    def add(self, text: str, kind: Literal["ran", "cached", "error", "note"] = "ran") -> None:
        """One line more, with the time of day."""
        self.lines = [(time.strftime("%H:%M:%S"), kind, text), *self.lines[: self.limit - 1]]
        self._draw()

    def _draw(self) -> None:
        if self.layout.display == "none":
            return
        rows = [
            f'<div data-kind="{kind}"><time>{moment}</time>{html.escape(text)}</div>'
            for moment, kind, text in self.lines
        ]
        body = "".join(rows) or "Nothing has run yet."
        self.value = f'<div class="wb-card wb-log">{body}</div>'


class Guard:
    """Turns exceptions into a line on the page: what a user can act on in its own words, the rest as a bug.

    `notice` and `log` are widgets; a `Frame` puts them in their places.

    Parameters
    ----------
    lock : held while a callback runs; a session's own, else one of the guard.
    """

    def __init__(self, lock: threading.RLock | None = None) -> None:
        self._lock = lock or threading.RLock()
        self.notice = Notice()
        self.log = Log()
        self._shown_for: object = None

    def __call__(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """`callback`, never raising; gives None where it would have raised."""

        @functools.wraps(callback)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                try:
                    result = callback(*args, **kwargs)
                except Exception as error:
                    self.show(error, source=callback)
                    return None
                if self._shown_for == callback:
                    self.clear()
                return result

        return guarded

    def __enter__(self) -> Guard:
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        try:
            if isinstance(error, Exception):
                self.show(error)
                return True
            return False
        finally:
            self._lock.release()

    def show(self, error: Exception, source: object = None) -> None:
        """Put `error` on the page and into the log."""
        self._shown_for = source
        if isinstance(error, Cancelled):
            self.notice.show(str(error) or "Stopped. What was finished before is kept.", "note", "Cancelled")
            self.log.add("cancelled", "note")
        elif isinstance(error, WorkbenchError):
            self.notice.show(str(error), "error", "Cannot do this")
            self.log.add(f"{type(error).__name__}: {error}", "error")
        else:
            self.notice.show(
                f"{type(error).__name__}: {error}\nThis is a fault of the workbench, not yours. "
                "Where it happened is in the log below; please report it with those lines.",
                "error",
                "Bug",
            )
            self.log.add("".join(traceback.format_exception(error)), "error")

    def clear(self) -> None:
        """Take the line away; the log keeps it."""
        self._shown_for = None
        self.notice.clear()
