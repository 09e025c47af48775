"""Records as the pipeline gives them, small enough to check by hand."""

import pytest

from workbench.records import (
    Answer,
    CutProfile,
    Description,
    Latency,
    Part,
    Quantity,
    ReshapeCurve,
    ReshapePoint,
    SplitPoint,
)


def point(name, index, shape, before, after):
    return SplitPoint(name, index, (shape,), before, after, before // 10, after // 10, 40_000)


def seconds(value, how="median of 5 runs"):
    return Quantity(value, "s", "measured", how)


@pytest.fixture
def profile():
    points = (
        point("conv1", 0, (16, 32, 32), 1_000_000, 9_000_000),
        point("layer1", 1, (16, 16, 16), 5_000_000, 5_000_000),
        point("layer2", 2, (8, 4, 4), 9_000_000, 1_000_000),
    )
    return CutProfile("tiny", points, (3, 32, 32), Quantity(1000.0, "bytes", "measured", "one picture, q 95"))


@pytest.fixture
def description():
    parts = (
        Part("header", 40, "magic, shape"),
        Part("table", 60, "frequencies"),
        Part("words", 300, "rANS words"),
        Part("padding", 0, "nothing"),
    )
    return Description("rans-csr", {"bits": 4}, (8, 16), "float32", 40, 360, parts, shannon_bytes=320.0)


@pytest.fixture
def curve():
    def at(rows, nonzeros, entropy, encoded=None):
        length = 2 * nonzeros + rows
        return ReshapePoint(
            rows, 128 // rows, nonzeros, length, 20, entropy, length * entropy / 8, 30, encoded
        )

    points = (at(1, 40, 4.0), at(128, 40, 2.5, 140), at(8, 40, 3.0, 75), at(16, 40, 3.1))
    return ReshapeCurve(128, 4, points, exhaustive_rows=8, algorithm1_rows=16, algorithm1_visited=(128, 16))


@pytest.fixture
def latencies():
    split = Latency(
        seconds(0.004), seconds(0.001), Quantity(0.020, "s", "computed", "8 B / R"), seconds(0.002),
        seconds(0.003), seconds(0.030),
    )  # fmt: skip
    board = Latency(seconds(0.050), None, None, None, None, seconds(0.050))
    server = Latency(
        None, seconds(0.001), Quantity(0.012, "s", "computed", "JPEG"), None, seconds(0.006), seconds(0.019)
    )
    return split, board, server


@pytest.fixture
def answers():
    before = Answer((("3", 0.7), ("8", 0.2), ("5", 0.06), ("9", 0.03), ("2", 0.006), ("1", 0.004)), label="3")
    after = Answer((("8", 0.55), ("3", 0.4), ("0", 0.03), ("1", 0.0004), ("6", 0.0)), label="3")
    return before, after
