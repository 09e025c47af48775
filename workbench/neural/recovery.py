"""How well a few linear measurements bring features back: HECS-B's own comparison, without rounding.

    x ─▶ y = A x + noise, m numbers ─▶ one of three ways ─▶ x

    hecs     A learned with rows at most 1 long, decoder learned with it (the variational bound)
    lasso    A random Gaussian; x = the cosine coefficients of least absolute sum that explain y
    vae      A random Gaussian; x = the output of a variational autoencoder's decoder that explains y best

Sources: Tibshirani 1996 for LASSO; Bora, Jalal, Price, Dimakis, "Compressed sensing using generative models",
2017, for the optimised latent; Zhong, Chen, HECS-B, arXiv:2504.15295, figure 7, for the comparison.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import dctn, idctn
from torch import Tensor, nn
from torch.nn import functional

from workbench.errors import SettingError
from workbench.neural.fitting import fit
from workbench.neural.hecs import Measurement, decoder
from workbench.neural.plans import Plan

Progress = Callable[[int, int, str], None]
WAYS = ("hecs", "lasso", "vae")


@dataclass(frozen=True, slots=True)
class Recovery:
    """Error of one way at one number of measurements.

    `relative_error` is the mean squared distance over the variance of the samples: 1 is as bad as answering
    with their mean. `mean_distance` is the mean Euclidean distance.
    """

    way: str
    measurements: int
    relative_error: float
    mean_distance: float
    samples: int


def recover(
    learn: Tensor,
    test: Tensor,
    measurements: Sequence[int],
    *,
    ways: Sequence[str] = WAYS,
    noise: float = 0.01,
    seed: int = 0,
    plan: Plan | None = None,
    progress: Progress | None = None,
) -> tuple[Recovery, ...]:
    """Every way at every number of measurements, learned on `learn` and judged on `test`, both (N, *shape).

    Parameters
    ----------
    noise : standard deviation of the noise on each measurement; rows of every matrix are about 1 long.

    Raises
    ------
    SettingError : an unknown way, or more measurements than values.
    """
    values = math.prod(test.shape[1:])
    for way in ways:
        if way not in WAYS:
            raise SettingError(f"recovery: no way {way!r}; known: {', '.join(WAYS)}")
    for count in measurements:
        if not 1 <= count <= values:
            raise SettingError(
                f"recovery: {count} measurements of {values} values; 1 to {values} are allowed"
            )
    plan = plan or Plan(epochs=30, learning_rate=2e-3, patience=10)
    draw = np.random.default_rng(seed)
    generator = train_vae(learn, seed=seed, plan=plan, progress=progress) if "vae" in ways else None
    found = []
    for count in measurements:
        matrix = draw.normal(size=(count, values)) / math.sqrt(values)
        flat = test.flatten(1).numpy().astype(np.float64)
        seen = flat @ matrix.T + noise * draw.normal(size=(len(flat), count))
        for way in ways:
            if way == "hecs":
                back = _hecs(learn, test, count, noise, seed, plan, progress)
            elif way == "lasso":
                back = lasso(seen, matrix, tuple(test.shape[1:]), learn.flatten(1).mean(0).numpy())
            else:
                assert generator is not None
                back = best_latent(generator, seen, matrix, seed=seed)
            found.append(_judge(way, count, test, back))
    return tuple(found)


def _judge(way: str, count: int, test: Tensor, back: NDArray[np.float64]) -> Recovery:
    flat = test.flatten(1).numpy().astype(np.float64)
    error = ((flat - back) ** 2).sum(1)
    spread = ((flat - flat.mean(0)) ** 2).sum(1).mean()
    return Recovery(way, count, float(error.mean() / spread), float(np.sqrt(error).mean()), len(flat))


class _Noisy(nn.Module):
    """Measurement, noise, decoder."""

    def __init__(self, learn: Tensor, count: int, noise: float, seed: int) -> None:
        super().__init__()
        self.measurement = Measurement(learn[:1024], count, quantised=False, seed=seed)
        self.back = decoder(self.measurement, tuple(learn.shape[1:]))
        self.noise = noise / float(self.measurement.spread)

    def forward(self, features: Tensor) -> Tensor:
        seen = self.measurement(features)
        return self.back(seen + self.noise * torch.randn_like(seen))


def _hecs(
    learn: Tensor, test: Tensor, count: int, noise: float, seed: int, plan: Plan, progress: Progress | None
) -> NDArray[np.float64]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Noisy(learn, count, noise, seed)
        scale = learn.var(correction=0).clamp_min(1e-12)

        def loss(rows: Tensor, training: bool) -> Tensor:
            return functional.mse_loss(network(learn[rows]), learn[rows]) / scale

        fit(network, loss, len(learn), plan, what=f"hecs, m = {count}", seed=seed, progress=progress)
        torch.manual_seed(seed)
        with torch.no_grad():
            return network(test).flatten(1).numpy().astype(np.float64)


def lasso(
    seen: NDArray[np.float64],
    matrix: NDArray[np.float64],
    shape: tuple[int, ...],
    centre: NDArray[np.float32],
    alphas: Sequence[float] = (1e-6, 1e-5, 1e-4, 1e-3),
) -> NDArray[np.float64]:
    """Values (N, D) from measurements (N, m) by LASSO on cosine coefficients of what differs from `centre`.

    The penalty is the best of `alphas` for the first 40 measurements by leaving out a quarter of the rows.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso

    axes = tuple(range(1, 1 + len(shape)))[-2:]
    basis = dctn(matrix.reshape(-1, *shape), axes=axes, norm="ortho").reshape(len(matrix), -1)
    centred = seen - matrix @ centre.astype(np.float64)

    def solve(rows: slice, alpha: float, few: int) -> NDArray[np.float64]:
        solver = Lasso(alpha=alpha, fit_intercept=False, max_iter=1000, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # 1000 rounds are what it gets
            return np.stack([solver.fit(basis[rows], one[rows]).coef_ for one in centred[:few]])

    if len(matrix) >= 4:
        kept = slice(0, len(matrix) - len(matrix) // 4)
        left = slice(kept.stop, None)
        errors = [
            ((centred[:40, left] - solve(kept, alpha, 40) @ basis[left].T) ** 2).mean() for alpha in alphas
        ]
        alpha = alphas[int(np.argmin(errors))]
    else:
        alpha = alphas[len(alphas) // 2]
    coefficients = solve(slice(None), alpha, len(centred)).reshape(-1, *shape)
    return idctn(coefficients, axes=axes, norm="ortho").reshape(len(seen), -1) + centre


class Vae(nn.Module):
    """A variational autoencoder of flat, standardised values (Kingma and Welling 2014)."""

    centre: Tensor
    spread: Tensor

    def __init__(self, samples: Tensor, latent: int = 20, width: int = 256) -> None:
        super().__init__()
        flat = samples.flatten(1)
        values = flat.shape[1]
        self.register_buffer("centre", flat.mean(0))
        self.register_buffer("spread", flat.var(0, correction=0).mean().sqrt().clamp_min(1e-6))
        self.latent = latent
        self.encoder = nn.Sequential(
            nn.Linear(values, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 2 * latent),
        )
        self.generator = nn.Sequential(
            nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, values)
        )

    def loss(self, features: Tensor) -> Tensor:
        """Minus the evidence bound for a Gaussian of variance 0.1 around each standardised value, a value."""
        flat = (features.flatten(1) - self.centre) / self.spread
        mean, log_variance = self.encoder(flat).chunk(2, 1)
        latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        error = (self.generator(latent) - flat).square().sum(1) / 0.2
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return (error + divergence).mean() / flat.shape[1]

    def generate(self, latent: Tensor) -> Tensor:
        """Values (B, D) for latents (B, latent)."""
        return self.generator(latent) * self.spread + self.centre


def train_vae(learn: Tensor, *, seed: int, plan: Plan, progress: Progress | None = None) -> Vae:
    """A VAE of the samples (N, *shape)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = Vae(learn)
    fit(
        vae, lambda rows, training: vae.loss(learn[rows]), len(learn), plan, what="vae", seed=seed,
        progress=progress,
    )  # fmt: skip
    return vae


def best_latent(
    vae: Vae,
    seen: NDArray[np.float64],
    matrix: NDArray[np.float64],
    *,
    seed: int,
    steps: int = 200,
    restarts: int = 2,
) -> NDArray[np.float64]:
    """Values (N, D) that the VAE's decoder can make and that explain the measurements (N, m) best."""
    target, rows = torch.from_numpy(seen).float(), torch.from_numpy(matrix).float()
    draw = torch.Generator().manual_seed(seed)
    best_error = torch.full((len(target),), math.inf)
    best = torch.zeros(len(target), rows.shape[1])
    for _ in range(restarts):
        latent = torch.randn(len(target), vae.latent, generator=draw).requires_grad_()
        optimiser = torch.optim.Adam([latent], lr=0.1)
        for _ in range(steps):
            optimiser.zero_grad()
            error = (vae.generate(latent) @ rows.T - target).square().sum(1)
            (error + 1e-3 * latent.square().sum(1)).sum().backward()
            optimiser.step()
        with torch.no_grad():
            made = vae.generate(latent)
            error = (made @ rows.T - target).square().sum(1)
            better = error < best_error
            best[better], best_error[better] = made[better], error[better]
    return best.numpy().astype(np.float64)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure it on the digits: learned on the training ones, judged on those held out; write JSON."""
    import argparse
    import json
    import platform
    from dataclasses import asdict
    from datetime import UTC, datetime
    from pathlib import Path

    from workbench.pictures.digits import digits_split

    parser = argparse.ArgumentParser(prog="python -m workbench.neural.recovery", description=main.__doc__)
    parser.add_argument("--measurements", type=int, nargs="+", default=[2, 5, 10, 25, 50, 100])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--into", type=Path, required=True, help="the JSON file to write")
    chosen = parser.parse_args(arguments)
    split = digits_split()
    learn, test = (
        torch.from_numpy(part.images[:, None, :, :, 0].astype(np.float32) / 255)
        for part in (split.train, split.test)
    )
    found = [
        {"seed": seed, **asdict(one)}
        for seed in range(chosen.seeds)
        for one in recover(learn, test, chosen.measurements, seed=seed)
    ]
    told = {
        "what": "reconstruction error against the number of measurements, pixels of 32x32 grey digits",
        "command": "python -m workbench.neural.recovery --into " + chosen.into.name,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": platform.machine(),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "found": found,
    }
    chosen.into.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for one in found:
        print(f"seed {one['seed']}  m = {one['measurements']:3}  {one['way']:5}  {one['relative_error']:.4f}")


if __name__ == "__main__":
    main()
