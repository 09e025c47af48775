"""The pipeline with a memory: after a change, only the steps behind it run again.

network, pictures ─▶ whole      changes with: network, pictures
      + split ─▶ edge           changes with: network, pictures, split
          + codec ─▶ coded ─▶ answered       ... and codec
              + link ─▶ Trial                ... and link (arithmetic only)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from workbench.codecs import Codec
from workbench.errors import SettingError
from workbench.experiments import steps
from workbench.experiments.choices import (
    class_numbers,
    default_pictures,
    default_samples,
    kept_apart,
)
from workbench.experiments.limits import enough_memory
from workbench.experiments.memory import Entry, Memory
from workbench.experiments.timing import Progress, checked_repeats, quiet
from workbench.experiments.trial import Results, trial_of
from workbench.links import Link
from workbench.models import Model, Split
from workbench.models import split as cut
from workbench.pictures import Pictures
from workbench.records import SplitPoint, Trial

CALIBRATION = 16  # pictures that a codec is calibrated on
REPEATS = 7
LIMIT_BYTES = 512 * 2**20
T = TypeVar("T")


class Workspace:
    """Steps of the pipeline that remember their results; one for each person at a screen.

    Every method takes `progress(done, total, what)`, called often, which may raise `Cancelled`: what was
    finished before is kept. `log` says what ran and what was known.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._memory = Memory(limit_bytes)

    @property
    def log(self) -> deque[Entry]:
        """The latest steps, oldest first."""
        return self._memory.log

    def split(self, model: Model, point: str | SplitPoint | Split) -> Split:
        """The network cut there, verified once."""
        if isinstance(point, Split):
            if point.model is not model:
                raise SettingError(
                    f"the split is one of {point.model.name}, not of this {model.name}; cut this one: "
                    f"wb.split(model, {point.point.name!r})"
                )
            return point
        key = (model.fingerprint, point)
        return self._memory.get("cut", key, lambda: cut(model, point))

    def whole(
        self, model: Model, pictures: Pictures, *, repeats: int = REPEATS, progress: Progress = quiet
    ) -> steps.Whole:
        """The unsplit network's answers and times, and the input as JPEG."""
        key = (model.fingerprint, _key(pictures), repeats)
        return self._memory.get(
            "unsplit network", key, lambda: steps.run_whole(model, pictures, repeats, progress)
        )

    def edge(
        self, split: Split, pictures: Pictures, *, repeats: int = REPEATS, progress: Progress = quiet
    ) -> steps.Features:
        """The features of each picture at the cut; times of both parts."""
        key = (*_cut_key(split), _key(pictures), repeats)
        return self._memory.get("edge part", key, lambda: steps.run_edge(split, pictures, repeats, progress))

    def codecs_for(
        self, split: Split, codec: Codec, pictures: Pictures, *, progress: Progress = quiet
    ) -> tuple[tuple[Codec, ...], str]:
        """The codec for each tensor that crosses, calibrated if it asks for it; and on what, in words.

        It is calibrated on pictures that are not measured; on those only where there are no others.
        """
        count = len(split.point.shapes)
        if not _asks(codec):
            return (codec,) * count, "not needed"
        spare, told = kept_apart(split.model, pictures, CALIBRATION)
        features = self.edge(split, spare, repeats=1, progress=progress).tensors
        found = tuple(codec.calibrate([row[at] for row in features]) for at in range(count))
        return found, told

    def coded(
        self,
        split: Split,
        codecs: Sequence[Codec],
        pictures: Pictures,
        *,
        repeats: int = REPEATS,
        progress: Progress = quiet,
    ) -> steps.Coded:
        """Payloads of each picture, what they decode to, and the times of both ways."""
        features = self.edge(split, pictures, repeats=repeats, progress=progress)
        key = (*_cut_key(split), _key(pictures), _codec_key(codecs), repeats)
        return self._memory.get("codec", key, lambda: steps.run_codec(features, codecs, repeats, progress))

    def answered(
        self,
        split: Split,
        codecs: Sequence[Codec],
        pictures: Pictures,
        *,
        repeats: int = REPEATS,
        progress: Progress = quiet,
    ) -> NDArray[np.float32]:
        """Scores (n, classes) of the server part on the decoded features."""
        coded = self.coded(split, codecs, pictures, repeats=repeats, progress=progress)
        key = (*_cut_key(split), _key(pictures), _codec_key(codecs), repeats)
        return self._memory.get("server part", key, lambda: steps.run_server(split, coded.decoded, progress))

    def trial(
        self,
        model: Model,
        split: str | SplitPoint | Split,
        codec: Codec,
        link: Link,
        pictures: Pictures | None = None,
        labels: Sequence[Any] | None = None,
        *,
        samples: int | None = None,
        repeats: int = REPEATS,
        progress: Progress = quiet,
    ) -> Trial:
        """One measured combination; see `workbench.run` for the parameters.

        `samples` None takes all of given pictures, up to a number that keeps a run at some seconds.
        """
        checked_repeats(repeats)
        with enough_memory(f"a trial of {model.name}"):
            return self._trial(model, split, codec, link, pictures, labels, samples, repeats, progress)

    def _trial(
        self,
        model: Model,
        split: str | SplitPoint | Split,
        codec: Codec,
        link: Link,
        pictures: Pictures | None,
        labels: Sequence[Any] | None,
        samples: int | None,
        repeats: int,
        progress: Progress,
    ) -> Trial:
        chosen = default_pictures(model) if pictures is None else pictures
        chosen, labels = _sampled(chosen, labels, default_samples(model) if samples is None else samples)
        place = self.split(model, split)
        whole = self.whole(model, chosen, repeats=repeats, progress=progress)
        numbers, told = class_numbers(model, chosen, labels, whole.scores.shape[1])
        features = self.edge(place, chosen, repeats=repeats, progress=progress)
        codecs, calibration = self.codecs_for(place, codec, chosen, progress=progress)
        coded = self.coded(place, codecs, chosen, repeats=repeats, progress=progress)
        scores = self.answered(place, codecs, chosen, repeats=repeats, progress=progress)
        notes = {"labels": told, "calibration": calibration}
        return trial_of(
            Results(place, codec, codecs, link, chosen, numbers, whole, features, coded, scores, notes)
        )

    def kept(self, step: str, key: Hashable, compute: Callable[[], T]) -> T:
        """What a step of another module gave under this key before, else `compute()`."""
        return self._memory.get(step, key, compute)

    def forget(self) -> None:
        """Free everything that is kept."""
        self._memory.clear()


def _sampled(
    pictures: Pictures, labels: Sequence[Any] | None, samples: int
) -> tuple[Pictures, Sequence[Any] | None]:
    chosen = pictures.sample(samples)
    if labels is None or len(chosen) == len(pictures) or len(labels) != len(pictures):
        return chosen, labels
    return chosen, [labels[place * len(pictures) // samples] for place in range(samples)]


def _asks(codec: Codec) -> bool:
    return any(known.calibrated and getattr(codec, known.name) is None for known in codec.settings_schema())


def _key(pictures: Pictures) -> tuple[str, ...]:
    return tuple(picture.fingerprint for picture in pictures)


def _cut_key(split: Split) -> tuple[str, SplitPoint]:
    return split.model.fingerprint, split.point


def _codec_key(codecs: Sequence[Codec]) -> tuple[str, ...]:
    return tuple(f"{codec.name} {codec.settings()}" for codec in codecs)
