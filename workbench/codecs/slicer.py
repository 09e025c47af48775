"""SLICER's feature codec: keep the strongest values, split them by magnitude, spend bits where they count.

    features ─▶ asymmetric top-K (s, lambda) ─▶ magnitude splitting (M) ─▶ adaptive bits (delta, Q) ─▶ CSR

Sung, Im, Bang, Kim, Yun and Kang (2025), "Why Should the Server Do It All?: A Scalable, Versatile, and
Model-Agnostic Framework for Server-Light DNN Inference over Massively Distributed Clients via Training-Free
Intermediate Feature Compression", arXiv 2511.11608: ATKF, MS and ABQ. Written from the published outline of
the three steps, not from the authors' code. Chosen here, where the outline leaves it open:

- lambda weighs the signs by one threshold tau: what stays is x >= tau or x <= -lambda tau;
- exactly floor((1 - s) T) values survive, zeros among them where there are not enough others; the draw among
  equals is a hash of seed and place, so the same everywhere; zeros that survive are not sent;
- block 1 holds the largest magnitudes; Q = [q1 ... qM] goes in that order for both signs, its last entry
  stands for the blocks that it does not name, and entries beyond M are not used;
- a block is quantised between its own smallest and largest value, whose ends are reached exactly;
- the integer mismatch is the mean difference of codes on the scale of the start width, as a share of it;
- each block is a CSR matrix of its own: rows are the first axis (or one row, where a row would be shorter
  than 32 values), row counts are not cumulative, columns and counts take just the bits that the shape needs.

body:  number of blocks (1), then for each: width (1), low and high as float32 (8);
       row counts and columns of each block, packed; codes of each block, packed
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.base import Anatomy, Codec, setting
from workbench.codecs.entropy import order0
from workbench.codecs.packing import pack_bits, packed_bytes, unpack_bits
from workbench.codecs.slicing import (
    Block,
    adaptive_block,
    block_values,
    magnitude_groups,
    top_k,
)
from workbench.errors import PayloadError, SettingError
from workbench.records import Part

MAX_BLOCKS = 16  # of each sign
_SHORTEST_ROW = 32
_BLOCK = struct.Struct("<Bff")


class Indices(NamedTuple):
    """Where the values of each block lie, how many bytes that took, and what these bytes are."""

    places: list[NDArray[np.int64]]
    used: int
    parts: tuple[Part, ...]
    shannon_bytes: float


@dataclass(frozen=True)
class Slicer(Codec):
    """Asymmetric top-K filtering, magnitude splitting and adaptive bit quantisation, with CSR indices."""

    name: ClassVar[str] = "slicer"
    summary: ClassVar[str] = "the strongest values only, split by magnitude, each block at its own bits"
    source: ClassVar[str] = "Sung, Im, Bang, Kim, Yun and Kang 2025, arXiv 2511.11608"

    sparsity: float = setting(0.5, "share of values that are dropped", symbol="s", minimum=0.0, maximum=1.0)
    asymmetry: float = setting(
        1.0,
        "how many times stronger a negative value must be to stay",
        symbol="λ",
        minimum=0.01,
        maximum=100.0,
    )
    blocks: int = setting(4, "blocks of each sign", symbol="M", minimum=1, maximum=MAX_BLOCKS)
    bits: tuple[int, ...] = setting(
        (8, 6, 5, 4),
        "start width of each block, largest magnitudes first",
        symbol="Q",
        unit="bit",
        item=int,
        minimum=1,
        maximum=16,
    )
    tolerance: float = setting(
        0.02, "integer mismatch up to which a block may lose bits", symbol="δ", minimum=0.0, maximum=1.0
    )
    seed: int = setting(0, "of the draw among equal values", minimum=0, maximum=2**31 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.bits:
            raise SettingError(f"{self.name}: bits is empty; give the start width of at least one block")

    def pack(self, features: NDArray[np.float32]) -> bytes:
        blocks = self._slice(features.reshape(-1))
        head = b"".join(_BLOCK.pack(block.width, block.low, block.high) for block in blocks)
        index = self._write_indices([block.indices for block in blocks], *rows_and_columns(features.shape))
        codes = b"".join(pack_bits(block.codes, block.width) for block in blocks)
        return bytes([len(blocks)]) + head + index + codes

    def unpack(self, body: memoryview, shape: tuple[int, ...]) -> NDArray[np.float32]:
        features = np.zeros(math.prod(shape), np.float32)
        for block in self._read(body, shape)[0]:
            features[block.indices] = block_values(block)
        return features.reshape(shape)

    def anatomy(self, body: memoryview, shape: tuple[int, ...]) -> Anatomy:
        blocks, index = self._read(body, shape)
        sent = sum(len(block.codes) for block in blocks)
        value_bytes = sum(packed_bytes(len(block.codes), block.width) for block in blocks)
        widths = [block.width for block in blocks]
        return Anatomy(
            (
                Part(
                    "block headers", 1 + _BLOCK.size * len(blocks), "width, lowest and highest value of each"
                ),
                *index.parts,
                Part(
                    "values",
                    value_bytes,
                    f"{sent} codes of {min(widths, default=0)} to {max(widths, default=0)} bits, packed",
                ),
            ),
            shannon_bytes=index.shannon_bytes + sum(order0.shannon_bytes(block.codes) for block in blocks),
            notes={
                "values sent": sent,
                "blocks": len(blocks),
                "widths": widths,
                "mean width": sum(b.width * len(b.codes) for b in blocks) / sent if sent else 0.0,
            },
        )

    def error_bound(self, features: NDArray[np.float32]) -> float:
        """The largest magnitude that was dropped, or half the coarsest step, whichever is more."""
        values = features.reshape(-1)
        dropped = np.abs(values)
        bound = 0.0
        for block in self._slice(values):
            dropped[block.indices] = 0.0
            step = (block.high - block.low) / (2**block.width - 1)
            largest = max(abs(block.low), abs(block.high))
            bound = max(bound, step * (0.5 + 2.0**-20) + largest * 2.0**-23)
        return max(bound, float(dropped.max(initial=0.0)))

    def _slice(self, values: NDArray[np.float32]) -> list[Block]:
        kept = top_k(values, self.sparsity, self.asymmetry, self.seed)
        starts = [self.bits[min(place, len(self.bits) - 1)] for place in range(self.blocks)]
        groups = magnitude_groups(values, kept, self.blocks)
        return [
            adaptive_block(values, group, start, self.tolerance)
            for group, start in zip(groups, starts * 2, strict=True)
            if group.size
        ]

    def _read(self, body: memoryview, shape: tuple[int, ...]) -> tuple[list[Block], Indices]:
        count = body[0] if len(body) else 0
        start = 1 + _BLOCK.size * count
        if len(body) < start or count > 2 * MAX_BLOCKS:
            raise PayloadError(f"the payload is damaged: {len(body)} bytes for a body of {count} blocks")
        heads = [_BLOCK.unpack_from(body, 1 + _BLOCK.size * place) for place in range(count)]
        for width, low, high in heads:
            if not (1 <= width <= 16 and math.isfinite(low) and math.isfinite(high) and low <= high):
                raise PayloadError(f"the payload is damaged: a block of {width} bits from {low} to {high}")
        index = self._read_indices(body[start:], count, *rows_and_columns(shape))
        _check_disjoint(index.places, math.prod(shape))
        start += index.used
        blocks = []
        for (width, low, high), places in zip(heads, index.places, strict=True):
            size = packed_bytes(places.size, width)
            codes = unpack_bits(body[start : start + size], width, places.size)
            blocks.append(Block(places, codes, width, low, high))
            start += size
        if start != len(body):
            raise PayloadError(f"the payload is damaged: {len(body) - start} bytes after its last block")
        return blocks, index

    def _write_indices(self, places: list[NDArray[np.int64]], rows: int, columns: int) -> bytes:
        count_bits, column_bits = _index_bits(columns)
        out = []
        for each in places:
            counts = np.bincount(each // columns, minlength=rows)
            out += [pack_bits(counts.astype(np.uint32), count_bits)]
            out += [pack_bits((each % columns).astype(np.uint32), column_bits)]
        return b"".join(out)

    def _read_indices(self, body: memoryview, blocks: int, rows: int, columns: int) -> Indices:
        count_bits, column_bits = _index_bits(columns)
        row_size = packed_bytes(rows, count_bits)
        used, shannon, places = 0, 0.0, []
        for _ in range(blocks):
            counts = unpack_bits(body[used : used + row_size], count_bits, rows).astype(np.int64)
            used += row_size
            size = packed_bytes(int(counts.sum()), column_bits)
            across = unpack_bits(body[used : used + size], column_bits, int(counts.sum())).astype(np.int64)
            used += size
            places.append(places_of(counts, across, columns))
            shannon += order0.shannon_bytes(counts) + order0.shannon_bytes(across)
        total_rows = row_size * blocks
        parts = (
            Part("row counts", total_rows, f"{blocks * rows} counts of {count_bits} bits"),
            Part("column indices", used - total_rows, f"columns of {column_bits} bits"),
        )
        return Indices(places, used, parts, shannon)


def rows_and_columns(shape: tuple[int, ...]) -> tuple[int, int]:
    """How a feature map is seen as a matrix: the first axis as rows, or one row where they were too short."""
    count = math.prod(shape)
    rows = shape[0] if shape and shape[0] else 1
    return (rows, count // rows) if count // rows >= _SHORTEST_ROW else (1, max(count, 1))


def places_of(counts: NDArray[np.int64], across: NDArray[np.int64], columns: int) -> NDArray[np.int64]:
    """Ascending places in the flattened map from row counts and the columns of each row.

    Raises
    ------
    PayloadError : columns that do not ascend within a row, or lie outside it.
    """
    places = np.repeat(np.arange(counts.size, dtype=np.int64) * columns, counts) + across
    outside = across.size and (int(across.min()) < 0 or int(across.max()) >= columns)
    if outside or (np.diff(places) <= 0).any():
        raise PayloadError("the payload is damaged: columns of its sparse rows are out of order")
    return places


def _check_disjoint(places: list[NDArray[np.int64]], count: int) -> None:
    taken = np.zeros(count, bool)
    for each in places:
        if (each.size and int(each[-1]) >= count) or taken[each].any():
            raise PayloadError("the payload is damaged: two of its blocks hold the same value")
        taken[each] = True


def _index_bits(columns: int) -> tuple[int, int]:
    return columns.bit_length(), max((columns - 1).bit_length(), 1)
