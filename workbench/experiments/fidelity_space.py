"""Whole feature maps as points: t-SNE of the same samples original, decoded and restored.

features (n, p) ─▶ distances ─▶ numbers                         (what to believe)
             └──▶ principal components ─▶ t-SNE ─▶ points (n, 2)  (what to look at)

All panels have the same samples, seed, perplexity and start, which is that of the original features.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codecs import Codec
from workbench.errors import InputError, SettingError
from workbench.experiments.fidelity_report import call_of, notes_of
from workbench.experiments.fidelity_samples import Samples, flat, heard, samples_of
from workbench.experiments.fidelity_store import SampleStore
from workbench.experiments.limits import enough_memory
from workbench.experiments.timing import Progress
from workbench.fidelity_records import Embedding, Panel, Path
from workbench.metrics import embedding
from workbench.models import Model, Split
from workbench.records import SplitPoint

FEWEST = 5
MOST = 5000  # distances of all pairs are kept
PCA_DIMS = 50
_PERPLEXITY_SHARE = 3.0  # samples for each unit of perplexity, which t-SNE needs


def feature_space(
    model: Model | str,
    split: str | SplitPoint | Split,
    codec: Codec | str | None = None,
    pictures: Any = None,
    *,
    restorer: Any = None,
    samples: int | None = None,
    perplexity: float = 30.0,
    neighbours: int = 10,
    seed: int = 0,
    store: SampleStore | None = None,
    progress: Progress | None = None,
    stop: Any = None,
) -> Embedding:
    """The same samples in two dimensions, from their original, decoded and restored features.

    Pictures of t-SNE mislead; `trustworthiness`, `neighbours_kept` and `class_agreement` of each panel do
    not, and all but the first are of the features themselves.

    Parameters
    ----------
    model, split, codec, pictures, restorer, samples, store, progress, stop : as in `wb.fidelity`.
    perplexity : about how many neighbours count for each sample; lowered, and said, where it is too large.
    neighbours : how many nearest the numbers look at; lowered, and said, where there are too few samples.
    seed : of t-SNE.

    Raises
    ------
    InputError : fewer than 5 or more than 5,000 samples. SettingError : perplexity or neighbours no number.
    """
    _check(perplexity, neighbours)
    tell = heard(progress, stop)
    with enough_memory("the feature space of many samples"):
        chosen = samples_of(model, split, codec, pictures, restorer, samples, store, tell)
        count = len(chosen)
        if not FEWEST <= count <= MOST:
            raise InputError(
                f"a feature space of {count} sample(s): t-SNE needs at least {FEWEST}, and at most {MOST:,} "
                "are allowed; choose samples in between, or more pictures"
            )
        features, thumbnails = _features(chosen, tell)
        notes = list(notes_of(chosen))
        used, nearest = _fitting(perplexity, neighbours, count, notes)
        labels, names = _labels(chosen, notes)
        width = next(iter(features.values())).shape[1]
        dims = min(PCA_DIMS, count - 1) if width > PCA_DIMS else None
        panels: list[Panel] = []
        start = original = None
        for place, (path, rows) in enumerate(features.items()):
            tell(place, len(features), "distances")
            products = embedding.gram(rows)
            apart = embedding.distances(products)
            if path == "original":
                original = embedding.neighbours(apart, nearest)
                start = embedding.first_points(embedding.principal(products, 2))
            assert start is not None and original is not None  # the original path comes first
            scores = embedding.principal(products, dims) if dims else rows
            tell_path = _of_path(tell, place, len(features), path)
            panels.append(
                _panel(path, apart, scores, start, original, labels, used, nearest, seed, tell_path)
            )
        tell(len(features), len(features), "feature space")
        return Embedding(
            model=chosen.model.name,
            weights=chosen.model.weights,
            split=chosen.split.point.name,
            codec=chosen.codec.name,
            settings=chosen.codecs[0].settings(),
            restorer=None if chosen.restorer is None else chosen.restorer.name,
            pictures=chosen.pictures.name,
            panels=tuple(panels),
            labels=labels,
            class_names=names,
            names=chosen.pictures.names,
            thumbnails=thumbnails,
            perplexity=used,
            neighbours=nearest,
            seed=seed,
            pca_dims=dims,
            notes=tuple(notes),
            call=call_of(
                "feature_space",
                chosen,
                pictures,
                restorer,
                samples=samples,
                perplexity=perplexity,
                neighbours=neighbours,
                seed=seed,
            ),
        )


def _check(perplexity: Any, neighbours: Any) -> None:
    if isinstance(perplexity, bool) or not isinstance(perplexity, int | float) or not 1 <= perplexity <= 1e4:
        raise SettingError(
            f"perplexity is {perplexity!r}; it must be a number from 1 to 10000, mostly 5 to 50"
        )
    if isinstance(neighbours, bool) or not isinstance(neighbours, int) or neighbours < 1:
        raise SettingError(f"neighbours is {neighbours!r}; it must be a whole number of at least 1")


def _features(samples: Samples, tell: Progress) -> tuple[dict[Path, NDArray[np.float32]], NDArray[np.uint8]]:
    """Rows (n, p) of each path in the order of the samples, wide ones as fewer sums; and the thumbnails."""
    found: dict[Path, NDArray[np.float32]] = {}
    thumbnails: NDArray[np.uint8] | None = None
    for batch in samples.batches(0, tell):
        paths: dict[Path, Any] = {"original": batch.original, "decoded": batch.decoded}
        if batch.restored is not None:
            paths["restored"] = batch.restored
        places = list(batch.places)
        for path, rows in paths.items():
            few = embedding.sketch(np.stack([flat(row.tensors) for row in rows]))
            found.setdefault(path, np.empty((len(samples), few.shape[1]), np.float32))[places] = few
        small = np.stack([row.thumbnail for row in batch.original])
        if thumbnails is None:
            thumbnails = np.empty((len(samples), *small.shape[1:]), np.uint8)
        thumbnails[places] = small
    assert thumbnails is not None  # there is at least one sample
    return found, thumbnails


def _fitting(perplexity: float, neighbours: int, count: int, notes: list[str]) -> tuple[float, int]:
    """Both as far as so many samples allow, and a note where that is less."""
    used = min(float(perplexity), (count - 1) / _PERPLEXITY_SHARE)
    if used < perplexity:
        notes.append(f"perplexity {perplexity:g} is too large for {count} samples: {used:.3g} was used")
    nearest = min(neighbours, (count - 1) // 2)  # trustworthiness is defined below half of the samples
    if nearest < neighbours:
        notes.append(f"{neighbours} neighbours are too many for {count} samples: {nearest} were used")
    return used, nearest


def _labels(samples: Samples, notes: list[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    names = samples.pictures.classes
    number = {name: at for at, name in enumerate(names)}
    labels = np.array([-1 if one is None else number[one] for one in samples.pictures.labels], np.int64)
    if not names:
        notes.append("these pictures have no classes: no class agreement, and points of one colour")
    elif len(names) == 1:
        notes.append(f"all samples are of one class, {names[0]!r}: class agreement says nothing")
    return labels, names


def _panel(
    path: Path,
    apart: NDArray[np.float64],
    scores: NDArray[np.float32],
    start: NDArray[np.float32],
    original: NDArray[np.intp],
    labels: NDArray[np.int64],
    perplexity: float,
    neighbours: int,
    seed: int,
    tell: Progress,
) -> Panel:
    count = len(apart)
    if not apart.any():
        note = (
            f"all {count} feature maps are the same: there are no neighbours, and all points lie at one place"
        )
        return Panel(path, np.zeros((count, 2), np.float32), None, None, None, (note,))
    nearest = embedding.neighbours(apart, neighbours)
    points = embedding.tsne(scores, start, perplexity=perplexity, seed=seed, progress=tell)
    notes: tuple[str, ...] = ()
    np.fill_diagonal(twins := apart.copy(), np.inf)
    alike = int((twins.min(axis=1) == 0).sum())
    if alike:
        notes = (f"{alike} of {count} samples have the same features as another one",)
    one_class = len(set(labels.tolist())) == 1
    return Panel(
        path,
        points,
        embedding.trustworthiness(apart, points, neighbours),
        embedding.neighbours_kept(original, nearest),
        None if one_class or (labels < 0).any() else embedding.class_agreement(nearest, labels),
        notes,
    )


def _of_path(tell: Progress, place: int, paths: int, path: str) -> Progress:
    """Progress over all panels, told in the words of one."""
    return lambda done, total, what: tell(place * total + done, paths * total, f"{what} of {path} features")
