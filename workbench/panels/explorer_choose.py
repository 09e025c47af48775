"""The Explorer's left column: network, split, codec and its settings, picture, link.

Each chooser is linked with a trait of the session in both directions.
"""

from __future__ import annotations

import html
from functools import partial
from typing import Any

import ipywidgets as widgets

from workbench.panels.choosers import Chooser, Pick
from workbench.panels.guard import Guard
from workbench.panels.parts import group, hint
from workbench.panels.widgets import Gallery
from workbench.session.explorer import Explorer

_ANOTHER = "another network …"
_FOLDER = "a folder …"
_SOURCES = (("handwritten digits", "digits"), ("photographs", "photographs"))


class Choose:
    """The column; `groups` go into a `Frame`. `tip` goes behind the shape of the features."""

    def __init__(
        self, session: Explorer, guard: Guard, tip: str = "; or click a bar of the cut profile"
    ) -> None:
        self.session = session
        self._tip = tip
        self._guard = guard
        self.network = Pick("network", self._network_picked, guard)
        self.typed = widgets.Combobox(
            description="name", placeholder="any timm name, e.g. resnet18", continuous_update=False
        )
        self.weights = hint()
        self.random = widgets.Button(
            description="Use random weights", tooltip="Its numbers are then marked as such"
        )
        self.split = Pick("split", partial(self._picked, "split"), guard)
        self.split_hint = hint()
        self.codec = Pick("codec", partial(self._picked, "codec"), guard)
        self.codec_hint = hint()
        self.settings = Fields(session, guard, "codec")
        self.source = Pick("pictures", self._source_picked, guard)
        self.folder = widgets.Text(
            description="folder", placeholder="/path/to/pictures", continuous_update=False
        )
        self.gallery = Gallery(guard(session.bring_picture), lambda error: guard.show(error))
        self.picture_hint = hint()
        self.link = Pick("link", partial(self._picked, "link"), guard)
        self.link_hint = hint()
        self.more = widgets.ToggleButton(description="numbers ▸", tooltip="See and change the link's numbers")
        self.more.add_class("wb-more")
        self.numbers = Fields(session, guard, "link")
        self.source_hint = hint()
        self.groups = [
            group(
                "Network", self.network, self.typed, self.weights, self.random, self.split, self.split_hint
            ),
            group("Codec", self.codec, self.settings.box, self.codec_hint),
            group("Picture", self.source, self.folder, self.gallery, self.picture_hint),
            group("Link", self.link, self.link_hint, self.more, self.numbers.box, self.source_hint),
        ]
        _hide(self.typed, self.folder, self.random, self.numbers.box, self.source_hint)
        self._fill()
        self._link()

    def _fill(self) -> None:
        self._networks()
        self._sources()
        for show in (self._show_known, self._show_codec, self._show_link, self._show_pictures):
            show()

    def _link(self) -> None:
        session, guard = self.session, self._guard
        self.typed.observe(guard(self._network_typed), "value")
        self.random.on_click(guard(lambda _button: session.use_random_weights()))
        self.more.observe(guard(self._more), "value")
        self.folder.observe(guard(self._folder_typed), "value")
        self.gallery.observe(guard(lambda change: session.choose(picture=change["new"])), "chosen")
        watched = {
            ("known", "split", "stale", "busy"): self._show_known,
            ("outcome", "busy"): self._show_offer,
            ("network", "names"): self._networks,
            ("codec",): self._show_codec,
            ("link", "link_settings"): self._show_link,
            ("gallery", "picture"): self._show_pictures,
            ("source",): self._sources,
        }
        for names, show in watched.items():
            session.observe(guard(lambda _change, show=show: show()), list(names))

    # from the page to the session

    def _picked(self, name: str, value: Any) -> None:
        if value != getattr(self.session, name):
            self.session.choose(**{name: value})

    def _network_picked(self, name: str) -> None:
        if name == _ANOTHER:
            _show(self.typed)
            self.typed.focus()
        else:
            _hide(self.typed)
            self._picked("network", name)

    def _network_typed(self, change: Any) -> None:
        if change["new"].strip():
            self._picked("network", change["new"].strip())

    def _source_picked(self, source: str) -> None:
        if source == _FOLDER:
            _show(self.folder)
        else:
            _hide(self.folder)
            self._picked("source", source)

    def _folder_typed(self, change: Any) -> None:
        if change["new"].strip():
            self._picked("source", change["new"].strip())

    def _more(self, change: Any) -> None:
        (_show if change["new"] else _hide)(self.numbers.box, self.source_hint)
        self.more.description = "numbers ▾" if change["new"] else "numbers ▸"

    # from the session to the page

    def _networks(self) -> None:
        shipped = self.session.shipped
        names = list(dict.fromkeys([*shipped, self.session.network]))
        self.network.offer([*names, _ANOTHER], self.session.network)
        self.typed.options = self.session.names

    def _sources(self) -> None:
        source = self.session.source
        options = [("those of the network", ""), *_SOURCES]
        if source and source not in dict(_SOURCES).values():
            options.append((source.rpartition("/")[2] or source, source))
        self.source.offer([*options, (_FOLDER, _FOLDER)], source)

    def _show_known(self) -> None:
        known = self.session.known
        if known is None or "known" in self.session.stale:
            self.split.offer([], None)
            self.split_hint.value = ""
            self.weights.value = "loading …" if known is None or self.session.busy else "<b>not loaded</b>"
            return
        points = known.profile.points
        names = [point.name for point in points]
        self.split.offer(names, self.session.split if self.session.split in names else None)
        mark = f"<b>{html.escape(known.note)}</b>" if known.weights == "random" else html.escape(known.note)
        self.weights.value = mark
        chosen = next((point for point in points if point.name == self.session.split), None)
        shape = " × ".join(map(str, chosen.shape)) if chosen else ""
        self.split_hint.value = f"features {shape}{self._tip}" if chosen else ""

    def _show_offer(self) -> None:
        error = getattr(self.session.outcome, "error", None)
        offered = type(error).__name__ == "WeightsError" and self.session.pretrained is not False
        if offered and not self.session.busy:
            _show(self.random)
        else:
            _hide(self.random)

    def _show_codec(self) -> None:
        self.codec.offer([entry.name for entry in self.session.codecs], self.session.codec)
        entry = next((entry for entry in self.session.codecs if entry.name == self.session.codec), None)
        self.codec_hint.value = html.escape(entry.summary) if entry else ""

    def _show_link(self) -> None:
        self.link.offer([entry.name for entry in self.session.links], self.session.link)
        entry = next((entry for entry in self.session.links if entry.name == self.session.link), None)
        changed = ", ".join(f"{name} = {value}" for name, value in self.session.link_settings.items())
        words = html.escape(entry.summary) if entry else ""
        self.link_hint.value = f"{words}; changed: <b>{html.escape(changed)}</b>" if changed else words
        self.source_hint.value = html.escape(entry.source) if entry else ""
        if entry and entry.name == "own":
            self.more.value = True

    def _show_pictures(self) -> None:
        session = self.session
        self.gallery.show(session.gallery)
        self.gallery.chosen = session.picture
        tile = next((tile for tile in session.gallery if tile.key == session.picture), None)
        label = f", labelled {tile.label}" if tile and tile.label else ""
        self.picture_hint.value = html.escape(f"{tile.name}{label}") if tile else ""


class Fields:
    """Choosers for all that can be set on the chosen codec, or for the numbers of the chosen link."""

    def __init__(self, session: Explorer, guard: Guard, group: Any) -> None:
        self.box = widgets.VBox()
        self.choosers: dict[str, Chooser] = {}
        self._session = session
        self._guard = guard
        self._group = group
        self._trait = "settings" if group == "codec" else "link_settings"
        session.observe(guard(lambda _change: self._rebuild()), group)
        session.observe(guard(lambda _change: self._show()), self._trait)
        self._rebuild()

    def _rebuild(self) -> None:
        change = self._session.set_setting if self._group == "codec" else self._session.set_link_setting
        self.choosers = {
            field.name: Chooser(field, self._value(field), partial(change, field.name), self._guard)
            for field in self._session.fields(self._group)
        }
        self.box.children = [chooser.widget for chooser in self.choosers.values()]

    def _show(self) -> None:
        for chooser in self.choosers.values():
            chooser.show(self._value(chooser.field))

    def _value(self, field: Any) -> Any:
        return getattr(self._session, self._trait).get(field.name, field.default)


def _hide(*some: widgets.DOMWidget) -> None:
    for widget in some:
        widget.layout.display = "none"


def _show(*some: widgets.DOMWidget) -> None:
    for widget in some:
        widget.layout.display = None
