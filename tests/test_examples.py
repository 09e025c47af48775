"""What docstrings show as examples is what happens."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import workbench

HOME = Path(workbench.__file__).parent
SHOWING = sorted(
    path.relative_to(HOME.parent).with_suffix("") for path in HOME.rglob("*.py") if ">>> " in path.read_text()
)


def test_there_are_examples():
    assert len(SHOWING) >= 10


@pytest.mark.parametrize("path", SHOWING, ids=str)
def test_examples_hold(path):
    found = doctest.testmod(import_module(".".join(path.parts).removesuffix(".__init__")))
    assert found.attempted > 0
    assert found.failed == 0
