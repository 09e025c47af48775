"""The Fidelity app is executed as Voila does it, and nothing in it raises."""

import pytest
from nbclient import NotebookClient

LOOK = """
assert page.session._runner.join(120), "the first job did not end"
report = page.session.outcome
print(type(report).__name__, report.model, report.samples, page.guard.notice.text or "-")
"""


def test_the_app_is_stripped(app):
    notebook = app("fidelity")
    assert len(notebook.cells) == 2
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells)
    assert notebook.metadata["workbench"]["title"] == "Fidelity"


@pytest.mark.slow  # the browser tests open it, too
def test_its_first_job_gives_a_report(app):
    notebook = app("fidelity")
    cells = notebook.cells
    cells[-1].source = f"page = {cells[-1].source}\n{LOOK}\npage"
    NotebookClient(notebook, timeout=150, kernel_name="python3").execute()
    told = "".join(output.get("text", "") for output in cells[-1].outputs)
    assert told.split() == ["FidelityReport", "digits-resnet", "200", "-"]
    shown = [output["data"] for output in cells[-1].outputs if "data" in output]
    assert "application/vnd.jupyter.widget-view+json" in shown[-1]
