"""What the papers report beside what was measured here, each with its place.

    PAPER (numbers of the papers, with their place) ─┐
    data/results/bench_relations.json ───────────────┼▶ Claims
    a SideBySide of the present choice ──────────────┘

Numbers of papers are given only where their place is known; elsewhere it says that none is at hand.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from workbench.codec_records import Claim, EntropyCurve, SideBySide
from workbench.errors import WorkbenchError
from workbench.numbers import readable, significant
from workbench.paths import shipped

RANS: Final = "rANS paper, arXiv 2511.11664"
SLICER: Final = "SLICER, arXiv 2511.11608"
NONE_AT_HAND: Final = "no number at hand, only the relation"


class Reported(NamedTuple):
    """What a paper says about one thing: where, and its number in words."""

    place: str
    said: str


PAPER: Final[dict[str, Reported]] = {
    "accuracy flat from Q=8 to 4, falling at 2": Reported(
        "table 1", f"near-baseline accuracy; {NONE_AT_HAND}"
    ),
    "Algorithm 1 within 3 % of the exhaustive optimum": Reported("section 3", "2 to 3 % above the optimum"),
}
SIZE: Final = Reported(
    "its table of sizes", "90 KB at Q = 4 for 128×28×28 values, which 4 bits each pack in 50.2 KB"
)
SIZE_RATIO: Final = 90 / 50.2
SPEED: Final = Reported("its table of times", "0.739 ms to encode, 0.517 ms to decode on an A6000 GPU")
REDUCTION: Final = Reported("as summarised at sciencestack.ai", "up to 7.2 times smaller than fp32")
WITHIN: Final = 0.03


def claims() -> tuple[Claim, ...]:
    """The relations of both papers as measured on the demo networks, from the record in data/; by claim.

    Raises
    ------
    WorkbenchError : the record is missing or is none.
    """
    folder = shipped("data") / "results"
    path = next(iter(sorted(folder.glob("*relations.json"))), folder / "bench_relations.json")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["relations"]
        return tuple(sorted((_claim(entry) for entry in found), key=lambda one: (one.paper, one.says)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkbenchError(
            f"{path} cannot be read ({error}); make it anew: workbench bench relations"
        ) from error


def claims_here(sides: SideBySide, curve: EntropyCurve) -> tuple[Claim, ...]:
    """The same kind of claims for the present features: sizes of real payloads, and costs of the searches."""
    place = f"{sides.model} at {sides.split}, Q = {sides.bits}, one picture"
    rows: list[Claim] = []
    paper = sides.find("rans-csr", rows="algorithm1")
    packed = sides.find("uniform", lossless="none", bits=sides.bits)
    if paper and packed:
        ratio = paper.payload_bytes / packed.payload_bytes
        told = f"{_size(paper.payload_bytes)} against {_size(packed.payload_bytes)}: {significant(ratio)} ×"
        rows.append(_here("its format against packed bits", SIZE, place, told, ratio=ratio))
    if paper:
        times = sides.raw_bytes / paper.payload_bytes
        told = f"{significant(times)} times smaller"
        rows.append(_here("how much smaller than fp32", REDUCTION, place, told, times=times))
        told = f"{_time(paper.encode.value)} to encode, {_time(paper.decode.value)} to decode on one CPU core"
        speed = {"encode_s": paper.encode.value, "decode_s": paper.decode.value}
        rows.append(_here("how fast it codes", SPEED, place, told, None, **speed))
    points = curve.curve
    chosen, best = (points.at(rows).cost_bytes for rows in (points.algorithm1_rows, points.exhaustive_rows))
    above = chosen / best - 1 if best else 0.0
    spent = [f"{search.name} {_time(search.seconds)}" for search in curve.searches]
    told = f"{readable(above, 'fraction')} above the optimum; {', '.join(spent)}"
    near = "Algorithm 1 within 3 % of the exhaustive optimum"
    rows.append(_here(near, PAPER[near], place, told, above <= WITHIN, above=above))
    return tuple(rows)


def _here(
    says: str, told: Reported, place: str, measured: str, holds: bool | None = None, **numbers: float
) -> Claim:
    return Claim(RANS, says, told.place, told.said, place, measured, holds, numbers)


def _claim(entry: dict[str, Any]) -> Claim:
    says = entry["claim"]
    told = PAPER.get(says, Reported("place not at hand", NONE_AT_HAND))
    paper = {"2511.11664": RANS, "2511.11608": SLICER}.get(entry["paper"], entry["paper"])
    numbers = {str(name): float(value) for name, value in entry["measured"].items()}
    measured = ", ".join(f"{name}: {_number(name, value, entry['unit'])}" for name, value in numbers.items())
    place = f"{entry['network']} at {entry['cut']}, {entry['setting']}"
    return Claim(paper, says, told.place, told.said, place, measured, bool(entry["holds"]), numbers)


def _number(name: str, value: float, unit: str) -> str:
    if unit in ("share right", "above the optimum") or name.endswith("accuracy"):
        return str(readable(value, "fraction"))
    if unit.startswith("bytes") or name.endswith("bytes"):
        return _size(value)
    return significant(value) + (" bits" if unit == "bits" else "")


def _time(seconds: float) -> str:
    return str(readable(seconds, "s"))


def _size(nbytes: float) -> str:
    return str(readable(nbytes, "bytes"))
