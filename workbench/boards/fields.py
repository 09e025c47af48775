"""What a board says, checked field by field before anything believes it."""

from __future__ import annotations

import math
from typing import Any, Final

from workbench.board_records import BoardRow, BoardSample
from workbench.boards.failures import clean
from workbench.errors import BoardProtocolError

_LONGEST_NS: Final = 10**13  # almost three hours
_TEXTS: Final = (
    "model", "processor", "machine", "os", "kernel", "jetpack", "governor", "power_mode", "boot_id",
    "emulated", "python", "executable", "numpy", "onnxruntime",
)  # fmt: skip
_NUMBERS: Final = ("cores", "memory_bytes", "free_memory_bytes", "top_clock_hz", "import_s")
_FLAGS: Final = ("set_up", "telemetry_off")
_LISTS: Final = ("missing", "providers")


def facts(value: object) -> dict[str, Any]:
    """The known facts of a board, each of its kind; unknown ones are left out."""
    given = _object(value, "facts")
    found: dict[str, Any] = {name: clean(given[name]) for name in _TEXTS if given.get(name)}
    found |= {name: number(given[name], name) for name in _NUMBERS if given.get(name) is not None}
    found |= {name: bool(given[name]) for name in _FLAGS if name in given}
    found |= {
        name: tuple(clean(item, 60) for item in _list(given[name], 64)) for name in _LISTS if name in given
    }
    return found


def row(value: object, wire_s: float | None = None) -> BoardRow:
    """[start, edge, encode, payload bytes, 0] in nanoseconds as a row; the server's share is missing."""
    items = _list(value, 5)
    if len(items) != 5:
        raise BoardProtocolError(f"a row of {len(items)} numbers where 5 are due")
    start, edge, encode, sent = (whole(item, "a row's number", _LONGEST_NS) for item in items[:4])
    return BoardRow(start / 1e9, edge / 1e9, encode / 1e9, wire_s, None, None, sent)


def sample(value: object) -> BoardSample:
    """One reading of the sensors."""
    given = _object(value, "a sample")
    known: dict[str, Any] = {}
    for name in ("temperature_c", "clock_hz", "gpu_clock_hz", "power_w"):
        known[name] = None if given.get(name) is None else number(given[name], name)
    for name in ("throttled", "undervolted", "overcurrent_events"):
        known[name] = None if given.get(name) is None else whole(given[name], name, 2**32)
    return BoardSample(number(given.get("t"), "t"), **known)


def number(value: object, name: str, most: float = 1e18) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BoardProtocolError(f"{name} is {ascii(value)[:40]} where a number is due")
    if not abs(value) <= most or not math.isfinite(value):
        raise BoardProtocolError(f"{name} is {ascii(value)[:40]}, which cannot be")
    return float(value)


def whole(value: object, name: str, most: int) -> int:
    """A whole number from 0 to `most`."""
    if type(value) is not int or not 0 <= value <= most:
        raise BoardProtocolError(f"{name} is {ascii(value)[:40]}; a whole number up to {most} is due")
    return value


def rows_of(value: object, most: int) -> list[object]:
    """A list of at most `most` items."""
    return _list(value, most)


def _list(value: object, most: int) -> list[object]:
    if not isinstance(value, list) or len(value) > most:
        raise BoardProtocolError(f"{ascii(value)[:40]} where a list of at most {most} is due")
    return value


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BoardProtocolError(f"{name}: {ascii(value)[:40]} where an object is due")
    return value
