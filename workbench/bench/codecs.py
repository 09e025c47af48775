"""How small and how fast the codecs are: one process, one thread, interleaved, every round trip asserted.

    feature maps of a trained network ─┬▶ bytes of every format at Q = 2, 3, 4, 6, 8, summed over pictures
                                       ├▶ time of each coder on one map, all of them in turn, many rounds
                                       └▶ goals: ratios of the two, met or not

    workbench bench codecs     prints the goals, writes data/results/bench_codecs_demo.json and .md, or _real

Ratios are of things measured in the same run. "cold" is interleaved with all others, as a coder runs in a
pipeline; "hot" is the same call again and again.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.bench import codec_peers as peers
from workbench.bench.codec_material import Material, load_material
from workbench.bench.codec_start import second_start
from workbench.codecs import codec, decode, describe, symbol_map
from workbench.codecs.base import Codec
from workbench.codecs.entropy import folding, order0
from workbench.codecs.quantise import quantise
from workbench.codecs.reshape import candidates, counted, divisors
from workbench.experiments.timing import machine_facts

BITS = (2, 3, 4, 6, 8)
Progress = Callable[[int, int, str], None]
_FRONT = ("header", "grid", "flags")  # what both have besides, left out of that comparison


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one coder, interleaved with the others: median and quartiles."""

    name: str
    nbytes: int
    encode_ms: float
    encode_quartiles: tuple[float, float]
    decode_ms: float
    decode_quartiles: tuple[float, float]
    rounds: int


@dataclass(frozen=True, slots=True)
class Goal:
    """One thing to reach: a measured number, its limit, and whether it was met (None: not measured)."""

    what: str
    value: float | None
    goal: str
    met: bool | None
    how: str


class Job(NamedTuple):
    """A coder to time: encode gives something that decode turns into what must equal `expected`."""

    name: str
    encode: Callable[[], Any]
    decode: Callable[[Any], NDArray[Any]]
    expected: NDArray[Any]
    nbytes: Callable[[Any], int] = len


def bench_codecs(
    rounds: int = 60, pictures: int = 10, progress: Progress = lambda done, total, what: None
) -> dict[str, Any]:
    """The record: bytes, times and goals, with the machine, the versions and the material.

    Raises
    ------
    InputError : WORKBENCH_REAL is set but lacks what is needed.
    AssertionError : a round trip did not give back what went in; nothing is reported then.
    """
    material = load_material(pictures)
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("WORKBENCH_TABLES")
        os.environ["WORKBENCH_TABLES"] = folder
        try:
            sizes = _sizes(material, progress)
            one = _typical(material)
            progress(0, 1, "timing, all in turn")
            calibrated = _calibrated(material, one)
            timings = _timings(one, calibrated, rounds)
            goals = _goals(material, one, calibrated, sizes, timings, progress)
        finally:
            os.environ.pop("WORKBENCH_TABLES")
            if before is not None:
                os.environ["WORKBENCH_TABLES"] = before
    return {
        "schema": 1,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": "workbench bench codecs",
        "machine": machine_facts(),
        "load_average": os.getloadavg()[0],  # what else ran: above 1, times and ratios are less sure
        "peers": peers.versions(),
        "peers_missing": peers.available()[1],
        "material": {
            "kind": material.kind,
            "source": material.source,
            "pictures": material.names,
            "values": int(one.size),
            "shape": one.shape,
            "calibrated_on": len(material.apart_from(0)),
            "zeros": round(float(np.mean([(one == 0).mean() for one in material.maps])), 4),
        },
        "bytes": sizes,
        "timings_q4": [asdict(timing) for timing in timings],
        "goals": [asdict(goal) for goal in goals],
    }


def _typical(material: Material) -> NDArray[np.float32]:
    """The map whose order-0 bytes at Q = 4 are in the middle: times are measured on it."""
    ranked = sorted(material.maps, key=lambda one: len(order0.encode(quantise(one, 4).symbols)))
    return ranked[len(ranked) // 2]


def _calibrated(material: Material, one: NDArray[np.float32], bits: int = 4) -> Codec:
    """`context` with tables calibrated on all other pictures."""
    index = next(place for place, each in enumerate(material.maps) if each is one)
    return codec("context", bits=bits).calibrate(material.apart_from(index))


def _sizes(material: Material, progress: Progress) -> dict[str, dict[str, list[int]]]:
    """Bytes of each format at each Q, one number a picture; every payload decoded and compared."""
    found, _ = peers.available()
    sizes: dict[str, dict[str, list[int]]] = {}

    def note(name: str, bits: int, nbytes: float) -> None:
        sizes.setdefault(name, {}).setdefault(str(bits), []).append(round(nbytes))

    for index, one in enumerate(material.maps):
        progress(index, len(material.maps), f"bytes on {material.names[index]}")
        for bits in BITS:
            symbols = quantise(one, bits).symbols
            reference = decode(codec("uniform", bits=bits).encode(one))
            note("Shannon bound of the symbols", bits, order0.shannon_bytes(symbols))
            note("packed, Q bits", bits, len(codec("uniform", bits=bits).encode(one)))
            ours = {
                "rans-csr, best K": codec("rans-csr", bits=bits, rows="exact"),
                "order-0 rANS": codec("uniform", bits=bits, lossless="rans"),
                "context": codec("context", bits=bits),
                "context, calibrated on others": _calibrated(material, one, bits),
                "context, mixing": codec("context", bits=bits, mixing=True),
            }
            for name, own in ours.items():
                payload = own.encode(one)
                assert np.array_equal(decode(payload), reference), (name, bits)
                note(name, bits, len(payload))
            for peer in found:
                data = peer.encode(symbols, bits)
                assert np.array_equal(peer.decode(data, symbols.shape, bits), symbols.reshape(-1)), peer.name
                note(peer.name, bits, len(data))
    return sizes


def _timings(features: NDArray[np.float32], calibrated: Codec, rounds: int) -> list[Timing]:
    """Each coder at Q = 4 from fp32 or from symbols, all in turn."""
    found, _ = peers.available()
    bits = 4
    symbols = quantise(features, bits).symbols
    flat, shape = symbols.reshape(-1), symbols.shape
    reference = decode(codec("uniform", bits=bits).encode(features))
    jobs = [
        Job(
            "symbols: order-0 rANS",
            lambda: order0.encode(symbols),
            lambda data: order0.decode(memoryview(data), flat.size, 2**bits - 1),
            flat,
        ),
        Job(
            "symbols: context rANS",
            lambda: symbol_map.encode(symbols, bits, 0),
            lambda data: symbol_map.decode(memoryview(data), shape, bits, 0).reshape(-1),
            flat,
        ),
    ]
    for peer in found:
        jobs.append(
            Job(
                f"symbols: {peer.name}",
                lambda peer=peer: peer.encode(symbols, bits),  # type: ignore[misc]
                lambda data, peer=peer: peer.decode(data, shape, bits),  # type: ignore[misc]
                flat,
            )
        )
    whole = {
        "uniform, packed": codec("uniform", bits=bits),
        "uniform, rANS": codec("uniform", bits=bits, lossless="rans"),
        "context": codec("context", bits=bits),
        "context, calibrated on others": calibrated,
        "rans-csr, Algorithm 1": codec("rans-csr", bits=bits),
    }
    for label, own in whole.items():
        jobs.append(Job(f"fp32: {label}", lambda own=own: own.encode(features), decode, reference))  # type: ignore[misc]
    if any(peer.package == "constriction" for peer in found):
        columns = features.size // codec_rows(features, bits)
        jobs.append(
            Job(
                "fp32: paper's format, numpy + constriction",
                lambda: peers.paper_encode(features, bits, columns),
                lambda coded: peers.paper_decode(coded, shape, columns),
                reference,
                lambda coded: 4 * len(coded[0]) + 4 * len(coded[1]) + 16,
            )
        )
    mixed = codec("context", bits=bits, mixing=True)
    apart = Job("fp32: context, mixing (timed apart)", lambda: mixed.encode(features), decode, reference)
    return _interleaved(jobs, rounds) + _interleaved([apart], max(rounds // 4, 2))


def codec_rows(features: NDArray[np.float32], bits: int) -> int:
    """N of the cheapest reshape."""
    return int(describe(codec("rans-csr", bits=bits, rows="exact").encode(features)).notes["rows"])


def _interleaved(jobs: Sequence[Job], rounds: int) -> list[Timing]:
    """Every job once a round, in the same order; the first round only warms up and is checked."""
    encoded: dict[str, Any] = {}
    encode_s: dict[str, list[float]] = {}
    decode_s: dict[str, list[float]] = {}
    for job in jobs:
        encoded[job.name] = job.encode()
        back = job.decode(encoded[job.name])
        same = np.allclose(back, job.expected, atol=1e-5) if back.dtype.kind == "f" else None
        assert same if same is not None else np.array_equal(back, job.expected), job.name
        encode_s[job.name], decode_s[job.name] = [], []
    for _ in range(rounds):
        for job in jobs:
            started = time.perf_counter()
            data = job.encode()
            between = time.perf_counter()
            job.decode(data)
            ended = time.perf_counter()
            encode_s[job.name].append(between - started)
            decode_s[job.name].append(ended - between)
    return [
        Timing(
            job.name,
            job.nbytes(encoded[job.name]),
            *_summary(encode_s[job.name]),
            *_summary(decode_s[job.name]),
            rounds,
        )
        for job in jobs
    ]


def _summary(seconds: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Median and quartiles, in milliseconds."""
    quarters = (
        statistics.quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else [seconds[0]] * 3
    )
    low, middle, high = (round(1e3 * second, 4) for second in quarters)
    return middle, (low, high)


def _goals(
    material: Material,
    one: NDArray[np.float32],
    calibrated: Codec,
    sizes: dict[str, dict[str, list[int]]],
    timings: Sequence[Timing],
    progress: Progress,
) -> list[Goal]:
    by_name = {timing.name: timing for timing in timings}

    def total(name: str, bits: int) -> int | None:
        return sum(sizes[name][str(bits)]) if name in sizes else None

    def at_most(what: str, value: float | None, limit: float, how: str) -> Goal:
        return Goal(what, value, f"<= {limit:g}", None if value is None else value <= limit, how)

    def at_least(what: str, value: float | None, limit: float, how: str) -> Goal:
        return Goal(what, value, f">= {limit:g}", None if value is None else value >= limit, how)

    def share(name: str, other: str, bits: int) -> float | None:
        top, bottom = total(name, bits), total(other, bits)
        return None if top is None or bottom is None else round(top / bottom, 4)

    def faster(name: str, other: str, step: str) -> float | None:
        if name not in by_name or other not in by_name:
            return None
        return round(getattr(by_name[other], f"{step}_ms") / getattr(by_name[name], f"{step}_ms"), 2)

    number = len(material.maps)
    summed = f"bytes summed over {number} pictures"
    over = {}
    for bits in BITS:
        symbols = [quantise(each, bits).symbols for each in material.maps]
        over[bits] = sum(map(len, map(order0.encode, symbols))) / sum(map(order0.shannon_bytes, symbols))
    rest = ", ".join(f"Q={bits}: {over[bits]:.5f}" for bits in BITS if bits != 4)
    what = "order-0 rANS, bytes with table and states, against Shannon, Q=4"
    goals = [at_most(what, round(over[4], 5), 1.0025, f"{summed}; {rest}")]
    ours, theirs = "symbols: order-0 rANS", "symbols: constriction ANS"
    cold = "medians, interleaved, bytes to bytes"
    goals += [
        at_least(
            "order-0 encode, times faster than constriction's ANS", faster(ours, theirs, "encode"), 5, cold
        ),
        at_least(
            "order-0 decode, times faster than constriction's ANS", faster(ours, theirs, "decode"), 8, cold
        ),
    ]
    simple = {}
    for bits, limit in ((4, 0.40), (3, 0.33), (2, 0.28), (8, 0.54)):
        simple[bits] = sum(_sixteen_bins(quantise(each, bits).symbols, bits) for each in material.maps)
        alone = simple[bits] / (total("rans-csr, best K", bits) or math.inf)
        with_others = share("context, calibrated on others", "rans-csr, best K", bits)
        for name, what, more in (
            (
                "context",
                "context bytes",
                f"; calibrated on others: {with_others}; 16 bins alone: {alone:.3f}",
            ),
            ("context, mixing", "context with mixing, bytes", ""),
        ):
            value = share(name, "rans-csr, best K", bits)
            each = _each(sizes, name, "rans-csr, best K", bits)
            how = f"{summed}; by picture {min(each):.3f} to {max(each):.3f}{more}"
            goals.append(at_most(f"{what} against rans-csr at best K, Q={bits}", value, limit, how))
    of_simple = {bits: (total("context", bits) or 0) / size for bits, size in simple.items()}
    rest = ", ".join(f"Q={bits}: {of_simple[bits]:.3f}" for bits in (3, 2, 8))
    how = (
        f"{rest}; conditional entropy alone, its tables and states not counted; the four goals above were "
        "set with it, on another network"
    )
    what = "context bytes against one table for each of 16 bins of 3 L + 3 U + UR - UL, Q=4"
    goals += [
        at_most(what, round(of_simple[4], 4), 1.0, how),
        at_most("context bytes against zstd-3, Q=4", share("context", "zstd-3", 4), 0.69, summed),
        at_most("context bytes against JPEG-LS, Q=4", share("context", "JPEG-LS", 4), 1.0, summed),
    ]
    paper = "fp32: paper's format, numpy + constriction"
    cold = "medians, interleaved, fp32 to bytes or back; the best K is given, its search not counted"
    for name in ("context", "context, calibrated on others"):
        goals += [
            at_least(
                f"{name.replace(',', '')}, {step}, times faster than numpy + constriction",
                faster(f"fp32: {name}", paper, step),
                limit,
                cold,
            )
            for step, limit in (("encode", 7), ("decode", 8))
        ]
    progress(0, 1, "hot loops, reshape, one bit, dead zone, start")
    for name, own in (
        ("context", codec("context", bits=4)),
        ("context calibrated on others", calibrated),
    ):
        for step, hot in zip(("encode", "decode"), _hot(own, one), strict=True):
            goals.append(at_most(f"{name}, {step}, ms, hot", hot, 1.0, "median of 200 calls in a row"))
    goals += [
        at_least(
            "exact entropy of all reshapes with K <= 256, times faster than re-encoding each", *_reshape(one)
        ),
        at_most("one bit with context against packbits + zlib-6", _one_bit(material), 0.78, summed),
        at_least(
            "dead zone + centroids at Q=3, share of bytes saved at equal MSE",
            _dead_zone(material),
            0.10,
            summed,
        ),
    ]
    start = second_start()
    goals.append(
        Goal(
            "second start: compiled functions that were compiled again",
            start["compiled_again"],
            "== 0",
            start["compiled_again"] == 0,
            f"import to first context payload {start['seconds']:.2f} s in a new process",
        )
    )
    return goals


def _sixteen_bins(symbols: NDArray[np.uint8], bits: int) -> float:
    """Bytes that the simplest context coder could reach: entropy of each symbol given its bin of w."""
    frame = np.pad(symbols.astype(np.int64), ((0, 0), (1, 0), (1, 1)))
    up = frame[:, :-1]
    w = 3 * frame[:, 1:, :-2] + 3 * up[:, :, 1:-1] + up[:, :, 2:] - up[:, :, :-2]
    edges = np.unique(np.round(np.geomspace(1, 6 * (2**bits - 1), 15)))
    bins = np.searchsorted(edges, np.maximum(w, 0), side="right")
    counts = np.bincount((bins << bits | symbols).ravel(), minlength=16 << bits).reshape(-1, 1 << bits)
    totals = counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(counts > 0, -counts * np.log2(counts / totals), 0.0)
    return float(each.sum() / 8)


def _each(sizes: dict[str, dict[str, list[int]]], name: str, other: str, bits: int) -> list[float]:
    """The ratio of two formats for each picture."""
    pairs = zip(sizes[name][str(bits)], sizes[other][str(bits)], strict=True)
    return [own / theirs for own, theirs in pairs]


def _hot(own: Codec, features: NDArray[np.float32]) -> tuple[float, float]:
    payload = own.encode(features)
    encode_s, decode_s = [], []
    for _ in range(200):
        started = time.perf_counter()
        own.encode(features)
        encode_s.append(time.perf_counter() - started)
    for _ in range(200):
        started = time.perf_counter()
        decode(payload)
        decode_s.append(time.perf_counter() - started)
    return _summary(encode_s)[0], _summary(decode_s)[0]


def _reshape(features: NDArray[np.float32]) -> tuple[float, float, str]:
    """How much faster folding is than building D for each divisor with numpy, the goal, and both times."""
    symbols = quantise(features, 4).symbols
    columns = [width for width in divisors(symbols.size) if width <= 256]
    folded = folding.costs_at(symbols, 0, columns)
    built = [counted(symbols, 0, symbols.size // width).cost_bits for width in columns]
    listed = [one.cost_bits for one in candidates(symbols, 0, columns)]
    assert np.allclose(folded, built, rtol=1e-9) and np.allclose(listed, built, rtol=1e-9)
    fast, slow = [], []
    for _ in range(9):
        started = time.perf_counter()
        folding.costs_at(symbols, 0, columns)
        between = time.perf_counter()
        for width in columns:
            _ = counted(symbols, 0, symbols.size // width).cost_bits
        slow.append(time.perf_counter() - between)
        fast.append(between - started)
    ratio = statistics.median(slow) / statistics.median(fast)
    how = (
        f"{len(columns)} divisors: {1e3 * statistics.median(fast):.2f} ms "
        f"against {1e3 * statistics.median(slow):.1f} ms"
    )
    return round(ratio, 1), 30, how


def _one_bit(material: Material) -> float:
    """Coded bits alone, without header and levels, against packbits and zlib on the same bits."""
    import zlib

    own = theirs = 0
    for one in material.maps:
        bits = (one > one.mean()).astype(np.uint8)
        coded = symbol_map.encode(bits, 1, 0)
        assert np.array_equal(symbol_map.decode(memoryview(coded), bits.shape, 1, 0), bits)
        own += len(coded)
        theirs += len(zlib.compress(np.packbits(bits).tobytes(), 6))
    return round(own / theirs, 4)


def _dead_zone(material: Material, dead_zone: float = 0.35) -> float:
    """Bytes saved against a uniform quantiser whose step is chosen to give the same MSE."""
    with_zone = uniform = 0.0
    for one in material.maps:
        payload = codec("context", bits=3, dead_zone=dead_zone).encode(one)
        description = describe(payload)
        mse = float(((decode(payload) - one).astype(np.float64) ** 2).mean())
        with_zone += sum(part.nbytes for part in description.parts if part.name not in _FRONT)
        uniform += _uniform_bytes_at(one, mse)
    return round(1 - with_zone / uniform, 4)


def _uniform_bytes_at(features: NDArray[np.float32], mse: float) -> float:
    """Bytes of context-coded uniform symbols with the step that gives this MSE, between the two nearest."""
    low, high = float(features.min()), float(features.max())

    def at(levels: float) -> tuple[float, int]:
        step = (high - low) / (levels - 1)
        zero = round(-low / step)
        symbols = np.clip(np.rint(features / step) + zero, 0, 15).astype(np.uint8)
        back = (symbols.astype(np.float64) - zero) * step
        error = float(((back - features) ** 2).mean())
        return error, len(symbol_map.encode(symbols, 3 if symbols.max() < 8 else 4, 0))

    coarse, fine = 2.0, 16.0
    for _ in range(12):
        middle = (coarse + fine) / 2
        coarse, fine = (middle, fine) if at(middle)[0] > mse else (coarse, middle)
    (worse, few), (better, many) = at(coarse), at(fine)
    if worse <= better:
        return float(many)
    place = (np.log(worse) - np.log(mse)) / (np.log(worse) - np.log(better))
    return few + float(np.clip(place, 0, 1)) * (many - few)


def say(done: int, total: int, what: str) -> None:
    """A progress that tells stderr."""
    print(f"{done}/{total} {what}", file=sys.stderr, flush=True)
