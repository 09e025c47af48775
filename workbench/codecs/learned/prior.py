"""Symbols coded by tables that both sides have, one table a place: a factorised prior as integers.

rANS with one 32-bit state and bytes out (Duda 2013), in plain Python: a code has some hundred symbols. Tables
are rows that add up to 2^16; row i is for place i, symbol k of it stands for the number k - offset. Nothing
about the tables travels, and no table means no bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.errors import PayloadError

BITS = 16
_LOW = 1 << 23


def encode(symbols: NDArray[np.integer], tables: NDArray[np.integer]) -> bytes:
    """Symbols (places,), each an index into its row of `tables` (places, alphabet)."""
    state, out = _LOW, bytearray()
    for place in range(len(symbols) - 1, -1, -1):
        row, symbol = tables[place], int(symbols[place])
        frequency, start = int(row[symbol]), int(row[:symbol].sum())
        while state >= frequency << (31 - BITS):
            out.append(state & 255)
            state >>= 8
        state = ((state // frequency) << BITS) + state % frequency + start
    return state.to_bytes(4, "little") + bytes(reversed(out))


def decode(data: bytes | memoryview, tables: NDArray[np.integer]) -> NDArray[np.int64]:
    """One symbol for each row of `tables`.

    Raises
    ------
    PayloadError : the bytes do not end exactly where the symbols do.
    """
    if len(data) < 4:
        raise PayloadError(f"the payload is damaged: {len(data)} bytes of code")
    state, at = int.from_bytes(data[:4], "little"), 4
    symbols = np.empty(len(tables), np.int64)
    for place, row in enumerate(tables):
        ends = np.cumsum(row)
        slot = state & ((1 << BITS) - 1)
        symbol = int(np.searchsorted(ends, slot, side="right"))
        frequency = int(row[symbol])
        state = frequency * (state >> BITS) + slot - (int(ends[symbol]) - frequency)
        while state < _LOW and at < len(data):
            state = (state << 8) | data[at]
            at += 1
        symbols[place] = symbol
    if state != _LOW or at != len(data):
        raise PayloadError("the payload is damaged: its coded symbols do not end where they should")
    return symbols


def valid(tables: NDArray[np.integer]) -> bool:
    """Whether every row is at least 1 everywhere and adds up to 2^BITS."""
    return bool(
        tables.ndim == 2 and tables.size and (tables >= 1).all() and (tables.sum(1) == 1 << BITS).all()
    )
