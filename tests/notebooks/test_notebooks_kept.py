"""What nbval cannot see: a notebook without outputs compares nothing and passes, so it must not pass here."""

import ast
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def cells(path):
    """The code cells of a notebook, without their magic comments."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert [path.name for path in NOTEBOOKS][:1] == ["01_explorer.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_kept_and_most_are_compared(path):
    """Every cell that prints or shows has its output; at least four cells are compared by nbval."""
    speaking = [
        cell for cell in cells(path) if "print(" in cell.source or "NBVAL_IGNORE_OUTPUT" in cell.source
    ]
    assert all(cell.outputs for cell in speaking)
    assert all(cell.execution_count for cell in cells(path))
    compared = [cell for cell in speaking if "NBVAL_IGNORE_OUTPUT" not in cell.source]
    assert len(compared) >= 4
    assert not [output for cell in cells(path) for output in cell.outputs if output.output_type == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_short_and_define_nothing(path):
    """What is worth reading twice belongs in the package; one cell holds the parameters."""
    tagged = [cell for cell in cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    for cell in cells(path):
        assert len(cell.source.splitlines()) <= 10
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert not [node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.While)]
        assert "%pip" not in cell.source and "filterwarnings" not in cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_charts_are_stored_without_javascript(path):
    """A stored chart is its numbers; the five megabytes of plotly.js stay in the package."""
    assert path.stat().st_size < 400_000
