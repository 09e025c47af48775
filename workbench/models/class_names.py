"""Names of classes that people can tell apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def unique_names(descriptions: Sequence[str]) -> tuple[str, ...]:
    """The first word group of each description, or more of it where two would be called the same."""
    short = [text.split(",")[0].strip() for text in descriptions]
    counts = Counter(short)
    longer = [text if counts[name] > 1 else name for text, name in zip(descriptions, short, strict=True)]
    again = Counter(longer)
    return tuple(f"{text} ({at})" if again[text] > 1 else text for at, text in enumerate(longer))
