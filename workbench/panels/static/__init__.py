"""The page's own scripts and styles, as files beside this one."""

from __future__ import annotations

from pathlib import Path


def static(name: str) -> str:
    """The text of the file called `name` in this folder."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
