"""Boards to test against: an SSH server in the test's own loop, OpenSSH's sshd, and a slow or cut link."""

import asyncio
import contextlib
import os
import secrets
import signal
import stat
import sys
import time
from pathlib import Path
from typing import NamedTuple

import asyncssh
import numpy as np
import pytest

from workbench.bench.openssh import openssh as openssh_server
from workbench.boards.client import AgentClient
from workbench.boards.inventory import Board
from workbench.errors import WorkbenchError


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """One folder of exported networks for all tests, since an export takes seconds."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, exports):
    """A home folder with a login key and nothing else; a lock of its own, an inventory of its own."""
    folder = tmp_path / "home"
    (folder / ".ssh").mkdir(parents=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(folder / ".ssh" / "id_ed25519"))
    key.write_public_key(str(folder / ".ssh" / "id_ed25519.pub"))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("WORKBENCH_BOARDS", str(tmp_path / "boards.toml"))
    monkeypatch.setenv("WORKBENCH_CACHE", str(exports))
    monkeypatch.setenv("WORKBENCH_TRIALS", str(tmp_path / "trials.sqlite"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


@pytest.fixture
def mark():
    """A value of $WORKBENCH_MARK by which the processes of this test's board are found."""
    return secrets.token_hex(8)


@pytest.fixture
def lock():
    """A lock's name, so that tests of this machine's boards do not exclude each other."""
    return f"workbench-test-{secrets.token_hex(6)}"


@pytest.fixture(autouse=True)
def own_lock(lock, monkeypatch):
    """The same for those who name no lock, such as the commands: another test run may be at work here."""
    start = AgentClient.start.__func__

    def with_lock(cls, channel, label="local", **options):
        return start(cls, channel, label, **{"lock": lock, **options})

    monkeypatch.setattr(AgentClient, "start", classmethod(with_lock))


def processes(mark):
    """Numbers of the living Python processes that carry the mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"WORKBENCH_MARK={mark}".encode() in (folder / "environ").read_bytes():
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and b"hashlib" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
    return found


PATIENCE_S = 60.0


async def becomes(true, what):
    """Wait until `true()`, as long as a machine that is busy with other work may need."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.02)


async def nothing_left(mark):
    """Wait until no agent carries the mark."""
    await becomes(lambda: not processes(mark), "an agent is left")


class Server:
    """asyncssh's server on 127.0.0.1, whose processes are real ones."""

    def __init__(self, home, mark):
        self.home = home
        self.mark = mark
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.banner = b""
        self.answers = {}
        self.connections = []
        self.listener = None
        self.port = 0

    async def start(self):
        server = self

        class Watched(asyncssh.SSHServer):
            def connection_made(self, connection):
                server.connections.append(connection)

        self.listener = await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_host_keys=[self.key],
            server_factory=Watched,
            process_factory=self._process,
            encoding=None,
            authorized_client_keys=str(self.home / ".ssh" / "id_ed25519.pub"),
        )
        self.port = self.listener.get_port()

    async def stop(self):
        self.listener.close()
        for connection in self.connections:
            connection.abort()
        await self.listener.wait_closed()

    def cut(self):
        """Every connection breaks, without a word."""
        for connection in self.connections:
            connection.abort()
        self.connections.clear()

    async def all_closed(self):
        """Wait until no connection is open."""
        await becomes(lambda: all(one.is_closed() for one in self.connections), "a connection is open")

    @property
    def host_key(self):
        return " ".join(self.key.export_public_key().decode().split()[:2])

    def board(self, name="pi", python=sys.executable):
        return Board(name, f"tester@127.0.0.1:{self.port}", self.host_key, python)

    async def _process(self, process):
        for start, answer in self.answers.items():
            if process.command.startswith(start):
                process.stdout.write(answer)
                process.exit(0)
                return
        if self.banner:
            process.stdout.write(self.banner)
        child = await asyncio.create_subprocess_shell(
            process.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "WORKBENCH_MARK": self.mark},
            start_new_session=True,
        )
        pumps = [
            asyncio.ensure_future(self._listen(process, child)),
            asyncio.ensure_future(self._tell(child.stdout, process.stdout)),
            asyncio.ensure_future(self._tell(child.stderr, process.stderr)),
        ]
        status = await child.wait()
        await asyncio.gather(*pumps[1:])
        pumps[0].cancel()
        child._transport.close()
        with contextlib.suppress(OSError, asyncssh.Error):
            if status < 0:
                process.exit_with_signal(signal.Signals(-status).name[3:])
            else:
                process.exit(status)

    async def _listen(self, process, child):
        """What the client sends, to the child; signals too; its end as the end of stdin."""
        with contextlib.suppress(OSError, asyncssh.Error):
            while True:
                try:
                    piece = await process.stdin.read(65536)
                except asyncssh.SignalReceived as received:
                    child.send_signal(getattr(signal, f"SIG{received.signal}"))
                    continue
                if not piece:
                    break
                child.stdin.write(piece)
                await child.stdin.drain()
        child.stdin.close()

    async def _tell(self, source, sink):
        """What the child says, to the client, as long as it listens; and then to nobody."""
        listens = True
        while piece := await source.read(65536):
            with contextlib.suppress(OSError, asyncssh.Error):
                if listens:
                    sink.write(piece)
                    await sink.drain()
                    continue
            listens = False


@contextlib.asynccontextmanager
async def serving(home, mark, port):
    """A `Server` that runs."""
    server = Server(home, mark)
    server.port = port
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
def ssh_server(home, mark):
    """Call it in the test's loop: ``async with ssh_server() as server``; at any free port, or one named."""
    return lambda port=0: serving(home, mark, port)


class OpenSsh(NamedTuple):
    """A board behind OpenSSH's own server, and that server's process."""

    board: Board
    pid: int

    async def all_closed(self):
        """Wait until it serves nobody: each connection is a child of the server."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        await becomes(lambda: not children.read_text().split(), "a connection is open")


@pytest.fixture
def openssh(home, mark, tmp_path):
    """OpenSSH's own server, run as this user on a high port."""
    with contextlib.ExitStack() as stack:
        login = home / ".ssh" / "id_ed25519.pub"
        try:
            server = stack.enter_context(openssh_server(tmp_path / "sshd", login, {"WORKBENCH_MARK": mark}))
        except WorkbenchError as error:
            pytest.skip(str(error))
        yield OpenSsh(*server)


@pytest.fixture
def sshd(openssh):
    """The `Board` behind it."""
    return openssh.board


@pytest.fixture
def odd_python(tmp_path):
    """A Python that runs `prelude` before whatever it is asked to run."""
    made = []

    def make(prelude, python=sys.executable, options=""):
        path = tmp_path / f"python-{len(made)}"
        script = tmp_path / f"prelude-{len(made)}.py"
        script.write_text(prelude + "\nimport sys\nexec(sys.argv[-1])\n")
        path.write_text(f'#!/bin/sh\nexec "{python}" {options} "{script}" "$@"\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        made.append(path)
        return str(path)

    return make


def _onnx(nodes, inputs, outputs, initializers=()):
    from onnx import TensorProto, helper

    def named(values):
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in values]

    graph = helper.make_graph(nodes, "g", named(inputs), named(outputs), list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    return model.SerializeToString()


@pytest.fixture(scope="session")
def relu():
    """A network of one layer: (1, 3, 8, 8) without what is negative."""
    from onnx import helper

    shape = [1, 3, 8, 8]
    return _onnx([helper.make_node("Relu", ["x"], ["y"])], [("x", shape)], [("y", shape)])


@pytest.fixture(scope="session")
def slow_network():
    """A network that takes some tenths of a second a run: ten products of 700 by 700."""
    from onnx import helper

    nodes = [helper.make_node("Tile", ["flat", "times"], ["a0"])]
    count, size = 10, 700
    initial = [
        helper.make_tensor("column", 7, [2], [size, 1]),
        helper.make_tensor("times", 7, [2], [1, size]),
        helper.make_tensor("zero", 7, [1], [0]),
        helper.make_tensor("one", 7, [1], [1]),
        helper.make_tensor("shape", 7, [4], [1, 3, 8, 8]),
        helper.make_tensor("ends", 7, [1], [192]),
    ]
    nodes.insert(0, helper.make_node("ReduceMean", ["x"], ["mean"], keepdims=1))
    nodes.insert(1, helper.make_node("Reshape", ["mean", "single"], ["cell"]))
    nodes.insert(2, helper.make_node("Tile", ["cell", "column"], ["flat"]))
    initial.append(helper.make_tensor("single", 7, [2], [1, 1]))
    for step in range(count):
        nodes.append(helper.make_node("MatMul", [f"a{step}", f"a{step}"], [f"m{step}"]))
        nodes.append(helper.make_node("Tanh", [f"m{step}"], [f"a{step + 1}"]))
    nodes.append(helper.make_node("Flatten", [f"a{count}"], ["long"], axis=0))
    nodes.append(helper.make_node("Slice", ["long", "zero", "ends", "one"], ["cut"]))
    nodes.append(helper.make_node("Reshape", ["cut", "shape"], ["y"]))
    return _onnx(nodes, [("x", [1, 3, 8, 8])], [("y", [1, 3, 8, 8])], initial)


@pytest.fixture(scope="session")
def hungry_network():
    """A network that wants 40 GB."""
    from onnx import helper

    initial = [helper.make_tensor("big", 7, [2], [100_000, 100_000])]
    nodes = [
        helper.make_node("Expand", ["x", "big"], ["wide"]),
        helper.make_node("ReduceMax", ["wide"], ["y"], keepdims=0),
    ]
    return _onnx(nodes, [("x", [1, 1])], [("y", [])], initial)


@pytest.fixture(scope="session")
def picture():
    """What `relu` and `slow_network` take."""
    return np.random.default_rng(7).normal(size=(1, 3, 8, 8)).astype(np.float32)


class Link:
    """A proxy in front of a port that can slow, stall or cut what passes."""

    def __init__(self, target, bytes_per_s=None, delay_s=0.0):
        self.target = target
        self.bytes_per_s = bytes_per_s
        self.delay_s = delay_s
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.writers = []
        self.server = None

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error):
        self.cut()
        self.server.close()
        await asyncio.sleep(0)

    def cut(self):
        for writer in self.writers:
            writer.transport.abort()

    async def _accept(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self.writers += [writer, far_writer]
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader, writer):
        queue = asyncio.Queue()

        async def receive():
            while piece := await reader.read(4096):
                queue.put_nowait((time.monotonic() + self.delay_s, piece))
            queue.put_nowait((0, b""))

        receiving = asyncio.ensure_future(receive())
        try:
            while True:
                due, piece = await queue.get()
                if not piece:
                    break
                await self.flowing.wait()
                await asyncio.sleep(max(due - time.monotonic(), 0))
                writer.write(piece)
                await writer.drain()
                if self.bytes_per_s:
                    await asyncio.sleep(len(piece) / self.bytes_per_s)
        finally:
            receiving.cancel()
            with contextlib.suppress(ConnectionError):
                writer.close()


@pytest.fixture
def slow_link():
    """Class of a proxy: ``async with slow_link(port, bytes_per_s=...) as link``."""
    return Link


@pytest.fixture
def nothing_left_of():
    """``await nothing_left_of(mark)``: no agent is left."""
    return nothing_left


@pytest.fixture
def agents():
    """``agents(mark)``: numbers of the agents that live."""
    return processes
