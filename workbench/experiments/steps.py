"""The steps of the pipeline, one by one; each gives a record of what came out and how long it took.

    pictures ─▶ whole ─▶ scores of the unsplit network; the input as JPEG
    pictures ─▶ cut ───▶ features of each picture          (edge and server part timed)
    features ─▶ coded ─▶ payloads, and what they decode to (encode and decode timed)
    decoded ──▶ answered ─▶ scores of the split network

Each picture is coded alone, as it would be sent. Times are of one picture: repeat r takes picture r, from
the first again after the last, in every step, so that stages can be added repeat by repeat.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils._pytree import tree_leaves

from workbench.codecs import Codec, decode
from workbench.errors import InputError, ModelError
from workbench.experiments.timing import Progress, timed
from workbench.models import Model, Split
from workbench.pictures import Pictures

JPEG_QUALITY = 95
JPEG_HOW = f"JPEG of quality {JPEG_QUALITY}, colour at half resolution, at the network's input size"

Tensors = tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, eq=False)
class Whole:
    """The unsplit network: scores (n, classes), seconds of one picture, and the input as JPEG."""

    scores: NDArray[np.float32]
    seconds: tuple[float, ...]
    jpeg_bytes: tuple[int, ...]
    jpeg_encode_s: tuple[float, ...]
    jpeg_decode_s: tuple[float, ...]

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return self.scores.nbytes


@dataclass(frozen=True, eq=False)
class Features:
    """What crosses for each picture: its tensors without the batch axis; seconds of both parts."""

    tensors: tuple[Tensors, ...]
    edge_s: tuple[float, ...]
    server_s: tuple[float, ...]

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return sum(tensor.nbytes for tensors in self.tensors for tensor in tensors)

    @property
    def elements(self) -> int:
        """Values that cross for one picture."""
        return sum(tensor.size for tensor in self.tensors[0])


@dataclass(frozen=True, eq=False)
class Coded:
    """Payloads of each picture, one a tensor, and the features that were decoded from them."""

    payloads: tuple[tuple[bytes, ...], ...]
    decoded: tuple[Tensors, ...]
    encode_s: tuple[float, ...]
    decode_s: tuple[float, ...]

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return sum(tensor.nbytes for tensors in self.decoded for tensor in tensors) + sum(self.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes that cross the link for each picture."""
        return tuple(sum(map(len, payloads)) for payloads in self.payloads)


def run_whole(model: Model, pictures: Pictures, repeats: int, progress: Progress) -> Whole:
    """The unsplit network on every picture, and what sending the picture itself would cost."""
    inputs = prepared(model, pictures)
    scores = []
    with torch.no_grad():
        for done, batch in _batches(inputs):
            progress(done, len(inputs), "unsplit network")
            scores.append(scores_of(model.module(batch), model.name))
        alone = [inputs[at : at + 1] for at in range(min(repeats, len(inputs)))]
        seconds = timed(
            lambda r: model.module(alone[r % len(alone)]), repeats, progress, "timing the unsplit network"
        )
    seen = views(model, pictures)
    files = [as_jpeg(view) for view in seen]
    encode_s = timed(lambda r: as_jpeg(seen[r % len(seen)]), repeats, progress, "input as JPEG")
    decode_s = timed(lambda r: _from_jpeg(files[r % len(files)]), repeats, progress, "input from JPEG")
    return Whole(np.concatenate(scores), seconds, tuple(map(len, files)), encode_s, decode_s)


def run_edge(split: Split, pictures: Pictures, repeats: int, progress: Progress) -> Features:
    """The edge part on every picture; both parts timed on one picture at a time."""
    inputs = prepared(split.model, pictures)
    found: list[Tensors] = []
    with torch.no_grad():
        for done, batch in _batches(inputs):
            progress(done, len(inputs), "edge part")
            tensors = [tensor.float().numpy() for tensor in _several(split.edge_part(batch))]
            rows = zip(*tensors, strict=True)
            found += [tuple(np.ascontiguousarray(tensor) for tensor in row) for row in rows]
        alone = [inputs[at : at + 1] for at in range(min(repeats, len(inputs)))]
        edge_s = timed(
            lambda r: split.edge_part(alone[r % len(alone)]), repeats, progress, "timing the edge part"
        )
        crossing = [split.edge_part(one) for one in alone]
        server_s = timed(
            lambda r: split.server_part(crossing[r % len(crossing)]),
            repeats,
            progress,
            "timing the server part",
        )
    return Features(tuple(found), edge_s, server_s)


def run_codec(features: Features, codecs: Sequence[Codec], repeats: int, progress: Progress) -> Coded:
    """Every picture's features to bytes and back; `codecs` has one for each tensor that crosses."""
    payloads, decoded = [], []
    for done, tensors in enumerate(features.tensors):
        progress(done, len(features.tensors), "codec")
        payloads.append(_encode(codecs, tensors))
        decoded.append(tuple(decode(payload) for payload in payloads[-1]))
    count = len(payloads)
    encode_s = timed(
        lambda r: _encode(codecs, features.tensors[r % count]), repeats, progress, "timing the encoder"
    )
    decode_s = timed(
        lambda r: [decode(payload) for payload in payloads[r % count]],
        repeats,
        progress,
        "timing the decoder",
    )
    return Coded(tuple(payloads), tuple(decoded), encode_s, decode_s)


def run_server(split: Split, decoded: Sequence[Tensors], progress: Progress) -> NDArray[np.float32]:
    """Scores (n, classes) of the server part on decoded features."""
    like = next(split.model.module.parameters(), torch.empty(0))
    size = _batch_size(sum(tensor.size for tensor in decoded[0]))
    scores = []
    with torch.no_grad():
        for start in range(0, len(decoded), size):
            progress(start, len(decoded), "server part")
            rows = decoded[start : start + size]
            tensors = tuple(
                torch.from_numpy(np.stack(column)).to(like.dtype) for column in zip(*rows, strict=True)
            )
            answer = split.server_part(tensors[0] if len(tensors) == 1 else tensors)
            scores.append(scores_of(answer, split.model.name))
    return np.concatenate(scores)


def prepared(model: Model, pictures: Pictures) -> Tensor:
    """The pictures as the network wants them, (n, C, H, W), in its own type of number."""
    if not len(pictures):
        raise InputError("no picture was given; at least one is needed")
    like = next(model.module.parameters(), torch.empty(0))
    return model.preprocess([picture.image for picture in pictures]).to(like.dtype)


def views(model: Model, pictures: Pictures) -> list[Image.Image]:
    """The pictures at the network's input size, still with 8 bits a channel."""
    return model.preprocessing.view([picture.image for picture in pictures])


def as_jpeg(picture: Image.Image) -> bytes:
    """A picture as it would be sent instead of features."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")
    return file.getvalue()


def scores_of(answer: Any, name: str) -> NDArray[np.float32]:
    """The scores (batch, classes) in a network's answer: its first tensor of that shape.

    Raises
    ------
    ModelError : the answer holds none; only classifiers can be judged.
    """
    leaves = [leaf for leaf in tree_leaves(answer) if isinstance(leaf, Tensor)]
    for leaf in leaves:
        if leaf.ndim == 2:
            return leaf.detach().float().numpy()
    shapes = ", ".join(str(tuple(leaf.shape)) for leaf in leaves) or type(answer).__name__
    raise ModelError(
        f"{name} answers with {shapes}; a trial needs a classifier, whose answer is (batch, classes)"
    )


def _encode(codecs: Sequence[Codec], tensors: Tensors) -> tuple[bytes, ...]:
    return tuple(codec.encode(tensor) for codec, tensor in zip(codecs, tensors, strict=True))


def _from_jpeg(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def _several(features: Any) -> tuple[Tensor, ...]:
    return (features,) if isinstance(features, Tensor) else tuple(features)


def _batches(inputs: Tensor) -> Iterator[tuple[int, Tensor]]:
    size = _batch_size(inputs[0].numel())
    return ((start, inputs[start : start + size]) for start in range(0, len(inputs), size))


def _batch_size(elements: int) -> int:
    """Small enough that a Cancel is heard soon and memory stays small: about a million input values."""
    return max(1, min(64, 2**20 // max(1, elements)))
