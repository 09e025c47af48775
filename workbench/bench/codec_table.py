"""The record of `workbench bench codecs` as Markdown, and both on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_record(record: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    """``bench_codecs_KIND.json`` and ``.md`` in `folder`, which is made if needed; KIND is the material's."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"bench_codecs_{record['material']['kind']}"
    data, text = folder / f"{stem}.json", folder / f"{stem}.md"
    data.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text.write_text(markdown(record), encoding="utf-8")
    return data, text


def markdown(record: dict[str, Any]) -> str:
    """Goals, bytes and times as tables, with what they were measured on."""
    material, machine = record["material"], record["machine"]
    shape = " x ".join(map(str, material["shape"]))
    lines = [
        "# Codecs, measured",
        "",
        f"{record['date']}, `{record['command']}`, one thread of {machine['processor']}, Python "
        f"{machine['python']}, numba {machine['numba']}. {material['source']}: {len(material['pictures'])} "
        f"maps of {shape} = {material['values']:,} values, {material['zeros']:.0%} of them zero; "
        f"calibrated on {material['calibrated_on']} maps of other pictures. Every "
        "payload was decoded and compared. Load average of the machine meanwhile: "
        f"{record['load_average']:.1f}.",
        "",
        "## Goals",
        "",
        *_table(("what", "measured", "goal", "met", "how"), goal_rows(record)),
        "",
        "## Bytes, mean of a map",
        "",
        *_table(("format", *(f"Q={bits}" for bits in _bits(record))), _byte_rows(record)),
        "",
        "## Milliseconds at Q=4, median (quartiles), interleaved",
        "",
        *_table(
            ("coder", "bytes", "encode", "decode"), [_time_row(timing) for timing in record["timings_q4"]]
        ),
        "",
    ]
    return "\n".join(lines)


def goal_rows(record: dict[str, Any]) -> list[tuple[str, ...]]:
    """What was to reach, what was measured, and whether the one met the other."""
    return [_goal_row(goal) for goal in record["goals"]]


def _goal_row(goal: dict[str, Any]) -> tuple[str, ...]:
    value = "not measured" if goal["value"] is None else f"{goal['value']:.4g}"
    if goal["value"] is not None and "Shannon" in goal["what"]:
        value = f"{goal['value']:.5f}"
    return goal["what"], value, goal["goal"], {True: "yes", False: "NO", None: ""}[goal["met"]], goal["how"]


def _bits(record: dict[str, Any]) -> list[str]:
    return list(next(iter(record["bytes"].values())))


def _byte_rows(record: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (name, *(f"{sum(by_bits[bits]) / len(by_bits[bits]):,.0f}" for bits in _bits(record)))
        for name, by_bits in record["bytes"].items()
    ]


def _time_row(timing: dict[str, Any]) -> tuple[str, ...]:
    def cell(step: str) -> str:
        low, high = timing[f"{step}_quartiles"]
        return f"{timing[f'{step}_ms']:.3f} ({low:.3f} – {high:.3f})"

    return timing["name"], f"{timing['nbytes']:,}", cell("encode"), cell("decode")


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return [
        "| " + " | ".join(heads) + " |",
        "|" + "---|" * len(heads),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
