"""Small whole numbers as few bits: Exp-Golomb code for arrays, and 7-bit groups for single numbers.

Exp-Golomb of order k is Elias gamma code of ((value - 1) >> k) + 1 and then the k low bits of value - 1; of
order 0 it is gamma code itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled
from workbench.errors import PayloadError

_MOST_BITS = 32


def varint(value: int) -> bytes:
    """A whole number in groups of 7 bits, lowest first, the top bit set on all but the last byte."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: memoryview, offset: int) -> tuple[int, int]:
    """The number at `offset` and the offset after it; at most five bytes long.

    Raises
    ------
    PayloadError : cut short, longer than five bytes, or not the shortest form.
    """
    value = 0
    for position in range(5):
        if offset + position >= len(data):
            break
        byte = data[offset + position]
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            if byte == 0 and position:
                break
            return value, offset + position + 1
    raise PayloadError("the payload is damaged: a number in it is cut short or too long")


def golomb_bits(values: NDArray[np.integer], order: int = 0) -> int:
    """Bits of these values, each at least 1, in Exp-Golomb code."""
    if not len(values):
        return 0
    _, exponents = np.frexp((((np.asarray(values, np.int64) - 1) >> order) + 1).astype(np.float64))
    return int(2 * exponents.sum() - len(values)) + order * len(values)


def write_golomb(values: NDArray[np.uint64], orders: tuple[int, int] = (0, 0)) -> bytes:
    """Values from 1 to 2**32 - 1, lowest bit first, padded with zeros to whole bytes.

    `orders` are those of values at even and at odd places.
    """
    bits = golomb_bits(values[0::2], orders[0]) + golomb_bits(values[1::2], orders[1])
    out = np.zeros((bits + 7) // 8, np.uint8)
    put_golomb(np.ascontiguousarray(values, np.uint64), orders[0], orders[1], out)
    return out.tobytes()


def read_golomb(
    data: memoryview, count: int, orders: tuple[int, int] = (0, 0)
) -> tuple[NDArray[np.uint64], int]:
    """`count` values and the number of bytes they took.

    Raises
    ------
    PayloadError : cut short, a value of more than 32 bits, or padding that is not zero.
    """
    if count > 8 * len(data):
        raise PayloadError("the payload is damaged: its probability table is cut short")
    values = np.empty(count, np.uint64)
    used_bits = get_golomb(np.frombuffer(data, np.uint8), orders[0], orders[1], values)
    if used_bits < 0:
        raise PayloadError("the payload is damaged: its probability table is cut short or garbled")
    return values, (used_bits + 7) // 8


@compiled
def put_golomb(values: NDArray[np.uint64], even: int, odd: int, out: NDArray[np.uint8]) -> int:
    """As `write_golomb` into a buffer of zeros that is large enough; gives back the bits."""
    position = 0
    for index in range(len(values)):
        order = np.uint64(odd if index & 1 else even)
        rest = values[index] - np.uint64(1)
        value = (rest >> order) + np.uint64(1)
        length = 0
        while value >> np.uint64(length + 1):
            length += 1
        position += length  # so many zeros, then the value from its top bit down
        for bit in range(length, -1, -1):
            if (value >> np.uint64(bit)) & np.uint64(1):
                out[position >> 3] |= np.uint8(1 << (position & 7))
            position += 1
        for bit in range(order):
            if (rest >> np.uint64(bit)) & np.uint64(1):
                out[position >> 3] |= np.uint8(1 << (position & 7))
            position += 1
    return position


@compiled
def get_golomb(data: NDArray[np.uint8], even: int, odd: int, values: NDArray[np.uint64]) -> int:
    """Fill `values`; gives back the bits read, or -1 where they end early or are not as they are written."""
    end = 8 * len(data)
    position = 0
    for index in range(len(values)):
        length = 0
        while position < end and not (data[position >> 3] >> (position & 7)) & 1:
            position += 1
            length += 1
        order = odd if index & 1 else even
        if length + order >= _MOST_BITS or position + length + 1 + order > end:
            return -1
        value = np.uint64(0)
        for _ in range(length + 1):
            bit = (data[position >> 3] >> (position & 7)) & 1
            value = (value << np.uint64(1)) | np.uint64(bit)
            position += 1
        value = (value - np.uint64(1)) << np.uint64(order)
        for low in range(order):
            value |= np.uint64((data[position >> 3] >> (position & 7)) & 1) << np.uint64(low)
            position += 1
        values[index] = value + np.uint64(1)
    for rest in range(position, min(end, (position + 7) // 8 * 8)):
        if (data[rest >> 3] >> (rest & 7)) & 1:
            return -1
    return position
