"""A split measured on a board: its edge part and codec there, the real bytes back, the rest here.

    board     edge part ─▶ codec.encode ─▶ payload ─┐       burst: again and again, nothing sent
                                                     ▼ wire   chain: each payload sent and answered
    here                                      decode ─▶ server part ─▶ answer, compared with the whole one

Beside it the two ways of not splitting: the whole network on the board, and its input sent as JPEG.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import io
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

from workbench.board_records import BoardRow, BoardRun, BoardSample, BoardTrial, Mode, Way
from workbench.boards.inventory import LOCAL, Board, Inventory
from workbench.boards.plain import run_plain
from workbench.boards.session import BoardSession, Burst, Step, open_board
from workbench.boards.statistics import summarise
from workbench.codecs import Codec, decode
from workbench.codecs import codec as codec_of
from workbench.codecs import payload as layout
from workbench.errors import (
    BoardError,
    BoardMemoryError,
    BoardProtocolError,
    Cancelled,
    SettingError,
)
from workbench.experiments.board_export import Exported, Precision, export_edge, export_whole
from workbench.experiments.board_watch import Watch
from workbench.experiments.choices import default_pictures
from workbench.experiments.steps import as_jpeg, prepared, scores_of, views
from workbench.experiments.timing import Progress, machine_facts, quiet
from workbench.experiments.workspace import Workspace
from workbench.models import Model, Split, load_model
from workbench.pictures import Pictures, load
from workbench.records import SplitPoint

MAX_RUNS: Final = 100_000
STALL_S: Final = 120.0
MODES: Final = ("burst", "chain")
_SPARE_BYTES: Final = 70_000  # a payload's header and tables, beyond its values

Heard = Callable[[str, Way, Mode, Sequence[BoardRow], Sequence[BoardSample]], None]
"""Called as heard(board, way, mode, rows, samples) with what came in since the last call."""


@dataclass(frozen=True)
class Plan:
    """What is to be measured, the same on every board."""

    split: Split
    codec: Codec
    pictures: Pictures
    runs: int
    warmups: int
    modes: tuple[Mode, ...]
    precision: Precision
    baselines: bool
    providers: tuple[str, ...]
    threads: int | None
    stall_s: float

    @property
    def model(self) -> Model:
        """The network."""
        return self.split.model


@dataclass
class _Collected:
    """One way and mode while it is being measured; kept when something breaks."""

    way: Way
    mode: Mode
    rows: list[BoardRow] = field(default_factory=list)
    samples: list[BoardSample] = field(default_factory=list)
    warmup_s: tuple[float, ...] = ()
    watts: float | None = None
    cancelled: bool = True
    notes: list[str] = field(default_factory=list)

    def run(self) -> BoardRun:
        """The summary."""
        return summarise(
            self.way,
            self.mode,
            self.rows,
            self.samples,
            warmup_s=self.warmup_s,
            watts=self.watts,
            cancelled=self.cancelled,
            notes=self.notes,
        )


def plan_of(
    model: Model | str,
    split: str | SplitPoint | Split,
    codec: Codec | str = "raw",
    images: Any = None,
    *,
    runs: int = 100,
    warmups: int = 10,
    modes: Sequence[Mode] = MODES,
    precision: Precision = "fp32",
    baselines: bool = True,
    provider: str | None = None,
    threads: int | None = None,
    stall_s: float = STALL_S,
) -> Plan:
    """What is to be measured, checked, with the codec calibrated; see `measure`."""
    for name, value, least, most in (("runs", runs, 1, MAX_RUNS), ("warmups", warmups, 0, 1000)):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise SettingError(f"{name} is {value!r}; it must be an integer from {least} to {most:,}")
    if threads is not None and (not isinstance(threads, int) or not 1 <= threads <= 1024):
        raise SettingError(
            f"threads is {threads!r}; it must be an integer from 1 to 1024, or None for the default"
        )
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise SettingError(f"modes are {tuple(modes)}; choose from {', '.join(MODES)}")
    network = load_model(model) if isinstance(model, str) else model
    workspace = Workspace()
    place = workspace.split(network, split)
    pictures = default_pictures(network) if images is None else load(images)
    chosen = codec_of(codec) if isinstance(codec, str) else codec
    if len(place.point.shapes) == 1:
        chosen = workspace.codecs_for(place, chosen, pictures[:1])[0][0]
    return Plan(
        place,
        chosen,
        pictures[:1],
        runs,
        warmups,
        tuple(modes),
        precision,
        baselines,
        () if provider is None else (provider,),
        threads,
        stall_s,
    )


def measure(
    board: str | Board = LOCAL,
    model: Model | str = "digits-resnet",
    split: str | SplitPoint | Split = "layer2",
    codec: Codec | str = "raw",
    *,
    progress: Progress = quiet,
    heard: Heard | None = None,
    connection: dict[str, Any] | None = None,
    **options: Any,
) -> BoardTrial:
    """This split and codec on `board`, with every stage's times and what the board's sensors said.

    Parameters
    ----------
    board : a name of the inventory, or a `Board`; "local" is this machine.
    model, split, codec : as in `workbench.run`.
    options : `images` (the first picture is used), `runs`, `warmups`, `modes` ("burst", "chain"), `precision`
        ("fp32", "fp16"), `baselines` (also all on the board, all on the server), `provider` of onnxruntime
        (None takes TensorRT or CUDA where the board has them), `threads` there, `stall_s`: the longest that
        one inference may take.
    progress : called as progress(done, total, what); where it raises `Cancelled`, the work stops within a
        second, and what was measured is returned with `cancelled` set.
    heard : called with rows and samples as they come in.
    connection : options of `open_board`, such as patience_s.

    Raises
    ------
    BoardError : a child that says what happened; its `partial` holds what was measured before.
    Cancelled : stopped before anything was measured.
    """
    plan = plan_of(model, split, codec, **options)
    where = Inventory().get(board) if isinstance(board, str) else board
    return run_plain(measure_async(where, plan, progress, heard, connection))


async def measure_async(
    board: Board,
    plan: Plan,
    progress: Progress = quiet,
    heard: Heard | None = None,
    connection: dict[str, Any] | None = None,
) -> BoardTrial:
    """`measure`, for callers with an event loop."""
    async with open_bench(board, progress, heard, connection) as bench:
        return await bench.measure(plan)


@contextlib.asynccontextmanager
async def open_bench(
    board: Board,
    progress: Progress = quiet,
    heard: Heard | None = None,
    connection: dict[str, Any] | None = None,
) -> AsyncIterator[Bench]:
    """A board, taken for measuring one plan after another."""
    watch = Watch(progress)
    async with contextlib.AsyncExitStack() as stack:
        async with watch.measuring():
            session = await stack.enter_async_context(open_board(board, **(connection or {})))
            await session.take()
        yield Bench(session, watch, heard)


class Bench:
    """A board that is ours until the connection closes."""

    def __init__(self, session: BoardSession, watch: Watch, heard: Heard | None) -> None:
        self.session = session
        self.watch = watch
        self._heard = heard
        self._collected: list[_Collected] = []
        self._known: dict[str, Any] = {}

    async def measure(self, plan: Plan) -> BoardTrial:
        """One plan; partial results are returned on cancel, and travel on the error when something breaks."""
        self._collected = []
        self._known = {"rtt": 0.0, "provider": "", "checks": {}, "notes": {}, "peak": None, "cached": None}
        cancelled = False
        try:
            async with self.watch.measuring():
                await self._measure(plan)
        except Cancelled:
            if not any(one.rows for one in self._collected):
                raise
            cancelled = True
        except BoardError as error:
            if any(one.rows for one in self._collected):
                error.partial = self._trial(plan, cancelled=True)
            raise
        return self._trial(plan, cancelled or any(one.cancelled for one in self._collected))

    async def _measure(self, plan: Plan) -> None:
        session = self.session
        self._known["rtt"] = await session.round_trip()
        self.watch.show(0, plan.runs, "exporting the edge part")
        exported = await asyncio.to_thread(export_edge, plan.split, plan.precision)
        self._known["cached"] = exported.cached
        pictures = prepared(plan.model, plan.pictures).float()
        self.watch.show(0, plan.runs, f"loading {plan.model.name} on {session.board.name}")
        given = await session.put(pictures.numpy())
        network = await self._load(plan, exported)
        codec = await session.load_codec(plan.codec)
        if "burst" in plan.modes:
            await self._burst(plan, "split", network, given, codec)
        if "chain" in plan.modes and not self.watch.cancelled:
            await self._chain(plan, "split", network, given, codec, _Server(plan))
        if not self.watch.cancelled:
            await self._check(plan, pictures)
        if plan.baselines and not self.watch.cancelled:
            await self._baselines(plan, given)

    async def _load(self, plan: Plan, exported: Exported) -> str:
        network, provider = await self.session.load_network(
            exported.onnx, providers=plan.providers, threads=plan.threads
        )
        self._known["provider"] = provider
        return network

    async def _baselines(self, plan: Plan, given: str) -> None:
        """All on the server first: a network that does not fit the board ends the agent."""
        if "chain" in plan.modes:
            await self._all_server(plan)
        if self.watch.cancelled:
            return
        self.watch.show(0, plan.runs, "exporting the whole network")
        try:
            whole = await asyncio.to_thread(export_whole, plan.model, plan.precision)
            network = await self._load(plan, whole)
            if "chain" in plan.modes:
                await self._chain(plan, "all-board", network, given, None, None)
            else:
                await self._burst(plan, "all-board", network, given, None)
        except BoardMemoryError as error:
            self._known["notes"]["all-board"] = str(error)

    async def _burst(self, plan: Plan, way: Way, network: str, given: str, codec: str | None) -> None:
        into = self._begin(way, "burst")
        what = f"{way}, burst on {self.session.board.name}"
        numbers: list[int] = []
        self.watch.show(0, plan.runs, f"warming up, {what}")
        self.watch.stop = lambda: self.session.agent.cancel(numbers[0])
        stream = self.session.burst(
            network,
            given,
            codec,
            runs=plan.runs,
            warmups=plan.warmups,
            stall_s=plan.stall_s,
            started=numbers.append,
        )
        async with contextlib.aclosing(stream) as parts:
            async for part in parts:
                if isinstance(part, Burst):
                    into.warmup_s, into.cancelled, into.watts = part.warmup_s, part.cancelled, part.watts
                    self._known["peak"] = part.peak_memory_bytes
                    break
                self._keep(into, part.rows, part.samples)
                self.watch.show(len(into.rows), plan.runs, what)
        self.watch.stop = None

    async def _chain(
        self, plan: Plan, way: Way, network: str, given: str, codec: str | None, server: _Server | None
    ) -> None:
        into = self._begin(way, "chain")
        what = f"{way}, chain on {self.session.board.name}"
        self.watch.show(0, plan.runs, f"warming up, {what}")
        before, into.warmup_s = await self.session.start_chain(
            network, given, codec, warmups=plan.warmups, stall_s=plan.stall_s
        )
        self._keep(into, (), (before,))
        most = _most_bytes(plan) if codec is not None else 4 * 10**6
        await self._steps(plan, into, what, server, "step", most)
        last, self._known["peak"] = await self.session.last_sample()
        self._keep(into, (), (last,))
        into.rows[:] = [row if codec else replace(row, encode_s=None) for row in into.rows]

    async def _all_server(self, plan: Plan) -> None:
        into = self._begin("all-server", "chain")
        what = f"all-server, chain on {self.session.board.name}"
        jpeg = as_jpeg(views(plan.model, plan.pictures)[0])
        blob = await self.session.put_bytes(jpeg)
        into.notes.append("the board sends a JPEG that it already has: compressing it there is not counted")
        server = _PictureServer(plan, jpeg)
        await self._steps(plan, into, what, server, "echo", len(jpeg), blob=blob)
        into.rows[:] = [replace(row, edge_s=None, encode_s=None) for row in into.rows]

    async def _steps(
        self,
        plan: Plan,
        into: _Collected,
        what: str,
        server: _Server | _PictureServer | None,
        do: str,
        most_bytes: int,
        **more: Any,
    ) -> None:
        began = time.perf_counter()
        for number in range(-min(plan.warmups, 3), plan.runs):
            if self.watch.cancelled:
                return
            asked = time.perf_counter() - began
            step = await self.session.step(do, most_bytes=most_bytes, stall_s=plan.stall_s, **more)
            row = await self._answered(step, server)
            if do == "echo":
                row = replace(row, start_s=asked)
            if number >= 0:
                self._keep(into, (row,), () if step.sample is None else (step.sample,))
                self.watch.show(number + 1, plan.runs, what)
        into.cancelled = False

    async def _answered(self, step: Step, server: _Server | _PictureServer | None) -> BoardRow:
        row = replace(step.row, sent_bytes=len(step.sent))
        if server is None:
            return row
        decode_s, server_s = await asyncio.to_thread(server.answer, step.sent)
        return replace(row, decode_s=decode_s, server_s=server_s)

    async def _check(self, plan: Plan, pictures: torch.Tensor) -> None:
        """The board's features and payload against those computed here, before any number is believed."""
        shape = plan.split.point.shape
        there = await self.session.fetch("features", shape)
        payload = await self.session.fetch_bytes("payload", _most_bytes(plan))
        self._known["checks"] = await asyncio.to_thread(_compare, plan, pictures, there, payload)

    def _begin(self, way: Way, mode: Mode) -> _Collected:
        self._collected.append(_Collected(way, mode))
        return self._collected[-1]

    def _keep(self, into: _Collected, rows: Sequence[BoardRow], samples: Sequence[BoardSample]) -> None:
        into.rows += rows
        into.samples += samples
        if self._heard is not None and (rows or samples):
            self._heard(self.session.board.name, into.way, into.mode, rows, samples)

    def _trial(self, plan: Plan, cancelled: bool) -> BoardTrial:
        session, known = self.session, self._known
        return BoardTrial(
            board=session.board.name,
            kind=session.kind,
            emulated=session.facts.get("emulated", ""),
            when=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            model=plan.model.name,
            weights=plan.model.weights,
            split=plan.split.point.name,
            codec=plan.codec.name,
            settings=plan.codec.settings(),
            precision=plan.precision,
            provider=known["provider"],
            codec_path=session.codec_path,
            runs=tuple(one.run() for one in self._collected if one.rows),
            facts={key: value for key, value in session.facts.items() if key != "now"},
            checks=known["checks"],
            rtt_s=known["rtt"],
            peak_memory_bytes=known["peak"],
            cancelled=cancelled,
            context={
                "runs": plan.runs,
                "warmups": plan.warmups,
                "threads": plan.threads,
                "picture": plan.pictures.names[0],
                "shape": list(plan.split.point.shape),
                "weights_note": plan.model.weights_note,
                "export_cached": known["cached"],
                "server": machine_facts(),
                "notes": known["notes"],
            },
        )


class _Server:
    """The stages behind the wire: decode, server part."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.like = next(plan.model.module.parameters(), torch.empty(0))

    def answer(self, payload: bytes) -> tuple[float, float]:
        """Seconds of decoding and of the server part."""
        checked(self.plan, payload)
        begin = time.perf_counter()
        features = decode(payload)
        middle = time.perf_counter()
        with torch.no_grad():
            self.plan.split.server_part(torch.from_numpy(features[None]).to(self.like.dtype))
        return middle - begin, time.perf_counter() - middle


class _PictureServer:
    """The stages behind the wire where the picture is sent: JPEG to input, whole network."""

    def __init__(self, plan: Plan, jpeg: bytes) -> None:
        self.plan = plan
        self.jpeg = jpeg

    def answer(self, content: bytes) -> tuple[float, float]:
        """Seconds of opening the picture and of the whole network."""
        if content != self.jpeg:
            raise BoardProtocolError("the picture that came back is not the one that was sent")
        begin = time.perf_counter()
        with Image.open(io.BytesIO(content)) as picture:
            tensor = self.plan.model.preprocess([picture.convert("RGB")])
        middle = time.perf_counter()
        with torch.no_grad():
            self.plan.model(tensor)
        return middle - begin, time.perf_counter() - middle


def checked(plan: Plan, payload: bytes) -> None:
    """A payload of this plan's codec and shape, before anything is decoded.

    Raises
    ------
    PayloadError : damaged on the way. BoardProtocolError : another codec or shape.
    """
    envelope = layout.read(payload)
    if envelope.codec != plan.codec.name or envelope.shape != plan.split.point.shape:
        raise BoardProtocolError(
            f"the board sent a payload of {envelope.codec[:40]!r} and shape {envelope.shape}, not of "
            f"{plan.codec.name!r} and shape {plan.split.point.shape}"
        )


def _compare(plan: Plan, pictures: torch.Tensor, there: np.ndarray, payload: bytes) -> dict[str, Any]:
    checked(plan, payload)
    like = next(plan.model.module.parameters(), torch.empty(0))
    with torch.no_grad():
        here = plan.split.edge_part(pictures.to(like.dtype))[0].float().numpy()
        decoded = torch.from_numpy(decode(payload)[None]).to(like.dtype)
        split_scores = scores_of(plan.split.server_part(decoded), plan.model.name)[0]
        whole_scores = scores_of(plan.model(pictures.to(like.dtype)), plan.model.name)[0]
    worst = float(np.abs(there.astype(np.float64) - here).max())
    return {
        "max_abs_difference": worst,
        "relative_difference": worst / max(float(np.abs(here).max()), 1e-30),
        "same_bytes_as_here": plan.codec.encode(there) == payload,
        "payload_bytes": len(payload),
        "same_answer": int(split_scores.argmax()) == int(whole_scores.argmax()),
        "answer": _named(plan.model, int(split_scores.argmax())),
    }


def _named(model: Model, place: int) -> str:
    return model.classes[place] if model.classes and place < len(model.classes) else str(place)


def _most_bytes(plan: Plan) -> int:
    return 9 * plan.split.point.elements + _SPARE_BYTES
