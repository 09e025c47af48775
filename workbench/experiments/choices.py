"""What a trial takes when it is not told: pictures, how many, which to calibrate on, which labels count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.errors import InputError, SettingError, UnknownNameError
from workbench.models import Model, load_model
from workbench.pictures import Pictures, load
from workbench.pictures.digits import CLASSES as DIGITS

SMALL_INPUT = 64 * 64  # up to so many pixels a network is quick enough for more pictures


def network_of(model: Model | str) -> Model:
    """The network itself; a name is loaded.

    Raises
    ------
    SettingError : something else, such as a module that was not passed through `load_model`.
    """
    network = load_model(model) if isinstance(model, str) else model
    if not isinstance(network, Model):
        raise SettingError(f"model is a {type(model).__name__}; pass it through wb.load_model first")
    return network


def default_pictures(model: Model) -> Pictures:
    """The test pictures that belong to the network: held-out digits for one of digits, else photographs."""
    return load("digits" if model.classes is not None and tuple(model.classes) == DIGITS else "photographs")


def default_samples(model: Model) -> int:
    """How many pictures keep a run at some seconds."""
    _, height, width = model.input_size
    return 64 if height * width <= SMALL_INPUT else 10


def kept_apart(model: Model, measured: Pictures, count: int) -> tuple[Pictures, str]:
    """Up to `count` pictures to calibrate on, none of them measured, unless there are no others.

    Also says in words which they are.
    """
    default = default_pictures(model)
    seen = {measured.passing(at).fingerprint for at in range(len(measured))}  # more than memory may hold
    for others in (measured.spare, default.spare, default):
        if others is None or not len(others):
            continue
        sample = others.sample(min(2 * count, len(others)))
        places = [at for at, picture in enumerate(sample) if picture.fingerprint not in seen]
        if places:
            chosen = sample.pick(places[:: max(1, len(places) // count)][:count])
            return chosen, f"on {len(chosen)} of {others.name} that are not measured"
    chosen = measured.sample(min(count, len(measured)))
    return chosen, f"on {len(chosen)} of the measured pictures themselves, as there are no others"


def class_numbers(
    model: Model, pictures: Pictures, labels: Sequence[Any] | None, count: int
) -> tuple[tuple[int, ...] | None, str]:
    """The number of the right class of each picture, or None; and in words why.

    Labels that a user gives must fit: class names of the network, or numbers below `count`. Labels of the
    pictures (names of folders) are used only if every one is a class of the network.

    Raises
    ------
    InputError : given labels that do not fit.
    """
    if labels is not None:
        return _given(model, pictures, labels, count), "given"
    found = pictures.labels
    if None in found:
        return None, "none: these pictures have no labels"
    if model.classes is None:
        return None, "none: the network has no class names; give them with classes=[...]"
    if len(model.classes) != count:
        return None, f"none: the network has {len(model.classes)} class names but {count} scores"
    number = {name: at for at, name in enumerate(model.classes)}
    strange = [label for label in found if label not in number]
    if strange:
        return None, f"none: {strange[0]!r} and perhaps others are no classes of the network"
    return tuple(number[label] for label in found if label is not None), "of the pictures"


def _given(model: Model, pictures: Pictures, labels: Sequence[Any], count: int) -> tuple[int, ...]:
    if isinstance(labels, str) or not isinstance(labels, Sequence | np.ndarray):
        raise InputError(f"labels is {labels!r}; it must be a list with one class a picture")
    if len(labels) != len(pictures):
        raise InputError(f"there are {len(labels)} labels for {len(pictures)} pictures; give one for each")
    return tuple(_number(model, label, count) for label in labels)


def _number(model: Model, label: Any, count: int) -> int:
    if isinstance(label, str):
        names = model.classes or ()
        if label not in names:
            raise InputError(str(UnknownNameError(f"class of {model.name}", label, names)))
        return tuple(names).index(label)
    if isinstance(label, bool) or not isinstance(label, int | np.integer) or not 0 <= label < count:
        raise InputError(
            f"the label {label!r} is no class: names of classes, or numbers from 0 to {count - 1}"
        )
    return int(label)
