"""Figures and the table of what boards measured."""

import csv
import importlib.util
import io
from pathlib import Path

import workbench as wb
from workbench.board_records import BOARD_STAGES
from workbench.experiments import board_store
from workbench.figures import boards as figures

_SPEC = importlib.util.spec_from_file_location(
    "board_fakes_figures", Path(__file__).parents[1] / "session" / "board_fakes.py"
)
fakes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fakes)


def test_stage_bars_are_the_medians():
    bars = figures.stage_bars([fakes.trial("pi5", "board")])
    assert bars.names == ("pi5: b, raw", "pi5: all on the server")
    by_stage = dict(zip(BOARD_STAGES, bars.seconds, strict=True))
    assert by_stage["edge"] == (0.010, 0.0)
    assert by_stage["wire"] == (0.003, 0.02)
    assert [round(total, 6) for total in bars.totals] == [0.0165, 0.026]


def test_emulated_and_local_times_are_named_as_such_on_every_figure():
    for kind, words in (("emulated", "x (emulated)"), ("local", "x (this machine)")):
        trials = [fakes.trial("x", kind)]
        for figure in (figures.stage_figure(trials), figures.spread_figure(trials)):
            assert words in str(figure.to_plotly_json())
    assert figures.place_name(fakes.trial("pi5", "board")) == "pi5"


def test_same_name_twice_stays_two_bars():
    bars = figures.stage_bars([fakes.trial("pi5", "board"), fakes.trial("pi5", "board")])
    assert len(set(bars.names)) == 4


def test_spoilt_rows_are_open_circles_outside_the_box():
    trial = fakes.trial("pi5", "board", hot=(5, 6))
    figure = figures.spread_figure([trial])
    spoilt = trial.run("split", "chain").spoilt
    circles = [trace for trace in figure.data if trace.type == "scatter"]
    assert [len(trace.x) for trace in circles] == [spoilt] and spoilt == 3
    assert f"{spoilt} spoilt" in figure.layout.title.text
    box = next(trace for trace in figure.data if trace.name == "pi5: b, raw")
    assert len(box.x) == 20 - spoilt


def test_strip_has_temperature_under_the_times():
    live = figures.Live("pi5", "split", "chain", tuple(fakes.rows(5)), tuple(fakes.samples(6)))
    figure = figures.strip_figure([live])
    times, temperature, clock = figure.data
    assert list(times.y) == [16.5] * 5
    assert list(temperature.y) == [50, 51, 52, 53, 54, 55] and temperature.yaxis == "y2"
    assert [round(value, 6) for value in clock.y] == [2.4] * 6
    assert figure.layout.yaxis2.domain[1] < figure.layout.yaxis.domain[0]
    silent = figures.strip_figure([live._replace(samples=())])
    assert "neither temperature nor clock" in silent.layout.annotations[0].text


def test_a_link_stands_beside_what_was_measured():
    link = wb.link("ble5")
    compared = board_store.compared([fakes.trial("pi5", "board")], link)
    bars = figures.link_bars(compared)
    assert bars.names == (
        "pi5: b, raw<br>measured", "pi5: b, raw<br>on ble5",
        "pi5: all on the server<br>measured", "pi5: all on the server<br>on ble5",
    )  # fmt: skip
    assert bars.wire == (0.003, link.latency(4000), 0.02, link.latency(9000))
    assert [round(value, 6) for value in bars.elsewhere] == [0.0135, 0.0135, 0.006, 0.006]
    figure = figures.links_figure(compared)
    assert figure.data[1].marker.pattern.shape == ("", "/", "", "/")
    assert "On ble5 soonest: pi5, b, raw" in figure.layout.title.text
    table = figures.links_table(compared)
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert float(rows[0]["whole_on_link_s"]) == compared[0].whole_s
    assert table.rows[1][:1] == ("pi5",) and table.rows[1][6] == "all-server"
    assert "measure in chain mode" in figures.links_figure(()).layout.title.text


def test_run_that_is_not_usable_says_so_at_its_bar():
    bars = figures.stage_bars([fakes.trial("pi5", "board", hot=range(2, 21))])
    assert bars.remarks[0] == "not usable"


def test_table_and_its_csv():
    table = figures.board_table([fakes.trial("pi5", "board")])
    assert table.columns == figures.COLUMNS
    assert len(table.rows) == 3
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert rows[1]["way"] == "split" and float(rows[1]["edge_s"]) == 0.010
    assert rows[2]["edge_s"] == ""
    assert table.rows[1][table.columns.index("codec")] == "raw(dtype=float32)"
