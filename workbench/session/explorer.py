"""The Explorer's state: what was chosen, and what came out. Traitlets, no widgets.

network, split, codec, settings, picture, link ──▶ results.py ──▶ Work
                                                                   │
    known, gallery, trial, many, curve  ◀──────────────────────────┘
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, Final, Literal

import traitlets

from workbench.errors import InputError, UnknownNameError, WorkbenchError
from workbench.numbers import readable
from workbench.records import SplitPoint
from workbench.session.choice import Choice, from_link, to_link
from workbench.session.code import code_of
from workbench.session.results import Line, Problem, Results
from workbench.session.runner import Runner, Ticket
from workbench.session.work import Entry, Field, Thumbnail, Work

VIEWS: Final = ("cut profile", "payload", "reshape", "answer", "latency")
__all__ = ["VIEWS", "Explorer", "Line", "Problem"]

_USUAL: Final = Choice()


class Explorer(Results):
    """Choose by setting traits (several at once with `choose`); read the rest.

    Parameters
    ----------
    work : does what takes time.
    runner : `Threads()` behind a page, `AtOnce()` in a test or a notebook.
    """

    _main = "trial"
    _lazy: tuple[str, ...] = ("curve",)
    _later: tuple[str, ...] = ("many",)  # while a slider moves, nobody can read an accuracy
    _kind: type[Choice] = Choice

    network = traitlets.Unicode(_USUAL.network)
    pretrained = traitlets.Bool(None, allow_none=True)
    split = traitlets.Unicode("")
    codec = traitlets.Unicode(_USUAL.codec)
    settings = traitlets.Dict()
    source = traitlets.Unicode("")
    picture = traitlets.Unicode("")
    link = traitlets.Unicode(_USUAL.link)
    link_settings = traitlets.Dict()
    view = traitlets.Enum(VIEWS, VIEWS[0])

    known = traitlets.Any(None, allow_none=True, help="Network: the chosen one, once it is loaded")
    gallery = traitlets.Tuple(help="Thumbnails to choose from")
    names = traitlets.Tuple(help="names of networks to offer; more come once timm is there")
    trial = traitlets.Any(None, allow_none=True, help="the last Trial; stale while `stale` holds 'trial'")
    many = traitlets.Any(None, allow_none=True, help="Trial over many labelled pictures")
    curve = traitlets.Any(None, allow_none=True, help="ReshapeCurve, asked for when its view is in front")
    code = traitlets.Unicode("", help="Python that gives what the view in front shows")
    address = traitlets.Unicode("", help="text behind the # of a link that restores the choice")

    def __init__(self, work: Work, runner: Runner) -> None:
        super().__init__(runner)
        self._work = work
        self._remembered: dict[str, dict[str, Any]] = {}
        self.codecs: tuple[Entry, ...] = work.codecs()
        self.links: tuple[Entry, ...] = work.links()
        self.shipped: tuple[str, ...] = work.networks()
        self.names = self.shipped
        self._chosen_names = tuple(known.name for known in fields(self._kind))
        self.observe(self._chosen, list(self._chosen_names))
        self.observe(self._viewed, "view")
        self._describe()

    @property
    def choice(self) -> Choice:
        """The present choice as one value."""
        return self._kind(**{name: getattr(self, name) for name in self._chosen_names})

    def choose(self, **chosen: Any) -> None:
        """Set several choices at once; work starts once.

        A new network forgets the split, a new codec its settings, a new link its numbers, unless they are
        among what is chosen.
        """
        unknown = set(chosen) - set(self._chosen_names)
        if unknown:
            raise UnknownNameError("choice", sorted(unknown)[0], self._chosen_names)
        with self._together():
            for name in self._chosen_names:
                if name in chosen:
                    setattr(self, name, chosen[name])

    def set_setting(self, name: str, value: Any) -> None:
        """Change one setting of the codec."""
        self.settings = {**self.settings, name: value}

    def set_link_setting(self, name: str, value: Any) -> None:
        """Change one number of the link."""
        self.link_settings = {**self.link_settings, name: value}

    def restore(self, address: str) -> None:
        """Choose what a link says; a link that cannot be read becomes the outcome, and nothing changes."""
        if address.removeprefix("#") == self.address:
            self.refresh()
            return
        try:
            choice = from_link(address, self._kind)
            _from_the_catalogue(choice)
        except WorkbenchError as error:
            self._fail(error, "reading the link")
            return
        self.choose(**{name: getattr(choice, name) for name in self._chosen_names})

    def bring_picture(self, name: str, content: bytes) -> None:
        """Add a picture and choose it; one that is no picture becomes the outcome."""
        try:
            thumbnail = self._work.add_picture(name, content)
        except WorkbenchError as error:
            self._fail(error, f"reading {name}")
            return
        self.gallery = (thumbnail, *(known for known in self.gallery if known.key != thumbnail.key))
        self.picture = thumbnail.key

    def use_random_weights(self) -> None:
        """Take the network as its constructor made it; shown as such wherever its numbers are."""
        self.pretrained = False

    # what happens when something is chosen

    def _chosen(self, change: Any) -> None:
        name = change["name"]
        with self._together():
            if name == "network":
                self.split = ""
                self.pretrained = None
            if name == "source" or (name == "network" and not self.picture.startswith("upload/")):
                self.picture = ""
            if name == "codec":
                self._remembered[change["old"]] = dict(self.settings)
                self.settings = self._remembered.get(change["new"], {})
            if name == "link":
                self.link_settings = {}

    def _viewed(self, _change: Any) -> None:
        with self.lock:
            self._describe()
            lazy = [name for name in self._wanted() if name in self._lazy]
            if not self.busy and lazy:  # work that runs looks at the view by itself
                self.refresh()

    def _needs(self, choice: Choice) -> dict[str, Any]:
        """What each result depends on."""
        network = (choice.network, choice.pretrained)
        cut = (*network, choice.split)
        coded = (*cut, choice.codec, frozen(choice.settings), choice.link, frozen(choice.link_settings))
        return {
            "known": network,
            "gallery": (choice.network, choice.source),
            "trial": (*coded, choice.picture),
            "curve": (*cut, choice.picture, choice.settings.get("bits")),
            "many": (*coded, choice.source),
        }

    def _looked_at(self, name: str) -> bool:
        """Whether a result is shown anywhere at present; the rest is not asked for."""
        return name != "curve" or self.view == "reshape"

    def _describe(self) -> None:
        self.code = code_of(self.choice, self.view)
        self.address = to_link(self.choice)

    # what happens in the thread

    def _doing(self, choice: Choice) -> str:
        """The choice in words, for the log."""
        return f"{choice.network} cut at {choice.split}, {choice.codec} over {choice.link}"

    def _steps(self) -> dict[str, Callable[[Choice, Ticket], Any]]:
        """Who makes each result."""
        return {"trial": self._work.trial, "curve": self._work.reshape, "many": self._work.many}

    def _settle(self, choice: Choice, ticket: Ticket) -> Choice:
        """The choice with a split and a picture, and the network known."""
        known = self.known
        if not self._fits("known", choice):
            started = time.perf_counter()
            known = self._work.network(choice, ticket)
            spent = time.perf_counter() - started
            self._log(ticket, "network", choice.network, spent)
            ticket.deliver(lambda: self._arrive("known", known, choice))
        if not self._fits("gallery", choice):
            gallery = self._work.gallery(choice, ticket)
            ticket.deliver(lambda: self._arrive("gallery", self._with_brought(gallery), choice))
        ticket.check()
        names = [point.name for point in known.profile.points]
        split = choice.split or _usual_split(known.profile.points)
        if split not in names:
            raise UnknownNameError("split point", split, names, "Choose one from the list")
        offered = [tile.key for tile in self.gallery if not tile.key.startswith("upload/")]
        picture = choice.picture or next(iter(offered), "")
        settled = replace(choice, split=split, picture=picture)
        if settled != choice:
            ticket.deliver(lambda: self._take(split, picture))
        return settled

    def _with_brought(self, gallery: tuple[Thumbnail, ...]) -> tuple[Thumbnail, ...]:
        brought = tuple(tile for tile in self.gallery if tile.key.startswith("upload/"))
        return (*brought, *(tile for tile in gallery if tile not in brought))

    def _take(self, split: str, picture: str) -> None:
        """Write what was filled in into the choice, without starting anew."""
        with self._quietly():
            self.split, self.picture = split, picture
        self._describe()

    def _log(self, ticket: Ticket, name: str, doing: str, spent: float) -> None:
        steps = self._work.told()
        found: dict[str, str] = {}
        for step, known, seconds in steps:
            found.setdefault(step, "known" if known else str(readable(seconds, "s")))
        words = [f"{step} {said}" for step, said in found.items()]
        kind: Literal["ran", "cached"] = "cached" if all(known for _, known, _ in steps) else "ran"
        text = f"{name} · {doing} · {readable(spent, 's')}" + (f" · {', '.join(words)}" if words else "")
        ticket.deliver(lambda: self._say(kind, text))

    def _afterwards(self, ticket: Ticket) -> None:
        if self.names == self.shipped:
            names = self._work.more_networks(ticket)
            ticket.deliver(partial(setattr, self, "names", names))

    def fields(self, group: Literal["codec", "link"]) -> tuple[Field, ...]:
        """What can be set on the chosen codec or link; nothing where the name is unknown."""
        entries = self.codecs if group == "codec" else self.links
        name = self.codec if group == "codec" else self.link
        return next((entry.fields for entry in entries if entry.name == name), ())


def frozen(settings: Any) -> tuple[Any, ...]:
    """Settings as a value that can be compared, in an order of its own."""
    return tuple(
        sorted((key, tuple(value) if isinstance(value, list) else value) for key, value in settings.items())
    )


def _usual_split(points: Sequence[SplitPoint]) -> str:
    """Where least crosses while the board does between a quarter and three quarters of the work."""
    if not points:
        return ""
    shares = [point.macs_before / max(point.macs_before + point.macs_after, 1) for point in points]
    fair = [point for point, share in zip(points, shares, strict=True) if 0.25 <= share <= 0.75]
    least = min((point.elements for point in fair), default=0)
    return next(
        (point.name for point in reversed(fair) if point.elements == least), points[len(points) // 2].name
    )


def _from_the_catalogue(choice: Choice) -> None:
    """A link may come from anyone, so it may not name code that would be run."""
    if ":" in choice.network or choice.network.endswith(".py"):
        raise InputError(
            f"the link names {choice.network!r}, which would run code of this machine; if you trust it, type "
            f"it yourself under 'another network'"
        )
