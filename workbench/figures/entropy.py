"""The rANS paper's figures 4 and 2: entropy against the reshape with real bytes, and the symbols of D."""

from __future__ import annotations

from typing import NamedTuple

import plotly.graph_objects as go

from workbench.codec_records import EntropyCurve, SymbolHistogram
from workbench.figures.base import (
    AROUND,
    FRAME,
    INSIDE,
    Axes,
    decades,
    duration,
    even_byte_ticks,
    layout,
    round_up,
    size,
)
from workbench.figures.palette import REFERENCE, STAGES
from workbench.numbers import significant

MOST_BARS = 400
_SIGNS = {
    "algorithm1": ("Algorithm 1", {**FRAME, "color": STAGES["edge"]}),
    "exhaustive": ("exhaustive", {**AROUND, "color": STAGES["decode"]}),
    "exact": ("exact", {**INSIDE, "color": STAGES["server"]}),
}
_PARTS = {
    "values v": STAGES["codec"],
    "column indices c": STAGES["edge"],
    "row counts r": STAGES["decode"],
}


class EntropyLines(NamedTuple):
    """What the chart draws: one entry a divisor N, ascending; `searches` are (name, N, entropy there)."""

    rows: tuple[int, ...]
    entropy_bits: tuple[float, ...]
    nbytes: tuple[int, ...]
    hover: tuple[str, ...]
    searches: tuple[tuple[str, int, float], ...]


def entropy_lines(found: EntropyCurve) -> EntropyLines:
    """The lines of `found`; points that were not encoded are left out."""
    points = sorted(found.curve.points, key=lambda point: point.rows)
    points = [point for point in points if point.encoded_bytes is not None]
    return EntropyLines(
        tuple(point.rows for point in points),
        tuple(point.entropy_bits for point in points),
        tuple(point.encoded_bytes or 0 for point in points),
        tuple(
            f"N = {point.rows:,} rows of K = {point.columns:,}<br>"
            f"H = {significant(point.entropy_bits)} bits, l_D = {point.length:,}, "
            f"cost {size(point.cost_bytes)}<br>really encoded: "
            f"{size(point.encoded_bytes or 0)}<br>click: its symbols"
            for point in points
        ),
        tuple(
            (search.name, search.rows, found.curve.at(search.rows).entropy_bits) for search in found.searches
        ),
    )


def entropy_figure(found: EntropyCurve, chosen: int | None = None) -> go.Figure:
    """Entropy of D (left axis) and real bytes (right axis) against N, with what each search chose.

    `chosen` marks one N, such as that of the histogram.
    """
    lines = entropy_lines(found)
    figure = go.Figure(layout=layout(_entropy_title(found), 470))
    figure.add_scatter(
        x=lines.rows, y=lines.entropy_bits, name="entropy H of D (left)", mode="lines+markers",
        line={"color": REFERENCE, "width": 2}, marker={"size": 6}, customdata=lines.rows,
        hovertext=lines.hover, hoverinfo="text",
    )  # fmt: skip
    figure.add_scatter(
        x=lines.rows, y=lines.nbytes, name="payload, really encoded (right)", mode="lines+markers",
        line={"color": STAGES["codec"], "width": 2}, marker={"size": 6, "symbol": "x"}, customdata=lines.rows,
        hovertext=lines.hover, hoverinfo="text", yaxis="y2",
    )  # fmt: skip
    for name, rows, entropy in lines.searches:
        said, look = _SIGNS[name]
        seconds = duration(found.search(name).seconds)
        figure.add_scatter(
            x=[rows], y=[entropy], name=f"{said}: N = {rows:,}, {seconds}", mode="markers",
            marker=look,
            hovertext=f"<b>{said}</b> chooses N = {rows:,} in {seconds}", hoverinfo="text",
        )  # fmt: skip
    top = round_up(max(lines.nbytes, default=1) * 1.02)
    if chosen is not None:
        figure.add_scatter(
            x=[chosen, chosen], y=[0, round_up(max(lines.entropy_bits, default=1))], mode="lines",
            name=f"chosen: N = {chosen:,}", hoverinfo="name",
            line={"color": STAGES["link"], "width": 1.5, "dash": "dash"},
        )  # fmt: skip
    figure.update_layout(
        xaxis={
            "type": "log",
            "title": {"text": "N, rows of the reshape (log)"},
            "range": list(decades(tuple(map(float, lines.rows)), room=0.12)),
            "tickformat": "~s",
        },
        yaxis={
            "title": {"text": "entropy H, bits a symbol"},
            "range": [0, round_up(max(lines.entropy_bits, default=1) * 1.02)],
        },
        yaxis2={
            "title": {"text": "payload"},
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "range": [0, top],
            **even_byte_ticks(top),
        },
        margin={"r": 76, "t": 100},
        uirevision=f"{found.curve.elements}",
    )
    return figure


class SymbolBars(NamedTuple):
    """What the histogram draws: `symbols` begin each bin of `wide` symbols; counts by part of D."""

    symbols: tuple[int, ...]
    counts: dict[str, tuple[int, ...]]
    wide: int


def symbol_bars(histogram: SymbolHistogram) -> SymbolBars:
    """At most `MOST_BARS` bars; where there are more symbols, several share one."""
    parts = dict(zip(_PARTS, (histogram.values, histogram.columns, histogram.row_counts), strict=True))
    length = max(map(len, parts.values()))
    wide = -(-length // MOST_BARS)
    starts = tuple(range(0, length, wide))
    counts = {name: tuple(sum(part[at : at + wide]) for at in starts) for name, part in parts.items()}
    return SymbolBars(starts, counts, wide)


def symbol_figure(histogram: SymbolHistogram, axes: Axes | None = None) -> go.Figure:
    """How often each symbol occurs in D, stacked by what it stands for: value, column index or row count."""
    bars = symbol_bars(histogram)
    figure = go.Figure(layout=layout(_symbol_title(histogram), 470))
    for name, colour in _PARTS.items():
        figure.add_bar(
            x=bars.symbols, y=bars.counts[name], name=name, marker={"color": colour, "line": {"width": 0}},
            hovertemplate="symbol %{x}: %{y:,} " + name + "<extra></extra>",
        )  # fmt: skip
    highest = max(map(sum, zip(*bars.counts.values(), strict=True)), default=1)
    several = f", {bars.wide} to a bar" if bars.wide > 1 else ""
    figure.update_layout(
        barmode="stack",
        bargap=0.08,
        legend={"traceorder": "normal"},
        xaxis={"title": {"text": f"symbol of D{several}"}, "rangemode": "tozero"},
        yaxis={
            "title": {"text": "how often"},
            "range": [0, (axes or Axes()).end(f"symbols {histogram.bits}", highest)],
        },
        uirevision=f"{histogram.rows}",
    )
    return figure


def _entropy_title(found: EntropyCurve) -> str:
    curve = found.curve
    least = min(curve.points, key=lambda point: point.entropy_bits)
    best = curve.at(curve.exhaustive_rows)
    text = f"T = {curve.elements:,} values of {curve.bits} bits: cheapest at N = {best.rows:,}"
    if least.rows != best.rows:
        text += f", though H is lowest at N = {least.rows:,}"
    return text


def _symbol_title(histogram: SymbolHistogram) -> str:
    by = {"algorithm1": "Algorithm 1's", "given": "the chosen"}.get(histogram.chosen_by, histogram.chosen_by)
    return (
        f"D at {by} N = {histogram.rows:,} (K = {histogram.width:,}): {histogram.length:,} symbols, "
        f"H = {significant(histogram.entropy_bits)} bits"
    )
