"""The weights of a learned codec: one safetensors file, read by numpy, known by the hash of its bytes.

The payload carries that hash and not the weights. Whoever decodes has the same file: loaded before in this
process, or in the project's ``data/codecs``, or in the folder that ``$WORKBENCH_CODECS`` names.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.learned.layers import Layer, run
from workbench.errors import SettingError, WorkbenchError
from workbench.paths import shipped

ID_DIGITS = 16
_KEY = "workbench"


@dataclass(frozen=True, eq=False)
class Bundle:
    """An encoder and a decoder for features of `shape`, through a code of `code_shape`.

    `code` holds what turns the code into bytes and back; `trained` says around what it was trained.
    """

    id: str
    codec: str
    shape: tuple[int, ...]
    code_shape: tuple[int, ...]
    encoder: Sequence[Layer]
    decoder: Sequence[Layer]
    tensors: Mapping[str, NDArray[Any]]
    code: Mapping[str, Any]
    trained: Mapping[str, Any]

    def encode(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Codes (B, *code_shape) of a batch of features (B, *shape)."""
        return run(self.encoder, self.tensors, features)

    def decode(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features (B, *shape) of a batch of codes (B, *code_shape)."""
        return run(self.decoder, self.tensors, codes)


_known: dict[str, Bundle] = {}
_files: dict[tuple[str, int, int], str] = {}


def load(path: str) -> Bundle:
    """The bundle in a file; read once for as long as the file stays as it is.

    Raises
    ------
    SettingError : no such file, or no bundle of a learned codec.
    """
    file = Path(path).expanduser()
    try:
        found = file.stat()
        mark = (str(file.resolve()), found.st_mtime_ns, found.st_size)
        if mark not in _files:
            bundle = read(file.read_bytes(), str(file))
            _known[bundle.id] = bundle
            _files[mark] = bundle.id
    except OSError as error:
        raise SettingError(f"weights: {path} cannot be read: {error.strerror or error}") from error
    return _known[_files[mark]]


def known(id: str) -> Bundle:
    """The bundle with that id: loaded before, or in one of the folders.

    Raises
    ------
    SettingError : none is known; says where it was looked for.
    """
    if id not in _known:
        for folder in _folders():
            for file in sorted(folder.glob("*.safetensors")):
                load(str(file))
    if id not in _known:
        places = ", ".join(str(folder) for folder in _folders()) or "no folder"
        raise SettingError(
            f"the weights {id!r} are not known here; load them with wb.codec(name, weights=file), or put the "
            f"file into the folder that $WORKBENCH_CODECS names (looked in {places})"
        )
    return _known[id]


def _folders() -> list[Path]:
    named = os.environ.get("WORKBENCH_CODECS")
    folders = [Path(named)] if named else []
    with suppress(WorkbenchError):  # a board has the package alone
        folders.append(shipped("data") / "codecs")
    return [folder for folder in folders if folder.is_dir()]


def read(content: bytes, name: str) -> Bundle:
    """A bundle from the bytes of its file, tried once from end to end.

    Raises
    ------
    SettingError : not safetensors, not ours, or not fitting together.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as load_tensors

    id = hashlib.blake2b(content, digest_size=ID_DIGITS // 2).hexdigest()
    try:
        tensors = load_tensors(content)
        length = int.from_bytes(content[:8], "little")
        facts = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][_KEY])
        shape, code_shape = tuple(facts["shape"]), tuple(facts["code_shape"])
        bundle = Bundle(
            id, facts["codec"], shape, code_shape, facts["encoder"], facts["decoder"], tensors,
            facts["code"], facts["trained"],
        )  # fmt: skip
        codes = bundle.encode(np.zeros((1, *shape), np.float32))
        features = bundle.decode(np.zeros((1, *code_shape), np.float32))
        fits = codes.shape[1:] == code_shape and features.shape[1:] == shape and math.prod(code_shape) > 0
    except (SafetensorError, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise SettingError(
            f"weights: {name} is no bundle of a learned codec ({error!r}); `workbench train` writes them"
        ) from error
    if not fits:
        raise SettingError(f"weights: {name} is damaged: its layers do not fit shape {shape}")
    return bundle
