"""Methods with an encoder on the board, and from a trained one to the codec that runs there.

method      on the board                on the server        stage 1 trains     stage 2 trains
refae       3 conv layers, ZIP          3 conv layers        both               server part
bottlenet   conv layers, JPEG           conv layers          both               both and server part
hecs-b      one matrix, rANS            matrix, conv block   both and prior     all these and server part
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from workbench.codecs.base import Codec, make_codec
from workbench.errors import InputError, SettingError
from workbench.models import Split
from workbench.neural import autoencoders
from workbench.neural.chain import Chain
from workbench.neural.export import export
from workbench.neural.hecs import Measurement, Prior, decoder
from workbench.neural.method import Method
from workbench.neural.training import Trained

_BOTH = ("coder", "restorer")


@dataclass(frozen=True)
class RefAe(Method):
    """An autoencoder whose code travels as zipped floats."""

    name = "refae"
    summary = "a convolutional autoencoder, its code zipped, then fine-tuning of the server part"
    reconstructs = _BOTH

    def chain(self, split: Split, samples: Tensor, seed: int) -> Chain:
        encoder, back = autoencoders.refae(samples, seed)
        return Chain(split, coder=encoder, crossing=nn.Identity(), restorer=back)


@dataclass(frozen=True)
class BottleNet(Method):
    """A narrow code that travels as a JPEG, trained end to end."""

    keep: int = 8
    quality: int = 90
    name = "bottlenet"
    summary = "a narrow code as a JPEG, trained end to end"
    reconstructs = _BOTH
    finetunes = (*_BOTH, "server")

    def __post_init__(self) -> None:
        _whole("bottlenet: keep", self.keep, 1, 4096)
        _whole("bottlenet: quality", self.quality, 1, 100)

    def chain(self, split: Split, samples: Tensor, seed: int) -> Chain:
        encoder, back = autoencoders.bottlenet(samples, self.keep, seed)
        return Chain(split, coder=encoder, crossing=autoencoders.JpegThrough(self.quality), restorer=back)

    def settings(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class HecsB(Method):
    """Few learned linear measurements, coded by a learned prior."""

    measurements: int = 64
    rate_weight: float = 1.0
    name = "hecs-b"
    summary = "learned compressed sensing with a rate term, trained end to end"
    reconstructs = (*_BOTH, "crossing")
    finetunes = (*_BOTH, "crossing", "server")

    def __post_init__(self) -> None:
        _whole("hecs-b: measurements", self.measurements, 1, 2**14)
        if not (isinstance(self.rate_weight, int | float) and 0 <= self.rate_weight <= 1e6):
            raise SettingError(
                f"hecs-b: rate_weight is {self.rate_weight!r}; it must be a number from 0 to 1000000"
            )

    def chain(self, split: Split, samples: Tensor, seed: int) -> Chain:
        shape = tuple(samples.shape[1:])
        if self.measurements > math.prod(shape):
            raise InputError(
                f"hecs-b: {self.measurements} measurements of {math.prod(shape)} features of shape {shape}; "
                "fewer measurements than features are the point of it"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            measurement = Measurement(samples, self.measurements, seed=seed)
            with torch.no_grad():
                codes = measurement(samples)
            prior = Prior(codes, self.rate_weight, samples[0].numel())
            back = decoder(measurement, shape)
        return Chain(split, coder=measurement, crossing=prior, restorer=back)

    def settings(self) -> dict[str, Any]:
        return asdict(self)


def _whole(what: str, value: object, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise SettingError(f"{what} is {value!r}; it must be a whole number from {low} to {high}")


def codec_of(trained: Trained, path: Path | None = None) -> Codec:
    """The codec of a trained method, ready to encode.

    Parameters
    ----------
    path : where to write the weights of a learned one; without it they are known in this process alone.

    Raises
    ------
    StorageError : the disk is full.
    """
    if trained.chain.codec is not None:
        return trained.chain.codec
    if path is not None:
        _export(trained, path)
        return make_codec(trained.method.name, weights=str(path))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.safetensors"
        _export(trained, file)
        return make_codec(trained.method.name, id=make_codec(trained.method.name, weights=str(file)).id)  # type: ignore[attr-defined]


def _export(trained: Trained, path: Path) -> None:
    chain, method, split = trained.chain, trained.method, trained.split
    code: dict[str, Any] = {}
    tensors: dict[str, Tensor] = {}
    if isinstance(method, BottleNet):
        code["quality"] = method.quality
    if isinstance(chain.crossing, Prior):
        tensors["tables"] = chain.crossing.tables()
    export(
        path, codec=method.name, encoder=chain.coder, decoder=chain.restorer, shape=split.point.shape,
        code=code, tensors=tensors,
        trained={"model": split.model.name, "split": split.point.name, "seed": trained.seed},
    )  # fmt: skip
