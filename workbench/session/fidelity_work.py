"""What the Fidelity session chooses beyond the Explorer, and what it asks of the workbench."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from workbench.errors import InputError
from workbench.fidelity_records import ChannelMaps, Embedding, FidelityReport
from workbench.saliency_records import SaliencyReport
from workbench.session.choice import Choice
from workbench.session.work import Report, Thumbnail, Work

METHODS = ("grad-cam", "grad-cam++", "hires-cam", "eigen-cam")


@dataclass(frozen=True, slots=True)
class FidelityChoice(Choice):
    """The Explorer's choice with what fidelity depends on besides.

    `restorer` is a bundle, by name or path; empty for none. `samples` 0 takes the usual number. `method` and
    `target` (a class; empty for the predicted one) are of the saliency maps.
    """

    codec: str = "onebit"
    restorer: str = ""
    samples: int = 0
    method: str = METHODS[0]
    target: str = ""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"method is {self.method!r}; known: {', '.join(METHODS)}")
        if self.samples < 0:
            raise InputError(f"samples is {self.samples}; it must be at least 0, which is the usual number")


class RestorerEntry(NamedTuple):
    """A trained bundle, and what it was trained for."""

    name: str
    method: str
    network: str
    split: str
    codec: str


class Counts(NamedTuple):
    """How many samples are usual, and how many there are."""

    usual: int
    most: int


class FidelityWork(Work, Protocol):
    """What the Fidelity app asks for, beyond networks and pictures; each may raise a `WorkbenchError`."""

    def restorers(self) -> tuple[RestorerEntry, ...]:
        """Every bundle that can be chosen by name."""

    def restorer(self, name: str) -> RestorerEntry:
        """A bundle by name or path."""

    def classes(self, choice: FidelityChoice, report: Report) -> tuple[str, ...]:
        """Class names of the network; empty where it has none."""

    def counts(self, choice: FidelityChoice, report: Report) -> Counts:
        """How many samples of the source to take."""

    def sample(self, choice: FidelityChoice, row: int) -> Thumbnail:
        """The picture of a sample; its key can be chosen."""

    def report(self, choice: FidelityChoice, report: Report) -> FidelityReport:
        """Numbers of both paths over all samples."""

    def space(self, choice: FidelityChoice, report: Report) -> Embedding:
        """The samples as points."""

    def maps(self, choice: FidelityChoice, report: Report) -> ChannelMaps:
        """The channels of the chosen picture."""

    def saliency(self, choice: FidelityChoice, report: Report) -> SaliencyReport:
        """Where the network looks on the chosen picture."""
