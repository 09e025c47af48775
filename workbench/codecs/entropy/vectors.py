"""Sums over neighbours for sixteen symbols at a time, in vector instructions of whatever processor this is.

Left to itself the compiler does such loops four at a time, in 64 bits; these say what is needed: 16. Results
are integers, the same everywhere. A board without numba has the same functions in numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled

BLOCK: Final = 16
FILTERS: Final = 8

_BYTE, _SHORT, _INT, _LONG = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_BYTES, _SHORTS, _INTS = (ir.VectorType(own, BLOCK) for own in (_BYTE, _SHORT, _INT))
_B = np.uint64(BLOCK)
_intrinsic: Callable[[Any], Callable[..., Any]] = intrinsic


@compiled
def fill_block_places(
    flat: NDArray[np.uint8],
    begin: np.uint64,
    end: np.uint64,
    stride: np.uint64,
    upper: np.uint64,
    own: NDArray[np.int64],
    bounds: NDArray[np.int64],
    span: int,
    out: NDArray[np.uint16],
) -> np.uint64:
    """Class * span + w from `begin` on, sixteen at a time; gives back where less than sixteen are left."""
    place = begin
    while place + _B <= end:
        _places(flat, out, place, stride, upper, own, bounds, span)
        place += _B
    return place


@compiled
def add_block_errors(
    flat: NDArray[np.uint8],
    begin: np.uint64,
    end: np.uint64,
    stride: np.uint64,
    filters: NDArray[np.int64],
    constants: NDArray[np.int64],
    sums: NDArray[np.int32],
) -> None:
    """Add |16 X - w - constant| to `sums` (filter, 16), sixteen places at a time, not what is left."""
    place = begin
    while place + _B <= end:
        _errors(flat, place, stride, filters, constants, sums)
        place += _B


@compiled
def fill_block_above(
    flat: NDArray[np.uint8],
    above: np.uint64,
    upper: np.uint64,
    count: np.uint64,
    own: NDArray[np.int64],
    desk: NDArray[np.uint16],
    targets: tuple[np.uint64, np.uint64, np.uint64],
) -> np.uint64:
    """What `context_rans` prepares for a stretch: into `desk` at the targets base + b U + c UR + d UL + f UU,
    |U - UL| + |U - UR|, and UL; up to fifteen more than `count`. Gives back how many, less at the map's end.
    """
    done = np.uint64(0)
    while done < count and above + done + _B + np.uint64(1) <= np.uint64(len(flat)):
        _above(
            flat,
            above + done,
            upper + done,
            own,
            desk,
            targets[0] + done,
            targets[1] + done,
            targets[2] + done,
        )
        done += _B
    return done


class _Build:
    """Vectors of sixteen from a byte array, in LLVM's language."""

    def __init__(self, context: Any, builder: Any, array_type: Any, array: Any) -> None:
        self.builder = builder
        self.data = context.make_array(array_type)(context, builder, array).data

    def bytes_at(self, place: Any) -> Any:
        where = self.builder.bitcast(self.builder.gep(self.data, [place]), _BYTES.as_pointer())
        return self.builder.load(where, align=1)

    def wide(self, value: Any) -> Any:
        return self.builder.zext(value, _SHORTS)

    def all_of(self, scalar: Any) -> Any:
        short = self.builder.trunc(scalar, _SHORT)
        one = self.builder.insert_element(ir.Constant(_SHORTS, ir.Undefined), short, ir.Constant(_INT, 0))
        picks = ir.Constant(ir.VectorType(_INT, BLOCK), [0] * BLOCK)
        return self.builder.shuffle_vector(one, ir.Constant(_SHORTS, ir.Undefined), picks)

    def difference(self, left: Any, right: Any) -> Any:
        more = self.builder.icmp_unsigned(">", left, right)
        high, low = (self.builder.select(more, *pair) for pair in ((left, right), (right, left)))
        return self.wide(self.builder.sub(high, low))

    def neighbours(self, place: Any, stride: Any, upper: Any) -> list[Any]:
        """L, U, UR, UL, LL and UU."""
        b, one = self.builder, ir.Constant(_LONG, 1)
        above = b.sub(place, stride)
        places = (
            b.sub(place, one),
            above,
            b.add(above, one),
            b.sub(above, one),
            b.sub(place, ir.Constant(_LONG, 2)),
            b.sub(place, upper),
        )
        return [self.bytes_at(one) for one in places]

    def weigh(self, own: list[Any], values: list[Any], start: Any) -> Any:
        total = self.all_of(start)
        for factor, value in zip(own, values, strict=True):
            total = self.builder.add(total, self.builder.mul(self.all_of(factor), value))
        return total


def _numbers(context: Any, builder: Any, array_type: Any, array: Any, first: int, count: int) -> list[Any]:
    data = context.make_array(array_type)(context, builder, array).data
    return [builder.load(builder.gep(data, [ir.Constant(_LONG, first + i)])) for i in range(count)]


@_intrinsic
def _places(
    typing: Any, flat: Any, out: Any, place: Any, stride: Any, upper: Any, own: Any, bounds: Any, span: Any
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flat, out, place, stride, upper, own, bounds, span = arguments
        build = _Build(context, builder, signature.args[0], flat)
        found = build.neighbours(place, stride, upper)
        left, u, ur, ul = found[:4]
        g = build.difference(u, ul)
        for pair in ((u, ur), (left, ul)):
            g = builder.add(g, build.difference(*pair))
        (base, *factors) = _numbers(context, builder, signature.args[5], own, 0, 7)
        result = build.weigh(factors, [build.wide(one) for one in found], base)
        step = build.all_of(span)
        for bound in _numbers(context, builder, signature.args[6], bounds, 0, 4):
            reached = builder.icmp_unsigned(">=", g, build.all_of(bound))
            result = builder.add(result, builder.and_(builder.sext(reached, _SHORTS), step))
        data = context.make_array(signature.args[1])(context, builder, out).data
        target = builder.bitcast(builder.gep(data, [place]), _SHORTS.as_pointer())
        builder.store(result, target, align=2)
        return context.get_dummy_value()

    return types.void(flat, out, types.uint64, types.uint64, types.uint64, own, bounds, types.int64), generate


@_intrinsic
def _errors(typing: Any, flat: Any, place: Any, stride: Any, filters: Any, constants: Any, sums: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flat, place, stride, filters, constants, sums = arguments
        build = _Build(context, builder, signature.args[0], flat)
        found = [build.wide(one) for one in build.neighbours(place, stride, builder.add(stride, stride))]
        middle = builder.shl(build.wide(build.bytes_at(place)), ir.Constant(_SHORTS, [4] * BLOCK))
        data = context.make_array(signature.args[5])(context, builder, sums).data
        for index in range(FILTERS):
            factors = _numbers(context, builder, signature.args[3], filters, 7 * index + 1, 6)
            (constant,) = _numbers(context, builder, signature.args[4], constants, index, 1)
            error = builder.sub(middle, build.weigh(factors, found, constant))
            negative = builder.icmp_signed("<", error, ir.Constant(_SHORTS, [0] * BLOCK))
            size = builder.zext(builder.select(negative, builder.neg(error), error), _INTS)
            where = builder.gep(data, [ir.Constant(_LONG, BLOCK * index)])
            where = builder.bitcast(where, _INTS.as_pointer())
            builder.store(builder.add(builder.load(where, align=4), size), where, align=4)
        return context.get_dummy_value()

    return types.void(flat, types.uint64, types.uint64, filters, constants, sums), generate


@_intrinsic
def _above(
    typing: Any,
    flat: Any,
    above: Any,
    upper: Any,
    own: Any,
    desk: Any,
    weighed: Any,
    uneven: Any,
    corner: Any,
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flat, above, upper, own, desk, *targets = arguments
        build = _Build(context, builder, signature.args[0], flat)
        one = ir.Constant(_LONG, 1)
        places = (above, builder.add(above, one), builder.sub(above, one), upper)
        u, ur, ul, uu = (build.bytes_at(place) for place in places)
        base, _, b, c, d, _, f = _numbers(context, builder, signature.args[3], own, 0, 7)
        wide = [build.wide(value) for value in (u, ur, ul, uu)]
        g = builder.add(build.difference(u, ul), build.difference(u, ur))
        data = context.make_array(signature.args[4])(context, builder, desk).data
        for target, value in zip(targets, (build.weigh([b, c, d, f], wide, base), g, wide[2]), strict=True):
            builder.store(value, builder.bitcast(builder.gep(data, [target]), _SHORTS.as_pointer()), align=2)
        return context.get_dummy_value()

    long = types.uint64
    return types.void(flat, long, long, own, desk, long, long, long), generate
