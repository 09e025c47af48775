"""The Boards app as a person uses it: measure on this machine, look at every view, cancel, an error."""

import re
import time

import pytest

TABS = {"Live": "live", "Stages": "stages", "Spread": "spread"}
IDLE = """() => document.querySelectorAll('.wb-tile').length === 5
    && [...document.querySelectorAll('.wb-choose button')].some(
        one => one.innerText.trim() === 'Measure' && !one.disabled)
    && document.querySelectorAll('.wb-choose select option').length > 10"""


class Boards:
    """A page of the app."""

    def __init__(self, page, charts):
        self.page = page
        self.charts = charts(page)
        page.locator(".wb-app").wait_for()
        self.idle()

    def idle(self):
        """Until the network is known and nothing runs."""
        self.page.wait_for_function(IDLE, timeout=120_000)

    def chooser(self, label):
        """The widget with that label in the left column."""
        exact = re.compile(f"^{re.escape(label)}$")
        row = self.page.locator(".wb-choose .widget-inline-hbox").filter(
            has=self.page.locator("label", has_text=exact)
        )
        return row.locator("select, input[type=text], input[type=number]").first

    def choose(self, label, *starts):
        """Choose the entries that start with these words."""
        chooser = self.chooser(label)
        texts = chooser.locator("option").all_inner_texts()
        picked = [text for text in texts if text.split()[0] in starts]
        assert len(picked) == len(starts), texts
        chooser.select_option(picked)

    def press(self, text):
        self.page.locator(".wb-app button", has_text=re.compile(f"^{text}$")).first.click()

    def runs(self, count):
        self.chooser("runs").fill(str(count))
        self.chooser("runs").press("Enter")

    def tile(self, name):
        return self.page.locator(f'[data-tile="{name}"] .wb-value').inner_text()

    def open(self, tab):
        """Look at a tab, and give what its chart has drawn."""
        self.page.get_by_role("tab", name=tab, exact=True).click()
        self.page.wait_for_function(
            """name => { const chart = document.querySelector(`.wb-chart[data-chart="${name}"]`);
            return chart.dataset.state === 'drawn' && chart.clientWidth > 0; }""",
            arg=TABS[tab],
            timeout=60_000,
        )
        return self.charts.read()[TABS[tab]]


@pytest.fixture(scope="module")
def opened(served, browser, watched):
    fresh = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page = fresh.new_page()
    page.set_default_timeout(60_000)
    problems = watched(page).problems
    page.goto(served.app("boards"))
    yield page, problems
    fresh.close()


@pytest.fixture
def boards(opened, charts):
    page, problems = opened
    yield Boards(page, charts)
    assert problems == []


def test_measure_and_every_view(boards):
    boards.choose("splits", "layer3")
    boards.choose("codecs", "uniform")
    boards.runs(40)
    boards.press("Measure")
    boards.page.wait_for_function(
        "() => !document.querySelector('[data-tile=\"Whole way\"] .wb-value').innerText.startsWith('–')",
        timeout=120_000,
    )
    boards.idle()
    assert boards.tile("Edge part").split()[-1] in ("µs", "ms")
    assert boards.tile("Payload").endswith("B")
    live = boards.open("Live")["data"]
    runs = [trace for trace in live if trace["name"].endswith(("burst", "chain"))]
    assert [len(trace["x"]) for trace in runs] == [40] * 4
    stages = boards.open("Stages")["data"]
    assert [trace["name"] for trace in stages[:5]] == ["edge", "encode", "wire", "decode", "server"]
    assert "local (this machine): layer3, uniform" in stages[0]["y"]
    assert all(value > 0 for value in [trace["x"][0] for trace in stages[:5]])
    assert len(boards.open("Spread")["data"]) >= 4
    boards.page.get_by_role("tab", name="Context", exact=True).click()
    assert "same_bytes_as_here" in boards.page.locator(".wb-context").first.inner_text()


def test_cancel_works_within_a_second_and_keeps_what_was_measured(boards):
    boards.choose("splits", "layer2")
    boards.choose("codecs", "raw")
    boards.chooser("mode").select_option("chain")
    boards.runs(100_000)
    before = boards.open("Stages")["data"][0]["y"]
    boards.open("Live")
    boards.press("Measure")
    boards.page.wait_for_function(
        """() => [...document.querySelectorAll('.wb-progress')].some(one =>
        / · [1-9][0-9]* of 100000/.test(one.innerText) && one.innerText.includes('chain'))""",
        timeout=120_000,
    )
    pressed = time.monotonic()
    boards.press("Cancel")
    boards.page.locator(".wb-notice", has_text="Stopped").filter(visible=True).wait_for()
    assert time.monotonic() - pressed < 2.5  # a second, and the browser's and this loaded machine's share
    boards.idle()
    assert len(boards.open("Stages")["data"][0]["y"]) == len(before) + 1


def test_nothing_chosen_is_said_on_the_page(boards):
    boards.choose("codecs")
    boards.press("Measure")
    boards.page.locator(".wb-notice", has_text="choose at least one of: codecs").wait_for()
    boards.choose("codecs", "raw")
    boards.press("Look at it")
    boards.page.locator(".wb-choose", has_text="onnxruntime 1.").wait_for()
    boards.idle()
