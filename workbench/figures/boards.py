"""What was measured on boards: a live strip with temperature under it, box plots, stacked bars, a table.

Times of an emulated board are drawn, but its name says on every chart that they are no board's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import plotly.graph_objects as go

from workbench.board_records import BOARD_STAGES, BoardRow, BoardRun, BoardSample, BoardTrial, Compared, Way
from workbench.figures.base import duration, layout, note, size
from workbench.figures.palette import REFERENCE, SERIES, STAGES, Stage
from workbench.figures.tables import Table, as_table
from workbench.numbers import significant

STAGE_OF: Final[dict[str, Stage]] = {
    "edge": "edge",
    "encode": "codec",
    "wire": "link",
    "decode": "decode",
    "server": "server",
}
WAYS: Final[dict[Way, str]] = {
    "split": "split",
    "all-board": "all on the board",
    "all-server": "all on the server",
}


class Live(NamedTuple):
    """What has come in of one run: the board's name, way and mode, rows and samples in order."""

    board: str
    way: Way
    mode: str
    rows: tuple[BoardRow, ...]
    samples: tuple[BoardSample, ...]


class StageBars(NamedTuple):
    """Medians in seconds: one row for each stage, one column for each bar in `names`; 0.0 for none."""

    names: tuple[str, ...]
    seconds: tuple[tuple[float, ...], ...]
    totals: tuple[float, ...]
    remarks: tuple[str, ...]


def place_name(trial: BoardTrial) -> str:
    """The board as charts name it; an emulated one says so."""
    return {"emulated": f"{trial.board} (emulated)", "local": f"{trial.board} (this machine)"}.get(
        trial.kind, trial.board
    )


def strip_figure(runs: Sequence[Live]) -> go.Figure:
    """Milliseconds of each inference over the run's time, and below it each board's temperature and clock."""
    shown = [run for run in runs if run.rows or run.samples]
    count = sum(len(run.rows) for run in shown)
    figure = go.Figure(layout=layout(f"{count} inferences so far" if count else "Waiting for the board", 470))
    told = False
    for place, run in enumerate(shown):
        colour = SERIES[place % len(SERIES)]
        name = f"{run.board}: {WAYS[run.way]}, {run.mode}"
        figure.add_scatter(
            x=[row.start_s for row in run.rows],
            y=[1000 * row.total_s for row in run.rows],
            name=name,
            mode="markers",
            marker={"color": colour, "size": 5},
            hovertemplate="%{y:.3g} ms at %{x:.2f} s<extra>" + run.board + "</extra>",
        )
        for field, axis, scale, dash in (
            ("temperature_c", "y2", 1.0, "solid"),
            ("clock_hz", "y3", 1e-9, "dot"),
        ):
            values = [
                (one.time_s, getattr(one, field)) for one in run.samples if getattr(one, field) is not None
            ]
            if not values:
                continue
            told = True
            figure.add_scatter(
                x=[moment for moment, _value in values],
                y=[scale * value for _moment, value in values],
                name=f"{run.board}: {'temperature' if axis == 'y2' else 'clock'}",
                yaxis=axis,
                line={"color": colour, "dash": dash, "width": 1.5},
                mode="lines",
                showlegend=False,
                hovertemplate="%{y:.3g} "
                + ("°C" if axis == "y2" else "GHz")
                + "<extra>"
                + run.board
                + "</extra>",
            )
    figure.update_layout(
        xaxis={"title": {"text": "seconds since the run began"}, "rangemode": "tozero"},
        yaxis={
            "title": {"text": "milliseconds"},
            "domain": [0.42 if told else 0.0, 1.0],
            "type": "log",
        },
        margin={"l": 72, "r": 72, "t": 76, "b": 48},
        uirevision="strip",
    )
    if told:
        figure.update_layout(
            xaxis_anchor="y2",
            yaxis2={"title": {"text": "°C"}, "domain": [0.0, 0.30]},
            yaxis3={
                "title": {"text": "GHz (dotted)"},
                "overlaying": "y2",
                "side": "right",
                "showgrid": False,
            },
        )
    elif shown:
        text = "neither temperature nor clock are told here"
        figure.add_annotation(note(text, x=1, y=1, xref="paper", yref="paper", xanchor="right"))
    return figure


def spread_figure(trials: Sequence[BoardTrial]) -> go.Figure:
    """Box plots of one inference's time in every run; spoilt rows as open circles, in no box."""
    figure = go.Figure(layout=layout(_spread_title(trials), 470))
    for _trial, run, name in _runs(trials):
        colour = STAGES["edge"] if run.way == "split" else REFERENCE
        clean = [1000 * row.total_s for row in run.rows if not row.spoilt]
        spoilt = [row for row in run.rows if row.spoilt]
        figure.add_box(
            x=clean,
            name=name,
            orientation="h",
            marker={"color": colour, "size": 3},
            boxpoints="outliers",
            line={"width": 1.5},
            hoverinfo="x+name",
        )
        if spoilt:
            figure.add_scatter(
                x=[1000 * row.total_s for row in spoilt],
                y=[name] * len(spoilt),
                mode="markers",
                marker={"symbol": "circle-open", "color": SERIES[1], "size": 7},
                text=[", ".join(row.spoilt) for row in spoilt],
                hovertemplate="%{x:.3g} ms, spoilt: %{text}<extra></extra>",
            )
    figure.update_layout(
        showlegend=False,
        xaxis={"title": {"text": "milliseconds for one picture"}, "type": "log"},
        yaxis={"autorange": "reversed", "automargin": True},
        uirevision="spread",
    )
    return figure


def stage_bars(trials: Sequence[BoardTrial]) -> StageBars:
    """The bars of every run in which the result reaches the server or the answer the board."""
    chosen = [entry for entry in _runs(trials) if entry[1].mode == "chain"] or _runs(trials)
    seconds = tuple(
        tuple(run.stages[stage].median if stage in run.stages else 0.0 for _trial, run, _name in chosen)
        for stage in BOARD_STAGES
    )
    return StageBars(
        tuple(name for _trial, _run, name in chosen),
        seconds,
        tuple(run.total.median if run.total else 0.0 for _trial, run, _name in chosen),
        tuple("" if run.usable else "not usable" for _trial, run, _name in chosen),
    )


def stage_figure(trials: Sequence[BoardTrial]) -> go.Figure:
    """One stacked bar a run: medians of its stages in their colours, the median of the sums at the end."""
    bars = stage_bars(trials)
    figure = go.Figure(layout=layout(_stage_title(bars), 470))
    for stage, seconds in zip(BOARD_STAGES, bars.seconds, strict=True):
        figure.add_bar(
            x=[1000 * value for value in seconds],
            y=bars.names,
            orientation="h",
            name=stage,
            marker={"color": STAGES[STAGE_OF[stage]]},
            hovertext=[f"<b>{stage}</b> {duration(value)}, measured, median" for value in seconds],
            hoverinfo="text",
        )
    ends = [1000 * sum(column) for column in zip(*bars.seconds, strict=True)]
    words = [
        f" {duration(total)}{' · ' + remark if remark else ''}"
        for total, remark in zip(bars.totals, bars.remarks, strict=True)
    ]
    return _stacked(figure, ends, bars.names, words, bargap=0.4, uirevision="stages")


def _stacked(
    figure: Any, ends: Sequence[float], names: Sequence[str], words: Sequence[str], **layout: Any
) -> Any:
    """Bars of milliseconds in one stack for each name, with words at its end."""
    figure.add_scatter(
        x=ends,
        y=names,
        mode="text",
        text=words,
        textposition="middle right",
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_layout(
        barmode="stack",
        margin={"l": 130, "r": 130, "t": 76, "b": 48},
        xaxis={"title": {"text": "milliseconds for one picture"}, "rangemode": "tozero"},
        yaxis={"type": "category", "autorange": "reversed", "automargin": True},
        legend_traceorder="normal",
        **layout,
    )
    return figure


class LinkBars(NamedTuple):
    """Two bars for each run that sent something, in seconds: as measured, and with the link's prediction."""

    names: tuple[str, ...]
    elsewhere: tuple[float, ...]
    wire: tuple[float, ...]
    predicted: tuple[bool, ...]


def link_bars(compared: Sequence[Compared]) -> LinkBars:
    """The bars, a run's two next to each other."""
    names, elsewhere, wire, predicted = [], [], [], []
    taken: dict[str, int] = {}
    for one in compared:
        what = f"{one.trial.split}, {one.trial.codec}" if one.way == "split" else WAYS[one.way]
        name = f"{place_name(one.trial)}: {what}"
        taken[name] = taken.get(name, 0) + 1
        name = name if taken[name] == 1 else f"{name} ({taken[name]})"
        names += [f"{name}<br>measured", f"{name}<br>on {one.link}"]
        elsewhere += [one.elsewhere_s] * 2
        wire += [one.measured_s, one.predicted_s]
        predicted += [False, True]
    return LinkBars(tuple(names), tuple(elsewhere), tuple(wire), tuple(predicted))


def links_figure(compared: Sequence[Compared]) -> go.Figure:
    """Two bars for each run: the wire as it was measured, and as the link's model predicts it (hatched)."""
    bars = link_bars(compared)
    height = max(470, 130 + 52 * len(bars.names))
    figure = go.Figure(layout=layout(_links_title(compared), height))
    parts = (
        ("board and server", bars.elsewhere, REFERENCE, [""] * len(bars.names)),
        ("wire", bars.wire, STAGES["link"], ["/" if one else "" for one in bars.predicted]),
    )
    for name, seconds, colour, pattern in parts:
        how = [
            "predicted by the link's model" if one and name == "wire" else "measured, median"
            for one in bars.predicted
        ]
        figure.add_bar(
            x=[1000 * value for value in seconds],
            y=bars.names,
            orientation="h",
            name=name,
            marker={"color": colour, "pattern": {"shape": pattern, "fillmode": "overlay"}},
            hovertext=[
                f"<b>{name}</b> {duration(value)}, {word}" for value, word in zip(seconds, how, strict=True)
            ],
            hoverinfo="text",
        )
    ends = [1000 * (a + b) for a, b in zip(bars.elsewhere, bars.wire, strict=True)]
    words = [f" wire {duration(value)}" for value in bars.wire]
    return _stacked(figure, ends, bars.names, words, bargap=0.3, uirevision="links")


def links_table(compared: Sequence[Compared]) -> Table:
    """One row a run that sent something."""
    columns = (
        "board", "kind", "when", "model", "split", "codec", "way", "sent_bytes", "wire_measured_s", "link",
        "wire_predicted_s", "predicted_by_measured", "whole_measured_s", "whole_on_link_s",
    )  # fmt: skip
    values = tuple(
        (
            one.trial.board, one.trial.kind, one.trial.when, one.trial.model, one.trial.split,
            codec_text(one.trial), one.way, one.sent_bytes, one.measured_s, one.link, one.predicted_s,
            one.ratio, one.elsewhere_s + one.measured_s, one.whole_s,
        )
        for one in compared
    )  # fmt: skip
    units = ("",) * 7 + ("bytes", "s", "", "s", "", "s", "s")
    return as_table(columns, values, units)


def _links_title(compared: Sequence[Compared]) -> str:
    if not compared:
        return "Nothing was sent: measure in chain mode"
    best = min(compared, key=lambda one: one.whole_s)
    what = f"{best.trial.split}, {best.trial.codec}" if best.way == "split" else WAYS[best.way]
    return f"On {best.link} soonest: {place_name(best.trial)}, {what}, {duration(best.whole_s)} predicted"


COLUMNS: Final = (
    "board", "kind", "model", "weights", "split", "codec", "precision", "provider", "codec path", "way",
    "mode", "edge_s", "encode_s", "wire_s", "decode_s", "server_s", "total_s", "total_low_s", "total_high_s",
    "p95_s", "p95_low_s", "p95_high_s", "sent_bytes", "clean runs", "runs", "energy_j", "warmest_c",
    "problems",
)  # fmt: skip


def board_table(trials: Sequence[BoardTrial]) -> Table:
    """One row a run: medians, intervals, what was sent, how warm the board became, what spoils it."""
    values = tuple(_row(trial, run) for trial, run, _name in _runs(trials))
    return Table(COLUMNS, tuple(tuple(map(_read, COLUMNS, row)) for row in values), values)


def _row(trial: BoardTrial, run: BoardRun) -> tuple[Any, ...]:
    medians = [run.stages[stage].median if stage in run.stages else None for stage in BOARD_STAGES]
    total = run.total
    warm = [sample.temperature_c for sample in run.samples if sample.temperature_c is not None]
    return (
        trial.board, trial.kind, trial.model, trial.weights, trial.split, codec_text(trial), trial.precision,
        trial.provider, trial.codec_path, run.way, run.mode, *medians,
        *((total.median, total.median_low, total.median_high) if total else (None,) * 3),
        *((total.p95, total.p95_low, total.p95_high) if total else (None,) * 3),
        run.sent_bytes, total.n if total else 0, len(run.rows), run.energy_j,
        max(warm) if warm else None, "; ".join(run.problems),
    )  # fmt: skip


def codec_text(trial: BoardTrial) -> str:
    """The codec with the settings that it has."""
    settings = trial.settings.items()
    told = ", ".join(f"{name}={_short(value)}" for name, value in settings if value is not None)
    return f"{trial.codec}({told})"


def _short(value: Any) -> str:
    return significant(value) if isinstance(value, float) else str(value)[:24]


def _read(column: str, value: Any) -> str:
    if value is None:
        return "–"
    if column.endswith("_s"):
        return duration(value)
    if column == "sent_bytes":
        return size(value)
    if column == "energy_j":
        return f"{1000 * value:.3g} mJ"
    if column == "warmest_c":
        return f"{value:.1f} °C"
    return str(value)


def _runs(trials: Sequence[BoardTrial]) -> list[tuple[BoardTrial, BoardRun, str]]:
    """Every run with a name that tells it from the others."""
    found: list[tuple[BoardTrial, BoardRun, str]] = []
    taken: dict[str, int] = {}
    for trial in trials:
        for run in trial.runs:
            what = f"{trial.split}, {trial.codec}" if run.way == "split" else WAYS[run.way]
            tail = "" if run.mode == "chain" else ", burst"
            name = f"{place_name(trial)}: {what}{tail}"
            taken[name] = taken.get(name, 0) + 1
            found.append((trial, run, name if taken[name] == 1 else f"{name} ({taken[name]})"))
    return found


def _spread_title(trials: Sequence[BoardTrial]) -> str:
    rows = [row for trial in trials for run in trial.runs for row in run.rows]
    spoilt = sum(bool(row.spoilt) for row in rows)
    return f"{len(rows)} inferences" + (f", {spoilt} spoilt (open circles)" if spoilt else ", none spoilt")


def _stage_title(bars: StageBars) -> str:
    if not bars.totals:
        return "Nothing was measured"
    best = min(range(len(bars.totals)), key=lambda place: bars.totals[place])
    return f"Soonest: {bars.names[best]} with {duration(bars.totals[best])}"
