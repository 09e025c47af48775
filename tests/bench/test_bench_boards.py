"""What the boards' benchmark measures, in small; and the committed record."""

import json

import pytest

import workbench as wb
from workbench.bench import boards
from workbench.bench.openssh import openssh_with_own_home
from workbench.errors import WorkbenchError
from workbench.paths import shipped


@pytest.fixture
def own_lock(monkeypatch, tmp_path):
    """Another test run on this machine may be measuring too."""
    opened = boards.open_board
    monkeypatch.setattr(
        boards, "open_board", lambda board, **options: opened(board, lock=tmp_path.name, **options)
    )


def test_the_wire_of_100_kilobytes(own_lock):
    line = boards._wire(boards.HERE, 3)
    assert (line.unit, line.goal, len(line.repeats)) == ("s", 0.005, 3)
    assert all(seconds > 0 for seconds in line.repeats)
    sent = len(wb.codec("raw").encode(boards.np.ones(boards.SHAPE[1:], boards.np.float32)))
    assert sent > 100_000 and line.note.startswith(f"{sent:,} bytes")


def test_start_here_and_behind_openssh(monkeypatch, own_lock):
    import os

    home = os.environ.get("HOME")
    try:
        with openssh_with_own_home() as board:
            assert os.environ["HOME"] != home
            lines = boards._start(board, 1)
    except WorkbenchError as error:
        pytest.skip(str(error))
    assert os.environ.get("HOME") == home
    assert [(line.what, line.goal) for line in lines] == [
        ("agent ready, here", 2.0),
        ("numpy and onnxruntime imported, here", None),
        ("agent ready, behind OpenSSH", 2.0),
        ("numpy and onnxruntime imported, behind OpenSSH", None),
    ]
    assert all(line.value > 0 for line in lines)


def test_without_an_openssh_server_it_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setattr("workbench.bench.openssh.SSHD", tmp_path / "none")
    with pytest.raises(WorkbenchError, match="apt install openssh-server"), openssh_with_own_home():
        pass


def test_the_committed_record_meets_its_goals():
    record = json.loads((shipped("data") / "results" / "bench_boards.json").read_text(encoding="utf-8"))
    goals = {line["what"]: (line["goal"], line["met"]) for line in record["measures"] if line["goal"]}
    assert goals == {
        "agent ready, here": (2.0, True),
        "agent ready, behind OpenSSH": (2.0, True),
        "wire stage, 100 kB over loopback, OpenSSH": (0.005, True),
        "wire stage, 100 kB over a pipe here": (0.005, True),
        "100 runs of each way on local": (10.0, True),
        "Cancel to the kept rows, burst": (1.0, True),
        "Cancel to the kept rows, chain": (1.0, True),
        "agent's peak memory, 25 MB network, raw": (300e6, True),
        "agent's peak memory, 25 MB network, context": (300e6, True),
    }
