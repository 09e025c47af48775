"""Where plotly.js lies, which the server sends to every page that draws a chart."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def plotly_folder() -> Path:
    """Where the installed plotly keeps its ``plotly.min.js``; plotly is not imported."""
    spec = find_spec("plotly")
    assert spec is not None and spec.origin is not None  # a dependency
    return Path(spec.origin).parent / "package_data"
