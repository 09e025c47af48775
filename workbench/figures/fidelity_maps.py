"""The channels of one sample as a grid: original, decoded, restored and the differences (figure 14)."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from workbench.fidelity_records import PATHS, ChannelMaps
from workbench.figures.base import blank, size
from workbench.figures.palette import REFERENCE, VERSIONS
from workbench.figures.tables import Table, as_table
from workbench.numbers import significant

Scale = Literal["channel", "sample"]
MAX_SIDE = 56
_FLAG = "#d0483a"
_DIFFERENCE = [[0.0, "#2b62c9"], [0.5, "#d9dce0"], [1.0, "#c8401f"]]


class Grid(NamedTuple):
    """Tiles in rows: `tiles[row]` (n, h, w) are the maps of a row in the order of `channels`.

    Maps are from 0 to 1 on the scale of their channel or of the sample, differences from -1 to 1 on the same.
    `averaged` is how many values in each direction became one, so that large maps fit a page.
    """

    rows: tuple[str, ...]
    channels: tuple[int, ...]
    tiles: tuple[NDArray[np.float32], ...]
    errors: dict[str, tuple[float, ...]]
    collapsed: dict[str, tuple[bool, ...]]
    averaged: int


def channel_grid(maps: ChannelMaps, first: int = 0, count: int = 12, scale: Scale = "channel") -> Grid:
    """`count` channels from place `first` in the order of the record: the most hurt first."""
    chosen = slice(max(0, min(first, len(maps.channels) - 1)), first + count)
    original = maps.original[chosen]
    whole = original if scale == "channel" else maps.original
    axes = (1, 2) if scale == "channel" else None
    low = whole.min(axis=axes, keepdims=True) if axes else whole.min()
    high = whole.max(axis=axes, keepdims=True) if axes else whole.max()
    span = np.maximum(high - low, 1e-12)
    averaged = math.ceil(max(original.shape[1:]) / MAX_SIDE)
    rows, tiles = ["original"], [(original - low) / span]
    for path, found in maps.maps.items():
        rows.append(path)
        tiles.append((found[chosen] - low) / span)
    for path, found in maps.maps.items():
        rows.append(f"{path} − original")
        tiles.append((found[chosen] - original) / span)
    return Grid(
        tuple(rows),
        tuple(int(number) for number in maps.channels[chosen]),
        tuple(_smaller(tile, averaged) for tile in tiles),
        {path: tuple(float(error) for error in found[chosen]) for path, found in maps.errors.items()},
        {path: tuple(bool(flag) for flag in found[chosen]) for path, found in maps.collapsed.items()},
        averaged,
    )


def _smaller(maps: NDArray[Any], step: int) -> NDArray[np.float32]:
    """Means over blocks of step x step; those at the far edges may be smaller."""
    if step > 1:
        for axis in (1, 2):
            starts = np.arange(0, maps.shape[axis], step)
            sums = np.add.reduceat(maps, starts, axis=axis)
            counts = np.diff(np.append(starts, maps.shape[axis]))
            maps = sums / counts.reshape((-1, 1) if axis == 1 else (-1,))
    return np.asarray(maps, dtype=np.float32)


def channel_figure(maps: ChannelMaps, first: int = 0, count: int = 12, scale: Scale = "channel") -> go.Figure:
    """The grid as a heatmap for each row, over the same axes."""
    grid = channel_grid(maps, first, count, scale)
    height, width = grid.tiles[0].shape[1:]
    gap = max(1, round(0.12 * max(height, width)))
    places = [at * (width + gap) for at in range(len(grid.channels))]
    levels = [at * (height + gap) for at in range(len(grid.rows))]
    across, down = places[-1] + width, levels[-1] + height
    numbers = np.full((height, across), -1)
    for left, channel in zip(places, grid.channels, strict=True):
        numbers[:, left : left + width] = channel
    tall = round(130 + 76 * len(grid.rows) * height / width)  # tiles of a page's width are about so high
    figure = blank(_title(maps, grid, first), min(max(tall, 300), 700))
    for row, top, tiles in zip(grid.rows, levels, grid.tiles, strict=True):
        sheet = np.full((height, across), np.nan)
        for left, tile in zip(places, tiles, strict=True):
            sheet[:, left : left + width] = tile
        of_difference = row not in PATHS
        figure.add_heatmap(
            x=list(range(across)),
            y=list(range(top, top + height)),
            z=_rounded(sheet),
            customdata=numbers.tolist(),
            name=row,
            colorscale=_DIFFERENCE if of_difference else "Viridis",
            zmin=-1 if of_difference else 0,
            zmax=1,
            showscale=False,
            hoverongaps=False,
            hovertemplate=f"channel %{{customdata}}, {row}: %{{z:.3f}}<extra></extra>",
        )
    for at, left in enumerate(places):
        for path, flags in grid.collapsed.items():
            if flags[at]:
                top = levels[grid.rows.index(path)]
                figure.add_shape(
                    type="rect", x0=left - 0.5, x1=left + width - 0.5, y0=top - 0.5, y1=top + height - 0.5,
                    line={"color": _FLAG, "width": 2},
                )  # fmt: skip
    figure.update_layout(
        xaxis={
            "tickvals": [left + (width - 1) / 2 for left in places],
            "ticktext": [_words(grid, at) for at in range(len(places))],
            "side": "top", "ticks": "", "showgrid": False, "zeroline": False, "constrain": "domain",
            "range": [-0.5 - gap / 2, across - 0.5 + gap / 2],
        },
        yaxis={
            "tickvals": [top + (height - 1) / 2 for top in levels],
            "ticktext": list(grid.rows), "ticks": "", "showgrid": False, "zeroline": False,
            "range": [down - 0.5, -0.5], "scaleanchor": "x", "constrain": "domain",
        },
        margin={"l": 128, "r": 12, "t": 96, "b": 16},
        uirevision=f"{maps.model} {maps.split} {first}",
    )  # fmt: skip
    return figure


def _words(grid: Grid, at: int) -> str:
    flagged = [path for path, flags in grid.collapsed.items() if flags[at]]
    below = f"<br><span style='color:{_FLAG}'>one value</span>" if flagged else "<br> "
    return f"<b>{grid.channels[at]}</b><br>{significant(grid.errors['decoded'][at], 2)}{below}"


def _rounded(sheet: NDArray[Any]) -> list[list[float | None]]:
    return [[None if number != number else round(float(number), 3) for number in row] for row in sheet]


def collapsed_words(maps: ChannelMaps) -> str:
    """How many channels became one value on each path."""
    parts = [f"{int(found.sum())} {path}" for path, found in maps.collapsed.items()]
    return f"collapsed to one value: {', '.join(parts)}"


def _title(maps: ChannelMaps, grid: Grid, first: int) -> str:
    last = first + len(grid.channels)
    smaller = f", {grid.averaged} × {grid.averaged} values averaged" if grid.averaged > 1 else ""
    return (
        f"{maps.name}: channels {first + 1} to {last} of {len(maps.channels)}, the most hurt first, with "
        f"their MSE; {collapsed_words(maps)}{smaller}"
    )


def last_page(maps: ChannelMaps, count: int) -> int:
    """The first channel of the last page of so many."""
    return (len(maps.channels) - 1) // count * count


def channel_error_figure(maps: ChannelMaps, first: int = 0, count: int = 12) -> go.Figure:
    """The error of every channel in the order of the grid; a point's customdata is its place there."""
    figure = blank("Error of every channel; click one to see its maps", 210)
    places = list(range(len(maps.channels)))
    for path, errors in maps.errors.items():
        flags = maps.collapsed[path]
        figure.add_scatter(
            x=places,
            y=[float(error) if error > 0 else None for error in errors],
            mode="markers+lines" if len(places) < 400 else "lines",
            customdata=places,
            name=path,
            line={"color": VERSIONS[path], "width": 1},
            marker={
                "size": [8 if flag else 5 for flag in flags],
                "symbol": ["x" if flag else "circle" for flag in flags],
                "color": [_FLAG if flag else VERSIONS[path] for flag in flags],
            },
            hovertext=[
                f"channel {channel}, {path}<br>MSE {significant(error)}{', one value' if flag else ''}"
                for channel, error, flag in zip(maps.channels, errors, flags, strict=True)
            ],
            hoverinfo="text",
        )
    figure.add_vrect(
        x0=first - 0.5, x1=min(first + count, len(places)) - 0.5, fillcolor=REFERENCE, opacity=0.18,
        line_width=0, layer="below",
    )  # fmt: skip
    figure.update_layout(
        xaxis={"title": {"text": "channels, the most hurt first"}, "range": [-1, len(places)]},
        yaxis={"title": {"text": "MSE"}, "type": "log", "tickformat": "~g"},
        margin={"l": 128, "r": 12, "t": 60, "b": 44},
    )
    return figure


def channel_table(maps: ChannelMaps) -> Table:
    """One row a channel: its error and whether it collapsed, on each path."""
    paths = tuple(maps.maps)
    columns = ("channel", *(f"{path}_mse" for path in paths), *(f"{path}_collapsed" for path in paths))
    values = tuple(
        (
            int(channel), *(float(maps.errors[path][at]) for path in paths),
            *(bool(maps.collapsed[path][at]) for path in paths),
        )
        for at, channel in enumerate(maps.channels)
    )  # fmt: skip
    return as_table(columns, values, ("",) * len(columns))


def maps_words(maps: ChannelMaps) -> str:
    """What a person should know beside the grid."""
    words = ["differences: blue is less than the original, red is more"]
    words += [f"payload {size(maps.payload_bytes)}"] if maps.payload_bytes else []
    if maps.prefix_tokens:
        words.append(f"{maps.prefix_tokens} tokens that belong to no place left out")
    return "; ".join([*words, *maps.notes])
