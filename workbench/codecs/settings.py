"""A codec's settings as facts: type, range, choices, help. Choosers and command lines are built from them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import SettingError, UnknownNameError


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a codec, as choosers and command lines need to know it.

    `choices` alone means one of them; together with a minimum or maximum it means one of them or a number
    in that range. A tuple is a list of `item`s, each within the range. `wire` says that decoding needs the
    setting, so it travels in the header; `calibrated` that a calibration pass fills it in (None until then).
    """

    name: str
    kind: type
    default: Any
    help: str
    symbol: str = ""
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    wire: bool = False
    calibrated: bool = False
    item: type = float

    def check(self, value: Any, codec: str) -> Any:
        """`value` in this setting's type, or a `SettingError` that says what is allowed."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None and self.default is None:
            return None
        for choice in self.choices:
            if type(value) is type(choice) and value == choice:
                return choice
        where = f"{codec}: {self.name}"
        if self.choices and isinstance(value, str):
            near = UnknownNameError("choice", value, [str(choice) for choice in self.choices])
            raise SettingError(f"{where} is {value!r}; {near}")
        if self.choices and self.minimum is None and self.maximum is None:
            raise SettingError(f"{where} is {value!r}; it must be {self._allowed()}")
        if self.kind is tuple and isinstance(value, list | tuple):
            return tuple(self._one(item, self.item, where) for item in value)
        return self._one(value, self.kind, where)

    def _one(self, value: Any, kind: type[Any], where: str) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if kind is float and type(value) is int:
            value = float(value)
        if not (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
            raise SettingError(f"{where} is {value!r}; it must be {self._allowed()}")
        if isinstance(value, int | float) and kind is not bool:
            low = -math.inf if self.minimum is None else self.minimum
            high = math.inf if self.maximum is None else self.maximum
            if not (math.isfinite(value) and low <= value <= high):
                raise SettingError(f"{where} is {value}; it must be {self._allowed()}")
        return value

    def _allowed(self) -> str:
        named = " or ".join(repr(choice) for choice in self.choices)
        if self.choices and self.minimum is None and self.maximum is None:
            return named
        words = {int: "a whole number", float: "a number", str: "text", bool: "True or False"}
        if self.kind is tuple:
            kind = f"a list of {'whole ' if self.item is int else ''}numbers"
        else:
            kind = words.get(self.kind, self.kind.__name__)
        if self.minimum is not None and self.maximum is not None:
            kind += f" from {self.minimum} to {self.maximum}"
        elif self.minimum is not None:
            kind += f", at least {self.minimum}"
        elif self.maximum is not None:
            kind += f", at most {self.maximum}"
        return f"{named} or {kind}" if named else kind


def setting(default: Any, help: str, *, kind: type | None = None, **facts: Any) -> Any:
    """A dataclass field that carries its own description; see `Setting` for the facts it may state.

    `kind` is needed only where the default does not tell it (None, or a choice among several types).
    """
    metadata = {"kind": kind or type(default), "help": help, **facts}
    return dataclasses.field(default=default, metadata=metadata)
