"""Pictures to learn from and to test on, as tensors that a network takes, with their classes as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from workbench.errors import InputError, UnknownNameError
from workbench.models import Model
from workbench.neural.comparing import Pictures
from workbench.pictures import Pictures as Source
from workbench.pictures import load


def training_pictures(model: Model, learn: Any, test: Any = None) -> tuple[Pictures, Pictures]:
    """Pictures to learn from and pictures to test on.

    Parameters
    ----------
    learn : a source as `pictures.load` takes; "digits" brings its own test pictures.
    test : another source; without it every fifth picture of `learn` is tested on and not learned from.

    Raises
    ------
    InputError : labels that are none of the network's classes; only some pictures have labels.
    """
    source = load(learn)
    if learn == "digits" and test is None:
        from workbench.pictures.digits import digits_split

        split = digits_split()
        return tuple(  # type: ignore[return-value]
            Pictures(model.preprocess(list(part.images)), torch.from_numpy(part.labels.copy()))
            for part in (split.train, split.test)
        )
    if test is not None:
        held, learned = load(test), source
    else:
        held = source.pick(range(0, len(source), 5))
        learned = source.pick([place for place in range(len(source)) if place % 5])
    classes = _classes(model, source, held)
    return _tensors(model, learned, classes), _tensors(model, held, classes)


def _classes(model: Model, *sources: Source) -> Sequence[str]:
    found = sorted({name for source in sources for name in source.classes})
    if model.classes is None:
        return found
    for name in found:
        if name not in model.classes:
            known = UnknownNameError(f"class of {model.name}", name, model.classes)
            raise InputError(f"the pictures are labelled {name!r}, but there is {known}")
    return model.classes


def _tensors(model: Model, source: Source, classes: Sequence[str]) -> Pictures:
    given = [label for label in source.labels if label is not None]
    if given and len(given) < len(source):
        raise InputError(
            f"{len(source) - len(given)} of {len(source)} pictures have no label; label all of them, or none"
        )
    parts = [
        model.preprocess([source[at].image for at in range(start, min(start + 256, len(source)))])
        for start in range(0, len(source), 256)
    ]
    pictures = torch.cat(parts) if parts else torch.empty(0, *model.input_size)
    numbers = {name: at for at, name in enumerate(classes)}
    labels = torch.tensor([numbers[name] for name in given]) if given else None
    return Pictures(pictures, labels)
