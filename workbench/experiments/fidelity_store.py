"""Results sample by sample, kept up to so many bytes: what is known of a sample is not computed again.

A set that is larger than the limit goes through it: memory stays bounded, a second pass computes again.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

LIMIT_BYTES = 512 * 2**20


class Sized(Protocol):
    """Something that knows how much memory it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes."""


Row = TypeVar("Row", bound=Sized)


class Ran(NamedTuple):
    """One line of the log: a step, of how many samples it was computed and known, and the seconds."""

    step: str
    computed: int
    known: int
    seconds: float


class SampleStore:
    """Rows by step, circumstances and sample; the least recently used go first. One serves many threads.

    Give the same one to `wb.fidelity`, `wb.feature_space` and `wb.channel_maps`: the edge part then runs once
    for each picture, and each codec codes its features once.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.log: deque[Ran] = deque(maxlen=2000)
        self.nbytes = 0
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def many(
        self, step: str, keys: Sequence[Hashable], compute: Callable[[list[int]], Sequence[Row]]
    ) -> list[Row]:
        """A row for each key; `compute` gets the places of those that are not known, and gives their rows."""
        started = time.perf_counter()
        found: list[Any] = [None] * len(keys)
        missing = []
        with self._lock:
            for at, key in enumerate(keys):
                place = (step, key)
                if place in self._kept:
                    self._kept.move_to_end(place)
                    found[at] = self._kept[place]
                else:
                    missing.append(at)
        made = compute(missing) if missing else ()
        with self._lock:
            for at, row in zip(missing, made, strict=True):
                found[at] = row
                self._keep((step, keys[at]), row)
            seconds = time.perf_counter() - started
            self.log.append(Ran(step, len(missing), len(keys) - len(missing), seconds))
        return found

    def forget(self) -> None:
        """Free everything."""
        with self._lock:
            self._kept.clear()
            self.nbytes = 0

    def _keep(self, place: Hashable, row: Sized) -> None:
        before = self._kept.pop(place, None)
        self.nbytes += row.nbytes - (before.nbytes if before is not None else 0)
        self._kept[place] = row
        while self._kept and self.nbytes > self.limit_bytes:
            _, oldest = self._kept.popitem(last=False)
            self.nbytes -= oldest.nbytes
