"""Entropy against the reshape, with real bytes and real search times; and the symbols of D at one reshape.

After figures 4 and 2 of Sung, Im, Palakonda and Kang (2025), arXiv 2511.11664.
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.codec_records import EntropyCurve, Search, SymbolHistogram
from workbench.codecs import reshape_curve
from workbench.codecs.csr import to_csr
from workbench.codecs.rans_csr import encoded_at
from workbench.codecs.reshape import SEARCHES, check_rows, quantised, search_rows
from workbench.errors import SettingError
from workbench.experiments.timing import Progress, quiet, timed
from workbench.records import ReshapeCurve

REPEATS = 5


def entropy_curve(features: Any, bits: int = 4, progress: Progress | None = None) -> EntropyCurve:
    """`reshape_curve` with a real `rans-csr` payload at every N, and what each search chose in what time.

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
    curve = reshape_curve(features, bits, lambda done, total: tell(done, total, "entropy of every reshape"))
    points = []
    for done, point in enumerate(curve.points):
        tell(done, len(curve.points), "encoding at every reshape")
        points.append(replace(point, encoded_bytes=encoded_at(features, bits, point.rows)))
    symbols, background = quantised(features, bits)
    searches = []
    for name in SEARCHES:
        rows = search_rows(symbols, background, bits, name)  # type: ignore[arg-type]
        seconds = timed(
            lambda _repeat, name=name: search_rows(symbols, background, bits, name),  # type: ignore[misc]
            REPEATS,
            tell,
            f"timing the {name} search",
        )
        searches.append(Search(name, rows, statistics.median(seconds)))
    full: ReshapeCurve = replace(curve, points=tuple(points))
    return EntropyCurve(full, tuple(searches))


def symbol_histogram(features: Any, bits: int = 4, rows: int | str = "algorithm1") -> SymbolHistogram:
    """How often each symbol occurs in D with N = `rows`, or with the N that a search chooses.

    Raises
    ------
    SettingError : `rows` divides nothing (the nearest that do are named) or is no search; bits out of range.
    """
    symbols, background = quantised(features, bits)
    chosen_by = rows if isinstance(rows, str) else "given"
    if isinstance(rows, str):
        if rows not in SEARCHES:
            raise SettingError(f"rows is {rows!r}; a number or one of {', '.join(SEARCHES)}")
        rows = search_rows(symbols, background, bits, rows)  # type: ignore[arg-type]
    if isinstance(rows, bool) or not isinstance(rows, int):
        raise SettingError(f"rows is {rows!r}; it must be a whole number or one of {', '.join(SEARCHES)}")
    check_rows(rows, symbols.size)
    csr = to_csr(symbols, rows, background)
    parts = [np.bincount(part, minlength=1) for part in csr]
    total = np.zeros(max(map(len, parts)), np.int64)
    for part in parts:
        total[: len(part)] += part
    return SymbolHistogram(
        bits=bits,
        rows=rows,
        width=symbols.size // rows,
        background=background,
        values=tuple(parts[0].tolist()),
        columns=tuple(parts[1].tolist()),
        row_counts=tuple(parts[2].tolist()),
        entropy_bits=_entropy(total),
        chosen_by=chosen_by,
    )


def _entropy(counts: NDArray[np.int64]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())
