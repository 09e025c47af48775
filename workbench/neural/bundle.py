"""A trained method in one safetensors file: weights as tensors, all else as JSON; nothing is unpickled.

It loads only around the network, the split and the codec that it was trained for.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from workbench.codecs.base import Codec, make_codec
from workbench.errors import WeightsError
from workbench.models import Split
from workbench.neural.checkpoint import read_tensors, write_tensors
from workbench.neural.methods import method
from workbench.neural.training import Trained
from workbench.records import LossCurve

_FORMAT = 1


def save(trained: Trained, path: Path) -> None:
    """Write a trained method to `path`.

    Raises
    ------
    StorageError : the disk is full, or the folder cannot be written to.
    """
    chain, split = trained.chain, trained.split
    facts: dict[str, Any] = {
        "format": _FORMAT,
        "method": trained.method.name,
        "settings": trained.method.settings(),
        "model": split.model.name,
        "fingerprint": split.model.fingerprint,
        "split": split.point.name,
        "shape": list(split.point.shape),
        "seed": trained.seed,
        "codec": None if chain.codec is None else {"name": chain.codec.name, **chain.codec.settings()},
        "plans": {name: plan.settings() for name, plan in trained.plans.items()},
        "curves": [asdict(curve) for curve in trained.curves],
        "notes": list(trained.notes),
        "parts": list(_parts(trained)),
    }
    write_tensors(path, _weights(trained), facts)


def load(path: Path, split: Split, *, codec: Codec | None = None) -> Trained:
    """The trained method in `path`, around this split; with `codec`, only if it was trained for that one.

    Raises
    ------
    WeightsError : no bundle, or one for another network, split or codec; says which.
    """
    tensors, facts = read_tensors(path)
    if facts.get("format") != _FORMAT:
        raise WeightsError(f"{path} is no bundle of a trained method; write one with `workbench train --out`")
    try:
        return _made(path, tensors, facts, split, codec)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"{path}: its description is damaged, or of another version of workbench ({error!r}); train "
            "again with `workbench train --out`"
        ) from error


def _made(
    path: Path, tensors: dict[str, Tensor], facts: dict[str, Any], split: Split, codec: Codec | None
) -> Trained:
    _refuse_another(path, facts, split, codec)
    chosen = method(facts["method"], **facts["settings"])
    chain = chosen.chain(split, torch.zeros(2, *facts["shape"]), 0)
    if facts["codec"] is not None:
        chain.codec = make_codec(**facts["codec"])
    try:
        missing, unexpected = chain.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"{path}: its weights do not fit {facts['method']}: {error}") from error
    lacking = [name for name in missing if name.split(".")[0] in facts["parts"]]
    if lacking or unexpected:
        raise WeightsError(
            f"{path}: weights do not fit; missing {lacking[:3]}, unknown {list(unexpected)[:3]}"
        )
    chain.requires_grad_(False).eval()
    curves = tuple(_curve(one) for one in facts["curves"])
    return Trained(chosen, split, chain, facts["seed"], curves, tuple(facts["notes"]))


def _curve(one: dict[str, Any]) -> LossCurve:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in one.items()
    }
    return LossCurve(**fields)


def _parts(trained: Trained) -> tuple[str, ...]:
    """The parts that training changed, and those that calibration did."""
    learned = {*trained.method.reconstructs, *trained.method.finetunes}
    return tuple(sorted({*learned, "crossing", "restorer", "coder"}))


def _weights(trained: Trained) -> dict[str, Tensor]:
    parts = _parts(trained)
    return {name: value for name, value in trained.chain.state_dict().items() if name.split(".")[0] in parts}


def _refuse_another(path: Path, facts: dict[str, Any], split: Split, codec: Codec | None) -> None:
    if facts["model"] != split.model.name:
        raise WeightsError(f"{path} was trained for the network {facts['model']!r}, not {split.model.name!r}")
    if facts["fingerprint"] != split.model.fingerprint:
        raise WeightsError(
            f"{path} was trained for {facts['model']!r} with other weights (fingerprint "
            f"{facts['fingerprint']}, here {split.model.fingerprint}); train it again for these"
        )
    if facts["split"] != split.point.name:
        raise WeightsError(f"{path} was trained for the split {facts['split']!r}, not {split.point.name!r}")
    if codec is not None:
        own = facts["codec"]["name"] if facts["codec"] else facts["method"]
        if codec.name != own:
            raise WeightsError(f"{path} was trained for the codec {own!r}, not {codec.name!r}")
