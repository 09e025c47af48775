"""Files of records, each checked field by field before anything believes it.

folder ─ pattern ─▶ JSON ─ read ─▶ what `read` makes of it
                      └──▶ a WorkbenchError that names the file and what is wrong with it
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from workbench.errors import WorkbenchError
from workbench.paths import shipped

T = TypeVar("T")
Damaged = Callable[[WorkbenchError], None]
_WORDS: dict[object, str] = {
    str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "a table",
    list: "a list",
}  # fmt: skip


def read_files(
    folder: Path | None,
    pattern: str,
    read: Callable[[dict[str, Any]], T],
    damaged: Damaged | None = None,
) -> list[T]:
    """What `read` makes of each file in `folder`, else in the project's own results.

    Parameters
    ----------
    read : gets what a file says; its ValueError says what is wrong.
    damaged : gets the error of each file that is no record, which is then left out; without it such an error
        is raised.

    Raises
    ------
    WorkbenchError : a file that is no record.
    """
    found = []
    for path in sorted((folder or shipped("data") / "results").glob(pattern)):
        try:
            found.append(read(checked(dict, _content(path), "the whole")))
        except (OSError, ValueError, RecursionError) as error:
            said = (error.strerror or error) if isinstance(error, OSError) else error
            problem = WorkbenchError(
                f"{path} is no record of `workbench train`: {said}; record it anew, or take it away"
            )
            if damaged is None:
                raise problem from error
            damaged(problem)
    return found


def field(table: dict[str, Any], name: str, kind: Any, where: str = "") -> Any:
    """What `table` says under `name`, if it is of that kind.

    Raises
    ------
    ValueError : it says nothing there, or something else.
    """
    place = f"{where}.{name}" if where else name
    if name not in table:
        raise ValueError(f"{place} is missing")
    return checked(kind, table[name], place)


def checked(kind: Any, value: Any, where: str) -> Any:
    """`value` as `kind`: text, a number, a list or table of them, one of some words, a record, or None.

    Raises
    ------
    ValueError : it is something else; `where` says in whose place.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (other,) = [part for part in parts if part is not type(None)]
        return None if value is None else checked(other, value, where)
    if origin is tuple:  # JSON has no number for nan, so null is one among numbers
        items = checked(list, value, where)
        return tuple(
            math.nan if one is None and parts[0] is float else checked(parts[0], one, f"{where}[{at}]")
            for at, one in enumerate(items)
        )
    if origin is Literal:
        if value not in parts:
            raise ValueError(f"{where} is {_shown(value)} where one of {', '.join(parts)} is due")
        return value
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, where)
    plain = origin or kind
    if isinstance(value, bool) and plain is not bool:
        fits = False
    elif plain is float:
        fits = isinstance(value, int | float) and abs(value) <= sys.float_info.max
    else:
        fits = isinstance(value, plain)
    if not fits:
        raise ValueError(f"{where} is {_shown(value)} where {_WORDS[plain]} is due")
    return value


def _record(kind: Any, value: Any, where: str) -> Any:
    told = checked(dict, value, where)
    hints = get_type_hints(kind)
    unknown = sorted(set(told) - set(hints))
    if unknown:
        raise ValueError(f"{where}.{unknown[0]} is nothing that a record of this version says")
    given = {
        one.name: field(told, one.name, hints[one.name], where)
        for one in dataclasses.fields(kind)
        if one.name in told or (one.default, one.default_factory) == (dataclasses.MISSING,) * 2
    }
    return kind(**given)


def _content(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is no JSON ({error})") from error


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
