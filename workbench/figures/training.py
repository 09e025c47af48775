"""Training: loss as it falls, accuracy, time on board and server, and what a search tried."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import plotly.graph_objects as go

from workbench.figures.base import blank, byte_ticks, decades, duration, size
from workbench.figures.palette import CLASSES, REFERENCE, SERIES, STAGES, VERSIONS
from workbench.figures.tables import Table, as_table
from workbench.records import LossCurve, Summary, Tried

FAMILIES: Final = {
    "H": (STAGES["edge"], "circle"),
    "C": (STAGES["codec"], "square"),
    "TC": (STAGES["decode"], "diamond"),
    "T": (STAGES["link"], "triangle-up"),
}
"""Colour and mark of each family of compensators."""


def _label(line: Summary) -> str:
    return line.label.replace(" ", "<br>")


class AccuracyBars(NamedTuple):
    """One pair of bars a method: accuracy before and after fine-tuning, with its spread over seeds."""

    methods: tuple[str, ...]
    before: tuple[float | None, ...]
    after: tuple[float, ...]
    spread: tuple[float, ...]
    lowest: float


def accuracy_bars(summary: Sequence[Summary], unsplit: float | None) -> AccuracyBars:
    """The bars of methods that have an accuracy; `lowest` is where the axis can begin."""
    known = [line for line in summary if line.accuracy is not None]
    shown = [value for line in known for value in (line.accuracy_before, line.accuracy) if value is not None]
    lowest = min([*shown, *([unsplit] if unsplit is not None else [])], default=0.0)
    return AccuracyBars(
        methods=tuple(_label(line) for line in known),
        before=tuple(line.accuracy_before for line in known),
        after=tuple(line.accuracy or 0.0 for line in known),
        spread=tuple(line.accuracy_std or 0.0 for line in known),
        lowest=max(0.0, lowest - 0.25 * (1.0 - lowest) - 0.01),
    )


def loss_figure(curves: Sequence[tuple[str, LossCurve]]) -> go.Figure:
    """Loss against epoch on a log axis: held-out pictures as a line, learned ones dotted."""
    figure = blank("Loss of each stage, held-out pictures as a line", 440)
    for at, (what, curve) in enumerate(curves):
        colour = SERIES[at % len(SERIES)]
        epochs = list(range(1, len(curve.train) + 1))
        figure.add_scatter(
            x=epochs, y=curve.held_out, name=what, mode="lines+markers", line={"color": colour},
            hovertemplate=f"{what}<br>epoch %{{x}}: %{{y:.4g}} held out<extra></extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=epochs, y=curve.train, name=f"{what}, learned from", mode="lines", showlegend=False,
            line={"color": colour, "dash": "dot"},
            hovertemplate=f"{what}<br>epoch %{{x}}: %{{y:.4g}} learned from<extra></extra>",
        )  # fmt: skip
    longest = max((len(curve.train) for _, curve in curves), default=0)
    figure.update_layout(
        xaxis={"title": {"text": "epoch"}, "rangemode": "tozero", "dtick": 1 if longest <= 10 else None},
        yaxis={"title": {"text": "loss"}, "type": "log", "dtick": "D2", "tickformat": ".1~g"},
        uirevision="loss",
    )
    return figure


def accuracy_figure(summary: Sequence[Summary], unsplit: float | None) -> go.Figure:
    """Bars before and after fine-tuning, the spread over seeds, and the unsplit network as a line."""
    bars = accuracy_bars(summary, unsplit)
    figure = blank("Accuracy before and after fine-tuning", 440)
    if any(value is not None for value in bars.before):
        figure.add_bar(
            x=bars.methods, y=bars.before, name="before fine-tuning", marker={"color": VERSIONS["decoded"]},
            hovertemplate="%{x}<br>%{y:.2%} before<extra></extra>",
        )  # fmt: skip
    figure.add_bar(
        x=bars.methods, y=bars.after, name="after fine-tuning", marker={"color": VERSIONS["restored"]},
        error_y={"type": "data", "array": bars.spread, "visible": any(bars.spread), "color": REFERENCE},
        hovertemplate="%{x}<br>%{y:.2%} after<extra></extra>",
    )  # fmt: skip
    if unsplit is not None:
        figure.add_hline(
            y=unsplit, line={"color": REFERENCE, "dash": "dash"},
            annotation={"text": f"unsplit<br>{unsplit:.2%}", "x": 1, "xanchor": "left", "yanchor": "middle"},
        )  # fmt: skip
    figure.update_layout(
        barmode="group",
        bargap=max(0.28, 1 - 0.24 * len(bars.methods)),
        margin={"l": 72, "r": 72, "t": 76, "b": 48},
        xaxis={"type": "category"},
        yaxis={"tickformat": ".1%", "range": [bars.lowest, 1.0], "title": {"text": "accuracy"}},
    )
    return figure


def time_figure(summary: Sequence[Summary]) -> go.Figure:
    """Time on the board and on the server for one picture, stacked; bytes stand at the end of each bar."""
    methods = [_label(line) for line in summary]
    figure = blank("Time of one picture on the board and on the server", 440)
    for name, values, colour in (
        ("board: edge part, encoder", [1000 * line.board_s for line in summary], STAGES["edge"]),
        (
            "server: decoder, restorer, server part",
            [1000 * line.server_s for line in summary],
            STAGES["server"],
        ),
    ):
        figure.add_bar(
            y=methods, x=values, name=name, orientation="h", marker={"color": colour},
            hovertemplate=f"%{{y}}<br>{name}: %{{x:.3g}} ms<extra></extra>",
        )  # fmt: skip
    figure.add_scatter(
        x=[1000 * (line.board_s + line.server_s) for line in summary], y=methods, mode="text",
        text=[
            f" {duration(line.board_s + line.server_s)}, {size(line.payload_bytes)}" for line in summary
        ],
        textposition="middle right", cliponaxis=False, hoverinfo="skip", showlegend=False, name="total",
    )  # fmt: skip
    figure.update_layout(
        barmode="stack",
        bargap=max(0.28, 1 - 0.24 * len(methods)),
        legend={"traceorder": "normal"},
        margin={"l": 100, "r": 150, "t": 76, "b": 48},
        xaxis={"title": {"text": "milliseconds, measured here"}, "rangemode": "tozero"},
        yaxis={"type": "category", "autorange": "reversed"},
    )
    return figure


class Front(NamedTuple):
    """The compensators that no other beats, from few parameters to many, and what is judged."""

    parameters: tuple[int, ...]
    heights: tuple[float, ...]
    judged: str


def pareto_front(tried: Sequence[Tried]) -> Front:
    """The line through the front; without labels the held-out loss is judged, and the line is empty."""
    if any(one.accuracy is None for one in tried):
        return Front((), (), "held-out loss")
    kept = sorted((one.parameters, one.accuracy or 0.0) for one in tried if one.front)
    return Front(tuple(at for at, _ in kept), tuple(height for _, height in kept), "accuracy")


def search_figure(tried: Sequence[Tried]) -> go.Figure:
    """A search: accuracy over parameters, marks as large as their server time, the front joined by a line."""
    front = pareto_front(tried)
    share = front.judged == "accuracy"
    figure = blank(f"{len(tried)} compensators: {front.judged} without fine-tuning, over parameters", 440)
    if front.parameters:
        figure.add_scatter(
            x=front.parameters, y=front.heights, mode="lines", name="nothing better in all three",
            line={"color": REFERENCE, "dash": "dash", "width": 1.5}, hoverinfo="skip",
        )  # fmt: skip
    slowest = max((one.server_s for one in tried), default=1.0) or 1.0
    for family, (colour, mark) in FAMILIES.items():
        mine = [one for one in tried if one.family == family]
        if not mine:
            continue
        figure.add_scatter(
            x=[one.parameters for one in mine],
            y=[one.accuracy if share else one.loss for one in mine],
            mode="markers",
            name=f"family {family}",
            marker={
                "color": colour,
                "symbol": mark,
                "size": [7 + 19 * one.server_s / slowest for one in mine],
                "opacity": [1.0 if one.front or not front.parameters else 0.4 for one in mine],
            },
            hovertext=[
                f"{family} {one.sizes}<br>{_judged(one)}<br>{one.parameters:,} parameters, "
                f"{duration(one.server_s)} on the server" + ("<br>on the front" if one.front else "")
                for one in mine
            ],
            hoverinfo="text",
        )
    low, high = decades(tuple(float(one.parameters) for one in tried), 0.1)
    figure.update_layout(
        xaxis={
            "type": "log", "range": [low, high], "tickvals": _ticks(low, high), "tickformat": ",d",
            "title": {"text": "parameters on the server; a larger mark takes longer"},
        },
        yaxis={"title": {"text": front.judged}, "tickformat": ".0%" if share else ".3g"},
        legend={"itemsizing": "constant"},
    )  # fmt: skip
    return figure


def _ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 times each power of ten from 10**low to 10**high; the powers alone where those are many."""
    steps = (1, 2, 5) if high - low < 2.5 else (1,)
    values = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return [value for value in values if low <= math.log10(value) <= high]


def _judged(one: Tried) -> str:
    loss = f"held-out loss {one.loss:.3g}"
    return loss if one.accuracy is None else f"{one.accuracy:.2%} right, {loss}"


def search_table(tried: Sequence[Tried]) -> Table:
    """One row a compensator, the most accurate first."""
    columns = ("family", "settings", "accuracy", "held_out_loss", "parameters", "server_s", "front")
    ordered = sorted(tried, key=lambda one: (-(one.accuracy or 0.0), one.loss))
    values = tuple(
        (one.family, one.sizes, one.accuracy, one.loss, one.parameters, one.server_s, one.front)
        for one in ordered
    )
    return as_table(columns, values, ("", "", "fraction", "", "", "s", ""))


def recovery_figure(lines: Mapping[str, Sequence[tuple[int, float, float]]]) -> go.Figure:
    """Relative error over the number of measurements, a line each way; 1 is as bad as the mean."""
    figure = blank("Error of what comes back from m measurements, over the variance of the pictures", 440)
    counts = sorted({count for points in lines.values() for count, _, _ in points})
    for at, (way, points) in enumerate(lines.items()):
        figure.add_scatter(
            x=[count for count, _, _ in points], y=[mean for _, mean, _ in points],
            error_y={"type": "data", "array": [spread for _, _, spread in points]},
            mode="lines+markers", name=way, line={"color": SERIES[at % len(SERIES)]},
            hovertemplate=f"{way}, m = %{{x}}<br>relative error %{{y:.3g}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        xaxis={"title": {"text": "measurements m"}, "type": "log", "tickvals": counts},
        yaxis={"title": {"text": "relative error"}, "type": "log", "dtick": 1, "minor": {"ticks": "outside"}},
    )
    return figure


def rate_accuracy_figure(lines: Mapping[str, Sequence[tuple[float, float]]]) -> go.Figure:
    """Accuracy over bytes of a picture, a line each way; further to the upper left is better.

    The axis begins where nearly all points lie; a line that comes from below is cut off there.
    """
    shares = sorted(share for points in lines.values() for _, share in points)
    lowest = max(0.0, round(2 * shares[len(shares) // 10] - 1.02, 2)) if shares else 0.0
    below = sum(share < lowest for share in shares)
    cut = f", {below} of {len(shares)} points below {lowest:.0%}" if below else ""
    figure = blank(f"Accuracy over bytes of a picture, really coded{cut}", 440)
    marks = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star")
    for at, (way, points) in enumerate(lines.items()):
        figure.add_scatter(
            x=[nbytes for nbytes, _ in points], y=[share for _, share in points], mode="lines+markers",
            name=way, line={"color": CLASSES[at % len(CLASSES)]}, marker={"symbol": marks[at % len(marks)]},
            hovertemplate=f"{way}<br>%{{x:,.0f}} B, %{{y:.2%}} right<extra></extra>",
        )  # fmt: skip
    low, high = decades(tuple(nbytes for points in lines.values() for nbytes, _ in points))
    figure.update_layout(
        xaxis={"title": {"text": "bytes of a picture"}, "type": "log", "range": [low, high]}
        | byte_ticks(low, high),
        yaxis={"title": {"text": "accuracy"}, "tickformat": ".0%", "range": [lowest, 1.01]},
    )
    return figure


def recovery_table(lines: Mapping[str, Sequence[tuple[int, float, float]]]) -> Table:
    """One row a way and number of measurements."""
    columns = ("way", "measurements", "relative_error", "relative_error_std")
    values = tuple((way, *point) for way, points in lines.items() for point in points)
    return as_table(columns, values, ("", "", "", ""))


def rate_accuracy_table(lines: Mapping[str, Sequence[tuple[float, float]]]) -> Table:
    """One row a way and setting."""
    values = tuple((way, *point) for way, points in lines.items() for point in points)
    return as_table(("way", "payload_bytes", "accuracy"), values, ("", "bytes", "fraction"))


def training_table(summary: Sequence[Summary]) -> Table:
    """One row a method."""
    columns = (
        "method", "seeds", "accuracy", "accuracy_std", "accuracy_before", "payload_bytes", "relative_mse",
        "cosine", "ssim", "board_s", "server_s",
    )  # fmt: skip
    values = tuple(tuple(getattr(line, name) for name in columns) for line in summary)
    units = ("", "", "fraction", "fraction", "fraction", "bytes", "", "", "", "s", "s")
    return as_table(columns, values, units)
