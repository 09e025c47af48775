"""Each way in which a board can fail: its own error, the next step in its text, and nothing left behind."""

import asyncio
import contextlib
import dataclasses
import functools
import os
import signal
import socket

import numpy as np
import pytest

import workbench as wb
from workbench.boards import ssh
from workbench.boards.inventory import Board
from workbench.boards.session import Burst, open_board
from workbench.boards.setup import set_up
from workbench.errors import (
    BoardBusyError,
    BoardCrashError,
    BoardFullError,
    BoardHungError,
    BoardMemoryError,
    BoardProtocolError,
    Cancelled,
    HostKeyError,
    LinkCutError,
    LoginError,
    NotReadyError,
    RebootedError,
    UnreachableError,
)


async def measured(session, network, picture, runs=5, meanwhile=None):
    """A short measurement; the rows. `meanwhile` is called once, when the first have come."""
    await session.take()
    name, _provider = await session.load_network(network)
    given = await session.put(picture)
    codec = await session.load_codec(wb.codec("raw"))
    rows = []
    async for part in session.burst(name, given, codec, runs=runs, warmups=1, stall_s=60):
        if not isinstance(part, Burst):
            rows += part.rows
            if rows and meanwhile is not None:
                meanwhile, act = None, meanwhile
                act()
    return rows


async def works(board, network, picture, **options):
    """The next measurement works."""
    async with open_board(board, **options) as session:
        assert len(await measured(session, network, picture)) == 5


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fails(board, kind, *words, **options):
    """Opening `board` raises exactly `kind`, with these words in its text."""
    asyncio.run(refuses(kind, *words, **options)(board, None))


def refuses(kind, *words, **options):
    """A scenario in which opening raises exactly `kind`."""

    async def scenario(board, _server):
        with pytest.raises(kind) as caught:
            async with open_board(board, **options):
                pytest.fail("it opened")
        assert type(caught.value) is kind
        for word in words:
            assert word in str(caught.value), str(caught.value)

    return scenario


@pytest.fixture
def then_works(ssh_server, relu, picture, mark, lock, nothing_left_of):
    """Once what was wrong with the way to a board is mended, it is measured, and nothing is left there."""

    def go(port=0, change=lambda server: None):
        async def scenario():
            async with ssh_server(port) as server:
                change(server)
                await works(server.board(), relu, picture, lock=lock)
                await server.all_closed()
                await nothing_left_of(mark)

        asyncio.run(scenario())

    return go


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJo9iT0T2CJ3hUuzSZq0sOeVZvxqHqNBxPYmfNwaTfHB"


def test_no_answer(monkeypatch, then_works):
    with contextlib.ExitStack() as stack, monkeypatch.context() as hasty:
        hasty.setattr(ssh, "CONNECT_S", 0.3)
        hasty.setattr(ssh, "LOGIN_S", 0.3)
        deaf = stack.enter_context(socket.socket())  # its queue is full: further greetings are dropped
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _place in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        port = deaf.getsockname()[1]
        fails(Board("pi", f"pi@127.0.0.1:{port}", KEY), UnreachableError, "does not answer", "switched on")
    then_works()


def test_a_host_that_swallows_everything_counts_as_no_answer(monkeypatch, then_works):
    with socket.socket() as silent, monkeypatch.context() as hasty:
        hasty.setattr(ssh, "CONNECT_S", 0.2)
        hasty.setattr(ssh, "LOGIN_S", 0.3)
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"pi@127.0.0.1:{silent.getsockname()[1]}"
        fails(Board("pi", address, KEY), UnreachableError, "does not answer")
    then_works()


def test_name_unknown(then_works):
    fails(Board("pi", "pi@no-such-board.invalid", KEY), UnreachableError, "no machine is called", "address")
    then_works()


def test_no_ssh_server_until_it_is_started(then_works):
    port = free_port()
    fails(Board("pi", f"pi@127.0.0.1:{port}", KEY), UnreachableError, "no SSH server", "openssh-server")
    then_works(port)


def test_something_else_answers():
    async def scenario():
        async def greet(reader, writer):
            await reader.readline()
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        board = Board("pi", f"pi@127.0.0.1:{server.sockets[0].getsockname()[1]}", KEY)
        async with server:
            with pytest.raises(UnreachableError, match="no SSH server"):
                async with open_board(board):
                    pytest.fail("it opened")

    asyncio.run(scenario())


def test_login_refused(ssh_server, home, mark, nothing_left_of, relu, picture, lock):
    async def scenario():
        async with ssh_server() as server:
            key = (home / ".ssh" / "id_ed25519").rename(home / "elsewhere")
            with pytest.raises(LoginError, match="ssh-copy-id"):
                async with open_board(server.board()):
                    pytest.fail("it opened")
            await server.all_closed()
            await nothing_left_of(mark)
            key.rename(home / ".ssh" / "id_ed25519")
            await works(server.board(), relu, picture, lock=lock)
            await nothing_left_of(mark)

    asyncio.run(scenario())


def test_login_refused_by_openssh(openssh, home, relu, picture, lock):
    key = (home / ".ssh" / "id_ed25519").rename(home / "elsewhere")
    board = openssh.board
    fails(board, LoginError, "ssh-copy-id", board.address)
    asyncio.run(openssh.all_closed())
    key.rename(home / ".ssh" / "id_ed25519")
    asyncio.run(works(board, relu, picture, lock=lock))


def test_host_key_unknown(openssh, relu, picture, lock):
    stranger = dataclasses.replace(openssh.board, host_key="")
    fails(stranger, HostKeyError, f"workbench board add openssh {stranger.address}")
    asyncio.run(works(openssh.board, relu, picture, lock=lock))
    asyncio.run(openssh.all_closed())


def test_host_key_changed(ssh_server, relu, picture, lock):
    async def scenario():
        async with ssh_server() as server:
            shown = server.key.get_fingerprint()
            with pytest.raises(HostKeyError, match="not the one that was confirmed") as caught:
                async with open_board(dataclasses.replace(server.board(), host_key=KEY)):
                    pytest.fail("it opened")
            assert caught.value.fingerprint == shown
            assert shown in str(caught.value)
            assert "workbench board remove pi" in str(caught.value)
            await server.all_closed()
            await works(server.board(), relu, picture, lock=lock)
            await server.all_closed()

    asyncio.run(scenario())


def test_host_key_damaged_in_the_file():
    fails(Board("pi", "pi@127.0.0.1:22", KEY[:60]), HostKeyError, "is damaged", "add it again")


def test_host_key_changed_on_openssh(openssh, relu, picture, lock):
    board = openssh.board
    fails(dataclasses.replace(board, host_key=KEY), HostKeyError, "someone stands between")
    asyncio.run(openssh.all_closed())
    asyncio.run(works(board, relu, picture, lock=lock))


def test_fetched_key_is_the_one_that_opens(sshd):
    async def scenario():
        key = await ssh.fetch_host_key(dataclasses.replace(sshd, host_key=""))
        assert key.line == sshd.host_key
        assert key.fingerprint.startswith("SHA256:")

    asyncio.run(scenario())


@pytest.fixture
def behind(ssh_server, openssh, mark, relu, picture, nothing_left_of, lock):
    """Run a scenario against both servers: after it nothing is left, all is closed, the next one works."""

    def go(scenario, python):
        async def one(board, server):
            broken = dataclasses.replace(board, python=python) if python else board
            await scenario(broken, server)
            await nothing_left_of(mark)
            await server.all_closed()
            await works(board, relu, picture, lock=lock)
            await nothing_left_of(mark)
            await server.all_closed()

        async def both():
            async with ssh_server() as server:
                await one(server.board(), server)
            await one(openssh.board, openssh)

        asyncio.run(both())

    return go


def test_python_missing(behind):
    behind(refuses(NotReadyError, "no python3 there", "apt install python3"), "/nowhere/python3")


def test_python_too_old(behind, odd_python):
    old = odd_python("import sys; sys.version_info = (3, 6, 9)")
    behind(refuses(NotReadyError, "3.6", "at least 3.8"), old)


def test_onnxruntime_missing(behind, odd_python):
    bare = odd_python(
        "import sys, importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'onnxruntime' else find(name, *rest)"
    )
    behind(refuses(NotReadyError, "onnxruntime is not installed", "workbench board setup"), bare)


def test_everything_missing(behind, odd_python):
    behind(
        refuses(NotReadyError, "numpy is not installed", "pip install numpy"), odd_python("", options="-S")
    )


def test_crash_by_illegal_instruction(behind, odd_python, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "onnxruntime.py").write_text(
        "import os, signal; os.kill(os.getpid(), signal.SIGILL)"
    )
    python = odd_python(f"import sys; sys.path.insert(0, {str(tmp_path / 'broken')!r})")
    behind(refuses(BoardCrashError, "illegal instruction", "another version"), python)


def test_crash_by_another_signal(behind, odd_python, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "onnxruntime.py").write_text(
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    )
    python = odd_python(f"import sys; sys.path.insert(0, {str(tmp_path / 'broken')!r})")
    behind(refuses(BoardCrashError, "signal SEGV"), python)


def test_out_of_memory_in_the_runtime(behind, odd_python, hungry_network, lock):
    async def scenario(board, _server):
        async with open_board(board, lock=lock) as session:
            await session.take()
            name, _provider = await session.load_network(hungry_network)
            given = await session.put(np.ones((1, 1), np.float32))
            with pytest.raises(BoardMemoryError, match="earlier split"):
                async for _part in session.burst(name, given, None, runs=1, warmups=0, stall_s=60):
                    pytest.fail("it ran")

    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))"
    behind(scenario, odd_python(limit))


def test_killed_as_the_kernel_does_when_memory_runs_out(behind, slow_network, picture, lock):
    async def scenario(board, _server):
        with pytest.raises(BoardMemoryError, match="was killed"):
            async with open_board(board, lock=lock) as session:
                pid = session.agent.ready["pid"]
                kill = functools.partial(os.kill, pid, signal.SIGKILL)
                await measured(session, slow_network, picture, runs=10_000, meanwhile=kill)

    behind(scenario, None)


def test_full_disk_does_not_matter_to_measuring(behind, odd_python, relu, picture, lock):
    async def scenario(board, _server):
        await works(board, relu, picture, lock=lock)

    no_byte = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    behind(scenario, odd_python(no_byte))


def test_full_disk_stops_setup(openssh, tmp_path, relu, picture, lock, mark, nothing_left_of):
    python = tmp_path / "python-full"
    python.write_text('#!/bin/sh\necho "OSError: [Errno 28] No space left on device" >&2; exit 1\n')
    python.chmod(0o755)
    board = dataclasses.replace(openssh.board, python=str(python))

    async def scenario():
        with pytest.raises(BoardFullError, match="Free some space"):
            await set_up(board, lambda line: None)
        await openssh.all_closed()
        await works(openssh.board, relu, picture, lock=lock)
        await nothing_left_of(mark)

    asyncio.run(scenario())


def test_busy(behind, relu, picture, lock):
    async def scenario(board, _server):
        async with open_board(board, lock=lock) as first:
            await first.take()
            with pytest.raises(BoardBusyError, match="wait until it has ended"):
                async with open_board(board, lock=lock) as second:
                    await second.take()
            assert len(await measured(first, relu, picture)) == 5

    behind(scenario, None)


def test_link_cut_during_a_run(ssh_server, slow_network, relu, picture, mark, lock, nothing_left_of):
    async def scenario():
        async with ssh_server() as server:
            with pytest.raises(LinkCutError, match="connection broke"):
                async with open_board(server.board(), lock=lock) as session:
                    await measured(session, slow_network, picture, runs=10_000, meanwhile=server.cut)
            await nothing_left_of(mark)
            await works(server.board(), relu, picture, lock=lock)
            await server.all_closed()

    asyncio.run(scenario())


def test_link_to_openssh_cut(openssh, slow_network, relu, picture, mark, lock, nothing_left_of, slow_link):
    sshd = openssh.board

    async def scenario():
        async with slow_link(sshd.port) as link:
            board = dataclasses.replace(sshd, address=f"{sshd.user}@127.0.0.1:{link.port}")
            with pytest.raises(LinkCutError, match="connection broke"):
                async with open_board(board, lock=lock) as session:
                    await measured(session, slow_network, picture, runs=10_000, meanwhile=link.cut)
        await nothing_left_of(mark)
        await openssh.all_closed()
        await works(sshd, relu, picture, lock=lock)

    asyncio.run(scenario())


def test_rebooted(ssh_server, slow_network, relu, picture, mark, lock, nothing_left_of):
    async def scenario():
        async with ssh_server() as server:
            server.answers["cat /proc/sys/kernel/random/boot_id"] = b"another-boot\n"
            with pytest.raises(RebootedError, match="started anew"):
                async with open_board(server.board(), lock=lock) as session:
                    await measured(session, slow_network, picture, runs=10_000, meanwhile=server.cut)
            await nothing_left_of(mark)
            await works(server.board(), relu, picture, lock=lock)
            await server.all_closed()

    asyncio.run(scenario())


@pytest.mark.slow  # waits
def test_hung_agent_is_noticed_and_killed(behind, slow_network, picture, lock):
    async def scenario(board, _server):
        with pytest.raises(BoardHungError, match="nothing heard for 1 s"):
            async with open_board(board, lock=lock, lease_s=5.0) as session:  # asks for a sign each second
                session.agent.patience_s = 1.0
                freeze = functools.partial(os.kill, session.agent.ready["pid"], signal.SIGSTOP)
                await measured(session, slow_network, picture, runs=10_000, meanwhile=freeze)

    behind(scenario, None)


def test_inference_that_never_ends_is_told_from_a_hung_agent(behind, slow_network, picture, lock):
    async def scenario(board, _server):
        with pytest.raises(BoardHungError, match="though the agent lives"):
            async with open_board(board, lock=lock) as session:
                await session.take()
                name, _provider = await session.load_network(slow_network)
                given = await session.put(picture)
                async for _part in session.burst(name, given, None, runs=50, warmups=1000, stall_s=0.5):
                    pytest.fail("rows came")

    behind(scenario, None)


def test_cancelled_keeps_the_rows(behind, slow_network, picture, lock):
    async def scenario(board, _server):
        async with open_board(board, lock=lock) as session:
            await session.take()
            name, _provider = await session.load_network(slow_network)
            given = await session.put(picture)
            numbers, rows, ended = [], [], None
            async for part in session.burst(
                name, given, None, runs=100_000, warmups=0, stall_s=60, started=numbers.append
            ):
                if isinstance(part, Burst):
                    ended = part
                else:
                    rows += part.rows
                    if len(rows) == len(part.rows):
                        await session.agent.cancel(numbers[0])
            assert ended.cancelled
            assert 0 < len(rows) < 100_000

    behind(scenario, None)


def test_cancelled_before_the_first_row(behind, slow_network, picture, lock):
    async def scenario(board, _server):
        async with open_board(board, lock=lock) as session:
            await session.take()
            name, _provider = await session.load_network(slow_network)
            given = await session.put(picture)
            numbers = []

            async def all_parts():
                burst = session.burst(
                    name, given, None, runs=9, warmups=1000, stall_s=600, started=numbers.append
                )
                async with contextlib.aclosing(burst):
                    return [part async for part in burst]

            work = asyncio.ensure_future(all_parts())
            await asyncio.sleep(0.4)
            assert not work.done()
            await session.agent.cancel(numbers[0])
            with pytest.raises(Cancelled):
                await asyncio.wait_for(work, 60)

    behind(scenario, None)


def test_talkative_bashrc(then_works):
    words = b'Welcome!\n{"kind": "ready"}\n\x1b[31mfortune\x1b[0m: \xff\xfe\n' * 50
    then_works(change=lambda server: setattr(server, "banner", words))


def test_bashrc_that_never_ends(ssh_server, relu, picture, mark, lock, nothing_left_of):
    async def scenario():
        async with ssh_server() as server:
            server.banner = b"fortune\n" * 50_000
            await refuses(BoardProtocolError, "before the agent started", ".bashrc")(server.board(), server)
            await nothing_left_of(mark)
            await server.all_closed()
            server.banner = b""
            await works(server.board(), relu, picture, lock=lock)

    asyncio.run(scenario())


def test_prints_of_a_library_do_not_break_the_stream(behind, odd_python, tmp_path, relu, picture, lock):
    noisy = odd_python(
        "import threading, os, time\n"
        "def shout():\n"
        "    while True:\n"
        "        print('a library says something', flush=True); time.sleep(0.01)\n"
        "threading.Timer(0.3, shout).start()"
    )

    async def scenario(board, _server):
        await works(board, relu, picture, lock=lock)

    behind(scenario, noisy)


def test_link_that_stalls_for_a_while_is_only_an_outlier(sshd, relu, picture, lock, slow_link):
    async def scenario():
        async with slow_link(sshd.port) as link:
            board = dataclasses.replace(sshd, address=f"{sshd.user}@127.0.0.1:{link.port}")
            async with open_board(board, lock=lock) as session:
                await session.take()
                name, _provider = await session.load_network(relu)
                given = await session.put(picture)
                codec = await session.load_codec(wb.codec("raw"))
                await session.start_chain(name, given, codec, warmups=0, stall_s=60)
                wires = []
                for run in range(6):
                    if run == 3:
                        link.flowing.clear()
                        asyncio.get_running_loop().call_later(1.5, link.flowing.set)
                    step = await session.step(most_bytes=10_000, stall_s=60)
                    wires.append(step.row.wire_s)
            assert wires[3] > 1.0
            assert sorted(wires)[2] < 1.0

    asyncio.run(scenario())
