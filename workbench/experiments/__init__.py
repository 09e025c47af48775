"""Where the parts meet: a network, a split, a codec and a link over pictures give one `Trial`."""

from workbench.experiments.choosing import best_codec
from workbench.experiments.cuts import cut_profile
from workbench.experiments.fidelity_channels import channel_maps
from workbench.experiments.fidelity_report import fidelity
from workbench.experiments.fidelity_space import feature_space
from workbench.experiments.fidelity_store import SampleStore
from workbench.experiments.pipeline import run
from workbench.experiments.workspace import Workspace

__all__ = [
    "SampleStore",
    "Workspace",
    "best_codec",
    "channel_maps",
    "cut_profile",
    "feature_space",
    "fidelity",
    "run",
]
