"""The reshape curve with real payloads on it: does the computed cost tell what is really sent?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from workbench.codecs import reshape_curve
from workbench.codecs.rans_csr import encoded_at
from workbench.experiments.timing import Progress, quiet
from workbench.records import ReshapeCurve

SPREAD = 6


def encoded_reshapes(features: Any, bits: int = 4, progress: Progress | None = None) -> ReshapeCurve:
    """`reshape_curve`, with the bytes of real `rans-csr` payloads at what each search chose and some other N.

    Parameters
    ----------
    features : any shape, finite floats.
    bits : Q, 1 to 8.
    progress : called as progress(done, total, what); may raise `Cancelled`.

    Raises
    ------
    InputError : not finite floats. SettingError : bits out of range.
    """
    tell = progress or quiet
    curve = reshape_curve(features, bits, lambda done, total: tell(done, total, "cost of every reshape"))
    rows = [point.rows for point in curve.points]
    chosen = {curve.exhaustive_rows, curve.algorithm1_rows, *rows[:: -(-len(rows) // SPREAD)]}
    encoded = {}
    for done, number in enumerate(sorted(chosen)):
        tell(done, len(chosen), "encoding at chosen reshapes")
        encoded[number] = encoded_at(features, bits, number)
    points = tuple(replace(point, encoded_bytes=encoded.get(point.rows)) for point in curve.points)
    return replace(curve, points=points)
