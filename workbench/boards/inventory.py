"""The boards a person has: a TOML file in the user's configuration folder; nothing secret is in it.

    [boards.pi5]
    address = "pi@192.168.1.20"          # user@host or a Host of ~/.ssh/config, with :port where it is not 22
    host_key = "ssh-ed25519 AAAA..."     # confirmed once by a person, compared at every connection
    python = "python3"

`local` is always there and in no file: this machine.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from workbench.errors import SettingError, UnknownNameError, WorkbenchError

LOCAL: Final = "local"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_ADDRESS: Final = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})@)?"
    r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253})|\[[0-9A-Fa-f:.%a-z]{2,64}\])(?::(?P<port>[0-9]{1,5}))?"
)
_PYTHON: Final = re.compile(r"[A-Za-z0-9_.+/~-]{1,255}")
_KEY: Final = re.compile(r"[a-z0-9@.-]{3,64} [A-Za-z0-9+/=]{40,16384}")


@dataclass(frozen=True, slots=True)
class Board:
    """One board: its name here, and how it is reached.

    `python` "" means: the environment of `board setup` where it exists, else python3.
    """

    name: str
    address: str
    host_key: str = ""
    python: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SettingError(
                f"{self.name!r} cannot name a board: letters, digits, . _ and -, at most 40, as in 'pi5'"
            )
        if self.name == LOCAL:
            return
        match = _ADDRESS.fullmatch(self.address)
        if not match or not 0 < int(match["port"] or 22) < 65536:
            raise SettingError(f"{self.address!r} is no address; allowed: user@host, host, user@host:2222")
        if self.python and (not _PYTHON.fullmatch(self.python) or self.python.startswith("-")):
            raise SettingError(
                f"{self.python!r} is no path of a Python, as in python3.11 or /opt/py/bin/python"
            )
        if self.host_key and not _KEY.fullmatch(self.host_key):
            raise SettingError(f"{self.name}: {self.host_key[:60]!r} is no host key ('ssh-ed25519 AAAA...')")

    @property
    def is_local(self) -> bool:
        """Whether it is this machine."""
        return self.name == LOCAL

    @property
    def user(self) -> str | None:
        """Whom to log in as; None leaves it to ~/.ssh/config."""
        return self._parts()["user"]

    @property
    def host(self) -> str:
        """Host name, address, or a Host of ~/.ssh/config."""
        return (self._parts()["host"] or "").strip("[]")

    @property
    def port(self) -> int | None:
        """Port; None leaves it to ~/.ssh/config, else 22."""
        port = self._parts()["port"]
        return int(port) if port else None

    def _parts(self) -> dict[str, str | None]:
        match = _ADDRESS.fullmatch(self.address)
        return match.groupdict() if match else {"user": None, "host": "", "port": None}


class Inventory:
    """The boards of one file (``$WORKBENCH_BOARDS``, else boards.toml in the user's configuration folder)."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(
            os.environ.get("WORKBENCH_BOARDS")
            or platformdirs.user_config_path("workbench", appauthor=False) / "boards.toml"
        )

    def boards(self) -> tuple[Board, ...]:
        """Every board, `local` first.

        Raises
        ------
        WorkbenchError : the file cannot be read; says where.
        """
        return (Board(LOCAL, "this machine"), *self._stored().values())

    def get(self, name: str) -> Board:
        """The board of that name.

        Raises
        ------
        UnknownNameError : no such board; offers the nearest.
        """
        known = {board.name: board for board in self.boards()}
        if name not in known:
            raise UnknownNameError("board", name, known, f"Add one: workbench board add {name} user@host")
        return known[name]

    def add(self, board: Board) -> None:
        """Store `board`, replacing one of the same name."""
        if board.is_local:
            raise SettingError("'local' is this machine and always there; choose another name")
        self._write({**self._stored(), board.name: board})

    def remove(self, name: str) -> None:
        """Forget the board of that name."""
        board = self.get(name)
        if board.is_local:
            raise SettingError("'local' is this machine and cannot be removed")
        self._write({key: kept for key, kept in self._stored().items() if key != name})

    def _stored(self) -> dict[str, Board]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise WorkbenchError(f"the list of boards, {self.path}, cannot be read: {error}") from error
        try:
            entries = tomllib.loads(text).get("boards", {})
            return {
                name: Board(name, entry["address"], entry.get("host_key", ""), entry.get("python", ""))
                for name, entry in entries.items()
            }
        except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
            raise WorkbenchError(
                f"the list of boards, {self.path}, is damaged ({error}); correct it by hand or delete it"
            ) from error

    def _write(self, boards: dict[str, Board]) -> None:
        lines = ["# Boards of workbench. Nothing here is secret; keys and passwords are never stored.\n"]
        for board in boards.values():
            lines.append(f"\n[boards.{json.dumps(board.name)}]\naddress = {json.dumps(board.address)}\n")
            if board.host_key:
                lines.append(f"host_key = {json.dumps(board.host_key)}\n")
            if board.python:
                lines.append(f"python = {json.dumps(board.python)}\n")
        fresh = self.path.with_suffix(f".{os.getpid()}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text("".join(lines), encoding="utf-8")
            fresh.replace(self.path)
        except OSError as error:
            raise WorkbenchError(f"the list of boards, {self.path}, cannot be written: {error}") from error
