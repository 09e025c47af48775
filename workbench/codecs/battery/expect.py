"""How a check says that a codec failed it, and the comparisons that several checks share."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.base import Codec, decode, describe
from workbench.codecs.battery import samples
from workbench.errors import InputError


class CheckFailed(AssertionError):
    """A codec did something that no codec may do."""


def require(holds: bool, problem: str) -> None:
    """`CheckFailed` with that problem unless it holds."""
    if not holds:
        raise CheckFailed(problem)


@contextmanager
def only(error: type[Exception], what: str) -> Iterator[None]:
    """Within it that error must come, and no other."""
    try:
        yield
    except error:
        return
    except Exception as other:
        raise CheckFailed(f"{what}: {type(other).__name__} ({other}) instead of {error.__name__}") from other
    raise CheckFailed(f"{what}: no {error.__name__} came")


def takes(codec: Codec, features: NDArray[Any]) -> bool:
    """Whether the codec encodes these features."""
    try:
        codec.encode(features)
    except InputError:
        return False
    return True


def encoded(codec: Codec) -> Iterator[tuple[str, NDArray[Any], bytes]]:
    """Name, features and payload of every ordinary feature map that the codec takes."""
    for label, features in samples.ordinary().items():
        if takes(codec, features):
            yield label, features, codec.encode(features)


def small_payload(codec: Codec) -> bytes:
    """A payload short enough to damage in every place."""
    for shape in ((2, 5, 6), (4, 8, 8)):
        features = samples.smooth_map(shape)
        if takes(codec, features):
            return codec.encode(features)
    raise CheckFailed("it refuses a map of shape (2, 5, 6) and one of (4, 8, 8)")


def compare(codec: Codec, label: str, features: NDArray[Any], payload: bytes) -> None:
    """Shape, type, and error within what `error_bound` promises and the type itself can hold."""
    back = decode(payload)
    expected = np.dtype(features.dtype.name)
    require(back.shape == features.shape, f"{label}: shape {features.shape} came back as {back.shape}")
    require(back.dtype == expected, f"{label}: {expected} came back as {back.dtype}")
    require(bool(np.isfinite(back).all()), f"{label}: values that are not finite came back")
    single = np.ascontiguousarray(features, np.float32)
    bound = codec.error_bound(single)
    if bound is None or not features.size:
        return
    largest = float(np.abs(single).max())
    precision = {2: largest * 2.0**-11 + 2.0**-25, 8: largest * 2.0**-24}.get(expected.itemsize, 0.0)
    error = float(np.abs(back.astype(np.float64) - features.astype(np.float64)).max())
    require(error <= bound + precision, f"{label}: error {error:.6g} above the promised {bound:.6g}")


def adds_up(payload: bytes, label: str) -> None:
    """The description is complete, goes into JSON, and its parts are the whole payload."""
    description = describe(payload)
    total = sum(part.nbytes for part in description.parts)
    require(total == len(payload), f"{label}: parts add up to {total} of {len(payload)} bytes")
    require(description.payload_bytes == len(payload), f"{label}: header and body are not the payload")
    require(all(part.nbytes >= 0 for part in description.parts), f"{label}: a part of negative size")
    require(all(part.name and part.meaning for part in description.parts), f"{label}: a part without a name")
    bound = description.shannon_bytes
    require(bound is None or 0.0 <= bound < float("inf"), f"{label}: a Shannon bound of {bound}")
    json.dumps(dataclasses.asdict(description))
