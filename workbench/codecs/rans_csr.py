"""The rANS paper's codec: reshape, quantise, modified CSR, one table, rANS.

features ─▶ Q-bit symbols ─▶ N x K ─▶ v, c, r ─▶ D ─▶ one frequency table ─▶ rANS ─▶ body

    grid      s as float32, z as int32
    N         rows of the reshape, in groups of 7 bits (K = T / N)
    nnz       symbols that are not background, likewise
    D         order-0 rANS: table, lane states, words
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.base import Anatomy, Codec, setting
from workbench.codecs.csr import BITS, background_of, from_joined, to_csr
from workbench.codecs.reshape import SEARCHES, Search, check_rows, search_rows
from workbench.errors import PayloadError
from workbench.records import Part


@dataclass(frozen=True)
class RansCsr(Codec):
    """Sung et al. (2025), arXiv 2511.11664: faithful in format, so that its real size can be seen.

    In the paper's symbols: T features, Q bits, reshape to N x K, D = v, c, r with l_D = 2 nnz + N. The
    background is the zero point, which is 0 after a ReLU.
    """

    name: ClassVar[str] = "rans-csr"
    reusable: ClassVar[bool] = True
    summary: ClassVar[str] = "reshape, modified CSR and one rANS table, as in the rANS paper"
    source: ClassVar[str] = "Sung, Im, Palakonda and Kang (2025), arXiv 2511.11664"

    bits: int = setting(**BITS)
    rows: int | str = setting(
        "algorithm1",
        "rows of the reshape: a divisor of the number of features, or how to search for one",
        symbol="N",
        kind=int,
        minimum=1,
        choices=SEARCHES,
    )

    def pack(self, features: NDArray[np.float32]) -> bytes:
        from workbench.codecs.entropy import bitstream, order0
        from workbench.codecs.quantise import quantise, write_grid

        symbols, scale, zero_point = quantise(features, self.bits)
        background = background_of(zero_point, self.bits)
        rows = self._rows(symbols, background)
        csr = to_csr(symbols, rows, background)
        head = write_grid(scale, zero_point) + bitstream.varint(rows) + bitstream.varint(len(csr.values))
        return head + order0.encode(csr.joined())

    def unpack(self, body: memoryview, shape: tuple[int, ...]) -> NDArray[np.float32]:
        from workbench.codecs.entropy import order0
        from workbench.codecs.quantise import dequantise, read_grid

        elements = math.prod(shape)
        rows, nonzeros, offset = _read_head(body, elements)
        scale, zero_point = read_grid(body)
        largest = max(2**self.bits - 1, elements // rows)
        joined = order0.decode(body[offset:], 2 * nonzeros + rows, largest)
        background = background_of(zero_point, self.bits)
        symbols = from_joined(joined, elements, rows, background, 2**self.bits - 1)
        return dequantise(symbols, scale, zero_point).reshape(shape)

    def anatomy(self, body: memoryview, shape: tuple[int, ...]) -> Anatomy:
        from workbench.codecs.entropy import order0

        elements = math.prod(shape)
        rows, nonzeros, offset = _read_head(body, elements)
        length = 2 * nonzeros + rows
        joined = order0.decode(body[offset:], length, max(2**self.bits - 1, elements // rows))
        parts = (
            Part("grid", 8, "step s as float32, zero point z as int32"),
            Part("sizes", offset - 8, "N and nnz"),
            *order0.anatomy(body[offset:], length),
        )
        notes = {
            "rows": rows,
            "columns": elements // rows,
            "nonzeros": nonzeros,
            "symbols in D": length,
            "alphabet": len(np.unique(joined)),
        }
        return Anatomy(parts, order0.shannon_bytes(joined), notes)

    def error_bound(self, features: NDArray[np.float32]) -> float:
        """Half a step of the quantiser; all after it is without loss."""
        from workbench.codecs.quantise import rounding_bound

        return rounding_bound(features, self.bits)

    def _rows(self, symbols: NDArray[np.uint8], background: int) -> int:
        if isinstance(self.rows, str):
            return search_rows(symbols, background, self.bits, cast(Search, self.rows))
        check_rows(self.rows, symbols.size)
        return self.rows if symbols.size else 1


def encoded_at(features: Any, bits: int, rows: int) -> int:
    """Bytes of the payload that `rans-csr` really makes with N = `rows`.

    Raises
    ------
    SettingError : `rows` does not divide the number of features; the nearest that do are named.
    """
    return len(RansCsr(bits=bits, rows=rows).encode(features))


def _read_head(body: memoryview, elements: int) -> tuple[int, int, int]:
    """N, nnz and the offset of D."""
    from workbench.codecs.entropy import bitstream
    from workbench.codecs.quantise import GRID_BYTES

    rows, offset = bitstream.read_varint(body, GRID_BYTES)
    nonzeros, offset = bitstream.read_varint(body, offset)
    if rows < 1 or (elements and elements % rows) or (not elements and rows > 1):
        raise PayloadError(f"the payload is damaged: {rows} rows for {elements} values")
    if nonzeros > elements:
        raise PayloadError(f"the payload is damaged: {nonzeros} nonzeros among {elements} values")
    return rows, nonzeros, offset
