"""The real work behind a session: networks, pictures and the pipeline, each loaded when first needed.

torch and timm come in the first call, which runs in a session's thread behind the page.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import TYPE_CHECKING

from workbench.errors import InputError, WorkbenchError
from workbench.numbers import readable
from workbench.records import ReshapeCurve, Trial
from workbench.session.choice import OWN_LINK, OWN_NUMBERS, Choice
from workbench.session.work import Entry, Field, Network, Report, Thumbnail

if TYPE_CHECKING:
    from workbench.experiments import Workspace
    from workbench.links import Link
    from workbench.models import Model
    from workbench.pictures import Picture, Pictures

_SHOWN = 11  # pictures in the gallery
_THUMBNAIL = (72, 72)
_MODELS_KEPT = 2
_USUAL_BITS = 4


class Desk:
    """`Work` on this machine; keeps the last networks and what the pipeline computed."""

    def __init__(self) -> None:
        self._workspace: Workspace | None = None
        self._models: OrderedDict[tuple[str, bool | None], tuple[Model, Network]] = OrderedDict()
        self._brought: dict[str, Pictures] = {}

    def codecs(self) -> tuple[Entry, ...]:
        """Every codec that is installed; what calibration fills in is not chosen."""
        from workbench.codecs import codecs

        return tuple(
            Entry(
                entry.name,
                entry.summary,
                entry.source,
                tuple(
                    Field(
                        known.name, known.kind, known.default, known.help, known.symbol, known.unit,
                        known.minimum, known.maximum, known.choices,
                    )
                    for known in entry.settings
                    if not known.calibrated
                ),
            )
            for entry in codecs()
        )  # fmt: skip

    def links(self) -> tuple[Entry, ...]:
        """Every link by name, and one whose numbers a person gives."""
        from workbench.links import link, links

        own = link(OWN_LINK, **OWN_NUMBERS, source="numbers of your own")
        return tuple(
            Entry(
                known.name,
                _summary(known),
                f"{known.source}. Seconds: {known.formula}",
                tuple(
                    Field(
                        number.name,
                        float,
                        number.value,
                        number.help,
                        unit=number.unit,
                        minimum=number.minimum,
                    )
                    for number in known.parameters()
                ),
            )
            for known in (*links(), own)
        )

    def networks(self) -> tuple[str, ...]:
        """The demo networks."""
        from workbench.models import models

        return tuple(entry.name for entry in models(origins=("demo",)))

    def more_networks(self, report: Report) -> tuple[str, ...]:
        """The demo networks, timm's and torchvision's."""
        from workbench.models import models

        report(0, 1, "names of networks")
        return tuple(entry.name for entry in models())

    def network(self, choice: Choice, report: Report) -> Network:
        """The chosen network with its cuts."""
        return self._load(choice, report)[1]

    def gallery(self, choice: Choice, report: Report) -> tuple[Thumbnail, ...]:
        """Some pictures of the source, spread over the whole of it."""
        pictures, name = self._source(choice, report)
        count = min(_SHOWN, len(pictures))
        places = [place * len(pictures) // count for place in range(count)]
        found = []
        for done, place in enumerate(places):
            report(done, count, "pictures")
            found.append(thumbnail_of(f"{name}/{place}", pictures[place]))
        return tuple(found)

    def add_picture(self, name: str, content: bytes) -> Thumbnail:
        """A picture from the bytes of its file."""
        from workbench.pictures import load

        try:
            pictures = load(content)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        key = f"upload/{name}"
        self._brought[key] = pictures
        return thumbnail_of(key, pictures[0])._replace(name=name)

    def trial(self, choice: Choice, report: Report) -> Trial:
        """The chosen picture alone."""
        return self._trial(choice, self._picture(choice, report), report)

    def many(self, choice: Choice, report: Report) -> Trial | None:
        """As many pictures of the source as take some seconds."""
        return self._trial(choice, self._source(choice, report)[0], report)

    def reshape(self, choice: Choice, report: Report) -> ReshapeCurve:
        """Every reshape of the features of the chosen picture."""
        from workbench.experiments.reshapes import encoded_reshapes

        model = self._load(choice, report)[0]
        split = self._space().split(model, choice.split)
        tensors = self._space().edge(split, self._picture(choice, report), progress=report).tensors[0]
        bits = choice.settings.get("bits")
        usable = (
            bits if isinstance(bits, int) and not isinstance(bits, bool) and 1 <= bits <= 8 else _USUAL_BITS
        )
        return encoded_reshapes(tensors[0], usable, report)

    def told(self) -> tuple[tuple[str, bool, float], ...]:
        """Steps of the pipeline since this was last asked: name, whether it was known, seconds."""
        log = self._space().log
        told = tuple((entry.step, entry.cached, entry.seconds) for entry in log)
        log.clear()
        return told

    def _space(self) -> Workspace:
        if self._workspace is None:
            from workbench.experiments import Workspace

            self._workspace = Workspace()
        return self._workspace

    def _trial(self, choice: Choice, pictures: Pictures, report: Report) -> Trial:
        from workbench.codecs import codec

        model = self._load(choice, report)[0]
        coder = codec(choice.codec, **choice.settings)
        return self._space().trial(model, choice.split, coder, _link(choice), pictures, progress=report)

    def _load(self, choice: Choice, report: Report) -> tuple[Model, Network]:
        key = (choice.network, choice.pretrained)
        if key not in self._models:
            report(0, 3, "loading torch and timm")
            from workbench.experiments import cut_profile
            from workbench.models import load_model

            report(1, 3, f"loading {choice.network}")
            model = load_model(choice.network, pretrained=choice.pretrained)
            report(2, 3, f"cutting {choice.network}")
            profile = cut_profile(model, progress=report)
            self._models[key] = model, Network(model.name, model.weights, model.weights_note, profile)
            while len(self._models) > _MODELS_KEPT:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]

    def _source(self, choice: Choice, report: Report) -> tuple[Pictures, str]:
        """The pictures to choose from, and how their keys begin."""
        from workbench.experiments.choices import default_pictures
        from workbench.pictures import load

        if choice.source:
            return load(choice.source), choice.source
        pictures = default_pictures(self._load(choice, report)[0])
        return pictures, pictures.name

    def _picture(self, choice: Choice, report: Report) -> Pictures:
        from workbench.pictures import load

        if choice.picture in self._brought:
            return self._brought[choice.picture]
        source, _, place = choice.picture.rpartition("/")
        if source == "upload":
            raise InputError(
                f"the picture {place!r} was brought to another page; bring it here, too, or choose one"
            )
        pictures = load(source) if source else self._source(choice, report)[0]
        if not place.isdigit() or int(place) >= len(pictures):
            raise InputError(
                f"there is no picture {choice.picture!r}; {pictures.name} has 0 to {len(pictures) - 1}"
            )
        return pictures[int(place) : int(place) + 1]


def _summary(link: Link) -> str:
    """Its numbers that are not zero, ready to read."""
    units = {"bit/s": "bps"}
    found = [
        f"{number.name.rpartition('_')[0].replace('_', ' ') or number.name} "
        f"{readable(number.value, units.get(number.unit, number.unit))}"
        for number in link.parameters()
        if number.value
    ]
    return ", ".join(found)


def _link(choice: Choice) -> Link:
    from workbench.links import link

    if choice.link != OWN_LINK:
        return link(choice.link, **choice.link_settings)
    return link(OWN_LINK, **{**OWN_NUMBERS, "source": "numbers of your own", **choice.link_settings})


def thumbnail_of(key: str, picture: Picture) -> Thumbnail:
    """A picture of the gallery.

    Raises
    ------
    WorkbenchError : it cannot be written as PNG.
    """
    small = picture.image.copy()
    small.thumbnail(_THUMBNAIL)
    file = io.BytesIO()
    try:
        small.save(file, "PNG")
    except OSError as error:
        raise WorkbenchError(f"{picture.name} cannot be shown: {error}") from error
    return Thumbnail(key, picture.name, picture.label, file.getvalue())
