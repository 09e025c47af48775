"""Record in, plotly figure out; no widget, no measuring.

What is worked out for a plot is a NamedTuple (`cut_bars`, `payload_bars`, ...) that tests read; the figure
only draws it. Colours: `palette`.
"""

from workbench.figures.answers import AnswerBars, answer_bars, answer_figure
from workbench.figures.base import Axes, remarked
from workbench.figures.codecs import RateDrawing, SideBars, rate_figure, rate_lines, side_bars, sides_figure
from workbench.figures.cut_profile import CutBars, cut_bars, cut_profile_figure
from workbench.figures.entropy import (
    EntropyLines,
    SymbolBars,
    entropy_figure,
    entropy_lines,
    symbol_bars,
    symbol_figure,
)
from workbench.figures.latency import LatencyBars, latency_bars, latency_figure
from workbench.figures.payload import PayloadBars, payload_bars, payload_figure
from workbench.figures.reshape import ReshapeLines, reshape_figure, reshape_lines

__all__ = [
    "AnswerBars",
    "Axes",
    "CutBars",
    "EntropyLines",
    "LatencyBars",
    "PayloadBars",
    "RateDrawing",
    "ReshapeLines",
    "SideBars",
    "SymbolBars",
    "answer_bars",
    "answer_figure",
    "cut_bars",
    "cut_profile_figure",
    "entropy_figure",
    "entropy_lines",
    "latency_bars",
    "latency_figure",
    "payload_bars",
    "payload_figure",
    "rate_figure",
    "rate_lines",
    "remarked",
    "reshape_figure",
    "reshape_lines",
    "side_bars",
    "sides_figure",
    "symbol_bars",
    "symbol_figure",
]
