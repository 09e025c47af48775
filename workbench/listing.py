"""Packages that can be called: `wb.links()` lists the links while `workbench.links` stays the package.

Python binds a package on its parent once it is imported, and that hides the function of the same name;
so the packages `models`, `codecs` and `links` answer a call with that function.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class Listing(ModuleType):
    """A package whose call is the call of its own function of the same name."""

    def __call__(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What there is of its kind."""
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **kwargs)


def listing(package: str) -> None:
    """Make the package of that full name callable."""
    sys.modules[package].__class__ = Listing
