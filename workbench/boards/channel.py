"""A way to the agent's stdin and stdout: a process here, or one behind SSH."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from workbench.boards import agent

BOOTSTRAP: Final = (
    "import sys,json,hashlib\n"
    "sys.path[:]=[p for p in sys.path if p]\n"
    "if sys.version_info<(3,8):\n"
    "  sys.stderr.write('WORKBENCH-OLD-PYTHON %d.%d\\n'%sys.version_info[:2]);sys.exit(6)\n"
    "i=sys.stdin.buffer\n"
    "c=json.loads(i.readline(65536).decode())\n"
    "s=i.read(c['agent'])\n"
    "if hashlib.sha256(s).hexdigest()!=c['sha256']:sys.exit(5)\n"
    "exec(compile(s,'agent.py','exec'),{'__name__':'__workbench_agent__','CONFIG':c})\n"
)
"""What the board's Python is started with: it takes the agent from stdin, checks it and runs it."""

OLD_PYTHON_STATUS: Final = 6
STDERR_KEPT: Final = 8192
PROTOCOL: Final = agent.PROTOCOL


@dataclass(frozen=True, slots=True)
class Ending:
    """How the agent's process ended; what is not known is None."""

    status: int | None
    signal: str | None
    stderr: str
    link_lost: bool = False


class Channel(Protocol):
    """Bytes to and from one agent process."""

    async def read(self, size: int) -> bytes:
        """Up to `size` bytes of its stdout; none once it has ended."""

    async def write(self, *pieces: bytes | memoryview) -> None:
        """All pieces to its stdin, waiting while the link is slower."""

    async def ending(self) -> Ending:
        """How it ended; waits a moment for the answer."""

    async def close(self) -> None:
        """End the process, by force where it does not end by itself, and the connection's share of it."""
