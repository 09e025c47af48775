"""The names promised to users stay callable, whatever was imported before."""

import importlib

import pytest

import workbench as wb


@pytest.mark.parametrize("name", ["models", "codecs", "links"])
def test_the_lists_can_be_called_before_and_after_their_packages_are_imported(name):
    first = getattr(wb, name)()
    package = importlib.import_module(f"workbench.{name}")
    assert [entry.name for entry in getattr(wb, name)()] == [entry.name for entry in first]
    assert getattr(wb, name) is package and len(first) > 1


def test_every_promised_name_answers():
    assert all(callable(getattr(wb, name)) for name in wb.__all__ if name not in {"run", "cut_profile"})
