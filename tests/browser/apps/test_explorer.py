"""The Explorer as a person uses it: real clicks, and what every chart has really drawn after each of them."""

import io
import re

import pytest
from app_page import AppPage
from PIL import Image


class Explorer(AppPage):
    """A page of the app."""

    TABS = {  # noqa: RUF012
        "Cut profile": "cut profile",
        "Payload": "payload",
        "Reshape": "reshape",
        "Answer": "answer",
        "Latency": "latency",
    }
    READY = """() => document.querySelectorAll('.wb-tile').length === 5
        && !document.querySelector('.wb-tile.wb-stale')
        && !document.querySelector('[data-tile=Payload] .wb-value').innerText.startsWith('–')
        && document.querySelector('.wb-progress').style.display === 'none'"""

    def below(self, name):
        """The line below the value of a tile."""
        return self.page.locator(f'[data-tile="{name}"] .wb-sub').inner_text()


USUAL = "#network=digits-resnet&split=layer2&codec=rans-csr&picture=digits/0"


@pytest.fixture(scope="module")
def address(served):
    return served.app("explorer")


@pytest.fixture
def explorer(page, charts):
    """The page at the usual choice."""
    explorer = Explorer(page, charts)
    explorer.restore(USUAL, "Cut profile")
    return explorer


def test_every_chooser_changes_every_chart_that_depends_on_it(explorer):
    """Reads all five charts after each choice: none may stay where it must move."""
    all_five = set(Explorer.TABS)
    before = explorer.every_chart()
    for chart in before.values():
        assert chart and all(trace["x"] or trace["y"] for trace in chart)
    steps = [
        (lambda: explorer.chooser("split").select_option("layer3"), all_five),
        (lambda: explorer.chooser("codec").select_option("uniform"), {"Payload", "Latency"}),
        (lambda: explorer.chooser("codec").select_option("rans-csr"), {"Payload", "Latency"}),
        (lambda: explorer.chooser("bits (Q)").press("ArrowLeft"), {"Payload", "Reshape", "Answer"}),
        (lambda: explorer.enter("rows (N)", "8"), {"Payload"}),
        (lambda: explorer.page.locator(".wb-picture").nth(3).click(), {"Payload", "Reshape", "Answer"}),
        (lambda: explorer.chooser("link").select_option("ble5"), {"Latency"}),
        (lambda: explorer.chooser("network").select_option("digits-vit"), all_five),
        (lambda: explorer.chooser("pictures").select_option("photographs"), {"Payload", "Answer"}),
    ]
    for number, (choose, must_change) in enumerate(steps):
        explorer.change(choose)
        after = explorer.every_chart()
        for tab in must_change:
            assert after[tab] != before[tab], f"{tab} stayed after step {number}"
        assert explorer.notice().filter(visible=True).count() == 0
        before = after


def test_a_click_on_a_bar_splits_there(explorer):
    explorer.open("Cut profile")
    bar = explorer.page.locator(".wb-chart[data-chart='cut profile'] .barlayer .point path").nth(2)
    bar.hover(force=True, position={"x": 15, "y": 15})
    explorer.page.locator(".wb-chart[data-chart='cut profile'] .hoverlayer .hovertext").wait_for()
    explorer.page.mouse.down()
    explorer.page.mouse.up()
    explorer.page.wait_for_function("location.hash.includes('split=conv1.2')")
    explorer.settle()
    explorer.chooser("split").locator("option:checked", has_text="conv1.2").wait_for(state="attached")


def test_an_error_is_a_red_line_with_the_next_step_and_goes_when_its_cause_goes(explorer):
    explorer.open("Payload")
    rows = explorer.chooser("rows (N)")
    rows.fill("7")
    rows.press("Enter")
    explorer.notice().wait_for()
    assert explorer.notice().get_attribute("data-kind") == "error"
    assert "7" in explorer.notice().inner_text() and "8192" in explorer.notice().inner_text().replace(",", "")
    assert explorer.page.locator(".wb-tile.wb-stale").count() == 5
    rows.fill("exact")
    rows.press("Enter")
    explorer.notice().wait_for(state="hidden")
    explorer.settle()


def test_random_weights_are_offered_and_marked_and_cancel_stops_the_work(explorer):
    explorer.chooser("network").select_option("another network …")
    name = explorer.chooser("name")
    name.fill("resnet-18")
    name.press("Enter")
    explorer.notice().wait_for()
    assert "'resnet18'" in explorer.notice().inner_text()
    name.fill("resnet18")
    name.press("Enter")
    explorer.page.get_by_role("button", name="Use random weights").click()
    cancel = explorer.page.get_by_role("button", name="Cancel")
    cancel.click()
    explorer.page.locator(".wb-notice[data-kind=note]").wait_for()
    assert "Stopped" in explorer.notice().inner_text()
    cancel.wait_for(state="hidden")
    assert explorer.page.locator(".wb-tile.wb-stale").count() == 5
    explorer.page.get_by_role("button", name="Run again").click()
    explorer.settle()
    assert explorer.below("Payload") == "random weights"
    assert explorer.notice().filter(visible=True).count() == 0
    explorer.open("Answer")
    title = explorer.page.locator(".wb-chart[data-chart=answer] .gtitle").text_content()
    assert title.endswith("random weights")


def test_a_picture_of_ones_own_and_one_that_is_none(explorer):
    before = explorer.open("Answer")
    file = io.BytesIO()
    Image.radial_gradient("L").save(file, "PNG")
    upload = explorer.page.locator(".wb-choose input[type=file]")
    upload.set_input_files({"name": "gradient.png", "mimeType": "image/png", "buffer": file.getvalue()})
    explorer.page.locator("[data-picture='upload/gradient.png'][aria-pressed=true]").wait_for()
    explorer.settle()
    assert explorer.open("Answer") != before
    upload.set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture at all"})
    explorer.notice().wait_for()
    assert "notes.png" in explorer.notice().inner_text()


def test_the_address_restores_the_choice_on_another_page(explorer, served, visit, charts):
    explorer.chooser("codec").select_option("uniform")
    explorer.chooser("link").select_option("ble5")
    explorer.page.locator(".wb-picture").nth(2).click()
    explorer.heard()
    explorer.settle()
    address = explorer.link
    assert "codec=uniform" in address and "link=ble5" in address
    token = served.address.partition("?")[2]
    other = Explorer(visit(address.replace("#", f"?{token}#")), charts)
    other.page.wait_for_function("location.hash.includes('codec=uniform')")
    other.settle()
    assert other.link.partition("#")[2] == address.partition("#")[2]
    assert other.tile("Payload") == explorer.tile("Payload")
    assert other.below("Payload") == explorer.below("Payload")
    for label, chosen in (("split", "layer2"), ("codec", "uniform"), ("link", "ble5")):
        other.chooser(label).locator("option:checked", has_text=chosen).wait_for(state="attached")


def test_dark_is_dark_and_keeps_the_charts(explorer):
    light = explorer.open("Latency")
    background = "getComputedStyle(document.querySelector('.wb-app')).backgroundColor"
    tick = "getComputedStyle(document.querySelector('.wb-chart[data-chart=latency] .xtick text')).fill"
    bright, ink = explorer.page.evaluate(background), explorer.page.evaluate(tick)
    explorer.page.get_by_role("button", name="Dark").click()
    explorer.page.wait_for_function(f"{tick} !== {ink!r}")
    assert sum(map(int, re.findall(r"\d+", explorer.page.evaluate(background))[:3])) < 150
    assert sum(map(int, re.findall(r"\d+", bright)[:3])) > 600
    assert explorer.open("Latency") == light
    explorer.page.get_by_role("button", name="Light").click()


def test_code_log_and_table(explorer):
    explorer.open("Payload")
    explorer.page.get_by_role("button", name="code ▸").click()
    assert "payload_figure(trial.description)" in explorer.page.locator(".wb-code pre").inner_text()
    explorer.page.get_by_role("button", name="log ▸").click()
    explorer.page.locator(".wb-log", has_text="unsplit network").wait_for()
    table = explorer.page.locator("[data-table=payload]")
    table.locator("summary").click()
    with explorer.page.expect_download() as download:
        table.get_by_role("button", name="Save as CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0] == "part,nbytes,share,meaning"
    nbytes = sum(int(line.split(",")[1]) for line in lines[1:])
    assert explorer.tile("Payload") == f"{nbytes:,} B"


def test_the_whole_page_can_be_reached_on_a_small_screen(explorer):
    page = explorer.page
    page.set_viewport_size({"width": 1024, "height": 600})
    page.locator(".wb-foot button").last.click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1440, "height": 900})
