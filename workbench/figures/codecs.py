"""Codecs side by side: what their payloads are made of, and rate against distortion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

import plotly.graph_objects as go

from workbench.codec_records import RateCurves, RateLine, Side, SideBySide
from workbench.figures.base import Axes, byte_ticks, decades, even_byte_ticks, layout, size
from workbench.figures.palette import REFERENCE, STAGES
from workbench.numbers import significant

KINDS: Final[dict[str, str]] = {
    "values": STAGES["codec"],
    "indices": STAGES["edge"],
    "tables": STAGES["decode"],
    "lane states": STAGES["link"],
    "settings": STAGES["server"],
    "header": REFERENCE,
}
"""What a part of a payload is for, with its colour, in the order of the stack."""

_SETTINGS = ("grid", "flags", "layout", "levels", "centroids", "sizes", "block headers")
_STYLES: Final[dict[str, tuple[str, str]]] = {
    "context": (STAGES["codec"], "circle"),
    "rans-csr": (STAGES["edge"], "square"),
    "image": (STAGES["decode"], "diamond"),
    "slicer": (STAGES["link"], "triangle-up"),
    "slicer-rans": (STAGES["link"], "triangle-down"),
    "onebit": (STAGES["server"], "x"),
    "uniform": (REFERENCE, "cross"),
    "raw": (REFERENCE, "star"),
}
_DASHES = ("solid", "dot", "dashdot")  # of the first, second and further lines of a codec
_FOREIGN = (("#9a5b4a", "hexagon"), ("#2fa08f", "pentagon"), ("#5560e8", "bowtie"))


def kind_of(part: str) -> str:
    """What a part of that name is for: a key of `KINDS`.

    >>> [kind_of(name) for name in ("words", "row counts: table", "column gaps: words", "grid", "header")]
    ['values', 'tables', 'indices', 'settings', 'header']
    """
    if part == "header" or ("header" in part and part not in _SETTINGS):
        return "header"
    if "table" in part:
        return "tables"
    if "lane states" in part:
        return "lane states"
    if part.startswith(("row counts", "column", "indices")):
        return "indices"
    return "settings" if part in _SETTINGS else "values"


class SideBars(NamedTuple):
    """What the stacked bars draw: one entry a codec, the largest first (plotly draws upwards).

    `stacks` are bytes of each kind for each codec; they add up to `totals`.
    """

    labels: tuple[str, ...]
    stacks: dict[str, tuple[int, ...]]
    totals: tuple[int, ...]
    hover: tuple[str, ...]


def side_bars(sides: SideBySide) -> SideBars:
    """The bars of codecs side by side; uncompressed floats are references, not bars."""
    drawn = sorted(
        (side for side in sides.sides if side.codec != "raw"), key=lambda side: -side.payload_bytes
    )
    stacks = {
        kind: tuple(
            sum(part.nbytes for part in side.description.parts if kind_of(part.name) == kind)
            for side in drawn
        )
        for kind in KINDS
    }
    return SideBars(
        tuple(side.label for side in drawn),
        stacks,
        tuple(side.payload_bytes for side in drawn),
        tuple(_facts(side, sides) for side in drawn),
    )


def sides_figure(sides: SideBySide, axes: Axes | None = None) -> go.Figure:
    """Stacked bars of really encoded payloads, the smallest on top; fp32 and the input as JPEG as references.

    A label says so where the network answers otherwise than unsplit.
    """
    bars = side_bars(sides)
    height = 214 + 24 * len(bars.labels)
    figure = go.Figure(layout=layout(_sides_title(sides), height))
    for kind, colour in KINDS.items():
        figure.add_bar(
            x=bars.stacks[kind],
            y=bars.labels,
            name=kind,
            orientation="h",
            marker={"color": colour},
            hovertext=bars.hover,
            hoverinfo="text",
        )
    longest = max((*bars.totals, sides.jpeg_bytes), default=1)
    end = (axes or Axes()).end("bytes", longest * 1.14)
    figure.add_scatter(
        x=bars.totals,
        y=bars.labels,
        mode="text",
        text=[f" {size(total)}" for total in bars.totals],
        textposition="middle right",
        showlegend=False,
        hoverinfo="skip",
        cliponaxis=False,
        name="bytes",
    )
    if bars.labels:
        figure.add_scatter(
            x=[sides.jpeg_bytes] * 2,
            y=[bars.labels[0], bars.labels[-1]],
            mode="lines",
            line={"color": REFERENCE, "dash": "dash", "width": 1.5},
            name=f"input as JPEG, {size(sides.jpeg_bytes)}",
            hoverinfo="name",
        )
        figure.add_scatter(
            x=[sides.raw_bytes] * 2,
            y=[bars.labels[0], bars.labels[-1]],
            mode="lines",
            line={"color": REFERENCE, "dash": "dot", "width": 1.5},
            name=f"features in fp32, {size(sides.raw_bytes)}"
            + (" (beyond the axis)" if sides.raw_bytes > end else ""),
            hoverinfo="name",
        )
    wrong = {side.label for side in sides.sides if side.answer != sides.answer}
    figure.update_layout(
        barmode="stack",
        xaxis={"title": {"text": "payload, bytes"}, "range": [0, end], **even_byte_ticks(end)},
        yaxis={
            "tickvals": bars.labels,
            "ticktext": [f"{label} [other answer]" if label in wrong else label for label in bars.labels],
            "automargin": True,
        },
        margin={"t": 140},  # the title, and a legend of four lines
        legend={"traceorder": "normal"},
        uirevision=f"{sides.model} {sides.split}",
    )
    return figure


class RateDrawing(NamedTuple):
    """One line of the chart: bytes and relative MSE of each point, and what hovering says."""

    label: str
    nbytes: tuple[int, ...]
    distortion: tuple[float, ...]
    hover: tuple[str, ...]


def rate_lines(curves: RateCurves) -> tuple[RateDrawing, ...]:
    """The lines that fit on a log axis: points without any error are left out."""
    found = []
    for line in curves.lines:
        points = [point for point in line.points if point.relative_mse > 0]
        if points:
            found.append(
                RateDrawing(
                    line.label,
                    tuple(point.payload_bytes for point in points),
                    tuple(point.relative_mse for point in points),
                    tuple(
                        f"<b>{line.label}</b>, {point.setting}<br>{size(point.payload_bytes)}"
                        f"<br>relative MSE {significant(point.relative_mse)}<br>answer: {point.answer}"
                        + ("" if point.answer == curves.answer else f", unsplit: {curves.answer}")
                        for point in points
                    ),
                )
            )
    return tuple(found)


def rate_figure(curves: RateCurves) -> go.Figure:
    """Bytes of real payloads (log) against relative MSE (log); towards the lower left is better."""
    lines = rate_lines(curves)
    figure = go.Figure(layout=layout(_rate_title(curves), 470))
    seen: Counter[str] = Counter()
    for line, source in zip(lines, _sources(curves, lines), strict=True):
        colour, symbol = _style(source.codec, seen)
        dash = _DASHES[min(seen[source.codec], len(_DASHES) - 1)]
        figure.add_scatter(
            x=line.nbytes,
            y=line.distortion,
            name=line.label,
            mode="lines+markers",
            line={"color": colour, "width": 2, "dash": dash},
            marker={"symbol": symbol, "size": 8, "color": colour},
            hovertext=line.hover,
            hoverinfo="text",
        )
        seen[source.codec] += 1
    sizes = decades(
        (*(float(nbytes) for line in lines for nbytes in line.nbytes), float(curves.raw_bytes)), room=0.08
    )
    errors = decades(tuple(error for line in lines for error in line.distortion), room=0.2)
    for name, nbytes, dash in (
        ("input as JPEG", curves.jpeg_bytes, "dash"),
        ("features in fp32", curves.raw_bytes, "dot"),
    ):
        figure.add_scatter(
            x=[nbytes] * 2,
            y=[10**errors.low, 10**errors.high],
            mode="lines",
            line={"color": REFERENCE, "dash": dash, "width": 1.5},
            name=f"{name}, {size(nbytes)}",
            hoverinfo="name",
        )
    figure.update_layout(
        xaxis={
            "type": "log",
            "title": {"text": "payload, bytes (log)"},
            "range": list(sizes),
            **byte_ticks(*sizes),
        },
        yaxis={
            "type": "log",
            "title": {"text": "relative MSE of the features (log)"},
            "range": list(errors),
            "exponentformat": "none",
            "dtick": 1,
        },
        uirevision=f"{curves.model} {curves.split}",
        margin={"t": 116},
    )
    return figure


def _sources(curves: RateCurves, lines: tuple[RateDrawing, ...]) -> list[RateLine]:
    by_label = {line.label: line for line in curves.lines}
    return [by_label[line.label] for line in lines]


def _style(codec: str, seen: Iterable[str]) -> tuple[str, str]:
    if codec in _STYLES:
        return _STYLES[codec]
    return _FOREIGN[len(set(seen) - set(_STYLES)) % len(_FOREIGN)]


def _facts(side: Side, sides: SideBySide) -> str:
    parts = [f"{part.name}: {size(part.nbytes)}" for part in side.description.parts if part.nbytes]
    answer = "same answer" if side.answer == sides.answer else f"answer {side.answer}, unsplit {sides.answer}"
    return "<br>".join(
        [
            f"<b>{side.label}</b>, {size(side.payload_bytes)}",
            *parts,
            f"relative MSE {significant(side.relative_mse)}, {answer}",
        ]
    )


def _sides_title(sides: SideBySide) -> str:
    shape = " × ".join(map(str, sides.shape))
    context, paper = sides.find("context", dead_zone=0.0, mixing=False), sides.find("rans-csr")
    text = f"{shape} features at Q = {sides.bits}"
    if context is None or paper is None or not paper.payload_bytes:
        return text
    share = context.payload_bytes / paper.payload_bytes
    return f"{text}: context needs {share:.0%} of the bytes of the rANS paper's format"


def _rate_title(curves: RateCurves) -> str:
    count = len(curves.lines)
    return f"{curves.model} at {curves.split}: {count} codecs over Q; lower left is better"
