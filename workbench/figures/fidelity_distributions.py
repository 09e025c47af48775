"""How a metric lies over all samples: original against decoded and against restored (figure 13)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from workbench.fidelity_records import FidelityReport, Histogram, Path
from workbench.figures.base import blank, note
from workbench.figures.fidelity import METRIC_WORDS, UNITS, with_unit
from workbench.figures.palette import VERSIONS
from workbench.figures.tables import Table, as_table
from workbench.numbers import significant

MAX_BINS = 40


class Bars(NamedTuple):
    """A histogram of each path over the same bins; `left_out` counts the values in none of them."""

    metric: str
    per: str
    edges: tuple[float, ...]
    counts: dict[Path, tuple[int, ...]]
    means: dict[Path, float]
    left_out: dict[Path, int]
    log: bool


def measures(report: FidelityReport) -> tuple[tuple[str, str], ...]:
    """What can be drawn as a distribution: (key, words); a key is "ssim", or "ssim/channel map"."""
    found: dict[str, str] = {}
    for one in report.paths:
        found |= {name: f"{METRIC_WORDS.get(name, name)} of each sample" for name in one.distributions}
        found |= {
            f"{name}/{bins.per}": f"{METRIC_WORDS.get(name, name)} of each {bins.per}"
            for name, bins in one.histograms.items()
            if bins.per != "sample"
        }
    first = [key for key in ("ssim", "cosine") if key in found]
    return tuple((key, found[key]) for key in dict.fromkeys((*first, *found)))


def distribution_bars(report: FidelityReport, measure: str) -> Bars:
    """The bars of a measure of `measures`; the first of these where this one has no number here."""
    known = [key for key, _ in measures(report)]
    measure = measure if measure in known else known[0]
    name, _, per = measure.partition("/")
    if per:
        return _counted(
            name, per, {one.path: one.histograms[name] for one in report.paths if name in one.histograms}
        )
    samples = {one.path: one.distributions[name] for one in report.paths if name in one.distributions}
    values = {path: found.finite for path, found in samples.items()}
    edges, log = _edges(np.concatenate(list(values.values())))
    return Bars(
        name,
        "sample",
        tuple(edges.tolist()),
        {path: tuple(np.histogram(kept, edges)[0].tolist()) for path, kept in values.items()},
        {path: float(kept.mean()) if len(kept) else math.nan for path, kept in values.items()},
        {path: found.n - len(values[path]) for path, found in samples.items()},
        log,
    )


def _edges(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    """Bins that hold all values: even ones, or even ones on a log axis where they span decades."""
    if not len(values):
        return np.array([0.0, 1.0]), False
    low, high = float(values.min()), float(values.max())
    bins = min(MAX_BINS, max(8, math.ceil(2 * math.sqrt(len(values)))))
    if low > 0 and high / low > 50:
        return np.geomspace(low * 0.999, high * 1.001, bins + 1), True
    if high - low < 1e-12 * max(1.0, abs(high)):  # all the same: one bar in the middle
        half = max(abs(high), 1.0) * 0.05
        return np.linspace(low - half, high + half, 12), False
    return np.linspace(low, high, bins + 1), False


def _counted(name: str, per: str, found: dict[Path, Histogram]) -> Bars:
    """Counted bins, joined where they are finer than a page can show; empty ones at the ends left out."""
    first = next(iter(found.values()))
    used = np.flatnonzero(sum(one.counts for one in found.values()))
    start, stop = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, len(first.counts))
    step = math.ceil((stop - start) / MAX_BINS)
    places = range(start, stop, step)
    edges = [float(first.edges[at]) for at in places] + [
        float(first.edges[min(stop, start + step * len(places))])
    ]
    middles = (first.edges[:-1] + first.edges[1:]) / 2
    return Bars(
        name,
        per,
        tuple(edges),
        {
            path: tuple(int(one.counts[at : min(at + step, stop)].sum()) for at in places)
            for path, one in found.items()
        },
        {path: float((one.counts * middles).sum() / max(1, one.counts.sum())) for path, one in found.items()},
        {path: one.below for path, one in found.items()},
        False,
    )


def distribution_figure(report: FidelityReport, measure: str = "ssim") -> go.Figure:
    """Histograms of original against decoded and original against restored over the same bins (figure 13)."""
    bars = distribution_bars(report, measure)
    words = METRIC_WORDS.get(bars.metric, bars.metric)
    unit = UNITS.get(bars.metric, "")
    told = ", ".join(f"{with_unit(mean, unit)} {path}" for path, mean in bars.means.items())
    figure = blank(f"{words[0].upper()}{words[1:]} of each {bars.per} to the original: mean {told}", 470)
    middles, widths, hovers = _places(bars)
    for path, counts in bars.counts.items():
        total = max(1, sum(counts))
        figure.add_bar(
            x=middles,
            y=counts,
            width=widths,
            name=f"original against {path}",
            marker={"color": VERSIONS[path], "opacity": 0.72},
            hovertext=[
                f"<b>{path}</b>, {hover}<br>{count:,} of {total:,}"
                for hover, count in zip(hovers, counts, strict=True)
            ],
            hoverinfo="text",
        )
    for path, mean in bars.means.items():
        if math.isfinite(mean):
            place = math.log10(mean) if bars.log else mean
            figure.add_vline(x=place, line={"color": VERSIONS[path], "dash": "dash", "width": 1.5})
    left = [f"{count:,} {path}" for path, count in bars.left_out.items() if count]
    if left:
        words_left = "below the axis" if bars.per != "sample" else "without any error, infinite"
        place_of_note = {"x": 1, "xref": "paper", "xanchor": "right", "y": 1.03, "yref": "paper"}
        figure.add_annotation(**note(f"left out: {', '.join(left)} ({words_left})", **place_of_note))
    axis = {"title": {"text": f"{words}{f', {unit}' if unit else ''}"}}
    figure.update_layout(
        barmode="overlay",
        bargap=0,
        xaxis={**axis, **(_log_ticks(bars.edges) if bars.log else {})},
        yaxis={"title": {"text": f"{bars.per}s"}, "rangemode": "tozero"},
        uirevision=f"{report.model} {report.split} {measure}",
    )
    return figure


def _places(bars: Bars) -> tuple[list[float], list[float], list[str]]:
    ends = [math.log10(edge) for edge in bars.edges] if bars.log else list(bars.edges)
    pairs = list(pairwise(ends))
    hovers = [f"{significant(low)} to {significant(high)}" for low, high in pairwise(bars.edges)]
    return [(low + high) / 2 for low, high in pairs], [high - low for low, high in pairs], hovers


def _log_ticks(edges: tuple[float, ...]) -> dict[str, list]:
    """Ticks of an axis that holds logarithms: powers of ten, or 1, 2, 5 times one where there are few."""
    low, high = math.log10(edges[0]), math.log10(edges[-1])
    steps = (1,) if high - low > 3 else (1, 2, 5)
    values = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    shown = [value for value in values if low <= math.log10(value) <= high]
    return {"tickvals": [math.log10(value) for value in shown], "ticktext": [f"{value:g}" for value in shown]}


def distribution_table(report: FidelityReport, measure: str = "ssim") -> Table:
    """One row a bin: from where to where, and how many of each path."""
    bars = distribution_bars(report, measure)
    columns = ("from", "to", *(f"{path}_{bars.per}s".replace(" ", "_") for path in bars.counts))
    values = tuple(
        (low, high, *(counts[at] for counts in bars.counts.values()))
        for at, (low, high) in enumerate(pairwise(bars.edges))
    )
    return as_table(columns, values, ("",) * len(columns))
