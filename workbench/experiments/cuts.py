"""All cuts of a network beside the size of its input as JPEG: where is less to send than the picture?"""

from __future__ import annotations

from statistics import mean
from typing import Any

from workbench.experiments.choices import default_pictures, network_of
from workbench.experiments.steps import JPEG_HOW, as_jpeg, views
from workbench.experiments.timing import Progress, quiet
from workbench.models import Model, split_points
from workbench.pictures import load
from workbench.records import CutProfile, Quantity

SAMPLES = 32


def cut_profile(
    model: Model | str,
    images: Any = None,
    *,
    deep: bool = False,
    several: bool = False,
    samples: int = SAMPLES,
    progress: Progress | None = None,
) -> CutProfile:
    """Every cut with its bytes and its costs, and the mean size of the network's input as JPEG.

    Parameters
    ----------
    model : from `load_model`, or a name that it knows.
    images : see `workbench.run`; None takes the test pictures that belong to the network.
    deep, several : which cuts, see `workbench.split_points`.
    samples : over so many pictures the JPEG's size is averaged.
    """
    tell = progress or quiet
    network = network_of(model)
    tell(0, 2, "cuts")
    points = split_points(network, deep=deep, several=several)
    tell(1, 2, "input as JPEG")
    pictures = (default_pictures(network) if images is None else load(images)).sample(samples)
    sizes = [len(as_jpeg(view)) for view in views(network, pictures)]
    how = f"{JPEG_HOW}; mean of {len(sizes)} of {pictures.name}, from {min(sizes):,} to {max(sizes):,} bytes"
    jpeg = Quantity(mean(sizes), "bytes", "measured", how)
    return CutProfile(network.name, points, network.input_size, jpeg)
