"""Every training-free codec on the same features of one picture: real bytes, real errors, real answers.

picture ─▶ edge part ─▶ features ─┬▶ codec 1 ─▶ payload ─▶ decoded ─┐
                                  ├▶ codec 2 ─▶ ...                ├▶ server part, all at once ─▶ answers
                                  └▶ ...                           ┘
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.codec_records import RateCurves, RateLine, RatePoint, Side, SideBySide
from workbench.codecs import Codec, decode, describe
from workbench.errors import Cancelled, InputError, SettingError, WorkbenchError
from workbench.experiments import steps
from workbench.experiments.choices import network_of
from workbench.experiments.line_up import ALL_BITS, Variant, line_up, line_up_rates
from workbench.experiments.timing import Progress, measured, quiet, timed
from workbench.experiments.trial import class_names
from workbench.experiments.workspace import Workspace
from workbench.models import Model, Split
from workbench.pictures import Pictures
from workbench.records import Quantity

Array = NDArray[np.float32]
REPEATS = 5


def side_by_side(
    model: Model | str,
    split: str,
    images: Pictures,
    bits: int = 4,
    *,
    workspace: Workspace | None = None,
    progress: Progress = quiet,
) -> SideBySide:
    """All of them at Q = `bits`, where Q applies; the smallest first.

    Parameters
    ----------
    split : where one tensor crosses.
    images : the first of them is coded.
    bits : Q, 1 to 8.
    workspace : keeps the features from call to call.

    Raises
    ------
    SettingError : Q out of range, or several tensors cross. InputError : no picture.

    A codec that cannot code these features is left out, with what it said.
    """
    if isinstance(bits, bool) or not isinstance(bits, int) or bits not in ALL_BITS:
        raise SettingError(f"bits is {bits!r}; Q must be a whole number from 1 to 8")
    bench = _bench(model, split, images, workspace, progress)
    variants, left_out = line_up()
    coded, refused = _code(bench, [(variant.label, variant, variant.at_bits(bits)) for variant in variants])
    unsplit, answers = bench.answers([one.decoded for one in coded], progress)
    sides = [
        Side(
            one.label,
            one.variant.entry.name,
            one.codec.settings(),
            describe(one.payload),
            metrics.relative_mse(bench.features, one.decoded),
            answer,
            *bench.times(one, progress),
        )
        for one, answer in zip(coded, answers, strict=True)
    ]
    return SideBySide(
        bench.split.model.name,
        bench.split.model.weights,
        bench.split.point.name,
        bench.features.shape,
        bits,
        tuple(sorted(sides, key=lambda side: side.payload_bytes)),
        (*left_out, *refused),
        bench.jpeg_bytes(),
        unsplit,
    )


def rate_curves(
    model: Model | str,
    split: str,
    images: Pictures,
    *,
    workspace: Workspace | None = None,
    progress: Progress = quiet,
) -> RateCurves:
    """Bytes against distortion of each codec over every Q from 1 to 8 that it takes (JPEG over quality).

    Parameters and errors are those of `side_by_side`.
    """
    bench = _bench(model, split, images, workspace, progress)
    variants, left_out = line_up_rates()
    wanted = [(said, variant, codec) for variant in variants for said, codec in variant.sweep()]
    coded, refused = _code(bench, wanted)
    unsplit, answers = bench.answers([one.decoded for one in coded], progress)
    points: dict[str, list[RatePoint]] = {}
    names: dict[str, str] = {}
    for one, answer in zip(coded, answers, strict=True):
        error = metrics.relative_mse(bench.features, one.decoded)
        point = RatePoint(one.label, len(one.payload), error, answer)
        points.setdefault(one.variant.label, []).append(point)
        names[one.variant.label] = one.variant.entry.name
    lines = tuple(RateLine(label, names[label], tuple(found)) for label, found in points.items())
    return RateCurves(
        bench.split.model.name,
        bench.split.model.weights,
        bench.split.point.name,
        bench.features.shape,
        lines,
        tuple(dict.fromkeys((*left_out, *refused))),
        bench.jpeg_bytes(),
        unsplit,
    )


class _Coded(NamedTuple):
    label: str
    variant: Variant
    codec: Codec
    ready: Codec
    payload: bytes
    decoded: Array


class _Bench(NamedTuple):
    """One picture's features, and what can be asked about them."""

    workspace: Workspace
    split: Split
    picture: Pictures
    features: Array
    progress: Progress

    def ready(self, codec: Codec) -> Codec:
        """Calibrated on other pictures, where the codec asks for that."""
        return self.workspace.codecs_for(self.split, codec, self.picture, progress=self.progress)[0][0]

    def answers(self, decoded: Sequence[Array], progress: Progress) -> tuple[str, list[str]]:
        """Best class from the features themselves, and from each of `decoded`."""
        scores = steps.run_server(self.split, [(one,) for one in (self.features, *decoded)], progress)
        names = class_names(self.split.model, scores.shape[1])
        first, *others = (names[int(row.argmax())] for row in scores)
        return first, others

    def times(self, one: _Coded, progress: Progress) -> tuple[Quantity, Quantity]:
        """Of encoding and of decoding."""
        what = f"timing {one.label}"
        encode = timed(lambda _: one.ready.encode(self.features), REPEATS, progress, what)
        decoding = timed(lambda _: decode(one.payload), REPEATS, progress, what)
        return measured(encode, f"{one.label}, encode"), measured(decoding, f"{one.label}, decode")

    def jpeg_bytes(self) -> int:
        return len(steps.as_jpeg(steps.views(self.split.model, self.picture)[0]))


def _bench(
    model: Model | str, split: str, images: Pictures, workspace: Workspace | None, progress: Progress
) -> _Bench:
    if not len(images):
        raise InputError("no picture was given; at least one is needed")
    space = workspace or Workspace()
    cut = space.split(network_of(model), split)
    if len(cut.point.shapes) != 1:
        raise SettingError(
            f"{len(cut.point.shapes)} tensors cross at {cut.point.name}; choose a split where one does"
        )
    picture = images[:1]
    features = space.edge(cut, picture, repeats=1, progress=progress).tensors[0][0]
    return _Bench(space, cut, picture, features, progress)


def _code(
    bench: _Bench, wanted: Sequence[tuple[str, Variant, Codec]]
) -> tuple[list[_Coded], tuple[tuple[str, str], ...]]:
    """Each payload and what it decodes to; and (label, why) of those that refuse these features."""
    coded: list[_Coded] = []
    refused: list[tuple[str, Any]] = []
    for done, (label, variant, codec) in enumerate(wanted):
        bench.progress(done, len(wanted), f"coding with {variant.label}")
        try:
            ready = bench.ready(codec) if variant.calibrated else codec
            payload = ready.encode(bench.features)
            coded.append(_Coded(label, variant, codec, ready, payload, decode(payload)))
        except Cancelled:
            raise
        except WorkbenchError as error:
            refused.append((variant.label, str(error)))
    return coded, tuple(refused)
