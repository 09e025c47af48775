"""The Fidelity app's state: one choice for all views; only what changed and is looked at is made again."""

import importlib.util
from pathlib import Path

import pytest

from workbench.errors import Cancelled, InputError, WeightsError
from workbench.session import AtOnce
from workbench.session.choice import from_link, to_link
from workbench.session.explorer import Problem
from workbench.session.fidelity import FIDELITY_VIEWS, RESULT_OF, Fidelity
from workbench.session.fidelity_work import METHODS, FidelityChoice

_SPEC = importlib.util.spec_from_file_location("fidelity_fakes", Path(__file__).parent / "fidelity_fakes.py")
fakes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fakes)


@pytest.fixture
def fidelity_work(work):
    return fakes.fidelity_work(type(work))()


@pytest.fixture
def session(fidelity_work):
    started = Fidelity(fidelity_work, AtOnce())
    started.choose(codec="rans-csr")
    fidelity_work.asked.clear()
    return started


def test_at_the_start_only_the_numbers_are_made(fidelity_work):
    session = Fidelity(fidelity_work, AtOnce())
    session.refresh()
    assert fidelity_work.asked == ["network", "gallery", "report", "more_networks"]
    assert session.outcome is session.report
    assert session.stale == {"space", "maps", "saliency"}
    assert not session.unfinished
    assert (session.split, session.picture, session.samples, session.most) == ("stages.2", "digits/0", 20, 45)
    assert session.codec == "onebit" and session.classes == ("0", "1", "2", "3")


@pytest.mark.parametrize("view", FIDELITY_VIEWS[2:])
def test_a_view_is_made_when_it_is_looked_at_and_once(session, fidelity_work, view):
    session.view = view
    assert fidelity_work.asked == [RESULT_OF[view]]
    session.view = "distributions"
    session.view = view
    assert fidelity_work.asked == [RESULT_OF[view]]


ALL = {"report", "space", "maps", "saliency"}


@pytest.mark.parametrize(
    ("choose", "asked"),
    [
        ({"settings": {"bits": 2}}, ALL),
        ({"split": "stages.0"}, ALL),
        ({"codec": "raw"}, ALL),
        ({"samples": 7}, {"report", "space"}),
        ({"source": "photographs"}, {"gallery", *ALL}),
        ({"picture": "digits/2"}, {"maps", "saliency"}),
        ({"method": "eigen-cam"}, {"saliency"}),
        ({"target": "2"}, {"saliency"}),
        ({"network": "digits-vit"}, {"network", "gallery", *ALL}),
        ({"restorer": "resnet-h"}, ALL),
        ({"link": "ble5"}, set()),
    ],
)
def test_only_what_depends_on_it_is_made_again(session, fidelity_work, choose, asked):
    for view in FIDELITY_VIEWS:
        session.view = view
    fidelity_work.asked.clear()
    session.choose(**choose)
    for view in FIDELITY_VIEWS:
        session.view = view
    assert sorted(fidelity_work.asked) == sorted(asked)  # each once
    assert session.stale == frozenset()


def test_a_restorer_brings_its_network_split_and_codec(session):
    session.take_restorer("vit-t")
    assert (session.network, session.split, session.codec) == ("digits-vit", "stages.2", "rans-csr")
    assert session.restorer == "vit-t"
    assert [one.path for one in session.report.paths] == ["decoded", "restored"]


@pytest.mark.parametrize("other", [{"network": "digits-vit"}, {"split": "stages.0"}, {"codec": "raw"}])
def test_another_network_split_or_codec_lets_the_restorer_go(session, other):
    session.take_restorer("resnet-h")
    session.choose(**other)
    assert session.restorer == ""
    assert [one.path for one in session.report.paths] == ["decoded"]


def test_another_setting_or_picture_keeps_the_restorer(session):
    session.take_restorer("resnet-h")
    session.set_setting("bits", 2)
    session.choose(picture="digits/2", samples=9)
    assert session.restorer == "resnet-h"
    session.take_restorer("")
    assert session.report.path("restored") is None


def test_a_bundle_that_cannot_be_read_is_said_and_changes_nothing(session):
    before = session.choice
    session.take_restorer("gone.safetensors")
    assert isinstance(session.outcome.error, WeightsError) and session.choice == before


def test_a_number_that_nobody_chose_follows_the_network_one_that_was_chosen_stays(session, fidelity_work):
    fidelity_work.counts = lambda choice, report: fakes.Counts(
        10 if choice.network == "digits-vit" else 20, 45
    )
    session.network = "digits-vit"
    assert session.samples == 10
    session.samples = 33
    session.network = "digits-resnet"
    assert session.samples == 33
    session.samples = 1000
    assert session.samples == 45  # there are no more


def test_a_click_on_a_sample_looks_at_its_picture(session):
    session.view = "space"
    session.look_at(4)
    assert session.picture == "digits/8" and session.gallery[0].key == "digits/8"
    session.view = "maps"
    assert session.maps.name == "digits/8"


def test_a_link_restores_everything(session, fidelity_work):
    session.take_restorer("resnet-h")
    session.choose(picture="digits/2", samples=9, method="hires-cam", target="2", settings={"bits": 3})
    other = Fidelity(fidelity_work, AtOnce())
    other.restore(session.address)
    assert other.choice == session.choice
    assert "samples=9" in session.address and "restorer=resnet-h" in session.address


def test_a_link_of_the_explorer_is_understood_and_one_of_this_app_is_refused_there():
    choice = from_link(
        "#network=digits-vit&split=stages.1&codec=uniform&codec.bits=3&link=ble5", FidelityChoice
    )
    assert choice == FidelityChoice(
        network="digits-vit", split="stages.1", codec="uniform", settings={"bits": 3}, link="ble5"
    )
    own = FidelityChoice(network="digits-vit", restorer="vit-t", samples=12, target="cat & dog")
    assert from_link(to_link(own), FidelityChoice) == own
    with pytest.raises(InputError, match="'restorer'"):
        from_link(to_link(own))
    with pytest.raises(InputError, match="samples='many'"):
        from_link("samples=many", FidelityChoice)


@pytest.mark.parametrize("wrong", ["method=x-ray", "samples=-3"])
def test_a_link_with_what_cannot_be_chosen_is_said(session, wrong):
    before = session.choice
    session.restore(f"#network=digits-vit&codec=raw&{wrong}")
    assert isinstance(session.outcome, Problem) and isinstance(session.outcome.error, InputError)
    assert session.choice == before


def test_cancel_keeps_what_was_there_and_run_again_goes_on(session, fidelity_work):
    before = session.report
    fidelity_work.during = lambda what, report: session.cancel() if what == "report" else None
    session.set_setting("bits", 2)
    assert isinstance(session.outcome.error, Cancelled)
    assert session.report is before and session.unfinished and not session.busy
    fidelity_work.during = None
    session.refresh()
    assert session.report is not before and not session.unfinished


def test_an_error_of_a_view_is_the_outcome_and_goes_when_its_cause_goes(session, fidelity_work):
    fidelity_work.broken["space"] = InputError("t-SNE needs at least 5")
    session.view = "space"
    assert "at least 5" in str(session.outcome.error) and session.space is None
    fidelity_work.broken.clear()
    session.samples = 12
    assert session.outcome is session.report and session.space.samples == 12


@pytest.mark.parametrize("view", FIDELITY_VIEWS)
def test_each_view_shows_the_call_that_gives_it(session, view):
    session.take_restorer("resnet-h")
    session.choose(settings={"bits": 3}, samples=9, method="hires-cam", target="2", source="photographs")
    session.view = view
    compile(session.code, view, "exec")
    assert "wb.codec('rans-csr', bits=3)" in session.code and "'stages.1'" in session.code
    assert "restorer=bundle('resnet-h').path" in session.code
    of_many = view not in ("maps", "saliency")
    assert ("samples=9" in session.code) == of_many
    assert ("codec, 'photographs'" in session.code) == of_many
    assert ("load('photographs')[0:1]" in session.code) == (not of_many)
    assert ("method='hires-cam', target='2'" in session.code) == (view == "saliency")


def test_the_methods_are_those_of_saliency():
    from workbench.saliency.methods import METHODS as known

    assert tuple(known) == METHODS
