"""Structural similarity of many small maps at once: the numbers of scikit-image, without its loop.

A uniform window, sample covariance, K1 = 0.01, K2 = 0.03, windows that lie wholly inside the map: what
``skimage.metrics.structural_similarity(map, other, win_size=window, data_range=reach)`` gives.

Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
similarity", IEEE Transactions on Image Processing 13, 2004, doi:10.1109/TIP.2003.819861.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import InputError
from workbench.metrics.rows import pair

WINDOW = 7
SMALLEST = 3
_K1, _K2 = 0.01, 0.03
_BLOCK = 2**18  # values at a time, so that the ten arrays in between stay in the cache


def window_for(height: int, width: int) -> int | None:
    """The largest odd window up to 7 that fits into a map; None below 3 x 3, where there is no SSIM."""
    side = min(height, width, WINDOW)
    return None if side < SMALLEST else side - (side % 2 == 0)


def ssim_maps(original: ArrayLike, decoded: ArrayLike, data_range: ArrayLike | None = None) -> NDArray[Any]:
    """SSIM (n, C) of each channel map; both (n, C, h, w), negative values as good as any.

    Parameters
    ----------
    data_range : one a sample (n,), or one for all; None takes largest minus smallest of each original sample
        over all its channels. Where it is 0 (a constant), equal maps have 1 and others 0.

    Raises
    ------
    InputError : no maps, or maps smaller than 3 x 3.
    """
    before, after = pair(original, decoded)
    if before.ndim != 4:
        raise InputError(f"maps are (n, C, h, w), not {before.shape}")
    window = window_for(*before.shape[2:])
    if window is None:
        raise InputError(f"maps of {before.shape[2]} x {before.shape[3]} have no SSIM; at least 3 x 3 needed")
    count, channels = before.shape[:2]
    if data_range is None:
        data_range = np.ptp(before.reshape(count, -1), axis=1)
    reach = np.repeat(np.broadcast_to(np.asarray(data_range, np.float64), (count,)), channels)
    first, second = (maps.reshape(count * channels, *maps.shape[2:]) for maps in (before, after))
    found = np.empty(count * channels)
    step = max(1, _BLOCK // first[0].size)
    for at in range(0, len(first), step):
        rows = slice(at, at + step)
        found[rows] = _ssim(first[rows], second[rows], reach[rows], window)
    return found.reshape(count, channels)


def _ssim(
    first: NDArray[Any], second: NDArray[Any], reach: NDArray[np.float64], window: int
) -> NDArray[np.float64]:
    """Of maps (n, h, w); reach (n,)."""
    sample = window**2 / (window**2 - 1)
    mean_1, mean_2 = _means(first, window), _means(second, window)
    product = mean_1 * mean_2
    square_1, square_2 = mean_1 * mean_1, mean_2 * mean_2
    spread_1 = sample * (_means(first * first, window) - square_1)
    spread_2 = sample * (_means(second * second, window) - square_2)
    shared = sample * (_means(first * second, window) - product)
    c1, c2 = ((k * reach[:, None, None]) ** 2 for k in (_K1, _K2))
    with np.errstate(divide="ignore", invalid="ignore"):
        likeness = ((2 * product + c1) * (2 * shared + c2)) / (
            (square_1 + square_2 + c1) * (spread_1 + spread_2 + c2)
        )
    constant = reach == 0
    if constant.any():
        likeness[constant] = (first == second)[constant].all(axis=(1, 2))[:, None, None]
    return likeness.mean(axis=(1, 2))


def _means(maps: NDArray[Any], window: int) -> NDArray[np.float64]:
    """Means of the windows that lie inside, (n, h - window + 1, w - window + 1), one axis after the other."""
    rows, columns = maps.shape[1] - window + 1, maps.shape[2] - window + 1
    down = maps[:, :rows].copy()
    for at in range(1, window):
        down += maps[:, at : at + rows]
    across = down[:, :, :columns].copy()
    for at in range(1, window):
        across += down[:, :, at : at + columns]
    across /= window**2
    return across
