"""Where a network looks, and whether it still looks there: plain frozen records, no computing.

    SaliencyMap ─ how much each place of the input speaks for one class, on one path
    MapAgreement ─ how far the map of a path is from that of the unsplit network
    SaliencyReport ─ the maps of one picture on all its paths, and how they agree

A path is how the features came to the server: "unsplit" (never left), "decoded" (encoded to a payload and
decoded from it), "restored" (decoded, then repaired by a trained compensator).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Path = Literal["unsplit", "decoded", "restored"]
PATHS: tuple[Path, ...] = ("unsplit", "decoded", "restored")


@dataclass(frozen=True, slots=True, eq=False)
class SaliencyMap:
    """How much each place of the input speaks for a class: `values` (h, w), float32 from 0 to 1.

    `grid` is the (rows, columns) of the map before it was brought to the size of the input; `flat` says that
    it was constant (nothing speaks for the class), and then `values` are all 0. `probability` is what this
    path gives the class of the map; `predicted_index`, `predicted_name`, `predicted_probability` are what it
    answers itself, perhaps another class.
    """

    path: Path
    method: str
    class_index: int
    class_name: str
    values: NDArray[np.float32]
    grid: tuple[int, int]
    probability: float
    predicted_index: int
    predicted_name: str
    predicted_probability: float
    flat: bool = False

    @property
    def peak(self) -> tuple[int, int]:
        """(row, column) of the largest value, the first of equals."""
        return divmod(int(self.values.argmax()), self.values.shape[1])


@dataclass(frozen=True, slots=True)
class MapAgreement:
    """How far two maps agree; a number that has no meaning is None, and `notes` say why.

    `pearson` is the correlation of their values (-1 to 1), `iou_top20` the intersection over union of the
    places that hold the largest 20 % of each (0 to 1), `peak_shift_pixels` the distance of their largest
    values in pixels of the input.
    """

    pearson: float | None
    iou_top20: float | None
    peak_shift_pixels: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SaliencyReport:
    """The maps of one picture on every path, for the same class, and how each agrees with the unsplit one.

    `picture` is (H, W, 3) uint8 as the network saw it: cut and resized, before its mean was taken off.
    `maps` has a map for each path that there is, "restored" only with a restorer; `agreement` has the paths
    besides "unsplit". `layer` is the module whose values the maps are made of, `layout` how these lie:
    "channel-first", "channel-last" or "tokens". `weights` is "random" where the network is not trained.
    `payload_bytes` is what crossed; `call` the Python that gives this report.
    """

    model: str
    weights: str
    split: str
    codec: str
    settings: dict[str, Any]
    restorer: str | None
    method: str
    layer: str
    layout: str
    picture_name: str
    label: str | None
    picture: NDArray[np.uint8]
    payload_bytes: int
    maps: dict[Path, SaliencyMap]
    agreement: dict[Path, MapAgreement]
    notes: tuple[str, ...] = ()
    call: str = ""
    context: dict[str, Any] = field(default_factory=dict)

    @property
    def class_name(self) -> str:
        """The class that all maps are of."""
        return self.maps["unsplit"].class_name

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings, ready for JSON; the maps' values by rows, no picture."""
        plain = {
            name: getattr(self, name)
            for name in self.__slots__
            if name not in ("maps", "agreement", "picture")
        }
        return {
            **plain,
            "notes": list(self.notes),
            "maps": {path: _plain(one) for path, one in self.maps.items()},
            "agreement": {path: _plain(one) for path, one in self.agreement.items()},
        }


def _plain(record: SaliencyMap | MapAgreement) -> dict[str, Any]:
    found = {name: getattr(record, name) for name in record.__slots__}
    return {
        name: value.tolist()
        if hasattr(value, "tolist")
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in found.items()
    }
