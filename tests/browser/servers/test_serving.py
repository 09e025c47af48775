"""`workbench serve` in a real browser: home page, token, what is refused, and errors that are seen."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import psutil
import pytest

SERVER_GONE = ["WebSocket connection", "ERR_CONNECTION_REFUSED", "Failed to fetch"]
FRAME = """
import ipywidgets as widgets
from workbench.panels.chart import Chart
from workbench.panels.frame import Frame
from workbench.panels.guard import Guard
from workbench.panels.parts import Code, Stages, group
from workbench.panels.tiles import Tiles
from workbench.records import Quantity
from workbench.errors import SettingError
guard = Guard()
"""
CHARTS = """
slider = widgets.IntSlider(value=1, min=0, max=20, description="bits")
charts = [Chart(name=f"chart {number}", height=200) for number in range(6)]
tiles = Tiles(["Payload", "Same answer?"])

def draw(change):
    if change["new"] == 13:
        raise SettingError("bits must not be 13; allowed are all other numbers up to 20")
    if change["new"] == 17:
        raise ZeroDivisionError("a bug")
    tiles["Same answer?"].show("yes", tone="good", note="7", warning="<random> weights")
    tiles["Payload"].show(Quantity(1000 * change["new"], "bytes", "measured", "n = 1"))
    for number, chart in enumerate(charts):
        bars = {"type": "bar", "name": f"trace {number}", "x": ["a", "b"], "y": [change["new"], number]}
        chart.show({"data": [bars], "layout": {"title": {"text": chart.name}}})

clicked = widgets.Label("nothing clicked")
charts[3].observe(guard(lambda change: setattr(clicked, "value", f"clicked {change['new']['x']}")), "clicked")
slider.observe(guard(draw), "value")
draw({"new": 3})
draw({"new": 1})
grid = widgets.GridBox(charts, layout=widgets.Layout(grid_template_columns="1fr 1fr 1fr"))
Frame("Charts", guard=guard, choose=[group("Codec", slider, clicked)], tiles=tiles, views={"All": grid},
      code=Code(text="import workbench as wb"))
"""


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory, write_app, serve_folder):
    folder = tmp_path_factory.mktemp("apps")
    write_app(folder, "charts", FRAME, CHARTS, summary="Six charts and a slider", order=1)
    write_app(folder, "broken", "1 / 0", summary="Does not start", order=2)
    (folder / "deeper").mkdir()
    write_app(folder / "deeper", "hidden", "'hidden'")
    (folder / "secret.png").write_bytes(b"secret")
    return serve_folder(folder)


@pytest.fixture(scope="module")
def address(server):
    return server.app("charts")


@pytest.fixture
def page(page, charts):
    """The page of the six charts, which several tests use one after the other."""
    charts(page).wait(6)
    return page


def status(address, **headers):
    request = urllib.request.Request(address, headers=headers)
    opener = urllib.request.build_opener(NoRedirect)
    try:
        with opener.open(request, timeout=120) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


def with_token(server, path):
    return {"address": server.bare + path, "Authorization": "token " + server.address.partition("=")[2]}


def test_the_home_page_has_a_card_for_each_app_and_hides_the_token(server, visit):
    page = visit(server.address)
    assert page.url == server.bare
    cards = page.locator(".wb-cards a")
    assert [card.strip() for card in cards.locator("h2").all_text_contents()] == ["Charts", "Broken"]
    assert "Six charts and a slider" in cards.nth(0).inner_text()
    cards.nth(0).click()
    page.locator(".wb-app").wait_for()
    assert page.title() == "Charts · workbench"


def test_without_the_token_there_is_only_the_sign_in_page(server, visit):
    page = visit(server.bare + "voila/render/charts.ipynb")
    assert page.get_by_role("heading").inner_text() == "This page needs its token"
    assert page.locator(".wb-app").count() == 0


def test_a_pasted_token_opens_and_a_wrong_one_does_not(server, visit):
    page = visit(server.bare, expected=["401"])
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    assert "not the token" in page.get_by_role("alert").inner_text()
    page.get_by_label("Token").fill(server.address.partition("=")[2])
    page.get_by_role("button", name="Open").click()
    page.locator(".wb-cards").wait_for()


@pytest.mark.parametrize(
    "path",
    [
        "voila/render/secret.png",
        "voila/render/deeper/hidden.ipynb",
        "voila/render/..%2f..%2fetc%2fpasswd",
        "voila/render/%2e%2e/charts.ipynb",
        "voila/files/charts.ipynb",
        "voila/files/secret.png",
        "voila/tree",
        "voila/tree/deeper",
        "voila/api/contents/",
        "voila/templates/lab/static/..%2f..%2fconf.json",
        "voila/templates/x",
        "api/kernels",
        "api/contents",
    ],
)
def test_what_is_no_app_is_refused_even_with_the_token(server, path):
    request = with_token(server, path)
    assert status(request.pop("address"), **request) in (403, 404)


def test_a_path_that_climbs_out_is_refused(server):
    assert status(server.bare + "voila/static/..%2f..%2f..%2fconf.json") in (403, 404)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8866", "127.0.0.1.evil.example", "10.0.0.1"])
def test_a_foreign_host_name_is_refused_also_with_the_token(server, host):
    request = with_token(server, "")
    assert status(request.pop("address"), Host=host, **request) == 403
    assert status(server.bare + "voila/static/voila.js", Host=host) == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:8866"])
def test_every_loopback_name_is_answered(server, host):
    request = with_token(server, "")
    assert status(request.pop("address"), Host=host, **request) == 200


def test_a_template_or_theme_in_the_address_changes_nothing(server, visit, charts):
    page = visit(server.app("charts") + "&template=no-such-template&theme=no-such-theme")
    assert len(charts(page).wait(6)) == 6


def test_every_chart_is_live_after_every_change(page, charts):
    drawn = charts(page).read()
    assert {name: chart["data"][0]["y"] for name, chart in drawn.items()} == {
        f"chart {number}": [1, number] for number in range(6)
    }
    page.get_by_role("slider").first.focus()
    for value in (2, 3, 4):
        page.keyboard.press("ArrowRight")
        drawn = charts(page).wait_redrawn(drawn)
        assert [chart["data"][0]["y"][0] for chart in drawn.values()] == [value] * 6
    assert page.locator("[data-tile=Payload] .wb-value").inner_text() == "4,000 B"
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
        drawn = charts(page).wait_redrawn(drawn)
    assert [chart["data"][0]["y"][0] for chart in drawn.values()] == [1] * 6


def test_a_tile_changes_in_place_and_says_where_its_number_comes_from(page):
    tile = page.locator("[data-tile=Payload]")
    before = tile.element_handle()
    page.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    tile.locator(".wb-value", has_text="2,000 B").wait_for()
    assert before.evaluate("node => node.isConnected")  # what points at it or has it in focus keeps it
    assert tile.get_attribute("data-how") == "Measured here.\nn = 1"
    assert tile.get_by_role("img", name="measured").is_visible()
    answer = page.locator("[data-tile='Same answer?']")
    assert {"wb-good", "wb-warned"} <= set(answer.get_attribute("class").split())
    assert answer.locator(".wb-sub .wb-warning").inner_text() == "<random> weights"
    assert answer.locator(".wb-mark").is_hidden() and page.locator(".wb-tile.wb-warned").count() == 1
    row = "node => { const look = getComputedStyle(node); return [look.overflow, Number(look.zIndex) > 0]; }"
    assert page.locator(".wb-tiles").evaluate(row) == ["visible", True]  # hovering says how, over the views
    page.keyboard.press("ArrowLeft")
    tile.locator(".wb-value", has_text="1,000 B").wait_for()


def test_two_pages_at_once_have_all_their_charts(server, visit, charts):
    pages = [visit(server.app("charts")) for _ in range(2)]
    for page in pages:
        assert [chart["state"] for chart in charts(page).wait(6).values()] == ["drawn"] * 6


def test_a_widget_whose_model_comes_in_the_last_pause_is_found(page):
    """It is looked for every 100 ms for 2 s; as it stood it was given up, though it had come meanwhile."""
    found = page.evaluate("""async () => {
        const manager = window.jupyterapp.widgetManager;
        const asked = [manager.get_model("late"), manager.get_model("never")];
        setTimeout(() => { manager._models.late = Promise.resolve("here"); }, 1990);
        const ends = await Promise.allSettled(asked);
        delete manager._models.late;
        return ends.map(end => end.value ?? end.reason.message);
    }""")
    assert found == ["here", "widget model not found"]


def test_a_click_on_a_bar_reaches_python(page):
    page.locator(".wb-chart[data-chart='chart 3'] .bars .point path").nth(1).click(force=True)
    page.get_by_text("clicked b").wait_for()


def test_charts_download_as_png_and_svg(page):
    chart = page.locator(".wb-chart[data-chart='chart 0']")
    for title, ending, start in (
        ("Download plot as a PNG", "png", b"\x89PNG"),
        ("Download as SVG", "svg", b"<svg"),
    ):
        chart.hover()
        with page.expect_download() as download:
            chart.locator(f".modebar-btn[data-title^='{title[:15]}'][data-title$='{title[-3:]}']").click()
        assert download.value.suggested_filename == f"chart 0.{ending}"
        assert download.value.path().read_bytes().startswith(start)


def test_dark_is_one_click_and_sends_no_data(server, visit, charts):
    page = visit(server.app("charts"))
    before = charts(page).wait(6)
    frames = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    tick = page.locator(".wb-chart .xtick text").first
    light = tick.evaluate("node => getComputedStyle(node).fill")
    page.evaluate(
        """() => { globalThis.__left = [];
        const watch = new MutationObserver(all => all.forEach(one => __left.push(one.oldValue)));
        for (const chart of document.querySelectorAll('.wb-chart')) watch.observe(
            chart, {attributeFilter: ['data-state'], attributeOldValue: true}); }"""
    )
    page.get_by_role("button", name="Dark").click()
    after = charts(page).wait_redrawn(before)
    assert page.evaluate("__left.filter(state => state === 'stale').length") == 6  # none is drawn until it is
    assert tick.evaluate("node => getComputedStyle(node).fill") != light
    assert [chart["data"] for chart in after.values()] == [chart["data"] for chart in before.values()]
    assert frames == []
    page.goto(server.bare)
    assert page.evaluate("document.documentElement.dataset.wbTheme") == "dark"


def test_errors_in_a_callback_are_seen_and_go_when_it_works_again(page):
    page.get_by_role("slider").first.focus()
    for value in range(2, 13):  # one after the other: a page that is slow would take several as one
        page.keyboard.press("ArrowRight")
        page.locator("[data-tile=Payload] .wb-value", has_text=f"{value}").wait_for()
    page.keyboard.press("ArrowRight")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "bits must not be 13" in alert.inner_text()
    page.keyboard.press("ArrowRight")
    alert.wait_for(state="detached")
    for value in (15, 16):
        page.keyboard.press("ArrowRight")
        page.locator("[data-tile=Payload] .wb-value", has_text=f"{value}").wait_for()
    page.keyboard.press("ArrowRight")
    alert.wait_for()
    assert "ZeroDivisionError: a bug" in alert.inner_text()
    page.get_by_role("button", name="log").click()
    page.locator(".wb-log", has_text="in draw").wait_for()


def test_an_app_that_does_not_start_says_so_without_a_traceback(server, visit):
    page = visit(server.app("broken"))
    page.get_by_text("could not start").wait_for()
    assert "ZeroDivisionError" not in page.content()


def test_a_slider_outlives_a_broken_connection(server, visit, charts):
    page = visit(server.app("charts"))
    charts(page).wait(6)
    assert not page.locator(".wb-unreachable").is_visible()
    page.evaluate(
        """() => { const send = WebSocket.prototype.send;
        WebSocket.prototype.send = function (message) {
            WebSocket.prototype.send = send;
            send.call(this, message);
            this.onmessage = null;
            setTimeout(() => this.close(), 1000);
        }; }"""
    )
    page.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")  # goes out and is dealt with, but the page never hears of that
    value = page.locator("[data-tile=Payload] .wb-value")
    value.filter(has_text="2,000 B").wait_for()
    page.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    value.filter(has_text="3,000 B").wait_for(timeout=20_000)


@pytest.mark.slow  # the server pings a page after 30 s
def test_a_page_keeps_its_connection_and_the_slider_its_kernel(server, visit, charts):
    page = visit(server.app("charts"))
    charts(page).wait(6)
    again = []
    page.on("websocket", lambda socket: again.append(socket.url))
    page.wait_for_timeout(33_000)
    assert again == []
    page.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    page.locator("[data-tile=Payload] .wb-value", has_text="2,000 B").wait_for()


@pytest.mark.slow  # waits for the next warm kernel twice
def test_a_warm_kernel_knows_nothing_of_the_visitor_before(
    browser, tmp_path, write_app, serve_folder, visit, wait_until
):
    search = "sorted(value for value in os.environ.values() if 'secret-word' in value)"
    write_app(tmp_path, "tell", f"import os, ipywidgets\nipywidgets.Label('told: ' + str({search}))")
    server = serve_folder(tmp_path, warm=1)

    def tell():
        page = visit(server.app("tell") + "&who=secret-word", expected=SERVER_GONE)
        page.get_by_text("told: []").wait_for()

    own = psutil.Process(server.pid)
    tell()  # takes the kernel that was started with the server
    wait_until(lambda: len(own.children()) == 2, what="the next warm kernel, started for this visitor")
    tell()  # takes that one
    tell()  # comes right after, and has a kernel started for himself
    kernels = own.children(recursive=True)
    assert len(own.children()) >= 3
    assert server.stop() == 0
    wait_until(lambda: not any(kernel.is_running() for kernel in kernels), what="the end of every kernel")


def test_plotly_comes_once_and_from_the_server(page, server):
    fetched = "performance.getEntriesByType('resource').map((entry) => entry.name)"
    assert page.evaluate(fetched).count(f"{server.bare}voila/plotly.min.js") == 1


def test_the_scripts_of_a_page_come_as_one_file(page, server):
    """One that comes by itself belongs into first_scripts.txt, since the page waited for it."""
    fetched = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    scripts = [name.removeprefix(server.bare) for name in fetched if name.partition("?")[0].endswith(".js")]
    first = [name for name in scripts if name.startswith("voila/first.js?v=")]
    assert len(first) == 1
    entries = [name for name in scripts if "/remoteEntry." in name]
    assert sorted(name.split("/static/")[0] for name in entries) == [
        "voila/labextensions/@jupyter-widgets/jupyterlab-manager",
        "voila/labextensions/@voila-dashboards/widgets-manager8",
        "voila/labextensions/anywidget",
    ]
    rest = sorted(name.partition("?")[0] for name in {*scripts} - {*first, *entries})
    assert rest == [
        "voila/plotly.min.js", "voila/static/voila.js", "voila/templates/lab/static/voila-style.js",
    ]  # fmt: skip


def test_the_home_page_fetches_what_an_app_will_need(server, visit, charts):
    page = visit(server.address)
    page.wait_for_function(
        """() => performance.getEntriesByType('resource')
        .filter((one) => one.responseEnd && /first[.]js|plotly[.]min[.]js/.test(one.name)).length === 2"""
    )
    page.get_by_role("link", name="Charts").click()
    charts(page).wait(6)
    travelled = page.evaluate(
        """() => performance.getEntriesByType('resource')
        .filter((one) => /first[.]js|plotly[.]min[.]js/.test(one.name)).map((one) => one.transferSize)"""
    )
    assert travelled == [0, 0]


def test_closing_the_page_ends_its_kernel(server, visit, charts, wait_until):
    before = set(psutil.Process(server.pid).children())  # kernels of earlier tests may still be ending
    page = visit(server.app("charts"))
    charts(page).wait(6)
    (own,) = set(psutil.Process(server.pid).children()) - before
    page.goto("about:blank")
    wait_until(lambda: not own.is_running(), what="the end of the kernel")


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_stopping_the_server_ends_its_kernels(tmp_path, write_app, serve_folder, visit, wait_until, number):
    hello = "import ipywidgets\nfrom workbench.panels.parts import Connection\n"
    write_app(tmp_path, "hello", hello + "ipywidgets.VBox([Connection(), ipywidgets.Label('hello')])")
    server = serve_folder(tmp_path)
    page = visit(server.app("hello"), expected=SERVER_GONE)
    page.get_by_text("hello").wait_for()
    kernels = psutil.Process(server.pid).children(recursive=True)
    assert kernels
    assert server.stop(number) == 0
    page.get_by_text("The server does not answer").wait_for()
    wait_until(lambda: not any(kernel.is_running() for kernel in kernels), what="the end of every kernel")


def test_a_port_in_use_is_said_with_the_next_step(server):
    command = [
        sys.executable,
        "-m",
        "workbench",
        "serve",
        "--port",
        str(server.port),
        "--apps",
        str(server.folder),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2
    assert f"port {server.port} is in use" in ended.stderr
    assert "leave --port out" in ended.stderr


def test_lab_opens_the_notebooks_with_its_token_only(tmp_path, wait_until):
    (tmp_path / "mine.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    command = [sys.executable, "-m", "workbench", "lab", "--folder", str(tmp_path), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        ready = json.loads(process.stdout.readline())
        bare, _, token = ready["address"].partition("lab?token=")
        assert status(f"{bare}api/contents") == 403
        assert status(f"{bare}api/contents/mine.ipynb", Authorization=f"token {token}") == 200
        assert status(f"{bare}api/contents", Authorization=f"token {token}", Host="evil.example") == 403
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)
        process.stdout.close()
