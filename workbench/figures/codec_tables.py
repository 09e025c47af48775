"""The numbers behind the charts of codecs side by side, as tables."""

from __future__ import annotations

import json

from workbench.codec_records import Claim, EntropyCurve, RateCurves, SideBySide, SymbolHistogram
from workbench.figures.codecs import kind_of
from workbench.figures.tables import Table, as_table, reshape_table


def sides_table(sides: SideBySide) -> Table:
    """One row a codec: bytes by kind of part, error, answer, times; then what was left out, with why."""
    kinds = ("values", "indices", "tables", "lane states", "settings", "header")
    columns = (
        "codec", "payload_bytes", *(f"{kind.replace(' ', '_')}_bytes" for kind in kinds), "relative_mse",
        "answer", "same_answer", "encode_s", "decode_s", "settings",
    )  # fmt: skip
    values = tuple(
        (
            side.label, side.payload_bytes,
            *(
                sum(part.nbytes for part in side.description.parts if kind_of(part.name) == kind)
                for kind in kinds
            ),
            side.relative_mse, side.answer, side.answer == sides.answer, side.encode.value, side.decode.value,
            json.dumps(side.settings, default=str),
        )
        for side in sides.sides
    )  # fmt: skip
    units = ("", *("bytes",) * 7, "", "", "", "s", "s", "")
    return as_table(columns, values, units)


def rate_table(curves: RateCurves) -> Table:
    """One row a payload."""
    columns = ("codec", "setting", "payload_bytes", "relative_mse", "answer", "same_answer")
    values = tuple(
        (line.label, point.setting, point.payload_bytes, point.relative_mse, point.answer, same)
        for line in curves.lines
        for point in line.points
        for same in (point.answer == curves.answer,)
    )
    return as_table(columns, values, ("", "", "bytes", "", "", ""))


def entropy_table(found: EntropyCurve) -> Table:
    """One row a divisor N, with real bytes, and which searches chose it."""
    plain = reshape_table(found.curve)
    chosen = tuple(
        " and ".join(search.name for search in found.searches if search.rows == point.rows)
        for point in found.curve.points
    )
    return Table(
        (*plain.columns, "chosen_by"),
        tuple((*row, name) for row, name in zip(plain.rows, chosen, strict=True)),
        tuple((*row, name) for row, name in zip(plain.values, chosen, strict=True)),
    )


def symbol_table(histogram: SymbolHistogram) -> Table:
    """One row a symbol that occurs."""
    parts = (histogram.values, histogram.columns, histogram.row_counts)
    counted = [
        (symbol, *(part[symbol] if symbol < len(part) else 0 for part in parts))
        for symbol in range(max(map(len, parts)))
    ]
    values = tuple((symbol, v, c, r, v + c + r) for symbol, v, c, r in counted if v + c + r)
    return as_table(("symbol", "values", "columns", "row_counts", "all"), values, ("",) * 5)


def claims_table(claims: tuple[Claim, ...]) -> Table:
    """One row a claim: the paper's words and number with their place, what was measured, whether it holds."""
    columns = ("paper", "says", "place", "paper_reports", "measured_on", "measured_here", "holds")
    values = tuple(
        (one.paper, one.says, one.place, one.reported, one.where_here, one.measured, one.holds)
        for one in claims
    )
    return as_table(columns, values, ("",) * 7)
