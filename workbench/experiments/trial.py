"""From the results of the steps to one `Trial`: every number with unit, origin and how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench import metrics
from workbench.codecs import Codec, describe
from workbench.codecs.payload import read
from workbench.experiments.steps import JPEG_HOW, Coded, Features, Whole
from workbench.experiments.timing import machine, machine_facts, measured, spread, sums, unsteady
from workbench.links import Link
from workbench.models import Model, Split
from workbench.numbers import readable
from workbench.pictures import Pictures
from workbench.records import Answer, Description, Latency, Part, Quantity, Trial

TOP = 5
SHOWN = 16  # pictures whose answers are kept


@dataclass(frozen=True)
class Results:
    """All that the steps gave for one combination; `labels` are class numbers, or None."""

    split: Split
    codec: Codec
    codecs: tuple[Codec, ...]
    link: Link
    pictures: Pictures
    labels: tuple[int, ...] | None
    whole: Whole
    features: Features
    coded: Coded
    scores: NDArray[np.float32]
    notes: dict[str, Any]

    @property
    def model(self) -> Model:
        """The network."""
        return self.split.model


def trial_of(results: Results) -> Trial:
    """The record of this combination."""
    quantities = {**_sizes(results), **_distortion(results), **_fidelity(results)}
    whole = results.whole
    transfer = _transfer(results.link, mean(results.coded.sizes), "the mean payload")
    jpeg = _transfer(results.link, mean(whole.jpeg_bytes), "the mean JPEG")
    return Trial(
        model=results.model.name,
        weights=results.model.weights,
        split=results.split.point.name,
        codec=results.codec.name,
        settings=results.codecs[0].settings(),
        link=results.link.name,
        samples=len(results.pictures),
        quantities=quantities,
        description=describe_all(results.coded.payloads[0]),
        latency=_latency(results, transfer),
        all_edge=_all_edge(whole),
        all_server=_all_server(whole, jpeg),
        answers_before=_answers(results, whole.scores),
        answers_after=_answers(results, results.scores),
        context={
            "weights_note": results.model.weights_note,
            "pictures": results.pictures.name,
            "picture_names": list(results.pictures.names[:SHOWN]),
            "input_size": list(results.model.input_size),
            "shapes": [list(shape) for shape in results.split.point.shapes],
            "repeats": len(results.features.edge_s),
            "link_how": results.link.how,
            "link_source": results.link.source,
            "machine": machine_facts(),
            "unsteady": _unsteady(results),
            **results.notes,
        },
    )


def describe_all(payloads: Sequence[bytes]) -> Description:
    """What the payloads of one picture are made of: one a tensor that crosses, added up."""
    found = [describe(payload) for payload in payloads]
    if len(found) == 1:
        return found[0]
    bounds = [one.shannon_bytes for one in found]
    return Description(
        codec=found[0].codec,
        settings=found[0].settings,
        shape=found[0].shape,
        dtype=found[0].dtype,
        header_bytes=sum(one.header_bytes for one in found),
        body_bytes=sum(one.body_bytes for one in found),
        parts=tuple(
            Part(f"{part.name} of tensor {at}", part.nbytes, part.meaning)
            for at, one in enumerate(found, 1)
            for part in one.parts
        ),
        shannon_bytes=None if None in bounds else sum(bound for bound in bounds if bound is not None),
        notes={"tensors": len(found), "shapes": [one.shape for one in found]},
    )


def _sizes(results: Results) -> dict[str, Quantity]:
    sizes, raw = results.coded.sizes, results.split.point.fp32_bytes
    headers = [sum(read(one).header_bytes for one in payloads) for payloads in results.coded.payloads]
    bodies = [size - header for size, header in zip(sizes, headers, strict=True)]
    payload = mean(sizes)
    _, height, width = results.model.input_size
    elements = results.features.elements
    return {
        "payload_bytes": Quantity(payload, "bytes", "measured", _over("payloads really encoded", sizes)),
        "header_bytes": Quantity(mean(headers), "bytes", "measured", _over("headers", headers)),
        "body_bytes": Quantity(mean(bodies), "bytes", "measured", _over("bodies", bodies)),
        "raw_bytes": Quantity(raw, "bytes", "computed", f"4 bytes for each of {elements:,} features"),
        "input_jpeg_bytes": Quantity(
            mean(results.whole.jpeg_bytes), "bytes", "measured", _over(JPEG_HOW, results.whole.jpeg_bytes)
        ),
        "times_smaller": Quantity(
            metrics.times_smaller(raw, payload), "×", "computed", "features as fp32 over the mean payload"
        ),
        "bits_per_element": Quantity(
            metrics.bits_per_element(payload, elements),
            "bit",
            "computed",
            f"bits of the mean payload over {elements:,} features",
        ),
        "bits_per_pixel": Quantity(
            metrics.bits_per_pixel(payload, width, height),
            "bit",
            "computed",
            f"bits of the mean payload over {width} x {height} input pixels",
        ),
    }


def _distortion(results: Results) -> dict[str, Quantity]:
    pairs = [
        (_flat(before), _flat(after))
        for before, after in zip(results.features.tensors, results.coded.decoded, strict=True)
    ]
    errors = [metrics.mse(*pair) for pair in pairs]
    relative = [metrics.relative_mse(*pair) for pair in pairs]
    angles = [metrics.cosine(*pair) for pair in pairs]
    decoded = "features decoded from the payload against those encoded"
    return {
        "mse": Quantity(mean(errors), "", "measured", _over(decoded, errors)),
        "relative_mse": Quantity(
            mean(relative), "", "measured", _over("mse over the mean square of the features", relative)
        ),
        "cosine": Quantity(mean(angles), "", "measured", _over(decoded, angles)),
    }


def _fidelity(results: Results) -> dict[str, Quantity]:
    before, after = results.whole.scores, results.scores
    random = "; the network's weights are random" if results.model.weights == "random" else ""
    found = {
        "agreement": _share(metrics.agreement(before, after), f"same best class as unsplit{random}"),
        "agreement_top5": _share(
            metrics.agreement(before, after, top=TOP), f"unsplit best class among the best {TOP}{random}"
        ),
    }
    if results.labels is None:
        return found
    return {
        **found,
        "accuracy": _share(metrics.accuracy(after, results.labels), f"label is the best class{random}"),
        "accuracy_unsplit": _share(
            metrics.accuracy(before, results.labels),
            f"label is the best class of the unsplit network{random}",
        ),
    }


def _unsteady(results: Results) -> list[str]:
    """Stages whose times lie too far apart to be trusted."""
    times = {
        "edge": results.features.edge_s,
        "encode": results.coded.encode_s,
        "decode": results.coded.decode_s,
        "server": results.features.server_s,
        "unsplit network": results.whole.seconds,
    }
    return [stage for stage, seconds in times.items() if unsteady(seconds)]


def _latency(results: Results, transfer: Quantity) -> Latency:
    features, coded = results.features, results.coded
    totals = sums(features.edge_s, coded.encode_s, coded.decode_s, features.server_s)
    return Latency(
        edge=measured(features.edge_s, "edge part, one picture"),
        encode=measured(coded.encode_s, "features to payload"),
        transfer=transfer,
        decode=measured(coded.decode_s, "payload to features"),
        server=measured(features.server_s, "server part, one picture, on this machine"),
        total=Quantity(
            median(totals) + transfer.value,
            "s",
            "computed",
            f"stages measured here, added per repeat, and the link; {spread(totals)}; {machine()}",
        ),
    )


def _all_edge(whole: Whole) -> Latency:
    edge = measured(whole.seconds, "whole network on the board, here this machine")
    return Latency(edge, None, None, None, None, total=edge)


def _all_server(whole: Whole, transfer: Quantity) -> Latency:
    totals = sums(whole.jpeg_encode_s, whole.jpeg_decode_s, whole.seconds)
    return Latency(
        edge=None,
        encode=measured(whole.jpeg_encode_s, f"input to {JPEG_HOW}"),
        transfer=transfer,
        decode=measured(whole.jpeg_decode_s, "JPEG to pixels"),
        server=measured(whole.seconds, "whole network on the server, here this machine"),
        total=Quantity(
            median(totals) + transfer.value,
            "s",
            "computed",
            f"stages measured here, added per repeat, and the link; {spread(totals)}; {machine()}",
        ),
    )


def _transfer(link: Link, nbytes: float, what: str) -> Quantity:
    how = f"{what} of {readable(nbytes, 'bytes')} over {link.name}: {link.how}; {link.source}"
    return Quantity(link.latency(nbytes), "s", "computed", how)


def _answers(results: Results, scores: NDArray[np.float32]) -> tuple[Answer, ...]:
    chances = metrics.probabilities(scores[:SHOWN])
    ranked = metrics.best(scores[:SHOWN], TOP)
    names = class_names(results.model, scores.shape[1])
    return tuple(
        Answer(tuple((names[at], float(row[at])) for at in order), label)
        for row, order, label in zip(chances, ranked, results.pictures.labels, strict=False)
    )


def class_names(model: Model, count: int) -> tuple[str, ...]:
    """What the network's classes are called; their numbers where it has no names for them all."""
    if model.classes is not None and len(model.classes) == count:
        return tuple(model.classes)
    return tuple(f"class {number}" for number in range(count))


def _flat(tensors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate([tensor.ravel() for tensor in tensors])


def _over(what: str, values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{what}; 1 picture"
    return f"{what}; mean of {len(values)}, from {min(values):.6g} to {max(values):.6g}"


def _share(share: metrics.Share, what: str) -> Quantity:
    low, high = 100 * share.low, 100 * share.high
    how = f"{what}: {share.hits} of {share.n} pictures, 95 % interval {low:.1f} to {high:.1f} % (Wilson)"
    return Quantity(share.value, "fraction", "measured", how)
