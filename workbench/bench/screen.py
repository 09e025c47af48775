"""A served dashboard in a headless browser, as a stopwatch sees it.

serving() ─▶ Served ─┐
browsing() ──────────┴▶ Screen ─▶ seconds to a widget, a chart, and from a key to a redrawn chart
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from workbench.errors import ServeError, WorkbenchError

CHROMIUM_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
_PATIENCE_MS = 120_000
_DRAWN = "() => document.querySelectorAll('.wb-chart[data-state=drawn]').length >= 1"
_CALM = """(name) => {
  const chart = document.querySelector(`.wb-chart[data-chart="${name}"]`);
  return chart && chart.dataset.state === "drawn" && chart.dataset.busy === "false";
}"""
# From the key's own event to the frame after the chart holds other data than before.
_ARM = """(name) => {
  const chart = document.querySelector(`.wb-chart[data-chart="${name}"]`);
  const before = JSON.stringify(chart.drawn());
  let start = null;
  globalThis.__seconds = null;
  document.addEventListener("keydown", () => { start ??= performance.now(); }, { capture: true, once: true });
  const watch = new MutationObserver(() => {
    if (start === null || JSON.stringify(chart.drawn()) === before) return;
    watch.disconnect();
    requestAnimationFrame(() => { globalThis.__seconds = (performance.now() - start) / 1000; });
  });
  watch.observe(chart, { attributeFilter: ["data-draws"] });
}"""


@dataclass(frozen=True)
class Served:
    """A running `workbench serve`: its process and where it answers, with and without the token."""

    process: psutil.Process
    bare: str
    token: str
    up_s: float

    def address(self, app: str, choice: str = "") -> str:
        """Where an app is, with what is chosen there."""
        return f"{self.bare}voila/render/{app}.ipynb{f'#{choice}' if choice else ''}"

    def kernel_bytes(self) -> int:
        """Resident memory of the largest kernel, with its children."""
        return max(
            (
                sum(part.memory_info().rss for part in [kernel, *kernel.children(recursive=True)])
                for kernel in self.process.children()
            ),
            default=0,
        )

    def wait_warm(self, kernels: int, patience_s: float = 120) -> None:
        """Until so many kernels stand by and have nothing more to do."""
        end = time.monotonic() + patience_s
        quiet = 0
        while quiet < 3:
            if time.monotonic() > end:
                raise ServeError(f"the warm kernel was not ready within {patience_s:.0f} s")
            children = self.process.children()
            try:
                busy = [child.cpu_percent(interval=0.5 / max(len(children), 1)) for child in children]
            except psutil.NoSuchProcess:  # the kernel of the page that was just closed
                continue
            quiet = quiet + 1 if len(children) >= kernels and max(busy, default=100) < 5 else 0


@contextmanager
def serving(warm: int) -> Iterator[Served]:
    """`workbench serve` in a process of its own, stopped at the end."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "workbench", "serve", "--warm", str(warm), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise ServeError("workbench serve did not start; what it printed above says why")
        bare, _, token = json.loads(line)["address"].partition("?token=")
        yield Served(psutil.Process(process.pid), bare, token, time.perf_counter() - start)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def browsing() -> Iterator[Any]:
    """A headless Chromium (a playwright Browser).

    Raises
    ------
    WorkbenchError : playwright or Chromium is not installed.
    """
    path = os.environ.get("WORKBENCH_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None or not Path(path).exists():
        raise WorkbenchError(
            "the benchmark drives a Chromium and found none; install Debian's chromium, or set "
            "WORKBENCH_CHROMIUM to its path"
        )
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise WorkbenchError("the benchmark needs playwright: pip install 'workbench[test]'") from error
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


class Screen:
    """One page in a fresh browser profile."""

    def __init__(self, browser: Any, served: Served) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(_PATIENCE_MS)
        self.page.goto(f"{served.bare}?token={served.token}")

    def open(self, address: str) -> tuple[float, float]:
        """Seconds from asking for the page to its first widget, and to its first chart."""
        start = time.perf_counter()
        self.page.goto(address, wait_until="commit")
        self.page.locator(".wb-app .wb-choose select").first.wait_for()
        widget = time.perf_counter() - start
        self.page.wait_for_function(_DRAWN)
        return widget, time.perf_counter() - start

    def show(self, tab: str) -> None:
        """Bring a view to the front and wait until it is drawn and calm."""
        self.page.locator(".wb-views .lm-TabBar-tab", has_text=tab).first.click()
        self.calm(tab)

    def calm(self, tab: str) -> None:
        """Until the view's chart is drawn and nothing newer is being computed for it."""
        self.page.wait_for_function(_CALM, arg=tab.lower())
        self.page.wait_for_timeout(300)
        self.page.wait_for_function(_CALM, arg=tab.lower())

    def sweep(self, tab: str) -> list[float]:
        """Seconds from each press of → on the first slider, from its least on, to the redrawn chart."""
        handle = self.page.locator(".wb-choose [role=slider]").first
        handle.focus()
        self.page.keyboard.press("Home")
        self.calm(tab)
        seconds = []
        last = float(handle.get_attribute("aria-valuemax"))
        while float(handle.get_attribute("aria-valuenow")) < last:
            self.page.evaluate(_ARM, tab.lower())
            self.page.keyboard.press("ArrowRight")
            self.page.wait_for_function("() => globalThis.__seconds !== null")
            seconds.append(float(self.page.evaluate("globalThis.__seconds")))
            self.calm(tab)
        return seconds

    def next_picture(self, number: int, tab: str) -> None:
        """Choose another picture of the gallery, so that nothing of the last sweep is remembered."""
        self.page.locator(".wb-gallery button").nth(number).click()
        self.page.wait_for_timeout(500)
        self.calm(tab)

    def close(self) -> None:
        """End the page, and with it its kernel."""
        self.page.goto("about:blank")
        self.context.close()
