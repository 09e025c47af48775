"""What the chart does without a browser: figures become plain data, and plotly.js is sent when asked for."""

import json
import math

import numpy as np
import plotly.graph_objects as go
import pytest

from workbench.panels.chart import Chart, plain_figure


def test_arrays_become_lists_and_what_is_not_finite_none():
    figure = go.Figure(go.Scatter(x=np.arange(4, dtype=np.int64), y=np.array([1.5, np.nan, np.inf, -2.0])))
    trace = plain_figure(figure)["data"][0]
    assert trace["x"] == [0, 1, 2, 3]
    assert trace["y"] == [1.5, None, None, -2.0]


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_every_packed_type_is_unpacked_with_its_shape(dtype):
    grid = np.arange(12).reshape(3, 4).astype(dtype)
    plain = plain_figure(go.Figure(go.Heatmap(z=grid)))["data"][0]["z"]
    assert plain == grid.tolist()


def test_lists_with_nan_tuples_and_numpy_scalars_are_plain_json():
    figure = {"data": [{"y": (math.nan, np.float32(0.5), np.int64(3))}], "layout": {"title": {"text": "a"}}}
    plain = plain_figure(figure)
    assert plain["data"][0]["y"] == [None, 0.5, 3]
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_the_template_stays_out():
    figure = go.Figure(go.Bar(x=["a"], y=[1]), layout={"title": "t", "template": "plotly_dark"})
    assert set(plain_figure(figure)["layout"]) == {"title"}


def test_what_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match="cannot hold object"):
        plain_figure({"data": [{"x": [object()]}]})


def test_show_sets_and_clears_the_figure():
    chart = Chart(go.Figure(go.Bar(x=["a", "b"], y=[1, 2])), name="bars")
    assert chart.figure["data"][0]["y"] == [1, 2]
    chart.show(None)
    assert chart.figure == {}


def test_plotly_is_sent_whole_from_the_installed_package(monkeypatch):
    chart = Chart()
    sent = []
    monkeypatch.setattr(Chart, "send", lambda self, content, buffers=None: sent.append((content, buffers)))
    chart._handle_custom_msg({"kind": "something else"}, [])
    assert sent == []
    chart._handle_custom_msg({"kind": "plotly"}, [])
    ((content, buffers),) = sent
    assert content == {"kind": "plotly"}
    assert buffers[0].startswith(b"/**\n* plotly.js v4") and len(buffers[0]) > 3_000_000
