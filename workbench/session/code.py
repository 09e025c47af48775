"""The Python that gives what a view shows: each view its own call, ready to paste into a notebook."""

from __future__ import annotations

from typing import Any

from workbench.session.choice import OWN_LINK, OWN_NUMBERS, Choice

_FIGURES = {
    "cut profile": "cut_profile_figure",
    "payload": "payload_figure",
    "reshape": "reshape_figure",
    "answer": "answer_figure",
    "latency": "latency_figure",
}


def code_of(choice: Choice, view: str) -> str:
    """Python for `view` of this choice; run in a notebook, its last line draws the same chart."""
    lines = [
        "import workbench as wb",
        f"from workbench.figures import {_FIGURES[view]}",
        *_pictures_import(choice, view),
        "",
        f"model = wb.load_model({call(choice.network, only(pretrained=choice.pretrained))})",
    ]
    if view == "cut profile":
        return _text(
            lines, "profile = wb.cut_profile(model)", f"cut_profile_figure(profile, {choice.split!r})"
        )
    lines.append(f"images = {pictures(choice)}")
    if view == "reshape":
        bits = choice.settings.get("bits")
        bits = bits if isinstance(bits, int) else 4
        return _text(
            lines,
            f"edge_part = wb.split(model, {choice.split!r}).edge_part",
            "inputs = model.preprocess([picture.image for picture in images])",
            "features = edge_part(inputs)[0].detach().numpy()",
            f"curve = encoded_reshapes(features, bits={bits})",
            "reshape_figure(curve)",
        )
    lines.append(f"codec = wb.codec({call(choice.codec, choice.settings)})")
    numbers = {**OWN_NUMBERS, **choice.link_settings} if choice.link == OWN_LINK else choice.link_settings
    lines.append(f"link = wb.link({call(choice.link, numbers)})")
    lines.append(f"trial = wb.run(model, split={choice.split!r}, codec=codec, images=images, link=link)")
    draw = {
        "payload": "payload_figure(trial.description)",
        "answer": "answer_figure(trial.answers_before[0], trial.answers_after[0])",
        "latency": "latency_figure(trial.latency, trial.all_edge, trial.all_server, trial.link)",
    }
    return _text(lines, draw[view])


def _pictures_import(choice: Choice, view: str) -> list[str]:
    if view == "cut profile":
        return []
    more = ["from workbench.experiments.reshapes import encoded_reshapes"] if view == "reshape" else []
    return [*more, "from workbench.pictures import load"]


def pictures(choice: Choice) -> str:
    """The call that loads the chosen picture."""
    source, _, index = choice.picture.rpartition("/")
    if source == "upload":
        return f"load({index!r})  # the picture that was brought, as a file beside this notebook"
    if not index.isdigit():
        return f"load({source or 'digits'!r})[:1]"
    return f"load({source!r})[{index}:{int(index) + 1}]"


def call(name: str, settings: Any) -> str:
    """What stands between the brackets of a call: a name, then settings."""
    return ", ".join([repr(name), *(f"{key}={value!r}" for key, value in settings.items())])


def only(**settings: Any) -> dict[str, Any]:
    """The settings that are not None."""
    return {key: value for key, value in settings.items() if value is not None}


def _text(lines: list[str], *more: str) -> str:
    return "\n".join([*lines, *more])
