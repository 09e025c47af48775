"""How fast the screen is: from `import workbench` to a chart that follows a slider, in a real browser.

    import ─ serve ─ first widget (cold, warm) ─ slider → chart (demo, 224 × 224) ─ cutting ─ kernel memory

    workbench bench ui          prints a table and writes data/results/bench_ui.json

Times are medians; the record keeps every repeat. The slider is moved through all its values on several
pictures, so that no value is shown from memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from workbench.bench.measures import Measure, measured, write_json
from workbench.bench.screen import Screen, browsing, serving
from workbench.experiments.timing import machine_facts
from workbench.paths import app_notebooks
from workbench.serving.dashboards import warm_kernels

STACK = ("voila", "ipywidgets", "ipykernel", "plotly", "anywidget", "jupyter_server", "playwright")
NETWORKS = (
    "resnet50", "resnet18", "vgg16", "densenet121", "efficientnet_b0", "mobilenetv3_large_100",
    "convnext_tiny", "swin_tiny_patch4_window7_224", "vit_base_patch16_224", "deit_small_patch16_224",
    "mixer_b16_224", "levit_256", "maxvit_tiny_tf_224",
)  # fmt: skip
HEAVY = (  # one forward pass takes seconds
    "efficientnet_b7", "swin_large_patch4_window12_384", "convnext_xlarge", "vit_large_patch16_384",
)  # fmt: skip
LARGE = "network=resnet18&pretrained=false&codec=rans-csr"
_IMPORT = "import time; t = time.perf_counter(); import workbench; print(time.perf_counter() - t)"
_CUT = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import torch
import workbench as wb
for name in sys.argv[1:]:
    model = wb.load_model(name, pretrained=False)
    start = time.perf_counter()
    points = wb.split_points(model)
    listed = time.perf_counter() - start
    wb.split(model, points[len(points) // 2].name)
    whole = time.perf_counter() - start
    start = time.perf_counter()
    with torch.inference_mode():
        model(torch.randn(1, *model.input_size))
    print(json.dumps([name, len(points), listed, whole, time.perf_counter() - start]), flush=True)
"""

Progress = Callable[[int, int, str], None]


def bench_ui(*, quick: bool = False, progress: Progress | None = None) -> dict[str, Any]:
    """Measure everything; a record ready for JSON. `quick` repeats less and cuts fewer networks.

    Raises
    ------
    WorkbenchError : no Chromium or no playwright here.
    """
    rounds = 2 if quick else 5
    networks = NETWORKS[:3] if quick else NETWORKS
    steps: list[Callable[[], list[Measure]]] = [
        lambda: [_imports(rounds)],
        lambda: _cold(rounds),
        lambda: _warm(rounds),
        lambda: _live(pictures=1 if quick else 4),
        lambda: [_cutting("cutting a timm network", networks)],
        *([] if quick else [lambda: [_cutting("cutting one of 38 to 191 GMACs", HEAVY)]]),
    ]
    names = ("import", "cold pages", "warm pages", "sliders", "cutting", "heavy cutting")[: len(steps)]
    load_before = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    measures: list[Measure] = []
    for number, (name, step) in enumerate(zip(names, steps, strict=True)):
        if progress is not None:
            progress(number, len(steps), name)
        measures += step()
    if progress is not None:
        progress(len(steps), len(steps), "done")
    return {
        "what": "the screen: from import to a chart that follows a slider",
        "command": "workbench bench ui" + (" --quick" if quick else ""),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {**machine_facts(), "cpus": os.cpu_count(), "load_before": load_before},
        "versions": {name: version(name) for name in STACK},
        "measures": [measure.to_dict() for measure in measures],
    }


def _imports(rounds: int) -> Measure:
    seconds = [
        float(
            subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True).stdout
        )
        for _ in range(rounds)
    ]
    return measured("import workbench", seconds, "s", 0.3)


def _cold(rounds: int) -> list[Measure]:
    ups, widgets, charts = [], [], []
    with browsing() as browser:
        for _ in range(rounds):
            with serving(warm=0) as served:
                ups.append(served.up_s)
                screen = Screen(browser, served)
                widget, chart = screen.open(served.address("explorer"))
                screen.close()
            widgets.append(widget)
            charts.append(chart)
    return [
        measured("workbench serve: command to answer", ups, "s", None),
        measured("first widget, cold kernel", widgets, "s", 8.0),
        measured("first chart, cold kernel", charts, "s", None),
    ]


def _warm(rounds: int) -> list[Measure]:
    widgets, charts = [], []
    kept = sum(warm_kernels(app_notebooks(), 1, psutil.virtual_memory().available).values())
    with browsing() as browser, serving(warm=1) as served:
        for _ in range(rounds):
            served.wait_warm(kept)
            screen = Screen(browser, served)
            widget, chart = screen.open(served.address("explorer"))
            screen.close()
            widgets.append(widget)
            charts.append(chart)
    return [
        measured("first widget, warm kernel", widgets, "s", 2.0),
        measured("first chart, warm kernel", charts, "s", None),
    ]


def _live(pictures: int) -> list[Measure]:
    """Sliders on a demo network, then on a 224 × 224 ResNet-18 with random weights."""
    cases = (
        ("demo network", "network=digits-resnet&codec=rans-csr", 0.150, "digits-resnet, trained"),
        ("ResNet-18 at 224 × 224", LARGE, 0.400, "random weights"),
    )
    lines = []
    with browsing() as browser:
        for case, choice, goal, note in cases:
            with serving(warm=0) as served:
                screen = Screen(browser, served)
                screen.open(served.address("explorer", choice))
                screen.show("Payload")
                seconds = []
                for number in range(pictures):
                    if number:
                        screen.next_picture(number, "Payload")
                    seconds += screen.sweep("Payload")
                memory = float(served.kernel_bytes())
                screen.close()
            lines.append(measured(f"slider to redrawn chart, {case}", seconds, "s", goal, note))
            lines.append(measured(f"kernel memory, {case}", [memory], "bytes", 900e6, note))
    return lines


def _cutting(what: str, networks: Sequence[str]) -> Measure:
    command = [sys.executable, "-c", _CUT, *networks]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return cut_line(what, [json.loads(line) for line in printed.splitlines() if line.startswith("[")])


def cut_line(what: str, rows: Sequence[Sequence[Any]]) -> Measure:
    """The slowest network: its cuts listed with their costs, and one of them split and verified.

    `rows` are (name, cuts, seconds of listing, of listing and splitting, of one forward pass of one picture).
    Parts that are run beside the network take two such passes at least; those of heavy ones are proven.
    """
    slowest = max(rows, key=lambda row: row[3])
    each = ", ".join(
        f"{name} {whole:.2f} s (listing {listed:.2f} s, one forward pass {forward:.2f} s)"
        for name, _cuts, listed, whole, forward in rows
    )
    note = f"slowest of {len(rows)}: {slowest[0]}, {slowest[1]} cuts; {each}"
    return Measure(what, slowest[3], "s", 3.0, tuple(row[3] for row in rows), note)


def write_record(record: dict[str, Any], folder: Path) -> Path:
    """`record` as ``bench_ui.json`` in `folder`, which is made if needed."""
    return write_json(record, folder, "bench_ui")
