"""The same charts in JupyterLab: several live at once."""

import json
import os
import signal
import subprocess
import sys

import pytest

CELL = """
import ipywidgets as widgets
from workbench.panels.chart import Chart
charts = [Chart(name=f"chart {number}", height=160) for number in range(3)]
slider = widgets.IntSlider(value=1, max=9)

def draw(change):
    for number, chart in enumerate(charts):
        chart.show({"data": [{"type": "bar", "x": ["a", "b"], "y": [change["new"], number]}]})

slider.observe(draw, "value")
draw({"new": 1})
widgets.VBox([slider, *charts])
"""


@pytest.fixture
def lab(browser, tmp_path, write_app):
    write_app(tmp_path, "mine", CELL)
    command = [sys.executable, "-m", "workbench", "lab", "--folder", str(tmp_path), "--json"]
    own = {f"JUPYTERLAB_{name}_DIR": str(tmp_path / name.lower()) for name in ("WORKSPACES", "SETTINGS")}
    said = tmp_path / "said.txt"
    with said.open("w") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **own},  # not what somebody had open in JupyterLab before
        )
    yield json.loads(process.stdout.readline())["address"]
    process.send_signal(signal.SIGTERM)
    process.wait(120)
    process.stdout.close()
    assert "Warning" not in said.read_text()


def test_several_charts_are_live_in_jupyterlab(lab, visit, charts):
    page = visit(lab.replace("/lab?", "/lab/tree/mine.ipynb?"))
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
    page.keyboard.press("Shift+Enter")
    drawn = charts(page).wait(3)
    assert [chart["data"][0]["y"] for chart in drawn.values()] == [[1, 0], [1, 1], [1, 2]]
    page.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    drawn = charts(page).wait_redrawn(drawn)
    assert [chart["data"][0]["y"] for chart in drawn.values()] == [[2, 0], [2, 1], [2, 2]]
