"""A chooser for any value, built from what is said about it: a codec with new settings needs no code here.

choices             ─▶ Dropdown      whole number in a small range   ─▶ IntSlider
choices or a number ─▶ Combobox      number in a range               ─▶ FloatSlider, or by decades
true or false       ─▶ Checkbox      other numbers, lists, text      ─▶ Text
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import ipywidgets as widgets

from workbench.errors import SettingError

SMALL_RANGE = 128
DECADES = 100
Kind = Literal["tick", "list", "open list", "steps", "slide", "decades", "text"]


class Chooser:
    """One value on the page; its `field` is a `session.work.Field`.

    Parameters
    ----------
    changed : called with the new value when a person changes it.
    guard : wraps the callback, so that what cannot be a value is said on the page.
    """

    def __init__(self, field: Any, value: Any, changed: Callable[[Any], Any], guard: Any) -> None:
        self.field = field
        self.kind = kind_of(field, value)
        self._showing = False
        self.widget = self._build(value)
        self.widget.tooltip = f"{field.help} ({field.unit})" if field.unit else field.help
        self._changed = changed
        self.widget.observe(guard(self._heard), "value")

    def show(self, value: Any) -> None:
        """Put `value` there, without telling anyone."""
        shown = self._shown(value)
        if self.widget.value == shown:
            return
        self._showing = True
        try:
            if self.kind == "list":
                self.widget.options = _options(self.field, value)
            self.widget.value = shown
        finally:
            self._showing = False

    def _heard(self, change: Any) -> None:
        if not self._showing:
            self._changed(self._meant(change["new"]))

    def _build(self, value: Any) -> Any:
        field, shown = self.field, self._shown(value)
        name = f"{field.name} ({field.symbol})" if field.symbol else field.name
        match self.kind:
            case "tick":
                return widgets.Checkbox(shown, description=name, indent=False)
            case "list":
                return widgets.Dropdown(options=_options(field, value), value=value, description=name)
            case "open list":
                options = [str(choice) for choice in field.choices]
                return widgets.Combobox(
                    value=shown, options=options, description=name, continuous_update=False
                )
            case "steps":
                return widgets.IntSlider(shown, field.minimum, field.maximum, description=name)
            case "slide":
                step = (field.maximum - field.minimum) / 100
                return widgets.FloatSlider(
                    shown,
                    min=field.minimum,
                    max=field.maximum,
                    step=step,
                    readout_format=".3g",
                    description=name,
                )
            case "decades":
                low, high = math.log10(field.minimum), math.log10(field.maximum)
                return widgets.FloatLogSlider(
                    shown, min=low, max=high, step=0.05, readout_format=".3g", description=name
                )
        return widgets.Text(shown, description=name, continuous_update=False)

    def _shown(self, value: Any) -> Any:
        """`value` as the widget holds it."""
        if self.kind in ("tick", "list", "steps", "slide", "decades"):
            return value
        if isinstance(value, tuple | list):
            return ", ".join(_text(item) for item in value)
        return "" if value is None else _text(value)

    def _meant(self, shown: Any) -> Any:
        """The value that is meant by what the widget holds."""
        field = self.field
        if self.kind not in ("open list", "text") or shown in field.choices:
            return shown
        text = shown.strip()
        if text == "" and field.default is None:
            return None
        if field.kind is str:
            return text
        try:
            value = json.loads(f"[{text.strip('()[]')}]" if field.kind is tuple else text)
        except ValueError as error:
            named = " or ".join(str(choice) for choice in field.choices)
            kind = "numbers with commas between them" if field.kind is tuple else "a number"
            allowed = f"{named} or {kind}" if named else kind
            raise SettingError(f"{field.name} is {shown!r}; it must be {allowed}") from error
        return tuple(value) if isinstance(value, list) else value


def _text(value: Any) -> str:
    """A number without a useless ".0"."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def kind_of(field: Any, value: Any) -> Kind:
    """Which kind of chooser suits the field while it holds `value`."""
    bounded = field.minimum is not None and field.maximum is not None
    if field.kind is bool:
        return "tick"
    if field.choices:
        return "list" if field.minimum is None and field.maximum is None else "open list"
    if not bounded or isinstance(value, str) or value is None:
        return "text"
    if field.kind is int and field.maximum - field.minimum <= SMALL_RANGE:
        return "steps"
    if field.kind is float and field.minimum > 0 and field.maximum / field.minimum > DECADES:
        return "decades"
    if field.kind is float:
        return "slide"
    return "text"


def _options(field: Any, value: Any) -> list[tuple[str, Any]]:
    choices = field.choices if value in field.choices else (value, *field.choices)
    return [("none" if choice is None else str(choice), choice) for choice in choices]


class Pick(widgets.Dropdown):
    """A list to pick from that can be refilled without its first entry seeming picked for a moment."""

    options: Any
    value: Any

    def __init__(self, description: str, picked: Callable[[Any], Any], guard: Any) -> None:
        super().__init__(description=description)
        self._filling = False
        self._picked = picked
        self.observe(guard(self._heard), "value")

    def offer(self, options: Sequence[Any], value: Any) -> None:
        """Show these (values, or pairs of text and value) and `value` as picked; none if it is not there."""
        values = [option[1] if isinstance(option, tuple) else option for option in options]
        value = value if value in values else None
        if tuple(self.options) == tuple(options) and self.value == value:
            return
        self._filling = True
        try:
            if tuple(self.options) != tuple(options):
                self.options = tuple(options)
            self.value = value
        finally:
            self._filling = False

    def _heard(self, change: Any) -> None:
        if not self._filling and change["new"] is not None:
            self._picked(change["new"])
