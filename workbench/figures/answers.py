"""Does the network still say the same? Its top classes before and after, side by side."""

from __future__ import annotations

from typing import Any, NamedTuple

import plotly.graph_objects as go

from workbench.figures.base import Axes, drawn
from workbench.figures.palette import VERSIONS
from workbench.numbers import readable
from workbench.records import Answer


class AnswerBars(NamedTuple):
    """What the chart draws: each class that is among the top of either answer, best before first.

    A class that one of the answers does not hold has None there: it is below its smallest one, which is
    `least_before` or `least_after`.
    """

    classes: tuple[str, ...]
    before: tuple[float | None, ...]
    after: tuple[float | None, ...]
    least_before: float
    least_after: float
    same: bool
    label: str | None


def answer_bars(before: Answer, after: Answer, top: int = 5) -> AnswerBars:
    """The bars of two answers to the same picture."""
    first, second = dict(before.top[:top]), dict(after.top[:top])
    classes = tuple(dict.fromkeys((*first, *second)))
    everywhere, everywhere_after = dict(before.top), dict(after.top)
    return AnswerBars(
        classes=classes,
        before=tuple(everywhere.get(name) for name in classes),
        after=tuple(everywhere_after.get(name) for name in classes),
        least_before=before.top[-1][1],
        least_after=after.top[-1][1],
        same=before.best == after.best,
        label=before.label,
    )


def answer_figure(before: Answer, after: Answer, top: int = 5, axes: Axes | None = None) -> go.Figure:
    """Paired horizontal bars: the unsplit network's answer above, the answer from the payload below it.

    Parameters
    ----------
    top : so many classes of each answer.
    axes : keeps the axis from figure to figure.
    """
    bars = answer_bars(before, after, top)
    traces: list[dict[str, Any]] = []
    for name, values, least, colour in (
        ("unsplit network", bars.before, bars.least_before, VERSIONS["original"]),
        ("from the payload", bars.after, bars.least_after, VERSIONS["decoded"]),
    ):
        words = [f"≤ {_percent(least)}" if value is None else _percent(value) for value in values]
        traces.append(
            {
                "type": "bar",
                "x": [0 if value is None else value for value in values],
                "y": bars.classes,
                "orientation": "h",
                "name": name,
                "text": words,
                "textposition": "outside",
                "cliponaxis": False,
                "hovertext": [
                    f"<b>{label}</b>, {name}: {word}" for label, word in zip(bars.classes, words, strict=True)
                ],
                "hoverinfo": "text",
                "marker": {"color": colour},
            }
        )
    largest = max(value for value in (*bars.before, *bars.after) if value is not None)
    end = min(1.0, (axes or Axes()).end("answer", largest))
    return drawn(
        _title(bars, before, after),
        430,
        traces,
        barmode="group",
        bargap=0.35,
        bargroupgap=0.08,
        margin={"l": 120, "r": 110, "t": 76, "b": 48},
        xaxis={"title": {"text": "probability"}, "tickformat": "~%", "range": [0, end]},
        yaxis={
            "type": "category",
            "autorange": "reversed",
            "automargin": True,
            "tickvals": bars.classes,
            "ticktext": [f"{name} ✓" if name == bars.label else name for name in bars.classes],
        },
        uirevision="answers",
    )


def _percent(value: float) -> str:
    return str(readable(value, "fraction"))


def _title(bars: AnswerBars, before: Answer, after: Answer) -> str:
    text = (
        f"The same answer: {after.best}" if bars.same else f"The answer changed: {before.best} → {after.best}"
    )
    if bars.label is None:
        return text
    if after.best == bars.label:
        return f"{text}, which is right"
    return f"{text}; right would be {bars.label}"
