"""Checks on what a codec does with payloads that are damaged, by accident or on purpose."""

from __future__ import annotations

import time
import tracemalloc
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.base import Codec, decode, describe
from workbench.codecs.battery import hostile, samples
from workbench.codecs.battery.expect import CheckFailed, adds_up, only, require, small_payload, takes
from workbench.errors import PayloadError

QUICK_MUTATIONS: Final = 2_000
_SLOWEST_DECODE_S = 5.0
_SPARE_BYTES = 2**20  # tables and other things that do not grow with the features


def check_accidents(codec: Codec) -> None:
    payload = small_payload(codec)
    for damaged in (*hostile.flipped(payload), *hostile.cut_short(payload)):
        with only(PayloadError, f"decoding damaged bytes {damaged[:80]!r}"):
            decode(damaged)


def check_hostile(codec: Codec, mutations: int = QUICK_MUTATIONS, *, seed: int = 7) -> None:
    payload = small_payload(codec)
    for damaged in hostile.mutants(payload, mutations, seed=seed):
        array, shape, seconds = _decoded(damaged)
        if seconds >= _SLOWEST_DECODE_S:  # at its first use a coder may have been compiled
            seconds = _decoded(damaged)[2]
        require(seconds < _SLOWEST_DECODE_S, f"too slow to decode: {damaged.hex()}")
        if array is not None:
            require(array.shape == shape, f"shape {array.shape} for {damaged.hex()}")
            require(bool(np.isfinite(array).all()), f"values that are not finite for {damaged.hex()}")
            adds_up(damaged, damaged.hex())


def _decoded(damaged: bytes) -> tuple[NDArray[np.float32] | None, tuple[int, ...] | None, float]:
    """Array and shape of a damaged payload, None where it is refused, and the seconds that took."""
    start = time.perf_counter()
    array, shape = None, None
    try:
        shape = describe(damaged).shape
        array = decode(damaged)
    except PayloadError:
        pass
    except Exception as error:
        raise CheckFailed(
            f"{type(error).__name__} ({error}) instead of PayloadError for {damaged.hex()}"
        ) from error
    return array, shape, time.perf_counter() - start


def check_memory(codec: Codec) -> None:
    """Python's own allocations, numpy's among them, at their highest while decoding."""
    features = samples.smooth_map((24, 100, 100))
    payloads = [codec.encode(features)] if takes(codec, features) else []
    payloads += list(hostile.mutants(small_payload(codec), 100, seed=11))
    for payload in payloads:
        size, highest = _memory(payload)
        allowed = 4 * size + len(payload) + _SPARE_BYTES
        if highest > allowed:  # at its first use a coder may have been compiled
            size, highest = _memory(payload)
        require(highest <= allowed, f"decoding {size} bytes of features took {highest} bytes of memory")


def _memory(payload: bytes) -> tuple[int, int]:
    """Bytes of the features that decoding `payload` gives, and the most that was allocated meanwhile."""
    tracemalloc.start()
    try:
        size = decode(payload).nbytes
    except PayloadError:
        size = 4 * 2**14  # the largest shape that a mutant asks for
    finally:
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return size, highest
