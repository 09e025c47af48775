"""The inner loops of `channel_rans`: a column of sixteen symbols at a time, in vector instructions.

Written in LLVM's language, for whatever processor this is. All numbers are whole, so every processor makes
the same of them. A board without numba has the same functions in numpy.

Sixteen states lie side by side as 32-bit numbers, state q of channel q. Contexts are computed in 16 bits,
where the symbol of state `PLACES[i]` is the i-th: the order that packing two vectors of states leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from workbench.codecs.entropy.vector_code import (
    BYTES,
    HALF,
    LONG,
    SHORTS,
    SIDE,
    STATES,
    Code,
    every,
    number,
)

STATE_BITS: Final = 31
FREQUENCY_BITS, BIAS_BITS = 12, 13  # of the upper half of a step; the shift is above them
PLACES: Final = (0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15)

_BEFORE = (("above", 1), ("above", 2), ("current", 1), ("current", 0))  # UL, U, L and LL of a first column


_intrinsic: Callable[[Any], Callable[..., Any]] = intrinsic


def _shuffles(to_lanes: bool) -> NDArray[np.uint8]:
    """For each mask of eight lanes, the sixteen bytes of a shuffle: it gives each of these lanes the next
    word, or it moves their words, in their order, to the end."""
    table = np.full((1 << HALF, 2 * HALF), 0x80, np.uint8)
    for mask in range(len(table)):
        lanes = [lane for lane in range(HALF) if mask >> lane & 1]
        for word, lane in enumerate(lanes, 0 if to_lanes else HALF - len(lanes)):
            target, source = (lane, word) if to_lanes else (word, lane)
            table[mask, 2 * target : 2 * target + 2] = 2 * source, 2 * source + 1
    return table.reshape(-1)


SPREAD, GATHERED = _shuffles(True), _shuffles(False)


def _by_states(names: str, generate: Callable[[Code, int], Any]) -> Callable[..., Any]:
    """What an intrinsic generates: `generate` for one sixteen, and for two, and a look at how many states
    there are; each gives back a number of 64 bits."""

    def both(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        room = cgutils.alloca_once(builder, LONG)
        lanes = Code(context, builder, signature, arguments, names).length("states")
        with builder.if_else(builder.icmp_signed(">", lanes, number(SIDE))) as (two, one):
            for sides, branch in ((2, two), (1, one)):
                with branch:
                    code = Code(context, builder, signature, arguments, names)
                    builder.store(generate(code, sides), room)
        return builder.load(room)

    return both


def _popper() -> Callable[..., Any]:
    names = (
        "ring current above upper count factors bounds class_bits tables slots precision lowest "
        "shuffles states words used"
    )

    def generate(code: Code, sides: int) -> Any:
        b, lanes = code.builder, SIDE * sides
        limits = [code.all_of(SHORTS, code.element("bounds", number(which))) for which in range(4)]
        limits = [b.sub(limit, every(SHORTS, 1)) for limit in limits]
        classes, shift = code.all_of(SHORTS, code["class_bits"]), code.all_of(STATES, code["precision"])
        mask = b.sub(b.shl(every(STATES, 1), shift), every(STATES, 1))
        least = code.all_of(STATES, code["lowest"])

        def cells(row: str, column: Any, side: int) -> Any:
            place = b.add(code[row], b.add(b.mul(column, number(lanes)), number(SIDE * side)))
            return b.zext(code.load(BYTES, "ring", place), SHORTS)

        own, around, states = [], [], []
        for side in range(sides):
            places = [number(lanes * which + SIDE * side) for which in range(7)]
            own.append([code.load(SHORTS, "factors", place) for place in places])
            before = [cells(row, number(at), side) for row, at in _BEFORE]
            around.append([code.variable(one) for one in before])
            begins = [number(SIDE * side + HALF * half) for half in range(2)]
            states.append([code.variable(code.load(STATES, "states", begin)) for begin in begins])
        used_at = code.variable(code["used"])
        with cgutils.for_range(b, code["count"]) as loop:
            for side in range(sides):
                ul, u, left, further = (b.load(place) for place in around[side])
                ur = cells("above", b.add(loop.index, number(3)), side)
                uu = cells("upper", b.add(loop.index, number(2)), side)
                w = own[side][0]
                for factor, value in ((2, u), (3, ur), (4, ul), (6, uu), (5, further), (1, left)):
                    w = b.add(w, b.mul(own[side][factor], value))
                uneven, last = (
                    b.add(code.difference(u, ul), code.difference(u, ur)),
                    code.difference(left, ul),
                )
                reached = [b.icmp_signed(">", last, b.sub(limit, uneven)) for limit in limits]
                one, two, three, four = (b.sext(one, SHORTS) for one in reached)  # 0 or -1
                level = b.add(b.add(one, two), b.add(three, four))
                places = code.quarters(b.sub(w, b.shl(level, classes)))
                x = [b.load(place) for place in states[side]]
                low = [one for half in x for one in code.scalars(b.and_(half, mask))]
                found = []
                for state in range(SIDE):
                    table = code.element("tables", places[PLACES.index(state)])
                    found.append(b.load(code.at("slots", b.or_(table, low[state]))))
                entries = [code.gathered(STATES, found[:HALF]), code.gathered(STATES, found[HALF:])]
                low_bytes, high_bytes = (b.and_(entry, every(STATES, 0xFF)) for entry in entries)
                both = code.pick(low_bytes, high_bytes, range(SIDE))
                symbols = code.pick(b.trunc(both, SHORTS), ir.Constant(SHORTS, ir.Undefined), PLACES)
                column = b.add(b.mul(b.add(loop.index, number(2)), number(lanes)), number(SIDE * side))
                code.store(b.trunc(symbols, BYTES), "ring", b.add(code["current"], column))
                for room, value in zip(around[side], (u, ur, symbols, left), strict=True):
                    b.store(value, room)
                for state, entry, room in zip(x, entries, states[side], strict=True):
                    popped = b.mul(b.lshr(entry, every(STATES, 20)), b.lshr(state, shift))
                    popped = b.add(popped, b.and_(b.lshr(entry, every(STATES, 8)), every(STATES, 0xFFF)))
                    too_low = b.icmp_signed("<", popped, least)
                    b.store(code.take_words(popped, too_low, "words", used_at, "shuffles"), room)
        for half, room in enumerate(room for own in states for room in own):
            code.store(b.load(room), "states", number(HALF * half))
        return b.load(used_at)

    return _by_states(names, generate)


@_intrinsic
def pop_columns(
    typing: Any,
    ring: Any,
    current: Any,
    above: Any,
    upper: Any,
    count: Any,
    factors: Any,
    bounds: Any,
    class_bits: Any,
    tables: Any,
    slots: Any,
    precision: Any,
    lowest: Any,
    shuffles: Any,
    states: Any,
    words: Any,
    used: Any,
) -> Any:
    """Pop `count` columns of as many symbols as there are states, 16 or 32, and give back how many words have
    been used.

    `ring` (uint8) has rows of columns, each sixteen symbols in the order of `PLACES`, two columns before each
    row and one after it; `current`, `above` and `upper` are where three rows begin. `factors` (int16, seven
    of each symbol) are base and factors of w in that order, `bounds` four int64. `tables` (uint32) says where
    in `slots` (uint32, of `rans.fill_slots`) those of class << `class_bits` | w begin. A state (uint32) below
    `lowest` takes the next word (uint16); up to eight words are read beyond those that are used.
    """
    long = types.int64
    front = (ring, long, long, long, long, factors, bounds, long, tables, slots, long, long)
    return long(*front, shuffles, states, words, long), _popper()


def _pusher() -> Callable[..., Any]:
    def generate(code: Code, sides: int) -> Any:
        b = code.builder
        room = code.all_of(STATES, b.sub(number(STATE_BITS), code["precision"]))
        total = b.shl(every(STATES, 1), code.all_of(STATES, code["precision"]))
        halves = range(2 * sides)
        state_at = [code.variable(code.load(STATES, "states", number(HALF * half))) for half in halves]
        free_at = code.variable(code["free"])
        with cgutils.for_range(b, code["count"]) as loop:
            last = b.sub(b.sub(code["count"], loop.index), number(1))
            for half in reversed(halves):
                place = b.add(b.add(code["begin"], last), b.mul(code["pitch"], number(HALF * half)))
                found = []
                for _ in range(HALF):
                    step = code.element("index", code.element("keys", place))
                    if sides > 1:
                        step = b.or_(step, code.element("symbols", place))
                    found.append(code.element("steps", step))
                    place = b.add(place, code["pitch"])
                reciprocal, others = code.halves(found)
                x, f = b.load(state_at[half]), b.and_(others, every(STATES, 2**FREQUENCY_BITS - 1))
                full = b.icmp_signed(">=", b.lshr(x, room), f)
                x = code.send_words(x, full, "words", free_at, "shuffles")
                bias = b.and_(b.lshr(others, every(STATES, FREQUENCY_BITS)), every(STATES, 2**BIAS_BITS - 1))
                shift = b.lshr(others, every(STATES, FREQUENCY_BITS + BIAS_BITS))
                quotient = b.lshr(code.high_product(x, reciprocal), shift)
                x = b.add(b.add(x, bias), b.mul(quotient, b.sub(total, f)))
                b.store(x, state_at[half])
        for half, place in enumerate(state_at):
            code.store(b.load(place), "states", number(HALF * half))
        return b.load(free_at)

    return _by_states(
        "symbols keys begin pitch count index steps precision shuffles states words free", generate
    )


@_intrinsic
def push_columns(
    typing: Any,
    symbols: Any,
    keys: Any,
    begin: Any,
    pitch: Any,
    count: Any,
    index: Any,
    steps: Any,
    precision: Any,
    shuffles: Any,
    states: Any,
    words: Any,
    free: Any,
) -> Any:
    """Push `count` columns of as many symbols as there are states, 16 or 32, the last first, and give back
    where the last word begins.

    Keys (uint16 or uint32) of channel q begin at `begin` + q * `pitch`; `index` has where in `steps` (of
    `channel_rans.fill_encoder`) each key's numbers are. Where there are 32 states, keys are places (see
    `neighbourhood.fill_places`), `index` says where the numbers of each one's table begin, and `symbols`
    (uint8), beside the keys, which of them. Words (uint16) go below `free`; as many as there are symbols, and
    eight more, must be free there.
    """
    long = types.int64
    given = (symbols, keys, long, long, long, index, steps, long, shuffles, states, words, long)
    return long(*given), _pusher()


@_intrinsic
def turn_block(typing: Any, ring: Any, place: Any, lanes: Any, flat: Any, begin: Any, pitch: Any) -> Any:
    """Sixteen columns of the ring, `lanes` apart from `place` on, as sixteen symbols of each channel's row:
    into `flat` (uint8), where those of channel q begin at `begin` + q * `pitch`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        code, b = Code(context, builder, signature, arguments, "ring place lanes flat begin pitch"), builder
        places = [b.add(code["place"], b.mul(code["lanes"], number(i))) for i in range(SIDE)]
        lines = [code.load(BYTES, "ring", place) for place in places]
        mixed = [[which for one in own for which in (one, one + SIDE)] for own in (range(8), range(8, 16))]
        for _ in range(4):  # four perfect shuffles of 256 bytes turn them
            lines = [code.pick(lines[i // 2], lines[i // 2 + 8], mixed[i % 2]) for i in range(SIDE)]
        for line, channel in zip(lines, PLACES, strict=True):
            code.store(line, "flat", b.add(code["begin"], b.mul(code["pitch"], number(channel))))
        return context.get_dummy_value()

    long = types.int64
    return types.void(ring, long, long, flat, long, long), generate
