"""After a change only the steps behind it run again; what is finished is kept; memory is bounded."""

import numpy as np
import pytest

import workbench as wb
from workbench.errors import Cancelled
from workbench.experiments import Workspace
from workbench.experiments.memory import Memory
from workbench.pictures import load


def ran(workspace):
    """Steps that were computed since the last call."""
    steps = [entry.step for entry in workspace.log if not entry.cached]
    workspace.log.clear()
    return steps


@pytest.fixture
def workspace():
    return Workspace()


def test_only_what_changed_runs_again(workspace, resnet, six):
    four, five = wb.codec("uniform", bits=4), wb.codec("uniform", bits=5)
    ble, lte = wb.link("ble5"), wb.link("lte-cat4")
    first = workspace.trial(resnet, "layer2", four, ble, six, repeats=1)
    assert sorted(ran(workspace)) == ["codec", "cut", "edge part", "server part", "unsplit network"]

    again = workspace.trial(resnet, "layer2", four, ble, six, repeats=1)
    assert ran(workspace) == [] and again == first

    slower = workspace.trial(resnet, "layer2", four, lte, six, repeats=1)
    assert ran(workspace) == []
    assert slower.latency.edge == first.latency.edge and slower.latency.transfer != first.latency.transfer

    finer = workspace.trial(resnet, "layer2", five, ble, six, repeats=1)
    assert sorted(ran(workspace)) == ["codec", "server part"]
    assert finer.quantities["payload_bytes"].value > first.quantities["payload_bytes"].value

    workspace.trial(resnet, "layer3", five, ble, six, repeats=1)
    assert sorted(ran(workspace)) == ["codec", "cut", "edge part", "server part"]

    workspace.trial(resnet, "layer3", five, ble, six[:2], repeats=1)
    assert sorted(ran(workspace)) == ["codec", "edge part", "server part", "unsplit network"]

    workspace.trial(resnet, "layer2", four, ble, six, repeats=1)
    assert ran(workspace) == []


def test_equal_pictures_are_known_again_wherever_they_come_from(workspace, resnet, six):
    workspace.whole(resnet, six, repeats=1)
    copies = load([picture.image.copy() for picture in six])
    workspace.whole(resnet, copies, repeats=1)
    assert ran(workspace) == ["unsplit network"]


def test_a_cancelled_run_keeps_what_was_finished(workspace, resnet, six):
    def stop_at_codec(done, total, what):
        if what == "codec":
            raise Cancelled("stopped")

    codec, link = wb.codec("raw"), wb.link("4g")
    with pytest.raises(Cancelled):
        workspace.trial(resnet, "layer2", codec, link, six, repeats=1, progress=stop_at_codec)
    assert sorted(ran(workspace)) == ["cut", "edge part", "unsplit network"]
    workspace.trial(resnet, "layer2", codec, link, six, repeats=1)
    assert sorted(ran(workspace)) == ["codec", "server part"]


def test_steps_alone_give_what_the_trial_says(workspace, resnet, six):
    split = workspace.split(resnet, "layer2")
    features = workspace.edge(split, six, repeats=2)
    assert len(features.tensors) == 6 and features.tensors[0][0].shape == (128, 8, 8)
    assert features.elements == 8192 and len(features.edge_s) == len(features.server_s) == 2
    codecs, _ = workspace.codecs_for(split, wb.codec("raw"), six)
    coded = workspace.coded(split, codecs, six, repeats=2)
    assert np.array_equal(coded.decoded[3][0], features.tensors[3][0])
    scores = workspace.answered(split, codecs, six, repeats=2)
    whole = workspace.whole(resnet, six, repeats=2)
    assert np.allclose(scores, whole.scores, atol=1e-4)


def test_forgotten_steps_run_again(workspace, resnet, six):
    workspace.whole(resnet, six, repeats=1)
    workspace.forget()
    workspace.whole(resnet, six, repeats=1)
    assert ran(workspace) == ["unsplit network"] * 2


def test_memory_forgets_the_least_recently_used_first():
    memory = Memory(limit_bytes=20)
    for key in "ab":
        memory.get("step", key, lambda: np.zeros(8, np.uint8))
    memory.get("step", "a", lambda: pytest.fail("a is known"))
    memory.get("step", "c", lambda: np.zeros(8, np.uint8))
    assert len(memory) == 2 and memory.nbytes == 16
    assert [memory.get("step", key, lambda: "anew") is not None for key in "ac"] == [True, True]
    assert memory.get("step", "b", lambda: "anew") == "anew"


def test_memory_keeps_the_newest_even_when_it_is_too_large():
    memory = Memory(limit_bytes=10)
    memory.get("step", 1, lambda: np.zeros(100, np.uint8))
    assert len(memory) == 1
    memory.get("step", 2, lambda: np.zeros(5, np.uint8))
    assert memory.nbytes == 5


def test_a_step_that_failed_is_tried_again():
    memory = Memory(limit_bytes=10)
    with pytest.raises(ZeroDivisionError):
        memory.get("step", 1, lambda: 1 // 0)
    assert memory.get("step", 1, lambda: 5) == 5
