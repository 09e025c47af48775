"""The Training app is executed as Voila does it, and nothing in it raises."""

import pytest
from nbclient import NotebookClient


def test_the_app_is_stripped(app):
    notebook = app("training")
    assert len(notebook.cells) == 2
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells)
    assert notebook.metadata["workbench"]["title"] == "Training"


@pytest.mark.slow  # the browser tests open it, too
def test_the_app_runs(app):
    notebook = app("training")
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    shown = notebook.cells[-1].outputs[0]["data"]
    assert "application/vnd.jupyter.widget-view+json" in shown
