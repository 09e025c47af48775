"""A page on the session tests' own work, run at once."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location(
    "fake_session", Path(__file__).parents[1] / "session" / "conftest.py"
)
fake_session = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fake_session)


@pytest.fixture
def work():
    return fake_session.FakeWork()


@pytest.fixture
def page(work):
    from workbench.panels.explorer import explorer
    from workbench.session import AtOnce, Explorer

    session = Explorer(work, AtOnce())
    shown = explorer(session)
    session.refresh()
    return shown


@pytest.fixture
def codec_work():
    return fake_session.FakeCodecWork()


@pytest.fixture
def codecs_page(codec_work):
    from workbench.panels.codecs import codecs
    from workbench.session import AtOnce
    from workbench.session.codecs import Codecs

    session = Codecs(codec_work, AtOnce())
    shown = codecs(session)
    session.refresh()
    return shown
