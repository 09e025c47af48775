"""The rANS library: sizes against numpy's own entropy, every table exact, no damage unnoticed."""

import math
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from workbench.codecs.entropy import bitstream, compiled, order0, rans, scratch, tables
from workbench.errors import PayloadError


def entropy_bytes(symbols):
    """Shannon's bound worked out with numpy alone."""
    _, counts = np.unique(symbols, return_counts=True)
    share = counts / counts.sum()
    return float(-(counts * np.log2(share)).sum() / 8)


def geometric(count, alphabet, seed=7, chance=0.3):
    return np.minimum(np.random.default_rng(seed).geometric(chance, count) - 1, alphabet - 1)


def there_and_back(symbols):
    data = order0.encode(symbols)
    largest = int(symbols.max()) if symbols.size else 0
    return data, order0.decode(memoryview(data), symbols.size, largest)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 64, 1000, 4099])
@pytest.mark.parametrize("alphabet", [1, 2, 3, 16, 255, 256])
def test_small_alphabets_come_back(count, alphabet):
    symbols = np.random.default_rng(count).integers(0, alphabet, count, dtype=np.uint8, endpoint=False)
    assert np.array_equal(there_and_back(symbols)[1], symbols)


@pytest.mark.parametrize("alphabet", [257, 5000, 70_000, 2**32])
@pytest.mark.parametrize("count", [1, 9, 3000])
def test_large_alphabets_come_back(count, alphabet):
    symbols = np.random.default_rng(count).integers(0, alphabet, count, dtype=np.uint32)
    assert np.array_equal(there_and_back(symbols)[1], symbols)


def test_all_symbols_of_a_wide_alphabet_once():
    symbols = np.random.default_rng(7).permutation(30_000)
    data, back = there_and_back(symbols)
    assert np.array_equal(back, symbols)
    assert len(data) < 1.1 * (30_000 * math.log2(30_000) / 8 + 2 * 30_000)


@pytest.mark.parametrize("chance", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("alphabet", [16, 64])
def test_large_maps_are_within_a_quarter_percent_of_shannon(chance, alphabet):
    symbols = geometric(200_000, alphabet, chance=chance).astype(np.uint8)
    data, back = there_and_back(symbols)
    assert np.array_equal(back, symbols)
    assert entropy_bytes(symbols) < len(data) <= 1.0025 * entropy_bytes(symbols) + 40


def test_own_entropy_is_numpys():
    symbols = geometric(10_000, 40)
    assert order0.shannon_bytes(symbols) == pytest.approx(entropy_bytes(symbols), rel=1e-12)


def test_one_rare_symbol_beside_a_very_frequent_one():
    symbols = np.zeros(100_000, np.uint8)
    symbols[77_777] = 9
    data, back = there_and_back(symbols)
    assert np.array_equal(back, symbols)
    assert len(data) < 60


def test_a_constant_is_its_table_alone():
    data, back = there_and_back(np.full(1_000_000, 200, np.uint8))
    assert len(data) <= 6
    assert back.min() == back.max() == 200


def test_equal_symbols_give_equal_bytes_whatever_their_type():
    symbols = geometric(999, 30)
    assert {order0.encode(symbols.astype(kind)) for kind in (np.uint8, np.uint16, np.uint32, np.int64)} == {
        order0.encode(symbols.astype(np.uint8))
    }


def test_parts_add_up():
    symbols = geometric(5000, 16)
    data = order0.encode(symbols)
    parts = order0.anatomy(memoryview(data), 5000)
    assert [part.name for part in parts] == ["table", "lane states", "words"]
    assert sum(part.nbytes for part in parts) == len(data)


@pytest.mark.parametrize("bad", [np.array([0.5]), np.array([-1]), np.array([2**32]), np.array(["a"])])
def test_only_whole_numbers_are_coded(bad):
    with pytest.raises(ValueError, match="symbols"):
        order0.encode(bad)


# ── damage: no checksum protects the coder itself ──


@pytest.mark.parametrize("alphabet", [2, 16, 256, 1000])
def test_every_truncation_is_noticed(alphabet):
    symbols = geometric(300, alphabet, chance=0.02)
    data = order0.encode(symbols)
    for length in range(len(data)):
        with pytest.raises(PayloadError):
            order0.decode(memoryview(data)[:length], 300, int(symbols.max()))


@pytest.mark.parametrize("alphabet", [1, 2, 16, 1000])
def test_no_mutation_crashes_or_gives_a_symbol_out_of_range(alphabet):
    rng = np.random.default_rng(7)
    symbols = geometric(257, alphabet, chance=0.02)
    data = order0.encode(symbols)
    refused = 0
    for _ in range(3000):
        spoilt = bytearray(data)
        for position in rng.integers(0, len(data), rng.integers(1, 4)):
            spoilt[position] = rng.integers(0, 256)
        try:
            back = order0.decode(memoryview(spoilt), 257, alphabet - 1)
        except PayloadError:
            refused += 1
            continue
        assert back.size == 257
        assert back.max() < alphabet
    assert refused > 1000


def test_wrong_count_is_noticed():
    data = memoryview(order0.encode(geometric(1000, 16)))
    for count in (0, 1, 999, 1001, 2000):
        with pytest.raises(PayloadError):
            order0.decode(data, count, 15)


def test_a_table_of_symbols_that_cannot_be_is_refused():
    data = order0.encode(np.array([1, 2, 300]))
    with pytest.raises(PayloadError, match="largest"):
        order0.decode(memoryview(data), 3, 255)


def test_states_out_of_range_are_refused():
    data = bytearray(order0.encode(geometric(100, 4)))
    table = order0.anatomy(memoryview(data), 100)[0].nbytes
    data[table : table + 8] = bytes(8)
    with pytest.raises(PayloadError, match="state"):
        order0.decode(memoryview(data), 100, 3)


# ── tables ──


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_frequencies_add_up_and_none_is_zero(bits):
    rng = np.random.default_rng(bits)
    for size in (1, 2, 3, 100, 256):
        counts = rng.integers(1, 10 ** rng.integers(1, 8), size)
        frequencies = tables.normalise(counts, bits)
        assert frequencies.min() >= 1
        assert int(frequencies.sum()) == 1 << bits


def test_normalising_is_nearly_as_good_as_trying_everything():
    """Three symbols, 6 bits: all 1891 tables compared."""
    for counts in ([1000, 10, 1], [5, 5, 6], [1, 1, 900], [300, 200, 7]):
        occurrences = np.array(counts)
        best = min(
            -(occurrences * np.log2(np.array([a, b, 64 - a - b]) / 64)).sum()
            for a in range(1, 63)
            for b in range(1, 64 - a)
        )
        own = -(occurrences * np.log2(tables.normalise(occurrences, 6) / 64)).sum()
        assert own == pytest.approx(best, rel=1e-3)


def test_too_many_symbols_for_the_precision():
    with pytest.raises(ValueError, match=r"2\*\*2"):
        tables.normalise(np.ones(5, int), 2)


def test_table_bytes_are_what_was_predicted_and_come_back():
    table = tables.make_table(np.array([0, 3, 4, 70]), np.array([900, 5, 77, 1]))
    data = table.to_bytes()
    assert len(data) == tables.table_nbytes(table.symbols, table.frequencies)
    back, used = tables.read_table(memoryview(data + b"rest"), 100)
    assert used == len(data)
    assert np.array_equal(back.symbols, table.symbols)
    assert np.array_equal(back.frequencies, table.frequencies)


@pytest.mark.parametrize("values", [[1], [2, 1, 3], [2**32 - 1, 1, 2**31], list(range(1, 200))])
@pytest.mark.parametrize("order", [0, 1, 5])
def test_exp_golomb_code(values, order):
    data = bitstream.write_golomb(np.array(values, np.uint64), (0, order))
    orders = [order if place % 2 else 0 for place in range(len(values))]
    bits = sum(2 * (((v - 1) >> k) + 1).bit_length() - 1 + k for v, k in zip(values, orders, strict=True))
    assert len(data) == (bits + 7) // 8
    back, used = bitstream.read_golomb(memoryview(data), len(values), (0, order))
    assert back.tolist() == values
    assert used == len(data)


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**28, 2**35 - 1])
def test_varint(value):
    data = bitstream.varint(value)
    assert bitstream.read_varint(memoryview(data), 0) == (value, len(data))
    with pytest.raises(PayloadError):
        bitstream.read_varint(memoryview(data[:-1]), 0)


def test_a_number_has_one_form_only():
    with pytest.raises(PayloadError):
        bitstream.read_varint(memoryview(b"\x80\x00"), 0)


def test_reciprocals_divide_exactly():
    """Every frequency up to 4096, states from end to end of their range, against Python's own division."""
    rng = np.random.default_rng(7)
    for bits in (8, 12):
        for frequency in [*range(1, 40), 255, 256, (1 << bits) - 1, *rng.integers(1, 1 << bits, 60).tolist()]:
            start = int(rng.integers(0, (1 << bits) - frequency + 1))
            steps = np.empty(8, np.uint64)
            frequencies = np.array([start, frequency], np.uint32)
            rans.fill_steps(frequencies, bits, np.arange(2), steps, steps.view(np.uint32))
            top = frequency << (63 - bits)
            for x in [1 << 20, top - 1, *rng.integers(1 << 20, top, 20).tolist()]:
                quotient, rest = divmod(x, frequency)
                expected = (quotient << bits) + rest + start
                assert rans.push(np.uint64(x), steps, steps.view(np.uint32), np.uint64(4)) == expected


# ── starting up ──


def test_importing_codecs_does_not_load_numba():
    code = "import sys, workbench.codecs, workbench.codecs.rans_csr; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_folder_for_compiled_code_is_one_warning_and_no_failure(monkeypatch):
    real = compiled.numba.njit

    def njit(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'f': no locator available for file 'x.py'")
        return real(**options)

    monkeypatch.setattr(compiled.numba, "njit", njit)
    monkeypatch.setattr(compiled, "_warned", False)
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR"):
        double = compiled.compiled(lambda x: 2 * x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled.compiled(lambda x: 3 * x)
    assert double(21) == 42


def test_borrowed_memory_is_the_threads_own_and_is_kept():
    first = scratch.borrow("test", (3, 4), np.uint16)
    first[:] = 7
    assert scratch.borrow("test", 12, np.uint16).tolist() == [7] * 12
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(scratch.borrow, "test", 12, np.uint16).result()
    assert not np.shares_memory(first, other)
    large = scratch.borrow("test", scratch.MOST_KEPT_BYTES + 1, np.uint8)
    assert not np.shares_memory(large, scratch.borrow("test", 12, np.uint16))


@pytest.mark.slow
def test_compiled_code_stays_within_its_arrays(tmp_path):
    """The same tests, damage included, with every index checked by numba."""
    env = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    here = Path(__file__).parent
    files = [
        str(here / f"test_{name}.py") for name in ("rans", "eight_lanes", "context", "reshape", "rans_csr")
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, env=env, cwd=here.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
