"""The automatic choice: what is tried, that the promise holds, and which end of the link wins what."""

import numpy as np
import pytest

import workbench as wb
from workbench.errors import Cancelled, InputError, SettingError, UnknownNameError


class Wire:
    """A link of so many bits per second and nothing else."""

    def __init__(self, bandwidth_bps):
        self.bandwidth_bps = bandwidth_bps

    def latency(self, nbytes):
        return 8 * nbytes / self.bandwidth_bps


def features(side=32):
    y, x = np.mgrid[:side, :side] / side
    planes = [np.sin(k * x + 3 * y) * np.cos(2 * y - k) for k in range(1, 17)]
    return np.maximum(np.array(planes, np.float32), 0)


def test_a_slow_link_takes_the_smallest_payload():
    choice = wb.best_codec(features(), Wire(1e4), max_error=0.05, repeats=1)
    sizes = [candidate.payload_bytes.value for candidate in choice.candidates]
    assert sizes == sorted(sizes)
    assert choice.codec.name == "context"
    assert "because its payload is smaller" in choice.why


def test_mixing_is_tried_only_where_the_link_takes_longer():
    def mixing(bandwidth_bps):
        found = wb.best_codec(features(), Wire(bandwidth_bps), max_error=0.05, repeats=1).candidates
        return [one.codec.mixing for one in found if one.codec.name == "context"]

    assert mixing(1e4) == [True, False]  # where it saves more time than it takes, it is first
    assert mixing(1e8) == [False]


def test_an_endless_link_takes_the_least_work():
    choice = wb.best_codec(features(), Wire(1e15), max_error=0.05, repeats=3)
    best = choice.candidates[0]
    assert choice.codec.name in ("raw", "uniform")
    assert best.encode.value + best.decode.value == min(
        one.encode.value + one.decode.value for one in choice.candidates
    )


@pytest.mark.parametrize("max_error", [0.3, 0.05, 0.004, 1e-4, 1e-6])
def test_no_candidate_exceeds_the_error_and_sizes_are_real(max_error):
    original = features(16)
    choice = wb.best_codec(original, "ble5", max_error=max_error, repeats=1)
    for candidate in choice.candidates:
        payload = candidate.codec.encode(original)
        assert len(payload) == candidate.payload_bytes.value
        assert np.abs(wb.decode(payload) - original).max() <= max_error
        assert candidate.transfer.value == pytest.approx(wb.link("ble5").latency(len(payload)))
        assert candidate.transfer.origin == "computed"
        assert candidate.encode.origin == "measured"


def test_fewest_bits_that_keep_the_error():
    original = features(16)
    candidates = wb.best_codec(original, "ble5", max_error=0.05, repeats=1).candidates
    bits = {candidate.codec.bits for candidate in candidates if candidate.codec.name != "raw"}
    assert len(bits) == 1
    fewer = wb.codec("uniform", bits=bits.pop() - 1)
    assert fewer.error_bound(original) > 0.05


def test_no_error_leaves_only_floats():
    choice = wb.best_codec(features(8), "wifi-54", max_error=0, repeats=1)
    assert [candidate.label for candidate in choice.candidates] == ["raw(dtype='float32')"]
    assert "nothing else" in choice.why


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 5)])
def test_odd_features(shape):
    choice = wb.best_codec(np.full(shape, 2.5, np.float32), "5g", max_error=0.1, repeats=1)
    assert choice.candidates


def test_every_total_is_its_parts_and_the_first_is_lowest():
    candidates = wb.best_codec(features(8), "lte-cat4", max_error=0.1, repeats=1).candidates
    for one in candidates:
        assert one.total.value == pytest.approx(one.encode.value + one.transfer.value + one.decode.value)
    assert candidates[0].total.value == min(one.total.value for one in candidates)


@pytest.mark.parametrize("max_error", [-1, float("nan"), float("inf"), "0.1", None, True])
def test_max_error_must_be_a_number(max_error):
    with pytest.raises(SettingError, match="max_error"):
        wb.best_codec(features(4), "ble5", max_error=max_error)


def test_other_bad_input():
    with pytest.raises(UnknownNameError, match="ble5"):
        wb.best_codec(features(4), "ble6", max_error=0.1)
    with pytest.raises(InputError):
        wb.best_codec(np.array([np.nan], np.float32), "ble5", max_error=0.1)
    with pytest.raises(SettingError, match="repeats"):
        wb.best_codec(features(4), "ble5", max_error=0.1, repeats=0)


def test_can_be_cancelled():
    def stop(done, total, what):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        wb.best_codec(features(4), "ble5", max_error=0.1, progress=stop)
