"""CKA against cases worked by hand, and against the definition of the unbiased one over all quadruples."""

from itertools import permutations

import numpy as np
import pytest

from workbench import metrics
from workbench.errors import InputError
from workbench.metrics.cka import BatchedCka, batch_sizes, linear_cka


def by_quadruples(one, other):
    """HSIC as the mean over all ordered quadruples of K_ij (L_ij + L_qr - 2 L_iq)."""
    k, m = one @ one.T, other @ other.T
    terms = [k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(len(k)), 4)]
    return sum(terms) / len(terms)


def test_biased_by_hand():
    # of single features CKA is the squared correlation: 1 2 3 4 and 1 3 2 4 have 0.8
    first, second = np.array([[1.0], [2], [3], [4]]), np.array([[1.0], [3], [2], [4]])
    assert linear_cka(first, second, unbiased=False) == pytest.approx(0.64, abs=1e-12)
    # (0,1) (1,0) (0,-1) (-1,0) and its first coordinate: K L has trace 4, ||K||^2 = 8, ||L||^2 = 4
    cross = np.array([[0.0, 1], [1, 0], [0, -1], [-1, 0]])
    assert linear_cka(cross, cross[:, :1], unbiased=False) == pytest.approx(4 / np.sqrt(8 * 4), abs=1e-12)


def test_unbiased_by_hand():
    """Of the samples 0 0 1 1 against 0 1 0 1.

    K and L without their diagonals are one pair each, (3, 4) and (2, 4): tr(K L) = 0, both sums are 2, and
    1' K L 1 = 1, so HSIC(K, L) = (0 + 4 / 6 - 2 / 2) / 4 = -1 / 12. HSIC(K, K) = (2 + 4 / 6 - 2 * 2 / 2) / 4
    = 1 / 6, and so is HSIC(L, L): their CKA is -1 / 2.
    """
    first, second = np.array([[0.0], [0], [1], [1]]), np.array([[0.0], [1], [0], [1]])
    assert linear_cka(first, second) == pytest.approx(-0.5, abs=1e-12)


def by_hand(first, second):
    return by_quadruples(first, second) / np.sqrt(by_quadruples(first, first) * by_quadruples(second, second))


@pytest.mark.parametrize("count", [4, 5, 7])
def test_unbiased_is_its_definition(count):
    draw = np.random.default_rng(count)
    first, second = draw.normal(size=(count, 3)) + 9, draw.normal(size=(count, 5)) - 4
    assert linear_cka(first, second) == pytest.approx(by_hand(first, second), abs=1e-10)


def test_rotation_scale_and_shift_change_nothing():
    draw = np.random.default_rng(3)
    features = draw.normal(size=(20, 6))
    turn = np.linalg.qr(draw.normal(size=(6, 6)))[0]
    for unbiased in (True, False):
        assert linear_cka(features, 3 * features @ turn + 7, unbiased=unbiased) == pytest.approx(1, abs=1e-9)


def test_few_samples_of_many_features_look_alike_to_the_biased_one_alone():
    draw = np.random.default_rng(7)
    first, second = draw.normal(size=(2, 12, 5000))
    assert linear_cka(first, second, unbiased=False) > 0.9
    assert abs(linear_cka(first, second)) < 0.1


def test_batches_of_all_samples_are_the_whole_and_several_come_near():
    draw = np.random.default_rng(5)
    first = draw.normal(size=(600, 8)).astype(np.float32)
    second = first @ draw.normal(size=(8, 8)).astype(np.float32)
    whole, several = BatchedCka(), BatchedCka()
    whole.add(first, second)
    assert whole.value == linear_cka(first, second)
    for at in range(0, 600, 100):
        several.add(first[at : at + 100], second[at : at + 100])
    assert several.batches == 6 and several.value == pytest.approx(whole.value, abs=0.02)


def test_constants_have_no_value():
    same, other = np.full((6, 3), 1.7, np.float32), np.eye(6, 3, dtype=np.float32)
    assert linear_cka(same, other) is None and linear_cka(other, same, unbiased=False) is None
    assert BatchedCka().value is None


def test_shapes_are_flattened_and_too_few_samples_refused():
    maps = np.random.default_rng(1).normal(size=(5, 2, 3, 3))
    assert linear_cka(maps, maps.reshape(5, -1)) == pytest.approx(1)
    with pytest.raises(InputError, match="3 samples; at least 4"):
        metrics.linear_cka(maps[:3], maps[:3])
    with pytest.raises(InputError, match="5 and 4"):
        metrics.linear_cka(maps, maps[:4])
    with pytest.raises(InputError, match="3 and 3"):
        BatchedCka().add(maps[:3], maps[:3])


def test_batches_are_of_nearly_equal_size():
    assert batch_sizes(1000, 250) == (250,) * 4
    assert batch_sizes(9, 8) == (4, 5)
    assert batch_sizes(3, 8) == (3,)
    assert all(4 <= size <= 8 for total in range(4, 200) for size in batch_sizes(total, 8))
