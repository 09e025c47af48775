"""The channels of one sample as maps on every path, the worst first; which collapsed to one value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.codecs import Codec
from workbench.errors import InputError, SettingError
from workbench.experiments.fidelity_report import call_of, notes_of
from workbench.experiments.fidelity_samples import heard, samples_of
from workbench.experiments.fidelity_store import SampleStore
from workbench.experiments.limits import enough_memory
from workbench.experiments.timing import Progress
from workbench.fidelity_records import ChannelMaps, Path
from workbench.models import Model, Split
from workbench.records import SplitPoint

Maps = NDArray[np.float32]


def channel_maps(
    model: Model | str,
    split: str | SplitPoint | Split,
    codec: Codec | str | None = None,
    pictures: Any = None,
    *,
    sample: int = 0,
    restorer: Any = None,
    samples: int | None = None,
    store: SampleStore | None = None,
    progress: Progress | None = None,
    stop: Any = None,
) -> ChannelMaps:
    """Every channel of one sample, original, decoded and restored, those that the codec hurt most first.

    Parameters
    ----------
    sample : its place among the `samples` that `wb.fidelity` and `wb.feature_space` would take.
    model, split, codec, pictures, restorer, samples, store, progress, stop : as in `wb.fidelity`.

    Raises
    ------
    InputError : no such sample. SettingError : several tensors cross at this split.
    """
    tell = heard(progress, stop)
    with enough_memory("the channels of a sample"):
        chosen = samples_of(model, split, codec, pictures, restorer, samples, store, tell)
        if isinstance(sample, bool) or not isinstance(sample, int) or not 0 <= sample < len(chosen):
            raise InputError(
                f"sample is {sample!r}; there are {len(chosen)} samples, from 0 to {len(chosen) - 1}"
            )
        point = chosen.split.point
        if len(point.shapes) != 1:
            raise SettingError(
                f"{len(point.shapes)} tensors cross at {point.name}; choose a split where one does"
            )
        layout = metrics.layout_of(point.shape, chosen.model.input_size)
        batch = chosen.batch([sample], tell)
        rows: dict[Path, Any] = {"decoded": batch.decoded}
        if batch.restored is not None:
            rows["restored"] = batch.restored
        original = _maps(batch.original[0].tensors[0], layout)
        maps = {path: _maps(row[0].tensors[0], layout) for path, row in rows.items()}
        errors = {path: _errors(original, found) for path, found in maps.items()}
        order = np.argsort(-errors["decoded"], kind="stable")
        picture = chosen.pictures.passing(sample)
        view = chosen.model.preprocessing.view([picture.image])[0]
        return ChannelMaps(
            model=chosen.model.name,
            weights=chosen.model.weights,
            split=point.name,
            codec=chosen.codec.name,
            settings=chosen.codecs[0].settings(),
            restorer=None if chosen.restorer is None else chosen.restorer.name,
            sample=sample,
            name=picture.name,
            label=picture.label,
            thumbnail=np.asarray(view.convert("RGB"), np.uint8).copy(),
            layout=layout.kind,
            channels=order.astype(np.int64),
            original=original[order],
            maps={path: found[order] for path, found in maps.items()},
            errors={path: found[order] for path, found in errors.items()},
            collapsed={path: _collapsed(original, found)[order] for path, found in maps.items()},
            prefix_tokens=layout.prefix,
            payload_bytes=batch.decoded[0].payload_bytes,
            notes=(*notes_of(chosen, spread=False), *_remarks(layout)),
            call=call_of("channel_maps", chosen, pictures, restorer, sample=sample, samples=samples),
        )


def _maps(features: NDArray[np.float32], layout: metrics.Layout) -> Maps:
    return np.ascontiguousarray(metrics.as_maps(features[None], layout)[0])


def _errors(original: Maps, found: Maps) -> NDArray[np.float64]:
    return ((found.astype(np.float64) - original) ** 2).mean(axis=(1, 2))


def _collapsed(original: Maps, found: Maps) -> NDArray[np.bool_]:
    """Channels with one value although the original has several."""
    return (np.ptp(found, axis=(1, 2)) == 0) & (np.ptp(original, axis=(1, 2)) > 0)


def _remarks(layout: metrics.Layout) -> tuple[str, ...]:
    if layout.grid is None:
        return ("these features are no maps: each value stands alone",)
    if layout.prefix:
        return (f"{layout.prefix} prefix token(s) belong to no place and are left out",)
    return ()
