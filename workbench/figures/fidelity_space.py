"""Samples as points: the original, decoded and restored feature maps in panels side by side (figure 12)."""

from __future__ import annotations

import base64
import io
import math
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from workbench.fidelity_records import Embedding, Panel
from workbench.figures.base import blank, note
from workbench.figures.palette import CLASSES, REFERENCE
from workbench.figures.tables import Table, as_table
from workbench.numbers import significant

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross")
_SPRITE_COLUMNS = 25


class Look(NamedTuple):
    """How a class is drawn: ten colours, and another symbol for every five classes."""

    name: str
    colour: str
    symbol: str


def looks(space: Embedding) -> dict[int, Look]:
    """The look of each class that occurs, by its number; -1 are samples without a class."""
    found = {}
    for number in sorted({int(label) for label in space.labels}):
        if number < 0:
            found[number] = Look("no class", REFERENCE, "circle")
        else:
            symbol = _SYMBOLS[number // 5 % len(_SYMBOLS)]
            found[number] = Look(space.class_names[number], CLASSES[number % len(CLASSES)], symbol)
    return found


def panel_words(panel: Panel, neighbours: int) -> str:
    """The numbers above a panel, since t-SNE pictures mislead."""
    parts = []
    if panel.trustworthiness is not None:
        parts.append(f"trustworthiness {significant(panel.trustworthiness)}")
    if panel.neighbours_kept is not None and panel.path != "original":
        parts.append(f"{panel.neighbours_kept:.0%} of {neighbours} neighbours kept")
    if panel.class_agreement is not None:
        parts.append(f"{panel.class_agreement:.0%} of neighbours have the class")
    return "<br>".join(parts)


def space_figure(space: Embedding) -> go.Figure:
    """A panel each path; a point's customdata is the number of its sample, the same in every panel."""
    figure = blank(_title(space), 520)
    count = len(space.panels)
    gap = 0.02
    width = (1 - gap * (count - 1)) / count
    known = looks(space)
    axes: dict[str, Any] = {}
    for at, panel in enumerate(space.panels):
        suffix = "" if at == 0 else str(at + 1)
        start = at * (width + gap)
        plain = {
            "showticklabels": False,
            "ticks": "",
            "showgrid": False,
            "zeroline": False,
            "mirror": True,
            "showline": True,
        }
        axes[f"xaxis{suffix}"] = {
            **plain,
            "domain": [start, start + width],
            "anchor": f"y{suffix}",
            **_room(panel.points[:, 0]),
        }
        axes[f"yaxis{suffix}"] = {**plain, "anchor": f"x{suffix}", **_room(panel.points[:, 1])}
        for number, look in known.items():
            rows = np.flatnonzero(space.labels == number)
            figure.add_scatter(
                x=panel.points[rows, 0].round(3).tolist(),
                y=panel.points[rows, 1].round(3).tolist(),
                customdata=rows.tolist(),
                xaxis=f"x{suffix}",
                yaxis=f"y{suffix}",
                mode="markers",
                name=look.name,
                legendgroup=str(number),
                showlegend=at == 0,
                marker={"color": look.colour, "symbol": look.symbol, "size": 7, "line": {"width": 0}},
                selected={"marker": {"opacity": 1}},
                unselected={"marker": {"opacity": 0.12}},
                hovertext=[f"<b>{space.names[row]}</b><br>class {look.name}<br>{panel.path}" for row in rows],
                hoverinfo="text",
            )
        words = panel_words(panel, space.neighbours)
        above = {
            "x": start,
            "xref": "paper",
            "xanchor": "left",
            "y": 1.01,
            "yref": "paper",
            "yanchor": "bottom",
        }
        figure.add_annotation(**note(f"<b>{panel.path}</b><br>{words}", align="left", **above))
    figure.update_layout(
        **axes,
        margin={"l": 12, "r": 12, "t": 118, "b": 48},
        legend={"y": -0.02, "yanchor": "top", "x": 0, "xanchor": "left"},
        dragmode="select",
        uirevision=f"{space.model} {space.split} {space.samples}",
    )
    return figure


def _room(values: Any) -> dict[str, list[float]]:
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or 1.0
    return {"range": [low - room, high + room]}


def _title(space: Embedding) -> str:
    pca = f", PCA to {space.pca_dims} dimensions first" if space.pca_dims else ""
    return (
        f"t-SNE of {space.samples} feature maps, perplexity {significant(space.perplexity)}, "
        f"seed {space.seed}{pca}"
    )


class Sprite(NamedTuple):
    """The pictures of all samples in one, row after row; `src` can stand in a page."""

    src: str
    size: int
    columns: int


def sprite(space: Embedding) -> Sprite:
    """The small pictures of a feature space, by the number of their sample."""
    from PIL import Image

    count, size = space.thumbnails.shape[:2]
    columns = min(_SPRITE_COLUMNS, count)
    rows = math.ceil(count / columns)
    sheet = np.zeros((rows * columns, size, size, 3), dtype=np.uint8)
    sheet[:count] = space.thumbnails
    joined = (
        sheet.reshape(rows, columns, size, size, 3).swapaxes(1, 2).reshape(rows * size, columns * size, 3)
    )
    file = io.BytesIO()
    Image.fromarray(joined).save(file, "PNG")
    return Sprite("data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii"), size, columns)


def space_table(space: Embedding) -> Table:
    """One row a sample: its name, its class, and where it lies in each panel."""
    known = looks(space)
    columns = ("sample", "picture", "class", *(f"{one.path}_{axis}" for one in space.panels for axis in "xy"))
    values = tuple(
        (
            row, space.names[row], known[int(space.labels[row])].name,
            *(float(number) for one in space.panels for number in one.points[row]),
        )
        for row in range(space.samples)
    )  # fmt: skip
    return as_table(columns, values, ("",) * len(columns))


def selection_words(space: Embedding, selected: list[Any]) -> str:
    """Which samples are selected, by class."""
    rows = [row for row in selected if isinstance(row, int) and 0 <= row < space.samples]
    if not rows:
        return ""
    known = looks(space)
    counts = {number: sum(int(space.labels[row]) == number for row in set(rows)) for number in known}
    parts = [f"{count} × {known[number].name}" for number, count in counts.items() if count]
    return f"{len(set(rows))} selected: {', '.join(parts)}"
