"""From the name of a codec class to the codecs to check: its default and its variants."""

from __future__ import annotations

import dataclasses
import inspect
from importlib import import_module

from workbench.codecs.base import CODECS, Codec
from workbench.errors import SettingError, UnknownNameError


def find_class(target: str) -> type[Codec]:
    """The class that ``package.module:Class`` names."""
    module_name, _, class_name = target.partition(":")
    if not (module_name and class_name):
        raise UnknownNameError("codec class", target, (), "Write it as package.module:Class")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise UnknownNameError(
            "module", module_name, (), f"Importing it failed: {error}. Is its package installed here?"
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        classes = [name for name, thing in vars(module).items() if inspect.isclass(thing)]
        raise UnknownNameError(f"class in {module_name}", class_name, classes)
    return found


def known_as(cls: type[Codec]) -> type[Codec]:
    """The class, decodable by its name in this process."""
    if not (inspect.isclass(cls) and issubclass(cls, Codec) and dataclasses.is_dataclass(cls)):
        raise SettingError(f"{cls!r} is no codec; it must be a frozen dataclass that inherits from Codec")
    if inspect.isabstract(cls):
        raise SettingError(f"{cls.__name__} lacks {', '.join(sorted(cls.__abstractmethods__))}")
    name = getattr(cls, "name", None)
    if not (isinstance(name, str) and 0 < len(name.encode()) <= 24):
        raise SettingError(f"{cls.__name__}.name is {name!r}; it must be text of 1 to 24 bytes")
    if name not in CODECS.names():
        CODECS.add(name, cls)
    elif CODECS.get(name) is not cls:
        raise SettingError(f"{cls.__name__}.name is {name!r}, which {CODECS.get(name).__name__} already has")
    return cls


def variants(cls: type[Codec]) -> tuple[tuple[str, Codec], ...]:
    """The default codec and, for each setting, one codec for every choice and each end of its range."""
    found: dict[str, Codec] = {"default": cls()}
    for known in cls.settings_schema():
        values = [False, True] if known.kind is bool else list(known.choices)
        if known.kind in (int, float):
            values += [known.kind(end) for end in (known.minimum, known.maximum) if end is not None]
        for value in values:
            try:
                codec = cls(**{known.name: value})
            except SettingError:
                continue  # not allowed together with the other settings' defaults
            if codec not in found.values():
                found[f"{known.name}={value}"] = codec
    return tuple(found.items())
