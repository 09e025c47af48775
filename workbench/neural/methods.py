"""The methods that win back what one bit costs, behind one face: what each adds, and what each stage trains.

    method          on the board       on the server              stage 1 trains     stage 2 trains
    refbase         threshold          two levels                 -                  server part
    qcnet-*         threshold          compensator                compensator        server part
    refqat          threshold          two levels                 -                  edge and server part
    float-server    nothing            nothing                    -                  server part
    float-network   nothing            nothing                    -                  edge and server part

The last two are controls: they send the features as they are, so that what they reach is what the second
stage brings by itself, and what a method falls short of it is what its few bits cost.

Source: Sánchez Leal et al. (QCNet), IEEE Access 13, 2025, for the compensators and for the rivals' names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from workbench.codecs.onebit import OneBit
from workbench.codecs.raw import Raw
from workbench.errors import SettingError, UnknownNameError
from workbench.models import Split
from workbench.neural import learned
from workbench.neural.chain import Chain
from workbench.neural.compensators import Compensator
from workbench.neural.crossing import Bits, Levels, StraightThrough
from workbench.neural.method import Method
from workbench.neural.presets import preset


def calibrated(samples: Tensor) -> tuple[OneBit, float, tuple[float, float]]:
    """The one-bit codec for these features, its threshold and its two levels."""
    codec = OneBit().calibrate([np.asarray(samples, dtype=np.float32)])
    assert codec.thresholds is not None and codec.levels is not None  # calibrate fills them in
    return codec, codec.thresholds[0], (codec.levels[0], codec.levels[1])


@dataclass(frozen=True)
class RefBase(Method):
    """Two-level dequantisation; the server part learns to live with it."""

    name = "refbase"
    summary = "two-level dequantisation, then fine-tuning of the server part"

    def chain(self, split: Split, samples: Tensor, seed: int) -> Chain:
        codec, threshold, levels = calibrated(samples)
        return Chain(split, crossing=Bits(threshold), restorer=Levels(levels), codec=codec)


@dataclass(frozen=True)
class RefQat(Method):
    """The whole network learns with one bit in its forward pass; the board gets new weights."""

    name = "refqat"
    summary = "quantisation-aware training of the whole network, straight-through gradient"
    finetunes = ("edge", "server")

    def chain(self, split: Split, samples: Tensor, seed: int) -> Chain:
        codec, threshold, levels = calibrated(samples)
        return Chain(split, crossing=StraightThrough(threshold, levels), restorer=nn.Identity(), codec=codec)


@dataclass(frozen=True)
class FloatServer(Method):
    """Nothing is quantised; the server part is fine-tuned as behind the other methods."""

    name = "float-server"
    summary = "a control: features as floats, then fine-tuning of the server part"
    control = True

    def chain(self, split: Split, samples: Tensor, seed: int) -> Chain:
        return Chain(split, crossing=nn.Identity(), restorer=nn.Identity(), codec=Raw())


@dataclass(frozen=True)
class FloatNetwork(FloatServer):
    """Nothing is quantised; the whole network is fine-tuned, as RefQAT's is."""

    name = "float-network"
    summary = "a control: features as floats, fine-tuning of the whole network"
    finetunes = ("edge", "server")


@dataclass(frozen=True)
class QcNet(Method):
    """A compensator on the server; nothing is added on the board."""

    compensator: Compensator
    summary = "a compensator on the server, then fine-tuning of the server part"
    reconstructs = ("restorer",)

    @property
    def name(self) -> str:  # type: ignore[override]
        """By its family: qcnet-h."""
        return f"qcnet-{self.compensator.family.lower()}"

    def chain(self, split: Split, samples: Tensor, seed: int) -> Chain:
        codec, threshold, _ = calibrated(samples)
        restorer = self.compensator.build(tuple(samples.shape[1:]), seed=seed)
        restorer.fit_scale(samples)
        return Chain(split, crossing=Bits(threshold), restorer=restorer, codec=codec, reads_bits=True)

    def settings(self) -> dict[str, Any]:
        return {"compensator": self.compensator.settings()}


def _qcnet(name: str) -> Callable[..., Method]:
    def make(compensator: Compensator | dict[str, Any] | str | None = None) -> Method:
        if isinstance(compensator, dict):
            return QcNet(Compensator(**compensator))
        if isinstance(compensator, Compensator):
            return QcNet(compensator)
        return QcNet(preset(compensator or f"{name}-demo"))

    return make


METHODS: dict[str, Callable[..., Method]] = {
    "refbase": RefBase,
    "refqat": RefQat,
    "qcnet-c": _qcnet("c"),
    "qcnet-tc": _qcnet("tc"),
    "qcnet-t": _qcnet("t"),
    "qcnet-h": _qcnet("h"),
    "refae": learned.RefAe,
    "bottlenet": learned.BottleNet,
    "hecs-b": learned.HecsB,
    "float-server": FloatServer,
    "float-network": FloatNetwork,
}


def is_control(name: str) -> bool:
    """Whether the method of that name is a control; one that is not known here is none."""
    return name in METHODS and METHODS[name]().control


def method(name: str, **settings: Any) -> Method:
    """The method called `name`.

    Raises
    ------
    UnknownNameError : no such method; offers the nearest.
    SettingError : a setting that it does not have, or out of range.
    """
    if name not in METHODS:
        raise UnknownNameError("method", name, METHODS)
    try:
        return METHODS[name](**settings)
    except TypeError as error:
        raise SettingError(f"{name} cannot be made from {settings}: {error}") from error
