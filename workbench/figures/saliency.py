"""Where the network looks: the picture, and over it the map of every path, side by side (figure 15)."""

from __future__ import annotations

import base64
import io
import math
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image

from workbench.figures.base import blank
from workbench.figures.palette import REFERENCE, VERSIONS, Version
from workbench.figures.tables import Table, as_table
from workbench.numbers import readable, significant
from workbench.saliency_records import MapAgreement, SaliencyMap, SaliencyReport

MAX_SIDE = 112
OPACITY = 0.6
_STEPS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_GAP = 0.025
_VERSION: dict[str, Version] = {"unsplit": "original", "decoded": "decoded", "restored": "restored"}


class Panel(NamedTuple):
    """One map as it is drawn: `values` (h, w), each the mean of `step` x `step` of the record's.

    `title` says what the path answers, `below` how the map agrees with the unsplit one; `peak` is (x, y) in
    pixels, None where the map is empty.
    """

    path: str
    title: str
    below: str
    values: NDArray[np.float32]
    step: int
    peak: tuple[int, int] | None


def saliency_panels(report: SaliencyReport) -> tuple[Panel, ...]:
    """The maps of a report with their words."""
    found = []
    for path, one in report.maps.items():
        step = math.ceil(max(one.values.shape) / MAX_SIDE)
        row, column = one.peak
        found.append(
            Panel(
                path, _answers(one), _agrees(report.agreement.get(path), one),
                _smaller(one.values, step), step, None if one.flat else (column, row),
            )
        )  # fmt: skip
    return tuple(found)


def _answers(one: SaliencyMap) -> str:
    says = f"answers <b>{_cut(one.predicted_name)}</b>, {_percent(one.predicted_probability)}"
    if one.predicted_index == one.class_index:
        return says
    return f"{says}<br>{_cut(one.class_name)}: {_percent(one.probability)}"


def _agrees(found: MapAgreement | None, one: SaliencyMap) -> str:
    if found is None:
        return "nothing speaks for this class" if one.flat else "the one to compare with"
    if found.pearson is None or found.iou_top20 is None or found.peak_shift_pixels is None:
        return "<br>".join(found.notes[0].split(": ", 1)) if found.notes else "nothing to compare"
    return (
        f"correlation <b>{found.pearson:.2f}</b><br>top 20 % overlap <b>{found.iou_top20:.2f}</b> (IoU)"
        f"<br>peak moved <b>{significant(found.peak_shift_pixels)}</b> pixels"
    )


def saliency_figure(report: SaliencyReport, opacity: float = OPACITY) -> go.Figure:
    """The picture as the network saw it, and a panel each path: the map over the picture, its peak marked.

    Below is a slider for the maps' opacity, which starts at `opacity` and needs no kernel.
    """
    panels = saliency_panels(report)
    figure = blank(_title(report), 460)
    source = _png(report.picture)
    height, width = report.picture.shape[:2]
    count = len(panels) + 1
    share = (1 - _GAP * (count - 1)) / count
    maps = []
    for at in range(count):
        start = at * (share + _GAP)
        axis = str(at + 1) if at else ""
        place = {"xaxis": f"x{axis}", "yaxis": f"y{axis}"}
        figure.add_image(source=source, hoverinfo="skip", name=f"picture {at}", **place)
        figure.layout[f"xaxis{axis}"] = _axis(
            domain=[start, start + share], range=[-0.5, width - 0.5], constrain="domain", anchor=f"y{axis}"
        )
        figure.layout[f"yaxis{axis}"] = _axis(
            range=[height - 0.5, -0.5], scaleanchor=f"x{axis}", constrain="domain", anchor=f"x{axis}"
        )
        middle = start + share / 2
        panel = panels[at - 1] if at else None
        above = _heading(panel.path, panel.title) if panel else _heading("picture", _picture_words(report))
        figure.add_annotation(**_text(middle, 1.02, "bottom", above))
        if panel is None:
            continue
        figure.add_annotation(**_text(middle, -0.02, "top", panel.below, quiet=panel.path == "unsplit"))
        maps.append(len(figure.data))
        figure.add_heatmap(**_heat(panel, last=at == count - 1), opacity=opacity, **place)
        if panel.peak is not None:
            figure.add_scatter(
                x=[panel.peak[0]], y=[panel.peak[1]], mode="markers", name=f"peak, {panel.path}",
                marker={
                    "symbol": "circle", "size": 11, "color": "rgba(0,0,0,0)",
                    "line": {"color": "#ffffff", "width": 2.5},
                },
                hovertemplate="peak at column %{x}, row %{y}<extra></extra>", **place,
            )  # fmt: skip
    figure.update_layout(
        margin={"l": 12, "r": 84, "t": 104, "b": 126},
        showlegend=False,
        sliders=[_slider(maps, opacity)],
        uirevision=f"saliency {report.model} {report.picture_name}",
    )
    return figure


def saliency_table(report: SaliencyReport) -> Table:
    """One row a path."""
    columns = (
        "path", "class", "probability", "answers", "probability_of_answer", "pearson", "iou_top20",
        "peak_shift_pixels", "peak_row", "peak_column", "rows", "columns",
    )  # fmt: skip
    values = []
    for path, one in report.maps.items():
        found = report.agreement.get(path) or MapAgreement(None, None, None)
        peak = (None, None) if one.flat else one.peak
        values.append(
            (
                path, one.class_name, one.probability, one.predicted_name, one.predicted_probability,
                found.pearson, found.iou_top20, found.peak_shift_pixels, *peak, *one.grid,
            )
        )  # fmt: skip
    units = ("", "", "fraction", "", "fraction", "", "", "", "", "", "", "")
    return as_table(columns, tuple(values), units)


def _title(report: SaliencyReport) -> str:
    method = {"grad-cam": "Grad-CAM", "grad-cam++": "Grad-CAM++", "hires-cam": "HiRes-CAM"}.get(report.method)
    what = f"{method} of <b>{_cut(report.class_name)}</b>" if method else "Eigen-CAM"
    told = [
        f"{path} {found.pearson:.2f}" for path, found in report.agreement.items() if found.pearson is not None
    ]
    like = f"correlation with unsplit: {', '.join(told)}" if told else "nothing to compare"
    return f"{what} at {report.layer}; {like}"


def _heading(path: str, words: str) -> str:
    mark = f"<span style='color:{VERSIONS[_VERSION[path]]}'>■</span> " if path in _VERSION else ""
    return f"{mark}<b>{path}</b><br>{words}"


def _picture_words(report: SaliencyReport) -> str:
    right = "" if report.label is None else f"<br>label {_cut(report.label)}"
    return f"{_cut(report.picture_name)}{right}"


def _heat(panel: Panel, last: bool) -> dict[str, Any]:
    rows, columns = panel.values.shape
    middle = (panel.step - 1) / 2
    return {
        "z": [[round(float(value), 3) for value in row] for row in panel.values],
        "x": [panel.step * at + middle for at in range(columns)],
        "y": [panel.step * at + middle for at in range(rows)],
        "zmin": 0,
        "zmax": 1,
        "colorscale": "Viridis",
        "showscale": last,
        "name": panel.path,
        "colorbar": {
            "title": {"text": "speaks for it", "side": "right", "font": {"size": 12}},
            "tickvals": [0, 0.5, 1],
            "ticktext": ["least", "half", "most"],
            "thickness": 12,
            "outlinewidth": 0,
            "x": 1.01,
        },
        "hovertemplate": f"{panel.path}: %{{z:.2f}} at column %{{x}}, row %{{y}}<extra></extra>",
    }


def _slider(maps: list[int], opacity: float) -> dict[str, Any]:
    steps = sorted({*_STEPS, opacity})
    return {
        "active": steps.index(opacity),
        "currentvalue": {"prefix": "opacity of the maps: ", "xanchor": "left", "font": {"size": 12}},
        "x": 0, "len": 0.3, "y": -0.24, "yanchor": "top", "pad": {"t": 8, "b": 0},
        "bgcolor": REFERENCE, "activebgcolor": REFERENCE, "bordercolor": REFERENCE, "tickcolor": REFERENCE,
        "ticklen": 3, "font": {"size": 10},
        "steps": [
            {"label": f"{value:.0%}", "method": "restyle", "args": [{"opacity": value}, maps]}
            for value in steps
        ],
    }  # fmt: skip


def _axis(**more: Any) -> dict[str, Any]:
    return {
        "showgrid": False,
        "zeroline": False,
        "showticklabels": False,
        "ticks": "",
        "visible": False,
        **more,
    }


def _text(x: float, y: float, anchor: str, text: str, quiet: bool = False) -> dict[str, Any]:
    colour = {"color": REFERENCE} if quiet else {}
    return {
        "x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": anchor,
        "text": text, "showarrow": False, "font": {"size": 12, **colour},
    }  # fmt: skip


def _smaller(values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Means over blocks of step x step; what is left over at the far edges belongs to the last blocks."""
    found: NDArray[Any] = values
    for axis in (0, 1):
        starts = np.arange(0, max(1, found.shape[axis] - found.shape[axis] % step), step)
        counts = np.diff(np.append(starts, found.shape[axis])).astype(np.float32)
        found = np.add.reduceat(found, starts, axis=axis) / counts.reshape((-1, 1) if axis == 0 else (1, -1))
    return found


def _png(picture: NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _percent(value: float) -> str:
    return str(readable(value, "fraction"))


def _cut(text: str, most: int = 24) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
