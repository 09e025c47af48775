"""One side of the protocol: messages from a stream that nobody vouches for.

A message is one JSON object on a line, followed by as many raw bytes as its "bytes" says. Everything is
bounded before memory is taken: lines, bytes, what a talkative shell may print before the agent is ready.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from workbench.errors import BoardProtocolError

MAX_LINE: Final = 65_536
MAX_CHATTER: Final = 262_144  # bytes before the agent's first line: banners, a talkative .bashrc
_PIECE: Final = 65_536
_READY: Final = b'"workbench_agent":'


class Message(NamedTuple):
    """One message: its fields as parsed, and the bytes that followed."""

    fields: dict[str, Any]
    body: bytes


class MessageReader:
    """Messages from `read`, an awaitable that gives up to so many bytes, none at the end.

    `allowed` gives how many raw bytes a message with these fields may announce.
    """

    def __init__(
        self, read: Callable[[int], Awaitable[bytes]], allowed: Callable[[dict[str, Any]], int]
    ) -> None:
        self._read = read
        self._allowed = allowed
        self._buffer = bytearray()
        self.ended = False

    async def ready(self) -> Message | None:
        """The agent's first message, past whatever was printed before it; None where the stream ends."""
        skipped = 0
        while True:
            line = await self._line()
            if line is None:
                return None
            if _READY in line and line.startswith(b"{"):
                return Message(_parse(line), b"")
            skipped += len(line) + 1
            if skipped > MAX_CHATTER:
                raise BoardProtocolError(
                    f"the board printed more than {MAX_CHATTER} bytes before the agent started; "
                    "look at what its .bashrc prints when no terminal is there"
                )

    async def next(self) -> Message | None:
        """The next message; None where the stream has ended.

        Raises
        ------
        BoardProtocolError : anything that is not a message, or larger than it may be.
        """
        line = await self._line()
        if line is None:
            return None
        fields = _parse(line)
        size = fields.get("bytes", 0)
        if type(size) is not int or size < 0:
            raise BoardProtocolError(f"the board announced {_shown(size)} bytes")
        if size and size > (most := self._allowed(fields)):
            raise BoardProtocolError(f"the board announced {size} bytes where at most {most} are due")
        body = await self._exactly(size)
        return None if body is None else Message(fields, body)

    async def _line(self) -> bytes | None:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_LINE:
                raise BoardProtocolError(f"the board sent a line of more than {MAX_LINE} bytes")
            if not await self._more():
                return None
        if end > MAX_LINE:
            raise BoardProtocolError(f"the board sent a line of more than {MAX_LINE} bytes")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    async def _exactly(self, size: int) -> bytes | None:
        while len(self._buffer) < size:
            if not await self._more():
                return None
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        return body

    async def _more(self) -> bool:
        piece = await self._read(_PIECE)
        if not piece:
            self.ended = True
            return False
        self._buffer += piece
        return True


def write_message(fields: dict[str, Any], body: bytes | memoryview = b"") -> bytes:
    """The line of a message; the body is written after it."""
    if len(body):
        fields = {**fields, "bytes": len(body)}
    line = json.dumps(fields, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    if len(line) > MAX_LINE:
        raise ValueError(f"a message of {len(line)} bytes; at most {MAX_LINE}")
    return line


def _parse(line: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BoardProtocolError(f"the board sent a line that is no JSON: {_shown(line)}") from error
    if not isinstance(fields, dict):
        raise BoardProtocolError(f"the board sent {_shown(fields)} where an object is due")
    return fields


def _shown(value: object) -> str:
    return ascii(value)[:80]
