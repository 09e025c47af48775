"""The other worker of a search, in a process of its own: `python search_worker.py FOLDER`."""

import importlib.util
import sys
import time
from pathlib import Path

from safetensors.torch import load_file

import workbench as wb
from workbench.neural import search as searching
from workbench.neural.comparing import Pictures
from workbench.neural.plans import Plan


def meet(folder, own, other, patience_s=240):
    """Begin the first candidate only when the other worker is at one, and say who tried which."""
    whole = searching._try

    def trying(*args):
        (folder / own).touch()
        started = time.monotonic()
        while not (folder / other).exists():
            assert time.monotonic() - started < patience_s, f"{other} never began"
            time.sleep(0.02)
        return {**whole(*args), "who": own}

    return trying


def main(folder):
    """Search around the tests' small network."""
    spec = importlib.util.spec_from_file_location("neural_conftest", Path(__file__).with_name("conftest.py"))
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    learn = load_file(folder / "learn.safetensors")
    split = wb.split(conftest._small(5), "first")
    searching._try = meet(folder, "there", "here")
    searching.search(
        split, Pictures(learn["pictures"], learn["labels"]), folder / "search.log",
        stop=searching.Stop(6, 99), plan=Plan(epochs=1, batch=16, patience=0),
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
