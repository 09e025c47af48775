"""Size of a payload against what it stands for."""

from __future__ import annotations

from workbench.errors import InputError


def bits_per_element(payload_bytes: float, elements: int) -> float:
    """Bits spent on each feature."""
    return _share(8 * payload_bytes, elements, "elements")


def bits_per_pixel(payload_bytes: float, width: int, height: int) -> float:
    """Bits spent on each pixel of the network's input; says nothing without the payload's bytes beside it."""
    return _share(8 * payload_bytes, width * height, "pixels")


def times_smaller(reference_bytes: float, payload_bytes: float) -> float:
    """How many times the payload goes into the reference."""
    return _share(reference_bytes, payload_bytes, "bytes")


def _share(amount: float, count: float, what: str) -> float:
    if not count > 0 or not amount >= 0:
        raise InputError(
            f"{amount} over {count} {what}: sizes are at least 0, and what they are shared by above 0"
        )
    return amount / count
