"""What a context coder looks up, made from a model: all in one call, since each costs as much as some tables.

codes of the tables ─▶ frequencies ─┬─▶ steps of each symbol, and where each key finds its own     (to encode)
                                    └─▶ slots, and the desk of `context_rans`                      (to decode)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy.compiled import compiled
from workbench.codecs.entropy.context_model import fill_frequencies
from workbench.codecs.entropy.context_rans import fill_desk, fill_index
from workbench.codecs.entropy.rans import fill_slot_rows, fill_step_rows
from workbench.codecs.entropy.scratch import borrow


class Room(Protocol):
    """Gives out arrays, as `scratch.borrow` does."""

    def __call__(self, name: str, shape: int | tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]: ...


class Tables(NamedTuple):
    """Tables as codes (table, group of symbols), the size of each group and the group of each symbol, bits of
    precision, and which table each fine context uses; `kept` is there where they serve many maps."""

    codes: NDArray[np.uint8]
    sizes: NDArray[np.int64]
    groups: NDArray[np.uint8]
    precision: int
    table_of: NDArray[np.uint8]
    kept: dict[str, tuple[NDArray[Any], ...]] | None = None

    @property
    def numbers(
        self,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.uint8], int, NDArray[np.uint8]]:
        """What compiled code takes of them."""
        return self.codes, self.sizes, self.groups, self.precision, self.table_of

    def once(self, name: str, make: Callable[[Room], tuple[NDArray[Any], ...]]) -> tuple[NDArray[Any], ...]:
        """What `make` lays into the room it is given: borrowed (see `scratch`), or made once and kept."""
        if self.kept is None:
            return make(borrow)
        found = self.kept.get(name)
        if found is None:
            found = self.kept[name] = make(_fresh)
        return found


def _fresh(name: str, shape: int | tuple[int, ...], dtype: type[np.generic]) -> NDArray[Any]:
    return np.empty(shape, dtype)


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
    halves: NDArray[np.uint32],
    index: NDArray[np.uint16],
) -> None:
    """Frequencies (table, symbol), then steps and index from them."""
    fill_frequencies(codes, sizes, groups, precision, frequencies)
    fill_step_rows(frequencies, precision, steps, halves)
    fill_index(table_of, bits, index)


@compiled
def fill_decoder(
    codes: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    groups: NDArray[np.uint8],
    precision: int,
    table_of: NDArray[np.uint8],
    classes: NDArray[np.uint16],
    contexts: NDArray[np.uint16],
    frequencies: NDArray[np.uint32],
    slots: NDArray[np.uint32],
    desk: NDArray[np.uint16],
) -> None:
    """Frequencies (table, symbol), then slots (table, slot) and desk from them."""
    fill_frequencies(codes, sizes, groups, precision, frequencies)
    fill_slot_rows(frequencies, slots)
    fill_desk(classes, contexts, table_of, desk)
