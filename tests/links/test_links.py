"""Latency of links: the golden numbers of the papers, formulas worked by hand, and nonsense refused."""

import math

import numpy as np
import pytest

import workbench as wb
from workbench.errors import InputError, SettingError, UnknownNameError
from workbench.links import LinkProfile, OutageLink


def in_ms(link, nbytes):
    return round(1000 * wb.link(link).latency(nbytes))


def test_ble5_gives_the_latencies_of_the_qcnet_paper():
    assert in_ms("ble5", 14_903) == 93
    assert in_ms("ble5", 4_388) == 28


def test_lte_cat4_gives_the_latencies_of_the_qcnet_paper():
    assert in_ms("lte-cat4", 14_903) == 3
    assert in_ms("lte-cat4", 4_388) == 1


def test_lte_sends_whole_intervals_of_51024_bits():
    lte = wb.link("lte-cat4")
    assert lte.latency(51_024 // 8) == pytest.approx(0.001)
    assert lte.latency(51_024 // 8 + 1) == pytest.approx(0.002)
    assert lte.latency(0) == 0


@pytest.mark.parametrize(("name", "bandwidth"), [("4g", 12e6), ("wifi-54", 54e6), ("5g", 66.9e6)])
def test_plain_links_divide_bits_by_bandwidth(name, bandwidth):
    assert wb.link(name).latency(1_000_000) == pytest.approx(8e6 / bandwidth)


def test_own_link_adds_the_round_trip_and_repeats_what_is_lost():
    mine = wb.link("mine", bandwidth_bps=1e6, rtt_s=0.010, loss_rate=0.2)
    assert mine.latency(100_000) == pytest.approx(0.010 + 0.8 / 0.8)
    assert mine == LinkProfile("mine", bandwidth_bps=1e6, rtt_s=0.010, loss_rate=0.2)


def test_overrides_change_one_number_and_leave_the_known_link_alone():
    assert wb.link("4g", bandwidth_bps=6e6).latency(1_500_000) == pytest.approx(2.0)
    assert wb.link("4g").latency(1_500_000) == pytest.approx(1.0)
    assert wb.link(wb.link("4g"), rtt_s=0.5).latency(0) == 0.5


def test_every_link_names_its_source():
    assert [link.name for link in wb.links()] == ["lte-cat4", "ble5", "4g", "wifi-54", "5g", "epsilon-outage"]
    assert all(len(link.source) > 20 for link in wb.links())
    assert wb.link("mine", bandwidth_bps=1).source == "made here"


def test_outage_golden_number_of_the_rans_paper():
    link = wb.link("epsilon-outage", epsilon=1e-3, bandwidth_hz=10e6, snr_db=10)
    assert round(link.latency(3_240_000), 1) == 6.6


def test_outage_at_a_given_rate_by_hand():
    # R = W: 2^1 - 1 = 1, P_o = 1 - exp(-0.1) = 0.0951626; ln .001 / ln P_o = 2.937, so 3 sendings of 1 s
    link = OutageLink("x", epsilon=1e-3, bandwidth_hz=1e6, snr_db=10, rate_bps=1e6)
    assert link.outage(1e6) == pytest.approx(0.0951626, abs=1e-7)
    assert link.sendings(1e6) == 3
    assert link.latency(125_000) == pytest.approx(3.0)
    assert link.latency(125_000, encoding_s=0.25) == pytest.approx(3.25)


@pytest.mark.parametrize("snr_db", [-20, 0, 10, 30])
@pytest.mark.parametrize("epsilon", [0.5, 1e-3, 1e-9])
def test_no_rate_on_a_fine_grid_beats_the_best_rate(snr_db, epsilon):
    link = OutageLink("x", epsilon=epsilon, snr_db=snr_db)
    best = link.latency(1000)
    rates = link.best_rate_bps * np.geomspace(0.01, 5, 4001)
    grid = min(8000 / rate * link.sendings(rate) for rate in rates)
    assert best <= grid * (1 + 1e-9)
    assert grid <= best * 1.01  # and the grid comes near it: it is a minimum that is reached
    assert OutageLink("x", epsilon=epsilon, snr_db=snr_db, rate_bps=link.best_rate_bps).latency(
        1000
    ) == pytest.approx(best)


def test_best_rate_stands_at_the_end_of_a_step():
    link = wb.link("epsilon-outage")
    assert link.sendings(link.best_rate_bps) == 5
    assert link.sendings(link.best_rate_bps * 1.0001) == 6


@pytest.mark.parametrize("epsilon", [1e-300, 1 - 1e-9])
@pytest.mark.parametrize("snr_db", [-100, 100])
def test_extreme_channels_still_have_a_finite_best_rate(epsilon, snr_db):
    link = OutageLink("x", epsilon=epsilon, snr_db=snr_db)
    assert math.isfinite(link.latency(1000)) and link.latency(1000) > 0


@pytest.mark.parametrize("nbytes", [-1, math.nan, math.inf, "12", None, True])
@pytest.mark.parametrize("name", ["ble5", "epsilon-outage", "4g"])
def test_sizes_that_are_none_are_refused(name, nbytes):
    with pytest.raises(InputError, match="bytes"):
        wb.link(name).latency(nbytes)


@pytest.mark.parametrize(
    "overrides",
    [
        {"bandwidth_bps": 0},
        {"bandwidth_bps": -1e6},
        {"bandwidth_bps": math.nan},
        {"bandwidth_bps": math.inf},
        {"bandwidth_bps": "fast"},
        {"bandwidth_bps": True},
        {"rtt_s": -0.1},
        {"loss_rate": 1.0},
        {"block_s": -1},
    ],
)
def test_numbers_out_of_range_are_refused_with_the_range(overrides):
    (name,) = overrides
    with pytest.raises(SettingError, match=f"{name} is .*it must be a number"):
        wb.link("4g", **overrides)


@pytest.mark.parametrize(
    "overrides", [{"epsilon": 0}, {"epsilon": 1}, {"bandwidth_hz": 0}, {"snr_db": 1000}, {"rate_bps": 0}]
)
def test_outage_parameters_out_of_range_are_refused(overrides):
    (name,) = overrides
    with pytest.raises(SettingError, match=name):
        wb.link("epsilon-outage", **overrides)


def test_a_rate_at_which_nothing_arrives_names_the_best_one():
    with pytest.raises(SettingError, match=r"every sending fails.*best rate is"):
        wb.link("epsilon-outage", rate_bps=1e9)


def test_unknown_link_offers_the_nearest_and_how_to_make_one():
    with pytest.raises(UnknownNameError, match=r"did you mean 'ble5'.*bandwidth_bps=1e6"):
        wb.link("ble")
    with pytest.raises(UnknownNameError):
        wb.link(None)


def test_unknown_parameter_offers_the_nearest():
    with pytest.raises(SettingError, match="did you mean 'bandwidth_bps'"):
        wb.link("4g", bandwith_bps=1e6)
    with pytest.raises(SettingError, match="did you mean 'rtt_s'"):
        wb.link("mine", bandwidth_bps=1e6, rtt=1)


def test_parameters_describe_themselves_for_a_chooser():
    found = {known.name: known for known in wb.link("epsilon-outage").parameters()}
    assert list(found) == ["epsilon", "bandwidth_hz", "snr_db", "rate_bps"]
    assert found["snr_db"].unit == "dB" and found["snr_db"].value == 10
    assert "bandwidth_bps = 1.2e+07 bit/s" in wb.link("4g").how
