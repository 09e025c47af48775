"""`workbench board` as a person types it."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

import workbench as wb
from workbench.boards.inventory import Inventory


@pytest.fixture
def type_in():
    """Run a command line; gives the result with stdout, stderr and exit code."""
    from workbench.cli.app import app

    def run(*words, said=""):
        return CliRunner().invoke(app, ["board", *words], input=said)

    return run


def test_list(type_in):
    shown = type_in("list")
    assert shown.exit_code == 0
    assert "local" in shown.stdout and "this machine" in shown.stdout
    told = json.loads(type_in("list", "--json").stdout)
    assert [board["name"] for board in told["boards"]] == ["local"]


def test_add_shows_the_fingerprint_asks_stores_and_looks(type_in, sshd):
    shown = type_in("add", "pi5", sshd.address, "--python", sys.executable, said="y\n")
    assert shown.exit_code == 0, shown.output
    assert "SHA256:" in shown.stderr
    assert "Ready to measure." in shown.stdout
    stored = Inventory().get("pi5")
    assert (stored.host_key, stored.address, stored.python) == (sshd.host_key, sshd.address, sys.executable)
    assert "pi5" in type_in("list").stdout
    assert type_in("remove", "pi5").exit_code == 0
    assert "pi5" not in type_in("list").stdout


def test_add_stores_nothing_when_the_answer_is_no(type_in, sshd):
    shown = type_in("add", "pi5", sshd.address, said="n\n")
    assert shown.exit_code == 2
    assert "was not added" in shown.stderr
    assert len(Inventory().boards()) == 1


def test_add_with_a_wrong_fingerprint_stores_nothing(type_in, sshd):
    shown = type_in("add", "pi5", sshd.address, "--fingerprint", "SHA256:abc")
    assert shown.exit_code == 2
    assert "not SHA256:abc; nothing was stored" in shown.stderr
    assert len(Inventory().boards()) == 1


def test_add_of_a_board_that_cannot_be_used_yet(type_in, sshd, home):
    (home / ".ssh" / "id_ed25519").unlink()
    shown = type_in("add", "pi5", sshd.address, said="y\n")
    assert shown.exit_code == 1
    assert "stored, but not usable yet" in shown.stderr and "ssh-copy-id" in shown.stderr
    assert Inventory().get("pi5").host_key == sshd.host_key


def test_check(type_in):
    shown = type_in("check")
    assert shown.exit_code == 0
    assert "onnxruntime" in shown.stdout and "Ready to measure." in shown.stdout
    told = json.loads(type_in("check", "local", "--json").stdout)
    assert told["ready"] is True and told["kind"] == "local"
    assert told["facts"]["telemetry_off"] is True


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("check", "pi9"), "no board 'pi9'"),
        (("remove", "local"), "cannot be removed"),
        (("setup", "local"), "nothing to set up"),
        (("add", "local", "pi@host"), "always there"),
        (("add", "x", "pi@ho st"), "is no address"),
        (("measure", "pi9", "--split", "layer3"), "no board 'pi9'"),
        (("measure", "local", "--split", "layer9"), "split point"),
        (("measure", "local", "--codec", "unifrom"), "did you mean 'uniform'"),
        (("measure", "local", "--split", "layer3", "--runs", "0"), "runs is 0"),
        (("measure", "local", "--codec", "slicer", "--set", "bits=8;6"), "bits"),
        (("measure", "local", "local", "--split", "layer3"), "each once"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(type_in, words, complaint):
    shown = type_in(*words)
    assert shown.exit_code == 2, shown.output
    assert complaint in shown.stderr
    assert "Traceback" not in shown.output


def test_measure(type_in, tmp_path):
    out = tmp_path / "measured.json"
    words = (
        "local",
        "--split",
        "layer3",
        "--codec",
        "uniform",
        "--set",
        "bits=4",
        "--runs",
        "5",
        "--warmups",
        "1",
    )
    shown = type_in("measure", *words, "--out", str(out))
    assert shown.exit_code == 0, shown.output
    assert "this machine, not a board" in shown.stdout
    assert "same bytes as here" in shown.stdout
    for way in ("split, burst", "split, chain", "all-server, chain", "all-board, chain"):
        assert way in shown.stdout
    before = type_in("history", "--link", "ble5")
    assert "digits-resnet at layer3" in before.stdout and "local (local)" in before.stdout
    kept = json.loads(type_in("history", "local", "--link", "ble5", "--json").stdout)[0]
    assert kept["split"] == "layer3"
    assert [(one["way"], one["link"]) for one in kept["compared"]] == [
        ("split", "ble5"), ("all-server", "ble5"),
    ]  # fmt: skip
    for one in kept["compared"]:
        assert one["predicted_s"] == wb.link("ble5").latency(one["sent_bytes"])
        assert one["whole_s"] > one["predicted_s"] > one["measured_s"] > 0
    assert "meanwhile: temperature" in shown.stdout
    assert "Nothing was measured yet" in type_in("history", "elsewhere").stdout
    trial = json.loads(out.read_text())["trials"][0]
    assert (trial["split"], trial["settings"]["bits"], len(trial["runs"])) == ("layer3", 4, 4)
    assert len(trial["runs"][0]["rows"]) == 5


def test_measure_as_json_and_several_codecs(type_in):
    words = (
        "local",
        "--split",
        "layer3",
        "--codec",
        "raw",
        "--codec",
        "slicer",
        "--runs",
        "2",
        "--mode",
        "burst",
    )
    shown = type_in("measure", *words, "--no-baselines", "--json")
    assert shown.exit_code == 0, shown.output
    trials = json.loads(shown.stdout)["trials"]
    assert [trial["codec"] for trial in trials] == ["raw", "slicer"]
    assert all([run["mode"] for run in trial["runs"]] == ["burst"] for trial in trials)


def read_until(terminal, pattern, seconds=120):
    """Bytes that a terminal shows until `pattern` is in them."""
    shown, end = b"", time.monotonic() + seconds
    while not re.search(pattern, shown):
        assert time.monotonic() < end, shown[-2000:]
        if select.select([terminal], [], [], 1)[0]:
            shown += terminal.read(4096)
    return shown


@pytest.mark.slow  # several starts of Python, one after the other
def test_ctrl_c_shows_what_was_measured(tmp_path):
    """Pressed once the terminal has said that some of very many runs are done."""
    words = ["measure", "local", "--split", "layer3", "--runs", "100000", "--mode", "chain", "--no-baselines"]
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "board", *words, "--json"],
        stdout=subprocess.PIPE,
        stderr=inside,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
    )
    with process, os.fdopen(terminal, "rb", buffering=0) as screen:
        os.close(inside)
        shown = read_until(screen, rb"chain on local \S+ [1-9]\d* of 100000")
        process.send_signal(signal.SIGINT)
        out, _err = process.communicate(timeout=120)
        with contextlib.suppress(OSError):  # so a terminal ends that nobody writes to any more
            while piece := screen.read(4096):
                shown += piece
    assert b"Traceback" not in shown
    trials = json.loads(out)["trials"]
    assert trials[0]["cancelled"] is True
    assert 0 < len(trials[0]["runs"][0]["rows"]) < 100_000
