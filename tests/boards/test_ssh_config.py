"""What a person has in ~/.ssh/config is honoured; what asks, sets up and looks at a board."""

import asyncio
import dataclasses
import sys

import pytest

from workbench.boards.inventory import Board
from workbench.boards.session import open_board
from workbench.boards.setup import check_board, set_up
from workbench.errors import NotReadyError, SettingError


def test_host_of_ssh_config(sshd, home):
    (home / ".ssh" / "config").write_text(
        f"Host desk\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User {sshd.user}\n"
    )

    async def scenario():
        async with open_board(Board("pi", "desk", sshd.host_key, sys.executable)) as session:
            return session.kind

    assert asyncio.run(scenario()) == "board"


def test_proxy_jump(sshd, ssh_server, home):
    """The board is reached through another machine, which is trusted by the user's own known_hosts."""
    (home / ".ssh" / "config").write_text(
        f"Host jump\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User {sshd.user}\n"
        "Host behind\n  HostName 127.0.0.1\n  ProxyJump jump\n"
    )
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_key}\n")

    async def scenario():
        async with ssh_server() as server:
            board = Board("pi", f"tester@behind:{server.port}", server.host_key, sys.executable)
            async with open_board(board, runtime=False) as session:
                return session.facts["python"]

    assert asyncio.run(scenario()).startswith("3.")


def test_check(sshd):
    found = asyncio.run(check_board(sshd))
    assert found.ready and found.kind == "board"
    assert found.facts["telemetry_off"] is True
    assert "CPUExecutionProvider" in found.facts["providers"]
    assert found.facts["cores"] >= 1
    assert found.missing == ()


def test_check_of_a_bare_board(sshd, odd_python):
    bare = dataclasses.replace(sshd, python=odd_python("", options="-S"))
    found = asyncio.run(check_board(bare))
    assert not found.ready
    assert [name for name, _use, _hint in found.missing] == ["numpy", "onnxruntime", "numba", "zstandard"]
    assert "workbench board setup openssh" in found.missing[0][2]
    assert "numpy is not installed" in found.problem


def fake_python(tmp_path, text):
    path = tmp_path / "python-fake"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (
            "echo 'The virtual environment was not created: ensurepip is not available'; exit 1",
            "python3-venv",
        ),
        ("exit 3", "setting up failed"),
        ("echo 'ERROR: No matching distribution found for onnxruntime'; exit 1", "64-bit"),
    ],
)
def test_setup_that_fails(sshd, tmp_path, says, words):
    heard = []
    board = dataclasses.replace(sshd, python=fake_python(tmp_path, says))
    with pytest.raises(NotReadyError, match=words):
        asyncio.run(set_up(board, heard.append))


def test_setup_of_this_machine_is_refused():
    with pytest.raises(SettingError, match="nothing to set up"):
        asyncio.run(set_up(Board("local", ""), print))


def test_setup(ssh_server, tmp_path, home):
    """The script makes the folder and the environment, and asks for what is missing; pip is a stand-in."""
    python = fake_python(
        tmp_path,
        'echo "$@"; for last; do :; done; mkdir -p "$last/bin"; '
        f'printf \'#!/bin/sh\\n[ "$1" = -m ] || exec {sys.executable} "$@"; echo installing "$@"\\n\' '
        '> "$last/bin/python"; chmod +x "$last/bin/python"',
    )
    heard = []

    async def scenario():
        async with ssh_server() as server:
            await set_up(server.board(python=python), heard.append)
            async with open_board(dataclasses.replace(server.board(), python=""), runtime=False) as session:
                assert session.facts["set_up"] is True

    asyncio.run(scenario())
    assert (home / ".local/share/workbench-board/venv/bin/python").exists()
    assert any("--only-binary :all: numba" in line for line in heard)


@pytest.mark.network
def test_real_setup_and_a_measurement_after_it(ssh_server, home, relu, picture, lock):
    """pip fetches onnxruntime and numpy for ``$WORKBENCH_BARE_PYTHON``, else for this Python."""
    import os

    import workbench as wb
    from workbench.boards.session import Burst

    bare = os.environ.get("WORKBENCH_BARE_PYTHON", sys._base_executable)

    async def scenario():
        async with ssh_server() as server:
            await set_up(server.board(python=bare), lambda line: None)
            board = dataclasses.replace(server.board(), python="")
            assert (await check_board(board)).ready
            async with open_board(board, lock=lock) as session:
                assert "workbench-board/venv" in session.facts["executable"]
                name, _provider = await session.load_network(relu)
                given = await session.put(picture)
                codec = await session.load_codec(wb.codec("uniform", bits=4))
                async for part in session.burst(name, given, codec, runs=3, warmups=1, stall_s=60):
                    assert isinstance(part, Burst) or len(part.rows) <= 3
                return session.codec_path

    assert asyncio.run(scenario()) in ("numba", "numpy")
