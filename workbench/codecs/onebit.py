"""One bit a value (or two): above or below a threshold found beforehand on sample features.

    features ─▶ compare with the thresholds ─▶ 1 or 2 bits ─┬─ pack ─▶ none │ zip │ zstd
                                                            ├─ rans (order 0)
                                                            └─ context, mixing (by the bits around each)
    decoded value = mean of the sample values that fell on the same side

The node side of QCNet: one threshold for the whole network cut, the mean of all features over a calibration
pass, then packing and ZIP. `calibrate` fills in the thresholds and the levels to decode to. Without it,
each feature map's own means are taken. The levels always travel in the body (4 bytes each), so that decoding
needs only the bytes; the thresholds never do.

With two bits the values on each side of the mean are parted again at that side's own mean; this nested
mean is a choice made here.

body:  the 2 or 4 levels as float32, ascending with the symbols, then the coded bits
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from workbench.codecs import lossless, symbol_map
from workbench.codecs.base import Anatomy, Codec, as_features, setting
from workbench.codecs.entropy import order0
from workbench.codecs.entropy.compiled import compiled
from workbench.codecs.packing import pack_bits, packed_bytes, unpack_bits
from workbench.errors import InputError, PayloadError, SettingError
from workbench.records import Part

_NEIGHBOURS = ("context", "mixing")  # lossless coders that look at the symbols around


@dataclass(frozen=True)
class OneBit(Codec):
    """Thresholded features, one or two bits each."""

    name: ClassVar[str] = "onebit"
    summary: ClassVar[str] = "one or two bits a value by calibrated thresholds, packed and zipped"
    source: ClassVar[str] = "QCNet, node side: mean threshold from a calibration pass, packed bits, ZIP"

    bits: int = setting(1, "bits of each value", unit="bit", choices=(1, 2), wire=True)
    lossless: str = setting(
        "zip",
        "lossless coder behind the packed bits",
        choices=(*lossless.METHODS, "rans", *_NEIGHBOURS),
        wire=True,
    )
    thresholds: tuple[float, ...] | None = setting(
        None, "thresholds, ascending: 1 or 3", kind=tuple, item=float, calibrated=True
    )
    levels: tuple[float, ...] | None = setting(
        None, "values decoded to, ascending: 2 or 4", kind=tuple, item=float, calibrated=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.thresholds is None) != (self.levels is None):
            raise SettingError(
                "onebit: thresholds and levels go together; give both, or run calibrate(samples)"
            )
        self._check("thresholds", self.thresholds, 2**self.bits - 1)
        self._check("levels", self.levels, 2**self.bits)

    def calibrate(self, samples: Iterable[NDArray[np.float32]]) -> Self:
        """This codec with thresholds and levels from all values of these feature maps together.

        Raises
        ------
        InputError : no samples, or samples that are no features.
        """
        maps = [as_features(sample)[0].reshape(-1) for sample in samples]
        values = np.concatenate(maps) if maps else np.empty(0, np.float32)
        if not values.size:
            raise InputError("onebit: calibration needs at least one feature map that is not empty")
        thresholds, levels = _fit(values, self.bits)
        return replace(self, thresholds=thresholds, levels=levels)

    def pack(self, features: NDArray[np.float32]) -> bytes:
        thresholds, levels = self.thresholds, self.levels
        if thresholds is None or levels is None:
            thresholds, levels = _fit(features.reshape(-1), self.bits)
        symbols = _compare(features.reshape(-1), thresholds)
        if self.lossless == "rans":
            coded = order0.encode(symbols)
        elif self.lossless in _NEIGHBOURS:
            symbols = symbols.reshape(features.shape)
            coded = symbol_map.encode(symbols, self.bits, 0, mixing=self.lossless == "mixing")
        else:
            coded = lossless.squeeze(pack_bits(symbols, self.bits), self.lossless)
        return np.array(levels, "<f4").tobytes() + coded

    def unpack(self, body: memoryview, shape: tuple[int, ...]) -> NDArray[np.float32]:
        levels, symbols = self._read(body, shape)
        return levels[symbols].reshape(shape)

    def anatomy(self, body: memoryview, shape: tuple[int, ...]) -> Anatomy:
        count = math.prod(shape)
        levels, symbols = self._read(body, shape)
        coded = body[4 * len(levels) :]
        if self.lossless == "rans":
            parts = order0.anatomy(coded, count)
        elif self.lossless in _NEIGHBOURS:
            parts = symbol_map.anatomy(coded, shape, self.bits, 0, mixing=self.lossless == "mixing")
        else:
            behind = "" if self.lossless == "none" else f", then {self.lossless}"
            parts = (Part("bits", len(coded), f"{count} symbols of {self.bits} bits, packed{behind}"),)
        shares = np.bincount(symbols.reshape(-1), minlength=len(levels)) / max(count, 1)
        return Anatomy(
            (Part("levels", 4 * len(levels), "what each symbol decodes to"), *parts),
            shannon_bytes=order0.shannon_bytes(symbols),
            notes={
                "levels": [float(level) for level in levels],
                "shares": [float(share) for share in shares],
                "packed bytes": packed_bytes(count, self.bits),
            },
        )

    def _read(self, body: memoryview, shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[Any]]:
        count = math.prod(shape)
        size = 4 * 2**self.bits
        if len(body) < size:
            raise PayloadError(f"onebit: {len(body)} bytes; the levels alone take {size}")
        levels = np.frombuffer(body, "<f4", 2**self.bits).astype(np.float32)
        if not np.isfinite(levels).all():
            raise PayloadError(f"the payload is damaged: its levels are {levels.tolist()}")
        coded = body[size:]
        if self.lossless == "rans":
            return levels, order0.decode(coded, count, len(levels) - 1)
        if self.lossless in _NEIGHBOURS:
            mixing = self.lossless == "mixing"
            return levels, symbol_map.decode(coded, shape, self.bits, 0, mixing=mixing).reshape(-1)
        packed = lossless.expand(coded, self.lossless, packed_bytes(count, self.bits))
        return levels, unpack_bits(packed, self.bits, count)

    def _check(self, what: str, values: Sequence[float] | None, count: int) -> None:
        if values is None:
            return
        if len(values) != count or list(values) != sorted(values):
            raise SettingError(
                f"onebit: {what} are {tuple(values)}; {self.bits} bit needs {count}, ascending; "
                "calibrate(samples) finds them"
            )


def _compare(values: NDArray[np.float32], thresholds: Sequence[float]) -> NDArray[np.uint8]:
    """How many thresholds each value lies above."""
    symbols = np.zeros(values.size, np.uint8)
    for threshold in thresholds:
        symbols += values > np.float32(threshold)
    return symbols


def _fit(values: NDArray[np.float32], bits: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Thresholds and levels for these values; a side without values takes its threshold as level."""
    (middle,) = _means(values, (), (0.0,))
    sides = _means(values, (middle,), (middle, middle))
    if bits == 1:
        return (middle,), sides
    below, above = sides
    thresholds = (below, middle, above)
    return thresholds, _means(values, thresholds, (below, below, above, above))


def _means(
    values: NDArray[np.float32], thresholds: tuple[float, ...], empty: tuple[float, ...]
) -> tuple[float, ...]:
    """Mean of the values between each two thresholds, as float32; `empty` says what it is without values.

    Sums are of integers (2^-34 of the largest value), so their order cannot change the result.
    """
    if not values.size:
        return empty
    largest = max(-float(values.min()), float(values.max()))
    unit = math.ldexp(1.0, math.frexp(largest)[1] - 34)
    counts, totals = np.zeros(len(empty), np.int64), np.zeros(len(empty), np.int64)
    _add_up(values, _compare(values, thresholds), 1.0 / unit, counts, totals)
    bounds = (-math.inf, *thresholds, math.inf)
    means = []
    for i, (count, total) in enumerate(zip(counts.tolist(), totals.tolist(), strict=True)):
        mean = float(np.float32(total / count * unit)) if count else empty[i]
        means.append(min(max(mean, bounds[i]), bounds[i + 1]))
    return tuple(means)


@compiled
def _add_up(
    values: NDArray[np.float32],
    symbols: NDArray[np.uint8],
    scale: float,
    counts: NDArray[np.int64],
    totals: NDArray[np.int64],
) -> None:
    for i in range(values.size):
        counts[symbols[i]] += 1
        totals[symbols[i]] += np.int64(np.rint(np.float64(values[i]) * scale))
