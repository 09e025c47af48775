"""SLICER with its index stream entropy-coded: row counts and column gaps by order-0 rANS.

Everything but the indices is as in `slicer`. In each row the first column, and then the number of columns
passed over, takes the place of a column index; all blocks share one table for counts and one for gaps.

index stream:  length of the coded counts (variable), counts, length of the coded gaps (variable), gaps
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import order0
from workbench.codecs.entropy.bitstream import read_varint, varint
from workbench.codecs.slicer import Indices, Slicer, places_of
from workbench.errors import PayloadError
from workbench.records import Part


@dataclass(frozen=True)
class SlicerRans(Slicer):
    """`slicer` with its CSR row counts and columns coded by rANS."""

    name: ClassVar[str] = "slicer-rans"
    summary: ClassVar[str] = "slicer with its indices entropy-coded"

    def _write_indices(self, places: list[NDArray[np.int64]], rows: int, columns: int) -> bytes:
        counts, gaps = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for each in places:
            counts.append(np.bincount(each // columns, minlength=rows))
            row, across = each // columns, each % columns
            gap = np.diff(across, prepend=-1) - 1
            first = np.flatnonzero(np.diff(row, prepend=-1))
            gap[first] = across[first]
            gaps.append(gap)
        out = b""
        for symbols in (np.concatenate(counts), np.concatenate(gaps)):
            coded = order0.encode(symbols.astype(np.uint32))
            out += varint(len(coded)) + coded
        return out

    def _read_indices(self, body: memoryview, blocks: int, rows: int, columns: int) -> Indices:
        coded, used = _piece(body, 0)
        counts = order0.decode(coded, blocks * rows, columns).astype(np.int64)
        total = int(counts.sum())
        if total > rows * columns:
            raise PayloadError(
                f"the payload is damaged: {total} values in blocks of a map of {rows * columns}"
            )
        count_parts = _parts("row counts", used, coded, blocks * rows)
        count_bytes = used
        coded, used = _piece(body, used)
        gaps = order0.decode(coded, total, columns - 1).astype(np.int64)
        gap_parts = _parts("column gaps", used - count_bytes, coded, total)
        shannon = order0.shannon_bytes(counts) + order0.shannon_bytes(gaps)
        places, start = [], 0
        for block in range(blocks):
            own = counts[block * rows : (block + 1) * rows]
            stop = start + int(own.sum())
            places.append(places_of(own, _columns(own, gaps[start:stop]), columns))
            start = stop
        return Indices(places, used, (*count_parts, *gap_parts), shannon)


def _columns(counts: NDArray[np.int64], gaps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Column of each value from the gaps before it, row by row."""
    ends = np.cumsum(gaps + 1)
    before = np.concatenate([[0], ends])[np.cumsum(counts) - counts]
    return ends - np.repeat(before, counts) - 1


def _piece(body: memoryview, offset: int) -> tuple[memoryview, int]:
    length, start = read_varint(body, offset)
    if start + length > len(body):
        raise PayloadError("the payload is damaged: its index stream is cut short")
    return body[start : start + length], start + length


def _parts(name: str, nbytes: int, coded: memoryview, count: int) -> tuple[Part, ...]:
    inside = order0.anatomy(coded, count)
    length = Part(f"{name}: length", nbytes - len(coded), "of the coded stream")
    return (length, *(Part(f"{name}: {part.name}", part.nbytes, part.meaning) for part in inside))
