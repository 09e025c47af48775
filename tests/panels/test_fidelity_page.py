"""The Fidelity page without a browser: choices reach the session, results reach charts, tiles and tables."""

import importlib.util
import threading
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.session import AtOnce
from workbench.session.fidelity import FIDELITY_VIEWS, Fidelity

_SPEC = importlib.util.spec_from_file_location(
    "fidelity_fakes_page", Path(__file__).parents[1] / "session" / "fidelity_fakes.py"
)
fakes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fakes)


@pytest.fixture
def page(work):
    from workbench.panels.fidelity import fidelity

    session = Fidelity(fakes.fidelity_work(type(work))(), AtOnce())
    shown = fidelity(session)
    session.choose(codec="rans-csr")
    return shown


def drawn(page, view):
    page.session.view = view
    return page.views.views[view].chart.figure


def tiles(page):
    return {tile.name: tile.text for tile in page.tiles}


def test_every_view_is_drawn_with_its_table_when_it_is_in_front(page):
    for view in FIDELITY_VIEWS:
        assert drawn(page, view)["data"], view
        assert page.views.views[view].table.rows, view
        assert page.views.views[view].chart.exports
    assert page.view == "Saliency" and page.guard.notice.text == ""


def test_a_result_that_comes_while_its_view_is_drawn_is_not_greyed_for_ever(page):
    """The page draws in one thread what it read as stale, while the work's thread brings the result."""
    session, view = page.session, page.views.views["summary"]
    session.view = "summary"
    draw, threads = view._draw, []

    def slow():
        if not threads:
            threads.append(threading.Thread(target=lambda: setattr(session, "stale", frozenset())))
            threads[0].start()
            threads[0].join(0.3)  # it has to wait until this drawing ends
        return draw()

    session.busy = True
    view._draw = slow
    view.spoil()
    session.stale = frozenset({"report"})
    threads[0].join(60)
    assert not threads[0].is_alive()
    assert view.chart.busy is False


def test_nothing_is_made_for_a_view_that_nobody_opened(page):
    assert page.session.space is None and page.views.views["space"].chart.figure == {}
    assert "starts t-SNE" in page.views.views["space"].chart.empty


ALL = set(FIDELITY_VIEWS)
CHANGES = [
    (lambda page: page.choose.network, "digits-vit", "network", "digits-vit", ALL),
    (lambda page: page.choose.split, "stages.0", "split", "stages.0", ALL),
    (lambda page: page.choose.codec, "raw", "codec", "raw", ALL),
    (lambda page: page.choose.settings.choosers["bits"].widget, 2, "settings", {"bits": 2}, ALL),
    (lambda page: page.restorers.pick, "resnet-h", "restorer", "resnet-h", ALL),
    (lambda page: page.samples.number, 12, "samples", 12, {"summary", "distributions", "space"}),
    (lambda page: page.choose.source, "photographs", "source", "photographs", ALL),
    (lambda page: page.views.method, "eigen-cam", "method", "eigen-cam", {"saliency"}),
    (lambda page: page.views.target, "2", "target", "2", {"saliency"}),
]


@pytest.mark.parametrize(("chooser", "picked", "trait", "value", "moves"), CHANGES)
def test_each_chooser_reaches_the_session_and_its_charts(page, chooser, picked, trait, value, moves):
    before = {view: drawn(page, view) for view in FIDELITY_VIEWS}
    chooser(page).value = picked
    assert getattr(page.session, trait) == value
    after = {view: drawn(page, view) for view in FIDELITY_VIEWS}
    assert {view for view in FIDELITY_VIEWS if after[view] != before[view]} == moves
    assert page.guard.notice.text == ""


def test_the_session_reaches_the_choosers(page):
    page.session.take_restorer("vit-t")
    page.session.choose(samples=9, method="hires-cam", target="1")
    assert page.restorers.pick.value == "vit-t" and page.samples.number.value == 9
    assert (page.choose.network.value, page.choose.split.value) == ("digits-vit", "stages.2")
    assert (page.views.method.value, page.views.target.value) == ("hires-cam", "1")
    assert page.views.target.options == ("0", "1", "2", "3")
    assert "lets it go" in page.restorers.hint.value


def test_without_a_restorer_it_says_how_to_get_one(page):
    assert "workbench train --out" in page.restorers.hint.value
    page.session.view = "maps"
    assert "nothing restored to show" in page.views.notes["maps"].value
    page.restorers.pick.value = "resnet-h"
    page.session.view = "maps"
    assert "nothing restored" not in page.views.notes["maps"].value


def test_bundles_of_the_same_place_are_told_apart_by_name(page):
    first = page.session.restorers[0]
    page.session.restorers = (*page.session.restorers, first._replace(name="mine-0"))
    texts = {key: text for text, key in page.restorers.pick.options[1:-1]}
    assert texts == {
        "resnet-h": "qcnet-h · digits-resnet at stages.1 · resnet-h",
        "vit-t": "qcnet-t · digits-vit at stages.2",
        "mine-0": "qcnet-h · digits-resnet at stages.1 · mine-0",
    }


def test_a_file_is_asked_for_and_one_that_cannot_be_read_is_said(page):
    assert page.restorers.file.layout.display == "none"
    page.restorers.pick.value = "a bundle file …"
    assert page.restorers.file.layout.display is None
    page.restorers.file.value = "/gone.safetensors"
    assert "there is no bundle '/gone.safetensors'" in page.guard.notice.text
    assert page.session.restorer == ""


def test_the_tiles_say_both_paths(page):
    page.session.take_restorer("resnet-h")
    assert tiles(page)["Payload"] == "100 B" and tiles(page)["Same answer"] == "75.0 %"
    assert "decoded 50.0 %, unsplit 100 %" in page.tiles["Accuracy"].below
    assert "no number here" in page.tiles["Relative MSE"].below
    page.session.take_restorer("")
    assert tiles(page)["Same answer"] == "50.0 %"


def test_without_labels_the_accuracy_says_why(page):
    from dataclasses import replace

    paths = tuple(replace(one, accuracy=None) for one in page.session.report.paths)
    page.session.report = replace(
        page.session.report, paths=paths, accuracy_unsplit=None, labels_note="none: no labels"
    )
    assert tiles(page)["Accuracy"] == "–" and "none: no labels" in page.tiles["Accuracy"].below


def test_random_weights_are_marked_everywhere(page):
    page.session.use_random_weights()
    for view in FIDELITY_VIEWS:
        assert drawn(page, view)["layout"]["title"]["text"].endswith("<b>random weights</b>")
    assert all("random weights" in tile.below for tile in page.tiles if tile.text not in ("–", ""))


def test_the_summary_is_a_table_to_read(page):
    assert "<td>SSIM</td>" in page.views.summary.value and "<th>decoded</th>" in page.views.summary.value
    assert "<th>restored</th>" not in page.views.summary.value
    assert page.views.views["summary"].table.csv.startswith("metric,path,value")


def test_the_measure_of_the_distribution_is_chosen(page):
    before = drawn(page, "distributions")
    assert page.views.measure.value == "ssim"
    page.views.measure.value = "cosine"
    after = drawn(page, "distributions")
    assert after != before and after["layout"]["title"]["text"].startswith("Cosine similarity of each sample")
    page.session.samples = 11
    assert page.views.measure.value == "cosine"


def test_a_selection_is_said_and_a_click_looks_at_the_picture(page):
    drawn(page, "space")
    chart = page.views.views["space"].chart
    assert chart.linked and chart.pictures["columns"] == 20
    chart.selected = [0, 3, 1]
    assert page.views.selection.value == "3 selected: 2 × 0, 1 × 1"
    chart.clicked = {"customdata": 4, "count": 1}
    assert page.session.picture == "digits/8" and page.choose.gallery.chosen == "digits/8"
    page.session.samples = 3
    assert chart.selected == [] and "lasso" in page.views.selection.value


def test_channels_are_paged_and_a_click_on_an_error_goes_there(page):
    first = drawn(page, "maps")
    assert page.views.first.max == 24
    page.views.first.value = 12
    second = drawn(page, "maps")
    assert second != first and "channels 13 to 24 of 30" in second["layout"]["title"]["text"]
    page.views.errors.clicked = {"customdata": 29, "count": 1}
    assert "channels 25 to 30 of 30" in drawn(page, "maps")["layout"]["title"]["text"]
    page.views.scale.value = "sample"
    assert page.views.views["maps"].chart.figure != drawn(page, "summary")


def test_a_result_that_waits_is_greyed_and_an_error_is_shown(page):
    work = page.session._work
    drawn(page, "space")
    work.broken["report"] = InputError("these pictures cannot be read")
    page.session.samples = 7
    assert "cannot be read" in page.guard.notice.text
    assert page.tiles["Payload"].stale
    assert "wb-old" in page.views.summary._dom_classes
    work.broken.clear()
    page.session.refresh()
    assert page.guard.notice.text == "" and not page.tiles["Payload"].stale


def test_the_code_follows_the_view(page):
    page.session.view = "space"
    assert "wb.feature_space(" in page.code.text
    page.session.view = "maps"
    assert "wb.channel_maps(" in page.code.text
