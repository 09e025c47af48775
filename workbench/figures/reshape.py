"""How does the reshape N x K change entropy and cost? The rANS paper's figure 4 with the real bytes on it."""

from __future__ import annotations

from typing import Any, NamedTuple

import plotly.graph_objects as go

from workbench.figures.base import FRAME, INSIDE, byte_ticks, decades, drawn, size
from workbench.figures.palette import REFERENCE, STAGES
from workbench.numbers import significant
from workbench.records import ReshapeCurve, ReshapePoint


class ReshapeLines(NamedTuple):
    """What the chart draws: one entry a divisor N, ascending; costs in bytes, entropy in bits a symbol.

    `loss` is how much more Algorithm 1's choice costs than the optimum (0.02 is 2 %); `visited` how many of
    all N it looked at; `encoded` are (N, bytes) really coded.
    """

    rows: tuple[int, ...]
    cost_bytes: tuple[float, ...]
    entropy_bits: tuple[float, ...]
    hover: tuple[str, ...]
    encoded: tuple[tuple[int, int], ...]
    visited: tuple[int, ...]
    loss: float


def reshape_lines(curve: ReshapeCurve) -> ReshapeLines:
    """The lines of `curve`."""
    points = sorted(curve.points, key=lambda point: point.rows)
    best, chosen = curve.at(curve.exhaustive_rows), curve.at(curve.algorithm1_rows)
    return ReshapeLines(
        rows=tuple(point.rows for point in points),
        cost_bytes=tuple(point.cost_bytes for point in points),
        entropy_bits=tuple(point.entropy_bits for point in points),
        hover=tuple(_facts(point) for point in points),
        encoded=tuple(
            (point.rows, point.encoded_bytes) for point in points if point.encoded_bytes is not None
        ),
        visited=tuple(sorted(curve.algorithm1_visited)),
        loss=chosen.cost_bytes / best.cost_bytes - 1 if best.cost_bytes > 0 else 0.0,
    )


def reshape_figure(curve: ReshapeCurve) -> go.Figure:
    """Cost above and entropy below, against N on a log axis, with what each search chose."""
    lines = reshape_lines(curve)
    at = dict(zip(lines.rows, lines.cost_bytes, strict=True))
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "x": lines.rows,
            "y": lines.cost_bytes,
            "name": "cost l_D · H",
            "mode": "lines+markers",
            "line": {"color": REFERENCE, "width": 1.5},
            "marker": {"size": 5},
            "customdata": lines.rows,
            "hovertext": lines.hover,
            "hoverinfo": "text",
        },
        {
            "type": "scatter",
            "x": lines.visited,
            "y": [at[rows] for rows in lines.visited],
            "name": f"visited, {len(lines.visited)} of {len(lines.rows)}",
            "mode": "markers",
            "marker": {"symbol": "circle-open", "size": 11, "color": STAGES["edge"], "line": {"width": 2}},
            "hoverinfo": "skip",
        },
    ]
    if lines.encoded:
        traces.append(
            {
                "type": "scatter",
                "x": [rows for rows, _ in lines.encoded],
                "y": [nbytes for _, nbytes in lines.encoded],
                "name": "really encoded",
                "mode": "markers",
                "marker": {"symbol": "x", "size": 10, "color": STAGES["codec"]},
                "hovertext": [
                    f"N = {rows:,}: {size(nbytes)} really encoded" for rows, nbytes in lines.encoded
                ],
                "hoverinfo": "text",
            }
        )
    # one inside the other where both choose the same N: a square frame around a diamond
    for name, rows, look in (
        ("Algorithm 1", curve.algorithm1_rows, {**FRAME, "color": STAGES["edge"]}),
        ("optimum", curve.exhaustive_rows, {**INSIDE, "color": STAGES["decode"]}),
    ):
        traces.append(
            {
                "type": "scatter",
                "x": [rows],
                "y": [at[rows]],
                "name": f"{name}, N = {rows:,}",
                "mode": "markers",
                "marker": look,
                "hovertext": f"<b>{name}</b><br>{_facts(curve.at(rows))}",
                "hoverinfo": "text",
            }
        )
    traces.append(
        {
            "type": "scatter",
            "x": lines.rows,
            "y": lines.entropy_bits,
            "name": "entropy H",
            "showlegend": False,
            "mode": "lines+markers",
            "line": {"color": STAGES["link"], "width": 1.5},
            "marker": {"size": 5},
            "hovertext": lines.hover,
            "hoverinfo": "text",
            "yaxis": "y2",
        }
    )
    ends = decades(tuple(map(float, lines.rows)), room=0.12)
    costs = decades((*lines.cost_bytes, *(float(nbytes) for _, nbytes in lines.encoded)), room=0.08)
    return drawn(
        _title(curve, lines),
        460,
        traces,
        xaxis={
            "type": "log",
            "title": {"text": "N, rows of the reshape (log)"},
            "range": list(ends),
            "anchor": "y2",
            "tickformat": "~s",
        },
        yaxis={
            "title": {"text": "cost T_tot(N) (log)"},
            "type": "log",
            "domain": [0.36, 1],
            "range": list(costs),
            **byte_ticks(*costs),
        },
        yaxis2={
            "title": {"text": "H, bits<br>a symbol"},
            "domain": [0, 0.26],
            "anchor": "x",
            "rangemode": "tozero",
        },
        uirevision=f"{curve.elements}",
    )


def _facts(point: ReshapePoint) -> str:
    lines = [
        f"N = {point.rows:,} rows of K = {point.columns:,}",
        f"l_D = 2 × {point.nonzeros:,} + {point.rows:,} = {point.length:,} symbols",
        f"H = {significant(point.entropy_bits)} bits a symbol, alphabet of {point.alphabet:,}",
        f"cost {size(point.cost_bytes)}, and the table {size(point.table_bytes)}",
    ]
    if point.encoded_bytes is not None:
        lines.append(f"really encoded: {size(point.encoded_bytes)}")
    return "<br>".join(lines)


def _title(curve: ReshapeCurve, lines: ReshapeLines) -> str:
    best = curve.at(curve.exhaustive_rows)
    values = f"T = {curve.elements:,} values of {curve.bits} bits"
    text = f"{values}: N = {best.rows:,} is best at {size(best.cost_bytes)}"
    if curve.algorithm1_rows == curve.exhaustive_rows:
        return f"{text}, and Algorithm 1 finds it"
    return f"{text}; Algorithm 1's N = {curve.algorithm1_rows:,} costs {lines.loss:.1%} more"
