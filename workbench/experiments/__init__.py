"""Where the parts meet: a network, a split, a codec and a link over pictures give one `Trial`."""

from workbench.experiments.choosing import best_codec
from workbench.experiments.cuts import cut_profile
from workbench.experiments.pipeline import run
from workbench.experiments.workspace import Workspace

__all__ = ["Workspace", "best_codec", "cut_profile", "run"]
