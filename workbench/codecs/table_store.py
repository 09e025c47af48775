"""Calibrated tables by name: the name is the hash of their bytes, so both sides mean the same integers.

    sender    name = keep(tables)  ─▶ NAME.tables in the folder ─▶ copy it to the receiver once
    receiver  find(name) ─▶ the bytes, their hash checked

The folder is `WORKBENCH_TABLES`, or `tables` in the user's data folder. What this process kept is known to it
even where the folder cannot be written.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path

_kept: dict[str, bytes] = {}


def folder() -> Path:
    """Where tables are kept."""
    if chosen := os.environ.get("WORKBENCH_TABLES"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_data_path("workbench") / "tables"


def name_of(tables: bytes) -> str:
    """16 hexadecimal digits: BLAKE2b of 64 bits."""
    return hashlib.blake2b(tables, digest_size=8).hexdigest()


def keep(tables: bytes) -> str:
    """Keep these tables here and in the folder; gives back their name."""
    name = name_of(tables)
    _kept[name] = tables
    path = folder() / f"{name}.tables"
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_bytes(tables)
            partial.replace(path)
        except OSError as error:
            warnings.warn(
                f"tables {name} are known to this process only, {path} cannot be written ({error}); "
                "set WORKBENCH_TABLES to a folder that can",
                RuntimeWarning,
                stacklevel=2,
            )
    return name


def know(tables: bytes) -> str:
    """Keep these tables in this process only, as a board does; gives back their name."""
    name = name_of(tables)
    _kept[name] = tables
    return name


def find(name: str) -> bytes | None:
    """Tables by name; None where they are not here, or are not what their name says."""
    if name in _kept:
        return _kept[name]
    if len(name) != 16 or not set(name) <= set("0123456789abcdef"):
        return None
    try:
        tables = (folder() / f"{name}.tables").read_bytes()
    except OSError:
        return None
    if name_of(tables) != name:
        return None
    _kept[name] = tables
    return tables
