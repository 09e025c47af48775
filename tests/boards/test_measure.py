"""A split of a demo network measured: on this machine, and behind OpenSSH as a board would be."""

import asyncio
import dataclasses
import json

import numpy as np
import pytest
import torch

import workbench as wb
from workbench.board_records import BoardTrial
from workbench.boards.inventory import Inventory
from workbench.errors import (
    BoardProtocolError,
    Cancelled,
    InputError,
    LinkCutError,
    ModelError,
    SettingError,
    UnknownNameError,
)
from workbench.experiments import board_measure
from workbench.experiments.board_export import export_edge, export_whole
from workbench.experiments.board_measure import checked, measure, measure_async, plan_of
from workbench.experiments.board_series import measure_series


@pytest.fixture(scope="module")
def network():
    return wb.load_model("digits-resnet")


@pytest.fixture(scope="module")
def split(network):
    return wb.split(network, "layer3")


def test_local(network, split, lock):
    """100 runs of a demo network; the goal is 10 s: `workbench bench boards` measures that."""
    seen = []
    trial = measure(
        "local",
        network,
        split,
        wb.codec("uniform", bits=4),
        runs=100,
        heard=lambda *told: seen.append(told),
        connection={"lock": lock},
    )
    assert (trial.board, trial.kind, trial.cancelled) == ("local", "local", False)
    assert [(run.way, run.mode) for run in trial.runs] == [
        ("split", "burst"), ("split", "chain"), ("all-server", "chain"), ("all-board", "chain"),
    ]  # fmt: skip
    assert all(len(run.rows) == 100 for run in trial.runs)
    assert set(trial.run("split", "burst").stages) == {"edge", "encode"}
    assert set(trial.run("split", "chain").stages) == {"edge", "encode", "wire", "decode", "server"}
    assert set(trial.run("all-server").stages) == {"wire", "decode", "server"}
    assert set(trial.run("all-board").stages) == {"edge", "wire"}
    assert len(trial.run("split", "burst").warmup_s) == 10
    checks = trial.checks
    assert checks["same_bytes_as_here"] and checks["same_answer"]
    assert 0 < checks["max_abs_difference"] < 1e-4
    assert trial.run("split", "chain").sent_bytes == checks["payload_bytes"]
    assert trial.provider == "CPUExecutionProvider"
    assert trial.weights == "trained"
    assert sum(len(rows) for _board, _way, _mode, rows, _samples in seen) == 400
    json.dumps(trial.to_dict())


def test_behind_openssh(sshd, network, split, lock):
    Inventory().add(sshd)
    trial = measure("openssh", network, split, "onebit", runs=5, warmups=1, connection={"lock": lock})
    assert (trial.kind, trial.board) == ("board", "openssh")
    assert trial.checks["same_bytes_as_here"]
    assert all(value is not None for value in trial.settings.values())  # calibrated before it was sent
    assert all(len(run.rows) == 5 for run in trial.runs)
    assert trial.facts["telemetry_off"] is True


def test_fp16(network, split, lock):
    trial = measure("local", network, split, "raw", runs=2, warmups=1, precision="fp16", modes=("burst",),
                    baselines=False, connection={"lock": lock})  # fmt: skip
    assert trial.precision == "fp16"
    assert 1e-5 < trial.checks["max_abs_difference"] < 0.05
    assert trial.checks["same_answer"]


def test_export_is_cached_and_gives_the_networks_features(network, split, exports):
    export_edge(split)
    files = sorted(exports.rglob("*.onnx"))
    again = export_edge(split)
    assert again.cached
    assert sorted(exports.rglob("*.onnx")) == files
    assert not list(exports.rglob("*.new"))
    import onnx

    model = onnx.load_from_string(again.onnx)
    assert model.ir_version == 8
    assert [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")] == [18]


def test_cache_that_cannot_be_used_costs_time_only(split, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "file"))
    assert not export_edge(split).cached


@pytest.mark.slow  # twelve seconds of everything together; each alone is tried by the quick ones
def test_several_splits_codecs_and_boards_at_once(sshd, network, lock):
    boards = [dataclasses.replace(sshd, name=name) for name in ("one", "two")]
    for board in boards:
        Inventory().add(board)
    locks = iter((lock, lock + "b"))
    opened = board_measure.open_board

    def with_own_lock(board, **options):  # on one machine two boards would exclude each other
        return opened(board, **{**options, "lock": next(locks)})

    board_measure.open_board = with_own_lock
    try:
        trials, failures = measure_series(
            ["one", "two"],
            network,
            ["layer3", "layer2"],
            ["raw", "uniform"],
            runs=2,
            warmups=1,
            modes=("chain",),
        )
    finally:
        board_measure.open_board = opened
    assert failures == {}
    assert [(trial.board, trial.split, trial.codec) for trial in trials] == [
        (board, split, codec)
        for board in ("one", "two")
        for split in ("layer3", "layer2")
        for codec in ("raw", "uniform")
    ]
    assert [len(trial.runs) for trial in trials[:4]] == [3, 1, 1, 1]  # baselines once a board


def test_a_board_that_fails_does_not_stop_the_others(network, split, lock):
    Inventory().add(dataclasses.replace(Inventory().get("local"), name="gone", address="pi@no-such.invalid"))
    trials, failures = measure_series(
        ["gone", "local"],
        network,
        ["layer3"],
        ["raw"],
        runs=2,
        warmups=0,
        baselines=False,
        connection={"lock": lock},
    )
    assert [trial.board for trial in trials] == ["local"]
    assert list(failures) == ["gone"]
    assert "nobody has confirmed its host key" in failures["gone"]


class Stopper:
    """A progress that cancels once `when(done, what)`; `bench boards` measures how soon the work ends."""

    def __init__(self, when):
        self.when = when

    def __call__(self, done, total, what):
        if self.when(done, what):
            raise Cancelled("pressed")


@pytest.mark.parametrize("mode", ["burst", "chain"])
def test_cancel_keeps_what_was_measured(network, split, mode, lock):
    stopper = Stopper(lambda done, what: done >= 20 and mode in what)
    trial = measure("local", network, split, "raw", runs=100_000, modes=(mode,), progress=stopper,
                    connection={"lock": lock})  # fmt: skip
    assert trial.cancelled
    assert [run.mode for run in trial.runs] == [mode]
    assert 20 <= len(trial.runs[0].rows) < 100_000
    assert trial.runs[0].cancelled


def test_cancel_before_anything_was_measured(network, split, lock):
    """At the first report, whatever it is: a step shorter than a tick is never reported."""
    stopper = Stopper(lambda done, what: done == 0)
    with pytest.raises(Cancelled):
        measure("local", network, split, "raw", progress=stopper, connection={"lock": lock})


def test_broken_link_hands_over_what_was_measured(ssh_server, network, split, lock, mark, nothing_left_of):
    async def scenario():
        async with ssh_server() as server:
            seen = []

            def heard(board, way, mode, rows, samples):
                seen.extend(rows)
                if len(seen) > 30:
                    server.cut()

            plan = plan_of(network, split, "raw", runs=10_000, warmups=1)
            with pytest.raises(LinkCutError) as caught:
                await measure_async(server.board(), plan, heard=heard, connection={"lock": lock})
            await nothing_left_of(mark)
            return caught.value.partial, seen

    partial, seen = asyncio.run(scenario())
    assert isinstance(partial, BoardTrial)
    assert partial.cancelled
    assert partial.runs[0].rows and len(partial.runs[0].rows) <= len(seen)


def test_payload_of_another_shape_or_codec_is_refused(network, split):
    plan = plan_of(network, split, "raw")
    right = wb.codec("raw").encode(np.zeros(split.point.shape, np.float32))
    checked(plan, right)
    for wrong in (
        wb.codec("raw").encode(np.zeros((1, 2), np.float32)),
        wb.codec("uniform").encode(np.zeros(split.point.shape, np.float32)),
    ):
        with pytest.raises(BoardProtocolError, match="not of 'raw'"):
            checked(plan, wrong)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"runs": 0}, "runs is 0"),
        ({"runs": 2.5}, "runs is 2.5"),
        ({"warmups": -1}, "warmups is -1"),
        ({"threads": 0}, "threads is 0"),
        ({"modes": ("sprint",)}, "choose from burst, chain"),
        ({"modes": ()}, "choose from burst, chain"),
    ],
)
def test_options_out_of_range(network, split, options, words):
    with pytest.raises(SettingError, match=words):
        plan_of(network, split, "raw", **options)


def test_unknown_board_split_and_precision(network, split, lock):
    with pytest.raises(UnknownNameError, match="no board 'pi9'"):
        measure("pi9", network, split, "raw")
    with pytest.raises(UnknownNameError, match="split point"):
        measure("local", network, "layer9", "raw")
    with pytest.raises(SettingError, match="fp32, fp16"):
        export_edge(split, "fp8")


def test_network_that_cannot_be_exported(network):
    class Odd(torch.nn.Module):
        def forward(self, pictures):
            return torch.linalg.eig(pictures.mean(1))[0].real

    broken = dataclasses.replace(network, module=Odd(), name="odd")
    with pytest.raises(ModelError, match="cannot be exported to ONNX"):
        export_whole(broken)


def test_several_crossing_tensors_are_refused(network):
    several = [point for point in wb.split_points(network, several=True) if len(point.shapes) > 1]
    with pytest.raises(InputError, match="boards measure cuts where one does"):
        export_edge(wb.split(network, several[0], several=True))


def test_inside_a_running_loop_as_in_jupyter(network, split, lock):
    async def cell():
        return measure("local", network, split, "raw", runs=2, warmups=0, baselines=False, modes=("burst",),
                       connection={"lock": lock})  # fmt: skip

    assert len(asyncio.run(cell()).runs[0].rows) == 2
