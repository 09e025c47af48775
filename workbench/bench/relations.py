"""Do the papers' relations hold here? Measured on the demo networks, with real payloads and real answers.

    network, cut, test pictures ─▶ features ─▶ codec, many settings ─▶ accuracy, error, bytes ─▶ holds or not

rANS paper (arXiv 2511.11664): accuracy flat from Q = 8 to 4 and falling at 2; Algorithm 1 within 3 % of the
exhaustive optimum. SLICER (arXiv 2511.11608): mean widths fall as delta grows; high bits for the large
magnitudes beat the reverse order; more blocks M cost headers. Where one does not hold, the table says so.

    workbench bench relations          prints the table and writes data/results/bench_relations.json
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.codecs import Codec, codec, decode, describe, reshape_curve
from workbench.experiments.timing import machine_facts

CUTS = (("digits-resnet", "layer1"), ("digits-vit", "blocks.2"), ("digits-convnext", "stages.1"))
WITHIN = 0.03  # of the exhaustive optimum
FLAT = 0.01  # of accuracy: what counts as no change

Progress = Callable[[int, int, str], None]


class Material(NamedTuple):
    """Features at a cut of a network, one map a picture, and how often the server part answers right."""

    network: str
    cut: str
    maps: Sequence[NDArray[np.float32]]
    accuracy: Callable[[Sequence[NDArray[np.float32]]], float]


@dataclass(frozen=True, slots=True)
class Relation:
    """What a paper says, what was measured for it here, and whether the two agree."""

    paper: str
    claim: str
    network: str
    cut: str
    setting: str
    measured: dict[str, float]
    unit: str
    holds: bool


def demo_material(network: str, cut: str, pictures: int | None = None) -> Material:
    """Features of the held-out digits at a cut of a demo network."""
    import torch

    import workbench
    from workbench.pictures.digits import digits_split

    test = digits_split(seed=0).test
    count = len(test) if pictures is None else min(pictures, len(test))
    labels = test.labels[:count]
    model = workbench.load_model(network)
    parts = workbench.split(model, cut)
    with torch.inference_mode():
        batch = parts.edge_part(model.preprocess(list(test.images[:count]))).numpy()

    def accuracy(maps: Sequence[NDArray[np.float32]]) -> float:
        with torch.inference_mode():
            answers = parts.server_part(torch.from_numpy(np.stack(maps))).argmax(1).numpy()
        return float((answers == labels).mean())

    return Material(network, cut, list(batch), accuracy)


def relations(material: Material) -> tuple[Relation, ...]:
    """Every relation on this material."""
    return (
        accuracy_over_bits(material),
        algorithm1_near_optimum(material),
        widths_fall_with_tolerance(material),
        high_bits_for_large_magnitudes(material),
        blocks_cost_headers(material),
    )


def accuracy_over_bits(material: Material) -> Relation:
    """rANS paper, table 1: accuracy stays from Q = 8 to 4 and is lower at Q = 2."""
    measured = {
        f"Q={bits}": material.accuracy(_decoded(codec("rans-csr", bits=bits), material))
        for bits in (8, 6, 4, 3, 2)
    }
    flat = max(abs(measured["Q=8"] - measured[key]) for key in ("Q=6", "Q=4")) <= FLAT
    return _relation(
        material, "2511.11664", "accuracy flat from Q=8 to 4, falling at 2", "rans-csr", measured,
        "share right", flat and measured["Q=2"] < measured["Q=4"] - FLAT,
    )  # fmt: skip


def algorithm1_near_optimum(material: Material) -> Relation:
    """rANS paper, section 3: Algorithm 1 costs at most 2 to 3 % more than searching every divisor."""
    above = []
    for features in material.maps[:40]:
        curve = reshape_curve(features, bits=4)
        best, chosen = (curve.at(rows).cost_bytes for rows in (curve.exhaustive_rows, curve.algorithm1_rows))
        above.append(chosen / best - 1.0)
    measured = {"median": float(np.median(above)), "largest": max(above)}
    return _relation(
        material, "2511.11664", "Algorithm 1 within 3 % of the exhaustive optimum", "Q=4", measured,
        "above the optimum", measured["largest"] <= WITHIN,
    )  # fmt: skip


def widths_fall_with_tolerance(material: Material) -> Relation:
    """SLICER: the mean width of adaptive bit quantisation falls as delta grows."""
    measured = {}
    for delta in (0.0, 0.005, 0.01, 0.02, 0.05, 0.1):
        chosen = codec("slicer", tolerance=delta)
        notes = [describe(chosen.encode(features)).notes for features in material.maps[:40]]
        measured[f"delta={delta}"] = float(np.mean([note["mean width"] for note in notes]))
    falling = all(wide >= narrow for wide, narrow in pairwise(measured.values()))
    ends = list(measured.values())
    return _relation(
        material, "2511.11608", "mean widths fall as delta grows", "slicer, Q=8,6,5,4", measured,
        "bits", falling and ends[-1] < ends[0],
    )  # fmt: skip


def high_bits_for_large_magnitudes(material: Material) -> Relation:
    """SLICER: start widths that fall with the magnitude beat the reverse order at the same bytes."""
    measured = {}
    for label, bits in (("large first", (8, 6, 4, 2)), ("reverse", (2, 4, 6, 8))):
        chosen = codec("slicer", bits=bits, tolerance=0.0)
        payloads = [chosen.encode(features) for features in material.maps]
        back = [decode(payload) for payload in payloads]
        measured[f"{label}: mse"] = _mse(back, material.maps)
        measured[f"{label}: accuracy"] = material.accuracy(back)
        measured[f"{label}: bytes"] = float(np.mean([len(payload) for payload in payloads]))
    holds = measured["large first: mse"] < measured["reverse: mse"]
    return _relation(
        material, "2511.11608", "high bits for large magnitudes beat the reverse order", "slicer, delta=0",
        measured, "as named", holds,
    )  # fmt: skip


def blocks_cost_headers(material: Material) -> Relation:
    """SLICER: more blocks M take more header and row-count bytes."""
    measured = {}
    for blocks in (1, 2, 4, 8, 16):
        chosen = codec("slicer", blocks=blocks, bits=(4,), tolerance=0.0)
        sizes = []
        for features in material.maps[:40]:
            parts = {part.name: part.nbytes for part in describe(chosen.encode(features)).parts}
            sizes.append(parts["block headers"] + parts["row counts"])
        measured[f"M={blocks}"] = float(np.mean(sizes))
    rising = all(few < many for few, many in pairwise(measured.values()))
    return _relation(
        material, "2511.11608", "more blocks M cost headers", "slicer, Q=4, delta=0", measured,
        "bytes of block headers and row counts", rising,
    )  # fmt: skip


def table(found: Sequence[Relation]) -> str:
    """The relations as a Markdown table."""
    lines = ["| paper | says | network, cut | measured here | holds |", "|---|---|---|---|---|"]
    for one in found:
        numbers = ", ".join(f"{key} {value:.4g}" for key, value in one.measured.items())
        holds = "yes" if one.holds else "**no**"
        lines.append(
            f"| {one.paper} | {one.claim} | {one.network}, {one.cut} | {numbers} ({one.unit}) | {holds} |"
        )
    return "\n".join(lines)


def write_record(found: Sequence[Relation], folder: Path) -> Path:
    """The relations as ``bench_relations.json`` in `folder`, with date, machine and versions."""
    record = {
        "what": "relations of the rANS paper and of SLICER, on the demo networks",
        "command": "workbench bench relations",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine_facts(),
        "relations": [dataclasses.asdict(one) for one in found],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "bench_relations.json"
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def measure(progress: Progress | None = None, pictures: int | None = None) -> tuple[Relation, ...]:
    """Every relation on every demo network."""
    found: list[Relation] = []
    for done, (network, cut) in enumerate(CUTS):
        if progress is not None:
            progress(done, len(CUTS), f"{network} at {cut}")
        found += relations(demo_material(network, cut, pictures))
    return tuple(found)


def _relation(
    material: Material, paper: str, claim: str, setting: str, measured: dict[str, Any], unit: str, holds: bool
) -> Relation:
    return Relation(paper, claim, material.network, material.cut, setting, measured, unit, bool(holds))


def _decoded(chosen: Codec, material: Material) -> list[NDArray[np.float32]]:
    return [decode(chosen.encode(features)) for features in material.maps]


def _mse(back: Sequence[NDArray[np.float32]], maps: Sequence[NDArray[np.float32]]) -> float:
    return float(np.mean([np.square(a - b).mean() for a, b in zip(back, maps, strict=True)]))
