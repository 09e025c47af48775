"""The same samples on every path, batch by batch, each step once for each sample.

    pictures ─▶ edge part ─▶ original ───────────────────────────────────────▶ server part ─▶ scores
                                └▶ codec ─▶ PAYLOAD ─▶ decoded ──────────────▶ server part ─▶ scores
                                                          └▶ restorer ─▶ restored ─▶ its server part ─▶ scores

Batches are random draws of the samples by a seed, as batched CKA needs them. A store keeps what it can hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from workbench.codecs import Codec, decode
from workbench.codecs import codec as codec_of_name
from workbench.errors import Cancelled, InputError, SettingError
from workbench.experiments.choices import SMALL_INPUT, class_numbers, default_pictures, kept_apart, network_of
from workbench.experiments.fidelity_store import SampleStore
from workbench.experiments.steps import Tensors, scores_of
from workbench.experiments.timing import Progress, quiet
from workbench.metrics.cka import batch_sizes
from workbench.models import Model, Split
from workbench.models import split as cut
from workbench.pictures import Pictures, load
from workbench.records import SplitPoint

if TYPE_CHECKING:
    from workbench.experiments.fidelity_restorer import Restorer

CALIBRATION = 16  # pictures that a codec is calibrated on
MOST_IN_BATCH, FEWEST_IN_BATCH = 250, 8
BATCH_VALUES = 2**21
THUMBNAIL = 32
Stop = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class EdgeRow:
    """What crosses for one picture, the unsplit network's scores, and a small view of the picture."""

    tensors: Tensors
    scores: NDArray[np.float32]
    thumbnail: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return sum(one.nbytes for one in self.tensors) + self.scores.nbytes + self.thumbnail.nbytes


@dataclass(frozen=True, eq=False)
class PathRow:
    """The features of one picture on one path, the scores from them, and the bytes that crossed."""

    tensors: Tensors
    scores: NDArray[np.float32]
    payload_bytes: int = 0

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return sum(one.nbytes for one in self.tensors) + self.scores.nbytes + 64


@dataclass(frozen=True, eq=False)
class Batch:
    """Some samples on every path; `places` say which, row by row."""

    places: tuple[int, ...]
    original: tuple[EdgeRow, ...]
    decoded: tuple[PathRow, ...]
    restored: tuple[PathRow, ...] | None


class Samples:
    """The samples of one network, split, codec and restorer; see `samples_of`."""

    def __init__(
        self, split: Split, codec: Codec, pictures: Pictures, restorer: Restorer | None, store: SampleStore
    ) -> None:
        self.split, self.codec, self.pictures, self.restorer = split, codec, pictures, restorer
        self._store = store
        self.codecs: tuple[Codec, ...] = (codec,) * len(split.point.shapes)
        self.calibration = "not needed"

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def model(self) -> Model:
        """The network."""
        return self.split.model

    def calibrate(self, progress: Progress = quiet) -> None:
        """Fill in what the codec asks for, on pictures that are not measured where there are such."""
        known = self.codec.settings_schema()
        if self.restorer is not None:
            self.calibration = f"by {self.restorer.name} when it was trained"
            return
        if not any(one.calibrated and getattr(self.codec, one.name) is None for one in known):
            return
        progress(0, len(self), "calibrating the codec")
        spare, self.calibration = kept_apart(self.model, self.pictures, CALIBRATION)
        rows = Samples(self.split, self.codec, spare, None, self._store).edge(range(len(spare)))
        self.codecs = tuple(
            self.codec.calibrate([row.tensors[at] for row in rows]) for at in range(len(self.codecs))
        )

    def batches(self, seed: int, progress: Progress = quiet) -> Iterator[Batch]:
        """Every sample once, in random batches of nearly equal size; `seed` says which."""
        order = np.random.default_rng(seed).permutation(len(self)).tolist()
        elements = sum(math.prod(shape) for shape in self.split.point.shapes)
        most = max(FEWEST_IN_BATCH, min(MOST_IN_BATCH, BATCH_VALUES // max(1, elements)))
        done = 0
        for size in batch_sizes(len(self), most):
            yield self.batch(order[done : done + size], progress, done)
            done += size

    def batch(self, places: Sequence[int], progress: Progress = quiet, done: int = 0) -> Batch:
        """These samples on every path."""

        def tell(more: int, what: str) -> None:
            progress(done + more, len(self), what)

        original = self.edge(places, tell)
        coded = self._decoded(places, original, tell)
        return Batch(tuple(places), original, coded, self._restored(places, coded, tell))

    def edge(
        self, places: Sequence[int], tell: Callable[[int, str], None] = lambda more, what: None
    ) -> tuple[EdgeRow, ...]:
        """The edge part and the unsplit network's scores."""
        key = (self._cut_key,)

        def compute(at: list[int]) -> list[EdgeRow]:
            return self._run_edge([self.pictures.passing(places[one]).image for one in at])

        return self._many("edge part", key, places, tell, compute)

    def _run_edge(self, images: list[Any]) -> list[EdgeRow]:
        inputs = self.model.preprocess(images).to(_like(self.model).dtype)
        with torch.no_grad():
            features = self.split.edge_part(inputs)
            scores = scores_of(self.split.server_part(features), self.model.name)
        tensors = _arrays(features)
        views = self.model.preprocessing.view(images)
        return [
            EdgeRow(
                tuple(np.array(tensor[at]) for tensor in tensors), scores[at].copy(), thumbnail(views[at])
            )
            for at in range(len(images))
        ]

    def _sent(self, places: Sequence[int], original: Sequence[EdgeRow]) -> list[Tensors]:
        """What the board encodes: the original features, unless the restorer brought its own edge part."""
        if self.restorer is None or not self.restorer.own_edge:
            return [row.tensors for row in original]
        images = [self.pictures.passing(place).image for place in places]
        with torch.no_grad():
            inputs = self.model.preprocess(images).to(_like(self.model).dtype)
            tensors = _arrays(self.restorer.chain.edge(inputs))
        return [tuple(np.array(tensor[at]) for tensor in tensors) for at in range(len(images))]

    def _decoded(
        self, places: Sequence[int], original: Sequence[EdgeRow], tell: Callable[[int, str], None]
    ) -> tuple[PathRow, ...]:
        def compute(at: list[int]) -> list[PathRow]:
            sent = self._sent([places[one] for one in at], [original[one] for one in at])
            payloads = [
                [codec.encode(one) for codec, one in zip(self.codecs, tensors, strict=True)]
                for tensors in sent
            ]
            tensors = [tuple(decode(one) for one in several) for several in payloads]
            scores = self._answers(tensors)
            sizes = [sum(map(len, several)) for several in payloads]
            return [PathRow(*row) for row in zip(tensors, scores, sizes, strict=True)]

        return self._many("codec", self._coded_key, places, tell, compute)

    def _answers(self, tensors: Sequence[Tensors]) -> NDArray[np.float32]:
        stacked = tuple(
            torch.from_numpy(np.stack(column)).to(_like(self.model).dtype)
            for column in zip(*tensors, strict=True)
        )
        with torch.no_grad():
            answer = self.split.server_part(stacked[0] if len(stacked) == 1 else stacked)
        return scores_of(answer, self.model.name)

    def _restored(
        self, places: Sequence[int], decoded: Sequence[PathRow], tell: Callable[[int, str], None]
    ) -> tuple[PathRow, ...] | None:
        restorer = self.restorer
        if restorer is None:
            return None

        def compute(at: list[int]) -> list[PathRow]:
            arrived = torch.from_numpy(np.stack([decoded[one].tensors[0] for one in at]))
            back, scores = restorer.restore(arrived)
            return [PathRow((np.array(one),), score.copy()) for one, score in zip(back, scores, strict=True)]

        return self._many("restorer", (*self._coded_key, restorer.key), places, tell, compute)

    def _many(
        self,
        step: str,
        key: tuple[Any, ...],
        places: Sequence[int],
        tell: Callable[[int, str], None],
        compute: Callable[[list[int]], list[Any]],
    ) -> tuple[Any, ...]:
        """A row for each place: few at a time, so that a Cancel is heard soon and activations stay small."""
        size = max(1, min(64, 2**20 // max(1, math.prod(self.model.input_size))))
        rows: list[Any] = []
        for start in range(0, len(places), size):
            tell(start, step)
            piece = range(start, min(start + size, len(places)))
            keys = [(*key, self.pictures.identity(places[at])) for at in piece]
            rows += self._store.many(step, keys, partial(_at, compute, piece))
        return tuple(rows)

    @property
    def _cut_key(self) -> tuple[Any, ...]:
        return self.model.fingerprint, self.split.point

    @property
    def _coded_key(self) -> tuple[Any, ...]:
        board = self.restorer.key if self.restorer is not None and self.restorer.own_edge else ""
        return (*self._cut_key, tuple(f"{one.name} {one.settings()}" for one in self.codecs), board)


def _at(compute: Callable[[list[int]], list[Any]], piece: range, missing: list[int]) -> list[Any]:
    return compute([piece[one] for one in missing])


def samples_of(
    model: Model | str,
    split: str | SplitPoint | Split,
    codec: Codec | str | None,
    pictures: Any,
    restorer: Any,
    samples: int | None,
    store: SampleStore | None,
    progress: Progress,
) -> Samples:
    """The samples that the arguments name, the codec calibrated; see `wb.fidelity` for what they mean."""
    network = network_of(model)
    if isinstance(split, Split) and split.model is not network:
        raise SettingError(
            f"the split is one of {split.model.name}, not of this {network.name}; cut this one: "
            f"wb.split(model, {split.point.name!r})"
        )
    place = split if isinstance(split, Split) else cut(network, split)
    coder = codec_of_name(codec) if isinstance(codec, str) else codec
    if coder is not None and not isinstance(coder, Codec):
        raise SettingError(f"codec is a {type(codec).__name__}; it must be from wb.codec, or a name")
    found = None
    if restorer is not None:
        from workbench.experiments.fidelity_restorer import restorer_of

        found = restorer_of(restorer, place, coder)
        coder = found.codec
    if coder is None:
        raise SettingError("no codec was given; give one, such as 'onebit', or a restorer, which has its own")
    source = default_pictures(network) if pictures is None else load(pictures)
    if not len(source):
        raise InputError("no picture was given; at least one is needed")
    chosen = source.sample(usual_samples(network) if samples is None else samples)
    ready = Samples(place, coder, chosen, found, SampleStore() if store is None else store)
    ready.calibrate(progress)
    return ready


def usual_samples(model: Model) -> int:
    """How many samples keep the numbers at some seconds."""
    _, height, width = model.input_size
    return 500 if height * width <= SMALL_INPUT else 64


def labels_of(samples: Samples, labels: Any, total: int, count: int) -> tuple[tuple[int, ...] | None, str]:
    """Class numbers of the samples as `class_numbers` gives them; `labels` are of all `total` pictures."""
    if labels is not None and len(samples) < total and len(labels) == total:
        labels = [labels[at * total // len(samples)] for at in range(len(samples))]
    return class_numbers(samples.model, samples.pictures, labels, count)


def heard(progress: Progress | None, stop: Any) -> Progress:
    """A progress that also looks at `stop`, an Event or a callable, and then raises `Cancelled`."""
    asked: Stop | None = getattr(stop, "is_set", stop)
    if asked is not None and not callable(asked):
        raise SettingError(f"stop is a {type(stop).__name__}; it must be a threading.Event or a callable")

    def tell(done: int, total: int, what: str) -> None:
        if progress is not None:
            progress(done, total, what)
        if asked is not None and asked():
            raise Cancelled("stopped; what was computed so far is kept")

    return tell


def flat(tensors: Tensors) -> NDArray[np.float32]:
    """All values that cross for one picture."""
    return tensors[0].reshape(-1) if len(tensors) == 1 else np.concatenate([one.ravel() for one in tensors])


def thumbnail(view: Image.Image) -> NDArray[np.uint8]:
    """What the network saw, as 32 x 32 RGB."""
    small = view.convert("RGB")
    if small.size != (THUMBNAIL, THUMBNAIL):
        small = small.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR)
    return np.asarray(small, np.uint8).copy()


def _like(model: Model) -> torch.Tensor:
    return next(model.module.parameters(), torch.empty(0))


def _arrays(features: Any) -> list[NDArray[np.float32]]:
    several = (features,) if isinstance(features, torch.Tensor) else tuple(features)
    return [one.float().numpy() for one in several]
