"""Networks: which there are, how they are loaded, where they can be cut, and the two parts of a cut.

name or nn.Module ─▶ load_model ─▶ Model ─▶ split_points ─▶ split ─▶ edge_part, server_part
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from workbench.listing import listing

if TYPE_CHECKING:
    from workbench.models.catalog import DemoNetwork, ModelEntry, demo_networks, models
    from workbench.models.loading import load_model
    from workbench.models.model import Model
    from workbench.models.preprocess import Preprocessing
    from workbench.models.splitting import Split, split, split_points

_HOME = {
    "DemoNetwork": "catalog",
    "ModelEntry": "catalog",
    "demo_networks": "catalog",
    "models": "catalog",
    "load_model": "loading",
    "Model": "model",
    "Preprocessing": "preprocess",
    "Split": "splitting",
    "split": "splitting",
    "split_points": "splitting",
}

__all__ = [
    "DemoNetwork",
    "Model",
    "ModelEntry",
    "Preprocessing",
    "Split",
    "demo_networks",
    "load_model",
    "models",
    "split",
    "split_points",
]


def __getattr__(name: str) -> Any:
    """Each name loads its module when it is first used: a list of networks needs no torch."""
    if name in _HOME:
        return getattr(import_module(f"workbench.models.{_HOME[name]}"), name)
    raise AttributeError(f"module 'workbench.models' has no attribute {name!r}")


listing(__name__)
