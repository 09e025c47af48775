"""What both sides know of a layer before it is coded: the filter of each channel, and tables.

    WBC2     bits, background, arrangement (2), number of channels (4) and of filters, filters (6 each), which
             of them each channel uses, precision << 4 | shift, number of tables, which of them each fine
             context uses, the tables' codes
    WBC1     bits, background, and a model of the plain walk as payloads carry it: the first format

A map of another number of channels is coded by the first filter, which is that of all channels together.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.context_model import MOST_CODE, symbol_groups
from workbench.codecs.entropy.context_setup import Tables
from workbench.codecs.entropy.fitting import MOST_PRECISION, Model, read_model
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.entropy.walks import FACTORS, Walk, calibrated_walk, reach_of, walk
from workbench.errors import InputError, PayloadError

_MAGIC, _FIRST_MAGIC = b"WBC2", b"WBC1"
_FRONT = struct.Struct("<4sBBBBIB")


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A calibrated model: how a map is walked, the filter of each channel, and tables.

    `arrangement` is that of the samples (see `symbol_map`), `chosen` the filter of each of their channels;
    the first calibrated tables had neither. `fine` leads to fine contexts.
    """

    bits: int
    background: int
    arrangement: tuple[int, int] | None
    fine: Walk
    chosen: NDArray[np.uint8]
    model: Model

    @cached_property
    def walk(self) -> Walk:
        """Leads to tables at once: each is a context of its own."""
        contexts = self.model.table_of[self.fine.contexts].astype(np.uint16)
        return self.fine._replace(
            contexts=contexts, shifted=contexts << self.bits, fine=len(self.model.codes)
        )

    @cached_property
    def tables(self) -> Tables:
        """What the lanes make their tables from, made once."""
        own = np.arange(len(self.model.codes), dtype=np.uint8)
        model = self.model._replace(table_of=own)
        return model.for_lanes(self.bits, self.background)._replace(kept={})

    def filters_of(self, grid: Grid) -> NDArray[np.uint8]:
        """The filter of each channel of such a map."""
        return filters_of(self.chosen, grid)

    def to_bytes(self) -> bytes:
        """As it is kept."""
        axis, rows = self.arrangement or (0, 0)
        filters, model = self.fine.filters[:-1, 1:].astype(np.int8), self.model
        front = _FRONT.pack(_MAGIC, self.bits, self.background, axis, rows, len(self.chosen), len(filters))
        numbers = bytes([model.precision << 4 | model.shift, len(model.codes)])
        return b"".join(
            (
                front,
                filters.tobytes(),
                self.chosen.tobytes(),
                numbers,
                model.table_of.tobytes(),
                model.codes.tobytes(),
            )
        )


def filters_of(chosen: NDArray[np.uint8], grid: Grid) -> NDArray[np.uint8]:
    """The filter of each channel of a map of these channels, or of several such, or of others."""
    channels, known = grid.channels, len(chosen)
    if channels == known:
        return chosen
    if known and channels % known == 0:
        return np.tile(chosen, channels // known)
    return np.zeros(channels, np.uint8)


@lru_cache(maxsize=16)
def read_calibrated(data: bytes) -> Calibrated:
    """Inverse of `to_bytes`.

    Raises
    ------
    InputError : bytes that are no such model.
    """
    try:
        if data[:4] == _FIRST_MAGIC:
            return _read_first(data)
        return _read(data)
    except (struct.error, ValueError, PayloadError) as error:
        raise InputError(f"these {len(data)} bytes are no calibrated tables ({error})") from error


def _read_first(data: bytes) -> Calibrated:
    bits, background = struct.unpack_from("<BB", data, 4)
    _require(1 <= bits <= 8 and background < 1 << bits, "bits or background")
    model, _ = read_model(memoryview(data)[6:], bits, background)
    return Calibrated(bits, background, None, walk(bits, background, False), np.empty(0, np.uint8), model)


def _read(data: bytes) -> Calibrated:
    magic, bits, background, axis, rows, channels, count = _FRONT.unpack_from(data)
    _require(magic == _MAGIC, f"their beginning, {magic!r},")
    _require(1 <= bits <= 8 and background < 1 << bits and count > 0, "bits, background or filters")
    at = _FRONT.size
    filters = np.frombuffer(data, np.int8, count * FACTORS, at).reshape(count, FACTORS).astype(np.int64)
    below, above = reach_of(bits)
    _require((-filters.clip(max=0).sum(axis=1) <= below).all(), "a filter")
    _require((filters.clip(min=0).sum(axis=1) <= above).all(), "a filter")
    at += count * FACTORS
    chosen = np.frombuffer(data, np.uint8, channels, at).copy()  # compiled code takes arrays it could change
    _require(not channels or chosen.max() < count, "the filter of a channel")
    at += channels
    front, number = struct.unpack_from("<BB", data, at)
    precision, shift = front >> 4, front & 15
    _require(max(8, bits) <= precision <= MOST_PRECISION and shift < bits and number > 0, "precision")
    own = calibrated_walk(bits, background, tuple(map(tuple, filters.tolist())))
    at += 2
    table_of = np.frombuffer(data, np.uint8, own.fine, at).copy()
    _require(table_of.max() < number, "the table of a context")
    at += own.fine
    groups = len(symbol_groups(bits, background, shift)[1])
    codes = np.frombuffer(data, np.uint8, number * groups, at).reshape(number, groups).copy()
    _require(codes.min() > 0 and codes.max() <= MOST_CODE, "a frequency")
    _require(at + codes.size == len(data), "their length")
    return Calibrated(bits, background, (axis, rows), own, chosen, Model(precision, shift, table_of, codes))


def _require(holds: bool | np.bool_, what: str) -> None:
    if not holds:
        raise ValueError(f"{what} cannot be right")
