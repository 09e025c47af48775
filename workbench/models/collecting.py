"""Python's search for unreachable objects, put off while thousands of reachable ones are made."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_inside = 0
_on_before = False


@contextmanager
def without_collections() -> Iterator[None]:
    """No garbage collection inside, in any thread; also a decorator.

    Tracing a large network makes some hundred thousand objects. The collector then walks dozens of times over
    all that torch brought, and finds nothing: a quarter of the time of cutting.
    """
    global _inside, _on_before
    with _lock:
        if not _inside:
            _on_before = gc.isenabled()
            gc.disable()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside and _on_before:
                gc.enable()
