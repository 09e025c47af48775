"""A headless Chromium on served dashboards; console errors and requests to elsewhere fail a test.

served ─ a running `workbench serve` on the project's apps (one for all tests)
serve_folder(folder) ─ the same on other apps
visit(address) ─ a page in a fresh browser profile, watched
Charts ─ what every chart on a page has drawn
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

import nbformat
import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 120_000  # a machine that is busy with other work may need as long


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


def chromium():
    """Path of the browser, or a skip that says how to get one."""
    named = os.environ.get("WORKBENCH_CHROMIUM")
    path = (
        named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    )
    if path is None or not Path(path).exists():
        where = f"WORKBENCH_CHROMIUM={named} does not exist" if named else "no chromium on the path"
        pytest.skip(f"{where}; install Debian's chromium or set WORKBENCH_CHROMIUM")
    return path


@pytest.fixture(scope="session")
def chromium_path():
    """The system's Chromium; tests that need it are skipped where there is none."""
    return chromium()


@pytest.fixture(scope="module")
def browser(chromium_path):
    """One Chromium for each file: while Playwright runs, no other test can start an event loop of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield running
        running.close()


def _own_folders():
    """Where a served page keeps what it makes: not among a person's own."""
    folder = tempfile.mkdtemp()
    return {"WORKBENCH_TRIALS": f"{folder}/t.sqlite", "WORKBENCH_BUNDLES": f"{folder}/bundles"}


class Server:
    """A running `workbench serve`; `address` carries its token, `bare` does not."""

    def __init__(self, folder, warm=0):
        self.folder = folder
        arguments = [*(["--apps", str(folder)] if folder else []), "--warm", str(warm), "--json"]
        # a pipe that nobody reads would fill up
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workbench", "serve", *arguments],
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **_own_folders()},
        )
        line = self.process.stdout.readline()
        if not line:
            self._said.seek(0)
            raise RuntimeError(f"workbench serve did not start: {self._said.read()}")
        ready = json.loads(line)
        self.address, self.port, self.pid = ready["address"], ready["port"], ready["pid"]
        self.bare = self.address.partition("?")[0]

    def app(self, name):
        """Address of one app, with the token."""
        token = self.address.partition("?")[2]
        return f"{self.bare}voila/render/{name}.ipynb?{token}"

    def stop(self, number=signal.SIGINT):
        """Stop it as Ctrl-C does; gives its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(120)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        self._said.close()
        return code


@pytest.fixture(scope="session")
def serve_folder():
    """Start a server on a folder of apps; all are stopped at the end."""
    servers = []

    def start(folder, warm=0):
        servers.append(Server(folder, warm))
        return servers[-1]

    yield start
    for server in servers:
        if not server.process.stdout.closed:
            server.stop()


@pytest.fixture(scope="session")
def served(chromium_path, serve_folder):
    """The project's own apps."""
    return serve_folder(None)


@pytest.fixture(scope="session")
def write_app():
    """Write an app notebook of the given cells into a folder."""

    def write(folder, name, *cells, **card):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        notebook.metadata["workbench"] = {"title": name.capitalize(), **card}
        path = Path(folder) / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return path

    return write


class Watched:
    """What went wrong on a page: console errors, uncaught exceptions, requests that left the machine."""

    def __init__(self, page):
        self.problems = []
        page.on("console", lambda message: self._said(message))
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("request", lambda request: self._asked(request.url))
        page.on("websocket", lambda socket: self._asked(socket.url))

    def _said(self, message):
        if message.type == "error":
            self.problems.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _asked(self, url):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname not in ("127.0.0.1", "localhost"):
            self.problems.append(f"request left the machine: {url}")


@pytest.fixture(scope="module")
def opened(browser, address):
    """One page for all tests of a file, at the file's own `address`, since a kernel takes seconds."""
    fresh = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page = fresh.new_page()
    page.set_default_timeout(PATIENCE_MS)
    problems = Watched(page).problems
    page.goto(address)
    yield page, problems
    fresh.close()


@pytest.fixture
def page(opened):
    """That page; nothing may have gone wrong on it by the end of a test."""
    page, problems = opened
    yield page
    assert problems == []


@pytest.fixture
def visit(browser):
    """Open an address in a fresh profile, watched; at the end of the test nothing may have gone wrong."""
    opened = []

    def open_page(address, *, width=1440, height=900, expected=(), **context):
        fresh = browser.new_context(viewport={"width": width, "height": height}, **context)
        page = fresh.new_page()
        page.set_default_timeout(PATIENCE_MS)
        opened.append((fresh, Watched(page), expected))
        page.goto(address)
        return page

    yield open_page
    problems = []
    for fresh, watched, expected in opened:
        fresh.close()
        problems += [text for text in watched.problems if not any(known in text for known in expected)]
    assert problems == []


class Charts:
    """The charts of a page by name: what each has drawn, and how often."""

    def __init__(self, page):
        self.page = page

    def read(self):
        """name → {"draws", "state", "data"} of every chart on the page."""
        return self.page.evaluate(
            """() => Object.fromEntries([...document.querySelectorAll('.wb-chart')].map((chart) => [
            chart.dataset.chart,
            {draws: Number(chart.dataset.draws), state: chart.dataset.state, data: chart.drawn()}]))"""
        )

    def wait(self, count):
        """Until `count` charts are drawn; gives `read()`."""
        self.page.wait_for_function(
            "count => document.querySelectorAll('.wb-chart[data-state=drawn]').length >= count", arg=count
        )
        return self.read()

    def wait_redrawn(self, before, *names):
        """Until each of `names` (else every chart of `before`) was drawn again; gives `read()`."""
        counts = {name: before[name]["draws"] for name in (names or before)}
        self.page.wait_for_function(
            """counts => [...document.querySelectorAll('.wb-chart')]
            .filter((chart) => chart.dataset.chart in counts)
            .every((chart) => Number(chart.dataset.draws) > counts[chart.dataset.chart])""",
            arg=counts,
        )
        return self.read()


@pytest.fixture
def charts():
    return Charts


def wait_until(true, seconds=120, what="it"):
    """Ask until `true()`; fails with `what` after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds} s")


@pytest.fixture(name="wait_until")
def wait_until_fixture():
    return wait_until
