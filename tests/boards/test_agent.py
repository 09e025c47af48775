"""The agent by itself: old syntax, telemetry off, lease, limits, nothing left, nothing written."""

import ast
import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.boards import agent
from workbench.boards.channel import BOOTSTRAP
from workbench.boards.client import AgentClient
from workbench.boards.inventory import Board
from workbench.boards.local import LocalChannel
from workbench.boards.session import Burst, open_board
from workbench.boards.sources import codec_sources, lowered
from workbench.errors import BoardProtocolError, NotReadyError

LOCAL = Board("local", "")
AGENT = Path(agent.__file__)


def talk(work, **options):
    """Run `work(session)` on this machine."""

    async def scenario():
        async with open_board(LOCAL, **options) as session:
            return await work(session)

    return asyncio.run(scenario())


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_syntax_of_python_3_8():
    ast.parse(AGENT.read_text(), feature_version=(3, 8))
    ast.parse(BOOTSTRAP, feature_version=(3, 4))
    for path in (AGENT.parent / "stand_ins").rglob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 8))


def test_codecs_are_lowered_to_python_3_8():
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(codec_sources((3, 8)).packed)) as packed:
        for name in packed.namelist():
            ast.parse(packed.read(name), feature_version=(3, 8))


def test_what_lowering_changes():
    assert lowered("isinstance(x, int | str)") == "isinstance(x, (int, str))"
    assert lowered("zip(a, b, strict=True)") == "zip(a, b)"
    assert lowered("from collections.abc import Callable") == "from typing import Callable"
    assert lowered("Table = dict[str, int]") == "Table = dict"
    assert lowered("x | y") == "x | y"


def test_agent_imports_only_the_standard_library_when_it_starts():
    names = {
        alias.name.partition(".")[0] if isinstance(node, ast.Import) else node.module
        for node in ast.parse(AGENT.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert names <= set(sys.stdlib_module_names)


def test_telemetry_is_off_before_onnxruntime_is_imported(tmp_path):
    """A stand-in for onnxruntime tells the environment that it found at its import, on the board's side."""
    (tmp_path / "onnxruntime.py").write_text(
        "import os\n__version__ = 'off' if os.environ.get('ORT_DISABLE_TELEMETRY') == '1' else 'ON'\n"
        "called = []\n"
        "def disable_telemetry_events(): called.append(1)\n"
        "def set_default_logger_severity(level): pass\n"
        "def get_available_providers(): return ['called'] if called else []\n"
    )

    async def scenario():
        prelude = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); exec(sys.argv[-1])"
        channel = await LocalChannel.open(
            ["env", "-u", "ORT_DISABLE_TELEMETRY", sys.executable, "-c", prelude]
        )
        async with await AgentClient.start(channel) as client:
            return (await client.ask("runtime")).fields["facts"]

    facts = asyncio.run(scenario())
    assert facts["onnxruntime"] == "off"
    assert facts["providers"] == ["called"]
    assert facts["telemetry_off"] is True


def test_telemetry_is_off_on_the_server_before_anything_could_import_onnxruntime():
    code = (
        "import sys, os; import workbench.boards.session, workbench.experiments.board_measure;"
        "assert 'onnxruntime' not in sys.modules; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "1\n", done.stderr


def test_ends_when_its_stdin_closes():
    async def work(session):
        return session.agent.ready["pid"]

    pid = talk(work)
    assert not alive(pid)


def test_ends_in_the_middle_of_an_inference_when_its_stdin_closes(slow_network, picture):
    async def scenario():
        async with open_board(LOCAL) as session:
            name, _provider = await session.load_network(slow_network)
            given = await session.put(picture)
            pid = session.agent.ready["pid"]
            burst = session.burst(name, given, None, runs=100_000, warmups=0, stall_s=60)
            async for _part in burst:
                break
            await burst.aclose()
        return pid

    assert not alive(asyncio.run(scenario()))  # hours of runs were left


def test_lease_ends_an_agent_whose_client_has_frozen():
    """The pipe stays open, but nobody renews: as on a link that is half open."""
    source = AGENT.read_bytes()
    head = {"lease_s": 1.5, "agent": len(source), "sha256": hashlib.sha256(source).hexdigest()}
    process = subprocess.Popen(
        [sys.executable, "-c", BOOTSTRAP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        process.stdin.write(json.dumps(head).encode() + b"\n" + source)
        process.stdin.flush()
        assert b"workbench_agent" in process.stdout.readline()
        began = time.monotonic()
        assert process.wait(timeout=60) == 4
        assert time.monotonic() - began > 1.0


def test_agent_that_was_damaged_on_its_way_does_not_run():
    source = AGENT.read_bytes()
    head = {"agent": len(source), "sha256": "0" * 64}
    done = subprocess.run(
        [sys.executable, "-c", BOOTSTRAP],
        input=json.dumps(head).encode() + b"\n" + source,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (5, b"")


@pytest.mark.parametrize(
    ("do", "fields", "words"),
    [
        ("nonsense", {}, "no request 'nonsense'"),
        ("tensor", {"name": "t", "dtype": "object", "shape": [1]}, "a tensor of 'object'"),
        ("blob", {"name": "b", "sha256": "0"}, "not those that were sent"),
        ("codec", {"name": "c", "class": "os:system", "settings": {}}, "no codec of the workbench"),
        ("get", {"name": "payload"}, "nothing called"),
        ("run", {"session": "x", "input": "y", "runs": 1}, "nothing called"),
        ("step", {}, "a step without a chain"),
    ],
)
def test_requests_that_are_refused(do, fields, words):
    async def work(session):
        with pytest.raises(BoardProtocolError, match=words):
            await session.agent.ask(do, b"1234", **fields)
        await session.agent.ping()

    talk(work)


def test_unknown_provider_and_broken_network(relu):
    async def work(session):
        with pytest.raises(Exception, match="no provider NopeExecutionProvider here"):
            await session.load_network(relu, providers=("NopeExecutionProvider",))
        with pytest.raises(Exception, match=r"local: .*ONNX|local: .*protobuf|local: .*Fail"):
            await session.load_network(b"this is no network")
        name, provider = await session.load_network(relu)
        assert (await session.load_network(relu)) == (name, provider)
        assert provider == "CPUExecutionProvider"

    talk(work)


def test_gpu_providers_come_first_where_the_board_has_them():
    order = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    assert agent.preferred(["AzureExecutionProvider", *order[::-1]]) == order
    assert agent.preferred(["CPUExecutionProvider"]) == ["CPUExecutionProvider"]


def test_what_is_said_to_run_the_network_is_what_runs_it(odd_python, ssh_server, lock, relu):
    """onnxruntime offers CUDA, but the session falls back: then the session's word counts, not the list's."""
    python = odd_python(
        "import os\nos.environ['ORT_DISABLE_TELEMETRY'] = '1'\nimport onnxruntime as ort\n"
        "ort.get_available_providers = lambda: ['CUDAExecutionProvider', 'CPUExecutionProvider']\n"
        "make = ort.InferenceSession\n"
        "def session(model, options, providers):\n"
        "    assert providers == ['CUDAExecutionProvider', 'CPUExecutionProvider'], providers\n"
        "    return make(model, options, providers=['CPUExecutionProvider'])\n"
        "ort.InferenceSession = session"
    )

    async def scenario():
        async with ssh_server() as server, open_board(server.board(python=python), lock=lock) as session:
            assert session.facts["providers"] == ("CUDAExecutionProvider", "CPUExecutionProvider")
            return await session.load_network(relu)

    assert asyncio.run(scenario())[1] == "CPUExecutionProvider"


def test_a_codec_that_needs_what_is_missing_says_so(odd_python, ssh_server, lock):
    python = odd_python("import sys; sys.modules['PIL'] = None")

    async def scenario():
        async with ssh_server() as server, open_board(server.board(python=python), lock=lock) as session:
            with pytest.raises(NotReadyError, match="the codec needs"):
                await session.load_codec(wb.codec("image"))

    asyncio.run(scenario())


def test_nothing_is_written(ssh_server, relu, picture, lock, tmp_path, home):
    """Neither into the home folder nor into the folder for temporary files."""
    before = sorted(path for path in tmp_path.rglob("*"))

    async def scenario():
        async with ssh_server() as server, open_board(server.board(), lock=lock) as session:
            name, _provider = await session.load_network(relu)
            given = await session.put(picture)
            codec = await session.load_codec(wb.codec("raw"))
            async for _part in session.burst(name, given, codec, runs=3, warmups=1, stall_s=20):
                pass

    asyncio.run(scenario())
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_where_setup_made_a_folder_the_code_is_kept_there(ssh_server, lock, home):
    folder = home / ".local/share/workbench-board"
    folder.mkdir(parents=True)

    async def scenario():
        async with ssh_server() as server, open_board(server.board(), lock=lock) as session:
            await session.load_codec(wb.codec("raw"))
            await session.load_codec(wb.codec("uniform"))

    asyncio.run(scenario())
    asyncio.run(scenario())
    kept = list((folder / "sources").iterdir())
    assert len(kept) == 1
    assert (kept[0] / "workbench/codecs/raw.py").is_file()


def test_small(relu, picture):
    """The goal is 300 MB with a network of 25 MB: `workbench bench boards` measures that."""

    async def work(session):
        name, _provider = await session.load_network(relu)
        given = await session.put(picture)
        async for part in session.burst(name, given, None, runs=2, warmups=1, stall_s=60):
            if isinstance(part, Burst):
                return part.peak_memory_bytes

    assert 10**7 < talk(work) < 200e6


def test_features_and_times_are_those_of_the_network(relu, picture):
    async def work(session):
        name, _provider = await session.load_network(relu)
        given = await session.put(picture)
        codec = await session.load_codec(wb.codec("raw"))
        rows = []
        async for part in session.burst(name, given, codec, runs=250, warmups=2, stall_s=20):
            if isinstance(part, Burst):
                assert len(part.warmup_s) == 2
            else:
                rows += part.rows
        features = await session.fetch("features", (3, 8, 8))
        return rows, features, await session.fetch_bytes("payload", 10_000)

    rows, features, payload = talk(work)
    assert len(rows) == 250
    assert all(row.edge_s > 0 and row.encode_s > 0 and row.sent_bytes == len(payload) for row in rows)
    assert np.array_equal(features, np.maximum(picture[0], 0))
    assert payload == wb.codec("raw").encode(features)
