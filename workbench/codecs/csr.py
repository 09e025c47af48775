"""Modified CSR: the values that are not background, the column of each, and how many each row has.

    symbols (N, K)                 v  values         7 2 5        D = v, c, r joined, l_D = 2 nnz + N
    . . 7 .                        c  columns        2 0 3
    2 . . 5                        r  row counts     1 2 0        not cumulative, so they stay small numbers
    . . . .

Sung, Im, Palakonda and Kang (2025), arXiv 2511.11664, section 3. The background is the symbol that stands for
zero: 0 after a ReLU, the zero point z for signed features.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.errors import PayloadError

BITS: Final[dict[str, Any]] = {
    "default": 4,
    "help": "bits of each quantised value",
    "symbol": "Q",
    "minimum": 1,
    "maximum": 8,
    "wire": True,
}
"""Q as a setting: of the codec, and of the search for the reshape that it will use."""


class ModifiedCsr(NamedTuple):
    """v and c of one entry for each value that is not background, r of one entry for each row."""

    values: NDArray[np.uint32]
    columns: NDArray[np.uint32]
    row_counts: NDArray[np.uint32]

    def joined(self) -> NDArray[np.uint32]:
        """D, in the order v, c, r."""
        return np.concatenate(self)


def background_of(zero_point: int, bits: int) -> int:
    """The symbol that zero becomes: z, or the nearest symbol where all features have one sign."""
    return min(max(zero_point, 0), 2**bits - 1)


def to_csr(symbols: NDArray[Any], rows: int, background: int) -> ModifiedCsr:
    """v, c and r of symbols seen as `rows` rows of equal length, in the order of memory."""
    flat = symbols.reshape(-1)
    places = np.flatnonzero(flat != background)
    columns_per_row = flat.size // rows
    row_counts = np.bincount(places // columns_per_row, minlength=rows)
    return ModifiedCsr(
        flat[places].astype(np.uint32),
        (places % columns_per_row).astype(np.uint32),
        row_counts.astype(np.uint32),
    )


def from_joined(
    joined: NDArray[np.uint32], elements: int, rows: int, background: int, largest: int
) -> NDArray[np.uint8]:
    """`elements` symbols from D, in memory order.

    Raises
    ------
    PayloadError : counts that do not add up, a column outside its row or out of order, a value that is
        background or larger than `largest`.
    """
    nonzeros, left_over = divmod(len(joined) - rows, 2)
    values, columns, row_counts = np.split(joined, (nonzeros, 2 * nonzeros))
    if left_over or nonzeros < 0 or int(row_counts.sum()) != nonzeros:
        raise PayloadError("the payload is damaged: its row counts do not add up to its number of values")
    columns_per_row = elements // rows
    places = np.repeat(np.arange(rows, dtype=np.int32) * np.int32(columns_per_row), row_counts)
    places += columns.astype(np.int32, copy=False)  # all below 2**28, a payload's limit on values
    if nonzeros and (columns.max() >= columns_per_row or (places[1:] <= places[:-1]).any()):
        raise PayloadError("the payload is damaged: a column index lies outside its row or out of order")
    if nonzeros and (values.max() > largest or (values == background).any()):
        raise PayloadError("the payload is damaged: a value in it is out of range")
    symbols = np.full(elements, background, np.uint8)
    symbols[places] = values
    return symbols
