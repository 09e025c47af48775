"""This machine as a board: the same agent as a subprocess."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence

from workbench.boards.channel import BOOTSTRAP, STDERR_KEPT, Ending
from workbench.errors import NotReadyError


class LocalChannel:
    """A child process; `open` starts it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._stderr = bytearray()
        self._listener = asyncio.ensure_future(self._listen())

    @classmethod
    async def open(cls, command: Sequence[str] = ()) -> LocalChannel:
        """Start `command`, or this Python, with the bootstrap.

        Raises
        ------
        NotReadyError : no such Python.
        """
        python = list(command) or [sys.executable, "-E", "-u"]
        try:
            process = await asyncio.create_subprocess_exec(
                *python,
                "-c",
                BOOTSTRAP,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=2**20,
                start_new_session=True,
            )
        except OSError as error:
            raise NotReadyError(f"{python[0]} cannot be started here: {error.strerror}") from error
        return cls(process)

    async def read(self, size: int) -> bytes:
        """Up to `size` bytes of its stdout."""
        assert self._process.stdout is not None
        return await self._process.stdout.read(size)

    async def write(self, *pieces: bytes | memoryview) -> None:
        """All pieces to its stdin."""
        assert self._process.stdin is not None
        for piece in pieces:
            self._process.stdin.write(piece)
        with contextlib.suppress(ConnectionError):  # its end is told by `read` and `ending`
            await self._process.stdin.drain()

    async def ending(self) -> Ending:
        """Exit status, or the signal that ended it."""
        try:
            code = await asyncio.wait_for(self._process.wait(), 5)
            await asyncio.wait_for(asyncio.shield(self._listener), 1)
        except TimeoutError:
            return Ending(None, None, self._text())
        if code < 0:
            return Ending(None, signal.Signals(-code).name.removeprefix("SIG"), self._text())
        return Ending(code, None, self._text())

    async def close(self) -> None:
        """Close stdin, wait a moment, then kill."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 0.5)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listener
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(4096):
            self._stderr += piece
            del self._stderr[:-STDERR_KEPT]

    def _text(self) -> str:
        return self._stderr.decode("utf-8", "replace")
