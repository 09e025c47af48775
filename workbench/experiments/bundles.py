"""Trained methods that can be chosen by name: those that come with the project, and a person's own.

    data/bundles/NAME.safetensors                  shipped
    $WORKBENCH_BUNDLES, else the user's data folder: what the Training app trained

Only the description at the head of a file is read here, so a list costs nothing and needs no torch.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import platformdirs

from workbench.errors import WeightsError, WorkbenchError
from workbench.paths import shipped

if TYPE_CHECKING:
    from workbench.codecs import Codec
    from workbench.models import Split
    from workbench.neural.training import Trained

_LARGEST_HEAD = 16 * 2**20
_SUFFIX = ".safetensors"


class Bundle(NamedTuple):
    """What a bundle was trained for; `name` finds it again; its path outside of the known folders."""

    name: str
    path: Path
    method: str
    model: str
    split: str
    codec: str


def own_folder() -> Path:
    """Where a person's own bundles are kept."""
    named = os.environ.get("WORKBENCH_BUNDLES")
    return Path(named) if named else platformdirs.user_data_path("workbench", appauthor=False) / "bundles"


def bundles() -> tuple[Bundle, ...]:
    """Every bundle in the known folders, the shipped ones first; what cannot be read is left out."""
    found = {}
    for folder in (shipped("data") / "bundles", own_folder()):
        for path in sorted(folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else ():
            try:
                found[path.stem] = _about(path, path.stem)
            except WeightsError:
                continue  # such as a checkpoint of a training that runs
    return tuple(found.values())


def bundle(name: str | Path) -> Bundle:
    """The bundle of that name, else the file of that path.

    Raises
    ------
    WeightsError : neither; or a file that is no bundle.
    """
    known = {one.name: one for one in bundles()}
    if str(name) in known:
        return known[str(name)]
    path = Path(name).expanduser()
    if not path.is_file():
        names = ", ".join(known) or "none"
        raise WeightsError(
            f"there is no bundle {str(name)!r}; known: {names}; or give the path of a file that "
            "`workbench train --out` wrote"
        )
    return _about(path, str(path))


def load_bundle(name: str | Path, split: Split | None = None, *, codec: Codec | None = None) -> Trained:
    """The trained method of a bundle, by name or path, around its split.

    Its ``chain(pictures)`` answers, and ``wb.fidelity`` takes it as `restorer`.

    Parameters
    ----------
    split : where it goes. Without it the network is loaded by its name and cut where the bundle says.
    codec : takes the bundle only if it was trained for this one.

    Raises
    ------
    WeightsError : no such bundle; one for another network, split or codec; `split` is not given, and the
        network cannot be loaded by its name alone.

    Examples
    --------
    >>> trained = load_bundle("digits-resnet-layer2-qcnet-h")
    >>> trained.method.name, trained.split.point.name
    ('qcnet-h', 'layer2')
    """
    from workbench.models import load_model
    from workbench.models import split as cut
    from workbench.neural import bundle as bundles_of_neural

    found = bundle(name)
    if split is None:
        try:
            split = cut(load_model(found.model), found.split)
        except WorkbenchError as error:
            raise WeightsError(
                f"{found.name} was trained for the network {found.model!r}, which cannot be loaded by its "
                f"name alone ({error}); load it, and give split=wb.split(model, {found.split!r})"
            ) from error
    return bundles_of_neural.load(found.path, split, codec=codec)


def _about(path: Path, name: str) -> Bundle:
    facts = _facts(path)
    if isinstance(facts.get("codec"), str):
        raise WeightsError(
            f"{path} is no bundle of a trained method: it holds the weights of codec {facts['codec']!r} "
            f"alone, for wb.codec({facts['codec']!r}, weights=...); the bundle lies beside it"
        )
    try:
        codec = facts["codec"]["name"] if facts["codec"] else facts["method"]
        words = (facts["method"], facts["model"], facts["split"], codec)
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{path} is no bundle of a trained method: it does not say its {error}") from error
    if not all(isinstance(word, str) for word in words):
        raise WeightsError(f"{path} is no bundle of a trained method: its names are no text")
    return Bundle(name, path, *words)


def _facts(path: Path) -> dict[str, Any]:
    """The JSON at the head of a safetensors file that this project wrote."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _LARGEST_HEAD:
                raise ValueError(f"a head of {length} bytes")
            facts = json.loads(json.loads(file.read(length))["__metadata__"]["workbench"])
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise WeightsError(
            f"{path} cannot be read: {error!r}; it must be a safetensors file written by `workbench train`"
        ) from error
    if not isinstance(facts, dict):
        raise WeightsError(f"{path} was not written by workbench: its description is no table")
    return facts
