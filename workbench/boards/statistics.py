"""From rows to numbers that may be quoted, and the reasons why some may not.

Medians and percentiles carry distribution-free intervals from order statistics (W. J. Conover, Practical
Nonparametric Statistics, 3rd ed. 1999, section 3.2): with n = 100 the 95 % interval of the 95th percentile is
the 90th to the 100th value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from workbench.board_records import BOARD_STAGES, BoardRow, BoardRun, BoardSample, Mode, Spread, Way

CLOCK_MOVED: Final = 0.05
TOO_WIDE: Final = 0.25
FEWEST_CLEAN: Final = 5
_NOW_BITS: Final = {0: "undervoltage", 1: "clock capped", 2: "throttled", 3: "temperature limit"}
_STICKY: Final = 16


def spread(values: Sequence[float]) -> Spread:
    """Summary of at least one value."""
    ordered = np.sort(np.asarray(values, np.float64))
    q1, median, q3, p95 = np.quantile(ordered, (0.25, 0.5, 0.75, 0.95))
    median_low, median_high = quantile_interval(ordered, 0.5)
    p95_low, p95_high = quantile_interval(ordered, 0.95)
    return Spread(
        n=len(ordered),
        median=float(median),
        median_low=median_low,
        median_high=median_high,
        quartile_1=float(q1),
        quartile_3=float(q3),
        p95=float(p95),
        p95_low=p95_low,
        p95_high=p95_high,
        minimum=float(ordered[0]),
        maximum=float(ordered[-1]),
    )


def quantile_interval(
    ordered: Sequence[float] | np.ndarray, share: float, confidence: float = 0.95
) -> tuple[float | None, float | None]:
    """Values between which the quantile lies with that confidence; None for a side that n does not give."""
    low, high = interval_ranks(len(ordered), share, confidence)
    return (
        float(ordered[low - 1]) if low >= 1 else None,
        float(ordered[high - 1]) if high <= len(ordered) else None,
    )


def interval_ranks(n: int, share: float, confidence: float = 0.95) -> tuple[int, int]:
    """Ranks (from 1) of those values; 0 or n + 1 where n is too small."""
    tail = (1 - confidence) / 2
    cumulative, low, high = 0.0, 0, n + 1
    for k in range(n + 1):  # P(exactly k values lie below the quantile)
        cumulative += math.exp(
            math.lgamma(n + 1)
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + k * math.log(share)
            + (n - k) * math.log(1 - share)
        )
        if cumulative <= tail:
            low = k + 1
        if cumulative >= 1 - tail:
            high = k + 1
            break
    return min(low, n), high


def mark_spoilt(rows: Sequence[BoardRow], samples: Sequence[BoardSample]) -> tuple[BoardRow, ...]:
    """Rows, each with the reasons why the board was not itself while it ran."""
    times = np.array([sample.time_s for sample in samples])
    clocks = [sample.clock_hz for sample in samples if sample.clock_hz]
    top = float(np.quantile(clocks, 0.9)) if clocks else None
    gpu_clocks = [sample.gpu_clock_hz for sample in samples if sample.gpu_clock_hz]
    gpu_top = float(np.quantile(gpu_clocks, 0.9)) if gpu_clocks else None
    marked = []
    for row in rows:
        first = max(int(np.searchsorted(times, row.start_s, side="right")) - 1, 0)
        last = int(np.searchsorted(times, row.start_s + (row.edge_s or 0) + (row.encode_s or 0), side="left"))
        around = samples[first : last + 1]
        reasons = {reason for sample in around for reason in _reasons(sample, top, gpu_top)}
        if len(around) > 1 and (around[-1].overcurrent_events or 0) > (around[0].overcurrent_events or 0):
            reasons.add("overcurrent")
        marked.append(replace(row, spoilt=tuple(sorted(reasons))))
    return tuple(marked)


def _reasons(sample: BoardSample, top: float | None, gpu_top: float | None) -> list[str]:
    reasons = [text for bit, text in _NOW_BITS.items() if (sample.throttled or 0) >> bit & 1]
    if sample.undervolted:
        reasons.append("undervoltage")
    if top and sample.clock_hz and abs(sample.clock_hz - top) > CLOCK_MOVED * top:
        reasons.append("clock moved")
    if gpu_top and sample.gpu_clock_hz and abs(sample.gpu_clock_hz - gpu_top) > CLOCK_MOVED * gpu_top:
        reasons.append("GPU clock moved")
    return reasons


def summarise(
    way: Way,
    mode: Mode,
    rows: Sequence[BoardRow],
    samples: Sequence[BoardSample],
    *,
    warmup_s: Sequence[float] = (),
    watts: float | None = None,
    cancelled: bool = False,
    notes: Sequence[str] = (),
) -> BoardRun:
    """The run: rows marked, the clean ones summed up, and what speaks against quoting it.

    `watts` is the power at work where the samples do not tell it.
    """
    marked = mark_spoilt(rows, samples)
    clean = [row for row in marked if not row.spoilt]
    counted = clean if len(clean) >= min(FEWEST_CLEAN, len(marked)) and clean else list(marked)
    stages = {}
    for stage in BOARD_STAGES:
        values = [value for row in counted if (value := getattr(row, f"{stage}_s")) is not None]
        if values:
            stages[stage] = spread(values)
    total = spread([row.total_s for row in counted]) if counted else None
    return BoardRun(
        way=way,
        mode=mode,
        rows=marked,
        warmup_s=tuple(warmup_s),
        samples=tuple(samples),
        stages=stages,
        total=total,
        problems=tuple(_problems(marked, clean, counted, samples, stages, way)),
        sent_bytes=int(np.median([row.sent_bytes for row in counted])) if counted else 0,
        energy_j=_energy(samples, counted, watts) if mode == "burst" else None,
        cancelled=cancelled,
        notes=tuple(notes),
    )


def _problems(
    marked: Sequence[BoardRow],
    clean: Sequence[BoardRow],
    counted: Sequence[BoardRow],
    samples: Sequence[BoardSample],
    stages: dict[str, Spread],
    way: Way,
) -> list[str]:
    problems = []
    reasons = sorted({reason for row in marked for reason in row.spoilt})
    if not marked:
        return ["nothing was measured"]
    if counted is not clean and len(clean) < len(marked):
        problems.append(
            f"only {len(clean)} of {len(marked)} runs were clean ({', '.join(reasons)}), so all are shown: "
            "cool the board, use its own power supply, set the governor to performance, measure again"
        )
    elif len(marked) - len(clean) > len(marked) / 2:
        problems.append(
            f"{len(marked) - len(clean)} of {len(marked)} runs were spoilt and left out: {', '.join(reasons)}"
        )
    happened = _since(samples)
    if happened and not reasons:
        problems.append(
            f"{', '.join(happened)} happened at a moment that is not known; no row can be trusted"
        )
    elif happened:
        problems.append(f"{', '.join(happened)} happened during the run")
    main = stages.get("edge") if way != "all-server" else stages.get("server")
    if main and main.n >= FEWEST_CLEAN and main.iqr > TOO_WIDE * main.median:
        problems.append(
            f"the middle half of the {'edge' if way != 'all-server' else 'server'} times spreads over "
            f"{100 * main.iqr / main.median:.0f} % of the median: something else runs there"
        )
    return problems


def _since(samples: Sequence[BoardSample]) -> list[str]:
    """What the sticky bits say has happened between the first and the last sample."""
    bits = [sample.throttled for sample in samples if sample.throttled is not None]
    if len(bits) < 2:
        return []
    fresh = bits[-1] & ~bits[0]
    return [text for bit, text in _NOW_BITS.items() if fresh >> (bit + _STICKY) & 1]


def _energy(samples: Sequence[BoardSample], rows: Sequence[BoardRow], watts: float | None) -> float | None:
    """Joule for one inference's time on the board: mean power while it worked times that time's median."""
    told = [(sample.time_s, sample.power_w) for sample in samples if sample.power_w is not None]
    busy = [(row.edge_s or 0) + (row.encode_s or 0) for row in rows]
    if not busy or not max(busy):
        return None
    if watts is not None:
        return watts * float(np.median(busy))
    if len(told) < 3:
        return None
    times, powers = np.array(told).T
    if times[-1] <= times[0]:
        return None
    mean = float(np.trapezoid(powers, times) / (times[-1] - times[0]))
    return mean * float(np.median(busy))
