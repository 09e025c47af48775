"""What a session asks of the workbench, and the records in which it gets answers.

session ── Work ──▶ workspace (experiments): real networks, real payloads
              └──▶ a test's own
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from workbench.records import CutProfile, ReshapeCurve, Trial
from workbench.session.choice import Choice

Report = Callable[[int, int, str], None]


class Network(NamedTuple):
    """A network that was loaded, as its choosers need it.

    `weights` is "trained", "random" or "own"; `note` says it in words.
    """

    name: str
    weights: str
    note: str
    profile: CutProfile


class Thumbnail(NamedTuple):
    """One picture of the gallery: `key` as in `Choice.picture`, `png` small enough to send to a page."""

    key: str
    name: str
    label: str | None
    png: bytes


class Field(NamedTuple):
    """One value to choose, with all that a chooser needs.

    `choices` alone means one of them; with a minimum or maximum, one of them or a number in that range.
    `kind` is int, float, str, bool or tuple (a list of numbers).
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


class Entry(NamedTuple):
    """One codec or link of a list, with what can be set on it."""

    name: str
    summary: str
    source: str
    fields: tuple[Field, ...]


class Work(Protocol):
    """Everything that takes time or knows networks; each call may raise a `WorkbenchError`."""

    def codecs(self) -> tuple[Entry, ...]:
        """Every codec, its settings as fields."""

    def links(self) -> tuple[Entry, ...]:
        """Every link, its numbers as fields."""

    def networks(self) -> tuple[str, ...]:
        """Networks that come with the workbench; quick."""

    def more_networks(self, report: Report) -> tuple[str, ...]:
        """Every name that can be typed; slow the first time."""

    def network(self, choice: Choice, report: Report) -> Network:
        """The chosen network and all its cuts."""

    def gallery(self, choice: Choice, report: Report) -> tuple[Thumbnail, ...]:
        """Pictures to choose from, for that network."""

    def add_picture(self, name: str, content: bytes) -> Thumbnail:
        """A picture that a person brings; its key can be chosen from now on."""

    def trial(self, choice: Choice, report: Report) -> Trial:
        """The chosen combination for the chosen picture alone."""

    def many(self, choice: Choice, report: Report) -> Trial | None:
        """The same over many labelled pictures; None where there are none."""

    def reshape(self, choice: Choice, report: Report) -> ReshapeCurve:
        """Cost of every reshape of the chosen features."""

    def told(self) -> tuple[tuple[str, bool, float], ...]:
        """Steps since this was last asked: name, whether its result was known already, seconds."""
