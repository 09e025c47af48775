"""What a server does without when it starts."""

import subprocess
import sys

PROGRAM = """
import sys
import workbench.serving.dashboards
import nbformat

notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
nbformat.validate(notebook)
notebook.cells[0]["cell_type"] = "poem"
try:
    nbformat.validate(notebook)
except nbformat.ValidationError:
    print("still validates")
print("lark" in sys.modules, "torch" in sys.modules)
"""


def test_no_grammar_and_no_torch_are_loaded_and_notebooks_are_validated():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["still validates", "False False"]
