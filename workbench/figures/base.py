"""What every figure has in common: size, margins, words on axes, and axes that stay while a slider moves.

Text has no colour here: the page's theme gives it (panels/chart.py), so a figure reads on light and on dark.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import plotly.graph_objects as go

from workbench.figures.palette import REFERENCE
from workbench.numbers import readable

_AXIS = {
    "gridcolor": "#ebf0f8", "linecolor": "#ebf0f8", "zerolinecolor": "#ebf0f8", "zerolinewidth": 2,
    "automargin": True, "title": {"standoff": 15},
}  # fmt: skip
# How a figure looks outside our pages, which have colours of their own. plotly's named templates style every
# kind of trace there is, and copying one takes longer than the rest of a figure.
_PLAIN = {
    "layout": {
        "paper_bgcolor": "white", "plot_bgcolor": "white", "font": {"color": "#2a3f5f"},
        "hoverlabel": {"align": "left"}, "xaxis": _AXIS, "yaxis": _AXIS,
    },
    "data": {"bar": [{"marker": {"line": {"color": "white", "width": 0.5}}}]},
}  # fmt: skip
LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
# Marks that can be told apart on one point: they lie around each other.
FRAME: dict[str, Any] = {"symbol": "square-open", "size": 21, "line": {"width": 2.5}}
AROUND: dict[str, Any] = {"symbol": "circle-open", "size": 14, "line": {"width": 2.5}}
INSIDE: dict[str, Any] = {"symbol": "diamond", "size": 9, "line": {"width": 1, "color": "white"}}
PERCENT_AXIS = {"tickformat": ".0%", "range": [0, 1]}


def drawn(title: str, height: int, traces: list[dict[str, Any]], **more: Any) -> go.Figure:
    """A figure of these traces, with `more` of the layout; three times faster than adding them one by one."""
    return go.Figure(data=traces, layout={**layout(title, height), **more})


def blank(title: str, height: int = 420) -> go.Figure:
    """A figure with nothing on it yet; `title` says what it shows, in a sentence with its numbers."""
    return go.Figure(layout=layout(title, height))


def layout(title: str, height: int) -> dict[str, Any]:
    """Layout that all figures share."""
    return {
        "title": {
            "text": title,
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 14},
            "font": {"size": 14},
        },
        "legend": LEGEND,
        "height": height,
        "margin": {"l": 72, "r": 24, "t": 76, "b": 48},
        "bargap": 0.28,
        "hovermode": "closest",
        "template": _PLAIN,
    }


def remarked(figure: go.Figure, remark: str) -> go.Figure:
    """The figure with a remark behind its title, such as what spoils its numbers."""
    figure.layout.title.text = f"{figure.layout.title.text} · <b>{remark}</b>"
    return figure


def size(nbytes: float) -> str:
    """So many bytes, ready to read."""
    return str(readable(nbytes, "bytes"))


def duration(seconds: float) -> str:
    """So many seconds, ready to read."""
    return str(readable(seconds, "s"))


def note(text: str, **place: Any) -> dict[str, Any]:
    """A quiet annotation without an arrow."""
    return {"text": text, "showarrow": False, "font": {"color": REFERENCE, "size": 12}, **place}


class Decades(NamedTuple):
    """A log axis from 10**low to 10**high."""

    low: float
    high: float


def decades(values: tuple[float, ...], room: float = 0.06) -> Decades:
    """The log axis on which these values fit, with some room; what is not positive is left out.

    >>> decades((10.0, 1000.0), room=0.5)
    Decades(low=0.5, high=3.5)
    """
    logs = [math.log10(value) for value in values if value > 0 and math.isfinite(value)] or [0.0]
    return Decades(min(logs) - room, max(logs) + room)


def round_up(value: float) -> float:
    """The end of an axis that holds `value`: 1, 2, 5 times a power of ten.

    >>> [round_up(value) for value in (0.0, 0.73, 1.0, 1.2, 23, 5100)]
    [1.0, 1.0, 1.0, 2.0, 50.0, 10000.0]
    """
    if not (value > 0 and math.isfinite(value)):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if value <= step * power * (1 + 1e-9))


def byte_ticks(low: float, high: float) -> dict[str, Any]:
    """Ticks of a log axis of bytes from 10**low to 10**high: 1, 2, 5 times a power of ten, with units.

    >>> byte_ticks(2.9, 3.5)["ticktext"]
    ['1 kB', '2 kB']
    """
    every = (1, 2, 5) if high - low < 3.2 else (1,)
    powers = range(math.floor(low), math.ceil(high) + 1)
    values = [step * 10.0**power for power in powers for step in every]
    shown = [value for value in values if 10**low <= value <= 10**high]
    return {"tickvals": shown, "ticktext": [_tick(value) for value in shown]}


def even_byte_ticks(end: float) -> dict[str, Any]:
    """Ticks of an axis of bytes from 0 to `end`, four or five steps with units.

    >>> even_byte_ticks(20_000)["ticktext"]
    ['0 B', '5 kB', '10 kB', '15 kB', '20 kB']
    """
    steps = 4 if str(end)[0] in "24" else 5
    values = [end * step / steps for step in range(steps + 1)]
    return {"tickvals": values, "ticktext": [_tick(value) for value in values]}


def _tick(nbytes: float) -> str:
    for scale, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if nbytes >= scale:
            return f"{nbytes / scale:g} {unit}"
    return f"{nbytes:g} B"


class Axes:
    """Keeps the end of each axis from figure to figure, so that nothing jumps while a slider moves.

    An axis grows when a value would not fit; it shrinks only when everything fits into a tenth of it, or
    after `forget`.
    """

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}

    def end(self, axis: str, value: float) -> float:
        """The end of `axis`, on which `value` fits."""
        kept = self._ends.get(axis)
        if kept is None or value > kept or value < kept / 10:
            kept = self._ends[axis] = round_up(value)
        return kept

    def forget(self) -> None:
        """Start afresh: another network or split was chosen."""
        self._ends.clear()
