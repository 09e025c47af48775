"""Numbers about a trial: rate, distortion, fidelity and accuracy; plain functions."""

from workbench.metrics.distortion import cosine, mse, psnr, relative_mse
from workbench.metrics.fidelity import Share, accuracy, agreement, best, probabilities, wilson
from workbench.metrics.rate import bits_per_element, bits_per_pixel, times_smaller

__all__ = [
    "Share",
    "accuracy",
    "agreement",
    "best",
    "bits_per_element",
    "bits_per_pixel",
    "cosine",
    "mse",
    "probabilities",
    "psnr",
    "relative_mse",
    "times_smaller",
    "wilson",
]
