"""The Python that gives what a view of the Codecs app shows, ready to paste into a notebook."""

from __future__ import annotations

from typing import NamedTuple

from workbench.session.choice import Choice
from workbench.session.code import call, only, pictures


class _Calls(NamedTuple):
    """What is imported from where, what is called, and what draws it."""

    module: str
    imported: str
    figure: str
    found: str
    draw: str


_CALLS = {
    "bytes": _Calls(
        "side_by_side", "side_by_side", "sides_figure",
        "sides = side_by_side(model, {split!r}, images, bits={bits!r})", "sides_figure(sides)",
    ),
    "rate": _Calls(
        "side_by_side", "rate_curves", "rate_figure",
        "curves = rate_curves(model, {split!r}, images)", "rate_figure(curves)",
    ),
    "entropy": _Calls(
        "reshape_search", "entropy_curve", "entropy_figure",
        "curve = entropy_curve(features, bits={bits!r})", "entropy_figure(curve)",
    ),
    "symbols": _Calls(
        "reshape_search", "symbol_histogram", "symbol_figure",
        "histogram = symbol_histogram(features, bits={bits!r}, rows={rows!r})", "symbol_figure(histogram)",
    ),
}  # fmt: skip


def codec_code_of(choice: Choice, view: str) -> str:
    """Python for `view` of this choice; run in a notebook, its last line draws the same chart."""
    if view == "papers":
        return "\n".join(
            [
                "from workbench.experiments.papers import claims",
                "from workbench.figures.codec_tables import claims_table",
                "",
                "print(claims_table(claims()).csv())",
            ]
        )
    calls = _CALLS[view]
    lines = [
        "import workbench as wb",
        f"from workbench.experiments.{calls.module} import {calls.imported}",
        f"from workbench.figures import {calls.figure}",
        "from workbench.pictures import load",
        "",
        f"model = wb.load_model({call(choice.network, only(pretrained=choice.pretrained))})",
        f"images = {pictures(choice)}",
    ]
    if "features" in calls.found:
        lines += [
            f"edge_part = wb.split(model, {choice.split!r}).edge_part",
            "inputs = model.preprocess([picture.image for picture in images])",
            "features = edge_part(inputs)[0].detach().numpy()",
        ]
    settings = {"bits": 4, "rows": "algorithm1", **choice.settings}
    lines.append(calls.found.format(split=choice.split, bits=settings["bits"], rows=settings["rows"]))
    return "\n".join([*lines, calls.draw])
