"""workbench: which network, which cut, which codec?

    images ─▶ edge part ─▶ features ─▶ codec.encode ─▶ PAYLOAD ─▶ link ─▶ decode ─▶ server part ─▶ answer

    import workbench as wb
    model = wb.load_model("digits-resnet")
    trial = wb.run(model, split="layer2", codec=wb.codec("rans-csr", bits=4), link="lte-cat4")

Importing this is instant: each name below loads its part of the package when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.codecs import codec, codecs, decode, describe, reshape_curve
    from workbench.experiments import (
        SampleStore,
        best_codec,
        channel_maps,
        cut_profile,
        feature_space,
        fidelity,
        run,
    )
    from workbench.experiments.bundles import load_bundle
    from workbench.experiments.saliency_maps import saliency
    from workbench.links import link, links
    from workbench.models import load_model, models, split, split_points

__version__ = "0.1.0"

_HOME = {
    "load_model": "workbench.models",
    "models": "workbench.models",
    "split_points": "workbench.models",
    "split": "workbench.models",
    "codec": "workbench.codecs",
    "codecs": "workbench.codecs",
    "decode": "workbench.codecs",
    "describe": "workbench.codecs",
    "reshape_curve": "workbench.codecs",
    "link": "workbench.links",
    "links": "workbench.links",
    "run": "workbench.experiments",
    "best_codec": "workbench.experiments",
    "cut_profile": "workbench.experiments",
    "fidelity": "workbench.experiments",
    "feature_space": "workbench.experiments",
    "channel_maps": "workbench.experiments",
    "SampleStore": "workbench.experiments",
    "load_bundle": "workbench.experiments.bundles",
    "saliency": "workbench.experiments.saliency_maps",
}

__all__ = [
    "SampleStore",
    "best_codec",
    "channel_maps",
    "codec",
    "codecs",
    "cut_profile",
    "decode",
    "describe",
    "feature_space",
    "fidelity",
    "link",
    "links",
    "load_bundle",
    "load_model",
    "models",
    "reshape_curve",
    "run",
    "saliency",
    "split",
    "split_points",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'workbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
