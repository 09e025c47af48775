"""How a symbol map is walked: rows of equal width, some rows to a channel, and which lane codes which."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.entropy import rans
from workbench.codecs.entropy.neighbourhood import lane_starts
from workbench.codecs.entropy.walks import Walk, walk

ONE_LANE_BELOW: Final = 4096  # symbols; a lane's state is 8 bytes


class Grid(NamedTuple):
    """How a map is walked: `rows` of `width` symbols of `bits` bits, `plane` rows to a channel.

    In a fitted walk each channel names its own filter (see `walks`); small maps, single bits and the first
    calibrated tables take the plain one; later calibrated tables have their `own`. With `lanes`, so many
    channels are coded abreast, 16 or 32; what is left of them is not.
    """

    rows: int
    width: int
    plane: int
    bits: int
    background: int
    fitted: bool = False
    lanes: int = 0
    own: Walk | None = None

    @property
    def abreast(self) -> int:
        """Rows whose channels are coded abreast: the first."""
        return self.rows - self.rows % (self.lanes * self.plane) if self.lanes else 0

    @property
    def rest(self) -> Grid:
        """The rows behind those."""
        return self._replace(rows=self.rows - self.abreast, lanes=0)

    @property
    def starts(self) -> NDArray[np.int64]:
        """First row of each lane, and the end; of channels abreast, which begin anew by themselves, only the
        first."""
        return _starts(self.abreast, self.rows - self.abreast, self.width)

    @property
    def walk(self) -> Walk:
        """How neighbourhoods become contexts."""
        return self.own or walk(self.bits, self.background, self.fitted)

    @property
    def channels(self) -> int:
        """Channels, the last perhaps not whole."""
        return -(-self.rows // self.plane)


@lru_cache(maxsize=64)
def _starts(abreast: int, rows: int, width: int) -> NDArray[np.int64]:
    front = 1 if abreast else 0
    lanes = 1 if rows < rans.LANES or rows * width < ONE_LANE_BELOW else rans.LANES
    if abreast and not rows:
        return np.array([0, abreast])
    starts = np.zeros(front + lanes + 1, np.int64)
    lane_starts(rows, lanes, starts[front:])
    starts[front:] += abreast
    return starts
