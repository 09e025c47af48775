"""Name → object, from an entry-point group. One class serves codecs and whatever else is plugged in.

A third party adds an object by an entry point in its own package; nothing here has to be edited.
"""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from workbench.errors import UnknownNameError, WorkbenchError


class Registry:
    """The objects of one entry-point group, loaded when first asked for.

    Parameters
    ----------
    group : entry-point group, such as ``workbench.codecs``.
    kind : what one of them is called in messages, such as ``codec``.
    """

    def __init__(self, group: str, kind: str) -> None:
        self.group = group
        self.kind = kind
        self._added: dict[str, Any] = {}

    @cached_property
    def _entries(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=self.group)}

    def names(self) -> tuple[str, ...]:
        """Every known name, sorted."""
        return tuple(sorted({*self._entries, *self._added}))

    def add(self, name: str, thing: Any) -> None:
        """Make `thing` known under `name` for this process (a notebook's own codec, a test's)."""
        self._added[name] = thing

    def get(self, name: str) -> Any:
        """The object called `name`.

        Raises
        ------
        UnknownNameError : no such name; offers the nearest.
        WorkbenchError : the entry point exists but its package does not import.
        """
        if name in self._added:
            return self._added[name]
        entry = self._entries.get(name)
        if entry is None:
            hint = f"After adding an entry point to [{self.group}], run `pip install -e .` again"
            raise UnknownNameError(self.kind, name, self.names(), hint)
        try:
            thing = entry.load()
        except (ImportError, AttributeError) as error:
            raise WorkbenchError(
                f"the {self.kind} {name!r} is declared as {entry.value} but cannot be loaded: {error}"
            ) from error
        self._added[name] = thing
        return thing
