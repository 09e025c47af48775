"""Integers of Q bits side by side, without gaps.

The first symbol's highest bit is the highest bit of the first byte, and so on; the last byte is filled up
with zeros. For Q = 1 this is numpy's packbits, for Q = 4 two symbols a byte, for Q = 8 a byte each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled
from workbench.errors import PayloadError


def packed_bytes(count: int, bits: int) -> int:
    """Bytes that `count` symbols of Q bits take."""
    return (count * bits + 7) // 8


def pack_bits(symbols: NDArray[Any], bits: int) -> bytes:
    """Symbols (whole numbers below 2^Q, any unsigned type) as Q bits each, Q from 1 to 32."""
    flat = np.ascontiguousarray(symbols).reshape(-1)
    if bits == 8:
        return flat.astype(np.uint8, copy=False).tobytes()
    if bits == 1:
        return np.packbits(flat).tobytes()
    if bits in (2, 4):
        joined = flat.astype(np.uint8, copy=False)
        for shift in (2, 4) if bits == 2 else (4,):
            joined = _joined(joined, shift)
        return joined.tobytes()
    body = np.empty(packed_bytes(flat.size, bits), np.uint8)
    _pack(flat, np.uint64(bits), body)
    return body.tobytes()


def unpack_bits(body: bytes | memoryview, bits: int, count: int) -> NDArray[Any]:
    """`count` symbols, uint8 up to 8 bits, uint16 up to 16, else uint32.

    Raises
    ------
    PayloadError : not exactly the bytes that so many symbols take, or bits set after the last symbol.
    """
    if len(body) != packed_bytes(count, bits):
        raise PayloadError(
            f"{len(body)} bytes do not hold {count} symbols of {bits} bits; "
            f"{packed_bytes(count, bits)} bytes would"
        )
    packed = np.frombuffer(body, np.uint8)
    spare = 8 * packed.size - bits * count
    if spare and packed[-1] & ((1 << spare) - 1):
        raise PayloadError("the payload is damaged: there is something after the last packed symbol")
    if bits == 8:
        return packed.copy()
    if bits == 1:
        return np.unpackbits(packed, count=count)
    if bits in (2, 4):
        parted = packed
        for shift in (4, 2) if bits == 2 else (4,):
            parted = _parted(parted, shift)
        return parted[:count]
    symbols: NDArray[Any] = np.empty(count, np.uint8 if bits < 8 else np.uint16 if bits <= 16 else np.uint32)
    _unpack(packed, np.uint64(bits), symbols)
    return symbols


def _joined(halves: NDArray[np.uint8], shift: int) -> NDArray[np.uint8]:
    """Every two symbols as one of twice the bits; the last one may lack its second half."""
    wholes = np.empty((halves.size + 1) // 2, np.uint8)
    _join(halves, np.uint8(shift), wholes)
    if halves.size % 2:
        wholes[-1] = halves[-1] << shift
    return wholes


def _parted(wholes: NDArray[np.uint8], shift: int) -> NDArray[np.uint8]:
    """Every symbol as two of half the bits."""
    halves = np.empty(2 * wholes.size, np.uint8)
    _part(wholes, np.uint8(shift), halves)
    return halves


@compiled
def _join(halves: NDArray[np.uint8], shift: np.uint8, wholes: NDArray[np.uint8]) -> None:
    for i in range(halves.size // 2):
        wholes[i] = np.uint8(halves[2 * i] << shift) | halves[2 * i + 1]


@compiled
def _part(wholes: NDArray[np.uint8], shift: np.uint8, halves: NDArray[np.uint8]) -> None:
    mask = np.uint8((1 << shift) - 1)
    for i in range(wholes.size):
        halves[2 * i] = wholes[i] >> shift
        halves[2 * i + 1] = wholes[i] & mask


@compiled
def _pack(symbols: NDArray[Any], bits: np.uint64, body: NDArray[np.uint8]) -> None:
    held, filled, at = np.uint64(0), np.uint64(0), 0
    for i in range(symbols.size):
        held = (held << bits) | np.uint64(symbols[i])
        filled += bits
        while filled >= np.uint64(8):
            filled -= np.uint64(8)
            body[at] = np.uint8((held >> filled) & np.uint64(255))
            at += 1
    if filled:
        body[at] = np.uint8((held << (np.uint64(8) - filled)) & np.uint64(255))


@compiled
def _unpack(body: NDArray[np.uint8], bits: np.uint64, symbols: NDArray[Any]) -> None:
    mask = (np.uint64(1) << bits) - np.uint64(1)
    held, filled, at = np.uint64(0), np.uint64(0), 0
    for i in range(symbols.size):
        while filled < bits:
            held = (held << np.uint64(8)) | np.uint64(body[at])
            filled += np.uint64(8)
            at += 1
        filled -= bits
        symbols[i] = (held >> filled) & mask
