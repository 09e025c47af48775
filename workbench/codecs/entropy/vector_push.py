"""The inner loop of `eight_lanes`: sixteen symbols onto eight states, four at a time in vector instructions.

Written in LLVM's language, for whatever processor this is. All numbers are whole and below 2**53, so every
processor makes the same of them. A board without numba has the same function in Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

GROUP: Final = 16  # symbols: two of each lane
WORD_BYTES: Final = 3
GROUP_BYTES: Final = GROUP // 2 * WORD_BYTES  # the most that a group sends
_SIDE, _WORD_BITS = 4, 8 * WORD_BYTES

_BYTE, _INT, _LONG, _FLOAT = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.DoubleType()
_INTS, _FLOATS = ir.VectorType(_INT, _SIDE), ir.VectorType(_FLOAT, _SIDE)
_intrinsic: Callable[[Any], Callable[..., Any]] = intrinsic


@_intrinsic
def push_groups(
    typing: Any, symbols: Any, first: Any, count: Any, rows: Any, states: Any, words: Any, free: Any
) -> Any:
    """Push `count` groups of symbols (uint8), the last first, down to the one that begins at `first`.

    `rows` are of `eight_lanes.fill_rows`, `states` eight of them, both float64. Words go into `words` (uint8)
    below `free`, and where the last of them begins is given back; the caller has looked that
    `GROUP_BYTES` * `count` + 4 bytes are free there.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        symbols, first, count, rows, states, words, free = arguments
        kinds = (0, symbols), (3, rows), (4, states), (5, words)
        data = [context.make_array(signature.args[at])(context, builder, array).data for at, array in kinds]
        build = _Build(builder, *data)
        lanes = [cgutils.alloca_once_value(builder, build.states(side)) for side in range(2)]
        below = cgutils.alloca_once_value(builder, free)
        with cgutils.for_range(builder, count) as loop:
            left = builder.sub(builder.sub(count, loop.index), ir.Constant(_LONG, 1))
            place = builder.add(first, builder.mul(left, ir.Constant(_LONG, GROUP)))
            for side in (1, 0):
                build.push_two(lanes[side], builder.add(place, ir.Constant(_LONG, _SIDE * side)), below)
        for side in range(2):
            build.keep(builder.load(lanes[side]), side)
        return builder.load(below)

    long = types.int64
    return long(symbols, long, long, rows, states, words, long), generate


class _Build:
    """Steps for four lanes at once."""

    def __init__(self, builder: Any, symbols: Any, rows: Any, states: Any, words: Any) -> None:
        self.builder, self.rows, self.all_states, self.words = builder, rows, states, words
        self.symbols = symbols
        module = builder.module
        self.floor = cgutils.get_or_insert_function(
            module, ir.FunctionType(_FLOATS, [_FLOATS]), f"llvm.floor.v{_SIDE}f64"
        )

    def states(self, side: int) -> Any:
        return self.builder.load(self._state_place(side), align=8)

    def keep(self, value: Any, side: int) -> None:
        self.builder.store(value, self._state_place(side), align=8)

    def push_two(self, lanes: Any, place: Any, below: Any) -> None:
        """Send words of the four lanes where two symbols of each would not fit, and push these."""
        b = self.builder
        x = b.load(lanes)
        second = self._steps(b.add(place, ir.Constant(_LONG, GROUP // 2)))
        first = self._steps(place)
        full = b.fcmp_ordered(">=", x, b.fmul(first[3], second[3]))
        upper = b.call(self.floor, [b.fmul(x, _all(2.0**-_WORD_BITS))])
        self._send(b.fsub(x, b.fmul(upper, _all(2.0**_WORD_BITS))), full, below)
        x = b.select(full, upper, x)
        for reciprocal, rest, start, _ in (second, first):
            quotient = b.call(self.floor, [b.fmul(x, reciprocal)])
            x = b.fadd(b.fadd(x, start), b.fmul(quotient, rest))
        b.store(x, lanes)

    def _send(self, word: Any, full: Any, below: Any) -> None:
        """Each is written, below the ones before, and kept only where that place moves: no branch."""
        b = self.builder
        shifted = b.shl(b.fptosi(word, _INTS), ir.Constant(_INTS, [32 - _WORD_BITS] * _SIDE))
        free = b.load(below)
        mask = b.zext(b.bitcast(full, ir.IntType(_SIDE)), _LONG)
        for lane in range(_SIDE - 1, -1, -1):
            which = ir.Constant(_INT, lane)
            place = b.gep(self.words, [b.sub(free, ir.Constant(_LONG, 4))])
            b.store(b.extract_element(shifted, which), b.bitcast(place, _INT.as_pointer()), align=1)
            moved = b.and_(b.lshr(mask, ir.Constant(_LONG, lane)), ir.Constant(_LONG, 1))
            free = b.sub(free, b.mul(moved, ir.Constant(_LONG, WORD_BYTES)))
        b.store(free, below)

    def _steps(self, place: Any) -> list[Any]:
        """The four numbers of four symbols, by lanes: rows of a small matrix that is turned."""
        b = self.builder
        found = []
        for lane in range(_SIDE):
            symbol = b.load(b.gep(self.symbols, [b.add(place, ir.Constant(_LONG, lane))]))
            at = b.shl(b.zext(symbol, _LONG), ir.Constant(_LONG, 2))
            found.append(b.load(b.bitcast(b.gep(self.rows, [at]), _FLOATS.as_pointer()), align=8))
        even = [self._pick(*found[half : half + 2], 0, 4, 2, 6) for half in (0, 2)]
        odd = [self._pick(*found[half : half + 2], 1, 5, 3, 7) for half in (0, 2)]
        low, high = (0, 1, 4, 5), (2, 3, 6, 7)
        return [self._pick(*pair, *places) for places in (low, high) for pair in (even, odd)]

    def _pick(self, left: Any, right: Any, *places: int) -> Any:
        return self.builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(_INT, _SIDE), places))

    def _state_place(self, side: int) -> Any:
        place = self.builder.gep(self.all_states, [ir.Constant(_LONG, _SIDE * side)])
        return self.builder.bitcast(place, _FLOATS.as_pointer())


def _all(number: float) -> Any:
    return ir.Constant(_FLOATS, [number] * _SIDE)


def _int_at(typing: Any, data: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        where = builder.bitcast(builder.gep(array.data, [arguments[1]]), _INT.as_pointer())
        return builder.zext(builder.load(where, align=1), _LONG)

    return types.uint64(data, types.uint64), generate


int_at: Callable[..., Any] = intrinsic(_int_at)
"""Four bytes of an array as one number, from any place; only for compiled code."""
