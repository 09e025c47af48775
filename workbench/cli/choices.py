"""Options that several commands share: which network, and how to load it; settings as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.errors import SettingError

if TYPE_CHECKING:
    from workbench.models import Model

Pretrained = Annotated[
    bool | None,
    typer.Option(
        "--pretrained/--no-pretrained",
        help="Weights from the hub, or random ones (flagged wherever they show).",
    ),
]
Weights = Annotated[Path | None, typer.Option(help="A file with weights: safetensors or a state dict.")]
InputSize = Annotated[str | None, typer.Option(help="Input of an own network, such as 3x32x32.")]
Mean = Annotated[str | None, typer.Option(help="Its mean for each channel, such as .485,.456,.406.")]
Std = Annotated[str | None, typer.Option(help="Its standard deviation for each channel.")]
Classes = Annotated[
    str | None, typer.Option(help="Its classes: names with commas, or a text file with one a line.")
]


def load(
    name: str,
    pretrained: bool | None,
    weights: Path | None,
    input_size: str | None,
    mean: str | None,
    std: str | None,
    classes: str | None,
) -> Model:
    """The network that the options name."""
    from workbench.models import load_model

    given: dict[str, Any] = {
        "pretrained": pretrained,
        "weights": None if weights is None else str(weights),
        "input_size": None if input_size is None else _whole_numbers(input_size),
        "mean": None if mean is None else _decimals("--mean", mean),
        "std": None if std is None else _decimals("--std", std),
        "classes": None if classes is None else _names(classes),
    }
    return load_model(name, **{key: value for key, value in given.items() if value is not None})


def settings(pairs: Iterable[str]) -> dict[str, Any]:
    """`["rtt_s=0.02"]` as a dict of numbers, booleans, None and text; the checks come later.

    Raises
    ------
    SettingError : not of the form name=value.
    """
    return {name: value_of(text) for name, text in _pairs(pairs)}


def settings_for(codec: str, pairs: Iterable[str]) -> dict[str, Any]:
    """Settings of that codec from name=value texts, read as its own declaration says.

    Raises
    ------
    UnknownNameError, SettingError : no such codec, or text that is no such value.
    """
    from workbench.codecs import codec as make

    schema = {known.name: known for known in type(make(codec)).settings_schema()}
    texts = {name: str(text) for name, text in _pairs(pairs)}
    return {name: _read(schema[name], text) if name in schema else text for name, text in texts.items()}


def _read(setting: Any, text: str) -> Any:
    for choice in setting.choices:
        if str(choice) == text:
            return choice
    if setting.kind is str:
        return text
    if setting.kind is tuple:
        return tuple(value_of(part.strip()) for part in text.strip("()[] ").split(",") if part.strip())
    return value_of(text)


def _pairs(pairs: Iterable[str]) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (equals and name.strip()):
            raise SettingError(f"--set takes name=value such as bits=4, not {pair!r}")
        yield name.strip(), text.strip()


def value_of(text: str) -> Any:
    """A number, true or false, none, or the text itself.

    >>> [value_of(text) for text in ("4", "0.5", "1e6", "true", "none", "zip")]
    [4, 0.5, 1000000.0, True, None, 'zip']
    """
    words: dict[str, Any] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _whole_numbers(text: str) -> tuple[int, ...]:
    parts = re.split(r"[x×, ]+", text.strip("() "))
    if not all(part.isdigit() for part in parts):
        raise SettingError(f"--input-size is {text!r}; it must be CxHxW such as 3x224x224")
    return tuple(int(part) for part in parts)


def _decimals(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in re.split(r"[, ]+", text.strip("() ")))
    except ValueError as error:
        raise SettingError(f"{option} is {text!r}; it must be numbers such as 0.485,0.456,0.406") from error


def _names(text: str) -> tuple[str, ...]:
    if Path(text).is_file():
        lines = Path(text).read_text(encoding="utf-8").splitlines()
        return tuple(line.strip() for line in lines if line.strip())
    return tuple(name.strip() for name in text.split(","))
