"""The Training app is executed as Voila does it, and nothing in it raises."""

import nbformat
from nbclient import NotebookClient

from workbench.paths import shipped


def test_the_app_is_stripped_and_runs():
    notebook = nbformat.read(shipped("apps") / "training.ipynb", as_version=4)
    cells = notebook.cells
    assert len(cells) == 2
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)
    assert notebook.metadata["workbench"]["title"] == "Training"
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    shown = cells[-1].outputs[0]["data"]
    assert "application/vnd.jupyter.widget-view+json" in shown
