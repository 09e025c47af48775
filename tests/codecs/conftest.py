"""What tests of codecs share: calibrated tables never go into the user's own folder; other processors."""

import os
import subprocess
import sys

import pytest

# The stand-ins take the places of their modules; what follows finds the test's own module as `test`.
STAND_INS = """
import sys
from importlib import import_module, util
from pathlib import Path

import workbench.codecs.entropy
from workbench.boards import sources

home = Path(sources.__file__).parent / "stand_ins/numba/workbench/codecs/entropy"
for path in sorted(home.glob("*.py")):
    name = f"workbench.codecs.entropy.{path.stem}"
    spec = util.spec_from_file_location(name, path)
    sys.modules[name] = util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
sys.path.insert(0, str(Path(sys.argv[1]).parent))
test = import_module(Path(sys.argv[1]).stem)
"""
NO_NUMBA = '\nassert "numba" not in sys.modules\n'


@pytest.fixture(autouse=True, scope="session")
def _tables_in_a_folder_of_their_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_TABLES", str(tmp_path_factory.mktemp("tables")))
        yield


@pytest.fixture(scope="session")
def without_numba():
    """Run lines of Python that must pass after a test's `file`, as on a board without numba."""

    def run(file, lines):
        done = subprocess.run(
            [sys.executable, "-W", "error::RuntimeWarning", "-c", STAND_INS + lines + NO_NUMBA, file],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    return run


@pytest.fixture
def on_another_processor(tmp_path):
    """Run tests of a `file` in machine code for a generic processor: they pass; gives what pytest said."""

    def run(file, which):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-W", "ignore", file, "-k", which],
            env={**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    return run
