"""A user's own network: a module that is handed over, or one that a factory function makes."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from workbench.errors import ModelError, UnknownNameError


def is_factory(name: str) -> bool:
    """Whether the name is of the form ``package.module:factory`` or ``folder/file.py:factory``."""
    place, colon, function = name.rpartition(":")
    return bool(colon and place and function.isidentifier()) and not place.startswith(("hf-hub", "hf_hub"))


def make(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """What the factory returns; it may also be the module itself, already made.

    Modules are looked for where Python looks, then in the working folder.

    Raises
    ------
    ModelError : no such module, or a factory that fails or gives something else than an ``nn.Module``.
    UnknownNameError : no such function in it; offers the nearest.
    """
    place, _, attribute = name.rpartition(":")
    home = _import(place)
    if not hasattr(home, attribute):
        public = [key for key, value in vars(home).items() if callable(value) and not key.startswith("_")]
        raise UnknownNameError(f"factory in {place}", attribute, public)
    thing = getattr(home, attribute)
    if isinstance(thing, nn.Module):
        return thing
    try:
        made = thing(**arguments)
    except Exception as error:  # a foreign function may fail in any way
        raise ModelError(f"{name} failed with {type(error).__name__}: {error}; it must work when called with "
                         f"{dict(arguments) or 'no arguments'}") from error  # fmt: skip
    if not isinstance(made, nn.Module):
        raise ModelError(f"{name} gives a {type(made).__name__}; a factory gives an nn.Module")
    return made


def _import(place: str) -> ModuleType:
    try:
        if place.endswith(".py"):
            return _from_file(Path(place).expanduser().resolve())
        here = str(Path.cwd())
        if here in sys.path:
            return importlib.import_module(place)
        sys.path.append(here)
        try:
            return importlib.import_module(place)
        finally:
            sys.path.remove(here)
    except Exception as error:  # importing runs foreign code
        raise ModelError(
            f"{place} cannot be imported ({type(error).__name__}: {error}); install it, start from the "
            f"folder that holds it, or give the file: folder/file.py:factory"
        ) from error


def _from_file(file: Path) -> ModuleType:
    """The file as it is now, under a name of its own so that it hides no installed package."""
    spec = importlib.util.spec_from_file_location(f"own_network_{file.stem}", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise FileNotFoundError(f"no file {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their own module up there
    spec.loader.exec_module(module)
    return module
