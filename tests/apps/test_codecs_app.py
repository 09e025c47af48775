"""The Codecs app is executed as Voila does it, and nothing in it raises."""

from nbclient import NotebookClient


def test_the_app_is_stripped_and_runs(app):
    notebook = app("codecs")
    cells = notebook.cells
    assert len(cells) == 2
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)
    assert notebook.metadata["workbench"]["title"] == "Codecs"
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    shown = cells[-1].outputs[0]["data"]
    assert "application/vnd.jupyter.widget-view+json" in shown
