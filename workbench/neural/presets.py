"""Compensators by name.

``h-vit-b16`` is the paper's (QCNet, table 6, as far as it was known here: n=6, f_m=1.5, s_m=2). The other
entries for ResNet50, ViT-B/16 and ConvNeXt Tiny are chosen here in its spirit, and the ``demo`` ones so that
both stages train within minutes on two CPU cores; `origin` says which is which.
"""

from __future__ import annotations

from typing import Final

from workbench.errors import UnknownNameError
from workbench.neural.compensators import Compensator

_PAPER = "QCNet, table 6"

PRESETS: Final[dict[str, Compensator]] = {
    "c-demo": Compensator("C", n=2, f_m=1.0),
    "tc-demo": Compensator("TC", n=2, f_m=1.0, s_m=2),
    "t-demo": Compensator("T", n_g=1, n_l=1, heads=4, window=4),
    "h-demo": Compensator("H", n=2, f_m=1.0, s_m=2),
    "c-resnet50": Compensator("C", n=4, f_m=1.0),
    "tc-resnet50": Compensator("TC", n=4, f_m=1.0, s_m=2),
    "t-resnet50": Compensator("T", n_g=2, n_l=2, heads=8, window=7),
    "h-resnet50": Compensator("H", n=4, f_m=1.0, s_m=2),
    "c-vit-b16": Compensator("C", n=6, f_m=1.5),
    "tc-vit-b16": Compensator("TC", n=6, f_m=1.5, s_m=2),
    "t-vit-b16": Compensator("T", n_g=2, n_l=2, heads=12, window=16),
    "h-vit-b16": Compensator("H", n=6, f_m=1.5, s_m=2, origin=_PAPER),
    "c-convnext-tiny": Compensator("C", n=6, f_m=1.5),
    "tc-convnext-tiny": Compensator("TC", n=6, f_m=1.5, s_m=2),
    "t-convnext-tiny": Compensator("T", n_g=2, n_l=2, heads=8, window=7),
    "h-convnext-tiny": Compensator("H", n=6, f_m=1.5, s_m=2),
}


def preset(name: str) -> Compensator:
    """The compensator called `name`.

    Raises
    ------
    UnknownNameError : no such preset; offers the nearest.
    """
    if name not in PRESETS:
        raise UnknownNameError("compensator", name, PRESETS)
    return PRESETS[name]
