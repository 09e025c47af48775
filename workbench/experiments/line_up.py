"""Which codecs stand side by side, and with which settings: read from what each codec says of itself.

    codecs() ─▶ left out: those that need trained weights
             └▶ one Variant for each choice among lossless coders, formats and types, and some worth seeing

A codec of a third party is lined up like ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from workbench.codecs import Codec, CodecEntry, codec, codecs
from workbench.codecs.base import Setting

ALL_BITS: Final = (1, 2, 3, 4, 5, 6, 7, 8)
QUALITIES: Final = (10, 30, 50, 70, 85, 95, 100)
NEEDS_WEIGHTS: Final = "weights trained for this very split are needed first"
WORTH_SEEING: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "context": ({"dead_zone": 0.35}, {"mixing": True}),
    "rans-csr": ({"rows": "exact"},),
}
LINES: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "context": ({}, {"dead_zone": 0.35}, {"mixing": True}),
    "uniform": ({}, {"lossless": "rans"}),
    "slicer": ({"tolerance": 0.0},),
    "slicer-rans": ({"tolerance": 0.0},),
}
"""What draws the lines of a rate curve; a codec that is not named draws one at its defaults. SLICER keeps its
start width (δ = 0), since adaptive widths would draw every Q at nearly the same place."""


@dataclass(frozen=True)
class Variant:
    """A codec with the settings that tell it from its siblings.

    `calibrated` False leaves out a calibration that it would ask for, so that its payload stands alone.
    """

    entry: CodecEntry
    settings: dict[str, Any] = field(default_factory=dict)
    calibrated: bool = True

    @property
    def label(self) -> str:
        """Its name, with what was set."""
        told = [_said(name, value, self.entry) for name, value in self.settings.items()]
        return " ".join([self.entry.name, *told, *(() if self.calibrated else ("uncalibrated",))])

    def at_bits(self, bits: int) -> Codec:
        """The codec at Q = `bits`; at its own default where that Q does not apply to it."""
        return codec(self.entry.name, **self.settings, **self._bits(bits))

    def sweep(self) -> Iterator[tuple[str, Codec]]:
        """What is set, in words, and the codec: over Q, or over quality, or once."""
        if self._setting("bits") is not None:
            for bits in ALL_BITS:
                if self._bits(bits):
                    yield f"Q = {bits}", self.at_bits(bits)
        elif self._setting("quality") is not None:
            for quality in QUALITIES:
                yield f"quality {quality}", codec(self.entry.name, **self.settings, quality=quality)
        else:
            yield "as it is", codec(self.entry.name, **self.settings)

    def _setting(self, name: str) -> Setting | None:
        return next((known for known in self.entry.settings if known.name == name), None)

    def _bits(self, bits: int) -> dict[str, Any]:
        """`bits` as this codec takes it: a number, one start width for all blocks, or nothing."""
        known = self._setting("bits")
        if known is None:
            return {}
        if known.kind is tuple:
            return {"bits": (bits,)}
        low, high = known.minimum or 1, known.maximum or max(ALL_BITS)
        fits = bits in known.choices if known.choices else low <= bits <= high
        return {"bits": bits} if known.kind is int and fits else {}


def line_up() -> tuple[tuple[Variant, ...], tuple[tuple[str, str], ...]]:
    """Every training-free codec in all its kinds; and (name, why) of those that are left out."""
    entries, left_out = _training_free()
    found: list[Variant] = []
    for entry in entries:
        kinds = [known for known in entry.settings if _is_a_kind(known)]
        variants = [Variant(entry, {known.name: choice}) for known in kinds for choice in known.choices]
        found += variants or [Variant(entry)]
        found += [Variant(entry, settings) for settings in WORTH_SEEING.get(entry.name, ())]
        if any(known.calibrated and known.default is None for known in entry.settings):
            found.append(Variant(entry, calibrated=False))
    return tuple(found), left_out


def line_up_rates() -> tuple[tuple[Variant, ...], tuple[tuple[str, str], ...]]:
    """One line a codec, two where its kinds differ in more than bytes; and who is left out."""
    entries, left_out = _training_free()
    return tuple(
        Variant(entry, settings) for entry in entries for settings in LINES.get(entry.name, ({},))
    ), left_out


def _training_free() -> tuple[list[CodecEntry], tuple[tuple[str, str], ...]]:
    entries = list(codecs())
    learned = [entry for entry in entries if any(known.name == "weights" for known in entry.settings)]
    return (
        [entry for entry in entries if entry not in learned],
        tuple((entry.name, NEEDS_WEIGHTS) for entry in learned),
    )


def _is_a_kind(known: Setting) -> bool:
    """Whether a setting chooses among kinds of the codec, such as its lossless coder."""
    return known.kind is str and len(known.choices) > 1 and "auto" not in known.choices


def _said(name: str, value: Any, entry: CodecEntry) -> str:
    if isinstance(value, str):
        return value
    if value is True:
        return name.replace("_", " ")
    known = next(known for known in entry.settings if known.name == name)
    return f"{known.symbol or name.replace('_', ' ')} {value:g}"
