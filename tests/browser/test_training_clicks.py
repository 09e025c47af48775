"""The Training app as a person uses it: choose, train, watch, stop, look at every view, an error."""

import re

import pytest

TABS = {"Loss": "loss", "Accuracy": "accuracy", "Time": "time", "Search": "search", "Recorded": "recorded"}
IDLE = """() => [...document.querySelectorAll('.wb-choose button')].some(
        one => one.innerText.trim() === 'Train' && !one.disabled)
    && document.querySelectorAll('.wb-choose select option').length > 14"""


class Training:
    """A page of the app."""

    def __init__(self, page, charts):
        self.page = page
        self.charts = charts(page)
        page.locator(".wb-app").wait_for()
        self.idle()

    def idle(self):
        """Until the network is known and nothing runs."""
        self.page.wait_for_function(IDLE, timeout=180_000)

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
        for start in starts:  # the entries of a network come once it is loaded
            chooser.locator("option", has_text=re.compile(rf"^\s*{re.escape(start)}\b")).first.wait_for(
                state="attached"
            )
        texts = chooser.locator("option").all_inner_texts()
        picked = [text for text in texts if text.split()[0] in starts]
        assert len(picked) == len(starts), texts
        chooser.select_option(picked)

    def number(self, label, value):
        self.chooser(label).fill(str(value))
        self.chooser(label).press("Enter")

    def press(self, text):
        self.page.locator(".wb-app button", has_text=re.compile(f"^{text}$")).first.click()

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
    page.goto(served.app("training"))
    yield page, problems
    fresh.close()


@pytest.fixture
def training(opened, charts):
    page, problems = opened
    yield Training(page, charts)
    assert problems == []


def test_train_and_every_view(training):
    training.choose("network", "digits-convnext")
    training.idle()
    training.choose("split", "stages.2")
    training.choose("methods", "refbase", "qcnet-c")
    training.number("epochs", 2)
    training.number("fine-tune", 1)
    training.press("Train")
    training.page.wait_for_function(
        "() => document.querySelector('[data-tile=\"Accuracy\"] .wb-value').innerText.includes('%')",
        timeout=240_000,
    )
    training.idle()
    loss = training.open("Loss")
    assert {line["name"] for line in loss["data"]} >= {"refbase, stage 2", "qcnet-c, stage 1"}
    accuracy = training.open("Accuracy")
    after = next(bar for bar in accuracy["data"] if bar["name"] == "after fine-tuning")
    assert sorted(after["x"]) == ["qcnet-c", "refbase"]
    assert all(0.5 < value <= 1 for value in after["y"])
    assert training.open("Time")["data"][0]["type"] == "bar"


def test_stop_keeps_the_page_alive_and_says_so(training):
    training.number("epochs", 900)
    training.number("fine-tune", 900)
    training.press("Train")
    training.page.locator(".wb-progress button", has_text="Cancel").click(timeout=60_000)
    training.page.locator(".wb-notice", has_text="Stopped").wait_for()
    training.idle()
    training.choose("methods", "hecs-b")
    training.page.locator(".wb-choose", has_text="learned compressed sensing").wait_for()


def test_an_error_is_seen(training):
    training.choose("split", "head.flatten")
    training.choose("methods", "qcnet-h")
    training.press("Train")
    training.page.locator(".wb-notice", has_text="these can: C").wait_for(timeout=120_000)


def test_what_was_recorded_is_there(training):
    training.choose("split", "stages.1")
    recorded = training.open("Recorded")
    after = next(bar for bar in recorded["data"] if bar["name"] == "after fine-tuning")
    assert {"qcnet-h", "refbase", "refqat", "refae"} <= set(after["x"])
    said = training.page.locator(".wb-papers").inner_text()
    assert "ahead of standard dequantisation (refbase)" in said


def test_a_search_is_drawn_as_it_goes(training):
    training.choose("split", "stages.2")
    training.page.get_by_role("tab", name="Search", exact=True).click()
    row = training.page.locator(".wb-views .widget-inline-hbox", has_text="candidates")
    row.locator("input").fill("2")
    row.locator("input").press("Enter")
    training.page.locator(".wb-views button", has_text=re.compile("^Search$")).click()
    training.page.locator(".wb-views .wb-hint", has_text="Tried here").wait_for(timeout=240_000)
    training.idle()
    marks = [one for one in training.open("Search")["data"] if one["mode"] == "markers"]
    assert sum(len(one["x"]) for one in marks) == 2
