"""What is on a board, what it lacks, and putting that there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from workbench.board_records import BoardSample, Kind
from workbench.boards.failures import clean, install_hint
from workbench.boards.inventory import Board
from workbench.boards.session import open_board
from workbench.errors import BoardError, BoardFullError, NotReadyError, SettingError

PACKAGES: Final = ("numpy", "onnxruntime", "msgpack", "zstandard")
FOLDER: Final = "~/.local/share/workbench-board"
_MEANING: Final = {
    "numpy": "needed",
    "onnxruntime": "needed: runs the network",
    "numba": "optional: without it the codecs run as numpy, with the same bytes but slower",
    "zstandard": "optional: only codecs with lossless=zstd need it",
}
_SCRIPT: Final = """set -u
D="$HOME/.local/share/workbench-board"
P="$1"; [ -n "$P" ] || P=python3
mkdir -p "$D" || exit 10
"$P" -m venv --system-site-packages "$D/venv" || exit 11
V="$D/venv/bin/python"
pip() { "$V" -m pip install --disable-pip-version-check --no-input --only-binary :all: "$@"; }
for package in numpy onnxruntime; do
  "$V" -c "import $package" >/dev/null 2>&1 || pip "$package" || exit 12
done
pip msgpack zstandard || echo "(msgpack and zstandard left out)"
pip numba || echo "(numba left out: the codecs run as numpy)"
"$V" -c "import os; os.environ['ORT_DISABLE_TELEMETRY']='1'; import numpy, onnxruntime" || exit 13
"""


@dataclass(frozen=True, slots=True)
class Check:
    """What a board is and lacks; `problem` is why it cannot measure, empty where it can."""

    board: str
    kind: Kind
    facts: dict[str, Any]
    now: BoardSample | None
    missing: tuple[tuple[str, str, str], ...]
    problem: str

    @property
    def ready(self) -> bool:
        """Whether it can measure."""
        return not self.problem


async def check_board(board: Board, **options: Any) -> Check:
    """Look at a board; what is missing comes as (package, what for, the command that installs it).

    Raises
    ------
    BoardError : it cannot be reached, or its Python does not start.
    """
    async with open_board(board, runtime=False, **options) as session:
        problem = ""
        try:
            await session.import_runtime()
        except BoardError as error:
            problem = str(error)
        facts = {key: value for key, value in session.facts.items() if key not in ("now", "missing")}
        missing = tuple(
            (name, _MEANING.get(name, ""), install_hint(board.name, name))
            for name in session.facts["missing"]
        )
        return Check(board.name, session.kind, facts, session.facts.get("now"), missing, problem)


async def set_up(board: Board, heard: Callable[[str], None]) -> None:
    """A virtual environment with onnxruntime and numpy under FOLDER there; `heard` gets each line it prints.

    Raises
    ------
    SettingError : the board is this machine, whose environment is the workbench's own.
    BoardFullError, NotReadyError : what stopped it, and the next step.
    """
    if board.is_local:
        raise SettingError("local is this machine: it uses the workbench's own Python, nothing to set up")
    from workbench.boards import ssh

    async with ssh.connected(board) as connection:
        status, said = await ssh.run_script(connection, board, _SCRIPT, (board.python,), heard)
    if status == 0:
        return
    text = "\n".join(said)
    last = clean(said[-1] if said else "", 300)
    if "No space left" in text or "Disk quota exceeded" in text:
        raise BoardFullError(
            f"{board.name}: its disk is full; onnxruntime and numpy need about 200 MB (df -h ~ shows what is "
            f"left). Free some space, then: workbench board setup {board.name}"
        )
    if status in (126, 127) or "not found" in text:
        raise NotReadyError(
            f"{board.name}: no Python there ({last}); install it: sudo apt install python3 python3-venv"
        )
    if "ensurepip" in text or "python3-venv" in text:
        raise NotReadyError(
            f"{board.name}: its Python cannot make a virtual environment: sudo apt install python3-venv"
        )
    if "No matching distribution" in text:
        raise NotReadyError(
            f"{board.name}: no ready-made package for its system ({last}); onnxruntime needs a 64-bit "
            "system and Python 3.8 or later. Install a 64-bit OS, or on a Jetson the wheel from NVIDIA"
        )
    raise NotReadyError(f"{board.name}: setting up failed (status {status}): {last}")
