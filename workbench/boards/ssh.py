"""Boards behind SSH. The only file that imports asyncssh.

The host key is the one a person confirmed, whatever ~/.ssh/known_hosts says; login is by ssh-agent and key
files; ~/.ssh/config (Host, ProxyJump, User, Port, IdentityFile) is honoured. Nothing is asked for passwords.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import asyncssh

from workbench.boards.channel import BOOTSTRAP, STDERR_KEPT, Ending
from workbench.boards.failures import clean
from workbench.boards.inventory import Board
from workbench.errors import (
    BoardError,
    HostKeyError,
    LinkCutError,
    LoginError,
    UnreachableError,
)

CONNECT_S: Final = 10.0
LOGIN_S: Final = 20.0
SETUP_PYTHON: Final = "$HOME/.local/share/workbench-board/venv/bin/python"
_START: Final = (
    'P="$1"; if [ -z "$P" ]; then P="' + SETUP_PYTHON + '"; [ -x "$P" ] || P=python3; fi; '
    'case "$P" in "~/"*) P="$HOME/${P#"~/"}";; esac; '
    'command -v "$P" >/dev/null 2>&1 || { echo "no $P" >&2; exit 127; }; exec "$P" -E -u -c "$0"'
)


class HostKey(NamedTuple):
    """A board's public key, as stored, and its fingerprint, as a person compares it."""

    line: str
    fingerprint: str


async def fetch_host_key(board: Board) -> HostKey:
    """The key that the board presents; nothing is trusted yet.

    Raises
    ------
    UnreachableError : no such name, no answer, or no SSH server.
    """
    with _translated(board):
        async with asyncio.timeout(CONNECT_S + LOGIN_S):
            key = await asyncssh.get_server_host_key(board.host, board.port or ())
    if key is None:
        raise UnreachableError(f"{board.name}: {board.address} presents no host key")
    line = " ".join(key.export_public_key().decode().split()[:2])
    return HostKey(line, key.get_fingerprint())


@contextlib.asynccontextmanager
async def connected(board: Board) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection whose host key was checked; closed whatever happens.

    Raises
    ------
    HostKeyError : no key was confirmed yet, or the board shows another one.
    LoginError, UnreachableError : as they say.
    """
    if not board.host_key:
        raise HostKeyError(
            f"{board.name}: nobody has confirmed its host key yet; run: workbench board add {board.name} "
            f"{board.address}"
        )
    trusted = _stored_key(board)
    try:
        connection = await _connect(board, trusted)
    except HostKeyError as error:
        shown = ""
        with contextlib.suppress(BoardError):
            shown = (await fetch_host_key(board)).fingerprint
        raise _changed(board, shown) from error
    try:
        yield connection
    finally:
        connection.close()
        try:
            await asyncio.wait_for(connection.wait_closed(), 2)
        except (TimeoutError, OSError, asyncssh.Error):
            connection.abort()


def _stored_key(board: Board) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_public_key(board.host_key)
    except asyncssh.KeyImportError as error:
        raise HostKeyError(
            f"{board.name}: its stored host key is damaged ({clean(error)}); remove the board, add it again"
        ) from error


async def _connect(board: Board, trusted: asyncssh.SSHKey) -> asyncssh.SSHClientConnection:
    with _translated(board):
        async with asyncio.timeout(CONNECT_S + LOGIN_S):
            return await asyncssh.connect(
                board.host,
                **_where(board),
                known_hosts=([trusted], [], []),
                connect_timeout=CONNECT_S,
                login_timeout=LOGIN_S,
                keepalive_interval=5,
                keepalive_count_max=3,
                preferred_auth="publickey",
            )


class SshChannel:
    """The agent's Python on a board."""

    def __init__(
        self, connection: asyncssh.SSHClientConnection, process: asyncssh.SSHClientProcess[bytes]
    ) -> None:
        self._connection = connection
        self._process = process
        self._stderr = bytearray()
        self._listener = asyncio.ensure_future(self._listen())
        self._lost = False
        self.pid: int | None = None

    @classmethod
    async def open(cls, connection: asyncssh.SSHClientConnection, board: Board) -> SshChannel:
        """Start Python there with the bootstrap; only constants and a checked path reach the shell."""
        command = shlex.join(["sh", "-c", _START, BOOTSTRAP, board.python])
        with _translated(board):
            process: asyncssh.SSHClientProcess[bytes] = await connection.create_process(
                command, encoding=None, window=2**22, max_pktsize=2**17
            )
        return cls(connection, process)

    async def read(self, size: int) -> bytes:
        """Up to `size` bytes of its stdout; none where it or the link has ended."""
        try:
            return await self._process.stdout.read(size)
        except (asyncssh.Error, OSError):
            self._lost = True
            return b""

    async def write(self, *pieces: bytes | memoryview) -> None:
        """All pieces to its stdin."""
        try:
            for piece in pieces:
                if len(piece):
                    self._process.stdin.write(bytes(piece))
            await self._process.stdin.drain()
        except (asyncssh.Error, OSError):
            self._lost = True  # its end is told by `read` and `ending`

    async def ending(self) -> Ending:
        """Exit status or signal; `link_lost` where the connection went first."""
        with contextlib.suppress(TimeoutError, asyncssh.Error, OSError):
            await asyncio.wait_for(self._process.wait_closed(), 5)
            await asyncio.wait_for(asyncio.shield(self._listener), 1)
        given = self._process.exit_signal
        name = str(given[0]) if given else None
        status = self._process.exit_status
        known = status is not None or given is not None
        text = self._stderr.decode("utf-8", "replace")
        if name is None and status is not None and status > 128:  # a shell's word for a signal
            with contextlib.suppress(KeyError):
                name = _SIGNALS[status - 128]
        return Ending(
            status if name is None and status is not None and status >= 0 else None,
            name,
            text,
            link_lost=self._lost or not known,
        )

    async def close(self) -> None:
        """Close stdin, on which the agent ends; where it does not (stopped, hung), kill it."""
        with contextlib.suppress(asyncssh.Error, OSError, TimeoutError):
            self._process.stdin.write_eof()
            try:
                await asyncio.wait_for(self._process.wait_closed(), 1)
            except TimeoutError:
                await self._kill()
        self._process.close()
        self._listener.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self._listener

    async def _kill(self) -> None:
        """By signal over the channel, and by number where the server passes no signals."""
        self._process.kill()
        if self.pid is not None:
            with contextlib.suppress(asyncssh.Error, OSError, TimeoutError):
                await asyncio.wait_for(self._connection.run(f"kill -9 {self.pid:d}", check=False), 3)
        await asyncio.wait_for(self._process.wait_closed(), 2)

    async def _listen(self) -> None:
        with contextlib.suppress(asyncssh.Error, OSError):
            while piece := await self._process.stderr.read(4096):
                self._stderr += piece
                del self._stderr[:-STDERR_KEPT]


_SIGNALS: Final = {4: "ILL", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL", 11: "SEGV", 15: "TERM"}


def _where(board: Board) -> dict[str, Any]:
    chosen = {"port": board.port, "username": board.user}
    return {key: value for key, value in chosen.items() if value is not None}


@contextlib.contextmanager
def _translated(board: Board) -> Iterator[None]:
    """Errors of asyncssh and sockets as ours."""
    try:
        yield
    except BoardError:
        raise
    except asyncssh.HostKeyNotVerifiable as error:
        raise _changed(board) from error
    except asyncssh.KeyExchangeFailed as error:
        if board.host_key and "host key" in str(error).lower():
            raise _changed(board) from error
        raise UnreachableError(
            f"{board.name}: no common way to encrypt with {board.address} ({clean(error)})"
        ) from error
    except asyncssh.PermissionDenied as error:
        raise LoginError(
            f"{board.name}: {board.address} refused the login; put your key there (ssh-copy-id "
            f"{board.address}), or unlock it (ssh-add), until `ssh {board.address}` asks for no password"
        ) from error
    except asyncssh.KeyImportError as error:
        raise LoginError(f"{board.name}: a key file cannot be read ({clean(error)}); try ssh-add") from error
    except socket.gaierror as error:
        raise UnreachableError(
            f"{board.name}: no machine is called {board.host!r} here; check the name, or use its address"
        ) from error
    except ConnectionRefusedError as error:
        raise UnreachableError(
            f"{board.name}: {board.address} is there but has no SSH server on port {board.port or 22}; on "
            "the board: sudo apt install openssh-server (on a Pi: raspi-config, Interface Options, SSH)"
        ) from error
    except (asyncssh.ConnectionLost, asyncssh.ProtocolError, asyncssh.ProtocolNotSupported) as error:
        raise UnreachableError(
            f"{board.name}: what answers at {board.address} is no SSH server, or it hung up ({clean(error)})"
        ) from error
    except TimeoutError as error:
        raise UnreachableError(
            f"{board.name}: {board.address} does not answer; is it switched on, in the same network, and the "
            f"address right? Try: ping {board.host}"
        ) from error
    except asyncssh.ConfigParseError as error:
        raise LoginError(f"{board.name}: ~/.ssh/config cannot be read: {clean(error)}") from error
    except (asyncssh.ChannelOpenError, asyncssh.DisconnectError) as error:
        raise LinkCutError(f"{board.name}: {board.address} closed the connection ({clean(error)})") from error
    except OSError as error:
        raise UnreachableError(f"{board.name}: {board.address} cannot be reached: {clean(error)}") from error


def _changed(board: Board, shown: str = "") -> HostKeyError:
    confirmed = asyncssh.import_public_key(board.host_key).get_fingerprint() if board.host_key else "none"
    return HostKeyError(
        f"{board.name}: {board.address} shows the host key {shown or '(another one)'}, not the one that was "
        f"confirmed ({confirmed}). Either "
        f"the board was set up anew, or someone stands between. If you know why: workbench board remove "
        f"{board.name}, then add it again and compare the fingerprint",
        shown,
    )


async def run_script(
    connection: asyncssh.SSHClientConnection,
    board: Board,
    script: str,
    arguments: Sequence[str],
    heard: Callable[[str], None],
    *,
    timeout: float = 1800.0,
) -> tuple[int | None, list[str]]:
    """Run a constant `script` by sh; its status, and its last 200 lines, each also given to `heard`."""
    command = shlex.join(["sh", "-c", script, "sh", *arguments])
    said: list[str] = []
    with _translated(board):
        async with (
            asyncio.timeout(timeout),
            connection.create_process(command, stderr=asyncssh.STDOUT, encoding=None) as process,
        ):
            reader = LineReader(process.stdout.read)
            async for line in reader:
                text = clean(line.decode("utf-8", "replace"))
                said = [*said[-199:], text]
                heard(text)
            await process.wait_closed()
            return process.exit_status, said


class LineReader:
    """Lines of a stream, cut at 4096 bytes."""

    def __init__(self, read: Callable[[int], Awaitable[bytes]]) -> None:
        self._read = read

    async def __aiter__(self) -> AsyncIterator[bytes]:
        held = b""
        while piece := await self._read(4096):
            *lines, held = (held + piece).split(b"\n")
            for line in lines:
                yield line[:4096]
            held = held[-4096:]
        if held:
            yield held
