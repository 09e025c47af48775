"""rANS with a table for each neighbourhood, sixteen or 32 channels abreast, for vector instructions.

States are 32-bit numbers in [2**15, 2**31) between renormalisations, words have 16 bits. Channel c is coded
by state c % 16, or c % 32. All states walk down their channels in step, symbol by symbol: those that need a
word take it from the one stream of words, in the order of their numbers. Then come the next channels. 32 are
faster, since a processor waits less for one sixteen while it does the other, and cost some 30 bytes more.

A state that began as 2**15 would cost 15 bits for nothing. So the last columns, the tail, are pushed onto
states that begin as 1, as many as fit into all of them without a word; then 2**15 is added to each, and the
rest follows. The decoder is told how many columns those are, and takes it off again before them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled
from workbench.codecs.entropy.context_model import fill_frequencies, get_bits, put_bits
from workbench.codecs.entropy.context_rans import fill_index
from workbench.codecs.entropy.rans import fill_slot_rows
from workbench.codecs.entropy.vector_lanes import (
    BIAS_BITS,
    FREQUENCY_BITS,
    GATHERED,
    PLACES,
    SIDE,
    SPREAD,
    STATE_BITS,
    pop_columns,
    push_columns,
    turn_block,
)

SPARE: Final = 8  # words of a buffer that are read or written, but never kept
MOST_FRONT: Final = 144  # bytes of tail and states

_LOWEST_BITS, _LENGTH_BITS, _TAIL_BITS = 15, 4, 8
_FIRST, _LOWEST = np.uint32(1), np.uint32(1 << _LOWEST_BITS)
_TOP = np.uint32((1 << STATE_BITS) - (1 << _LOWEST_BITS))
_LINE = 16  # numbers of 32 bits
_MOST_TAIL = (1 << _TAIL_BITS) - 1
_CHANNEL_AT = np.array(PLACES, np.int64)
_U0, _U1, _U31, _U32 = (np.uint64(number) for number in (0, 1, 31, 32))
_BIAS, _SHIFT = np.uint64(32 + FREQUENCY_BITS), np.uint64(32 + FREQUENCY_BITS + BIAS_BITS)


@compiled
def fill_steps(frequencies: NDArray[np.uint32], bits: int, steps: NDArray[np.uint64]) -> None:
    """What pushing needs of each symbol of each table, in one number: from the lowest bit on the reciprocal
    of the frequency f, f, bias and shift. See `rans.fill_steps`; states are below 2**31 here."""
    tables, alphabet = frequencies.shape
    for table in range(tables):
        start = _U0
        for symbol in range(alphabet):
            f = np.uint64(frequencies[table, symbol])
            reciprocal, shift = np.uint64(0xFFFFFFFF), _U0
            bias = start + (_U1 << np.uint64(bits)) - _U1
            if f > _U1:
                while (_U1 << shift) < f:
                    shift += _U1
                reciprocal = ((_U1 << (shift + _U31)) + f - _U1) // f
                bias, shift = start, shift - _U1
            steps[table * alphabet + symbol] = reciprocal | f << _U32 | bias << _BIAS | shift << _SHIFT
            start += f


@compiled
def fill_encoder(
    codes: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    groups: NDArray[np.uint8],
    precision: int,
    table_of: NDArray[np.uint8],
    bits: int,
    frequencies: NDArray[np.uint32],
    steps: NDArray[np.uint64],
    index: NDArray[np.uint16],
) -> None:
    """Frequencies (table, symbol), then steps and where each key finds its own."""
    fill_frequencies(codes, sizes, groups, precision, frequencies)
    fill_steps(frequencies, precision, steps)
    fill_index(table_of, bits, index)


@compiled
def encode_channels(
    symbols: NDArray[np.uint8],
    keys: NDArray[Any],
    width: int,
    plane: int,
    lanes: int,
    index: NDArray[np.uint16],
    steps: NDArray[np.uint64],
    bits: int,
    words: NDArray[np.uint16],
    front: NDArray[np.uint8],
) -> tuple[int, int]:
    """Push every symbol; words fill the end of the buffer. Gives back the index of the first word, and the
    bits of tail and states in `front`, which comes full of zeros.

    Rows have `width` symbols, and `plane` of them make a channel, of which there are a multiple of `lanes`.
    With 16 lanes, `keys` has context << bits | symbol of each, uint16 or uint32 (rows, width), `index` and
    `steps` are of `fill_encoder`, and there are no `symbols`. With 32 lanes symbols are framed, `keys` are
    their places, and `index` says for each where in `steps` its table begins. The buffer holds one word for
    every symbol, and `SPARE` more.
    """
    rows, stride = keys.shape
    margin = 0 if stride == width else 2  # cells before a row
    flat, framed, pitch = keys.reshape(-1), symbols.reshape(-1), plane * stride
    total = rows // lanes * width  # columns
    states, before = np.full(lanes, _FIRST, np.uint32), np.empty(lanes, np.uint32)
    free, tail = len(words), 0
    while tail < min(total, _MOST_TAIL):
        before[:] = states
        down, column = (total - 1 - tail) // width, (total - 1 - tail) % width
        at = (down // plane * lanes * plane + down % plane) * stride + margin + column
        sent = push_columns(framed, flat, at, pitch, 1, index, steps, bits, GATHERED, states, words, free)
        if sent != free or states.max() >= _TOP:
            states[:] = before
            break
        tail += 1
    for lane in range(lanes):
        states[lane] += _LOWEST
    left = total - tail
    while left:
        down = (left - 1) // width
        begin = (down // plane * lanes * plane + down % plane) * stride + margin
        count = left - down * width
        free = push_columns(
            framed, flat, begin, pitch, count, index, steps, bits, GATHERED, states, words, free
        )
        left -= count
    at = put_bits(front, 0, tail, _TAIL_BITS)
    for lane in range(lanes):
        state, length = np.int64(states[lane]), 0
        while state >> (_LOWEST_BITS + length + 1):
            length += 1
        at = put_bits(front, at, length, _LENGTH_BITS)
        at = put_bits(front, at, state, _LOWEST_BITS + length)  # without the highest bit, which is 1
    return free, at


@compiled
def read_states(data: NDArray[np.uint8], states: NDArray[np.uint32]) -> tuple[int, int]:
    """Tail and states; gives back the tail and the bits they took, -1 where they are cut short."""
    at, tail = get_bits(data, 0, _TAIL_BITS)
    for lane in range(len(states)):
        at, length = get_bits(data, at, _LENGTH_BITS)
        at, state = get_bits(data, at, _LOWEST_BITS + length)
        states[lane] = np.uint32(state | 1 << (_LOWEST_BITS + length))
    return tail, at


@compiled
def fill_decoder(
    codes: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    groups: NDArray[np.uint8],
    precision: int,
    table_of: NDArray[np.uint8],
    contexts: NDArray[np.uint16],
    span: int,
    class_bits: int,
    frequencies: NDArray[np.uint32],
    slots: NDArray[np.uint32],
    tables: NDArray[np.uint32],
) -> None:
    """Frequencies (table, symbol), then slots (table, slot), and where in them the table of each class <<
    class_bits | w begins."""
    fill_frequencies(codes, sizes, groups, precision, frequencies)
    fill_slot_rows(frequencies, slots)
    for own in range(len(contexts) // span):
        for w in range(span):
            tables[(own << class_bits) + w] = np.uint32(table_of[contexts[own * span + w]]) << np.uint32(
                precision
            )


@compiled
def decode_channels(
    out: NDArray[np.uint8],
    plane: int,
    background: int,
    stages: NDArray[np.int16],
    chosen: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    class_bits: int,
    tables: NDArray[np.uint32],
    slots: NDArray[np.uint32],
    far: bool,
    bits: int,
    states: NDArray[np.uint32],
    tail: int,
    words: NDArray[np.uint16],
    available: int,
    ring: NDArray[np.uint8],
) -> bool:
    """Pop every symbol of `out` (rows, width); true if every word was used and every state ended where
    encoding began.

    There are as many lanes as states. `stages` and `bounds` are of the walk, `tables` and `slots` of
    `fill_decoder`; where they were made long ago and may be `far` from the processor, they are read through
    once, which is faster than to fetch them here and there. `ring` is working memory: three rows of all
    lanes, framed as in `neighbourhood`. `words` are padded with as many as a row of all
    lanes can take and `SPARE` more, so that no read needs a check; whether more than `available` were used is
    looked at after each row.
    """
    if far and not _read_through(tables, slots):
        return False
    rows, width = out.shape
    lanes = len(states)
    flat, pitch = out.reshape(-1), plane * width
    factors = np.empty(stages.shape[2] * lanes, np.int16)
    size = (width + 3) * lanes
    used, current, above, upper = 0, 0, size, 2 * size
    left, lowest = rows // lanes * width - tail, np.int64(_LOWEST)  # columns before the tail
    for down in range(rows // lanes):
        group, row = down // plane, down % plane
        if row < len(stages):
            _fill_factors(stages[row], chosen, group * lanes, lanes, factors)
        if row == 0:
            ring[above : above + size] = background
        for lane in range(lanes):
            before = ring[above + 2 * lanes + lane]
            ring[current + lane] = before
            ring[current + lanes + lane] = before
        column = 0
        while column < width:
            if left == 0:
                for lane in range(lanes):
                    states[lane] -= _LOWEST
                left, lowest = rows * width, np.int64(0)  # as good as endless
            count, at = min(width - column, left), column * lanes
            used = pop_columns(
                ring,
                current + at,
                above + at,
                upper + at,
                count,
                factors,
                bounds,
                class_bits,
                tables,
                slots,
                bits,
                lowest,
                SPREAD,
                states,
                words,
                used,
            )
            column += count
            left -= count
        if used > available:
            return False
        for lane in range(lanes):
            ring[current + (width + 2) * lanes + lane] = ring[current + (width + 1) * lanes + lane]
        for side in range(0, lanes, SIDE):
            begin = ((group * lanes + side) * plane + row) * width
            _turn(ring, current + 2 * lanes + side, lanes, width, flat, begin, pitch)
        current, above, upper = upper, current, above
    begun = _FIRST if lowest == 0 else _FIRST + _LOWEST
    return bool(used == available and (states == begun).all())


@compiled
def _read_through(tables: NDArray[np.uint32], slots: NDArray[np.uint32]) -> bool:
    """Whether there is anything in them, which there is: looked at line by line of the processor's memory."""
    seen = np.uint32(0)
    for place in range(0, len(tables), _LINE):
        seen |= tables[place]
    for place in range(0, len(slots), _LINE):
        seen |= slots[place]
    return bool(seen)


@compiled
def _fill_factors(
    stage: NDArray[np.int16], chosen: NDArray[np.uint8], channel: int, lanes: int, factors: NDArray[np.int16]
) -> None:
    """Base and factors of the filters of so many channels, each sixteen at `PLACES`."""
    for lane in range(lanes):
        own = np.uint64(chosen[channel + lane // SIDE * SIDE + _CHANNEL_AT[lane % SIDE]])
        for factor in range(stage.shape[1]):
            factors[factor * lanes + lane] = stage[own, factor]


@compiled
def _turn(
    ring: NDArray[np.uint8],
    place: int,
    lanes: int,
    width: int,
    flat: NDArray[np.uint8],
    begin: int,
    pitch: int,
) -> None:
    """Sixteen lanes of a row of columns of the ring as a row of each channel; the last block perhaps in part
    twice."""
    if width < SIDE:
        for lane in range(SIDE):
            for column in range(width):
                flat[begin + _CHANNEL_AT[lane] * pitch + column] = ring[place + column * lanes + lane]
        return
    column = 0
    while column + SIDE < width:
        turn_block(ring, place + column * lanes, lanes, flat, begin + column, pitch)
        column += SIDE
    turn_block(ring, place + (width - SIDE) * lanes, lanes, flat, begin + width - SIDE, pitch)
