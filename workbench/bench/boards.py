"""What measuring on a board costs by itself: start, wire, a hundred runs, Cancel, the agent's memory.

    agent ready ─ 100 kB over the wire ─ 100 runs of a demo network ─ Cancel ─ memory with 25 MB of weights

    workbench bench boards      prints a table and writes data/results/bench_boards.json

No board is needed: the agent runs on this machine, as `local` and behind OpenSSH's own server on 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import numpy as np

from workbench.bench.measures import Measure, measured
from workbench.bench.openssh import openssh_with_own_home
from workbench.board_records import Mode
from workbench.boards.inventory import LOCAL, Board
from workbench.boards.session import Burst, open_board
from workbench.codecs import codec
from workbench.errors import Cancelled
from workbench.experiments.board_export import export_edge, export_whole
from workbench.experiments.board_measure import measure, plan_of
from workbench.experiments.timing import machine_facts
from workbench.models import Model, Split, load_model
from workbench.models import split as split_at

HERE: Final = Board(LOCAL, "this machine")
SHAPE: Final = (1, 25, 32, 32)  # 102,400 bytes as float32
STACK: Final = ("onnxruntime", "numpy", "asyncssh", "torch")
DEMO: Final = ("digits-resnet", "layer3", "uniform")
HEAVY: Final = ("resnet50", "layer3.3")  # 25 MB of weights before the cut

Progress = Callable[[int, int, str], None]


def bench_boards(*, rounds: int = 5, runs: int = 100, progress: Progress | None = None) -> dict[str, Any]:
    """Measure everything; a record ready for JSON.

    Parameters
    ----------
    rounds : repeats of what is started anew each time.
    runs : inferences of a measurement, and payloads over the wire.

    Raises
    ------
    WorkbenchError : no OpenSSH server here.
    """
    network = load_model(DEMO[0])
    place = split_at(network, DEMO[1])
    plan_of(network, place)  # pictures are loaded, and what loads them
    export_edge(place), export_whole(network)  # cached: an export takes seconds, once
    load_before = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    measures: list[Measure] = []
    with openssh_with_own_home() as board:
        steps: tuple[tuple[str, Callable[[], list[Measure]]], ...] = (
            ("start", lambda: _start(board, rounds)),
            ("wire", lambda: [_wire(one, runs) for one in (board, HERE)]),
            (f"{runs} runs", lambda: _whole(network, place, rounds, runs)),
            ("Cancel", lambda: [_cancel(network, place, mode, rounds) for mode in ("burst", "chain")]),
            ("memory", _memory),
        )
        for number, (name, step) in enumerate(steps):
            if progress is not None:
                progress(number, len(steps), name)
            measures += step()
    return {
        "what": "boards: what measuring costs by itself, on this machine and behind OpenSSH on 127.0.0.1",
        "command": f"workbench bench boards --rounds {rounds} --runs {runs}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {**machine_facts(), "cpus": os.cpu_count(), "load_before": load_before},
        "versions": {name: version(name) for name in STACK},
        "measures": [one.to_dict() for one in measures],
    }


def _start(board: Board, rounds: int) -> list[Measure]:
    lines = []
    for place, where in ((HERE, "here"), (board, "behind OpenSSH")):
        pairs = [asyncio.run(_ready(place)) for _ in range(rounds)]
        note = "connection, Python, agent and the board's facts; without onnxruntime's import"
        lines.append(measured(f"agent ready, {where}", [ready for ready, _ in pairs], "s", 2.0, note))
        imports = [seconds for _, seconds in pairs]
        lines.append(measured(f"numpy and onnxruntime imported, {where}", imports, "s", None))
    return lines


async def _ready(board: Board) -> tuple[float, float]:
    """Seconds until the agent answers, and until onnxruntime is imported there."""
    began = time.perf_counter()
    async with open_board(board, runtime=False) as session:
        ready = time.perf_counter()
        await session.import_runtime()
        return ready - began, time.perf_counter() - ready


def _wire(board: Board, runs: int) -> Measure:
    sent, seconds = asyncio.run(_payloads(board, runs))
    where = "a pipe here" if board.is_local else "loopback, OpenSSH"
    note = f"{sent:,} bytes a payload, each asked for and sent back"
    return measured(f"wire stage, 100 kB over {where}", seconds, "s", 0.005, note)


async def _payloads(board: Board, runs: int) -> tuple[int, list[float]]:
    async with open_board(board) as session:
        await session.take()
        network, _provider = await session.load_network(_identity())
        given = await session.put(np.ones(SHAPE, np.float32))
        coder = await session.load_codec(codec("raw"))
        await session.start_chain(network, given, coder, warmups=5, stall_s=60)
        steps = [await session.step(most_bytes=200_000, stall_s=60) for _ in range(runs)]
        return steps[0].row.sent_bytes, [step.row.wire_s or 0.0 for step in steps]


def _identity() -> bytes:
    """A network that gives back what it takes."""
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "wire", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    data: bytes = model.SerializeToString()
    return data


def _whole(network: Model, place: Split, rounds: int, runs: int) -> list[Measure]:
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        trial = measure(LOCAL, network, place, codec(DEMO[2], bits=4), runs=runs)
        seconds.append(time.perf_counter() - began)
    rows = sum(len(run.rows) for run in trial.runs)
    note = (
        f"{' at '.join(DEMO[:2])}, {DEMO[2]}: burst, chain, all on the board, all on the server; {rows} rows"
    )
    return [measured(f"{runs} runs of each way on local", seconds, "s", 10.0, note)]


def _cancel(network: Model, place: Split, mode: Mode, rounds: int) -> Measure:
    """From the first report after 20 runs, where Cancel is pressed, to the trial in hand."""
    seconds = []
    for _ in range(rounds):
        pressed: list[float] = []

        def press(done: int, total: int, what: str, pressed: list[float] = pressed) -> None:
            if done >= 20:
                pressed.append(time.perf_counter())
                raise Cancelled("pressed")

        measure(LOCAL, network, place, runs=100_000, modes=(mode,), baselines=False, progress=press)
        seconds.append(time.perf_counter() - pressed[0])
    return measured(f"Cancel to the kept rows, {mode}", seconds, "s", 1.0)


def _memory() -> list[Measure]:
    network = load_model(HEAVY[0], pretrained=False)
    edge = export_edge(split_at(network, HEAVY[1])).onnx
    note = f"{HEAVY[0]} with random weights up to {HEAVY[1]}: {len(edge):,} bytes as ONNX"
    lines = []
    for name in ("raw", "context"):
        peak = asyncio.run(_peak(edge, (1, *network.input_size), name))
        lines.append(
            measured(f"agent's peak memory, 25 MB network, {name}", [float(peak)], "bytes", 300e6, note)
        )
    return lines


async def _peak(network: bytes, shape: tuple[int, ...], name: str) -> int:
    async with open_board(HERE) as session:
        await session.take()
        loaded, _provider = await session.load_network(network)
        given = await session.put(np.random.default_rng(7).random(shape, np.float32))
        coder = await session.load_codec(codec(name))
        async for part in session.burst(loaded, given, coder, runs=10, warmups=2, stall_s=60):
            if isinstance(part, Burst):
                return part.peak_memory_bytes
    raise AssertionError("a burst ends with its Burst")
