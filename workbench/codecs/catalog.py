"""The list of codecs, for people and for choosers."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.codecs.base import CODECS, Setting


@dataclass(frozen=True, slots=True)
class CodecEntry:
    """One codec as a list shows it."""

    name: str
    summary: str
    source: str
    settings: tuple[Setting, ...]


def codecs() -> tuple[CodecEntry, ...]:
    """Every codec that is installed, its settings with ranges and help."""
    found = ((name, CODECS.get(name)) for name in CODECS.names())
    return tuple(CodecEntry(name, cls.summary, cls.source, cls.settings_schema()) for name, cls in found)
