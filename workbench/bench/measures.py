"""One line of a benchmark's table, and where its record is written."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table: the median of `repeats`, and the goal it should stay below."""

    what: str
    value: float
    unit: str
    goal: float | None
    repeats: tuple[float, ...]
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        return None if self.goal is None else self.value <= self.goal

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "met": self.met}


def measured(what: str, repeats: Sequence[float], unit: str, goal: float | None, note: str = "") -> Measure:
    """The median of `repeats` as a line of the table."""
    return Measure(what, statistics.median(repeats), unit, goal, tuple(repeats), note)


def write_json(record: dict[str, Any], folder: Path, name: str) -> Path:
    """`record` as ``<name>.json`` in `folder`, which is made if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
