"""The Codecs app as a person uses it: real clicks, and what every chart really draws after each of them."""

import pytest
from app_page import AppPage


class Codecs(AppPage):
    """A page of the app; the papers' words are no chart."""

    TABS = {  # noqa: RUF012
        "Bytes by part": "bytes",
        "Rate and distortion": "rate",
        "Entropy over N": "entropy",
        "Symbols of D": "symbols",
    }
    READY = """() => document.querySelectorAll('.wb-tile').length === 5
        && !document.querySelector('.wb-tile.wb-stale')
        && !document.querySelector('[data-tile="Context codec"] .wb-value').innerText.startsWith('–')
        && document.querySelector('.wb-progress').style.display === 'none'"""

    def open(self, tab):
        if tab != "Papers":
            return super().open(tab)
        self.page.get_by_role("tab", name=tab, exact=True).click()
        self.page.locator(".widget-html:not(.wb-old) .wb-papers td").first.wait_for()
        return self.page.locator(".wb-papers").inner_text()

    def everything(self):
        return {**self.every_chart(), "Papers": self.open("Papers")}


USUAL = "#network=digits-resnet&split=layer2&codec=rans-csr&picture=digits/0"


@pytest.fixture(scope="module")
def address(served):
    return served.app("codecs")


@pytest.fixture
def codecs(page, charts):
    """The page at the usual choice."""
    codecs = Codecs(page, charts)
    codecs.restore(USUAL, "Bytes by part")
    return codecs


def test_every_chooser_changes_every_chart_that_depends_on_it(codecs):
    every = {*Codecs.TABS, "Papers"}
    before = codecs.everything()
    for tab in Codecs.TABS:
        assert before[tab] and all(trace["x"] and trace["y"] for trace in before[tab])
    steps = [
        (lambda: codecs.chooser("split").select_option("layer3"), every),
        (lambda: codecs.chooser("bits (Q)").press("ArrowLeft"), every - {"Rate and distortion"}),
        (lambda: codecs.enter("rows (N)", "64"), {"Symbols of D", "Entropy over N"}),
        (lambda: codecs.page.locator(".wb-picture").nth(3).click(), every),
        (lambda: codecs.chooser("network").select_option("digits-vit"), every),
        (lambda: codecs.chooser("pictures").select_option("photographs"), every),
    ]
    for number, (choose, must_change) in enumerate(steps):
        codecs.change(choose)
        after = codecs.everything()
        for tab in must_change:
            assert after[tab] != before[tab], f"{tab} stayed after step {number}"
        assert codecs.notice().filter(visible=True).count() == 0
        before = after


def test_every_training_free_codec_has_its_bar_and_the_rest_a_reason(codecs):
    stacks = [trace for trace in codecs.open("Bytes by part") if trace["type"] == "bar"]
    labels = set(stacks[0]["y"])
    assert {"context", "rans-csr", "rans-csr exact", "slicer", "slicer-rans", "image png"} <= labels
    assert {f"onebit {coder}" for coder in ("none", "zip", "zstd", "rans", "context")} <= labels
    place = stacks[0]["y"].index("context")
    nbytes = sum(trace["x"][place] for trace in stacks)
    assert codecs.tile("Context codec") == f"{nbytes:,} B"
    assert "Left out: bottlenet, hecs-b, refae: weights" in codecs.page.locator(".wb-views").inner_text()


def test_a_click_on_a_reshape_shows_its_symbols(codecs):
    codecs.open("Entropy over N")
    chart = codecs.page.locator(".wb-chart[data-chart=entropy]")
    chart.locator(".scatterlayer .trace").first.locator(".point").nth(3).click(force=True)
    codecs.page.get_by_role("tab", name="Symbols of D", selected=True).wait_for()
    codecs.page.wait_for_function(
        "() => document.querySelector('.wb-chart[data-chart=symbols] .gtitle')"
        "?.textContent.includes('chosen N = 8 ')"
    )
    assert codecs.chooser("rows (N)").input_value() == "8"
    assert "codec.rows=8" in codecs.link


def test_an_error_is_a_red_line_and_goes_when_its_cause_goes(codecs):
    codecs.open("Symbols of D")
    codecs.enter("rows (N)", "7")
    codecs.notice().wait_for()
    assert codecs.notice().get_attribute("data-kind") == "error"
    assert "does not divide 8192" in codecs.notice().inner_text()
    codecs.enter("rows (N)", "exact")
    codecs.notice().wait_for(state="hidden")


def test_random_weights_are_marked_and_cancel_stops_the_work(codecs):
    codecs.chooser("network").select_option("another network …")
    name = codecs.chooser("name")
    name.fill("resnet18")
    name.press("Enter")
    codecs.page.get_by_role("button", name="Use random weights").click()
    cancel = codecs.page.get_by_role("button", name="Cancel")
    cancel.click()
    codecs.page.locator(".wb-notice[data-kind=note]").wait_for()
    cancel.wait_for(state="hidden")
    assert codecs.page.locator(".wb-tile.wb-stale").count() == 5
    codecs.page.get_by_role("button", name="Run again").click()
    codecs.settle()
    codecs.open("Rate and distortion")
    title = codecs.page.locator(".wb-chart[data-chart=rate] .gtitle").text_content()
    assert title.endswith("random weights")


def test_table_code_dark_and_the_small_screen(codecs):
    light = codecs.open("Rate and distortion")
    table = codecs.page.locator("[data-table=rate]")
    table.locator("summary").click()
    with codecs.page.expect_download() as download:
        table.get_by_role("button", name="Save as CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0] == "codec,setting,payload_bytes,relative_mse,answer,same_answer"
    codecs.page.get_by_role("button", name="code ▸").click()
    assert "rate_curves(model, 'layer2', images)" in codecs.page.locator(".wb-code pre").inner_text()
    codecs.page.get_by_role("button", name="log ▸").click()
    codecs.page.locator(".wb-log", has_text="rates · digits-resnet").wait_for()
    codecs.page.get_by_role("button", name="Dark").click()
    assert codecs.open("Rate and distortion") == light
    codecs.page.get_by_role("button", name="Light").click()
    codecs.page.set_viewport_size({"width": 1024, "height": 600})
    assert codecs.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
