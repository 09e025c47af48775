"""Which reshape N x K makes modified CSR cheapest, and what each search for it would choose.

    symbols, T of them ─▶ N rows of K = T/N columns ─▶ v, c, r ─▶ one histogram ─▶ cost T_tot(N) = l_D · H

H is the entropy of D = v, c, r in bits per symbol and l_D = 2 nnz + N its length (Sung et al. 2025,
arXiv 2511.11664, section 3). Three searches:

- exhaustive: every divisor N of T.
- Algorithm 1: leaves out every N whose rows would be longer than the alphabet of the values (K > 2^Q: column
  indices and row counts would widen the one table), goes from the largest N down, and stops at the first N
  that costs more than the best so far. The paper names these two steps and not each constant.
- exact: the same optimum as exhaustive from counts that are folded instead of recounted. The row counts for
  p·K columns are sums of p neighbours of those for K; since (j mod pK) mod K = j mod K, the column
  histogram for K is that for p·K folded; the histogram of the values is the same for every N.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.codecs.csr import BITS, background_of, to_csr
from workbench.codecs.settings import Setting
from workbench.errors import SettingError
from workbench.records import ReshapeCurve, ReshapePoint

Search = Literal["algorithm1", "exhaustive", "exact"]
SEARCHES: Final[tuple[str, ...]] = get_args(Search)
Progress = Callable[[int, int], None]


class Candidate(NamedTuple):
    """One reshape: N rows of K columns, and the histogram of D there (symbols that occur, how often)."""

    rows: int
    columns: int
    symbols: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def length(self) -> int:
        """l_D."""
        return int(self.counts.sum())

    @property
    def cost_bits(self) -> float:
        """T_tot(N) = l_D * H, in bits."""
        return float((self.counts * np.log2(self.length / self.counts)).sum())


def divisors(number: int) -> tuple[int, ...]:
    """Every divisor, ascending; none of 0."""
    root = int(number**0.5) + 1
    small = [d for d in range(1, root + 1) if number % d == 0 and d * d <= number]
    return tuple(small + [number // d for d in reversed(small) if d * d < number]) if number else ()


def reshape_curve(features: Any, bits: int = 4, progress: Progress | None = None) -> ReshapeCurve:
    """Cost against N for every divisor of the number of features, and each search's choice.

    Parameters
    ----------
    features : any shape; read in memory order.
    bits : Q of the quantiser, 1 to 8.
    progress : called with (done, total) after each divisor; may raise `Cancelled`.

    Raises
    ------
    InputError : not finite floats. SettingError : bits out of range.

    Examples
    --------
    >>> import numpy as np
    >>> curve = reshape_curve(np.eye(8, dtype=np.float32), bits=1)
    >>> [(point.rows, round(point.cost_bytes, 1)) for point in curve.points]
    [(1, 5.7), (2, 5.8), (4, 6.4), (8, 5.1), (16, 6.0), (32, 5.9), (64, 7.2)]
    >>> curve.exhaustive_rows
    8
    """
    from workbench.codecs.entropy.tables import make_table, table_nbytes

    symbols, background = quantised(features, bits)
    elements = symbols.size
    columns = divisors(elements)
    points = []
    for candidate in candidates(symbols, background, columns):
        table = make_table(candidate.symbols, candidate.counts)
        points.append(_point(candidate, bits, table_nbytes(table.symbols, table.frequencies)))
        if progress is not None:
            progress(len(points), len(columns))
    points.sort(key=lambda point: point.rows)
    costs = {point.rows: point.cost_bytes for point in points}
    chosen, visited = algorithm1(elements, bits, costs.__getitem__)
    return ReshapeCurve(
        elements=elements,
        bits=bits,
        points=tuple(points),
        exhaustive_rows=cheapest(costs),
        algorithm1_rows=chosen,
        algorithm1_visited=visited,
    )


def search_rows(symbols: NDArray[Any], background: int, bits: int, search: Search) -> int:
    """N that this search chooses for these symbols; 1 where there are none."""
    elements = symbols.size
    if elements == 0:
        return 1
    if search == "algorithm1":

        def cost(rows: int) -> float:
            return counted(symbols, background, rows).cost_bits

        return algorithm1(elements, bits, cost)[0]
    columns = divisors(elements)
    if search == "exhaustive":
        found = (counted(symbols, background, elements // width) for width in columns)
        return cheapest({candidate.rows: candidate.cost_bits for candidate in found})
    from workbench.codecs.entropy.folding import costs_at

    costs = costs_at(symbols, background, columns)
    return cheapest({elements // width: cost for width, cost in zip(columns, costs.tolist(), strict=True)})


def algorithm1(elements: int, bits: int, cost: Callable[[int], float]) -> tuple[int, tuple[int, ...]]:
    """Algorithm 1's N and the N it looked at, in order; see the module's text for its two steps."""
    if elements == 0:
        return 0, ()
    best_rows, best_cost, visited = elements, float("inf"), []
    for columns in divisors(elements):
        if columns > 2**bits:
            break
        rows = elements // columns
        visited.append(rows)
        found = cost(rows)
        if found > best_cost:
            break
        best_rows, best_cost = rows, found
    return best_rows, tuple(visited)


def cheapest(costs: dict[int, float]) -> int:
    """N of the lowest cost, the largest such N where several cost the same; 0 where there is none.

    Costs that differ by less than rounding (1e-9 of them) are the same.
    """
    if not costs:
        return 0
    limit = min(costs.values()) * (1 + 1e-9)
    return max(rows for rows, cost in costs.items() if cost <= limit)


def check_rows(rows: int, elements: int) -> None:
    """`SettingError` with the nearest divisors where `rows` does not divide `elements`."""
    if elements and (rows < 1 or elements % rows):
        near = sorted(divisors(elements), key=lambda divisor: abs(divisor - rows))[:3]
        raise SettingError(
            f"rans-csr: rows is {rows}, which does not divide {elements} features; the nearest that do are "
            f"{', '.join(map(str, sorted(near)))}; or let rows be one of {', '.join(SEARCHES)}"
        )


def counted(symbols: NDArray[Any], background: int, rows: int) -> Candidate:
    """The histogram of D at one N, by building D."""
    histogram = np.bincount(to_csr(symbols, rows, background).joined())
    present = np.flatnonzero(histogram)
    return Candidate(rows, symbols.size // rows, present, histogram[present])


def candidates(symbols: NDArray[Any], background: int, columns: Sequence[int]) -> Iterator[Candidate]:
    """The histogram of D at every K of `columns` (divisors of T), by folding, in the order of `columns`."""
    flat = symbols.reshape(-1)
    mask = flat != background
    values = np.bincount(flat[mask]) if mask.any() else np.zeros(1, np.int64)
    folds = _column_histograms(mask, columns)
    row_counts: dict[int, NDArray[np.int32]] = {}
    for width in columns:
        row_counts[width] = _row_counts(mask, width, row_counts)
        of_rows = np.bincount(row_counts[width])
        histogram = np.zeros(max(len(values), width, len(of_rows)), np.int64)
        for part in (values, folds[width], of_rows):
            histogram[: len(part)] += part
        present = np.flatnonzero(histogram)
        yield Candidate(flat.size // width, width, present, histogram[present])


def quantised(features: Any, bits: int) -> tuple[NDArray[Any], int]:
    """Symbols of the features and the symbol of the background.

    Raises
    ------
    InputError, SettingError : as `rans-csr` does for the same features and bits.
    """
    from workbench.codecs.base import as_features
    from workbench.codecs.quantise import quantise

    checked = Setting("bits", int, **BITS).check(bits, "rans-csr")
    symbols, _, zero_point = quantise(as_features(features)[0], checked)
    return symbols, background_of(zero_point, checked)


def _column_histograms(mask: NDArray[np.bool_], columns: Sequence[int]) -> dict[int, NDArray[Any]]:
    """How many values stand in each column, for every K: the widest from the mask, the rest folded."""
    found: dict[int, NDArray[Any]] = {}
    for width in sorted(columns, reverse=True):
        parent = min((wider for wider in found if wider % width == 0), default=0)
        source = found[parent] if parent else mask.astype(np.int32)
        found[width] = source.reshape(-1, width).sum(axis=0)
    return found


def _row_counts(
    mask: NDArray[np.bool_], width: int, known: dict[int, NDArray[np.int32]]
) -> NDArray[np.int32]:
    """How many values each row has, summed from the widest known row length that divides `width`."""
    parent = max((narrower for narrower in known if width % narrower == 0), default=0)
    source = known[parent] if parent else mask.astype(np.int32)
    return source.reshape(-1, width // parent if parent else width).sum(axis=1, dtype=np.int32)


def _point(candidate: Candidate, bits: int, table_bytes: int) -> ReshapePoint:
    cost_bits = candidate.cost_bits
    return ReshapePoint(
        rows=candidate.rows,
        columns=candidate.columns,
        nonzeros=(candidate.length - candidate.rows) // 2,
        length=candidate.length,
        alphabet=len(candidate.symbols),
        entropy_bits=cost_bits / candidate.length,
        cost_bytes=cost_bits / 8,
        table_bytes=table_bytes,
    )
