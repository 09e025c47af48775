"""What is the payload made of, and how far is it from raw features and from the Shannon bound?"""

from __future__ import annotations

from typing import Any, NamedTuple

import plotly.graph_objects as go

from workbench.figures.base import (
    LEGEND,
    Axes,
    byte_ticks,
    decades,
    drawn,
    even_byte_ticks,
    note,
    size,
)
from workbench.figures.palette import REFERENCE, SERIES, STAGES
from workbench.numbers import significant
from workbench.records import Description


class PayloadBars(NamedTuple):
    """What the chart draws, in bytes.

    `parts` are (name, bytes, share of the payload, meaning), in the order of the payload; `compared` are
    (what, bytes), largest first: raw fp32 features, the same as 8-bit integers, the picture as JPEG, the
    payload, the Shannon bound; what is not known is left out.
    """

    parts: tuple[tuple[str, int, float, str], ...]
    compared: tuple[tuple[str, float], ...]
    payload_bytes: int
    elements: int


def payload_bars(description: Description, jpeg_bytes: float | None = None) -> PayloadBars:
    """The bars of a described payload."""
    elements = 1
    for length in description.shape:
        elements *= length
    total = description.payload_bytes
    compared = [
        ("features, fp32", 4.0 * elements),
        ("features, 8 bits each", float(elements)),
        ("payload", float(total)),
    ]
    if jpeg_bytes:
        compared.append(("input as JPEG", float(jpeg_bytes)))
    if description.shannon_bytes is not None:
        compared.append(("Shannon bound", description.shannon_bytes))
    return PayloadBars(
        parts=tuple(
            (part.name, part.nbytes, part.nbytes / max(total, 1), part.meaning)
            for part in description.parts
            if part.nbytes
        ),
        compared=tuple(sorted(compared, key=lambda bar: -bar[1])),
        payload_bytes=total,
        elements=elements,
    )


def payload_figure(
    description: Description, jpeg_bytes: float | None = None, axes: Axes | None = None
) -> go.Figure:
    """Above, the payload's parts stacked; below, the payload among what it could be compared with (log).

    Parameters
    ----------
    jpeg_bytes : the input as JPEG, where it is known.
    axes : keeps the axis of the parts from figure to figure.
    """
    bars = payload_bars(description, jpeg_bytes)
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "x": [nbytes],
            "y": ["parts"],
            "orientation": "h",
            "name": f"{name}, {size(nbytes)}",
            "hovertext": f"<b>{name}</b> {size(nbytes)}, {share:.1%} of the payload<br>{meaning}",
            "hoverinfo": "text",
            "text": f"{name}<br>{size(nbytes)}" if share > 0.09 else "",
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textangle": 0,
            "insidetextfont": {"color": "white"},
            "marker": {"color": SERIES[index % len(SERIES)]},
        }
        for index, (name, nbytes, share, meaning) in enumerate(bars.parts)
    ]
    colours = {"payload": STAGES["codec"], "input as JPEG": STAGES["link"]}
    names = [name for name, _ in bars.compared]
    values = [nbytes for _, nbytes in bars.compared]
    traces.append(
        {
            "type": "bar",
            "x": values,
            "y": names,
            "orientation": "h",
            "xaxis": "x2",
            "yaxis": "y2",
            "name": "compared",
            "showlegend": False,
            "text": [f"{size(nbytes)}{_against(name, nbytes, bars)}" for name, nbytes in bars.compared],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertext": [f"<b>{name}</b> {size(nbytes)}" for name, nbytes in bars.compared],
            "hoverinfo": "text",
            "marker": {"color": [colours.get(name, REFERENCE) for name in names]},
        }
    )
    end = (axes or Axes()).end("payload", bars.payload_bytes)
    ends = decades((max(values), min(16.0, min(values) or 16.0)), room=0.0)
    unknown = note(
        "no Shannon bound: this codec has no symbols to count",
        xref="paper", yref="paper", x=1, y=0.6, xanchor="right", yanchor="bottom",
    )  # fmt: skip
    return drawn(
        _title(description, bars),
        430,
        traces,
        barmode="stack",
        margin={"l": 150, "r": 24, "t": 76, "b": 48},
        legend={**LEGEND, "traceorder": "normal"},
        xaxis={"range": [0, end], "anchor": "y", "side": "bottom", **even_byte_ticks(end)},
        yaxis={"domain": [0.76, 1], "showticklabels": True, "fixedrange": True},
        xaxis2={
            "type": "log",
            "range": [ends.low, ends.high + 0.75],
            "anchor": "y2",
            "title": {"text": "size (log)"},
            **byte_ticks(ends.low, ends.high + 0.75),
        },
        yaxis2={"domain": [0, 0.58], "anchor": "x2", "categoryorder": "array", "categoryarray": names[::-1]},
        uirevision=description.codec,
        annotations=[] if description.shannon_bytes is not None else [unknown],
    )


def _against(name: str, nbytes: float, bars: PayloadBars) -> str:
    if name == "payload" or not bars.payload_bytes:
        bits = 8 * bars.payload_bytes / max(bars.elements, 1)
        return f" · {significant(bits)} bits a value"
    return f" · {significant(nbytes / bars.payload_bytes)} × the payload"


def _title(description: Description, bars: PayloadBars) -> str:
    shape = " × ".join(map(str, description.shape))
    text = f"{description.codec}: {size(bars.payload_bytes)} for {shape} values"
    if description.shannon_bytes:
        text += f", {significant(bars.payload_bytes / description.shannon_bytes)} × the order-0 Shannon bound"
    return text
