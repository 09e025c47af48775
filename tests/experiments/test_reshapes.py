"""The bytes on the reshape curve are those of payloads that decode."""

import numpy as np
import pytest

import workbench as wb
from workbench.errors import Cancelled
from workbench.experiments.reshapes import encoded_reshapes


@pytest.fixture
def features():
    draw = np.random.default_rng(7)
    return np.maximum(draw.standard_normal((8, 8, 8)) - 0.8, 0).astype(np.float32)


def test_the_chosen_reshapes_are_really_encoded(features):
    curve = encoded_reshapes(features, bits=3)
    encoded = {point.rows: point.encoded_bytes for point in curve.points if point.encoded_bytes is not None}
    assert {curve.exhaustive_rows, curve.algorithm1_rows} <= set(encoded)
    assert 2 < len(encoded) < len(curve.points)
    for rows, nbytes in encoded.items():
        assert nbytes == len(wb.codec("rans-csr", bits=3, rows=rows).encode(features))


def test_the_costs_are_those_of_the_plain_curve(features):
    plain = wb.reshape_curve(features, bits=3)
    assert [point.cost_bytes for point in encoded_reshapes(features, bits=3).points] == [
        point.cost_bytes for point in plain.points
    ]


def test_it_can_be_stopped_while_it_encodes(features):
    def stop(done, total, what):
        if what.startswith("encoding") and done == 1:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        encoded_reshapes(features, bits=3, progress=stop)
