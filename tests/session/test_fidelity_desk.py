"""The Fidelity app's real work: every view from one store, and its code gives what it shows."""

import pytest

from workbench.errors import WeightsError
from workbench.session import AtOnce
from workbench.session.fidelity import FIDELITY_VIEWS, Fidelity
from workbench.session.fidelity_desk import FidelityDesk

BUNDLE = "digits-resnet-layer2-qcnet-h"


@pytest.fixture(scope="module")
def session():
    desk = FidelityDesk()
    session = Fidelity(desk, AtOnce())
    session.choose(samples=24)
    session.take_restorer(BUNDLE)
    for view in FIDELITY_VIEWS:
        session.view = view
    assert session.outcome is session.report, session.outcome
    return session


def test_every_view_has_both_paths_of_the_same_samples(session):
    assert (session.split, session.codec, session.restorer) == ("layer2", "onebit", BUNDLE)
    assert session.report.samples == session.space.samples == 24
    assert [one.path for one in session.report.paths] == ["decoded", "restored"]
    assert [one.path for one in session.space.panels] == ["original", "decoded", "restored"]
    assert set(session.maps.maps) == {"decoded", "restored"} and session.maps.name == "digit 1"
    assert list(session.saliency.maps) == ["unsplit", "decoded", "restored"]


def test_another_codec_setting_does_not_run_the_edge_part_again(session):
    session.view = "summary"
    session.set_setting("lossless", "none")
    assert "edge part known" in session.line.text and "restored by" in session.line.text
    assert session.report.payload_bytes.mean > 1024  # 8,192 bits and a header
    session.set_setting("lossless", "zip")
    assert session.report.payload_bytes.mean < 1024
    assert "codec known" in session.line.text


def test_a_sample_that_was_clicked_is_the_picture_of_its_row(session):
    session.look_at(5)
    assert session.picture == f"digits/{5 * 450 // 24}"
    session.view = "maps"
    assert session.maps.name == session.space.names[5]


@pytest.mark.parametrize("view", FIDELITY_VIEWS)
def test_the_code_of_each_view_gives_what_it_shows(session, view):
    session.view = view
    found = {}
    lines = session.code.splitlines()
    exec("\n".join(lines[:-1]), found)
    figure = eval(lines[-1], found)
    assert len(figure.data) > 0
    if view == "summary":
        assert found["report"].path("restored").value("ssim") == session.report.path("restored").value("ssim")
    if view == "space":
        assert (found["space"].panels[2].points == session.space.panels[2].points).all()
    if view == "maps":
        assert (found["maps"].channels == session.maps.channels).all()
    if view == "saliency":
        assert found["report"].agreement == session.saliency.agreement


def test_a_bundle_for_another_cut_is_refused_by_name(session):
    before = session.report
    session.choose(split="layer3", restorer=BUNDLE)
    assert isinstance(session.outcome.error, WeightsError) and "'layer2'" in str(session.outcome.error)
    assert session.report is before and "report" in session.stale
    session.restorer = ""
    assert session.report.split == "layer3"
