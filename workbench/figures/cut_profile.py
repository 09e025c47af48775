"""Where can this network be cut? Bytes at every cut against the input as JPEG, and the work before it.

After figure 2 of QCNet: one bar a cut, in order; where a bar is below the line, even raw features are
smaller than the picture. Below it, how much of the network's work the board does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import plotly.graph_objects as go

from workbench.figures.base import PERCENT_AXIS, byte_ticks, decades, drawn, note, size
from workbench.figures.palette import REFERENCE, STAGES, faded
from workbench.numbers import readable, significant
from workbench.records import CutProfile, SplitPoint


class CutBars(NamedTuple):
    """What the chart draws: one entry a cut, in order.

    `edge_share` is the part of all MACs that the board does; `below_jpeg` the cuts whose raw features are
    smaller than the picture as JPEG; `hover` the facts of each cut in words.
    """

    names: tuple[str, ...]
    fp32_bytes: tuple[int, ...]
    edge_share: tuple[float, ...]
    below_jpeg: tuple[str, ...]
    hover: tuple[str, ...]


def cut_bars(profile: CutProfile) -> CutBars:
    """The bars of `profile`."""
    points = profile.points
    jpeg = profile.input_jpeg.value
    return CutBars(
        names=tuple(point.name for point in points),
        fp32_bytes=tuple(point.fp32_bytes for point in points),
        edge_share=tuple(
            point.macs_before / max(point.macs_before + point.macs_after, 1) for point in points
        ),
        below_jpeg=tuple(point.name for point in points if point.fp32_bytes < jpeg),
        hover=tuple(_facts(point, jpeg) for point in points),
    )


def cut_profile_figure(
    profile: CutProfile, chosen: str | None = None, payload_bytes: float | None = None
) -> go.Figure:
    """Bars of `profile` on a log axis, the cut `chosen` marked; `customdata` of each bar is its name.

    Parameters
    ----------
    payload_bytes : bytes that really cross at the chosen cut, drawn as a diamond.
    """
    bars = cut_bars(profile)
    jpeg = profile.input_jpeg.value
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "x": bars.names,
            "y": bars.fp32_bytes,
            "name": "features, fp32",
            "customdata": bars.names,
            "hovertext": bars.hover,
            "hoverinfo": "text",
            "marker": {"color": _marked(bars.names, chosen, STAGES["edge"])},
        },
        {
            "type": "scatter",
            "x": bars.names,
            "y": [jpeg] * len(bars.names),
            "name": f"input as JPEG, {size(jpeg)}",
            "mode": "lines",
            "line": {"color": STAGES["link"], "width": 2, "dash": "dash"},
            "hovertext": f"The picture itself as JPEG: {size(jpeg)} ({profile.input_jpeg.origin})",
            "hoverinfo": "text",
        },
    ]
    if payload_bytes is not None and chosen in bars.names:
        traces.append(
            {
                "type": "scatter",
                "x": [chosen],
                "y": [payload_bytes],
                "name": f"payload, {size(payload_bytes)}",
                "mode": "markers",
                "marker": {"symbol": "diamond", "size": 13, "color": STAGES["codec"]},
                "customdata": [chosen],
                "hovertext": f"What really crosses at {chosen}: {size(payload_bytes)}",
                "hoverinfo": "text",
            }
        )
    traces.append(
        {
            "type": "bar",
            "x": bars.names,
            "y": bars.edge_share,
            "name": "work on the board",
            "customdata": bars.names,
            "hovertext": bars.hover,
            "hoverinfo": "text",
            "showlegend": False,
            "yaxis": "y2",
            "marker": {"color": _marked(bars.names, chosen, REFERENCE)},
        }
    )
    floor = payload_bytes if payload_bytes else jpeg
    ends = decades((*bars.fp32_bytes, jpeg, min(floor, jpeg) / 3), room=0.15)
    more: dict[str, Any] = {}
    if not bars.names:
        more["annotations"] = [note("This network has no single-tensor cut.", xref="paper", yref="paper")]
    return drawn(
        _title(profile, bars),
        460,
        traces,
        xaxis=_category_axis(bars.names, chosen),
        yaxis={
            "title": {"text": "size of the features (log)"},
            "type": "log",
            "domain": [0.34, 1],
            "range": list(ends),
            **byte_ticks(*ends),
        },
        yaxis2={
            "title": {"text": "MACs on<br>the board"},
            "domain": [0, 0.22],
            "anchor": "x",
            **PERCENT_AXIS,
        },
        uirevision=profile.model,
        **more,
    )


def _category_axis(names: tuple[str, ...], chosen: str | None) -> dict[str, Any]:
    """Every name where there is room; else as many as fit, and always the chosen one."""
    step = max(1, -(-len(names) // 26))
    ticks = [name for index, name in enumerate(names) if index % step == 0 or name == chosen]
    if chosen in names and step > 1:
        at = names.index(str(chosen))
        near = {names[index] for index in range(max(at - step + 1, 0), at + step) if index < len(names)}
        ticks = [name for name in ticks if name == chosen or name not in near]
    words = [f"<b>{name}</b>" if name == chosen else name for name in ticks]
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(names),
        "anchor": "y2",
        "tickvals": ticks,
        "ticktext": words,
        "tickangle": -40 if sum(map(len, ticks)) > 60 else 0,
        "title": {"text": "cut after module, in the order of execution"},
    }


def _marked(names: tuple[str, ...], chosen: str | None, colour: str) -> list[str]:
    return [colour if chosen is None or name == chosen else faded(colour) for name in names]


def _title(profile: CutProfile, bars: CutBars) -> str:
    below, cuts = len(bars.below_jpeg), f"{profile.model}: {len(bars.names)} cuts"
    if below == 0:
        return f"{cuts}; uncompressed, the features are larger than the picture as JPEG at every one"
    return f"{cuts}; uncompressed, the features are smaller than the picture as JPEG at {below}"


def _facts(point: SplitPoint, jpeg: float) -> str:
    whole = max(point.macs_before + point.macs_after, 1)
    params = max(point.params_before + point.params_after, 1)
    shapes = " and ".join(" × ".join(map(str, shape)) for shape in point.shapes)
    lines = [
        f"<b>{point.name}</b>",
        f"features {shapes}: {size(point.fp32_bytes)} fp32, {size(point.int8_bytes)} int8",
        f"{significant(point.fp32_bytes / jpeg)} × the input as JPEG" if jpeg > 0 else "",
        f"work on the board {readable(point.macs_before, 'MACs')} of {readable(whole, 'MACs')}",
        f"weights on the board {_count(point.params_before)} of {_count(params)}",
        f"peak memory of activations on the board {size(point.peak_activation_bytes)}",
    ]
    return "<br>".join(line for line in lines if line)


def _count(number: int) -> str:
    for scale, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= scale:
            return f"{significant(number / scale, keep_zeros=True)}{letter}"
    return str(number)
