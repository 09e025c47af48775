"""One picture, and an ordered set of them that opens a file only when it is looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
from PIL import Image
from PIL.Image import Image as PILImage

from workbench.errors import SettingError


@dataclass(frozen=True, eq=False)
class Picture:
    """An RGB picture with 8 bits a channel, its class name where that is known, and what it is called."""

    image: PILImage
    label: str | None
    name: str

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits over size and pixels: same digits, same picture."""
        digest = hashlib.blake2b(f"{self.image.mode} {self.image.size}".encode(), digest_size=16)
        digest.update(np.ascontiguousarray(self.image).data)
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Entry:
    """A picture that is opened when it is first looked at.

    `mark` gives what tells it from all others without opening it, such as a file and its time; without one
    its pixels do.
    """

    name: str
    label: str | None
    open: Callable[[], PILImage]
    mark: Callable[[], Hashable] | None = None

    @cached_property
    def picture(self) -> Picture:
        """The picture, opened once."""
        return Picture(self.open(), self.label, self.name)

    def passing(self) -> Picture:
        """The picture, opened now and not kept, unless it was kept already."""
        return self.__dict__.get("picture") or Picture(self.open(), self.label, self.name)

    @property
    def identity(self) -> Hashable:
        """Equal for equal pictures of one source; does not keep the picture, where a mark tells it."""
        return self.picture.fingerprint if self.mark is None else self.mark()


class Pictures(Sequence[Picture]):
    """Pictures of one source, in a fixed order; each is opened when first asked for, and then kept.

    `name` says where they come from; `spare` are pictures of the same kind to calibrate codecs with, which
    are never measured.
    """

    def __init__(self, name: str, entries: Sequence[Entry], spare: Pictures | None = None) -> None:
        self.name = name
        self._entries = tuple(entries)
        self.spare = spare

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<{len(self)} pictures of {self.name}>"

    @overload
    def __getitem__(self, at: int) -> Picture: ...
    @overload
    def __getitem__(self, at: slice) -> Pictures: ...
    def __getitem__(self, at: int | slice) -> Picture | Pictures:
        if isinstance(at, slice):
            return self.pick(range(len(self))[at])
        return self._entries[range(len(self))[at]].picture

    def __iter__(self) -> Iterator[Picture]:
        return (self[place] for place in range(len(self)))

    def passing(self, at: int) -> Picture:
        """The picture at that place, not kept: for one look at each of more than fit into memory."""
        return self._entries[range(len(self))[at]].passing()

    def identity(self, at: int) -> Hashable:
        """What tells the picture at that place from others, mostly without opening it."""
        return self._entries[range(len(self))[at]].identity

    @property
    def names(self) -> tuple[str, ...]:
        """What the pictures are called, without opening them."""
        return tuple(entry.name for entry in self._entries)

    @property
    def labels(self) -> tuple[str | None, ...]:
        """Their classes, None where unknown, without opening them."""
        return tuple(entry.label for entry in self._entries)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names that occur, sorted."""
        return tuple(sorted({label for label in self.labels if label is not None}))

    def pick(self, places: Sequence[int]) -> Pictures:
        """The pictures at these places, in this order."""
        return Pictures(self.name, [self._entries[place] for place in places], self.spare)

    def sample(self, count: int) -> Pictures:
        """`count` of them spread evenly over the whole, so over all classes of a sorted folder.

        What is left over becomes the `spare` of the sample, unless the source has its own.

        Raises
        ------
        SettingError : the count is no integer of at least 1.
        """
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
            raise SettingError(f"samples is {count!r}; it must be an integer of at least 1")
        if count >= len(self):
            return self
        places = [place * len(self) // count for place in range(count)]
        chosen = self.pick(places)
        if self.spare is None:
            taken = set(places)
            chosen.spare = self.pick([place for place in range(len(self)) if place not in taken])
        return chosen


def of_array(image: np.ndarray) -> PILImage:
    """A PIL picture from (H, W, 3) uint8."""
    return Image.fromarray(np.ascontiguousarray(image))
