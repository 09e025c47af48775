"""The Training app as a person uses it: choose, train, watch, stop, look at every view, an error."""

import re

import pytest
from app_page import AppPage


class Training(AppPage):
    """A page of the app; ready when the network is known and nothing runs."""

    TABS = {  # noqa: RUF012
        "Loss": "loss",
        "Accuracy": "accuracy",
        "Time": "time",
        "Search": "search",
        "Recorded": "recorded",
        "HECS-B": "recovery",
    }
    READY = """() => [...document.querySelectorAll('.wb-choose button')].some(
            one => one.innerText.trim() === 'Train' && !one.disabled)
        && document.querySelectorAll('.wb-choose select option').length > 14"""


@pytest.fixture(scope="module")
def address(served):
    return served.app("training")


@pytest.fixture
def training(page, charts):
    return Training(page, charts)


def test_train_every_view_and_what_was_kept_is_offered_in_fidelity(training, served, visit):
    training.choose("network", "digits-convnext")
    training.settle()
    training.choose("split", "stages.2")
    training.choose("methods", "refbase", "qcnet-c")
    training.enter("epochs", 2)
    training.enter("fine-tune", 1)
    training.enter("copies", 1)
    training.enter("teacher", 0.5)
    training.enter("temperature", 2)  # not there before there is a teacher
    training.page.locator(".wb-choose .wb-hint", has_text="learns 50 %").wait_for()
    training.press("Train")
    training.page.wait_for_function(
        "() => document.querySelector('[data-tile=\"Accuracy\"] .wb-value').innerText.includes('%')",
    )
    training.settle()
    loss = training.open("Loss")
    assert {line["name"] for line in loss} >= {"refbase, stage 2", "qcnet-c, stage 1"}
    accuracy = training.open("Accuracy")
    after = next(bar for bar in accuracy if bar["name"] == "after fine-tuning")
    assert sorted(after["x"]) == ["qcnet-c", "refbase"]
    assert all(0.5 < value <= 1 for value in after["y"])
    assert training.open("Time")[0]["type"] == "bar"
    kept = training.page.locator(".wb-hint", has_text="Kept in").filter(visible=True)
    assert "wb.load_bundle('digits-convnext-stages.2-qcnet-c-0-teacher0.5-at2-copies1')" in kept.inner_text()
    assert "Taught 50 % by the unsplit network at temperature 2, 1 varied copy of each" in kept.inner_text()
    outdated = training.page.locator(".wb-choose .wb-hint", has_text="was learned otherwise")
    assert not outdated.is_visible()
    training.enter("teacher", 1)
    outdated.wait_for()
    page = visit(served.app("fidelity"))
    named = page.locator(
        ".wb-choose option", has_text=re.compile(r"qcnet-c\s·\sdigits-convnext\sat\sstages\.2")
    )
    named.first.wait_for(state="attached")


def test_stop_keeps_the_page_alive_and_says_so(training):
    training.enter("epochs", 900)
    training.enter("fine-tune", 900)
    training.press("Train")
    training.page.locator(".wb-progress button", has_text="Cancel").click()
    training.page.locator(".wb-notice", has_text="Stopped").wait_for()
    training.settle()
    training.choose("methods", "hecs-b")
    training.page.locator(".wb-choose", has_text="learned compressed sensing").wait_for()


def test_an_error_is_seen(training):
    training.choose("split", "head.flatten")
    training.choose("methods", "qcnet-h")
    training.press("Train")
    training.page.locator(".wb-notice", has_text="these can: C").wait_for()


def test_what_was_recorded_is_there(training):
    training.choose("split", "stages.1")
    recorded = training.open("Recorded")
    after = next(bar for bar in recorded if bar["name"] == "after fine-tuning")
    assert {"qcnet-h", "refbase", "refqat", "refae"} <= set(after["x"])
    said = training.page.locator(".wb-papers").inner_text()
    assert "ahead of standard dequantisation (refbase)" in said
    training.page.locator(".wb-view-row select").filter(visible=True).select_option("digits-vit at blocks.2")
    training.page.locator(".wb-papers td", has_text="digits-vit at blocks.2").first.wait_for()


def test_hecs_is_drawn_with_the_commands_that_measured_it(training):
    assert [line["name"] for line in training.open("HECS-B")] == ["hecs", "lasso", "vae"]
    sent = training.charts.read()["rate-accuracy"]["data"]
    assert {"hecs-b", "jpeg", "webp", "context", "onebit"} <= {line["name"] for line in sent}
    measured = training.page.locator(".wb-hint code", has_text="workbench.neural.rate_accuracy").filter(
        visible=True
    )
    assert "--model digits-convnext --split stages.1" in measured.inner_text()


def test_the_train_button_stays_readable_under_the_pointer(training):
    button = training.page.locator(".wb-choose button", has_text=re.compile("^Train$"))
    button.hover()
    contrast = """one => { const parts = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
        const light = rgb => rgb.map(v => v > 1 ? v / 255 : v).map(v => v <= 0.04045 ? v / 12.92
            : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
        const drawn = getComputedStyle(one);
        const [a, b] = [drawn.color, drawn.backgroundColor].map(colour => light(parts(colour)));
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); }"""
    assert button.evaluate(contrast) > 4.5


def test_a_search_is_drawn_as_it_goes(training):
    training.choose("split", "stages.2")
    training.page.get_by_role("tab", name="Search", exact=True).click()
    row = training.page.locator(".wb-views .widget-inline-hbox", has_text="candidates")
    row.locator("input").fill("2")
    row.locator("input").press("Enter")
    training.page.locator(".wb-views button", has_text=re.compile("^Search$")).click()
    training.page.locator(".wb-views .wb-hint", has_text="Tried here").wait_for()
    training.settle()
    training.open("Search")
    training.page.wait_for_function(
        """() => document.querySelector('.wb-chart[data-chart=search]').drawn()
            .filter(one => one.name.startsWith('family ')).flatMap(one => one.x).length === 2"""
    )
