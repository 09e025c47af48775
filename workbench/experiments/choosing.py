"""Which codec gets features across a link soonest, within an error: measured, not guessed.

    features ─▶ each candidate within the error ─▶ encode here ─▶ bytes ─▶ link ─▶ decode here ─▶ fastest

A slow link wants few bytes, a fast one few microseconds: on one core, context coding wins on everything up to
some hundred Mbit/s, packed bits above, and floats as they are on what is faster still. Mixing, which takes
some 40 to 70 times as long as tables for a tenth or a fifth fewer bytes, wins below some hundred kbit/s.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.codecs import Codec, codec, decode
from workbench.codecs.base import as_features
from workbench.codecs.context import Context
from workbench.errors import SettingError
from workbench.experiments.timing import Progress, checked_repeats, measured, quiet, timed
from workbench.links import link as find_link
from workbench.numbers import readable
from workbench.records import Quantity

_SLOW = 1e-6  # seconds a value on the link: mixing takes a third of that and more to encode and decode


class HasLatency(Protocol):
    """Anything that says how many seconds so many bytes take."""

    def latency(self, nbytes: int) -> float:
        """Seconds for a payload of `nbytes`."""


@dataclass(frozen=True, slots=True)
class CodecCandidate:
    """One codec tried on the features: real bytes, real error, and what each step takes."""

    codec: Codec
    payload_bytes: Quantity
    error: Quantity
    encode: Quantity
    transfer: Quantity
    decode: Quantity
    total: Quantity

    @property
    def label(self) -> str:
        """The codec and the settings that make it up, such as ``context(bits=4)``."""
        plain = type(self.codec)().settings()
        changed = {key: value for key, value in self.codec.settings().items() if value != plain[key]}
        own = changed or {key: self.codec.settings()[key] for key in ("bits", "dtype") if key in plain}
        return f"{self.codec.name}({', '.join(f'{key}={value!r}' for key, value in own.items())})"


@dataclass(frozen=True, slots=True)
class CodecChoice:
    """The codec to use, why, and all that were tried, fastest first."""

    codec: Codec
    why: str
    candidates: tuple[CodecCandidate, ...]


def best_codec(
    features: Any,
    link: str | HasLatency,
    *,
    max_error: float,
    repeats: int = 7,
    progress: Progress = quiet,
) -> CodecChoice:
    """The codec that gets these features across `link` soonest with no error above `max_error`.

    Tried are floats as they are, integers of the fewest bits that keep the error, packed and with order-0
    rANS, and context coding; with mixing, too, on a link that takes more than a microsecond a value without.
    Each is encoded and decoded here; the link's latency is computed for the bytes.

    Parameters
    ----------
    features : float array of any shape.
    link : name of a link profile, or anything with ``latency(nbytes)`` in seconds.
    max_error : largest absolute error of any value; 0 leaves only raw float32.
    repeats : measurements of each step, after one that is not counted.

    Raises
    ------
    SettingError : `max_error` is not a number from 0. UnknownNameError : no such link.
    InputError : features that cannot be used.

    Examples
    --------
    >>> import numpy as np
    >>> ramps = np.linspace(0, 1, 2048, dtype=np.float32).reshape(8, 16, 16)
    >>> choice = best_codec(ramps, "ble5", max_error=0.1, repeats=1)
    >>> choice.codec.name, len(choice.candidates)
    ('context', 5)
    """
    if isinstance(max_error, bool) or not isinstance(max_error, int | float) or not 0 <= max_error < math.inf:
        raise SettingError(
            f"max_error is {max_error!r}; it must be a number from 0, in units of the features"
        )
    checked_repeats(repeats)
    values, _ = as_features(features)
    road = find_link(link) if isinstance(link, str) else link
    tried = [_try(one, values, road, repeats, progress) for one in _within(values, max_error)]
    last = tried[-1]
    if isinstance(last.codec, Context) and last.transfer.value > _SLOW * values.size:
        tried.append(_try(replace(last.codec, mixing=True), values, road, repeats, progress))
    fit = [one for one in tried if one.error.value <= max_error]
    ranked = tuple(sorted(fit, key=lambda one: (one.total.value, one.payload_bytes.value)))
    return CodecChoice(ranked[0].codec, _why(ranked, max_error), ranked)


def _within(values: NDArray[np.float32], max_error: float) -> Iterator[Codec]:
    """The codecs that promise to stay within the error; raw float32 always does."""
    yield codec("raw")
    half = codec("raw", dtype="float16")
    largest = float(np.abs(values).max()) if values.size else 0.0
    if largest < float(np.finfo(np.float16).max) and _promises(half, values, max_error):
        yield half
    for bits in range(1, 17):
        packed = codec("uniform", bits=bits)
        if _promises(packed, values, max_error):
            yield packed
            yield codec("uniform", bits=bits, lossless="rans")
            if bits <= 8:
                yield codec("context", bits=bits)
            return


def _promises(one: Codec, values: NDArray[np.float32], max_error: float) -> bool:
    bound = one.error_bound(values)
    return bound is not None and bound <= max_error


def _try(
    one: Codec, values: NDArray[np.float32], road: HasLatency, repeats: int, progress: Progress
) -> CodecCandidate:
    payload = one.encode(values)
    back = decode(payload)
    error = float(np.abs(back.astype(np.float64) - values).max()) if values.size else 0.0
    encoding = timed(lambda _: one.encode(values), repeats, progress, f"encoding with {one.name}")
    decoding = timed(lambda _: decode(payload), repeats, progress, f"decoding {one.name}")
    encode, took = measured(encoding, "encode"), measured(decoding, "decode")
    transfer = float(road.latency(len(payload)))
    return CodecCandidate(
        codec=one,
        payload_bytes=Quantity(len(payload), "B", "measured", "length of the real payload"),
        error=Quantity(error, "", "measured", "largest absolute error of the decoded features"),
        encode=encode,
        transfer=Quantity(transfer, "s", "computed", "the link's latency for so many bytes"),
        decode=took,
        total=Quantity(encode.value + transfer + took.value, "s", "computed", "encode + transfer + decode"),
    )


def _why(ranked: tuple[CodecCandidate, ...], max_error: float) -> str:
    best = ranked[0]
    text = (
        f"{best.label}: {_bytes(best)}, {_time(best.total)} in all, of which {_time(best.transfer)} on the "
        f"link and {_time(best.encode)} + {_time(best.decode)} to encode and decode; "
        f"largest error {best.error.value:.3g} of {max_error:.3g} allowed"
    )
    if len(ranked) == 1:
        return text + "; nothing else stays within that error"
    second = ranked[1]
    saved = second.total.value - best.total.value
    on_link = second.transfer.value - best.transfer.value
    reason = "its payload is smaller" if on_link > saved / 2 else "it takes less time to encode and decode"
    return f"{text}. {_time(saved)} ahead of {second.label} ({_bytes(second)}) because {reason}"


def _bytes(one: CodecCandidate) -> str:
    return str(readable(one.payload_bytes.value, "B"))


def _time(seconds: Quantity | float) -> str:
    return str(readable(seconds.value if isinstance(seconds, Quantity) else seconds, "s"))
