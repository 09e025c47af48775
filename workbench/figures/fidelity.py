"""What a codec and a restorer leave, as numbers: one chart of all that has a best value of 1, and tables."""

from __future__ import annotations

import math
from typing import NamedTuple

import plotly.graph_objects as go

from workbench.fidelity_records import FidelityReport, PathFidelity, Share
from workbench.figures.base import blank
from workbench.figures.palette import REFERENCE, VERSIONS
from workbench.figures.tables import Table
from workbench.numbers import readable, significant

METRIC_WORDS = {
    "mse": "MSE",
    "relative_mse": "relative MSE",
    "psnr": "PSNR",
    "cosine": "cosine similarity",
    "ssim": "SSIM",
    "cka": "linear CKA",
    "kl": "KL divergence of the answers",
    "agreement": "same answer (top 1)",
    "agreement_top5": "answer among the top 5",
    "accuracy": "accuracy",
}
_PERFECT = {
    "mse": 0.0, "relative_mse": 0.0, "psnr": math.inf, "cosine": 1.0, "ssim": 1.0, "cka": 1.0, "kl": 0.0,
    "agreement": 1.0, "agreement_top5": 1.0,
}  # fmt: skip
UNITS = {"psnr": "dB", "kl": "nat"}
_SHARES = ("agreement", "agreement_top5", "accuracy")
_BOUNDED = ("cosine", "ssim", "cka", *_SHARES)
_AXIS = "1: nothing lost. Lines hold the middle half of the samples, of a share its 95 % interval"
_MEANING = {
    "mse": "mean squared error of the features",
    "relative_mse": "over the mean square of the features: 1 is as bad as sending zeros",
    "psnr": "over the range of each sample's features",
    "cosine": "direction of the features, 1 is the same",
    "ssim": "structure of the channel maps, 1 is the same",
    "cka": "do samples relate to each other as before? 1 is yes",
    "kl": "what is lost of the answer's probabilities",
    "agreement": "samples with the answer of the unsplit network",
    "agreement_top5": "its answer is among the five best",
    "accuracy": "samples with the right answer",
}


class Number(NamedTuple):
    """One number with where most of it lies: quartiles of samples, or the 95 % interval of a share."""

    value: float
    low: float | None
    high: float | None


class SummaryLine(NamedTuple):
    """One metric: its number if nothing were lost, and on each path."""

    metric: str
    unit: str
    perfect: float | None
    paths: dict[str, Number]


def summary_lines(report: FidelityReport) -> tuple[SummaryLine, ...]:
    """Every metric that has a number, in the records' order."""
    unsplit = report.accuracy_unsplit
    perfect = {**_PERFECT, "accuracy": unsplit.value if unsplit else None}
    return tuple(
        SummaryLine(
            metric,
            "fraction" if metric in _SHARES else UNITS.get(metric, ""),
            perfect[metric],
            {one.path: found for one in report.paths if (found := _number(one, metric)) is not None},
        )
        for metric in report.metrics
    )


def _number(one: PathFidelity, metric: str) -> Number | None:
    value = one.value(metric)
    if value is None:
        return None
    if metric in one.distributions:
        found = one.distributions[metric]
        return Number(value, found.quantile(0.25), found.quantile(0.75))
    share = getattr(one, metric)
    return Number(value, share.low, share.high) if isinstance(share, Share) else Number(value, None, None)


def summary_table(report: FidelityReport) -> Table:
    """A table to read: one row a metric, a column each path, as table 5 of the QCNet paper."""
    names = [one.path for one in report.paths]
    rows = tuple(
        (
            METRIC_WORDS[line.metric],
            _read(line.perfect, line.unit),
            *(_with_range(line.paths.get(name), line.unit) for name in names),
            _MEANING[line.metric],
        )
        for line in summary_lines(report)
    )
    return Table(("metric", "nothing lost", *names, "what it says"), rows, rows)


def fidelity_table(report: FidelityReport) -> Table:
    """The same for a program: one row a metric and path, full numbers."""
    columns = ("metric", "path", "value", "low", "high", "unit", "samples", "unsplit")
    values = tuple(
        (line.metric, path, *found, line.unit, report.samples, line.perfect)
        for line in summary_lines(report)
        for path, found in line.paths.items()
    )
    rows = tuple(
        (
            METRIC_WORDS[line.metric], path, *(_read(number, line.unit) for number in found), line.unit,
            str(report.samples), _read(line.perfect, line.unit),
        )
        for line in summary_lines(report)
        for path, found in line.paths.items()
    )  # fmt: skip
    return Table(columns, rows, values)


def _with_range(found: Number | None, unit: str) -> str:
    if found is None:
        return "–"
    text = _read(found.value, unit)
    if found.low is None or found.high is None:
        return text
    return f"{text} ({_read(found.low, unit)} to {_read(found.high, unit)})"


def _read(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    return str(readable(value, unit)) if unit == "fraction" else with_unit(value, unit)


def with_unit(value: float, unit: str) -> str:
    """A number of a metric as people read it."""
    text = significant(value) if math.isfinite(value) else str(readable(value))
    return f"{text} {unit}".rstrip()


def summary_figure(report: FidelityReport) -> go.Figure:
    """Every number that has a best value of 1, each path as a point with its range."""
    lines = [line for line in summary_lines(report) if line.metric in _BOUNDED]
    figure = blank(_summary_title(report), 80 + 46 * len(lines) + 60)
    labels = [METRIC_WORDS[line.metric] for line in lines]
    names = [one.path for one in report.paths]
    if len(names) > 1:
        for line, label in zip(lines, labels, strict=True):
            ends = [line.paths[name].value for name in names if name in line.paths]
            figure.add_scatter(
                x=ends, y=[label] * len(ends), mode="lines", line={"color": REFERENCE, "width": 1.5},
                showlegend=False, hoverinfo="skip", name=f"{label}, both",
            )  # fmt: skip
    for name in names:
        kept = [
            (line, label, line.paths[name])
            for line, label in zip(lines, labels, strict=True)
            if name in line.paths
        ]
        figure.add_scatter(
            x=[found.value for _, _, found in kept],
            y=[label for _, label, _ in kept],
            mode="markers",
            name=name,
            marker={
                "color": VERSIONS[name],
                "size": 12,
                "symbol": "circle" if name == "decoded" else "diamond",
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [_reach(found.high, found.value) for *_, found in kept],
                "arrayminus": [_reach(found.value, found.low) for *_, found in kept],
                "thickness": 1.5,
                "width": 4,
            },
            hovertext=[
                f"<b>{label}</b>, {name}: {_with_range(found, line.unit)}<br>{_MEANING[line.metric]}"
                for line, label, found in kept
            ],
            hoverinfo="text",
        )
    shown = [
        number for line in lines for found in line.paths.values() for number in found if number is not None
    ]
    lowest = min([*shown, 1.0])
    low = max(-1.0, math.floor(10 * (lowest - 0.02)) / 10) if lowest < 0.9 else 0.9
    if report.accuracy_unsplit is not None and "accuracy" in [line.metric for line in lines]:
        share, grey = report.accuracy_unsplit.value, VERSIONS["original"]
        figure.add_scatter(
            x=[share],
            y=[METRIC_WORDS["accuracy"]],
            mode="markers",
            name="unsplit network",
            marker={"color": grey, "size": 16, "symbol": "line-ns", "line": {"width": 3, "color": grey}},
            hovertext=[f"<b>accuracy</b>, unsplit network: {_read(share, 'fraction')}"],
            hoverinfo="text",
        )
    figure.update_layout(
        xaxis={"range": [low - 0.005, 1.005], "title": {"text": _AXIS}},
        yaxis={"autorange": "reversed", "automargin": True, "type": "category", "categoryarray": labels},
        uirevision=f"{report.model} {report.split}",
    )
    return figure


def _reach(far: float | None, near: float | None) -> float:
    return 0.0 if far is None or near is None else max(0.0, far - near)


def _summary_title(report: FidelityReport) -> str:
    words = [f"{_read(one.agreement.value, 'fraction')} {one.path}" for one in report.paths]
    return (
        f"The answer stays the same for {' and '.join(words)}, {report.samples} samples of {report.pictures}"
    )
