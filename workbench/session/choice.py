"""What a person has chosen, as one value; and as the text that stands behind the # of a link.

    Choice ─ to_link ─▶ "network=digits-resnet&codec=rans-csr&codec.bits=4" ─ from_link ─▶ Choice

A link must restore the choice on any machine, also where the kernel was started before the visitor came: so
it stands behind the #, which the browser keeps to itself and the page's own script hands to the session.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from workbench.errors import InputError

MAX_LINK = 4000
OWN_LINK = "own"  # a link whose numbers a person gives
OWN_NUMBERS = {"bandwidth_bps": 10e6}
_GROUPS = ("settings", "link_settings")


@dataclass(frozen=True, slots=True)
class Choice:
    """Everything that decides what is seen.

    `split` may be empty: one is chosen once the network's cuts are known. `pretrained` False asks for
    random weights. `settings` are the codec's, `link_settings` numbers of the link that were changed.
    `source` is where pictures come from, as in `pictures.load`; empty for those that belong to the network.
    `picture` is a key of the gallery, such as ``digits/3``.
    """

    network: str = "digits-resnet"
    pretrained: bool | None = None
    split: str = ""
    codec: str = "rans-csr"
    settings: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    picture: str = ""
    link: str = "lte-cat4"
    link_settings: Mapping[str, Any] = field(default_factory=dict)


def to_link(choice: Choice) -> str:
    """`choice` as text for an address; what is at its default is left out, the network and codec are not."""
    usual = type(choice)()
    pairs = []
    for known in fields(choice):
        value = getattr(choice, known.name)
        if known.name in _GROUPS:
            prefix = "codec" if known.name == "settings" else "link"
            pairs += [(f"{prefix}.{key}", _plain(value[key])) for key in sorted(value)]
        elif value != getattr(usual, known.name) or known.name in ("network", "codec"):
            pairs.append((known.name, _plain(value)))
    return urlencode(pairs, safe="/.,[]")


def from_link(text: str, kind: type[Choice] = Choice) -> Choice:
    """The choice that `to_link` wrote; names are checked later, by those who know them.

    `kind` is the app's own choice; it can be read from the link of an app that chooses less.

    Raises
    ------
    InputError : text that is no such link, with the part that is wrong.
    """
    usual = kind()
    known = {one.name for one in fields(kind)} - set(_GROUPS)
    text = text.removeprefix("#")
    if len(text) > MAX_LINK:
        raise InputError(f"the link has {len(text)} characters; at most {MAX_LINK} are read")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError as error:
        raise InputError(f"the link {text[:80]!r} cannot be read: {error}; choose anew") from error
    plain: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {name: {} for name in _GROUPS}
    for key, value in pairs:
        prefix, dot, name = key.partition(".")
        if dot and prefix in ("codec", "link") and name.isidentifier():
            groups["settings" if prefix == "codec" else "link_settings"][name] = _value(value)
        elif key in known:
            plain[key] = value if isinstance(getattr(usual, key), str) else _value(value)
        else:
            raise InputError(f"the link holds {key[:40]!r}, which is no choice of this app; choose anew")
    if plain.get("pretrained") not in (None, True, False):
        raise InputError(f"the link says pretrained={plain['pretrained']!r}; it must be true, false or null")
    for key, value in plain.items():
        if type(getattr(usual, key)) is int and type(value) is not int:
            raise InputError(f"the link says {key}={value!r}; it must be a whole number")
    return replace(usual, **plain, **groups)  # type: ignore[arg-type]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _value(text: str) -> Any:
    """A number, a list, true, false or null where the text is one; else the text itself."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict) or (isinstance(value, float) and value != value):
        return text
    return tuple(value) if isinstance(value, list) else value
