"""The methods by name; names only, so that a list of them costs nothing."""

from __future__ import annotations

from typing import Final

from workbench.errors import UnknownNameError

METHODS: Final[dict[str, str]] = {
    "grad-cam": "channels weighed by their mean gradient",
    "grad-cam++": "channels weighed by their positive gradients, small and several objects better",
    "hires-cam": "gradient times value at each place: exactly what a linear end adds up",
    "eigen-cam": "the first principal component of the values; asks for no class and no gradient",
}


def checked_method(name: str) -> str:
    """`name` if it is a method.

    Raises
    ------
    UnknownNameError : it is none; offers the nearest.
    """
    if name not in METHODS:
        raise UnknownNameError("saliency method", name, METHODS)
    return name
