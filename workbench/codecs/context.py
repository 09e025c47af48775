"""Ours: quantise, then rANS with a table for each kind of neighbourhood.

features ─▶ Q-bit symbols ─▶ rows, channel in front ─▶ w and g of each symbol's neighbours ─▶ tables ─▶ rANS

    grid        s as float32, z as int32
    flags       1: centroids follow, 2: the name of calibrated tables follows, 4: context mixing
    centroids   1/128 of a step each
    name        8 bytes
    layout      which axis is the channel, and whether filters follow
    filters     which of eight predictions each channel uses: in large maps with tables of their own
    tables      which neighbourhoods share a table, and the tables; not with calibrated ones
    states, words   rANS

With `mixing` there are neither filters, tables nor states, but the bytes of an arithmetic coder whose model
learns while it codes (see `entropy.mixing`). Where tables take fewer bytes, which happens in small maps, they
are sent all the same.

In feature maps a value says much about the next: on ReLU maps of trained networks this takes about 40 % off
the order-0 entropy, where any reshape adds to it; mixing, which looks at other channels, too, takes off more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from string import hexdigits
from typing import Any, ClassVar, NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray

from workbench.codecs import table_store
from workbench.codecs.base import Anatomy, Codec, as_features, setting
from workbench.codecs.csr import background_of
from workbench.errors import InputError, PayloadError, SettingError
from workbench.records import Part

_LAYOUTS = ("auto", "channel-first", "channel-last")
_CENTROIDS, _NAMED, _MIXED, _NAME_BYTES = 1, 2, 4, 8
_FLAGS = (0, _CENTROIDS, _NAMED, _CENTROIDS + _NAMED, _MIXED, _CENTROIDS + _MIXED)


class _Read(NamedTuple):
    """A body taken apart, its symbols still coded."""

    scale: float
    zero_point: int
    places: NDArray[np.int8] | None
    tables: str | None
    mixing: bool
    coded: memoryview


@dataclass(frozen=True)
class Context(Codec):
    """Context rANS behind a uniform or a dead-zone quantiser.

    `calibrate` finds tables on sample features and keeps them under the hash of their bytes (`table_store`):
    payloads then do without tables, and the receiver needs that file.
    """

    name: ClassVar[str] = "context"
    reusable: ClassVar[bool] = True
    finite: ClassVar[bool] = True
    looks: ClassVar[bool] = True
    summary: ClassVar[str] = "Q-bit values coded by what their neighbours are; the smallest at equal error"
    source: ClassVar[str] = "this project; rANS by J. Duda, arXiv 1311.2540; mixing: M. Mahoney, PAQ, 2005"

    bits: int = setting(
        4, "bits of each quantised value", symbol="Q", unit="bit", minimum=1, maximum=8, wire=True
    )
    dead_zone: float = setting(
        0.0,
        "how far values are rounded towards zero, in steps; 0.35 pays at 3 and 4 bits",
        minimum=0.0,
        maximum=0.49,
    )
    centroids: bool = setting(False, "decode to the mean of each level's values; always with a dead zone")
    layout: str = setting("auto", "which axis is the channel", choices=_LAYOUTS)
    mixing: bool = setting(
        False, "mix predictions that learn while coding: far fewer bytes, far slower (context mixing)"
    )
    tables: str | None = setting(None, "calibrated tables, named by their hash", kind=str, calibrated=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tables is not None and not (len(self.tables) == 16 and set(self.tables) <= set(hexdigits)):
            raise SettingError(
                f"context: tables is {self.tables!r}; calibrate gives a name of 16 hexadecimal digits"
            )

    def calibrate(self, samples: Iterable[NDArray[np.float32]]) -> Self:
        """This codec with tables for features like these.

        Raises
        ------
        InputError : no samples, or samples that are no features.
        """
        from workbench.codecs import symbol_map
        from workbench.codecs.entropy import calibration

        found = [self._quantise(as_features(sample)[0]) for sample in samples]
        found = [one for one in found if one.symbols.size]
        if not found:
            raise InputError("context: calibration needs at least one feature map that is not empty")
        backgrounds = sorted(background_of(one.zero_point, self.bits) for one in found)
        background = backgrounds[len(backgrounds) // 2]
        layout = cast(symbol_map.Layout, self.layout)
        ways = Counter(symbol_map.arrange(symbols, layout) for symbols, _, _ in found)
        common = max(ways, key=lambda way: (ways[way], way))  # the order of samples does not matter
        rows = []
        for symbols, _, _ in found:
            way = common if symbol_map.fits(symbols.shape, common) else symbol_map.arrange(symbols, layout)
            rows.append(symbol_map.to_rows(symbols, way, self.bits, background))
        known = calibration.find(rows, common)
        return replace(self, tables=table_store.keep(known.to_bytes()))

    def pack(self, features: NDArray[np.float32]) -> bytes:
        from workbench.codecs import deadzone, symbol_map
        from workbench.codecs.quantise import write_grid

        found = self._quantise(features)
        layout = cast(symbol_map.Layout, self.layout)
        own_background = background_of(found.zero_point, self.bits)
        known, background = self._known(self.tables, own_background, SettingError)
        coded = symbol_map.encode(found.symbols, self.bits, background, layout, known)
        coded, flags = bytes.fromhex(self.tables or "") + coded, _NAMED * (self.tables is not None)
        if self.mixing:
            mixed = symbol_map.encode(found.symbols, self.bits, own_background, layout, mixing=True)
            if len(mixed) < len(coded):  # small maps end before it has learnt enough
                coded, flags = mixed, _MIXED
        front = []
        if self.centroids or self.dead_zone > 0:
            front.append(deadzone.centroids(features, found, self.bits).tobytes())
            flags |= _CENTROIDS
        return b"".join((write_grid(found.scale, found.zero_point), bytes([flags]), *front, coded))

    def unpack(self, body: memoryview, shape: tuple[int, ...]) -> NDArray[np.float32]:
        from workbench.codecs import deadzone, symbol_map
        from workbench.codecs.quantise import dequantise

        read = self._read(body)
        known, background = self._known(read.tables, background_of(read.zero_point, self.bits), PayloadError)
        symbols = symbol_map.decode(read.coded, shape, self.bits, background, known, read.mixing)
        if read.places is None:
            return dequantise(symbols, read.scale, read.zero_point)
        levels = deadzone.centroid_levels(self.bits, read.scale, read.zero_point, read.places)
        return deadzone.look_up(symbols, levels)

    def anatomy(self, body: memoryview, shape: tuple[int, ...]) -> Anatomy:
        from workbench.codecs import symbol_map
        from workbench.codecs.entropy import order0

        read = self._read(body)
        known, background = self._known(read.tables, background_of(read.zero_point, self.bits), PayloadError)
        symbols = symbol_map.decode(read.coded, shape, self.bits, background, known, read.mixing)
        front = [
            Part("grid", 8, "step s as float32, zero point z as int32"),
            Part("flags", 1, "what follows"),
        ]
        if read.places is not None:
            front.append(Part("centroids", len(read.places), "mean place of each level's values"))
        if read.tables is not None:
            front.append(Part("name of tables", _NAME_BYTES, f"calibrated tables {read.tables}"))
        coded = symbol_map.anatomy(read.coded, shape, self.bits, background, known, read.mixing)
        parts = (*front, *coded)
        notes = {
            "step": read.scale,
            "zero point": read.zero_point,
            "alphabet": len(np.unique(symbols)),
            "packed bytes": math.ceil(symbols.size * self.bits / 8),
        }
        return Anatomy(parts, order0.shannon_bytes(symbols), notes)

    def error_bound(self, features: NDArray[np.float32]) -> float:
        """Half a step; a whole one where values decode to centroids; with a dead zone what that adds."""
        from workbench.codecs.deadzone import error_limit
        from workbench.codecs.quantise import rounding_bound

        bound = rounding_bound(features, self.bits)
        if self.dead_zone > 0:
            return 2 * bound * error_limit(self.dead_zone)
        return 2 * bound if self.centroids else bound

    def _quantise(self, features: NDArray[np.float32]) -> Any:
        from workbench.codecs import deadzone, quantise, symbol_map

        if self.dead_zone == 0:
            return quantise.quantise(features, self.bits)
        found = deadzone.quantise_dead(features, self.bits, self.dead_zone)
        if not 0 <= found.zero_point < 2**self.bits:  # nothing becomes zero
            return found
        weak = deadzone.weak_levels(features, found, self.dead_zone)
        arrangement = symbol_map.arrange(found.symbols, cast(symbol_map.Layout, self.layout))
        rows, grid = symbol_map.to_rows(found.symbols, arrangement, self.bits, found.zero_point)
        weak_rows, _ = symbol_map.to_rows(weak, arrangement, self.bits, 0)
        rows = rows.copy()
        deadzone.drop_lonely(rows, weak_rows, grid.plane, found.zero_point)
        return found._replace(symbols=symbol_map.from_rows(rows, arrangement, features.shape))

    def _known(
        self, name: str | None, background: int, error: type[SettingError] | type[PayloadError]
    ) -> tuple[Any, int]:
        """What calibration found, and the background it was made for; None where the payload has its own."""
        if name is None:
            return None, background
        from workbench.codecs.entropy.calibrated import read_calibrated

        kept = table_store.find(name)
        if kept is None:
            raise error(
                f"context: the calibrated tables {name} are not here; copy {name}.tables "
                f"from the side that calibrated into {table_store.folder()}, or set WORKBENCH_TABLES"
            )
        try:
            known = read_calibrated(kept)
        except InputError as reason:
            raise error(f"context: the tables {name} cannot be used: {reason}") from reason
        if known.bits != self.bits:
            raise error(f"context: the tables {name} were calibrated at {known.bits} bits, not {self.bits}")
        return known, known.background

    def _read(self, body: memoryview) -> _Read:
        from workbench.codecs.deadzone import read_centroids
        from workbench.codecs.quantise import GRID_BYTES, read_grid

        scale, zero_point = read_grid(body)
        flags = body[GRID_BYTES] if len(body) > GRID_BYTES else -1
        if flags not in _FLAGS:
            raise PayloadError("the payload is damaged: it does not say what follows its grid")
        rest = body[GRID_BYTES + 1 :]
        places, name = None, None
        if flags & _CENTROIDS:
            places = read_centroids(rest, self.bits)
            rest = rest[len(places) :]
        if flags & _NAMED:
            if len(rest) < _NAME_BYTES:
                raise PayloadError("the payload is damaged: the name of its tables is cut short")
            name, rest = bytes(rest[:_NAME_BYTES]).hex(), rest[_NAME_BYTES:]
        return _Read(scale, zero_point, places, name, bool(flags & _MIXED), rest)
