"""The Explorer app is executed as Voila does it: nothing raises, and the page comes before any network."""

import subprocess
import sys

import pytest
from nbclient import NotebookClient

LOOK = """
assert page.session._runner.join(120), "the first job did not end"
trial = page.session.outcome
print(type(trial).__name__, trial.model, page.tiles["Payload"].text, page.guard.notice.text or "-")
"""


def test_the_app_is_stripped_and_short(app):
    notebook = app("explorer")
    assert len(notebook.cells) in (2, 3)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells)
    assert all(len(cell.source.splitlines()) <= 10 for cell in notebook.cells)
    assert notebook.metadata["workbench"]["title"] == "Explorer"
    assert notebook.metadata["workbench"]["order"] == 1


@pytest.mark.slow  # the browser tests open it, too
def test_the_app_runs_and_its_first_job_gives_a_trial(app):
    notebook = app("explorer")
    notebook.cells[-1].source = f"page = {notebook.cells[-1].source}\n{LOOK}\npage"
    NotebookClient(notebook, timeout=150, kernel_name="python3").execute()
    told = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    kind, model, payload, _unit, notice = told.split()
    assert (kind, model) == ("Trial", "digits-resnet")
    assert float(payload.replace(",", "")) > 500
    assert notice == "-"
    shown = [output["data"] for output in notebook.cells[-1].outputs if "data" in output]
    assert "application/vnd.jupyter.widget-view+json" in shown[-1]


def test_the_page_needs_no_torch():
    """It is shown first; what takes seconds to import comes behind it, in a thread."""
    look = (
        "import sys; from workbench.panels.explorer import ExplorerPage; "
        "from workbench.session.desk import Desk; from workbench.session import AtOnce, Explorer; "
        "ExplorerPage(Explorer(Desk(), AtOnce())); "
        "print(sorted({'torch', 'timm', 'torchvision', 'sklearn'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == "[]"
