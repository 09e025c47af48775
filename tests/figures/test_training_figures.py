"""Figures of training: what is drawn, from records made by hand."""

from dataclasses import replace

import pytest

from workbench.figures.training import (
    accuracy_bars,
    accuracy_figure,
    loss_figure,
    pareto_front,
    rate_accuracy_figure,
    rate_accuracy_table,
    recovery_figure,
    recovery_table,
    search_figure,
    search_table,
    time_figure,
    training_table,
)
from workbench.records import LossCurve, Summary, Tried


def _line(method, accuracy, std=0.0, before=0.8, board_s=0.001):
    return Summary(method, 3, accuracy, std, before, 120.0, 0.05, 0.98, None, board_s, 0.004)


def test_axis_begins_below_the_lowest_and_never_below_zero():
    bars = accuracy_bars([_line("a", 0.9, 0.01), _line("b", None)], 0.99)
    assert bars.methods == ("a",)
    assert (bars.after, bars.spread, bars.before) == ((0.9,), (0.01,), (0.8,))
    assert bars.lowest == pytest.approx(0.8 - 0.25 * 0.2 - 0.01)
    assert accuracy_bars([_line("a", 0.05, before=0.0)], None).lowest == 0.0


def test_unsplit_network_is_a_line_and_the_spread_is_seen():
    figure = accuracy_figure([_line("a", 0.9, 0.01), _line("b", 0.95)], 0.99)
    assert [bar.name for bar in figure.data] == ["before fine-tuning", "after fine-tuning"]
    assert list(figure.data[1].error_y.array) == [0.01, 0.0]
    assert figure.data[1].error_y.visible
    assert figure.layout.shapes[0].y0 == 0.99
    assert (figure.layout.annotations[0].text, figure.layout.annotations[0].x) == ("unsplit<br>99.00%", 1)
    assert not accuracy_figure([_line("a", 0.9)], None).layout.shapes


def test_loss_is_drawn_for_both_kinds_of_pictures():
    curve = LossCurve("stage 1", (2.0, 1.0), (3.0, 0.5), (0.1, 0.1), 1, 1.0, "finished")
    held, learned = loss_figure([("stage 1", curve)]).data
    assert (list(held.x), list(held.y)) == ([1, 2], [3.0, 0.5])
    assert (list(learned.y), learned.line.dash) == ([2.0, 1.0], "dot")
    assert held.line.color == learned.line.color


def test_times_stack_and_the_bytes_stand_at_the_end():
    board, server, total = time_figure([_line("a", 0.9, board_s=0.002)]).data
    assert (list(board.x), list(server.x), list(total.x)) == ([2.0], [4.0], [6.0])
    assert list(total.text) == [" 6.00 ms, 120 B"]


def test_a_control_is_labelled_in_both_charts():
    lines = [_line("qcnet-h", 0.9), replace(_line("float-server", 0.95), control=True)]
    assert accuracy_bars(lines, 0.9).methods == ("qcnet-h", "float-server<br>(control)")
    for figure, axis in ((accuracy_figure(lines, 0.9), "x"), (time_figure(lines), "y")):
        assert tuple(figure.data[0][axis]) == ("qcnet-h", "float-server<br>(control)")


def test_table_reads_as_people_do_and_keeps_full_numbers():
    table = training_table([_line("a", 0.98765432)])
    assert table.rows[0][:3] == ("a", "3", "98.8 %")
    assert "0.98765432" in table.csv()
    assert table.rows[0][8] == "–"


TRIED = (
    Tried(0, "H", "n=2", 0.2, 0.9, 20_000, 0.004, True),
    Tried(1, "C", "n=1", 0.3, 0.8, 5_000, 0.001, True),
    Tried(2, "C", "n=4", 0.4, 0.7, 30_000, 0.002, False),
)


def test_search_joins_its_front_and_marks_are_as_large_as_their_time():
    assert pareto_front(TRIED) == ((5_000, 20_000), (0.8, 0.9), "accuracy")
    line, hybrid, plain = search_figure(TRIED).data
    assert (list(line.x), list(line.y), line.mode) == ([5_000, 20_000], [0.8, 0.9], "lines")
    assert (hybrid.name, list(hybrid.y), list(hybrid.marker.size)) == ("family H", [0.9], [26.0])
    assert (plain.name, list(plain.x)) == ("family C", [5_000, 30_000])
    assert list(plain.marker.size) == [7 + 19 / 4, 7 + 19 / 2]
    assert list(plain.marker.opacity) == [1.0, 0.4]
    assert hybrid.hovertext[0] == (
        "H n=2<br>90.00% right, held-out loss 0.2<br>20,000 parameters, 4.00 ms on the server<br>on the front"
    )


def test_parameters_have_ticks_within_a_decade_too():
    assert search_figure(TRIED).layout.xaxis.tickvals == (5_000, 10_000, 20_000)
    wide = (*TRIED, Tried(3, "C", "n=4", 0.4, 0.7, 5_000_000, 0.002, False))
    assert search_figure(wide).layout.xaxis.tickvals == (10_000, 100_000, 1_000_000)


def test_search_without_labels_is_judged_by_its_loss():
    without = [Tried(0, "T", "n_g=1", 0.25, None, 100, 0.001, True)]
    (marks,) = search_figure(without).data
    assert list(marks.y) == [0.25]
    assert marks.hovertext[0].startswith("T n_g=1<br>held-out loss 0.25<br>")


def test_search_table_begins_with_the_most_accurate():
    table = search_table(TRIED[::-1])
    assert [row[1] for row in table.rows] == ["n=2", "n=1", "n=4"]
    assert table.rows[0][2] == "90.0 %"


def test_a_line_each_way_of_bringing_back_and_of_sending():
    (back,) = recovery_figure({"hecs": ((2, 0.5, 0.1), (4, 0.25, 0.0))}).data
    assert (list(back.x), list(back.y), list(back.error_y.array)) == ([2, 4], [0.5, 0.25], [0.1, 0.0])
    figure = rate_accuracy_figure({"jpeg": ((100.0, 0.9),), "hecs-b": ((10.0, 0.8), (1000.0, 1.0))})
    assert [line.name for line in figure.data] == ["jpeg", "hecs-b"]
    low, high = figure.layout.xaxis.range
    assert low < 1.0 < 3.0 < high
    assert list(figure.data[1].y) == [0.8, 1.0]
    assert figure.layout.yaxis.range == (0.58, 1.01)
    assert len({line.line.color for line in figure.data}) == 2


def test_measurements_stand_on_the_axis():
    figure = recovery_figure({"hecs": ((2, 0.5, 0.1), (50, 0.25, 0.0)), "vae": ((25, 0.5, 0.0),)})
    assert figure.layout.xaxis.tickvals == (2, 25, 50)


def test_the_axis_of_accuracy_begins_where_nearly_all_points_lie_and_says_how_many_do_not():
    points = tuple((float(at), share) for at, share in enumerate([0.1, *[0.9] * 4, *[0.99] * 15], 1))
    figure = rate_accuracy_figure({"a": points})
    assert figure.layout.yaxis.range == (
        0.78,
        1.01,
    )  # the third of twenty is 0.9, and twice its distance to 1
    assert "1 of 20 points below 78%" in figure.layout.title.text
    assert "below" not in rate_accuracy_figure({"a": points[1:]}).layout.title.text


def test_seven_ways_have_seven_colours_and_marks():
    lines = rate_accuracy_figure({name: ((10.0, 0.9),) for name in "abcdefg"}).data
    assert len({line.line.color for line in lines}) == len({line.marker.symbol for line in lines}) == 7


def test_tables_of_hecs_have_a_row_each_point():
    back = recovery_table({"hecs": ((2, 0.5, 0.1), (4, 0.25, 0.0)), "vae": ((2, 0.75, 0.0),)})
    assert [row[:3] for row in back.rows] == [
        ("hecs", "2", "0.500"),
        ("hecs", "4", "0.250"),
        ("vae", "2", "0.750"),
    ]
    sent = rate_accuracy_table({"jpeg": ((660.7, 0.98),)})
    assert sent.rows == (("jpeg", "661 B", "98.0 %"),)
    assert sent.csv() == "way,payload_bytes,accuracy\r\njpeg,660.7,0.98\r\n"
