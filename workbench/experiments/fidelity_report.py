"""What a codec, and a restorer behind it, leave of the features and of the answer, over many samples.

    samples ─▶ batch ─▶ mse · psnr · cosine · SSIM · KL a sample     (kept: one number each)
                    └─▶ CKA, agreement, accuracy                     (kept: sums)

Feature maps are let go batch by batch, so any number of samples fits into memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path as File
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.codecs import Codec
from workbench.experiments.fidelity_samples import Batch, PathRow, Samples, flat, heard, labels_of, samples_of
from workbench.experiments.fidelity_store import SampleStore
from workbench.experiments.limits import enough_memory
from workbench.experiments.timing import Progress
from workbench.fidelity_records import (
    Distribution,
    FidelityReport,
    Histogram,
    Path,
    PathFidelity,
    Share,
)
from workbench.metrics.cka import FEWEST, BatchedCka
from workbench.metrics.ssim import WINDOW
from workbench.models import Model, Split
from workbench.pictures import load
from workbench.records import SplitPoint

TOP = 5
BINS = 200
_Better = Literal["higher", "lower", ""]
_ABOUT: dict[str, tuple[str, _Better, str]] = {
    "mse": ("", "lower", "mean squared error of a sample's features"),
    "relative_mse": ("", "lower", "mse over the mean square of the sample's original features"),
    "psnr": ("dB", "higher", "over the range of the sample's original features"),
    "cosine": ("", "higher", "of the sample's features seen as one vector"),
    "ssim": ("", "higher", "mean over the channel maps; data range: that of the sample's original features"),
    "kl": ("nat", "lower", "divergence of the answer from that of the unsplit network"),
}


def fidelity(
    model: Model | str,
    split: str | SplitPoint | Split,
    codec: Codec | str | None = None,
    pictures: Any = None,
    *,
    restorer: Any = None,
    labels: Sequence[Any] | None = None,
    samples: int | None = None,
    seed: int = 0,
    store: SampleStore | None = None,
    progress: Progress | None = None,
    stop: Any = None,
) -> FidelityReport:
    """How far features and answers are from those of the unsplit network, decoded and restored.

    Every sample is really encoded and decoded, each alone. Answers on the decoded path are of the network's
    own server part; on the restored path of the one that was trained with the restorer.

    Parameters
    ----------
    model, split, codec, labels : as `wb.run` takes them; without a codec that of the restorer is taken.
    pictures : a source that `workbench.pictures.load` knows ("digits", "torchvision/CIFAR10", a folder,
        files, pictures). None takes the test pictures of the network.
    restorer : a bundle of `workbench train`, or what `neural.training.train` gave.
    samples : so many, spread evenly over all pictures. None takes up to 500, of large inputs up to 64.
    seed : of the order in which samples come into batches, which CKA alone depends on.
    store : keeps features from call to call; give the same one to `feature_space` and `channel_maps`.
    progress : called as progress(done, total, what); may raise `Cancelled`.
    stop : a `threading.Event` or a callable; once it says so, `Cancelled` is raised.

    Raises
    ------
    UnknownNameError, SettingError, InputError, ModelError, WeightsError : what was wrong, what is allowed.
    """
    tell = heard(progress, stop)
    source = None if pictures is None else load(pictures)
    with enough_memory("fidelity over many samples"):
        chosen = samples_of(model, split, codec, source, restorer, samples, store, tell)
        total = len(chosen) if source is None else len(source)
        batches = chosen.batches(seed, tell)
        first = next(batches)
        numbers, told = labels_of(chosen, labels, total, len(first.original[0].scores))
        paths: tuple[Path, ...] = ("decoded",) if chosen.restorer is None else ("decoded", "restored")
        sums = {path: _Sums(chosen, numbers) for path in paths}
        sizes = np.zeros(len(chosen))
        unsplit = 0
        for batch in chain((first,), batches):
            sizes[list(batch.places)] = [row.payload_bytes for row in batch.decoded]
            for path, one in sums.items():
                rows = batch.decoded if path == "decoded" else batch.restored
                one.add(batch, rows or ())
            if numbers is not None:
                unsplit += metrics.accuracy(_scores(batch.original), _pick(numbers, batch.places)).hits
        tell(len(chosen), len(chosen), "fidelity")
        return FidelityReport(
            model=chosen.model.name,
            weights=chosen.model.weights,
            split=chosen.split.point.name,
            shape=chosen.split.point.shape,
            layout=_layout(chosen).kind,
            codec=chosen.codec.name,
            settings=chosen.codecs[0].settings(),
            restorer=None if chosen.restorer is None else chosen.restorer.name,
            pictures=chosen.pictures.name,
            samples=len(chosen),
            payload_bytes=Distribution(
                "payload_bytes", "bytes", sizes, "lower", "payloads really encoded, header included"
            ),
            raw_bytes=chosen.split.point.fp32_bytes,
            paths=tuple(one.result(path) for path, one in sums.items()),
            accuracy_unsplit=None if numbers is None else metrics.wilson(unsplit, len(chosen)),
            labels_note=told,
            notes=notes_of(chosen),
            call=call_of("fidelity", chosen, pictures, restorer, samples=samples, seed=seed),
            context={
                "weights_note": chosen.model.weights_note,
                "calibration": chosen.calibration,
                "input_size": list(chosen.model.input_size),
                "seed": seed,
            },
        )


class _Sums:
    """The numbers of one path, filled batch by batch."""

    def __init__(self, samples: Samples, labels: tuple[int, ...] | None) -> None:
        self._labels, self._count = labels, len(samples)
        self._layout = _layout(samples)
        shape = samples.split.point.shape
        grid = self._layout.grid
        self._window = metrics.window_for(*grid) if grid is not None else None
        self._by_token = self._layout.kind == "tokens" and len(samples.split.point.shapes) == 1
        self._values: dict[str, NDArray[np.float64]] = {}
        self._counts = {
            name: np.zeros(BINS, np.int64)
            for name in (["ssim"] if self._window else []) + (["cosine"] if self._by_token else [])
        }
        self._cka, self._same, self._among, self._right = BatchedCka(), 0, 0, 0
        self._notes = _remarks(samples, self._layout, self._window, shape)

    def add(self, batch: Batch, rows: Sequence[PathRow]) -> None:
        """One batch of this path beside the original."""
        places = list(batch.places)
        before = np.stack([flat(row.tensors) for row in batch.original])
        after = np.stack([flat(row.tensors) for row in rows])
        for name, values in metrics.distortions(before, after)._asdict().items():
            self._set(name, places, values)
        firsts = np.stack([row.tensors[0] for row in batch.original])
        seconds = np.stack([row.tensors[0] for row in rows])
        if self._by_token:
            cosines = metrics.token_cosine(firsts, seconds)
            self._set("cosine", places, cosines.mean(axis=1))
            self._count_in("cosine", cosines)
        if self._window:
            maps, others = (metrics.as_maps(one, self._layout) for one in (firsts, seconds))
            reach = np.ptp(firsts.reshape(len(firsts), -1), axis=1)
            likeness = metrics.ssim_maps(maps, others, reach)
            self._set("ssim", places, likeness.mean(axis=1))
            self._count_in("ssim", likeness)
        if len(places) >= FEWEST:
            self._cka.add(before, after)
        answers, wanted = _scores(rows), _scores(batch.original)
        self._set("kl", places, metrics.divergence(wanted, answers))
        self._same += metrics.agreement(wanted, answers).hits
        self._among += metrics.agreement(wanted, answers, top=TOP).hits
        if self._labels is not None:
            self._right += metrics.accuracy(answers, _pick(self._labels, batch.places)).hits

    def result(self, path: Path) -> PathFidelity:
        """Everything of this path."""
        edges = np.linspace(-1.0, 1.0, BINS + 1)
        per = {"ssim": "channel map", "cosine": "token"}
        return PathFidelity(
            path,
            {name: self._distribution(name) for name in _ABOUT if name in self._values},
            {name: Histogram(name, per[name], edges, counts) for name, counts in self._counts.items()},
            self._cka.value,
            self._share(self._same),
            self._share(self._among),
            None if self._labels is None else self._share(self._right),
            (*self._notes, *self._cka_note()),
        )

    def _set(self, name: str, places: list[int], values: NDArray[np.float64]) -> None:
        self._values.setdefault(name, np.zeros(self._count))[places] = values

    def _count_in(self, name: str, values: NDArray[np.float64]) -> None:
        self._counts[name] += np.histogram(np.clip(values, -1.0, 1.0), BINS, (-1.0, 1.0))[0]

    def _distribution(self, name: str) -> Distribution:
        unit, better, how = _ABOUT[name]
        if name == "cosine" and self._by_token:
            how = "mean over the sample's tokens"
        return Distribution(name, unit, self._values[name], better, how)

    def _share(self, hits: int) -> Share:
        return metrics.wilson(hits, self._count)

    def _cka_note(self) -> tuple[str, ...]:
        if self._count < FEWEST:
            return (f"linear CKA needs {FEWEST} samples; there {_are(self._count)}",)
        if self._cka.value is None:
            return ("linear CKA has no value: the features of one side are the same for all samples",)
        batches = self._cka.batches
        over = "all samples at once" if batches == 1 else f"{batches} random batches of them"
        return (f"linear CKA: the unbiased estimate, over {over}",)


def _remarks(
    samples: Samples, layout: metrics.Layout, window: int | None, shape: tuple[int, ...]
) -> tuple[str, ...]:
    found = []
    grid = layout.grid
    if len(samples.split.point.shapes) > 1:
        found.append(
            f"{len(samples.split.point.shapes)} tensors cross: SSIM is of the first, the rest of all together"
        )
    if grid is None:
        what = "tokens lie on no grid" if layout.kind == "tokens" else "features of this shape are no maps"
        found.append(f"no SSIM: {what} {shape}")
    elif window is None:
        found.append(f"no SSIM: maps of {grid[0]} x {grid[1]} are smaller than 3 x 3")
    else:
        if window < WINDOW:
            found.append(
                f"maps of {grid[0]} x {grid[1]} are smaller than SSIM's window of {WINDOW}: {window} was used"
            )
        if layout.kind == "tokens":
            prefix = f", {layout.prefix} prefix token(s) left out" if layout.prefix else ""
            found.append(f"SSIM: tokens as maps of {grid[0]} x {grid[1]}{prefix}; cosine: by token")
    return tuple(found)


def notes_of(samples: Samples, spread: bool = True) -> tuple[str, ...]:
    """What a reader of any number of these samples should know; `spread` where numbers are of several."""
    found = []
    if samples.model.weights == "random":
        found.append("the network's weights are random: its answers mean nothing")
    if spread and len(samples) == 1:
        found.append("one sample: there is no spread")
    restorer = samples.restorer
    if restorer is not None:
        found += restorer.notes
        if restorer.own_edge:
            found.append(f"{restorer.name} runs its own edge part on the board: both paths start from that")
    return tuple(found)


def call_of(function: str, chosen: Samples, pictures: Any, restorer: Any, **settings: Any) -> str:
    """The Python that gives the same; what has no text stands there by its name."""
    codec = chosen.codec
    given = {
        known.name: getattr(codec, known.name)
        for known in codec.settings_schema()
        if getattr(codec, known.name) != known.default and not (known.calibrated and restorer is not None)
    }
    words = [repr(codec.name), *(f"{name}={value!r}" for name, value in given.items())]
    parts = [
        f"wb.load_model({chosen.model.name!r})",
        repr(chosen.split.point.name),
        f"wb.codec({', '.join(words)})",
    ]
    if pictures is not None:
        text = isinstance(pictures, str | File)
        parts.append(f"pictures={str(pictures)!r}" if text else "pictures=pictures")
    if restorer is not None:
        text = isinstance(restorer, str | File)
        parts.append(f"restorer={str(restorer)!r}" if text else "restorer=trained")
    parts += [f"{name}={value!r}" for name, value in settings.items() if value is not None]
    return f"wb.{function}({', '.join(parts)})"


def _layout(samples: Samples) -> metrics.Layout:
    return metrics.layout_of(samples.split.point.shape, samples.model.input_size)


def _scores(rows: Sequence[Any]) -> NDArray[np.float32]:
    return np.stack([row.scores for row in rows])


def _pick(numbers: tuple[int, ...], places: Sequence[int]) -> list[int]:
    return [numbers[place] for place in places]


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"
