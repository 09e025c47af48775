"""What tests of every app do on its page: wait until it is ready, choose, press, read tiles and charts."""

import re

from playwright.sync_api import TimeoutError

DRAWN = """name => { const chart = document.querySelector(`.wb-chart[data-chart="${name}"]`);
    return chart.dataset.state === 'drawn' && chart.dataset.busy === 'false' && chart.clientWidth > 0; }"""

CHOSEN = "document.querySelector('.wb-address').dataset.choice"

SEEN = """() => JSON.stringify({
    charts: [...document.querySelectorAll('.wb-chart')].map(one => ({...one.dataset, w: one.clientWidth})),
    tab: document.querySelector('[role=tab][aria-selected=true]')?.innerText,
    progress: document.querySelector('.wb-progress')?.innerText,
    notice: document.querySelector('.wb-notice')?.innerText,
    stale: [...document.querySelectorAll('.wb-tile.wb-stale')].map(one => one.dataset.tile),
    buttons: [...document.querySelectorAll('.wb-app button')].filter(one => one.offsetWidth
        && getComputedStyle(one).visibility === 'visible').map(one => one.innerText.trim())})"""


class AppPage:
    """A page of an app; a subclass says when it is `READY` and which chart stands on which tab."""

    READY: str
    TABS: dict[str, str]

    def __init__(self, page, charts):
        self.page = page
        self.charts = charts(page)
        page.locator(".wb-app").wait_for()
        self.settle()

    def settle(self):
        """Until nothing runs and nothing is greyed."""
        self.page.wait_for_function(self.READY)

    def restore(self, address, first):
        """Choose what a link says, with the tab `first` in front, and wait for all that follows from it."""
        self.page.evaluate("hash => { if (location.hash !== hash) location.hash = hash; }", address)
        self.page.get_by_role("tab", name=first, exact=True).click()
        self.heard()
        self.settle()

    def heard(self):
        """Until the kernel has dealt with everything before: it answers in order, and this fold last."""
        fold = self.page.locator(".wb-fold-row button", has_text="code")
        for _ in range(2):
            before = fold.inner_text()
            fold.click()
            then = "▾" if "▸" in before else "▸"
            self.page.locator(".wb-fold-row button", has_text=f"code {then}").wait_for()

    def chooser(self, label):
        """The widget with that label in the left column."""
        exact = re.compile(f"^{re.escape(label)}$")
        row = self.page.locator(".wb-choose .widget-inline-hbox").filter(
            has=self.page.locator("label", has_text=exact)
        )
        return row.locator("select, input[type=text], input[type=number], .noUi-handle").first

    def enter(self, label, text):
        """Type into a chooser."""
        self.chooser(label).fill(str(text))
        self.chooser(label).press("Enter")

    def choose(self, label, *starts):
        """Choose the entries of a list that start with these words, once they are there."""
        chooser = self.chooser(label)
        for start in starts:  # the entries of a network come once it is loaded
            chooser.locator("option", has_text=re.compile(rf"^\s*{re.escape(start)}(\s|$)")).first.wait_for(
                state="attached"
            )
        texts = chooser.locator("option").all_inner_texts()
        picked = [text for text in texts if text.split()[0] in starts]
        assert len(picked) == len(starts), texts
        chooser.select_option(picked)

    def press(self, text):
        """Click the first button with exactly that text."""
        self.page.locator(".wb-app button", has_text=re.compile(f"^{text}$")).first.click()

    @property
    def chosen(self):
        """The choice that the kernel told last; the address bar follows it a moment later."""
        return self.page.locator(".wb-address").get_attribute("data-choice")

    @property
    def link(self):
        """The page's address, once it says what is chosen; Playwright's `page.url` hears of it later."""
        self.page.wait_for_function(f"location.hash === {CHOSEN}")
        return self.page.evaluate("location.href")

    def change(self, act):
        """Do something that changes the choice; wait until the kernel heard it and its results are there."""
        before = self.chosen
        act()
        self.page.wait_for_function(f"before => {CHOSEN} !== before", arg=before)
        self.settle()

    def tile(self, name):
        """The value on a tile."""
        return self.page.locator(f'[data-tile="{name}"] .wb-value').inner_text()

    def open(self, tab):
        """Look at a tab, and give what its chart has drawn."""
        self.page.get_by_role("tab", name=tab, exact=True).click()
        try:
            self.page.wait_for_function(DRAWN, arg=self.TABS[tab])
        except TimeoutError as error:
            raise AssertionError(f"{tab} was not drawn; {self.page.evaluate(SEEN)}") from error
        return self.charts.read()[self.TABS[tab]]["data"]

    def every_chart(self):
        """What each chart has drawn, by its tab."""
        return {tab: self.open(tab) for tab in self.TABS}

    def notice(self):
        """The line across the page."""
        return self.page.locator(".wb-notice")
