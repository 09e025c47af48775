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
from numba.core import cgutils
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
    cell: np.uint64,
    end: np.uint64,
    stride: np.uint64,
    upper: np.uint64,
    own: NDArray[np.int64],
    bounds: NDArray[np.int64],
    span: int,
    out: NDArray[np.uint16],
) -> np.uint64:
    """Class * span + w of the cells from `cell` on, counted from `begin`, sixteen at a time; gives back where
    less than sixteen are left."""
    while cell + _B <= end:
        _places(flat, out, begin + cell, cell, stride, upper, own, bounds, span)
        cell += _B
    return cell


@compiled
def add_block_errors(
    flat: NDArray[np.uint8],
    begin: np.uint64,
    width: int,
    rows: int,
    step: int,
    blocks: int,
    most: int,
    filters: NDArray[np.int64],
    constants: NDArray[np.int64],
    sums: NDArray[np.int32],
) -> None:
    """Add |16 X - w - constant| to `sums` (filter, 16): of `blocks` blocks of sixteen places in each of
    `rows` rows, `step` rows apart. Errors of `most` blocks fit a sum of 16 bits."""
    side = min(blocks, most)
    for block in range(0, blocks, max(side, 1)):
        beside = min(side, blocks - block)
        for row in range(0, rows, most // side):
            below = min(most // side, rows - row)
            place = begin + np.uint64(row * step * width + block * BLOCK)
            _errors(flat, place, width, below, step * width, beside, filters, constants, sums)


@compiled
def copy_blocks(
    source: NDArray[np.uint8], read: np.uint64, count: np.uint64, flat: NDArray[np.uint8], write: np.uint64
) -> np.uint64:
    """Copy `count` cells if that is sixteen or more, the last block perhaps in part twice; how many were."""
    if count < _B:
        return np.uint64(0)
    done = np.uint64(0)
    while done + _B < count:
        _copy(source, read + done, flat, write + done)
        done += _B
    _copy(source, read + count - _B, flat, write + count - _B)
    return count


@compiled
def fill_block_above(
    flat: NDArray[np.uint8],
    above: np.uint64,
    upper: np.uint64,
    count: np.uint64,
    own: NDArray[np.int64],
    joint: tuple[int, int, int, int],
    desk: NDArray[np.uint16],
    weighed: np.uint64,
    unlike: np.uint64,
) -> np.uint64:
    """What `context_rans` prepares for a stretch: in `desk` from `weighed` on base + b U + c UR + d UL +
    f UU, from `unlike` on (min(|U - UL| + |U - UR|, most) * times + UL) * scale + offset, those four being
    `joint`. Up to fifteen more than `count`. Gives back how many, less at the map's end.
    """
    done = np.uint64(0)
    while done < count and above + done + _B + np.uint64(1) <= np.uint64(len(flat)):
        _above(flat, above + done, upper + done, own, joint, desk, weighed + done, unlike + done)
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


def _numbers(
    context: Any, builder: Any, array_type: Any, array: Any, first: int, count: int, constant: bool = True
) -> list[Any]:
    """Numbers of an array, loaded once for a whole loop where no compiled code ever changes them."""
    data = context.make_array(array_type)(context, builder, array).data
    loads = [builder.load(builder.gep(data, [ir.Constant(_LONG, first + i)])) for i in range(count)]
    if constant:
        for load in loads:
            load.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loads


@_intrinsic
def _places(
    typing: Any,
    flat: Any,
    out: Any,
    place: Any,
    cell: Any,
    stride: Any,
    upper: Any,
    own: Any,
    bounds: Any,
    span: Any,
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flat, out, place, cell, stride, upper, own, bounds, span = arguments
        build = _Build(context, builder, signature.args[0], flat)
        found = build.neighbours(place, stride, upper)
        left, u, ur, ul = found[:4]
        g = build.difference(u, ul)
        for pair in ((u, ur), (left, ul)):
            g = builder.add(g, build.difference(*pair))
        (base, *factors) = _numbers(context, builder, signature.args[6], own, 0, 7)
        result = build.weigh(factors, [build.wide(one) for one in found], base)
        step = build.all_of(span)
        for bound in _numbers(context, builder, signature.args[7], bounds, 0, 4):
            reached = builder.icmp_unsigned(">=", g, build.all_of(bound))
            result = builder.add(result, builder.and_(builder.sext(reached, _SHORTS), step))
        data = context.make_array(signature.args[1])(context, builder, out).data
        target = builder.bitcast(builder.gep(data, [cell]), _SHORTS.as_pointer())
        builder.store(result, target, align=2)
        return context.get_dummy_value()

    long = types.uint64
    return types.void(flat, out, long, long, long, long, own, bounds, types.int64), generate


@_intrinsic
def _errors(
    typing: Any,
    flat: Any,
    place: Any,
    width: Any,
    rows: Any,
    pitch: Any,
    blocks: Any,
    filters: Any,
    constants: Any,
    sums: Any,
) -> Any:
    """Of so many blocks in each of so many rows, `pitch` cells apart: few enough for sums of 16 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flat, place, width, rows, pitch, blocks, filters, constants, sums = arguments
        build = _Build(context, builder, signature.args[0], flat)
        zero = ir.Constant(_SHORTS, [0] * BLOCK)
        own = [_numbers(context, builder, signature.args[6], filters, 7 * i + 1, 6) for i in range(FILTERS)]
        starts = _numbers(context, builder, signature.args[7], constants, 0, FILTERS, constant=False)
        errors = [cgutils.alloca_once_value(builder, zero) for _ in range(FILTERS)]
        for error in errors:
            builder.store(zero, error)
        with cgutils.for_range(builder, rows) as row, cgutils.for_range(builder, blocks) as block:
            here = builder.add(place, builder.mul(row.index, pitch))
            here = builder.add(here, builder.mul(block.index, ir.Constant(_LONG, BLOCK)))
            found = [build.wide(one) for one in build.neighbours(here, width, builder.add(width, width))]
            middle = builder.shl(build.wide(build.bytes_at(here)), ir.Constant(_SHORTS, [4] * BLOCK))
            for total, factors, start in zip(errors, own, starts, strict=True):
                error = builder.sub(middle, build.weigh(factors, found, start))
                negative = builder.icmp_signed("<", error, zero)
                size = builder.select(negative, builder.neg(error), error)
                builder.store(builder.add(builder.load(total), size), total)
        data = context.make_array(signature.args[8])(context, builder, sums).data
        for index, error in enumerate(errors):
            where = builder.gep(data, [ir.Constant(_LONG, BLOCK * index)])
            where = builder.bitcast(where, _INTS.as_pointer())
            total = builder.add(builder.load(where, align=4), builder.zext(builder.load(error), _INTS))
            builder.store(total, where, align=4)
        return context.get_dummy_value()

    counts = (types.int64, types.int64, types.int64, types.int64)
    return types.void(flat, types.uint64, *counts, filters, constants, sums), generate


@_intrinsic
def _copy(typing: Any, source: Any, read: Any, flat: Any, write: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, read, flat, write = arguments
        block = _Build(context, builder, signature.args[0], source).bytes_at(read)
        data = context.make_array(signature.args[2])(context, builder, flat).data
        builder.store(block, builder.bitcast(builder.gep(data, [write]), _BYTES.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(source, types.uint64, flat, types.uint64), generate


@_intrinsic
def _above(
    typing: Any, flat: Any, above: Any, upper: Any, own: Any, joint: Any, desk: Any, weighed: Any, unlike: Any
) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flat, above, upper, own, joint, desk, weighed, unlike = arguments
        build = _Build(context, builder, signature.args[0], flat)
        one = ir.Constant(_LONG, 1)
        places = (above, builder.add(above, one), builder.sub(above, one), upper)
        u, ur, ul, uu = (build.bytes_at(place) for place in places)
        base, _, b, c, d, _, f = _numbers(context, builder, signature.args[3], own, 0, 7)
        wide = [build.wide(value) for value in (u, ur, ul, uu)]
        most, times, scale, offset = (build.all_of(part) for part in cgutils.unpack_tuple(builder, joint))
        uneven = builder.add(build.difference(u, ul), build.difference(u, ur))
        uneven = builder.select(builder.icmp_unsigned("<", uneven, most), uneven, most)
        where = builder.add(builder.mul(uneven, times), wide[2])
        where = builder.add(builder.mul(where, scale), offset)
        data = context.make_array(signature.args[5])(context, builder, desk).data
        for target, value in ((weighed, build.weigh([b, c, d, f], wide, base)), (unlike, where)):
            builder.store(value, builder.bitcast(builder.gep(data, [target]), _SHORTS.as_pointer()), align=2)
        return context.get_dummy_value()

    long = types.uint64
    return types.void(flat, long, long, own, joint, desk, long, long), generate
