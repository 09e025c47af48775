"""The Codecs app's state: only what changed and is looked at is asked for again."""

import pytest

from workbench.codec_records import SideBySide
from workbench.errors import Cancelled, SettingError
from workbench.session import AtOnce
from workbench.session.codecs import CODEC_VIEWS, RESULT_OF, Codecs
from workbench.session.explorer import Problem


@pytest.fixture
def session(codec_work):
    started = Codecs(codec_work, AtOnce())
    started.refresh()
    codec_work.asked.clear()
    return started


def test_at_the_start_only_the_first_view_is_made(codec_work):
    session = Codecs(codec_work, AtOnce())
    session.refresh()
    assert codec_work.asked == ["network", "gallery", "sides", "more_networks"]
    assert session.outcome is session.sides
    assert session.stale == {"rates", "entropy", "symbols", "claims"}
    assert not session.unfinished
    assert (session.split, session.picture) == ("stages.2", "digits/0")


@pytest.mark.parametrize("view", CODEC_VIEWS[1:])
def test_a_view_is_made_when_it_is_looked_at_and_once(session, codec_work, view):
    session.view = view
    assert codec_work.asked == [RESULT_OF[view]]
    assert getattr(session, RESULT_OF[view]) is not None
    session.view = "bytes"
    session.view = view
    assert codec_work.asked == [RESULT_OF[view]]


@pytest.mark.parametrize(
    ("choose", "asked"),
    [
        ({"settings": {"bits": 2}}, {"sides", "entropy", "symbols", "claims"}),
        ({"settings": {"rows": 16}}, {"symbols"}),
        ({"settings": {"rows": "exact"}}, {"symbols"}),
        ({"picture": "digits/2"}, {"sides", "rates", "entropy", "symbols", "claims"}),
        ({"split": "stages.0"}, {"sides", "rates", "entropy", "symbols", "claims"}),
        ({"source": "photographs"}, {"gallery", "sides", "rates", "entropy", "symbols", "claims"}),
        ({"network": "digits-vit"}, {"network", "gallery", *RESULT_OF.values()}),
    ],
)
def test_only_what_depends_on_it_is_asked_again(session, codec_work, choose, asked):
    for view in CODEC_VIEWS:
        session.view = view
    codec_work.asked.clear()
    session.choose(**choose)
    for view in CODEC_VIEWS:
        session.view = view
    assert sorted(codec_work.asked) == sorted(asked)  # each once
    assert session.stale == frozenset()


def test_another_split_forgets_a_number_of_rows_but_not_a_search(session):
    session.choose(settings={"bits": 3, "rows": 16})
    session.split = "stages.0"
    assert session.settings == {"bits": 3}
    session.choose(settings={"bits": 3, "rows": "exact"})
    session.network = "digits-vit"
    assert session.settings == {"bits": 3, "rows": "exact"}


def test_a_link_restores_network_split_picture_q_and_n(session, codec_work):
    session.choose(
        network="digits-vit", split="stages.1", picture="digits/2", settings={"bits": 3, "rows": 16}
    )
    other = Codecs(codec_work, AtOnce())
    other.restore(session.address)
    assert other.choice == session.choice
    assert other.sides == session.sides


def test_a_link_of_the_explorer_brings_its_features_but_not_its_codec(session):
    session.restore(
        "#network=digits-vit&split=stages.1&codec=uniform&codec.bits=16&link=ble5&picture=digits/1"
    )
    assert (session.network, session.split, session.picture) == ("digits-vit", "stages.1", "digits/1")
    assert (session.codec, session.settings, session.link) == ("rans-csr", {}, "lte-cat4")


@pytest.mark.parametrize(
    ("address", "said"), [("#colour=red", "'colour'"), ("#network=own.py:make", "would run code")]
)
def test_a_bad_link_changes_nothing_and_is_said(session, address, said):
    before = session.choice
    session.restore(address)
    assert session.choice == before
    assert isinstance(session.outcome, Problem) and said in str(session.outcome.error)


def test_an_error_is_the_outcome_and_goes_when_its_cause_goes(session):
    session.view = "symbols"
    session.set_setting("rows", 7)
    assert isinstance(session.outcome.error, SettingError)
    assert "symbols" in session.stale and session.unfinished
    session.set_setting("rows", "exact")
    assert isinstance(session.outcome, SideBySide)
    assert session.symbols.chosen_by == "exact"


def test_cancel_keeps_what_was_there_and_run_again_goes_on(session, codec_work):
    before = session.sides
    codec_work.during = lambda what, report: session.cancel() if what == "sides" else None
    session.set_setting("bits", 2)
    assert isinstance(session.outcome.error, Cancelled)
    assert session.sides is before and session.unfinished and not session.busy
    codec_work.during = None
    session.refresh()
    assert session.sides.bits == 2 and not session.unfinished


@pytest.mark.parametrize("view", CODEC_VIEWS)
def test_each_view_shows_the_call_that_gives_it(session, view):
    session.choose(settings={"bits": 3, "rows": 16})
    session.view = view
    compile(session.code, view, "exec")
    if view != "papers":
        assert "load('digits')[0:1]" in session.code and "'stages.2'" in session.code
    assert ("bits=3" in session.code) == (view in ("bytes", "entropy", "symbols"))
    assert ("rows=16" in session.code) == (view == "symbols")
