"""What a measurement asks of a board, step by step, each answer checked.

async with open_board(board) as session:           facts are known, the runtime is imported
    await session.take()                           one measurement at a time
    edge = await session.load_network(onnx_bytes)
    codec = await session.load_codec(codec)
    picture = await session.put(array)
    async for part in session.burst(edge, picture, codec, runs=100): ...
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

import workbench
from workbench.board_records import BoardRow, BoardSample, Kind
from workbench.boards import fields
from workbench.boards.client import AgentClient
from workbench.boards.inventory import Board
from workbench.boards.local import LocalChannel
from workbench.boards.sources import STAND_INS, codec_sources, own_modules
from workbench.codecs import table_store
from workbench.codecs.base import Codec
from workbench.errors import BoardError, BoardProtocolError, LinkCutError, NotReadyError, RebootedError

LOAD_S: Final = 180.0  # loading and optimising a network on a slow board
_PINGS: Final = 11
_ARRAYS: Final = ("float32", "float16")


class Part(NamedTuple):
    """A piece of a burst as it comes in."""

    rows: tuple[BoardRow, ...]
    samples: tuple[BoardSample, ...]


class Burst(NamedTuple):
    """How a burst ended; `watts` at work where only a tool there tells the power, and not its files."""

    cancelled: bool
    warmup_s: tuple[float, ...]
    peak_memory_bytes: int
    watts: float | None = None


class Step(NamedTuple):
    """One run of a chain: its row, the bytes that came, and a sample where one was taken."""

    row: BoardRow
    sent: bytes
    sample: BoardSample | None


class BoardSession:
    """An agent that is ready to measure."""

    def __init__(self, board: Board, agent: AgentClient) -> None:
        self.board = board
        self.agent = agent
        self.facts: dict[str, Any] = {}
        self.codec_path = ""
        self._names = itertools.count(1)
        self._sources: str | None = None
        self._codecs: dict[Codec, str] = {}
        self._networks: dict[str, tuple[str, str]] = {}

    @property
    def kind(self) -> Kind:
        """Whether its times are a board's."""
        if self.facts.get("emulated"):
            return "emulated"
        return "local" if self.board.is_local else "board"

    async def learn(self) -> None:
        """What the board is."""
        answer = await self.agent.ask("hello")
        self.facts = fields.facts(answer.fields.get("facts"))
        self.facts["now"] = fields.sample(answer.fields["facts"].get("now"))

    async def import_runtime(self) -> None:
        """Have numpy and onnxruntime imported there.

        Raises
        ------
        NotReadyError : one is missing. BoardCrashError : its wheel is not for that processor.
        """
        answer = await self.agent.ask("runtime", timeout=LOAD_S)
        self.facts |= fields.facts(answer.fields.get("facts"))

    async def take(self) -> None:
        """Make the board ours until `give`; `BoardBusyError` where another measurement runs."""
        await self.agent.ask("begin")

    async def give(self) -> None:
        """Let others measure."""
        await self.agent.ask("end")

    async def round_trip(self) -> float:
        """Median seconds of an empty message there and back."""
        times = [await self.agent.ping() for _ in range(_PINGS)]
        return float(np.median(times[1:]))

    async def load_network(
        self, model: bytes, *, providers: tuple[str, ...] = (), threads: int | None = None
    ) -> tuple[str, str]:
        """A network as ONNX; its name there, and the provider that runs it. Sent once for each session."""
        digest = hashlib.sha256(model).hexdigest()
        key = f"{digest} {providers} {threads}"
        if key not in self._networks:
            name = f"n{next(self._names)}"
            await self.agent.ask("blob", model, name=name, sha256=digest, timeout=LOAD_S)
            chosen: dict[str, Any] = {"providers": list(providers)} if providers else {}
            answer = await self.agent.ask(
                "session", name=name, blob=name, threads=threads, timeout=LOAD_S, **chosen
            )
            used = fields.rows_of(answer.fields.get("providers"), 16)
            self._networks[key] = (name, fields.clean(used[0], 60) if used else "unknown")
        return self._networks[key]

    async def load_codec(self, codec: Codec) -> str:
        """A codec as the project's own code; its name there.

        Raises
        ------
        NotReadyError : a package that the codec needs is missing there.
        """
        if codec not in self._codecs:
            await self._send_sources(codec)
            cls, name = type(codec), f"c{next(self._names)}"
            settings = codec.settings()
            files = {}
            if settings.get("weights"):  # a learned codec's file goes along; there it is a file in memory
                files["weights"] = await self.put_bytes(_content(str(settings.pop("weights"))))
            tables = table_store.find(str(settings.get("tables") or ""))  # calibrated ones, known by name
            where: dict[str, Any] = {"class": f"{cls.__module__}:{cls.__qualname__}"}
            await self.agent.ask(
                "codec",
                name=name,
                settings=settings,
                files=files,
                tables=[await self.put_bytes(tables)] if tables else [],
                own=own_modules((cls,)),
                timeout=LOAD_S,
                **where,
            )
            self._codecs[codec] = name
        return self._codecs[codec]

    async def _send_sources(self, codec: Codec) -> None:
        major, minor = (int(part) for part in self.agent.ready["python"][:2])
        sources = codec_sources((major, minor), (type(codec),) if own_modules((type(codec),)) else ())
        if sources.sha256 == self._sources:
            return
        answer = await self.agent.ask(
            "sources", sources.packed, sha256=sources.sha256, stand_ins=STAND_INS, timeout=LOAD_S
        )
        self._sources = sources.sha256
        self.codec_path = "numba" if answer.fields.get("numba") is True else "numpy"

    async def put(self, array: NDArray[Any]) -> str:
        """An array to compute with; its name there."""
        name = f"t{next(self._names)}"
        data = np.ascontiguousarray(array)
        await self.agent.ask(
            "tensor",
            memoryview(data.tobytes()),
            name=name,
            dtype=data.dtype.name,
            shape=list(data.shape),
            timeout=LOAD_S,
        )
        return name

    async def put_bytes(self, data: bytes) -> str:
        """Bytes that the board is to send back, such as a picture's file; their name there."""
        name = f"b{next(self._names)}"
        await self.agent.ask("blob", data, name=name, sha256=hashlib.sha256(data).hexdigest(), timeout=LOAD_S)
        return name

    async def burst(
        self,
        network: str,
        given: str,
        codec: str | None,
        *,
        runs: int,
        warmups: int,
        stall_s: float,
        started: Callable[[int], None] | None = None,
    ) -> AsyncGenerator[Part | Burst]:
        """`runs` runs on the board with nothing sent but their times; ends with a `Burst`."""
        seen, seen_samples = 0, 0
        stream = self.agent.stream(
            "run",
            session=network,
            input=given,
            codec=codec,
            runs=runs,
            warmups=warmups,
            timeout=stall_s,
            started=started,
        )
        async with contextlib.aclosing(stream) as messages:
            async for message in messages:
                if message.fields["kind"] == "answer":
                    warm = fields.rows_of(message.fields.get("warm"), warmups)
                    watts = message.fields.get("watts")
                    yield Burst(
                        message.fields.get("cancelled") is True,
                        _warmups(warm),
                        fields.whole(message.fields.get("peak_memory_bytes"), "memory", 2**50),
                        None if watts is None else fields.number(watts, "watts", 1e6),
                    )
                    return
                rows = [fields.row(row) for row in fields.rows_of(message.fields.get("rows"), 1000)]
                samples = [fields.sample(one) for one in fields.rows_of(message.fields.get("samples"), 1000)]
                seen, seen_samples = seen + len(rows), seen_samples + len(samples)
                if seen > runs or seen_samples > runs + 2:
                    raise BoardProtocolError(f"{self.board.name}: more rows came than were asked for")
                yield Part(tuple(rows), tuple(samples))

    async def start_chain(
        self, network: str, given: str, codec: str | None, *, warmups: int, stall_s: float
    ) -> tuple[BoardSample, tuple[float, ...]]:
        """Warm-ups; then `step` may be asked."""
        answer = await self.agent.ask(
            "chain", session=network, input=given, codec=codec, warmups=warmups, timeout=stall_s
        )
        return fields.sample(answer.fields.get("sample")), _warmups(
            fields.rows_of(answer.fields.get("warm"), warmups)
        )

    async def step(self, do: str = "step", *, most_bytes: int, stall_s: float, **more: Any) -> Step:
        """One run and its bytes; the wire is the cycle less what the board was busy with."""
        begin = time.perf_counter()
        message = await self.agent.ask(do, limit=most_bytes, timeout=stall_s, **more)
        cycle = time.perf_counter() - begin
        busy = fields.whole(message.fields.get("busy_ns"), "busy_ns", 10**13) / 1e9
        row = fields.row(message.fields.get("row"), max(cycle - busy, 0.0))
        if row.sent_bytes not in (0, len(message.body)):
            raise BoardProtocolError(
                f"{self.board.name}: {len(message.body)} bytes came, not {row.sent_bytes}"
            )
        taken = message.fields.get("sample")
        return Step(row, message.body, None if taken is None else fields.sample(taken))

    async def last_sample(self) -> tuple[BoardSample, int]:
        """A thorough reading after a chain, and the agent's peak memory."""
        answer = await self.agent.ask("sample")
        peak = fields.whole(answer.fields.get("peak_memory_bytes"), "memory", 2**50)
        return fields.sample(answer.fields.get("sample")), peak

    async def fetch(self, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
        """An array that the last run left ("features" or "answer"), which must have that shape."""
        count = math.prod(shape)
        answer = await self.agent.ask("get", name=name, limit=4 * count, timeout=LOAD_S)
        dtype, said = answer.fields.get("dtype"), answer.fields.get("shape")
        if (
            dtype not in _ARRAYS
            or said != list(shape)
            or len(answer.body) != count * np.dtype(dtype).itemsize
        ):
            raise BoardProtocolError(
                f"{self.board.name}: {name} came as {ascii(dtype)[:20]} of {ascii(said)[:60]}, not {shape}"
            )
        return np.frombuffer(answer.body, dtype).reshape(shape)

    async def fetch_bytes(self, name: str, most_bytes: int) -> bytes:
        """Bytes that the last run left ("payload")."""
        return (await self.agent.ask("get", name=name, limit=most_bytes, timeout=LOAD_S)).body


def _content(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise NotReadyError(f"weights: {path} cannot be read here: {error.strerror}") from error


def _warmups(pairs: list[object]) -> tuple[float, ...]:
    found = []
    for pair in pairs:
        edge, encode = (fields.whole(item, "a warm-up", 10**13) for item in fields.rows_of(pair, 2))
        found.append((edge + encode) / 1e9)
    return tuple(found)


@contextlib.asynccontextmanager
async def open_board(board: Board, *, runtime: bool = True, **options: Any) -> AsyncIterator[BoardSession]:
    """A session on `board`, with everything closed afterwards whatever happens.

    `options` go to the agent (lease_s, lock, root) or the client (patience_s, ready_s).

    Raises
    ------
    BoardError : a child that says what is wrong; `RebootedError` where the board started anew meanwhile.
    """
    try:
        async with contextlib.AsyncExitStack() as stack:
            if board.is_local:
                channel: Any = await LocalChannel.open()
                options.setdefault("import_from", str(Path(workbench.__file__).parent.parent))
            else:
                from workbench.boards import ssh

                connection = await stack.enter_async_context(ssh.connected(board))
                channel = await ssh.SshChannel.open(connection, board)
            agent = await stack.enter_async_context(await AgentClient.start(channel, board.name, **options))
            if hasattr(channel, "pid"):
                channel.pid = int(agent.ready["pid"])
            session = BoardSession(board, agent)
            await session.learn()
            if runtime:
                await session.import_runtime()
            yield session
    except LinkCutError as error:
        before = session.facts.get("boot_id") if "session" in locals() else None
        if before and not board.is_local and await _rebooted(board, before):
            raise RebootedError(
                f"{board.name}: the board started anew during the work (its boot number changed); a weak "
                "power supply or heat does that. Look at them, then measure again"
            ) from error
        raise


async def _rebooted(board: Board, before: str) -> bool:
    """Whether the board is back with another boot number; False where it does not answer."""
    from workbench.boards import ssh

    with contextlib.suppress(BoardError, TimeoutError):
        async with asyncio.timeout(10), ssh.connected(board) as connection:
            found = await connection.run("cat /proc/sys/kernel/random/boot_id", check=False)
            now = fields.clean(str(found.stdout or "")[:100])
            return bool(now) and now != before
    return False
