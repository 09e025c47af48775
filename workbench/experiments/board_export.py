"""A part of a network as ONNX, for boards: exported once, then taken from the cache.

edge part or whole network ─ torch.onnx.export (opset 18, batch of one) ─▶ IR 8, checked ─▶ bytes, cached

FP16 means weights and computing in 16 bits; what goes in and comes out stays 32 bits, so that codecs see the
same type whatever the precision.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import os
import re
import threading
import warnings
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import platformdirs
import torch
from torch import Tensor, nn

from workbench.errors import InputError, ModelError, SettingError
from workbench.models import Model, Split

Precision = Literal["fp32", "fp16"]
PRECISIONS: Final = ("fp32", "fp16")
OPSET: Final = 18
IR_VERSION: Final = 8  # loads from onnxruntime 1.16 on
_MOST_BYTES: Final = 2**30
_FORMAT: Final = "1"  # of the cache; raise it when the export changes


_exporting = threading.Lock()  # torch's exporter serves one thread at a time
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


class Exported(NamedTuple):
    """A network as ONNX bytes, and whether they came from the cache."""

    onnx: bytes
    cached: bool


def export_edge(split: Split, precision: Precision = "fp32") -> Exported:
    """The edge part of `split` for one picture.

    Raises
    ------
    InputError : several tensors cross there; boards take cuts with one.
    ModelError : it cannot be exported; says what torch says.
    """
    if len(split.point.shapes) != 1:
        raise InputError(
            f"after {split.point.name!r} of {split.model.name} {len(split.point.shapes)} tensors cross; "
            "boards measure cuts where one does: choose another split point"
        )
    return _export(split.edge_part, split.model, f"edge {split.point.name}", precision)


def export_whole(model: Model, precision: Precision = "fp32") -> Exported:
    """The whole network for one picture."""
    return _export(model.module, model, "whole", precision)


def cache_folder() -> Path:
    """Where exported networks are kept: ``$WORKBENCH_CACHE``, else the user's cache folder."""
    home = os.environ.get("WORKBENCH_CACHE") or platformdirs.user_cache_path("workbench", appauthor=False)
    return Path(home) / "onnx"


def _export(module: nn.Module, model: Model, what: str, precision: Precision) -> Exported:
    if precision not in PRECISIONS:
        raise SettingError(f"precision is {precision!r}; allowed: {', '.join(PRECISIONS)}")
    told = f"{_FORMAT} {model.fingerprint} {model.input_size} {what} {precision} {torch.__version__} {OPSET}"
    path = cache_folder() / f"{hashlib.blake2b(told.encode(), digest_size=16).hexdigest()}.onnx"
    with _exporting:
        with contextlib.suppress(OSError):
            return Exported(path.read_bytes(), cached=True)
        data = _to_onnx(_Wrapped(module, precision).eval(), model, what)
        fresh = path.with_suffix(f".{os.getpid()}.new")
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(data)
            fresh.replace(path)
        return Exported(data, cached=False)


class _Wrapped(nn.Module):
    """The part with 32 bits at its ends."""

    def __init__(self, part: nn.Module, precision: Precision) -> None:
        super().__init__()
        self.in_half = precision == "fp16"
        self.part = copy.deepcopy(part).half() if self.in_half else part

    def forward(self, pictures: Tensor) -> Tensor:
        answer: Any = self.part(pictures.half() if self.in_half else pictures)
        leaf = answer if isinstance(answer, Tensor) else next(iter(answer))
        return leaf.float()


def _to_onnx(module: nn.Module, model: Model, what: str) -> bytes:
    import onnx

    example = torch.zeros(1, *model.input_size)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # torch's own, about its future
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["pictures"],
                output_names=["features"],
                verbose=False,
            )
            assert program is not None
            graph = program.model_proto
    except Exception as error:  # the exporter raises whatever the network's code and its own passes raise
        text = _COLOUR.sub("", str(error.__cause__ or error))
        first = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
        raise ModelError(
            f"{model.name} ({what}) cannot be exported to ONNX for a board: {first.strip()[:300]}. Choose an "
            "earlier split, or another network"
        ) from error
    graph.ir_version = IR_VERSION
    onnx.checker.check_model(graph)
    data: bytes = graph.SerializeToString()
    if len(data) > _MOST_BYTES:
        raise ModelError(
            f"{model.name} ({what}) takes {len(data):,} bytes as ONNX; at most {_MOST_BYTES:,} are sent"
        )
    return data
