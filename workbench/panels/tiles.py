"""A number that cannot be overlooked: name, value, unit, where it comes from, and what spoils it.

┌───────────────┐
│ Payload    ●  │  ● measured   ◐ computed   ◌ predicted; hovering says how
│ 14.9 kB       │  greyed while a newer one is being computed
│ random weights│  a line below, amber where it warns
└───────────────┘
"""

from __future__ import annotations

import html

import ipywidgets as widgets
import traitlets

from workbench.numbers import readable
from workbench.records import Quantity

_MEANING = {
    "measured": "Measured here.",
    "computed": "Computed exactly from what was measured or counted.",
    "predicted": "Predicted by a model of something that was not run.",
}


class Tile(widgets.HTML):
    """One number of the row at the top of an app; keeps its place and its last value while `stale`."""

    stale = traitlets.Bool(False)

    def __init__(self, name: str, empty: str = "–") -> None:
        super().__init__()
        self.name = name
        self.empty = empty
        self.text = ""
        self._body = ""
        self._tone = ""
        self.observe(lambda _change: self._draw(), "stale")
        self.clear()

    def show(
        self,
        value: Quantity | str | None,
        *,
        note: str = "",
        warning: str = "",
        tone: str = "",
        how: str = "",
    ) -> None:
        """Show a `Quantity` or a word (an answer); None empties the tile.

        `note` is a quiet line below, `warning` an amber one that says what spoils the number (random weights,
        too few pictures); `tone` is "good" or "bad" for a word that is either.
        """
        if value is None:
            self.clear()
            return
        if isinstance(value, Quantity):
            number, unit = readable(value.value, value.unit)
            how = f"{_MEANING[value.origin]}\n{how or value.how}".strip()
            said = f'data-origin="{value.origin}" role="img" aria-label="{value.origin}"'
            mark = f'<span class="wb-mark" {said}></span>'
        else:
            number, unit, mark = value, "", ""
        below = f"<b>{html.escape(warning)}</b>" if warning else html.escape(note)
        self.text = f"{number} {unit}".strip()
        self._tone = f"{'wb-warned ' if warning else ''}{f'wb-{tone}' if tone else ''}"
        self._body = (
            f'<div class="wb-name">{html.escape(self.name)}{mark}</div>'
            f'<div class="wb-value">{html.escape(number)} <small>{html.escape(unit)}</small></div>'
            f'<div class="wb-sub">{below}</div>'
        )
        self._how = how
        self._draw()

    def clear(self) -> None:
        """Nothing known yet."""
        self.text = self._tone = self._how = ""
        self._body = (
            f'<div class="wb-name">{html.escape(self.name)}</div>'
            f'<div class="wb-value">{html.escape(self.empty)}</div><div class="wb-sub"></div>'
        )
        self._draw()

    def _draw(self) -> None:
        how = f' data-how="{html.escape(self._how)}" tabindex="0"' if self._how else ""
        stale = " wb-stale" if self.stale else ""
        self.value = (
            f'<div class="wb-card wb-tile {self._tone}{stale}" data-tile="{html.escape(self.name)}"{how}>'
            f"{self._body}</div>"
        )
