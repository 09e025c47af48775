"""Figures of training: what is drawn, from records made by hand."""

import pytest

from workbench.figures.training import (
    accuracy_bars,
    accuracy_figure,
    loss_figure,
    time_figure,
    training_table,
)
from workbench.records import LossCurve, Summary


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


def test_table_reads_as_people_do_and_keeps_full_numbers():
    table = training_table([_line("a", 0.98765432)])
    assert table.rows[0][:3] == ("a", "3", "98.8 %")
    assert "0.98765432" in table.csv()
    assert table.rows[0][8] == "–"
