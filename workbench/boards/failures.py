"""From what a board does to the error that says what it was and what to do next."""

from __future__ import annotations

import re
from typing import Any, Final

from workbench.boards.channel import OLD_PYTHON_STATUS, Ending
from workbench.errors import (
    BoardBusyError,
    BoardCrashError,
    BoardError,
    BoardFullError,
    BoardMemoryError,
    BoardProtocolError,
    Cancelled,
    LinkCutError,
    NotReadyError,
    WorkbenchError,
)

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")
_SHELL_CANNOT_START: Final = (126, 127)
_LEASE_STATUS: Final = 4
_GARBLED_STATUS: Final = (3, 5)


def clean(text: object, most: int = 300) -> str:
    """Text from a board as one line without control characters, so that no terminal or page obeys it."""
    return _CONTROL.sub(" ", str(text)).strip()[:most]


def of_ending(ending: Ending, label: str, *, started: bool) -> BoardError:
    """The error behind an agent's end that nobody asked for."""
    said = clean(ending.stderr[-600:], 600)
    tail = f" It last said: {said}" if said else ""
    if ending.link_lost:
        return LinkCutError(f"{label}: the connection broke; what was measured before is kept. Try again")
    if ending.signal == "ILL":
        return BoardCrashError(
            f"{label}: the agent died of an illegal instruction: the wheel of onnxruntime or numpy there is "
            f"not for its processor; install another version (on a Pi 3 or older: onnxruntime 1.16).{tail}"
        )
    if ending.signal in ("KILL", "9"):
        return BoardMemoryError(
            f"{label}: the agent was killed, most often because the memory ran out; close what else "
            f"runs there, choose a smaller network or an earlier split.{tail}"
        )
    if ending.signal is not None:
        return BoardCrashError(f"{label}: the agent died of signal {clean(ending.signal, 20)}.{tail}")
    if "WORKBENCH-OLD-PYTHON" in ending.stderr or ending.status == OLD_PYTHON_STATUS:
        seen = re.search(r"WORKBENCH-OLD-PYTHON ([0-9.]{1,9})", ending.stderr)
        return NotReadyError(
            f"{label}: its python3 is {seen[1] if seen else 'too old'}; at least 3.8 is needed. Install a "
            "newer one (sudo apt install python3.11) and name it: "
            f"workbench board add {label} ... --python python3.11"
        )
    if not started and ending.status in _SHELL_CANNOT_START:
        return NotReadyError(
            f"{label}: no python3 there; install it: sudo apt install python3 python3-venv.{tail}"
        )
    if "No space left" in ending.stderr:
        return BoardFullError(f"{label}: its disk is full; free some space (df -h shows where).{tail}")
    if ending.status == _LEASE_STATUS:
        return LinkCutError(f"{label}: the agent heard nothing for too long and ended; the link had stalled")
    if ending.status in _GARBLED_STATUS:
        return BoardProtocolError(f"{label}: the agent did not receive what was sent.{tail}")
    if ending.status is None:
        return LinkCutError(f"{label}: the connection ended without a word.{tail}")
    when = "ended" if started else "ended before it was ready"
    return BoardCrashError(f"{label}: the agent {when} with status {ending.status}.{tail}")


def of_refusal(fields: dict[str, Any], label: str) -> WorkbenchError:
    """The error behind an agent's message of kind "error"."""
    code, text = fields.get("code"), clean(fields.get("text", ""), 600)
    if code == "cancelled":
        return Cancelled(f"{label}: cancelled")
    if code == "busy":
        return BoardBusyError(f"{label}: {text}; wait until it has ended, then press again")
    if code == "memory":
        return BoardMemoryError(
            f"{label}: its memory ran out ({text}); close what else runs there, choose a smaller network or "
            "an earlier split"
        )
    if code == "disk":
        return BoardFullError(f"{label}: its disk is full ({text}); free some space")
    if code == "missing":
        module = clean(fields.get("module", ""), 60)
        return NotReadyError(f"{label}: {text}. {install_hint(label, module)}")
    if code in ("garbled", "limit"):
        return BoardProtocolError(f"{label}: {text}")
    return BoardError(f"{label}: {text or 'the agent failed without a word'}")


def install_hint(label: str, module: str) -> str:
    """The next step where a Python package is missing on the board."""
    module = {"PIL": "pillow"}.get(module, module)
    if module in ("pillow", "safetensors"):
        return f"Only this codec needs it; install it there: python3 -m pip install {module}"
    if module in ("numpy", "onnxruntime", "numba", "zstandard", "msgpack"):
        return f"Run: workbench board setup {label} (or there: python3 -m pip install {module})"
    return f"Install {module or 'it'} there"
