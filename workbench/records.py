"""What the parts of the workbench hand to each other: plain frozen records, no computing.

Figures draw these, panels show them, the command line prints them, the store keeps them.

    SplitPoint ─ one place to cut                 CutProfile ─ all of them, beside the input as JPEG
    Part, Description ─ what a payload is made of
    ReshapePoint, ReshapeCurve ─ entropy against the reshape dimension
    Latency ─ seconds by stage                    Answer ─ what the network says about a picture
    Trial ─ one measured combination of network, split, codec and link
    LossCurve ─ one stage of training

Every number a person sees is a `Quantity`: value, unit, and whether it was measured, computed or
predicted.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

Origin = Literal["measured", "computed", "predicted"]
STAGES = ("edge", "encode", "transfer", "decode", "server")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number with its unit and its origin.

    `measured` came from running something here; `computed` follows exactly from what was measured or
    counted (an entropy, the latency of so many bytes on a link profile); `predicted` rests on a model of
    something that was not run. `how` says it in words: n, spread, machine, formula, source.
    """

    value: float
    unit: str
    origin: Origin
    how: str = ""


@dataclass(frozen=True, slots=True)
class SplitPoint:
    """One place where a network can be cut.

    `shapes` are the tensors that cross, without the batch axis, in the order in which they cross; almost
    always one. MACs are multiply-accumulates for one picture. `peak_activation_bytes` is the largest sum
    of fp32 activations alive at one time while the edge part runs one picture.
    """

    name: str
    index: int
    shapes: tuple[tuple[int, ...], ...]
    macs_before: int
    macs_after: int
    params_before: int
    params_after: int
    peak_activation_bytes: int
    deep: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the first tensor that crosses, without the batch axis."""
        return self.shapes[0]

    @property
    def elements(self) -> int:
        """Values that cross for one picture."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def fp32_bytes(self) -> int:
        """Bytes of the features as 32-bit floats."""
        return 4 * self.elements

    @property
    def int8_bytes(self) -> int:
        """Bytes of the features as 8-bit integers."""
        return self.elements


@dataclass(frozen=True, slots=True)
class CutProfile:
    """All cuts of a network, and what sending its input as a JPEG would cost instead."""

    model: str
    points: tuple[SplitPoint, ...]
    input_shape: tuple[int, ...]
    input_jpeg: Quantity


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a payload: `nbytes` of `name`, and what it is for."""

    name: str
    nbytes: int
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What a payload says about itself; the parts add up exactly to `payload_bytes`.

    `shannon_bytes` is the order-0 entropy bound of the coded symbols (None where a codec has no
    symbols); a codec that uses context can go below it. `notes` hold facts such as alphabet or bits.
    """

    codec: str
    settings: dict[str, Any]
    shape: tuple[int, ...]
    dtype: str
    header_bytes: int
    body_bytes: int
    parts: tuple[Part, ...]
    shannon_bytes: float | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def payload_bytes(self) -> int:
        """Everything that crosses the link."""
        return self.header_bytes + self.body_bytes


@dataclass(frozen=True, slots=True)
class ReshapePoint:
    """Modified CSR of T quantised values seen as N rows of K columns.

    v are the values that are not background, c their column indices, r the (not cumulative) counts of
    them in each row; D is v, c, r joined and `length` = l_D = 2 nnz + N. `entropy_bits` is H of D in bits per
    symbol, `cost_bytes` = l_D * H / 8, and `encoded_bytes` the payload really coded, where it was.
    """

    rows: int
    columns: int
    nonzeros: int
    length: int
    alphabet: int
    entropy_bits: float
    cost_bytes: float
    table_bytes: int
    encoded_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ReshapeCurve:
    """Cost against N for every divisor of T, with what each search would choose.

    `algorithm1_visited` are the N that Algorithm 1 looked at before it stopped; the rest it pruned.
    """

    elements: int
    bits: int
    points: tuple[ReshapePoint, ...]
    exhaustive_rows: int
    algorithm1_rows: int
    algorithm1_visited: tuple[int, ...]

    def at(self, rows: int) -> ReshapePoint:
        """The point with that many rows."""
        return next(point for point in self.points if point.rows == rows)


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds by stage for one picture; what does not apply is None.

    `total` adds the stages per repeat and then takes the median, so it is not the sum of the medians.
    """

    edge: Quantity | None
    encode: Quantity | None
    transfer: Quantity | None
    decode: Quantity | None
    server: Quantity | None
    total: Quantity


@dataclass(frozen=True, slots=True)
class Answer:
    """The network's most probable classes for one picture, best first: (class name, probability)."""

    top: tuple[tuple[str, float], ...]
    label: str | None = None

    @property
    def best(self) -> str:
        """The most probable class."""
        return self.top[0][0]


@dataclass(frozen=True, slots=True)
class Trial:
    """One measured combination: a network, a split, a codec and a link over some pictures.

    `quantities` are named by STYLE's words: payload_bytes, header_bytes, body_bytes, bits_per_element,
    bits_per_pixel, raw_bytes, times_smaller, mse, cosine, agreement, and accuracy, accuracy_unsplit where
    there are labels. Sizes are means over the pictures (each is coded alone, as it would be sent) of real
    payloads.
    `latency` is the split; `all_edge` and `all_server` the two ways of not splitting. `answers_before` and
    `answers_after` are of the first pictures; `description` is the payload of the first picture.
    """

    model: str
    weights: str
    split: str
    codec: str
    settings: dict[str, Any]
    link: str
    samples: int
    quantities: dict[str, Quantity]
    description: Description
    latency: Latency
    all_edge: Latency
    all_server: Latency
    answers_before: tuple[Answer, ...]
    answers_after: tuple[Answer, ...]
    context: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings, ready for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class LossCurve:
    """One stage of training, epoch by epoch: mean loss on what it learned from and on what it held out.

    `stopped` says why it ended: "finished", "early" (no improvement), or "not finite" (the loss was no
    number). The weights are those of `best_epoch`, counted from 0, -1 where no epoch was good.
    """

    what: str
    train: tuple[float, ...]
    held_out: tuple[float, ...]
    learning_rates: tuple[float, ...]
    best_epoch: int
    seconds: float
    stopped: Literal["finished", "early", "not finite"]


@dataclass(frozen=True, slots=True)
class Closeness:
    """How near features came back: means over pictures. `relative_mse` is over the variance of the features.

    `ssim` is over the maps of all channels; None where features are no maps or smaller than 3x3.
    """

    mse: float
    relative_mse: float
    cosine: float
    ssim: float | None


@dataclass(frozen=True, slots=True)
class Reached:
    """What one trained method reached around one split, on pictures it was not shown.

    Shares are of `samples` pictures; None without labels. `payload_bytes` is the mean of real payloads, one a
    picture; `board_s` (edge part and encoder) and `server_s` (decoder, restorer, server part) are medians for
    one picture on this machine. `plain` is the closeness without the restorer.
    """

    model: str
    split: str
    method: str
    seed: int
    samples: int
    accuracy: float | None
    accuracy_unsplit: float | None
    accuracy_before: float | None
    payload_bytes: float
    restored: Closeness
    plain: Closeness | None
    board_s: float
    server_s: float
    parameters_board: int
    parameters_server: int
    curves: tuple[LossCurve, ...] = ()
    notes: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings, ready for JSON."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Summary:
    """One method over its seeds: mean and sample standard deviation (0 for one seed); None without labels.

    A `control` stands beside the others without being one of them: it quantises nothing.
    """

    method: str
    seeds: int
    accuracy: float | None
    accuracy_std: float | None
    accuracy_before: float | None
    payload_bytes: float
    relative_mse: float
    cosine: float
    ssim: float | None
    board_s: float
    server_s: float
    control: bool = False

    @property
    def label(self) -> str:
        """The method's name, marked where it is a control."""
        return f"{self.method} (control)" if self.control else self.method


@dataclass(frozen=True, slots=True)
class Tried:
    """One compensator of a search: what stage 1 alone reached on pictures that were held out.

    `sizes` are its settings in words; `server_s` is for one picture on this machine; `front` says
    that no other is better in one of accuracy, parameters and server time without being worse in another.
    """

    number: int
    family: str
    sizes: str
    loss: float
    accuracy: float | None
    parameters: int
    server_s: float
    front: bool


def training_place(model: str, split: str, teacher: float = 0.0) -> str:
    """A network cut there, and how much of what was learned the unsplit network said."""
    taught = f", taught {100 * teacher:.0f} % by the unsplit network" if teacher else ""
    return f"{model} at {split}{taught}"
