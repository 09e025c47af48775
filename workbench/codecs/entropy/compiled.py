"""Functions compiled once and kept on disk, so that the second start of Python compiles nothing.

numba keeps machine code beside the source, or in the user's cache folder where the source is read-only,
or in `NUMBA_CACHE_DIR`. Where none of them can be written the functions still work: they are compiled
anew in each process, and one warning says so and what to do.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])

_warned = False


def compiled(function: Function) -> Function:
    """`function` as machine code: compiled at its first call, kept for the next start of Python."""
    return _machine_code(function, False)


def inlined(function: Function) -> Function:
    """As `compiled`, and laid into the functions that call it, however long it is: for inner loops that would
    otherwise hand many arrays over at each call."""
    return _machine_code(function, True)


def _machine_code(function: Function, laid_in: bool) -> Function:
    try:
        return cast(Function, numba.njit(cache=True, nogil=True, forceinline=laid_in)(function))
    except RuntimeError as error:  # numba's "cannot cache function: no locator available"
        _warn_once(error)
        return cast(Function, numba.njit(nogil=True, forceinline=laid_in)(function))


def whole(number: int) -> int:
    """`number` as numba's whole number of 64 bits: given a plain one, it compiles a function
    anew for each value."""
    return cast(int, np.int64(number))


def _warn_once(error: RuntimeError) -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"no folder to keep compiled entropy coders in ({error}); they work, but every start of Python "
            "compiles them again for some seconds. Set NUMBA_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=3,
        )


def _high_multiply(typing_context: Any, a: Any, b: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        left, right = (builder.zext(argument, wide) for argument in arguments)
        high = builder.lshr(builder.mul(left, right), ir.Constant(wide, 64))
        return builder.trunc(high, ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


high_multiply = cast(Callable[[np.uint64, np.uint64], np.uint64], intrinsic(_high_multiply))
"""The upper 64 of the 128 bits of a product; only for compiled functions."""


def _eight_at(typing_context: Any, data: Any, place: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        word = ir.IntType(64)
        where = builder.bitcast(builder.gep(array.data, [arguments[1]]), word.as_pointer())
        return builder.load(where, align=1)

    return types.uint64(data, types.uint64), generate


eight_at = cast(Callable[[NDArray[np.uint8], np.uint64], np.uint64], intrinsic(_eight_at))
"""Eight bytes of an array as one number, from any place, in this machine's order; only for compiled code."""
