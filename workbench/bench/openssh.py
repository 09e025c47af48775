"""OpenSSH's own server as this user on 127.0.0.1: the nearest thing to a board where none is."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from workbench.boards.inventory import Board
from workbench.errors import WorkbenchError

SSHD: Final = Path("/usr/sbin/sshd")
_PATIENCE_S: Final = 60.0


class OpenSsh(NamedTuple):
    """A board behind OpenSSH, and the process of the server."""

    board: Board
    pid: int


def make_key(path: Path) -> None:
    """A key pair without a passphrase: `path`, and `path` with .pub."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)


@contextlib.contextmanager
def openssh(folder: Path, login: Path, environment: Mapping[str, str] | None = None) -> Iterator[OpenSsh]:
    """A server that keeps its files in `folder` and lets the public key `login` in; ended at the end.

    Raises
    ------
    WorkbenchError : no OpenSSH server here, or it does not start; says why.
    """
    if not SSHD.exists() or shutil.which("ssh-keygen") is None:
        raise WorkbenchError("there is no OpenSSH server here: apt install openssh-server")
    folder.mkdir(mode=0o700, exist_ok=True)
    make_key(folder / "host")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lines = [
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {folder}/host",
        f"AuthorizedKeysFile {login}",
        f"PidFile {folder}/pid",
        "UsePAM no",
        "StrictModes no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        *(f"SetEnv {name}={value}" for name, value in (environment or {}).items()),
    ]
    (folder / "config").write_text("\n".join(lines) + "\n")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:  # a pipe that nobody reads would fill up
        process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", folder / "config"], stderr=log)
    try:
        _wait(port, process, folder / "log")
        key = " ".join((folder / "host.pub").read_text().split()[:2])
        address = f"{getpass.getuser()}@127.0.0.1:{port}"
        yield OpenSsh(Board("openssh", address, key, sys.executable), process.pid)
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise WorkbenchError(f"OpenSSH's server does not start here: {log.read_text()[:300].strip()}")


@contextlib.contextmanager
def openssh_with_own_home() -> Iterator[Board]:
    """Such a board, with a home folder for the time being that holds nothing but the key to it."""
    kept = {name: os.environ.get(name) for name in ("HOME", "SSH_AUTH_SOCK")}
    with tempfile.TemporaryDirectory() as made:
        home = Path(made)
        (home / ".ssh").mkdir(mode=0o700)
        make_key(home / ".ssh" / "id_ed25519")
        os.environ["HOME"] = made
        os.environ.pop("SSH_AUTH_SOCK", None)
        try:
            with openssh(home / "sshd", home / ".ssh" / "id_ed25519.pub") as server:
                yield server.board
        finally:
            for name, value in kept.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
