"""The numbers behind each chart as a table: text for people, full numbers for a CSV file."""

from __future__ import annotations

import csv
import io
from typing import Any, NamedTuple

from workbench.numbers import readable, significant
from workbench.records import CutProfile, Description, ReshapeCurve, Trial


class Table(NamedTuple):
    """Columns and rows; `rows` as people read them, `values` as they are."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    values: tuple[tuple[Any, ...], ...]

    def csv(self) -> str:
        """The values as CSV after RFC 4180, columns named in the first line."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.columns)
        writer.writerows(["" if value is None else value for value in row] for row in self.values)
        return text.getvalue()


def cut_table(profile: CutProfile) -> Table:
    """One row a cut."""
    columns = (
        "cut", "shape", "fp32_bytes", "int8_bytes", "macs_before", "macs_after", "params_before",
        "params_after", "peak_activation_bytes",
    )  # fmt: skip
    values = tuple(
        (
            point.name, " and ".join("x".join(map(str, shape)) for shape in point.shapes), point.fp32_bytes,
            point.int8_bytes, point.macs_before, point.macs_after, point.params_before, point.params_after,
            point.peak_activation_bytes,
        )
        for point in profile.points
    )  # fmt: skip
    units = ("", "", "bytes", "bytes", "MACs", "MACs", "", "", "bytes")
    return as_table(columns, values, units)


def payload_table(description: Description) -> Table:
    """One row a part of the payload; they add up to it."""
    total = max(description.payload_bytes, 1)
    values = tuple((part.name, part.nbytes, part.nbytes / total, part.meaning) for part in description.parts)
    return as_table(("part", "nbytes", "share", "meaning"), values, ("", "bytes", "fraction", ""))


def reshape_table(curve: ReshapeCurve) -> Table:
    """One row a divisor N."""
    columns = (
        "N", "K", "nonzeros", "l_D", "alphabet", "entropy_bits", "cost_bytes", "table_bytes", "encoded_bytes",
        "visited_by_algorithm1",
    )  # fmt: skip
    values = tuple(
        (
            point.rows, point.columns, point.nonzeros, point.length, point.alphabet, point.entropy_bits,
            point.cost_bytes, point.table_bytes, point.encoded_bytes, point.rows in curve.algorithm1_visited,
        )
        for point in curve.points
    )  # fmt: skip
    return as_table(columns, values, ("", "", "", "", "", "", "bytes", "bytes", "bytes", ""))


def answer_table(trial: Trial) -> Table:
    """One row a class of the first picture: probability before and after."""
    before, after = dict(trial.answers_before[0].top), dict(trial.answers_after[0].top)
    values = tuple((name, before.get(name), after.get(name)) for name in dict.fromkeys((*before, *after)))
    return as_table(("class", "unsplit", "from_payload"), values, ("", "fraction", "fraction"))


def trial_table(trial: Trial) -> Table:
    """One row a number of the trial, with its unit, its origin and how it came about."""
    found = [(name, quantity) for name, quantity in trial.quantities.items()]
    ways = (("split", trial.latency), ("all_edge", trial.all_edge), ("all_server", trial.all_server))
    for way, latency in ways:
        for stage in ("edge", "encode", "transfer", "decode", "server", "total"):
            quantity = getattr(latency, stage)
            if quantity is not None:
                found.append((f"{way}.{stage}_s", quantity))
    values = tuple(
        (name, quantity.value, quantity.unit, quantity.origin, quantity.how) for name, quantity in found
    )
    rows = tuple(
        (name, str(readable(quantity.value, quantity.unit)), "", quantity.origin, quantity.how)
        for name, quantity in found
    )
    return Table(("quantity", "value", "unit", "origin", "how"), rows, values)


def as_table(columns: tuple[str, ...], values: tuple[tuple[Any, ...], ...], units: tuple[str, ...]) -> Table:
    """A table of `values`, each column read in its unit ("" for text and plain numbers)."""
    rows = tuple(tuple(_read(value, unit) for value, unit in zip(row, units, strict=True)) for row in values)
    return Table(columns, rows, values)


def _read(value: Any, unit: str) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if unit:
            return str(readable(value, unit))
        return f"{value:,}" if isinstance(value, int) else significant(value)
    return str(value)
