"""The Codecs page without a browser: choices reach the session, results reach the charts."""

import pytest

from workbench.codec_records import SideBySide
from workbench.session.codecs import CODEC_VIEWS


def drawn(page, view):
    page.session.view = view
    if view == "papers":
        return page.views.papers.text.value
    return page.views.views[view].chart.figure


def tiles(page):
    return {tile.name: tile.text for tile in page.tiles}


def test_the_tiles_are_the_payloads(codecs_page):
    sides = codecs_page.session.sides
    by_tile = {
        "Packed, Q bits": "uniform", "rANS paper's format": "rans-csr", "Context codec": "context",
    }  # fmt: skip
    for name, codec in by_tile.items():
        nbytes = sides.find(codec).payload_bytes
        assert tiles(codecs_page)[name].replace(",", "") in (f"{nbytes} B", f"{nbytes / 1000:.3g} kB")
    assert tiles(codecs_page)["Features, fp32"] == "512 B"
    assert "JPEG 77 B" in codecs_page.tiles["Smallest, same answer"].below
    assert not any(tile.stale for tile in codecs_page.tiles)


PICTURE = {"bytes", "rate"}
CHANGES = [
    (lambda page: page.choose.network, "digits-vit", "network", "digits-vit", {"bytes", "rate", "papers"}),
    (lambda page: page.choose.split, "stages.0", "split", "stages.0", {"bytes", "rate", "papers"}),
    (
        lambda page: page.choose.settings.choosers["bits"].widget, 2,
        "settings", {"bits": 2}, {"bytes", "entropy", "symbols", "papers"},
    ),
    (
        lambda page: page.choose.settings.choosers["rows"].widget, "64",
        "settings", {"rows": 64}, {"entropy", "symbols"},
    ),
    (lambda page: page.choose.source, "photographs", "source", "photographs", PICTURE),
]  # fmt: skip


@pytest.mark.parametrize(("chooser", "picked", "trait", "value", "moves"), CHANGES)
def test_each_chooser_reaches_the_session_and_its_charts(codecs_page, chooser, picked, trait, value, moves):
    before = {view: drawn(codecs_page, view) for view in CODEC_VIEWS}
    chooser(codecs_page).value = picked
    assert getattr(codecs_page.session, trait) == value
    after = {view: drawn(codecs_page, view) for view in CODEC_VIEWS}
    assert moves <= {view for view in CODEC_VIEWS if after[view] != before[view]}
    assert codecs_page.guard.notice.text == ""


def test_a_picture_reaches_the_session_and_its_charts(codecs_page):
    before = {view: drawn(codecs_page, view) for view in PICTURE}
    codecs_page.choose.gallery.chosen = "digits/2"
    assert codecs_page.session.picture == "digits/2"
    assert all(drawn(codecs_page, view) != before[view] for view in PICTURE)


def test_a_click_on_a_reshape_shows_its_symbols(codecs_page):
    drawn(codecs_page, "entropy")
    codecs_page.views.views["entropy"].chart.clicked = {"customdata": 64, "count": 1}
    assert codecs_page.session.settings == {"rows": 64}
    assert codecs_page.view == "Symbols of D"
    assert "N = 64" in codecs_page.views.views["symbols"].chart.figure["layout"]["title"]["text"]
    names = [trace["name"] for trace in drawn(codecs_page, "entropy")["data"]]
    assert "chosen: N = 64" in names


def test_what_is_left_out_is_said_with_why(codecs_page):
    assert codecs_page.views.left_out.value == "Left out: refae: no weights."


def test_what_a_paper_says_is_text_not_markup(codecs_page):
    text = drawn(codecs_page, "papers")
    assert "smaller &lt;b&gt;" in text and 'data-holds="no"' in text
    assert codecs_page.views.papers.table.csv.startswith("paper,says,place,paper_reports,")


def test_an_error_is_on_the_page_and_greys_only_what_it_spoils(codecs_page):
    codecs_page.session.view = "symbols"
    codecs_page.choose.settings.choosers["rows"].widget.value = "7"
    assert "does not divide 128" in codecs_page.guard.notice.text
    assert codecs_page.status.again.layout.visibility == "visible"
    assert not any(tile.stale for tile in codecs_page.tiles)
    codecs_page.choose.settings.choosers["rows"].widget.value = "exact"
    assert codecs_page.guard.notice.text == ""
    assert codecs_page.status.again.layout.visibility == "hidden"


def test_cancel_and_run_again(codecs_page, codec_work):
    codec_work.during = lambda what, report: codecs_page.status.progress.cancel.click()
    codecs_page.session.set_setting("bits", 2)
    assert codecs_page.guard.notice.text.startswith("Stopped")
    assert all(tile.stale for tile in codecs_page.tiles)
    codec_work.during = None
    codecs_page.status.again.click()
    assert isinstance(codecs_page.session.outcome, SideBySide)
    assert not any(tile.stale for tile in codecs_page.tiles)


def test_random_weights_are_marked(codecs_page):
    codecs_page.session.use_random_weights()
    assert all("random weights" in tile.below for tile in codecs_page.tiles)
    assert drawn(codecs_page, "bytes")["layout"]["title"]["text"].endswith("<b>random weights</b>")


def test_the_log_says_what_ran_and_the_code_follows_the_view(codecs_page):
    codecs_page.session.view = "symbols"
    assert any("symbols · digits-resnet" in text for _moment, _kind, text in codecs_page.guard.log.lines)
    assert "symbol_histogram" in codecs_page.code.text


def test_a_visited_link_restores(codecs_page):
    codecs_page.status.address._hear(
        None, {"kind": "asked", "hash": "#network=digits-vit&split=stages.1"}, None
    )
    assert (codecs_page.session.network, codecs_page.choose.split.value) == ("digits-vit", "stages.1")
    assert "split=stages.1" in codecs_page.status.address.address
