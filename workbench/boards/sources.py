"""The project's own codecs as a zip for a board, so that both make the same bytes.

    workbench/codecs + what it imports ─ lowered to older syntax where the board needs it ─▶ zip in memory

The board may lack packages: stand-ins for them (`stand_ins`) travel along, used only where one is missing.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import io
import zipfile
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, NamedTuple

from workbench.codecs.base import Codec
from workbench.errors import NotReadyError

STAND_INS: Final = ("msgpack", "zstandard", "numba")
_SINCE: Final = (3, 11)  # what the project is written for
_PRELUDE: Final = '''"""The part of workbench that encodes, on a board."""
import sys
if sys.version_info < (3, 11):
    import typing
    for _name in ("Self", "Never", "LiteralString", "NotRequired", "TypeAlias", "ParamSpec"):
        if not hasattr(typing, _name):
            setattr(typing, _name, typing.Any)
if sys.version_info < (3, 10):
    import dataclasses, functools, importlib.metadata
    _dataclass = dataclasses.dataclass
    def dataclass(cls=None, **options):
        for key in ("slots", "kw_only", "match_args"):
            options.pop(key, None)
        return _dataclass(cls, **options) if cls is not None else _dataclass(**options)
    dataclasses.dataclass = dataclass
    if not hasattr(functools, "cache"):
        functools.cache = functools.lru_cache(None)
    if not hasattr(importlib.metadata, "EntryPoint"):
        importlib.metadata.EntryPoint = object
'''


class Sources(NamedTuple):
    """A zip of Python files and its hash."""

    packed: bytes
    sha256: str


def codec_sources(python: tuple[int, int], own: tuple[type[Codec], ...] = ()) -> Sources:
    """The codecs for a board whose Python is `python`; `own` are codec classes of other packages.

    Raises
    ------
    NotReadyError : an own codec whose source cannot be read.
    """
    return _packed(min(python, _SINCE), own)


def own_modules(classes: tuple[type[Codec], ...]) -> tuple[str, ...]:
    """Modules outside the workbench that hold these classes."""
    return tuple(sorted({cls.__module__ for cls in classes if not cls.__module__.startswith("workbench.")}))


@cache
def _packed(python: tuple[int, int], own: tuple[type[Codec], ...]) -> Sources:
    package = resources.files("workbench")
    found = dict(_walk(package.joinpath("codecs"), "workbench/codecs"))
    found |= _own_files(own)
    found |= _imported(package, found)
    found["workbench/__init__.py"] = _PRELUDE
    if python < _SINCE:
        found = {name: lowered(text) for name, text in found.items()}
    for name, text in _walk(package.joinpath("boards/stand_ins"), "stand_in"):
        found[name] = text
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sorted(found):
            packed.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), found[name])
    data = buffer.getvalue()
    return Sources(data, hashlib.sha256(data).hexdigest())


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name not in ("__pycache__", "battery"):
            found += _walk(entry, f"{prefix}/{entry.name}")
        elif entry.name.endswith(".py"):
            found.append((f"{prefix}/{entry.name}", entry.read_text(encoding="utf-8")))
    return found


def _imported(package: Traversable, found: dict[str, str]) -> dict[str, str]:
    """The plain modules of workbench (errors, records ...) that these files import, and what those import."""
    front: dict[str, str] = {}
    waiting = list(found.values())
    while waiting:
        for node in ast.walk(ast.parse(waiting.pop())):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            file = module.removeprefix("workbench.") + ".py"
            name = f"workbench/{file}"
            if module.startswith("workbench.") and name not in front and package.joinpath(file).is_file():
                front[name] = package.joinpath(file).read_text(encoding="utf-8")
                waiting.append(front[name])
    return front


def _own_files(own: tuple[type[Codec], ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for cls in own:
        if cls.__module__.startswith("workbench."):
            continue
        try:
            text = inspect.getsource(inspect.getmodule(cls) or cls)
        except (OSError, TypeError) as error:
            raise NotReadyError(
                f"the codec {cls.name!r} has no source file that could be sent to a board ({error}); put its "
                "class into a module"
            ) from error
        parts = cls.__module__.split(".")
        for depth in range(1, len(parts)):
            found.setdefault("/".join(parts[:depth]) + "/__init__.py", "")
        found["/".join(parts) + ".py"] = text
    return found


def lowered(text: str) -> str:
    """Python 3.11 as code that also runs on 3.8: what the annotations say is not run there anyway."""
    return ast.unparse(ast.fix_missing_locations(_Lower().visit(ast.parse(text))))


class _Lower(ast.NodeTransformer):
    """Types that are run: ``isinstance(x, A | B)``, ``dict[str, int]``, ``collections.abc``; strict zip."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("isinstance", "issubclass") and len(node.args) == 2:
            node.args[1] = _tuple_of(node.args[1])
        elif name == "zip":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "strict"]
        elif name == "cast" and len(node.args) == 2:
            return node.args[1]
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        generic = isinstance(node.value, ast.Name) and node.value.id in _BUILT_IN_GENERICS
        return node.value if generic else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.module == "collections.abc":
            node.module = "typing"  # there they take brackets on 3.8 too
        return node


_BUILT_IN_GENERICS: Final = {"dict", "list", "tuple", "set", "frozenset", "type"}


def _tuple_of(node: ast.expr) -> ast.expr:
    members: list[ast.expr] = []

    def collect(part: ast.expr) -> None:
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.BitOr):
            collect(part.left)
            collect(part.right)
        else:
            members.append(part)

    collect(node)
    return node if len(members) == 1 else ast.Tuple(members, ast.Load())
