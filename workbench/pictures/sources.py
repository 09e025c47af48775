"""Where pictures come from: digits, photographs, torchvision, folders, files, uploads, memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image as PILImage

from workbench.errors import InputError, UnknownNameError
from workbench.pictures.decode import SUFFIXES, decode_picture, to_rgb
from workbench.pictures.digits import CLASSES, Digits, digits_split
from workbench.pictures.record import Entry, Picture, Pictures, of_array
from workbench.pictures.torchvision_sets import PREFIX, find, load_set

SOURCES = ("digits", "photographs")
# Files that every scikit-image carries, so that nothing is fetched; sources and licences in its data folder.
# fmt: off
_PHOTOGRAPHS = (
    "astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "camera.png",
    "coins.png", "retina.jpg", "hubble_deep_field.jpg", "ihc.png", "brick.png", "grass.png",
    "gravel.png", "moon.png",
)
# fmt: on


def load(source: Any) -> Pictures:
    """Pictures from a name, a path, the bytes of a file, or pictures in memory.

    Parameters
    ----------
    source : "digits" (the held-out test digits), "photographs" (scikit-image's own), "torchvision/CIFAR10" or
        any other of its data sets (fetched where it is not here yet; its test part), a folder (of pictures,
        or of one folder a class), a picture file, bytes, or a list of PIL pictures, uint8 arrays (H, W, 3),
        files or bytes.

    Raises
    ------
    UnknownNameError : neither a known source nor a path that exists.
    InputError : no pictures there, or one that cannot be read.
    """
    if isinstance(source, Pictures):
        return source
    if isinstance(source, str | Path):
        if source == "digits":
            return _digits()
        if source == "photographs":
            return _photographs()
        if isinstance(source, str) and source.startswith(PREFIX) and not Path(source).exists():
            return load_set(source)
        return _of_path(Path(source).expanduser(), source)
    if isinstance(source, Picture | PILImage | bytes | bytearray | memoryview):
        return Pictures("upload" if isinstance(source, bytes) else "picture", [_entry(source, 0)])
    if isinstance(source, np.ndarray) and source.ndim < 4:
        return Pictures("picture", [_entry(source, 0)])
    if isinstance(source, Sequence | np.ndarray):
        if not len(source):
            raise InputError("no picture was given; at least one is needed")
        return Pictures("own pictures", [_entry(one, place) for place, one in enumerate(source)])
    raise InputError(
        f"pictures come from a name ({', '.join(SOURCES)}), a path, bytes or a list of pictures, not from "
        f"{type(source).__name__}"
    )


def _of_path(path: Path, given: object) -> Pictures:
    if path.is_dir():
        try:
            return _folder(path)
        except OSError as error:
            raise InputError(f"the folder {path} cannot be read: {error.strerror}") from error
    if path.is_file():
        return Pictures(path.name, [_file(path, None, path.name)])
    if isinstance(given, str) and find(given) is not None:
        return load_set(given)
    hint = (
        f"Or a path: there is no file or folder {str(path)!r}; or a data set of torchvision, such as "
        "torchvision/CIFAR10"
    )
    raise UnknownNameError("source of pictures", str(given), SOURCES, hint)


def _folder(folder: Path) -> Pictures:
    """Of one folder a class where there are such folders with pictures, else its own files."""
    classes = [
        (child.name, _picture_files(child))
        for child in sorted(folder.iterdir())
        if child.is_dir() and not child.name.startswith(".")
    ]
    entries = [
        _file(file, label, f"{label}/{file.relative_to(folder / label)}")
        for label, files in classes
        for file in files
    ]
    if not entries:
        entries = [_file(file, None, file.name) for file in sorted(folder.iterdir()) if _is_picture(file)]
    if not entries:
        raise InputError(
            f"the folder {folder} holds no pictures, neither itself nor in one folder a class; known are "
            f"{' '.join(SUFFIXES)}"
        )
    return Pictures(folder.name or str(folder), entries)


def _picture_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if _is_picture(file))


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _file(path: Path, label: str | None, name: str) -> Entry:
    return Entry(name, label, partial(decode_picture, path, str(path)), partial(_file_mark, path))


def _file_mark(path: Path) -> tuple[str, int, int]:
    """A file at one moment: it is another picture once it was written again."""
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path.absolute()), found.st_mtime_ns, found.st_size


def _entry(one: Any, place: int) -> Entry:
    """One element of a list; what is in memory is checked at once."""
    name = f"picture {place}"
    if isinstance(one, Picture):
        return Entry(one.name, one.label, lambda: one.image)
    if isinstance(one, bytes | bytearray | memoryview):
        return Entry(name, None, _once(decode_picture(bytes(one), name)))
    if isinstance(one, str | Path):
        path = Path(one).expanduser()
        if not path.is_file():
            raise InputError(f"{name}: there is no file {str(path)!r}")
        return _file(path, None, path.name)
    image = to_rgb(one if isinstance(one, PILImage) else _of_numbers(one, name), name)
    return Entry(name, None, _once(image))


def _once(image: PILImage) -> partial[PILImage]:
    return partial(_same, image)


def _same(image: PILImage) -> PILImage:
    return image


def _of_numbers(given: Any, name: str) -> PILImage:
    try:
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} is a {type(given).__name__}, not a picture") from error
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if array.dtype != np.uint8 or not shaped or not array.size:
        raise InputError(
            f"{name} is an array of {array.dtype} and shape {array.shape}; allowed: uint8 of shape (H, W), "
            f"(H, W, 3) or (H, W, 4)"
        )
    return of_array(array[:, :, 0] if array.shape[2:] == (1,) else array)


@lru_cache(maxsize=1)
def _digits() -> Pictures:
    found = digits_split()
    return Pictures("digits", _entries(found.test), spare=Pictures("training digits", _entries(found.train)))


def _entries(digits: Digits) -> list[Entry]:
    return [
        Entry(f"digit {row}", CLASSES[label], partial(of_array, image), partial(_digit_mark, int(row)))
        for image, label, row in zip(digits.images, digits.labels, digits.rows, strict=True)
    ]


def _digit_mark(row: int) -> tuple[str, int]:
    return "digit", row


@lru_cache(maxsize=1)
def _photographs() -> Pictures:
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    files = [folder / name for name in _PHOTOGRAPHS if (folder / name).is_file()]
    if not files:
        raise InputError(f"scikit-image's photographs are missing in {folder}; install scikit-image again")
    return Pictures("photographs", [_file(file, None, file.stem) for file in files])
