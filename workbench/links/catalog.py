"""Links by name, with single numbers changed, or made by a user."""

from __future__ import annotations

import dataclasses
from typing import Any

from workbench.errors import SettingError, UnknownNameError
from workbench.links.base import Link
from workbench.links.outage import OUTAGE
from workbench.links.profiles import PROFILES, LinkProfile

_KNOWN: dict[str, Link] = {link.name: link for link in (*PROFILES, OUTAGE)}


def links() -> tuple[Link, ...]:
    """Every link that is known by name, with its numbers and their sources."""
    return tuple(_KNOWN.values())


def link(name: str | Link, **overrides: Any) -> Link:
    """The link called `name`, with some of its numbers changed; or a new one of a given `bandwidth_bps`.

    Raises
    ------
    UnknownNameError : no such link, and no bandwidth that would make it one.
    SettingError : no such parameter, or a value out of range.

    Examples
    --------
    >>> link("4g").latency(1_500_000)
    1.0
    >>> link("4g", rtt_s=0.05).latency(1_500_000)
    1.05
    >>> link("mine", bandwidth_bps=1e6, rtt_s=0.02).latency(0)
    0.02
    """
    base = name if isinstance(name, Link) else _KNOWN.get(name) if isinstance(name, str) else None
    if base is not None:
        _known_only(base.name, overrides, type(base))
        return dataclasses.replace(base, **overrides)
    if not isinstance(name, str) or "bandwidth_bps" not in overrides:
        hint = "For one of your own: wb.link('mine', bandwidth_bps=1e6, rtt_s=0.02)"
        raise UnknownNameError("link", name, _KNOWN, hint)
    _known_only(name, overrides, LinkProfile)
    return LinkProfile(name, **overrides)


def _known_only(name: str, overrides: dict[str, Any], kind: type[Link]) -> None:
    known = [field.name for field in dataclasses.fields(kind) if field.name != "name"]
    for key in overrides:
        if key not in known:
            raise SettingError(str(UnknownNameError(f"parameter of link {name}", key, known)))
