"""Codecs side by side, worked out by hand: bars, lines, histogram and tables."""

import pytest

from workbench import figures
from workbench.codec_records import (
    Claim,
    EntropyCurve,
    RateCurves,
    RateLine,
    RatePoint,
    Search,
    Side,
    SideBySide,
    SymbolHistogram,
)
from workbench.figures import codec_tables as tables
from workbench.figures.codecs import KINDS, kind_of
from workbench.panels.chart import plain_figure
from workbench.records import Description, Part, Quantity


def traces(figure):
    return {trace["name"]: trace for trace in plain_figure(figure)["data"]}


def side(label, codec, parts, error=0.01, answer="3", **settings):
    total = sum(nbytes for _, nbytes in parts)
    header = dict(parts).get("header", 0)
    described = Description(
        codec, settings, (8, 16), "float32", header, total - header, tuple(Part(*part) for part in parts)
    )
    spent = Quantity(0.001, "s", "measured")
    return Side(label, codec, settings, described, error, answer, spent, spent)


@pytest.fixture
def sides():
    return SideBySide(
        "tiny", "trained", "layer1", (8, 16), 4,
        (
            side("onebit", "onebit", [("header", 20), ("bits", 16)], 0.3, answer="8", bits=1),
            side(
                "context", "context", [("header", 30), ("tables", 10), ("words", 20)],
                bits=4, dead_zone=0.0, mixing=False,
            ),
            side("uniform none", "uniform", [("header", 40), ("values", 64)], bits=4, lossless="none"),
            side(
                "rans-csr", "rans-csr",
                [("header", 35), ("grid", 8), ("table", 20), ("lane states", 32), ("words", 25)],
                bits=4, rows="algorithm1",
            ),
            side("slicer", "slicer", [("header", 27), ("column indices", 70), ("values", 50)]),
            side("raw float32", "raw", [("header", 38), ("values", 512)], 0.0, dtype="float32"),
        ),
        (("learned", "needs trained weights"),), 77, "3",
    )  # fmt: skip


@pytest.fixture
def rates():
    def line(label, codec, *points):
        return RateLine(label, codec, tuple(RatePoint(*point) for point in points))

    return RateCurves(
        "tiny", "trained", "layer1", (8, 16),
        (
            line("context", "context", ("Q = 1", 30, 0.5, "8"), ("Q = 4", 60, 0.01, "3")),
            line("context dead zone 0.35", "context", ("Q = 4", 55, 0.02, "3")),
            line("context mixing", "context", ("Q = 4", 50, 0.01, "3")),
            line("raw", "raw", ("as it is", 550, 0.0, "3")),
            line("stranger", "stranger", ("as it is", 90, 0.2, "3")),
        ),
        (), 77, "3",
    )  # fmt: skip


@pytest.fixture
def entropy(curve):
    from dataclasses import replace

    points = tuple(replace(point, encoded_bytes=100 + point.rows) for point in curve.points)
    return EntropyCurve(
        replace(curve, points=points),
        (Search("algorithm1", 16, 0.002), Search("exhaustive", 8, 0.03), Search("exact", 8, 0.001)),
    )


@pytest.fixture
def histogram():
    # D = 1 1 3 | 0 1 0 | 2 1: values, columns, row counts
    return SymbolHistogram(2, 2, 2, 0, (0, 2, 0, 1), (2, 1), (0, 1, 1), 1.75, "exact")


def test_every_byte_is_in_one_stack(sides):
    bars = figures.side_bars(sides)
    assert bars.labels == ("slicer", "rans-csr", "uniform none", "context", "onebit")
    assert bars.totals == (147, 120, 104, 60, 36)
    assert tuple(map(sum, zip(*bars.stacks.values(), strict=True))) == bars.totals
    assert bars.stacks["indices"] == (70, 0, 0, 0, 0)
    assert bars.stacks["tables"] == (0, 20, 0, 10, 0)
    assert bars.stacks["lane states"] == (0, 32, 0, 0, 0)
    assert bars.stacks["settings"] == (0, 8, 0, 0, 0)
    assert bars.stacks["values"] == (50, 25, 64, 20, 16)
    assert "table: 20 B" in bars.hover[1] and "answer 8, unsplit 3" in bars.hover[4]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("row counts: table", "tables"),
        ("row counts: lane states", "lane states"),
        ("row counts: words", "indices"),
        ("row counts", "indices"),
        ("name of tables", "tables"),
        ("block headers", "settings"),
        ("picture", "values"),
        ("centroids", "settings"),
    ],
)
def test_each_part_has_its_kind(part, kind):
    assert kind_of(part) == kind
    assert kind in KINDS


def test_references_and_another_answer_are_marked(sides):
    figure = figures.sides_figure(sides)
    drawn = traces(figure)
    assert drawn["input as JPEG, 77 B"]["x"] == [77, 77]
    assert drawn["features in fp32, 512 B (beyond the axis)"]["x"] == [512, 512]
    assert figure.layout.yaxis.ticktext[-1] == "onebit [other answer]"
    assert figure.layout.yaxis.ticktext[0] == "slicer"
    assert figure.layout.title.text == (
        "8 × 16 features at Q = 4: context needs 50% of the bytes of the rANS paper's format"
    )


def test_bars_stay_on_their_axis_while_q_moves(sides):
    axes = figures.Axes()
    first = figures.sides_figure(sides, axes).layout.xaxis.range
    fewer = SideBySide("tiny", "trained", "layer1", (8, 16), 2, sides.sides[:3], (), 77, "3")
    assert figures.sides_figure(fewer, axes).layout.xaxis.range == first


def test_the_smallest_right_answer_and_the_smallest_of_a_codec(sides):
    assert sides.smallest_right().label == "context"
    assert sides.find("rans-csr").payload_bytes == 120
    assert sides.find("uniform", lossless="zip") is None
    assert sides.raw_bytes == 512


def test_rate_lines_leave_out_what_a_log_axis_cannot_show(rates):
    lines = figures.rate_lines(rates)
    assert [line.label for line in lines] == [
        *("context", "context dead zone 0.35", "context mixing", "stranger")
    ]
    assert lines[0].nbytes == (30, 60) and lines[0].distortion == (0.5, 0.01)
    assert "answer: 8, unsplit: 3" in lines[0].hover[0]
    drawn = traces(figures.rate_figure(rates))
    assert drawn["context"]["line"]["dash"] == "solid"
    assert drawn["context dead zone 0.35"]["line"]["dash"] == "dot"
    assert drawn["context mixing"]["line"]["dash"] == "dashdot"
    assert drawn["context"]["line"]["color"] == drawn["context dead zone 0.35"]["line"]["color"]
    assert drawn["features in fp32, 512 B"]["x"] == [512, 512]


def test_entropy_and_real_bytes_with_three_searches(entropy):
    lines = figures.entropy_lines(entropy)
    assert lines.rows == (1, 8, 16, 128)
    assert lines.entropy_bits == (4.0, 3.0, 3.1, 2.5)
    assert lines.nbytes == (101, 108, 116, 228)
    assert lines.searches == (("algorithm1", 16, 3.1), ("exhaustive", 8, 3.0), ("exact", 8, 3.0))
    figure = figures.entropy_figure(entropy, chosen=8)
    drawn = traces(figure)
    assert drawn["payload, really encoded (right)"]["yaxis"] == "y2"
    assert drawn["payload, really encoded (right)"]["y"] == [101, 108, 116, 228]
    assert drawn["Algorithm 1: N = 16, 2.00 ms"]["x"] == [16]
    assert drawn["exact: N = 8, 1.00 ms"]["y"] == [3.0]
    assert drawn["chosen: N = 8"]["x"] == [8, 8]
    assert figure.layout.title.text == (
        "T = 128 values of 4 bits: cheapest at N = 8, though H is lowest at N = 128"
    )


def test_symbols_by_part(histogram):
    assert histogram.length == 8
    bars = figures.symbol_bars(histogram)
    assert bars.symbols == (0, 1, 2, 3) and bars.wide == 1
    assert bars.counts == {
        "values v": (0, 2, 0, 1), "column indices c": (2, 1, 0, 0), "row counts r": (0, 1, 1, 0),
    }  # fmt: skip
    figure = figures.symbol_figure(histogram)
    assert figure.layout.title.text == "D at exact N = 2 (K = 2): 8 symbols, H = 1.75 bits"
    assert traces(figure)["values v"]["y"] == [0, 2, 0, 1]


def test_many_symbols_share_bars_and_none_is_lost():
    many = SymbolHistogram(4, 1, 1000, 0, (0, 7), tuple(range(1000)), (0,), 8.0, "given")
    bars = figures.symbol_bars(many)
    assert bars.wide == 3 and len(bars.symbols) == 334
    assert sum(bars.counts["column indices c"]) == sum(range(1000))
    assert "3 to a bar" in figures.symbol_figure(many).layout.xaxis.title.text


def test_tables_hold_full_numbers(sides, rates, entropy, histogram):
    table = tables.sides_table(sides)
    first = dict(zip(table.columns, table.values[1], strict=True))
    assert first["codec"] == "context" and first["payload_bytes"] == 60 and first["tables_bytes"] == 10
    assert first["same_answer"] is True and first["encode_s"] == 0.001
    assert tables.rate_table(rates).values[0] == ("context", "Q = 1", 30, 0.5, "8", False)
    chosen = {row[0]: row[-1] for row in tables.entropy_table(entropy).values}
    assert chosen == {1: "", 8: "exhaustive and exact", 16: "algorithm1", 128: ""}
    assert tables.symbol_table(histogram).values == (
        (0, 0, 2, 0, 2), (1, 2, 1, 1, 4), (2, 0, 0, 1, 1), (3, 1, 0, 0, 1),
    )  # fmt: skip


def test_claims_as_a_table():
    claim = Claim("paper", "bigger", "table 2", "7 ×", "tiny at layer1", "6 ×", None)
    table = tables.claims_table((claim,))
    assert table.rows == (("paper", "bigger", "table 2", "7 ×", "tiny at layer1", "6 ×", "–"),)
    assert table.csv().splitlines()[1] == "paper,bigger,table 2,7 ×,tiny at layer1,6 ×,"
