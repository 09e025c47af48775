"""One plotly chart on the page, several of which live side by side.

    go.Figure ─ plain_figure ─▶ Chart.figure ─▶ static/chart.js ─ Plotly.react ─▶ page
                                Chart.clicked, Chart.selected  ◀── clicks and selections

A chart with `pictures` shows the one of a point beside it; this and saving need no kernel.

plotly's own FigureWidget loses updates once a page holds several, and each ships its own 5 MB of script.
Here the first chart of a page asks the kernel for plotly.js from the installed Python package (no CDN),
the others share it, and after that only figures travel.
"""

from __future__ import annotations

import base64
import math
from array import array
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from workbench.panels.static import static

_TYPECODES = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "f4": "f", "f8": "d"}


class Chart(anywidget.AnyWidget):
    """A chart that redraws when `figure` changes, and tells which point was clicked.

    Give it a figure by ``chart.show(figure)``, where `figure` is a ``plotly.graph_objects.Figure`` or a dict
    of its JSON. The size comes from the page and `height`; colours of axes and text from the page's theme,
    so a figure needs no template and a change of theme sends nothing. Zoom is kept between figures
    whose ``layout.uirevision`` is the same (it is, unless a figure says otherwise).
    """

    _esm = static("chart.js")
    _css = static("chart.css")

    figure = traitlets.Dict(help="plotly JSON: data and layout; empty shows the text `empty`").tag(sync=True)
    clicked = traitlets.Dict(
        None, allow_none=True, help="last point clicked: trace, curve, point, x, y, customdata, count"
    ).tag(sync=True)
    selected: traitlets.List = traitlets.List(help="customdata (else the number) of each selected point").tag(
        sync=True
    )
    name = traitlets.Unicode("", help="file name of downloads, and what browser tests call it").tag(sync=True)
    empty = traitlets.Unicode("", help="what to do next, shown while there is no figure").tag(sync=True)
    linked = traitlets.Bool(
        False, help="points can be selected, and stand out in every panel where their customdata occurs"
    ).tag(sync=True)
    pictures = traitlets.Dict(
        help="one picture with small ones in rows, shown beside a point whose customdata is its number: "
        "src, size and columns"
    ).tag(sync=True)
    exports = traitlets.Bool(False, help="a line below the chart saves it: PNG, SVG, HTML, JSON").tag(
        sync=True
    )
    busy = traitlets.Bool(False, help="greys the chart: a newer one is being computed").tag(sync=True)
    theme = traitlets.Enum(["auto", "light", "dark"], "auto", help="auto follows the page").tag(sync=True)
    height = traitlets.Int(420, min=60, help="in CSS pixels").tag(sync=True)

    def __init__(self, figure: Any = None, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._answer)
        if figure is not None:
            self.show(figure)

    def show(self, figure: Any) -> None:
        """Draw `figure` (a plotly Figure, a dict of its JSON, or None for the empty state)."""
        self.figure = {} if figure is None else plain_figure(figure)

    def _answer(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if isinstance(message, dict) and message.get("kind") == "plotly":
            self.send({"kind": "plotly"}, [_plotly_source()])


def plain_figure(figure: Any) -> dict[str, Any]:
    """Plain lists, numbers, strings and None of a plotly figure; what is not finite becomes None.

    plotly packs arrays as base64 (``{"dtype", "bdata"}``) and leaves NaN in lists; both are undone, so that
    what a test or a person reads is what is drawn. The template is left out: the page has its own.
    """
    content = figure if isinstance(figure, dict) else figure.to_plotly_json()
    layout = {key: value for key, value in content.get("layout", {}).items() if key != "template"}
    return {"data": _plain(content.get("data", [])), "layout": _plain(layout)}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        if "bdata" in value and "dtype" in value:
            return _unpacked(value)
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy's arrays and scalars, without importing numpy
        return _plain(value.tolist())
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "to_plotly_json"):
        return _plain(value.to_plotly_json())
    raise TypeError(f"a figure cannot hold {type(value).__name__}: {value!r:.80}")


def _unpacked(packed: dict[str, Any]) -> list[Any]:
    """The nested list behind plotly's ``{"dtype", "bdata", "shape"}``."""
    values = array(_TYPECODES[packed["dtype"]])
    values.frombytes(base64.b64decode(packed["bdata"]))
    flat = [_plain(value) for value in values]
    shape = packed.get("shape", len(flat))
    sizes = [int(size) for size in shape.split(",")] if isinstance(shape, str) else [int(shape)]
    for size in reversed(sizes[1:]):
        flat = [flat[start : start + size] for start in range(0, len(flat), size)]
    return flat


@cache
def _plotly_source() -> bytes:
    import plotly

    return (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes()
