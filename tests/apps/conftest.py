import nbformat
import pytest

from workbench.paths import shipped


@pytest.fixture
def app():
    """Reads the notebook behind an app, by the app's name."""
    return lambda name: nbformat.read(shipped("apps") / f"{name}.ipynb", as_version=4)
