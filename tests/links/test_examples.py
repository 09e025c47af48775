"""The examples in the docstrings of links give what they show."""

import doctest

import pytest

from workbench.cli import choices
from workbench.links import catalog, outage, profiles


@pytest.mark.parametrize("module", [catalog, outage, profiles, choices], ids=lambda module: module.__name__)
def test_examples(module):
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0
