"""The Fidelity app as a person uses it: real clicks, and what every chart really draws after each of them."""

import json
import re

import plotly.io
import pytest
from app_page import AppPage

TABS = {
    "Summary": "summary",
    "Distributions": "distributions",
    "Feature space": "space",
    "Feature maps": "maps",
    "Saliency": "saliency",
}
SETTLED = """() => document.querySelectorAll('.wb-tile').length === 5
    && !document.querySelector('.wb-tile.wb-stale')
    && !document.querySelector('[data-tile="Payload"] .wb-value').innerText.startsWith('–')
    && document.querySelector('.wb-progress').style.display === 'none'"""
USUAL = "#network=digits-resnet&split=layer2&codec=onebit&picture=digits/0&samples=40"
BUNDLE = "qcnet-h · digits-resnet at layer2"


class Fidelity(AppPage):
    """The Fidelity app."""

    READY = SETTLED
    TABS = TABS

    def chooser(self, label):
        """The widget with that label, in the left column or above a chart."""
        exact = re.compile(f"^{re.escape(label)}$")
        row = self.page.locator(".widget-inline-hbox").filter(has=self.page.locator("label", has_text=exact))
        return row.locator("select, input[type=text], input[type=number], .noUi-handle").first

    def chart(self, name):
        return self.page.locator(f".wb-chart[data-chart='{name}']")

    def title(self, name):
        return self.chart(name).locator(".gtitle").text_content()

    def saved(self, press):
        with self.page.expect_download() as download:
            press()
        return download.value.path().read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def address(served):
    return served.app("fidelity") + USUAL


@pytest.fixture
def fidelity(page, charts):
    """The page at the usual choice."""
    fidelity = Fidelity(page, charts)
    fidelity.restore(USUAL, "Summary")
    return fidelity


def test_every_chooser_changes_every_chart_that_depends_on_it(fidelity):
    every, of_samples = set(TABS), {"Summary", "Distributions", "Feature space"}
    of_picture = {"Feature maps", "Saliency"}
    before = fidelity.every_chart()
    for tab, traces in before.items():
        assert traces, tab
    steps = [
        (lambda: fidelity.chooser("split").select_option("layer3"), every, set()),
        (lambda: fidelity.chooser("codec").select_option("uniform"), every, set()),
        (lambda: fidelity.enter("samples", "30"), of_samples, of_picture),
        (lambda: fidelity.page.locator(".wb-picture").nth(3).click(), of_picture, {"Summary"}),
        (lambda: fidelity.chooser("network").select_option("digits-vit"), every, set()),
        (lambda: fidelity.chooser("bits (Q)").press("ArrowLeft"), {"Saliency", "Summary"}, set()),
    ]
    for number, (choose, must_change, must_stay) in enumerate(steps):
        fidelity.change(choose)
        for tab in TABS:
            if tab in must_change | must_stay:
                after = fidelity.open(tab)
                assert (after != before[tab]) == (tab in must_change), f"{tab} after step {number}"
                before[tab] = after
        assert fidelity.notice().filter(visible=True).count() == 0


def test_a_restorer_adds_its_path_to_every_view_and_goes_with_another_split(fidelity):
    assert "train a compensator in Training" in fidelity.page.locator(".wb-choose").inner_text()
    fidelity.chooser("network").select_option("digits-vit")
    fidelity.change(lambda: fidelity.chooser("restorer").select_option(label=BUNDLE))
    assert fidelity.chooser("network").input_value() == "digits-resnet"
    drawn = fidelity.every_chart()
    assert {trace["name"] for trace in drawn["Summary"]} >= {"decoded", "restored"}
    assert [trace["name"] for trace in drawn["Distributions"]] == [
        "original against decoded", "original against restored",
    ]  # fmt: skip
    assert len(drawn["Feature space"]) == 3 * 10
    assert [trace["name"] for trace in drawn["Feature maps"]] == [
        "original", "decoded", "restored", "decoded − original", "restored − original",
    ]  # fmt: skip
    assert "restored" in [trace["name"] for trace in drawn["Saliency"]]
    means = re.findall(r"mean ([\d.]+) decoded, ([\d.]+) restored", fidelity.title("distributions"))[0]
    assert float(means[1]) > 0.9 > float(means[0])
    fidelity.change(lambda: fidelity.chooser("split").select_option("layer3"))
    assert {trace["name"] for trace in fidelity.open("Summary")}.isdisjoint({"restored"})


def test_points_selected_in_one_panel_stand_out_in_all_and_hovering_shows_the_picture(fidelity):
    fidelity.open("Feature space")
    chart = fidelity.chart("space")
    box = chart.locator(".draglayer .xy .nsewdrag").bounding_box()
    mouse = fidelity.page.mouse
    mouse.move(box["x"] + 5, box["y"] + 5)
    mouse.down()
    mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"], steps=4)
    mouse.up()
    words = fidelity.page.locator(".wb-hint", has_text=re.compile(r"^\d+ selected: "))
    words.wait_for()
    marked = chart.evaluate("chart => chart.marked()")
    panels = [sorted(row for trace in marked[at : at + 10] for row in trace) for at in (0, 10)]
    assert panels[0] and panels[0] == panels[1]
    assert int(words.inner_text().split()[0]) == len(panels[0])
    point = chart.locator(".x2y2 .scatterlayer .trace .point").first  # where no box is drawn
    point.hover(force=True)
    fidelity.page.wait_for_function(
        "() => document.querySelector('.wb-chart[data-chart=space]').dataset.hovered > ''"
    )
    number = int(chart.get_attribute("data-hovered"))
    peek = chart.locator(".wb-chart-peek")
    assert peek.is_visible() and peek.evaluate("one => one.style.backgroundImage").startswith(
        'url("data:image'
    )
    before = fidelity.page.locator(".wb-picture[aria-pressed=true]").get_attribute("data-picture")
    fidelity.change(lambda: point.click(force=True))
    chosen = fidelity.page.locator(".wb-picture[aria-pressed=true]").get_attribute("data-picture")
    assert chosen == f"digits/{number * 450 // 40}" and chosen != before
    fidelity.open("Feature maps")
    assert fidelity.page.locator(".wb-picture[aria-pressed=true]").get_attribute("title").split(",")[0] in (
        fidelity.title("maps")
    )


def test_choosers_above_the_charts(fidelity):
    before = fidelity.open("Distributions")
    fidelity.chooser("show").select_option(label="cosine similarity of each sample")
    fidelity.page.wait_for_function(
        "() => document.querySelector('.wb-chart[data-chart=distributions] .gtitle')"
        "?.textContent.startsWith('Cosine similarity')"
    )
    assert fidelity.open("Distributions") != before
    first = fidelity.open("Feature maps")
    counts = fidelity.charts.read()
    fidelity.chart("channel errors").locator(".scatterlayer .point").nth(50).click(force=True)
    fidelity.charts.wait_redrawn(counts, "maps")
    assert "channels 49 to 60 of 128" in fidelity.title("maps")
    assert fidelity.open("Feature maps") != first
    seen = fidelity.open("Saliency")
    fidelity.change(lambda: fidelity.chooser("method").select_option("hires-cam"))
    other = fidelity.open("Saliency")
    assert other != seen
    fidelity.change(lambda: fidelity.enter("class", "7"))
    assert fidelity.open("Saliency") != other
    assert fidelity.title("saliency").startswith("HiRes-CAM of 7")


def test_charts_and_tables_are_saved(fidelity):
    fidelity.open("Summary")
    saves = fidelity.page.locator(".wb-chart-saves:visible button")
    figure = plotly.io.from_json(fidelity.saved(saves.filter(has_text="JSON").click))
    assert [trace.name for trace in figure.data] == ["decoded", "unsplit network"]
    assert figure.layout.width > 500 and figure.layout.paper_bgcolor == "#ffffff"
    page = fidelity.saved(saves.filter(has_text="HTML").click)
    alone = fidelity.page.context.new_page()
    alone.set_content(page)
    alone.locator(".gtitle", has_text="The answer stays the same").wait_for()
    alone.close()
    table = fidelity.page.locator("[data-table=summary]")
    table.locator("summary").click()
    lines = fidelity.saved(table.get_by_role("button", name="Save as CSV").click).splitlines()
    assert lines[0] == "metric,path,value,low,high,unit,samples,unsplit" and len(lines) == 1 + 10
    fidelity.page.get_by_role("button", name="code ▸").click()
    code = fidelity.page.locator(".wb-code pre").inner_text()
    assert "wb.fidelity(model, 'layer2', codec, samples=40)" in code
    fidelity.page.get_by_role("button", name="code ▾").click()


def test_an_error_is_a_red_line_and_goes_when_its_cause_goes(fidelity):
    fidelity.open("Feature space")
    fidelity.enter("samples", "3")
    fidelity.notice().wait_for()
    assert fidelity.notice().get_attribute("data-kind") == "error"
    assert "t-SNE needs at least 5" in fidelity.notice().inner_text()
    fidelity.change(lambda: fidelity.enter("samples", "20"))
    assert fidelity.notice().filter(visible=True).count() == 0
    assert sum(len(trace["x"]) for trace in fidelity.open("Feature space")) == 2 * 20


def test_cancel_stops_and_run_again_goes_on(fidelity):
    fidelity.open("Feature space")
    fidelity.enter("samples", "300")
    fidelity.page.get_by_role("button", name="Cancel").click()
    fidelity.page.locator(".wb-notice[data-kind=note]").wait_for()
    assert fidelity.page.locator(".wb-progress").evaluate("one => one.style.display") == "none"
    fidelity.page.get_by_role("button", name="Run again").click()
    fidelity.notice().wait_for(state="hidden")
    fidelity.settle()
    assert sum(len(trace["x"]) for trace in fidelity.open("Feature space")) == 2 * 300


def test_dark_draws_the_same_and_the_header_leads_to_the_other_apps(fidelity):
    light = fidelity.open("Feature maps")
    counts = fidelity.charts.read()
    fidelity.page.get_by_role("button", name="Dark").click()
    fidelity.charts.wait_redrawn(counts, "maps")
    assert fidelity.open("Feature maps") == light
    saves = fidelity.page.locator(".wb-chart-saves:visible button")
    assert (
        json.loads(fidelity.saved(saves.filter(has_text="JSON").click))["layout"]["paper_bgcolor"]
        == "#191f27"
    )
    fidelity.page.get_by_role("button", name="Light").click()
    names = fidelity.page.locator(".wb-nav > *").all_inner_texts()
    assert names == ["Explorer", "Codecs", "Fidelity", "Training", "Boards"]
