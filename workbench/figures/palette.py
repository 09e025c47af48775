"""One colour for each thing, the same in every chart, on light and on dark.

Chosen so that any two of a group stay apart for people with protanopia, deuteranopia and tritanopia, and
that each stands out from a white and from a dark page (contrast at least 3 : 1, WCAG 2.1, 1.4.11). A test
holds both; colour is never the only sign, a label goes with it.
"""

from __future__ import annotations

from typing import Final, Literal

Stage = Literal["edge", "codec", "link", "decode", "server"]
Version = Literal["original", "decoded", "restored"]

STAGES: Final[dict[Stage, str]] = {
    "edge": "#5560e8",
    "codec": "#e0700f",
    "link": "#b07cc6",
    "decode": "#2fa08f",
    "server": "#9a5b4a",
}
VERSIONS: Final[dict[Version, str]] = {
    "original": "#7a8594",
    "decoded": STAGES["codec"],
    "restored": STAGES["edge"],
}
REFERENCE: Final = "#7a8594"
"""What is only there to compare with: raw features, the picture as JPEG, a bound."""

SERIES: Final[tuple[str, ...]] = (*STAGES.values(), REFERENCE)
"""Colours in a fixed order for things that are no stage: parts of a payload, codecs side by side."""

CLASSES: Final[tuple[str, ...]] = (
    "#5560e8", "#e0700f", "#2fa08f", "#c43c7e", "#8a8d0f",
    "#b07cc6", "#9a5b4a", "#2f8fd0", "#d0483a", "#6b8e23",
)  # fmt: skip
"""Classes of pictures, by number modulo ten; colour cannot tell so many apart, so a symbol goes with it."""


def faded(colour: str, opacity: float = 0.38) -> str:
    """`colour` as it looks where it is not the chosen one; "#rrggbb" to "rgba(...)"."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"
