"""How long something takes here: warm-up apart, repeated, and said with its spread and its machine."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workbench.errors import SettingError
from workbench.numbers import readable
from workbench.records import Quantity

Progress = Callable[[int, int, str], None]
MAX_REPEATS = 1000


def quiet(done: int, total: int, what: str) -> None:
    """A progress that tells nobody."""


def checked_repeats(repeats: object) -> int:
    """`repeats` if it is a sensible number of them, or a `SettingError`."""
    if isinstance(repeats, bool) or not isinstance(repeats, int) or not 1 <= repeats <= MAX_REPEATS:
        raise SettingError(f"repeats is {repeats!r}; it must be an integer from 1 to {MAX_REPEATS}")
    return repeats


def timed(call: Callable[[int], Any], repeats: int, progress: Progress, what: str) -> tuple[float, ...]:
    """Seconds of each of `repeats` calls of call(repeat), after one call that is not counted."""
    call(0)
    seconds = []
    for repeat in range(repeats):
        progress(repeat, repeats, what)
        started = time.perf_counter()
        call(repeat)
        seconds.append(time.perf_counter() - started)
    return tuple(seconds)


def sums(*stages: Sequence[float]) -> tuple[float, ...]:
    """The stages added repeat by repeat."""
    return tuple(sum(parts) for parts in zip(*stages, strict=True))


def measured(seconds: Sequence[float], what: str) -> Quantity:
    """The median of the repeats, with their spread and the machine in words."""
    return Quantity(statistics.median(seconds), "s", "measured", f"{what}; {spread(seconds)}; {machine()}")


def spread(seconds: Sequence[float]) -> str:
    """How the repeats lie, in words."""
    low, high = readable(min(seconds), "s"), readable(max(seconds), "s")
    warning = "; UNSTEADY: the machine was busy with something else" if unsteady(seconds) else ""
    return f"median of {len(seconds)} repeats from {low} to {high}, one warm-up apart{warning}"


def unsteady(seconds: Sequence[float]) -> bool:
    """Whether the middle half of the repeats spans more than 1.5 times, so that a median says little."""
    if len(seconds) < 4:
        return False
    low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return high > 1.5 * low


def machine() -> str:
    """This machine and what computes on it, in one line."""
    facts = machine_facts()
    return (
        f"{facts['processor']}, {facts['threads']} threads, torch {facts['torch']}, Python {facts['python']}"
    )


def machine_facts() -> dict[str, Any]:
    """Processor, system, versions and the threads that torch may use now."""
    import torch

    return {**_fixed_facts(), "threads": torch.get_num_threads()}


@lru_cache(maxsize=1)
def _fixed_facts() -> dict[str, Any]:
    return {
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "timm", "numba", "pillow")},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names and names[0] else platform.processor() or platform.machine()
