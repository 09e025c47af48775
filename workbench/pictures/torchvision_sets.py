"""Data sets of torchvision by name, their test part; fetched once where they are not on this machine yet.

"torchvision/CIFAR10" ─▶ the folder of data sets, else a download ─▶ pictures with class names

The folder is `WORKBENCH_DATASETS`, or `torchvision` in the user's cache folder; a set that torchvision put
into it before is taken as it is.
"""

from __future__ import annotations

import inspect
import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image as PILImage

from workbench.errors import InputError, SettingError, UnknownNameError
from workbench.pictures.decode import to_rgb
from workbench.pictures.record import Entry, Pictures

PREFIX = "torchvision/"
PATIENCE_S = 20.0
_PARTS = ("test", "val", "valid")  # what the held-out part is called, where there is a choice of parts
_NO_SETS = {"ImageFolder", "DatasetFolder", "VisionDataset"}


def folder() -> Path:
    """Where the data sets lie."""
    if chosen := os.environ.get("WORKBENCH_DATASETS"):
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("workbench", appauthor=False) / "torchvision"


def find(name: str) -> str | None:
    """torchvision's own spelling of "torchvision/cifar10" or "cifar-10:train"; None where it has none."""
    bare = name.removeprefix(PREFIX)
    if not re.fullmatch(r"[A-Za-z][\w-]*(:[\w-]+)?", bare):
        return None
    wanted, _, part = bare.partition(":")
    for known in names():
        if _plain(known) == _plain(wanted):
            return f"{known}:{part}" if part else known
    return None


def names() -> tuple[str, ...]:
    """Every data set that torchvision has; not all of them are of single pictures."""
    from torchvision import datasets

    found = (name for name in datasets.__all__ if inspect.isclass(getattr(datasets, name)))
    return tuple(sorted(set(found) - _NO_SETS))


def load_set(name: str) -> Pictures:
    """The pictures of a data set, "CIFAR10" or, with the part of it, "SVHN:extra"; else its test part.

    Raises
    ------
    UnknownNameError : torchvision has none of that name; offers the nearest.
    InputError : it cannot be fetched from here, has no such part, or is not of single pictures.
    """
    found = find(name)
    if found is None:
        raise UnknownNameError("data set of torchvision", name.removeprefix(PREFIX), names())
    return _load(found, folder())


@lru_cache(maxsize=2)
def _load(name: str, root: Path) -> Pictures:
    data, part = _made(name, root)
    called = name.partition(":")[0]
    count = len(data)
    if not count:
        raise InputError(f"{called} in {root} is empty; remove it there, and it is fetched again")
    first, target = _pair(data, 0, called)
    to_rgb(first, called)
    labels = _labels(data, target, count)
    marks = (called, part, str(root))
    return Pictures(
        f"torchvision/{called}",
        [
            Entry(f"{called} {at}", label, partial(_picture, data, at, called), partial(_mark, *marks, at))
            for at, label in enumerate(labels)
        ],
    )


def _made(name: str, root: Path) -> tuple[Any, str]:
    """The set itself, from the folder if it is there, else from the network; and the part that it is."""
    from torchvision import datasets

    called, _, wanted = name.partition(":")
    kind = getattr(datasets, called)
    takes, needed = _parameters(kind)
    unknown = needed - {"root", "split"}
    if unknown:
        raise InputError(
            f"torchvision's {called} needs {', '.join(sorted(unknown))} besides; make a folder of its "
            "pictures, one folder a class, and give that"
        )
    given: dict[str, Any] = {"root": root} if "root" in takes else {}
    ways = _parts(kind, takes, wanted)
    if wanted and not ways[0]:
        raise InputError(f"torchvision's {called} has no parts; leave out :{wanted}")
    problems: list[Exception] = []
    downloads = (False, True) if "download" in takes else (None,)
    for download in downloads:
        for way in ways:
            options = {**given, **way, **({} if download is None else {"download": download})}
            try:
                if download:
                    root.mkdir(parents=True, exist_ok=True)
                with _patient():
                    return kind(**options), str(way)
            except Exception as error:  # each set raises what its files and its host make of it
                problems.append(error)
    raise InputError(_sorry(called, wanted, root, downloads[-1] is True, problems))


def _sorry(called: str, wanted: str, root: Path, fetched: bool, problems: Sequence[Exception]) -> str:
    """The problem of the part that exists, not of a part that this set does not know."""
    real = [error for error in problems if "split" not in str(error)] or list(problems)
    why = " ".join((str(real[-1]).strip() or type(real[-1]).__name__).split())
    if wanted and len(real) == len(problems) and "split" in why:
        return f"torchvision's {called} has no part {wanted!r}: {why}"
    tried = (
        "cannot be fetched from here" if fetched else "is not on this machine, and torchvision fetches it not"
    )
    return (
        f"torchvision's {called} {tried}: {why}. Put its files into {root} (or name another folder by "
        "WORKBENCH_DATASETS), or take pictures that are here: digits, photographs, a folder"
    )


def _parts(kind: type, takes: set[str], wanted: str) -> list[dict[str, Any]]:
    """Settings that ask for the wanted part, the best guess first; by default for the held-out one."""
    if kind.__name__ == "EMNIST":  # its split is an alphabet, and its train a part
        return [{"split": wanted or "balanced", "train": False}]
    if "split" in takes:
        return [{"split": part} for part in ((wanted,) if wanted else _PARTS)]
    if "train" in takes:
        if wanted not in ("", "train", "test"):
            raise SettingError(f"torchvision's {kind.__name__} has the parts train and test, not {wanted!r}")
        return [{"train": wanted == "train"}]
    if "image_set" in takes:
        return [{"image_set": part} for part in ((wanted,) if wanted else ("val", "test"))]
    return [{}]


def _parameters(kind: type) -> tuple[set[str], set[str]]:
    """What making one takes, and what of that has no default; through **kwargs to the classes behind it."""
    takes: set[str] = set()
    needed: set[str] = set()
    for cls in kind.__mro__[:-1]:
        if "__init__" not in vars(cls):
            continue
        passes_on = False
        for one in list(inspect.signature(cls.__init__).parameters.values())[1:]:  # type: ignore[misc]
            if one.kind is one.VAR_KEYWORD:
                passes_on = True
            elif one.kind is not one.VAR_POSITIONAL and one.name not in takes:
                takes.add(one.name)
                if one.default is one.empty:
                    needed.add(one.name)
        if not passes_on:
            break
    return takes, needed


def _labels(data: Any, first: Any, count: int) -> list[str | None]:
    """Class names without opening a picture, as far as the set has them; checked against its first sample."""
    if isinstance(first, bool) or not isinstance(first, int | np.integer):
        return [None] * count
    for place in ("targets", "labels", "_labels", "y", "_samples", "samples", "imgs"):
        found = getattr(data, place, None)
        numbers = _numbers(found) if found is not None else None
        if numbers is not None and len(numbers) == count and numbers[0] == int(first):
            classes = getattr(data, "classes", None)
            return [_class_name(classes, number) for number in numbers]
    return [None] * count


def _numbers(found: Any) -> list[int] | None:
    try:
        rows = list(found.tolist() if hasattr(found, "tolist") else found)
        picked = [row[1] if isinstance(row, tuple | list) and len(row) == 2 else row for row in rows]
        return [int(row) for row in picked] if picked else None
    except (TypeError, ValueError):
        return None


def _class_name(classes: Any, number: int) -> str:
    if not isinstance(classes, Sequence) or not 0 <= number < len(classes):
        return str(number)
    name = str(classes[number])
    digit = re.fullmatch(r"(\d) - \w+", name)  # MNIST calls its classes "7 - seven"
    return digit[1] if digit else name


def _pair(data: Any, at: int, called: str) -> tuple[PILImage, Any]:
    try:
        found = data[at]
    except Exception as error:  # what decoders and archives raise over a damaged file
        raise InputError(
            f"{called}: its picture {at} cannot be read: {error or type(error).__name__}"
        ) from error
    picture, target = found[:2] if isinstance(found, tuple) and len(found) >= 2 else (found, None)
    if not isinstance(picture, PILImage):
        raise InputError(
            f"torchvision's {called} gives a {type(picture).__name__} and no picture; data sets of single "
            "pictures are possible, such as torchvision/CIFAR10"
        )
    return picture, target


def _picture(data: Any, at: int, called: str) -> PILImage:
    return to_rgb(_pair(data, at, called)[0], f"{called} {at}")


def _mark(*facts: Any) -> tuple[Any, ...]:
    return ("torchvision", *facts)


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


@contextmanager
def _patient() -> Iterator[None]:
    """torchvision's downloads wait for ever by themselves."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
