"""What was trained around a split, as the two paths need it: its codec, and how it restores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.codecs import Codec
from workbench.codecs.onebit import OneBit
from workbench.errors import SettingError, WeightsError
from workbench.experiments.steps import scores_of
from workbench.models import Split
from workbench.neural import bundle
from workbench.neural.chain import Chain
from workbench.neural.learned import codec_of
from workbench.neural.training import Trained


@dataclass(frozen=True, eq=False)
class Restorer:
    """A trained method around a split. `codec` is its own; `own_edge` says that the board runs other weights.

    `key` is equal for equal weights.
    """

    name: str
    chain: Chain
    codec: Codec
    own_edge: bool
    key: str
    notes: tuple[str, ...] = ()

    def restore(self, decoded: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Features as the server part gets them, and its scores, from decoded ones (B, *shape)."""
        with torch.no_grad():
            back = self.chain.received(decoded)
            return back.float().numpy(), scores_of(self.chain.server(back), self.name)


def restorer_of(given: Restorer | Trained | Path | str, split: Split, codec: Codec | None) -> Restorer:
    """A trained method, or the bundle of one, with the codec that goes with it.

    Raises
    ------
    WeightsError : a bundle for another network, split or codec, or none at all.
    SettingError : not a trained method; or a codec with other settings than it was trained for.
    """
    if isinstance(given, Restorer):
        return replace(given, codec=_agreed(given.codec, codec, given.name))
    if isinstance(given, str | Path):
        path = Path(given).expanduser()
        if not path.is_file():
            raise WeightsError(
                f"there is no bundle {str(given)!r}; train one: workbench train {split.model.name} --split "
                f"{split.point.name} --out FOLDER"
            )
        trained = bundle.load(path, split, codec=codec)
    elif isinstance(given, Trained):
        trained = given
        _fits(trained, split)
    else:
        raise SettingError(
            f"restorer is a {type(given).__name__}; it must be the file of a trained bundle, or what "
            "train gave"
        )
    own = codec_of(trained)
    digest = _digest(trained.chain)
    return Restorer(
        trained.method.name,
        trained.chain,
        _agreed(own, codec, trained.method.name),
        "edge" in trained.method.finetunes,
        f"{trained.method.name} {digest}",
        trained.notes,
    )


def _fits(trained: Trained, split: Split) -> None:
    model, point = trained.split.model, trained.split.point
    if model.fingerprint != split.model.fingerprint or point.name != split.point.name:
        raise WeightsError(
            f"the restorer was trained for {model.name!r} cut at {point.name!r}, not for "
            f"{split.model.name!r} with these weights cut at {split.point.name!r}"
        )


def _agreed(own: Codec, given: Codec | None, method: str) -> Codec:
    """The restorer's codec, with what the given one says of things that do not touch the features."""
    if given is None:
        return own
    if given.name != own.name:
        raise WeightsError(f"{method} was trained for the codec {own.name!r}, not {given.name!r}")
    if isinstance(own, OneBit) and isinstance(given, OneBit):
        wanted = replace(own, lossless=given.lossless)
        for name in ("bits", "thresholds", "levels"):
            asked, has = getattr(given, name), getattr(own, name)
            if asked is not None and asked != has:
                raise SettingError(f"{method} was trained for onebit with {name} {has}, not {asked}")
        return wanted
    for name, asked in given.settings().items():
        if asked and name != "weights" and asked != own.settings()[name]:
            raise SettingError(f"{method} was trained for {name}={own.settings()[name]!r}, not {asked!r}")
    return own


def _digest(chain: Chain) -> str:
    import hashlib

    digest = hashlib.blake2b(digest_size=16)
    for name, value in chain.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
