"""Keeps results that are dear to compute: the least recently used go when they hold too much memory."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Entry(NamedTuple):
    """One line of the log: which step, whether it was computed or known, and how long that took."""

    step: str
    cached: bool
    seconds: float


class Memory:
    """Results by key, up to so many bytes; a result says how many by its own ``nbytes``, if it has one."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.log: deque[Entry] = deque(maxlen=200)
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """What is held now."""
        return sum(_size(thing) for thing in self._kept.values())

    def get(self, step: str, key: Hashable, compute: Callable[[], T]) -> T:
        """What is known under (step, key), else `compute()`; nothing is kept of a computation that failed."""
        started = time.perf_counter()
        place = (step, key)
        with self._lock:
            if place in self._kept:
                self._kept.move_to_end(place)
                self.log.append(Entry(step, True, 0.0))
                return self._kept[place]
        found = compute()
        with self._lock:
            self._kept[place] = found
            self.log.append(Entry(step, False, time.perf_counter() - started))
            while len(self._kept) > 1 and self.nbytes > self.limit_bytes:
                self._kept.popitem(last=False)
        return found

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()


def _size(thing: Any) -> int:
    return int(getattr(thing, "nbytes", 0))
