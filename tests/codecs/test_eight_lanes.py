"""Long streams: the same numbers as plain division gives, in any processor's vector instructions."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.codecs.battery.samples import smooth_map
from workbench.codecs.entropy import eight_lanes, order0, tables
from workbench.codecs.quantise import dequantise, quantise
from workbench.errors import PayloadError

GOLDEN = Path(__file__).parent.parent / "golden"
LONG = order0.EIGHT_LANES_FROM


def drawn(count, alphabet=16, chance=0.4):
    rng = np.random.default_rng(count)
    return np.minimum(rng.geometric(chance, count) - 1, alphabet - 1).astype(np.uint8)


def by_hand(symbols, frequency, start):
    """States and words in the order in which the decoder reads them, by Python's own division."""
    lanes, sent = [1 << 24] * 8, []
    whole = len(symbols) // 16 * 16
    for place in range(len(symbols) - 1, whole - 1, -1):
        symbol, x = symbols[place], lanes[place % 8]
        quotient, rest = divmod(x, frequency[symbol])
        lanes[place % 8] = quotient * 4096 + rest + start[symbol]
    for group in range(whole - 16, -1, -16):
        for lane in range(7, -1, -1):
            pair = symbols[group + lane], symbols[group + 8 + lane]
            x = lanes[lane]
            if x >= frequency[pair[0]] * frequency[pair[1]] << 24:
                sent.append(x & 0xFFFFFF)
                x >>= 24
            for symbol in pair[::-1]:
                quotient, rest = divmod(x, frequency[symbol])
                x = quotient * 4096 + rest + start[symbol]
            lanes[lane] = x
    return lanes, sent[::-1]


@pytest.mark.parametrize("count", [LONG, LONG + 1, LONG + 7, LONG + 8, LONG + 15])
@pytest.mark.parametrize(("alphabet", "chance"), [(2, 0.98), (16, 0.4), (256, 0.02)])
def test_bytes_are_those_of_plain_division(count, alphabet, chance):
    symbols = drawn(count, alphabet, chance)
    data = order0.encode(symbols)
    table, used = tables.read_table(memoryview(data), count)
    assert data[0] & 31 == tables.EIGHT_LANES and table.bits == 12
    own = dict(zip(table.symbols.tolist(), table.frequencies.tolist(), strict=True))
    starts = dict(zip(table.symbols.tolist(), table.starts.tolist(), strict=True))
    states, words = by_hand(symbols.tolist(), own, starts)
    expected = [*(state.to_bytes(6, "little") for state in states)]
    expected += [word.to_bytes(3, "little") for word in words]
    assert data[used:] == b"".join(expected)
    assert np.array_equal(order0.decode(memoryview(data), count, 255), symbols)


def test_reciprocals_divide_exactly_to_the_end_of_their_range():
    rng = np.random.default_rng(7)
    top = 1 << 48
    for f in range(1, 4096):
        rows = np.empty(8)
        eight_lanes.fill_rows(np.array([4096 - f, f], np.uint32), np.arange(2), rows)
        assert rows[7] == f * 4096.0
        for x in {top - 1, top - 1 - (top - 1) % f, top - top % f - 1, f, f - 1, *rng.integers(0, top, 3)}:
            assert int(np.floor(np.float64(x) * rows[4])) == int(x) // f, (x, f)
    expected = (int(x) // f) * 4096 + int(x) % f + 1
    assert eight_lanes.push(float(x), rows, 4) == expected


def test_random_bytes_need_the_large_buffer():
    symbols = np.random.default_rng(3).integers(0, 256, LONG + 5).astype(np.uint8)
    data = order0.encode(symbols)
    assert len(symbols) < len(data) < 1.02 * len(symbols)
    assert np.array_equal(order0.decode(memoryview(data), symbols.size, 255), symbols)


@pytest.mark.parametrize("size", [0, 3, 27, 28, 51, 52, 100, 1000])
def test_a_buffer_too_small_is_said_and_never_passed(size):
    symbols, room = drawn(4096), 64
    buffer = np.full(size + 2 * room, 77, np.uint8)
    frequencies = tables.normalise(np.bincount(symbols), 12)
    rows = np.empty(4 * 256)
    eight_lanes.fill_rows(frequencies, np.arange(len(frequencies)), rows)
    states = np.full(8, eight_lanes.LOWEST)
    assert eight_lanes.encode(symbols, rows, states, buffer[room:-room]) == -1
    assert (buffer[:room] == 77).all() and (buffer[-room:] == 77).all()


def test_shorter_streams_keep_four_lanes_and_long_ones_of_before_still_decode():
    assert order0.encode(drawn(LONG - 1))[0] & 31 == 12
    symbols = drawn(LONG + 3)
    before = order0._encode_short(symbols)
    assert before[0] & 31 == 12
    assert np.array_equal(order0.decode(memoryview(before), symbols.size, 255), symbols)
    assert abs(len(before) - len(order0.encode(symbols))) < 40


def test_parts_add_up():
    symbols = drawn(LONG)
    data = order0.encode(symbols)
    parts = order0.anatomy(memoryview(data), LONG)
    assert [(part.name, part.nbytes) for part in parts[1:2]] == [("lane states", 48)]
    assert parts[1].meaning == "eight rANS states of 48 bits"
    assert sum(part.nbytes for part in parts) == len(data)


def test_a_long_constant_is_its_table_alone():
    data = order0.encode(np.full(LONG, 200, np.uint8))
    assert len(data) <= 6
    assert (order0.decode(memoryview(data), LONG, 255) == 200).all()


# ── damage: no checksum protects the coder itself ──


def test_truncations_are_noticed():
    symbols = drawn(LONG, 4, 0.95)
    data = memoryview(order0.encode(symbols))
    for length in [*range(120), *range(120, len(data), 61), *range(len(data) - 60, len(data))]:
        with pytest.raises(PayloadError):
            order0.decode(data[:length], LONG, 3)


def test_no_mutation_crashes_or_gives_a_symbol_out_of_range():
    rng = np.random.default_rng(7)
    data = order0.encode(drawn(LONG, 4, 0.95))
    refused = 0
    for turn in range(1500):
        spoilt = bytearray(data)
        end = 60 if turn % 2 else len(data)  # every other one in the table and the states
        for place in rng.integers(0, end, rng.integers(1, 4)):
            spoilt[place] = rng.integers(0, 256)
        try:
            back = order0.decode(memoryview(spoilt), LONG, 3)
        except PayloadError:
            refused += 1
            continue
        assert back.size == LONG and back.max() < 4
    assert refused > 1400


def test_states_out_of_range_are_refused():
    data = bytearray(order0.encode(drawn(LONG)))
    table = order0.anatomy(memoryview(data), LONG)[0].nbytes
    data[table + 3 : table + 6] = bytes(3)
    with pytest.raises(PayloadError, match="state"):
        order0.decode(memoryview(data), LONG, 15)


def test_more_symbols_than_bytes_have_are_refused():
    table = tables.make_table(np.arange(300), np.full(300, 9), 12)
    data = bytearray(table.to_bytes()) + bytes(5 * 48)
    data[0] |= 31
    with pytest.raises(PayloadError, match="300 symbols in a stream of bytes"):
        order0.decode(memoryview(data), LONG, 299)


# ── stored bytes ──


@pytest.mark.parametrize("lanes", ["four", "eight"])
def test_stored_payload_of_a_long_map(lanes):
    """The golden map is too small for eight lanes; four are what long maps had before."""
    features = smooth_map((8, 64, 65), seed=31)
    stored = (GOLDEN / f"uniform-rans-{lanes}-lanes.wbp").read_bytes()
    assert f"{lanes} rANS states" in next(
        part.meaning for part in wb.describe(stored).parts if part.name == "lane states"
    )
    assert np.array_equal(wb.decode(stored), dequantise(*quantise(features, 4)))
    if lanes == "eight":
        assert wb.codec("uniform", bits=4, lossless="rans").encode(features) == stored


@pytest.mark.slow
def test_another_processor_makes_the_same_bytes():
    """These tests again, in machine code for a processor without the instructions of this one."""
    with tempfile.TemporaryDirectory() as cache:
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", __file__],
            env={**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": cache},
            capture_output=True,
            text=True,
        )
    assert run.returncode == 0, run.stdout[-3000:]
