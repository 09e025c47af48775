"""scikit-learn's handwritten digits as 32x32 RGB pictures, split into training and held-out test by a seed.

1,797 digits of 13 writers, 8x8 pixels with 17 grey levels (white strokes on black). E. Alpaydin and
C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998,
doi:10.24432/C50P49, licence CC BY 4.0; scikit-learn ships it, so nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.errors import SettingError

SIDE = 32
CLASSES = tuple("0123456789")
TEST_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Digits:
    """Pictures (N, 32, 32, 3) uint8, labels (N,) int64, and their row numbers in scikit-learn's data set."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class DigitsSplit:
    """What the demo networks learn from, and what they are never shown."""

    train: Digits
    test: Digits


@lru_cache(maxsize=4)
def digits_split(seed: int = 0) -> DigitsSplit:
    """Three quarters of each digit for training, one quarter held out; the same for the same seed.

    The demo networks were trained with seed 0, so only that seed's test pictures are new to them. The
    arrays are shared and cannot be written to.

    Raises
    ------
    SettingError : the seed is no integer of at least 0.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise SettingError(f"digits: the seed is {seed!r}; allowed: an integer of at least 0")
    greys, labels = _shipped_digits()
    draw = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    for digit in range(len(CLASSES)):
        rows = draw.permutation(np.flatnonzero(labels == digit))
        held_out[rows[: round(TEST_SHARE * len(rows))]] = True
    images = np.stack([_enlarge(grey) for grey in greys])
    return DigitsSplit(*(_pick(images, labels, np.flatnonzero(chosen)) for chosen in (~held_out, held_out)))


def _shipped_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Pictures (1797, 8, 8) of 0..16 and their labels, from scikit-learn's own file.

    Importing scikit-learn for it would take a second and 80 MB of every dashboard's kernel.
    """
    spec = find_spec("sklearn")
    folders = spec.submodule_search_locations if spec is not None else None
    path = Path(next(iter(folders or ("",)))) / "datasets" / "data" / "digits.csv.gz"
    if path.is_file():
        table = np.loadtxt(path, delimiter=",")
        return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits  # a version that keeps the file elsewhere

    data = load_digits()
    return np.asarray(data.images), np.asarray(data.target, dtype=np.int64)


def _enlarge(grey: NDArray[np.float64]) -> NDArray[np.uint8]:
    """0..16 on 8x8 to 0..255 on 32x32; bicubic in floats, so that only the last step rounds and clips."""
    from PIL import Image

    picture = Image.fromarray((grey * (255 / 16)).astype(np.float32))
    large = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    levels = np.clip(np.rint(large), 0, 255).astype(np.uint8)
    return np.repeat(levels[:, :, None], 3, axis=2)


def _pick(images: NDArray[np.uint8], labels: NDArray[np.int64], rows: NDArray[np.int64]) -> Digits:
    chosen = Digits(images[rows], labels[rows], rows)
    for array in (chosen.images, chosen.labels, chosen.rows):
        array.flags.writeable = False
    return chosen
