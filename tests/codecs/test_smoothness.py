"""How much neighbours differ, against the same places found with divisions."""

import math

import numpy as np
import pytest

from workbench.codecs.entropy.smoothness import Roughness, roughness


def expected(symbols, axis, step, places=768):
    size, stride = symbols.shape[axis], math.prod(symbols.shape[axis + 1 :])
    flat, differences = symbols.reshape(-1).astype(np.int64), []
    jump = (flat.size // 5 * 3 + 7919) % flat.size
    for number in range(1, places + 1):
        place = number * jump % flat.size
        if place // stride % size + step < size:
            differences.append(abs(flat[place] - flat[place + step * stride]))
    if not differences:
        return Roughness(math.inf, 0.0)
    mean = sum(differences) / len(differences)
    variance = max(sum(one * one for one in differences) / len(differences) - mean * mean, 0.0)
    return Roughness(mean, math.sqrt(variance / len(differences)))


@pytest.mark.parametrize("shape", [(32, 56, 56), (1, 2), (3, 5), (7,), (197, 48), (2, 3, 4, 5), (9, 9, 9)])
@pytest.mark.parametrize("step", [1, 2, 7, 56])
def test_neighbours_are_looked_up_at_the_same_places_whatever_the_shape(shape, step):
    symbols = np.random.default_rng(7).integers(0, 256, shape).astype(np.uint8)
    assert roughness(symbols, step) == [expected(symbols, axis, step) for axis in range(len(shape))]
