"""What each chart draws: the numbers worked out for it, and that they are what the figure holds."""

import dataclasses

import pytest

from workbench import figures
from workbench.figures.base import Axes, decades, round_up
from workbench.figures.palette import STAGES
from workbench.panels.chart import plain_figure
from workbench.records import Answer, CutProfile, Description, Part, Quantity, ReshapeCurve


def traces(figure):
    """The traces by name, as the page gets them."""
    return {trace["name"]: trace for trace in plain_figure(figure)["data"]}


def title(figure):
    return figure.layout.title.text


def test_cut_bars_by_hand(profile):
    bars = figures.cut_bars(profile)
    assert bars.fp32_bytes == (65_536, 16_384, 512)
    assert bars.edge_share == (0.1, 0.5, 0.9)
    assert bars.below_jpeg == ("layer2",)
    assert "features 8 × 4 × 4: 512 B fp32, 128 B int8" in bars.hover[2]
    assert "work on the board 9.00 MMAC of 10.0 MMAC" in bars.hover[2]
    assert "weights on the board 900 k of 1.00 M" in bars.hover[2]
    assert "peak memory of activations on the board 40.0 kB" in bars.hover[2]


def test_the_chosen_cut_is_marked_and_every_bar_can_be_clicked(profile):
    figure = figures.cut_profile_figure(profile, "layer1", 1234)
    drawn = traces(figure)
    bars = drawn["features, fp32"]
    assert bars["customdata"] == ["conv1", "layer1", "layer2"]
    assert [colour == STAGES["edge"] for colour in bars["marker"]["color"]] == [False, True, False]
    assert drawn["payload, 1,234 B"]["x"] == ["layer1"]
    assert drawn["payload, 1,234 B"]["y"] == [1234]
    assert drawn["input as JPEG, 1,000 B"]["y"] == [1000.0] * 3
    assert "<b>layer1</b>" in figure.layout.xaxis.ticktext
    assert (
        title(figure) == "tiny: 3 cuts; uncompressed, the features are smaller than the picture as JPEG at 1"
    )


def test_a_payload_without_a_chosen_cut_is_not_drawn(profile):
    assert not [name for name in traces(figures.cut_profile_figure(profile, None, 99)) if "payload" in name]
    assert not [name for name in traces(figures.cut_profile_figure(profile, "gone", 99)) if "payload" in name]


def test_many_cuts_keep_readable_names_and_the_chosen_one(profile):
    points = tuple(
        dataclasses.replace(profile.points[0], name=f"blocks.{index}", index=index) for index in range(80)
    )
    many = CutProfile("deep", points, (3, 32, 32), profile.input_jpeg)
    axis = figures.cut_profile_figure(many, "blocks.41").layout.xaxis
    assert len(axis.ticktext) <= 27
    assert "<b>blocks.41</b>" in axis.ticktext
    assert "blocks.40" not in axis.ticktext


def test_a_network_without_cuts_says_so():
    nothing = CutProfile("flat", (), (3, 8, 8), Quantity(100.0, "bytes", "measured"))
    figure = figures.cut_profile_figure(nothing)
    assert "no single-tensor cut" in figure.layout.annotations[0].text


def test_payload_bars_by_hand(description):
    bars = figures.payload_bars(description, jpeg_bytes=450)
    assert [part[:3] for part in bars.parts] == [
        ("header", 40, 0.1),
        ("table", 60, 0.15),
        ("words", 300, 0.75),
    ]
    assert bars.compared == (
        ("features, fp32", 512.0),
        ("input as JPEG", 450.0),
        ("payload", 400.0),
        ("Shannon bound", 320.0),
        ("features, 8 bits each", 128.0),
    )


def test_the_parts_drawn_add_up_to_the_payload(description):
    figure = figures.payload_figure(description)
    parts = [trace for trace in plain_figure(figure)["data"] if trace["y"] == ["parts"]]
    assert sum(trace["x"][0] for trace in parts) == description.payload_bytes == 400
    assert title(figure) == "rans-csr: 400 B for 8 × 16 values, 1.25 × the order-0 Shannon bound"
    assert "400 B · 25 bits a value" in traces(figure)["compared"]["text"]


def test_a_codec_without_symbols_has_no_bound():
    raw = Description("raw", {}, (4,), "float32", 30, 16, (Part("header", 30), Part("values", 16)))
    figure = figures.payload_figure(raw)
    assert "Shannon bound" not in [name for name, _ in figures.payload_bars(raw).compared]
    assert "no Shannon bound" in figure.layout.annotations[0].text
    assert title(figure) == "raw: 46 B for 4 values"


def test_reshape_lines_by_hand(curve):
    lines = figures.reshape_lines(curve)
    assert lines.rows == (1, 8, 16, 128)
    assert lines.cost_bytes == (40.5, 33.0, pytest.approx(37.2), 65.0)
    assert lines.encoded == ((8, 75), (128, 140))
    assert lines.visited == (16, 128)
    assert lines.loss == pytest.approx(37.2 / 33 - 1)
    assert "l_D = 2 × 40 + 8 = 88 symbols" in lines.hover[1]


def test_the_reshape_chart_marks_each_choice(curve):
    figure = figures.reshape_figure(curve)
    drawn = traces(figure)
    assert drawn["Algorithm 1, N = 16"]["x"] == [16]
    assert drawn["optimum, N = 8"]["y"] == [33.0]
    assert drawn["visited, 2 of 4"]["x"] == [16, 128]
    assert drawn["really encoded"]["y"] == [75, 140]
    assert drawn["entropy H"]["y"] == [4.0, 3.0, 3.1, 2.5]
    assert title(figure) == (
        "T = 128 values of 4 bits: N = 8 is best at 33 B; Algorithm 1's N = 16 costs 12.7% more"
    )


def test_a_reshape_where_the_search_finds_the_optimum(curve):
    found = ReshapeCurve(128, 4, tuple(p for p in curve.points if p.rows != 16), 8, 8, (128, 8))
    assert title(figures.reshape_figure(found)).endswith("and Algorithm 1 finds it")


def test_answer_bars_by_hand(answers):
    bars = figures.answer_bars(*answers, top=3)
    assert bars.classes == ("3", "8", "5", "0")
    assert bars.before == (0.7, 0.2, 0.06, None)
    assert bars.after == (0.4, 0.55, None, 0.03)
    assert (bars.least_before, bars.least_after) == (0.004, 0.0)
    assert not bars.same


def test_answers_are_paired_and_named(answers):
    figure = figures.answer_figure(*answers)
    drawn = traces(figure)
    assert drawn["unsplit network"]["x"][:2] == [0.7, 0.2]
    assert drawn["from the payload"]["x"][:2] == [0.4, 0.55]
    assert drawn["from the payload"]["text"][2] == "≤ 0 %"
    assert figure.layout.yaxis.ticktext[0] == "3 ✓"
    assert title(figure) == "The answer changed: 3 → 8; right would be 3"


@pytest.mark.parametrize(
    ("after", "label", "expected"),
    [
        ("3", "3", "The same answer: 3, which is right"),
        ("3", "8", "The same answer: 3; right would be 8"),
        ("3", None, "The same answer: 3"),
        ("8", None, "The answer changed: 3 → 8"),
        ("8", "8", "The answer changed: 3 → 8, which is right"),
    ],
)
def test_the_answers_title(after, label, expected):
    figure = figures.answer_figure(Answer((("3", 1.0),), label), Answer(((after, 1.0),), label))
    assert title(figure) == expected


def test_latency_bars_by_hand(latencies):
    bars = figures.latency_bars(*latencies)
    assert bars.stages == ("edge", "encode", "transfer", "decode", "server")
    assert bars.seconds[2] == (0.020, 0.0, 0.012)
    assert bars.totals == (0.030, 0.050, 0.019)
    assert bars.fastest == "all on the server"
    assert bars.hover[2][0] == "<b>transfer</b> 20.0 ms, computed<br>8 B / R"
    assert bars.hover[2][1] == ""


def test_the_latency_chart_stacks_in_milliseconds(latencies):
    figure = figures.latency_figure(*latencies, link="ble5")
    drawn = traces(figure)
    assert drawn["edge"]["x"] == [4.0, 50.0, 0.0]
    assert drawn["transfer"]["marker"]["color"] == STAGES["link"]
    assert drawn["total"]["x"] == pytest.approx([30.0, 50.0, 19.0])
    assert drawn["total"]["text"] == ["total 30.0 ms", "total 50.0 ms", "total 19.0 ms"]
    assert title(figure) == "Splitting takes 30.0 ms over ble5; all on the server is faster with 19.0 ms"


def test_splitting_can_win(latencies):
    split, board, _ = latencies
    assert title(figures.latency_figure(split, board, board)) == "Splitting is fastest: 30.0 ms"


def test_an_axis_stays_until_it_no_longer_fits():
    axes = Axes()
    ends = [axes.end("latency", value) for value in (30.0, 31.0, 12.0, 51.0, 4.9)]
    assert ends == [50.0, 50.0, 50.0, 100.0, 5.0]
    assert axes.end("payload", 3.0) == 5.0
    axes.forget()
    assert axes.end("latency", 30.0) == 50.0


def test_an_axis_for_nothing_and_for_what_is_endless():
    assert round_up(0.0) == round_up(float("inf")) == round_up(float("nan")) == 1.0
    assert decades((0.0, -3.0)) == pytest.approx((-0.06, 0.06))
    assert decades((float("inf"), 10.0), room=0) == (1.0, 1.0)


def test_the_same_axis_is_drawn_while_a_slider_moves(description, latencies):
    axes = Axes()
    smaller = dataclasses.replace(
        description, body_bytes=250, parts=(*description.parts[:2], Part("words", 190))
    )
    first = figures.payload_figure(description, axes=axes).layout.xaxis.range
    assert figures.payload_figure(smaller, axes=axes).layout.xaxis.range == first == (0, 500)
