"""The command as a process: exit codes, stdout and stderr apart, and help without heavy imports."""

import subprocess
import sys
import time

import pytest

import workbench


def process(*words):
    return subprocess.run(
        [sys.executable, "-m", "workbench", *words], capture_output=True, text=True, timeout=120, check=False
    )


def test_python_m_workbench_is_the_command():
    done = process("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"workbench {workbench.__version__}\n", "")


def test_an_error_is_exit_code_2_and_one_line_on_stderr():
    done = process("links", "nope")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("workbench: no link 'nope'") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["links"], ["models"]])
def test_what_needs_no_network_imports_none(words):
    code = (
        "import sys\nfrom workbench.cli.app import app\n"
        f"try:\n    app({words!r}, prog_name='workbench')\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'timm', 'numba', 'ipywidgets', 'plotly', 'skimage', 'voila'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_comes_at_once():
    """A third of a second where nothing else runs; as a busy machine may be slow, modules are counted."""

    def once():
        started = time.perf_counter()
        process("--help")
        return time.perf_counter() - started

    assert min(once() for _ in range(3)) < 10
    code = (
        "import sys\nfrom workbench.cli.app import app\n"
        "try:\n    app(['--help'], prog_name='workbench')\nexcept SystemExit:\n    pass\n"
        "print(len(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stderr) < 400
