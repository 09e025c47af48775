"""Numbers that cannot be overlooked: name, value, unit, where each comes from, and what spoils it.

┌───────────────┐
│ Payload    ●  │  ● measured   ◐ computed   ◌ predicted; hovering says how
│ 14.9 kB       │  greyed while a newer one is being computed
│ random weights│  a line below, amber where it warns
└───────────────┘

The whole row is one widget, so that a step of a slider sends one message for all its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import anywidget
import traitlets

from workbench.numbers import readable
from workbench.panels.static import static
from workbench.records import Quantity

_MEANING = {
    "measured": "Measured here.",
    "computed": "Computed exactly from what was measured or counted.",
    "predicted": "Predicted by a model of something that was not run.",
}


class Tile:
    """One number of a row; keeps its place and its last value while `stale`.

    `card` is what the page draws: name, number, unit, note, warning, tone, origin, how, stale. Without a
    number it draws a dash.
    """

    def __init__(self, name: str, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.card: dict[str, Any] = {"name": name, "stale": False, **_said()}

    @property
    def name(self) -> str:
        """What stands above the number."""
        return str(self.card["name"])

    @property
    def text(self) -> str:
        """The number with its unit, as it is read; empty while nothing is known."""
        return f"{self.card['number']} {self.card['unit']}".strip()

    @property
    def below(self) -> str:
        """The line below the number: what spoils it, else the note."""
        return str(self.card["warning"] or self.card["note"])

    @property
    def stale(self) -> bool:
        """Whether a newer number is being computed."""
        return bool(self.card["stale"])

    @stale.setter
    def stale(self, stale: bool) -> None:
        self._set(stale=stale)

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
        unit = origin = ""
        if isinstance(value, Quantity):
            number, unit = readable(value.value, value.unit)
            origin = value.origin
            how = f"{_MEANING[origin]}\n{how or value.how}".strip()
        else:
            number = value
        self._set(**_said(number, unit=unit, note=note, warning=warning, tone=tone, origin=origin, how=how))

    def clear(self) -> None:
        """Nothing known yet."""
        self._set(**_said())

    def _set(self, **changed: Any) -> None:
        self.card = {**self.card, **changed}
        self._changed()


def _said(number: str = "", **words: str) -> dict[str, str]:
    """A card's words; what is not given is empty."""
    return {
        "number": number,
        **dict.fromkeys(("unit", "note", "warning", "tone", "origin", "how"), ""),
        **words,
    }


class Tiles(anywidget.AnyWidget):
    """The row at the top of an app; ``tiles["Payload"]`` is one `Tile`, and iterating gives all in order."""

    _esm = static("tiles.js")

    cards = traitlets.List(traitlets.Dict(), help="one a tile, as in `Tile.card`").tag(sync=True)

    def __init__(self, names: Iterable[str]) -> None:
        self._held = 0
        self._tiles: dict[str, Tile] = {name: Tile(name, self._publish) for name in names}
        super().__init__()
        self._publish()

    def __getitem__(self, name: str) -> Tile:
        return self._tiles[name]

    def __iter__(self) -> Iterator[Tile]:
        return iter(self._tiles.values())

    @contextmanager
    def together(self) -> Iterator[None]:
        """What changes inside reaches the page at once, and no old value seems fresh between."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._publish()

    def clear(self) -> None:
        """Nothing known yet, on any of them."""
        with self.together():
            for tile in self:
                tile.clear()

    def grey(self, stale: bool) -> None:
        """Mark all as waiting for newer numbers, or none."""
        with self.together():
            for tile in self:
                tile.stale = stale

    def _publish(self) -> None:
        if not self._held:
            self.cards = [tile.card for tile in self]
