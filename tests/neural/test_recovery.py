"""Measurements brought back: exact where theory says so; the order of the three ways on a small example."""

import numpy as np
import pytest
import torch
from scipy.fft import idctn

from workbench.errors import SettingError
from workbench.neural.plans import Plan
from workbench.neural.recovery import Vae, best_latent, lasso, recover, train_vae

DRAW = np.random.default_rng(5)


def _sparse(count, shape=(8, 8), few=3):
    """Maps of `few` cosine coefficients each."""
    coefficients = np.zeros((count, *shape))
    for one in coefficients:
        one.reshape(-1)[DRAW.choice(one.size, few, replace=False)] = DRAW.choice([-2.0, 2.0], few)
    return idctn(coefficients, axes=(1, 2), norm="ortho").reshape(count, -1)


def test_lasso_finds_sparse_maps_from_half_as_many_numbers():
    values, matrix = _sparse(4), DRAW.normal(size=(32, 64)) / 8
    back = lasso(values @ matrix.T, matrix, (8, 8), np.zeros(64, np.float32))
    assert np.abs(back - values).max() < 0.05


def test_lasso_without_information_answers_with_the_centre():
    centre = DRAW.normal(size=64).astype(np.float32)
    matrix = DRAW.normal(size=(5, 64)) / 8
    back = lasso(np.tile(matrix @ centre, (3, 1)), matrix, (8, 8), centre)
    assert np.abs(back - centre).max() < 1e-6


def test_best_latent_finds_what_the_decoder_can_make():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = Vae(torch.randn(50, 30), latent=3, width=16)
        with torch.no_grad():
            values = vae.generate(torch.randn(6, 3)).double().numpy()
    matrix = DRAW.normal(size=(15, 30)) / np.sqrt(30)
    back = best_latent(vae, values @ matrix.T, matrix, seed=1, restarts=4, steps=120)
    assert ((back - values) ** 2).mean() < 0.01 * values.var()


def test_vae_learns_its_samples():
    samples = torch.from_numpy(_sparse(1)).float() * torch.randn(200, 1)
    vae = train_vae(samples, seed=0, plan=Plan(epochs=40, batch=32, learning_rate=5e-3))
    with torch.no_grad():
        mean = vae.encoder((samples - vae.centre) / vae.spread).chunk(2, 1)[0]
        left = (vae.generate(mean) - samples).square().mean() / samples.var()
    assert left < 0.1


@pytest.mark.slow
def test_learned_measurement_is_ahead_at_every_number():
    pool = _sparse(6)
    values = (DRAW.normal(size=(260, 6)) @ pool).astype(np.float32)  # six dimensions out of 64
    learn, test = (torch.from_numpy(part).view(-1, 1, 8, 8) for part in (values[:200], values[200:]))
    found = recover(learn, test, [2, 6], plan=Plan(epochs=10, batch=32))
    errors = {(one.way, one.measurements): one.relative_error for one in found}
    for count in (2, 6):
        assert errors["hecs", count] < errors["lasso", count]
        assert errors["hecs", count] < errors["vae", count]
    assert errors["hecs", 6] < 0.01  # as many measurements as dimensions


@pytest.mark.parametrize("wrong", [{"measurements": [65]}, {"measurements": [0]}, {"ways": ["omp"]}])
def test_what_cannot_be_measured(wrong):
    maps = torch.zeros(4, 1, 8, 8)
    with pytest.raises(SettingError, match=r"recovery: (no way 'omp'|65|0 measurements)"):
        recover(maps, maps, **{"measurements": [4], **wrong})
