"""Who gets a warm kernel, and where plotly.js is served from."""

from concurrent.futures import Future

import pytest

from workbench.serving import kernels
from workbench.serving.kernels import REFILL_S, Kernels
from workbench.serving.plotly_js import plotly_folder


@pytest.fixture
def manager(monkeypatch):
    """Kernels with a pool, as Voila gives them one, and a clock that is set by hand."""
    clock = [1000.0]
    monkeypatch.setattr(kernels.time, "monotonic", lambda: clock[0])
    found = Kernels()
    found._pools = {}
    found.clock = clock
    return found


def standing_by(done):
    future = Future()
    if done:
        future.set_result({})
    return future


def test_no_kernel_is_kept_warm(manager):
    assert not manager.has_warm("explorer.ipynb")
    assert not Kernels().has_warm("explorer.ipynb")


def test_the_first_visitor_waits_for_the_kernel_that_starts_with_the_server(manager):
    manager._pools["explorer.ipynb"] = [standing_by(done=False)]
    assert manager.has_warm("explorer.ipynb")


def test_who_comes_right_after_the_last_one_gets_a_kernel_of_his_own_at_once(manager):
    manager._pools["explorer.ipynb"] = [standing_by(done=True)]
    assert manager.has_warm("explorer.ipynb")
    manager._pools["explorer.ipynb"] = [standing_by(done=False)]  # its start is put off
    manager.clock[0] += REFILL_S - 1
    assert not manager.has_warm("explorer.ipynb")
    manager.clock[0] += 2
    assert manager.has_warm("explorer.ipynb")  # it starts by now


def test_a_second_warm_kernel_is_given_away_at_once_and_each_app_has_its_own(manager):
    manager._pools["explorer.ipynb"] = [standing_by(done=True)]
    manager._pools["codecs.ipynb"] = [standing_by(done=False)]
    assert manager.has_warm("explorer.ipynb")
    assert manager.has_warm("explorer.ipynb")
    assert manager.has_warm("codecs.ipynb")


def test_plotly_lies_where_it_is_served_from():
    assert (plotly_folder() / "plotly.min.js").stat().st_size > 3_000_000
