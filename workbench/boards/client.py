"""The near side of an agent: requests and their answers, lease, liveness, cancel.

    async with await AgentClient.start(channel) as agent:
        facts = (await agent.ask("hello")).fields["facts"]

Whatever goes wrong ends every request that waits with one `BoardError` that says what it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import AsyncGenerator, Callable
from importlib.resources import files
from types import TracebackType
from typing import Any, Final, Self

from workbench.boards import failures
from workbench.boards.channel import PROTOCOL, Channel
from workbench.boards.wire import Message, MessageReader, write_message
from workbench.errors import BoardError, BoardHungError, BoardProtocolError

LEASE_S: Final = 15.0
PATIENCE_S: Final = 20.0
_WAITING_LIMIT: Final = 10_000  # messages of one request that nobody has read yet


class AgentClient:
    """One agent on one channel. Close it, always: a context manager does.

    Parameters
    ----------
    channel : where the agent's Python was started with the bootstrap.
    label : the board's name, for messages.
    patience_s : silence after which a board counts as hung, or its link as cut.
    """

    def __init__(self, channel: Channel, label: str, patience_s: float = PATIENCE_S) -> None:
        self.label = label
        self.patience_s = patience_s
        self.failure: BoardError | None = None
        self.ready: dict[str, Any] = {}
        self._channel = channel
        self._reader = MessageReader(self._heard, self._allowed)
        self._last_number = 0
        self._waiting: dict[int, asyncio.Queue[Message | None]] = {}
        self._limits: dict[int, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._last_heard = time.monotonic()
        self._writing = asyncio.Lock()
        self._closed = False

    @classmethod
    async def start(
        cls,
        channel: Channel,
        label: str = "local",
        *,
        patience_s: float = PATIENCE_S,
        ready_s: float = 30.0,
        **config: Any,
    ) -> Self:
        """Send the agent and wait until it is ready; `config` goes to it (lease_s, lock, ...)."""
        client = cls(channel, label, patience_s)
        source = files("workbench.boards").joinpath("agent.py").read_bytes()
        head = {
            "lease_s": LEASE_S,
            **config,
            "agent": len(source),
            "sha256": hashlib.sha256(source).hexdigest(),
        }
        try:
            async with asyncio.timeout(ready_s):
                await channel.write(write_message(head), source)
                message = await client._reader.ready()
                if message is None:
                    raise failures.of_ending(await channel.ending(), label, started=False)
                client._check_ready(message.fields)
        except BaseException as error:
            await channel.close()
            if isinstance(error, TimeoutError) and not isinstance(error, BoardError):
                raise BoardHungError(
                    f"{label}: connected, but the agent was not ready after {ready_s:g} s; "
                    "log in by hand and see whether python3 starts there"
                ) from error
            raise
        lease_s = float(head["lease_s"])
        client._tasks = [
            asyncio.ensure_future(client._listen()),
            asyncio.ensure_future(client._stay_alive(lease_s / 5)),
        ]
        return client

    def _check_ready(self, fields: dict[str, Any]) -> None:
        if fields.get("workbench_agent") != PROTOCOL or type(fields.get("pid")) is not int:
            raise BoardProtocolError(f"{self.label}: the first message is not the agent's")
        self.ready = fields

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def ask(
        self, do: str, body: bytes | memoryview = b"", *, limit: int = 0, timeout: float = 60.0, **fields: Any
    ) -> Message:
        """One request and its answer, of at most `limit` raw bytes, within `timeout` seconds.

        Raises
        ------
        BoardError : a child that says what happened.
        """
        async with contextlib.aclosing(
            self.stream(do, body, limit=limit, timeout=timeout, **fields)
        ) as parts:
            async for message in parts:
                if message.fields["kind"] == "answer":
                    return message
                raise self._fail(BoardProtocolError(f"{self.label}: an answer to {do} came in pieces"))
        raise BoardProtocolError(f"{self.label}: no answer to {do}")

    async def stream(
        self,
        do: str,
        body: bytes | memoryview = b"",
        *,
        limit: int = 0,
        timeout: float = 60.0,
        started: Callable[[int], None] | None = None,
        **fields: Any,
    ) -> AsyncGenerator[Message]:
        """The messages that answer one request, the last of kind "answer".

        `timeout` is the longest silence of this request; `started` is told its number, which `cancel` takes.
        """
        self._last_number = number = self._last_number + 1
        queue: asyncio.Queue[Message | None] = asyncio.Queue()
        if self.failure is not None:
            raise self.failure
        self._waiting[number], self._limits[number] = queue, limit
        if started is not None:
            started(number)
        try:
            await self._send({"id": number, "do": do, **fields}, body)
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), timeout)
                except TimeoutError as error:
                    raise self._fail(
                        BoardHungError(
                            f"{self.label}: no sign of {do} for {timeout:g} s though the agent lives; "
                            "the inference hangs or is that slow. Try fewer threads or a smaller network"
                        )
                    ) from error
                if message is None:
                    raise self.failure or BoardProtocolError(f"{self.label}: the stream ended")
                if message.fields.get("kind") == "error":
                    raise failures.of_refusal(message.fields, self.label)
                yield message
                if message.fields.get("kind") == "answer":
                    return
        finally:
            self._waiting.pop(number, None)
            self._limits.pop(number, None)

    async def cancel(self, number: int) -> None:
        """Ask the agent to stop request `number`; it ends within one operator of the network."""
        if self.failure is None:
            await self._send({"do": "cancel", "of": number})

    async def ping(self) -> float:
        """Seconds there and back."""
        begin = time.perf_counter()
        await self.ask("ping", timeout=self.patience_s)
        return time.perf_counter() - begin

    async def close(self) -> None:
        """End the agent and the channel; whatever still waits gets an error."""
        if self._closed:
            return
        self._closed = True
        self._fail(BoardError(f"{self.label}: the connection was closed here"))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.shield(self._channel.close())

    async def _send(self, fields: dict[str, Any], body: bytes | memoryview = b"") -> None:
        line = write_message(fields, body)
        async with self._writing:
            view = memoryview(body)
            await self._channel.write(line, view[:65_536])
            for start in range(65_536, len(view), 262_144):
                await self._channel.write(view[start : start + 262_144])
                self._last_heard = time.monotonic()  # the link takes bytes: not silent

    async def _heard(self, size: int) -> bytes:
        piece = await self._channel.read(size)
        self._last_heard = time.monotonic()
        return piece

    def _allowed(self, fields: dict[str, Any]) -> int:
        number = fields.get("id")
        return self._limits.get(number, 0) if type(number) is int else 0

    async def _listen(self) -> None:
        try:
            while (message := await self._reader.next()) is not None:
                number = message.fields.get("id")
                if number is None and message.fields.get("kind") == "error":
                    raise failures.of_refusal(message.fields, self.label)
                queue = self._waiting.get(number) if type(number) is int else None
                if queue is None:
                    if type(number) is int and 0 < number <= self._last_number:
                        continue  # the rest of a request that nobody waits for any more
                    raise BoardProtocolError("an answer to a question that was never asked")
                if queue.qsize() > _WAITING_LIMIT:
                    raise BoardProtocolError("more messages than anyone could read")
                queue.put_nowait(message)
            raise failures.of_ending(await self._channel.ending(), self.label, started=True)
        except BoardError as error:
            if not str(error).startswith(self.label):
                error.args = (f"{self.label}: {error}",)
            self._fail(error)

    async def _stay_alive(self, every_s: float) -> None:
        """Renew the lease, and notice when the other side has fallen silent."""
        while self.failure is None:
            with contextlib.suppress(TimeoutError):
                asked = time.monotonic()
                async with asyncio.timeout(self.patience_s):
                    await self.ask("ping", timeout=self.patience_s + 1)
                await asyncio.sleep(every_s)
                continue
            if self._last_heard < asked:
                self._fail(
                    BoardHungError(
                        f"{self.label}: nothing heard for {self.patience_s:g} s; the agent hangs or the link "
                        "is cut. The agent ends by itself when its lease runs out; look at the board"
                    )
                )

    def _fail(self, error: BoardError) -> BoardError:
        """Remember the first failure and wake everyone who waits."""
        if self.failure is None:
            self.failure = error
        for queue in self._waiting.values():
            queue.put_nowait(None)
        return self.failure
