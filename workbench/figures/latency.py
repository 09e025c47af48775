"""How long until the answer is there: split, everything on the board, everything on the server."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import plotly.graph_objects as go

from workbench.figures.base import LEGEND, Axes, drawn, duration
from workbench.figures.palette import REFERENCE, STAGES, Stage
from workbench.records import Latency

STAGE_OF: Final[dict[str, Stage]] = {
    "edge": "edge",
    "encode": "codec",
    "transfer": "link",
    "decode": "decode",
    "server": "server",
}
WAYS: Final = ("split", "all on the board", "all on the server")


class LatencyBars(NamedTuple):
    """What the chart draws: seconds of each stage (rows) for each way of working (columns, as in `WAYS`).

    A stage that does not apply has 0.0 seconds. `fastest` is the way with the smallest total.
    """

    stages: tuple[str, ...]
    seconds: tuple[tuple[float, ...], ...]
    hover: tuple[tuple[str, ...], ...]
    totals: tuple[float, ...]
    fastest: str


def latency_bars(split: Latency, all_edge: Latency, all_server: Latency) -> LatencyBars:
    """The bars of the three ways."""
    ways = (split, all_edge, all_server)
    seconds, hover = [], []
    for stage in STAGE_OF:
        quantities = [getattr(way, stage) for way in ways]
        seconds.append(tuple(0.0 if quantity is None else quantity.value for quantity in quantities))
        hover.append(
            tuple(
                ""
                if quantity is None
                else f"<b>{stage}</b> {duration(quantity.value)}, {quantity.origin}<br>{quantity.how}"
                for quantity in quantities
            )
        )
    totals = tuple(way.total.value for way in ways)
    return LatencyBars(tuple(STAGE_OF), tuple(seconds), tuple(hover), totals, WAYS[totals.index(min(totals))])


def latency_figure(
    split: Latency, all_edge: Latency, all_server: Latency, link: str = "", axes: Axes | None = None
) -> go.Figure:
    """One stacked bar a way, stages in their colours, the total at its end.

    Parameters
    ----------
    link : name of the link, for the title.
    axes : keeps the axis from figure to figure.
    """
    bars = latency_bars(split, all_edge, all_server)
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "x": [1000 * value for value in seconds],
            "y": WAYS,
            "orientation": "h",
            "name": stage,
            "customdata": [stage] * len(WAYS),
            "hovertext": hover,
            "hoverinfo": "text",
            "marker": {"color": STAGES[STAGE_OF[stage]]},
        }
        for stage, seconds, hover in zip(bars.stages, bars.seconds, bars.hover, strict=True)
    ]
    sums = [sum(column) for column in zip(*bars.seconds, strict=True)]
    traces.append(
        {
            "type": "scatter",
            "x": [1000 * total for total in bars.totals],
            "y": WAYS,
            "mode": "markers+text",
            "name": "total",
            "marker": {"symbol": "line-ns-open", "size": 34, "color": REFERENCE, "line": {"width": 2}},
            "text": [f"total {duration(total)}" for total in bars.totals],
            "textposition": "middle right",
            "cliponaxis": False,
            "hovertext": [
                f"<b>total</b> {duration(total)}: the median of the repeats' sums,<br>"
                f"which is not the sum of the stages' medians"
                for total in bars.totals
            ],
            "hoverinfo": "text",
            "showlegend": False,
        }
    )
    end = (axes or Axes()).end("latency", 1000 * max(*sums, *bars.totals))
    return drawn(
        _title(bars, link),
        400,
        traces,
        barmode="stack",
        bargap=0.42,
        margin={"l": 130, "r": 110, "t": 76, "b": 48},
        xaxis={"title": {"text": "milliseconds for one picture"}, "range": [0, end]},
        yaxis={"type": "category", "autorange": "reversed", "automargin": True},
        legend={**LEGEND, "traceorder": "normal"},
        uirevision="latency",
    )


def _title(bars: LatencyBars, link: str) -> str:
    over = f" over {link}" if link else ""
    total = bars.totals[WAYS.index(bars.fastest)]
    if bars.fastest == "split":
        return f"Splitting is fastest{over}: {duration(total)}"
    return (
        f"Splitting takes {duration(bars.totals[0])}{over}; {bars.fastest} is faster with {duration(total)}"
    )
