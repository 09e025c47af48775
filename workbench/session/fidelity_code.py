"""The Python that gives what a view of the Fidelity app shows, ready to paste into a notebook."""

from __future__ import annotations

from typing import Final, NamedTuple

from workbench.session.code import call, only, pictures
from workbench.session.fidelity_work import FidelityChoice


class _Calls(NamedTuple):
    """Where the figure comes from, what is called, and what draws it."""

    figures: str
    figure: str
    found: str
    draw: str


_CALLS: Final = {
    "summary": _Calls("fidelity", "summary_figure", "report = wb.fidelity", "summary_figure(report)"),
    "distributions": _Calls(
        "fidelity_distributions", "distribution_figure", "report = wb.fidelity",
        'distribution_figure(report, "ssim")',
    ),
    "space": _Calls("fidelity_space", "space_figure", "space = wb.feature_space", "space_figure(space)"),
    "maps": _Calls("fidelity_maps", "channel_figure", "maps = wb.channel_maps", "channel_figure(maps)"),
    "saliency": _Calls("saliency", "saliency_figure", "report = wb.saliency", "saliency_figure(report)"),
}  # fmt: skip


def fidelity_code_of(choice: FidelityChoice, view: str) -> str:
    """Python for `view` of this choice; run in a notebook, its last line draws the same chart."""
    calls = _CALLS[view]
    of_one = view in ("maps", "saliency")
    lines = [
        "import workbench as wb",
        *(["from workbench.experiments.bundles import bundle"] if choice.restorer else []),
        f"from workbench.figures.{calls.figures} import {calls.figure}",
        *(["from workbench.pictures import load"] if of_one else []),
        "",
        f"model = wb.load_model({call(choice.network, only(pretrained=choice.pretrained))})",
        f"codec = wb.codec({call(choice.codec, choice.settings)})",
    ]
    words = ["model", repr(choice.split), "codec"]
    if of_one:
        lines.append(f"picture = {pictures(choice)}")
        words.append("picture")
    elif choice.source:
        words.append(repr(choice.source))
    if view == "saliency":
        words.append(f"method={choice.method!r}")
        words += [f"target={choice.target!r}"] if choice.target else []
    words += [f"restorer=bundle({choice.restorer!r}).path"] if choice.restorer else []
    words += [f"samples={choice.samples}"] if choice.samples and not of_one else []
    return "\n".join([*lines, f"{calls.found}({', '.join(words)})", calls.draw])
