"""Numbers about a trial: rate, distortion, fidelity, accuracy, likeness of features; plain functions."""

from workbench.metrics.cka import BatchedCka, linear_cka
from workbench.metrics.distortion import cosine, mse, psnr, relative_mse
from workbench.metrics.fidelity import Share, accuracy, agreement, best, probabilities, wilson
from workbench.metrics.layout import Layout, as_maps, layout_of
from workbench.metrics.rate import bits_per_element, bits_per_pixel, times_smaller
from workbench.metrics.rows import Distortions, distortions, divergence, token_cosine
from workbench.metrics.ssim import ssim_maps, window_for

__all__ = [
    "BatchedCka",
    "Distortions",
    "Layout",
    "Share",
    "accuracy",
    "agreement",
    "as_maps",
    "best",
    "bits_per_element",
    "bits_per_pixel",
    "cosine",
    "distortions",
    "divergence",
    "layout_of",
    "linear_cka",
    "mse",
    "probabilities",
    "psnr",
    "relative_mse",
    "ssim_maps",
    "times_smaller",
    "token_cosine",
    "wilson",
    "window_for",
]
