"""What `vector_lanes` is written with: instructions on sixteen lanes, and arguments by their names."""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils

SIDE: Final = 16
HALF: Final = SIDE // 2
WORD_BITS: Final = 16

BYTE, SHORT, INT, LONG = (ir.IntType(bits) for bits in (8, 16, 32, 64))
BYTES, SHORTS = ir.VectorType(BYTE, SIDE), ir.VectorType(SHORT, SIDE)
STATES, WORDS = ir.VectorType(INT, HALF), ir.VectorType(SHORT, HALF)
_PAIRS = ir.VectorType(LONG, HALF // 2)


def number(value: int) -> Any:
    """A whole number of 64 bits."""
    return ir.Constant(LONG, value)


def every(kind: Any, value: int) -> Any:
    """The same number in each lane."""
    return ir.Constant(kind, [value] * kind.count)


class Code:
    """Instructions, written one after the other. `names` are those of the intrinsic's arguments, in order."""

    def __init__(self, context: Any, builder: Any, signature: Any, arguments: Any, names: str) -> None:
        self.builder = builder
        self._context = context
        self._arguments = dict(zip(names.split(), zip(signature.args, arguments, strict=True), strict=True))
        self._data: dict[str, Any] = {}
        self._shuffles = "+ssse3" in context.codegen().magic_tuple()[2]  # what numba keeps code by, too

    def __getitem__(self, name: str) -> Any:
        return self._arguments[name][1]

    def at(self, array: str, place: Any) -> Any:
        """Where an element of an array is."""
        if array not in self._data:
            kind, value = self._arguments[array]
            self._data[array] = self._context.make_array(kind)(self._context, self.builder, value).data
        return self.builder.gep(self._data[array], [place])

    def length(self, array: str) -> Any:
        """Number of elements."""
        kind, value = self._arguments[array]
        return self._context.make_array(kind)(self._context, self.builder, value).nitems

    def element(self, array: str, place: Any) -> Any:
        """One element, as a number of 64 bits."""
        return self._long(self.builder.load(self.at(array, place)))

    def load(self, kind: Any, array: str, place: Any) -> Any:
        return self.builder.load(self.builder.bitcast(self.at(array, place), kind.as_pointer()), align=1)

    def store(self, value: Any, array: str, place: Any) -> None:
        where = self.builder.bitcast(self.at(array, place), value.type.as_pointer())
        self.builder.store(value, where, align=1)

    def variable(self, value: Any) -> Any:
        """Room for what a loop changes."""
        room = cgutils.alloca_once(self.builder, value.type)
        self.builder.store(value, room)
        return room

    def all_of(self, kind: Any, scalar: Any) -> Any:
        """A number of 64 bits, cut to the lanes' size, in each of them."""
        one = self.builder.trunc(scalar, kind.element) if scalar.type != kind.element else scalar
        undefined = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(undefined, one, ir.Constant(INT, 0))
        return self.pick(first, undefined, [0] * kind.count)

    def pick(self, left: Any, right: Any, places: Any) -> Any:
        where = ir.Constant(ir.VectorType(INT, len(places)), list(places))
        return self.builder.shuffle_vector(left, right, where)

    def gathered(self, kind: Any, scalars: list[Any]) -> Any:
        """Scalars as one vector."""
        vector = ir.Constant(kind, ir.Undefined)
        for lane, scalar in enumerate(scalars):
            vector = self.builder.insert_element(vector, scalar, ir.Constant(INT, lane))
        return vector

    def scalars(self, vector: Any) -> list[Any]:
        """The lanes, each as a number of 64 bits."""
        b = self.builder
        lanes = range(vector.type.count)
        return [self._long(b.extract_element(vector, ir.Constant(INT, lane))) for lane in lanes]

    def quarters(self, shorts: Any) -> list[Any]:
        """As `scalars` for sixteen of 16 bits, in fewer instructions: four at a time out of 64 bits."""
        b = self.builder
        parts = self.scalars(b.bitcast(shorts, ir.VectorType(LONG, 4)))
        return [b.and_(b.lshr(part, number(16 * one)), number(0xFFFF)) for part in parts for one in range(4)]

    def difference(self, left: Any, right: Any) -> Any:
        """|left - right| of sixteen numbers of 16 bits without sign."""
        least, most = (self.call(f"llvm.{name}.v{SIDE}i16", left, right) for name in ("umin", "umax"))
        return self.builder.sub(most, least)

    def halves(self, longs: list[Any]) -> tuple[Any, Any]:
        """Lower and upper halves of eight numbers of 64 bits."""
        left, right = (  # so that the halves come out within 128 bits
            self.builder.bitcast(self.gathered(_PAIRS, [longs[lane] for lane in own]), STATES)
            for own in ((0, 1, 4, 5), (2, 3, 6, 7))
        )
        lower, upper = (0, 2, 8, 10, 4, 6, 12, 14), (1, 3, 9, 11, 5, 7, 13, 15)
        return self.pick(left, right, lower), self.pick(left, right, upper)

    def high_product(self, left: Any, right: Any) -> Any:
        """The upper 32 of the 64 bits of eight products: of the even lanes, then of the odd ones."""
        b, word, low = self.builder, every(_PAIRS, 32), every(_PAIRS, 0xFFFFFFFF)
        pairs = [b.bitcast(value, _PAIRS) for value in (left, right)]
        even = b.lshr(b.mul(*(b.and_(pair, low) for pair in pairs)), word)
        odd = b.and_(b.mul(*(b.lshr(pair, word) for pair in pairs)), every(_PAIRS, 0xFFFFFFFF << 32))
        return b.bitcast(b.or_(even, odd), STATES)

    def take_words(self, states: Any, low: Any, words: str, used: Any, shuffles: str) -> Any:
        """The states, those that are `low` with the next word each below them; `used` moves on."""
        b = self.builder
        place, mask = b.load(used), self._mask(low)
        if self._shuffles:
            found = self._shuffled(self.load(WORDS, words, place), shuffles, mask)
            b.store(b.add(place, self.call("llvm.ctpop.i64", mask)), used)
            room = b.and_(b.sext(low, STATES), every(STATES, WORD_BITS))
            return b.or_(b.shl(states, room), b.zext(found, STATES))
        found = []
        for lane in range(HALF):
            found.append(b.load(self.at(words, place)))
            place = b.add(place, self._bit(mask, lane))
        b.store(place, used)
        below = b.zext(self.gathered(WORDS, found), STATES)
        return b.select(low, b.or_(b.shl(states, every(STATES, WORD_BITS)), below), states)

    def send_words(self, states: Any, full: Any, words: str, free: Any, shuffles: str) -> Any:
        """The states, those that are `full` without their lowest word, which goes below `free`."""
        b = self.builder
        place, mask, sent = b.load(free), self._mask(full), b.trunc(states, WORDS)
        if self._shuffles:
            self.store(self._shuffled(sent, shuffles, mask), words, b.sub(place, number(HALF)))
            b.store(b.sub(place, self.call("llvm.ctpop.i64", mask)), free)
        else:
            for lane in range(HALF - 1, -1, -1):  # each is written, and kept only where the place moves
                word = b.extract_element(sent, ir.Constant(INT, lane))
                b.store(word, self.at(words, b.sub(place, number(1))))
                place = b.sub(place, self._bit(mask, lane))
            b.store(place, free)
        return b.lshr(states, b.and_(b.sext(full, STATES), every(STATES, WORD_BITS)))

    def call(self, name: str, *values: Any) -> Any:
        """One of LLVM's own functions of values of one kind."""
        kind = ir.FunctionType(values[0].type, [value.type for value in values])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), values)

    def _shuffled(self, words: Any, shuffles: str, mask: Any) -> Any:
        sixteen = ir.VectorType(BYTE, 2 * HALF)
        how = self.load(sixteen, shuffles, self.builder.shl(mask, number(4)))
        how.set_metadata("invariant.load", self.builder.module.add_metadata([]))
        found = self.call("llvm.x86.ssse3.pshuf.b.128", self.builder.bitcast(words, sixteen), how)
        return self.builder.bitcast(found, WORDS)

    def _mask(self, lanes: Any) -> Any:
        return self._long(self.builder.bitcast(lanes, ir.IntType(HALF)))

    def _bit(self, mask: Any, lane: int) -> Any:
        return self.builder.and_(self.builder.lshr(mask, number(lane)), number(1))

    def _long(self, value: Any) -> Any:
        return value if value.type == LONG else self.builder.zext(value, LONG)
