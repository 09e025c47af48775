"""Garbage collection stands still while a network is cut, and goes on as it was before."""

import gc

import pytest

from workbench.models import load_model, split, split_points
from workbench.models.collecting import without_collections


def test_it_is_off_inside_and_on_after_the_last_has_left():
    assert gc.isenabled()
    with without_collections():
        assert not gc.isenabled()
        with pytest.raises(ZeroDivisionError), without_collections():
            raise ZeroDivisionError
        assert not gc.isenabled()
    assert gc.isenabled()


def test_where_it_was_off_it_stays_off():
    gc.disable()
    try:
        with without_collections():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_none_runs_while_a_network_is_cut():
    """At most the one that is due as soon as the collector is back."""

    def collections(cut):
        model = load_model("test_resnet.r160_in1k", pretrained=False)
        started = []
        gc.callbacks.append(lambda phase, info: started.append(phase))
        try:
            cut(model)
        finally:
            gc.callbacks.pop()
        return started.count("start")

    assert collections(split_points) <= 1
    assert collections(lambda model: split(model, "layer2")) <= 1
    assert collections(split_points.__wrapped__) > 5
