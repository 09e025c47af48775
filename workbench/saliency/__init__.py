"""Where a network looks: class activation maps by pytorch-grad-cam, and how far two maps agree.

    layer's tensor ─▶ layout (found by trying) ─▶ (B, C, rows, columns) ─▶ maps ─▶ agreement

`wb.saliency(...)` puts it together with networks and codecs. Python binds this package over that function
once it is imported, so the package answers the call with it.
"""

from importlib import import_module
from typing import Any

from workbench.listing import listing


def __getattr__(name: str) -> Any:
    if name == "saliency":
        return import_module("workbench.experiments.saliency_maps").saliency
    raise AttributeError(f"module 'workbench.saliency' has no attribute {name!r}")


listing(__name__)
