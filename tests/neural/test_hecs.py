"""HECS-B: bounded rows, a prior that is a probability, a rate term that buys bytes."""

import math

import numpy as np
import pytest
import torch

from workbench.codecs import describe
from workbench.neural.hecs import Measurement, Prior, decoder, directions
from workbench.neural.learned import codec_of
from workbench.neural.measuring import measure
from workbench.neural.methods import method
from workbench.neural.plans import Plan
from workbench.neural.training import Recipe, train

DRAW = torch.Generator().manual_seed(3)
LOW_RANK = torch.randn(200, 5, generator=DRAW) @ torch.randn(5, 48, generator=DRAW) + 2.0


def test_first_rows_span_what_the_samples_span():
    rows = directions(LOW_RANK - LOW_RANK.mean(0), 8, seed=0)
    assert torch.allclose(rows @ rows.T, torch.eye(8), atol=1e-5)
    left = LOW_RANK - LOW_RANK.mean(0)
    assert (left - left @ rows[:5].T @ rows[:5]).abs().max() < 1e-3


def test_untrained_it_already_gives_back_what_lies_in_its_rows():
    measurement = Measurement(LOW_RANK.view(200, 3, 4, 4), 5, quantised=False)
    back = decoder(measurement, (3, 4, 4)).eval()
    with torch.no_grad():
        error = back(measurement(LOW_RANK.view(200, 3, 4, 4))) - LOW_RANK.view(200, 3, 4, 4)
    assert error.abs().max() < 1e-3


def test_rows_stay_bounded_whatever_training_does():
    measurement = Measurement(LOW_RANK, 4)
    measurement.weight.data *= torch.tensor([0.5, 1.0, 3.0, 100.0])[:, None]
    assert torch.allclose(measurement.bounded().norm(dim=1), torch.tensor([0.5, 1.0, 1.0, 1.0]))


def test_exported_matrix_measures_the_same():
    measurement = Measurement(LOW_RANK, 6)
    measurement.weight.data *= 2
    measurement.log_gain.data.normal_()
    layers = measurement.as_layers()
    assert torch.allclose(layers(LOW_RANK), measurement(LOW_RANK), atol=1e-3)


def _prior():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        prior = Prior(torch.randn(300, 4) * torch.tensor([0.1, 1.0, 5.0, 30.0]) + 2, 1.0, 100)
        prior.logits.data.normal_()
    return prior.eval()


def test_prior_adds_up_to_one_and_its_bits_are_its_logarithm():
    prior = _prior()
    numbers = torch.arange(-600.0, 601.0)
    mass = torch.stack([prior.probability(number.expand(4)) for number in numbers])
    assert torch.allclose(mass.sum(0), torch.ones(4), atol=1e-4)
    codes = torch.tensor([[2.0, 1.0, -3.0, 30.0]])
    prior(codes)
    expected = -sum(math.log2(mass[int(code) + 600, place].item()) for place, code in enumerate(codes[0]))
    assert prior.penalty().item() == pytest.approx(expected / 100, rel=1e-5)


def test_prior_rounds_at_rest_and_adds_half_a_step_of_noise_in_training():
    prior, codes = _prior(), torch.full((5000, 4), 0.3)
    assert torch.equal(prior(codes), torch.zeros(5000, 4))
    noise = prior.train()(codes) - codes
    assert noise.min() >= -0.5
    assert noise.max() <= 0.5
    assert noise.var().item() == pytest.approx(1 / 12, rel=0.05)


def test_integer_tables_are_near_the_prior():
    prior = _prior()
    tables = prior.tables().numpy()
    assert (tables.sum(1) == 65536).all()
    assert tables.min() >= 1
    offset = tables.shape[1] // 2
    numbers = torch.arange(-offset, offset + 1.0)
    mass = torch.stack([prior.probability(number.expand(4)) for number in numbers], 1).detach().numpy()
    wasted = (mass * np.log2(mass / (tables / 65536))).sum(1)  # bits a symbol, from probabilities to integers
    assert wasted.max() < 0.02


def test_rate_term_buys_bytes_for_error(small_split, coloured):
    weight, found = 0.05, {}
    for rate in (weight, 400 * weight):
        recipe = Recipe(Plan(epochs=40, batch=16, learning_rate=2e-2))
        trained = train(
            method("hecs-b", measurements=40, rate_weight=rate), small_split, coloured[0], recipe=recipe
        )
        codec = codec_of(trained)
        found[rate] = measure(trained.chain, codec, coloured[0])
        with torch.no_grad():
            trained.chain.restored(small_split.edge_part(coloured[0]))
        bits = trained.chain.crossing.penalty().item() * 384 / rate
        features = small_split.edge_part(coloured[0][:1])[0].detach().numpy()
        body = found[rate].payload_bytes - describe(codec.encode(features)).header_bytes
        assert body == pytest.approx(bits / 8 + 4, rel=0.1)  # the prior's promise, kept by real bytes
    dear, cheap = found[weight], found[400 * weight]
    assert cheap.payload_bytes < 0.9 * dear.payload_bytes
    assert cheap.restored.mse > dear.restored.mse
