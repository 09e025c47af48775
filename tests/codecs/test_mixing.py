"""Context mixing: exact, smaller than tables, of the same bytes everywhere, and safe whatever it is given."""

from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.codecs import payload
from workbench.codecs.entropy import binary_coder, logistic, mixing, order0
from workbench.codecs.entropy.decisions import STARTS, decisions
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.quantise import dequantise, quantise
from workbench.errors import PayloadError

GOLDEN = Path(__file__).parent.parent / "golden"


def related_map(channels=24, side=32, seed=7, signed=False):
    """Channels that are mixtures of a few smooth planes, with little noise of their own."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(4, side, side)).cumsum(axis=1).cumsum(axis=2) / side
    weights = rng.normal(size=(channels, 4))
    features = np.tensordot(weights, steps, 1) + 0.1 * rng.normal(size=(channels, side, side))
    return (features if signed else np.maximum(features, 0)).astype(np.float32)


def parts_of(coded):
    return [part.name for part in wb.describe(coded).parts]


# ── decisions ──


@pytest.mark.parametrize("bits", range(1, 9))
def test_questions_find_every_symbol_and_few_those_near_the_background(bits):
    for background in {0, 1, 2**bits // 3, 2**bits - 1}:
        tree = decisions(bits, background)
        assert len(tree.least) == 2**bits - 1
        asked = []
        for symbol in range(2**bits):
            node = count = 0
            while node >= 0:
                node = tree.following[node, int(symbol >= tree.least[node])]
                count += 1
            assert -1 - node == symbol
            asked.append(count)
        assert asked[background] == (1 if background in (0, 2**bits - 1) else 2)
        assert max(asked) <= 22
        assert max(asked[background : background + 4]) <= 5


def test_kinds_are_classes_of_magnitude_and_side():
    tree = decisions(8, 100)
    assert [tree.kinds[100 + start] for start in STARTS if start < 156] == [*range(0, 30, 2)]
    assert (tree.kinds[:100] % 2 == 1).all() and (tree.kinds[100:] % 2 == 0).all()
    assert tree.kinds[99] == 1 and tree.kinds[98] == 3


# ── the coder ──


def test_no_entry_of_the_scale_depends_on_the_last_digits_of_exp_or_log():
    for exact in (logistic.EXACT_STRETCH, logistic.EXACT_SQUASH):
        assert np.abs(exact - np.floor(exact) - 0.5).min() > 1e-5
    assert np.array_equal(logistic.SQUASH + logistic.SQUASH[::-1], np.full(2 * logistic.BOUND + 1, 65536))
    assert logistic.SQUASH.min() == 22 and logistic.STRETCH[0] == -2047


@pytest.mark.parametrize("chance", [22, 300, 20000, 65514])
def test_answers_take_as_many_bits_as_they_tell(chance):
    answers = np.random.default_rng(7).random(20_000) < chance / 65536
    coder, data = binary_coder.begin(), np.zeros(40_000, np.uint8)
    for answer in answers:
        binary_coder.code_decision(coder, data, chance, int(answer), True)
    coded = data[: int(coder[binary_coder.PLACE])].tobytes() + binary_coder.last_bytes(coder)
    told = -np.log2(np.where(answers, chance, 65536 - chance) / 65536).sum() / 8
    assert told - 1 <= len(coded) <= 1.001 * told + 2
    reader, padded = binary_coder.begin(), np.frombuffer(coded + bytes(8), np.uint8).copy()
    binary_coder.look_ahead(reader, padded)
    read = [binary_coder.code_decision(reader, padded, chance, 0, False) for _ in answers]
    assert np.array_equal(read, answers)


# ── whole maps ──


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("signed", [False, True])
def test_decodes_to_exactly_the_quantised_features(bits, signed):
    original = related_map(12, 24, signed=signed)
    coded = wb.codec("context", bits=bits, mixing=True).encode(original)
    assert "answers" in parts_of(coded)
    assert np.array_equal(wb.decode(coded), dequantise(*quantise(original, bits)))


@pytest.mark.parametrize(
    ("rows", "width", "plane"),
    [(1, 1, 1), (1, 9, 1), (7, 1, 7), (30, 5, 3), (31, 5, 3), (2, 7, 5), (400, 2, 1)],
)
@pytest.mark.parametrize("bits", [1, 3, 8])
def test_every_grid_comes_back(rows, width, plane, bits):
    symbols = np.random.default_rng(5).integers(0, 2**bits, (rows, width)).astype(np.uint8)
    for background in (0, 2**bits - 1, 2**bits // 2):
        grid = Grid(rows, width, plane, bits, background)
        coded = mixing.encode(symbols, grid)
        assert np.array_equal(mixing.decode(memoryview(coded), grid), symbols)
        assert sum(part.nbytes for part in mixing.anatomy(memoryview(coded), grid)) == len(coded)


def test_what_other_channels_had_at_a_place_saves_a_tenth():
    original = related_map(24, 40, signed=True)
    tables = len(wb.codec("context", bits=4).encode(original))
    mixed = len(wb.codec("context", bits=4, mixing=True).encode(original))
    assert mixed < 0.84 * tables
    shuffled = np.stack([np.roll(plane, 7 * at, (0, 1)) for at, plane in enumerate(original)])
    apart = len(wb.codec("context", bits=4, mixing=True).encode(shuffled))
    assert apart > 1.1 * mixed  # the same planes, but no longer one above the other


def test_noise_costs_hardly_more_than_order_0():
    noise = np.random.default_rng(7).uniform(size=(16, 40, 40)).astype(np.float32)
    symbols = quantise(noise, 4).symbols.reshape(-1, 40)
    mixed = mixing.encode(symbols, Grid(640, 40, 40, 4, 0))
    assert len(mixed) < 1.025 * len(order0.encode(symbols))


def test_noise_that_takes_more_than_its_bits_finds_room():
    symbols = np.random.default_rng(7).integers(0, 256, (128, 256)).astype(np.uint8)
    grid = Grid(128, 256, 128, 8, 0)
    coded = mixing.encode(symbols, grid)
    assert symbols.size + 256 < len(coded) < 1.05 * symbols.size
    assert np.array_equal(mixing.decode(memoryview(coded), grid), symbols)


def test_the_likeliest_answers_take_no_byte():
    grid = Grid(1, 4, 1, 1, 0)
    assert mixing.encode(np.ones((1, 4), np.uint8), grid) == b""
    assert mixing.decode(memoryview(b""), grid).tolist() == [[1, 1, 1, 1]]


def test_layouts_keep_the_gain():
    original = related_map(24, 32)
    codec = wb.codec("context", bits=4, mixing=True)
    reference = len(codec.encode(original))
    channel_last = np.moveaxis(original, 0, -1)
    tokens = channel_last.reshape(-1, 24)
    for variant in (channel_last, channel_last[None], tokens):
        coded = codec.encode(variant)
        assert np.array_equal(wb.decode(coded), dequantise(*quantise(variant, 4)))
        assert abs(len(coded) - reference) <= 16
    with_class_token = codec.encode(np.concatenate([np.zeros((1, 24), np.float32), tokens]))
    assert len(with_class_token) < reference + 60


def test_is_never_larger_than_tables():
    rng = np.random.default_rng(7)
    small = [rng.normal(size=shape).astype(np.float32) for shape in (112, (112, 2, 2))]
    for original in (*small, np.zeros((3, 4, 5), np.float32), np.ones(1, np.float32)):
        plain, mixed = (wb.codec("context", bits=8, mixing=on).encode(original) for on in (False, True))
        assert len(mixed) <= len(plain)
        assert np.array_equal(wb.decode(mixed), wb.decode(plain))
    for original in small:  # ends before the model has learnt enough
        assert "tables" in parts_of(wb.codec("context", bits=8, mixing=True).encode(original))


def test_goes_with_dead_zone_and_centroids():
    original = related_map()
    plain = wb.codec("context", bits=3, dead_zone=0.35).encode(original)
    mixed = wb.codec("context", bits=3, dead_zone=0.35, mixing=True).encode(original)
    assert np.array_equal(wb.decode(plain), wb.decode(mixed))
    assert len(mixed) < 0.95 * len(plain)
    assert {"centroids", "answers"} <= set(parts_of(mixed))


@pytest.mark.parametrize("bits", [1, 2])
def test_bits_of_thresholds_cost_less_by_mixing(bits):
    original = related_map(24, 40, signed=True)
    context, mixed = (
        wb.codec("onebit", bits=bits, lossless=lossless).encode(original)
        for lossless in ("context", "mixing")
    )
    assert np.array_equal(wb.decode(context), wb.decode(mixed))
    assert len(mixed) < 0.93 * len(context)


def test_payloads_name_no_tables_where_mixing_takes_fewer_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_TABLES", str(tmp_path))
    codec = wb.codec("context", bits=4, mixing=True)
    calibrated = codec.calibrate([related_map(seed=seed, signed=True) for seed in range(3)])
    original = related_map(seed=9)  # of another background
    assert calibrated.tables is not None
    assert calibrated.encode(original) == codec.encode(original)


# ── damage ──


def test_damaged_answers_are_refused_or_decode_to_symbols():
    """Without the payload's checksum, which would catch each of these."""
    grid = Grid(60, 20, 20, 3, 0)
    symbols = quantise(related_map(3, 20), 3).symbols.reshape(60, 20)
    coded, rng = mixing.encode(symbols, grid), np.random.default_rng(7)
    cut = [coded[:length] for length in range(len(coded))]
    longer = [coded + b"\0", coded + b"\xff", coded + bytes(300)]
    flipped = []
    for _ in range(300):
        spoilt = bytearray(coded)
        spoilt[rng.integers(len(coded))] ^= 1 << rng.integers(8)
        flipped.append(bytes(spoilt))

    def refused(mutants):
        count = 0
        for mutant in mutants:
            try:
                back = mixing.decode(memoryview(mutant), grid)
            except PayloadError as error:
                assert "do not end where they should" in str(error)
                count += 1
            else:  # these are the bytes of another map
                assert back.shape == symbols.shape and back.max() < 8
                assert mixing.encode(back, grid) == mutant
        return count

    assert refused(longer) == len(longer)
    assert refused(cut) >= len(cut) - 3
    assert refused(flipped) > 250


def test_flags_that_exclude_each_other_are_refused():
    coded = wb.codec("context", mixing=True).encode(related_map())
    read = payload.read(coded)
    body = bytearray(read.body)
    assert body[8] == 4  # behind the grid
    for flags in (6, 7, 8, 255):
        body[8] = flags
        with pytest.raises(PayloadError, match="does not say what follows"):
            wb.decode(payload.write("context", read.dtype, read.shape, read.settings, bytes(body)))


def test_bytes_without_symbols_are_refused():
    with pytest.raises(PayloadError, match="no symbols"):
        mixing.decode(memoryview(b"\0"), Grid(0, 1, 1, 4, 0))
    assert mixing.decode(memoryview(b""), Grid(0, 1, 1, 4, 0)).shape == (0, 1)


# ── stored payloads ──

STORED = [("relu", 2), ("relu", 4), ("relu", 8), ("tokens", 1), ("tokens", 5)]


def stored_features(kind):
    """Sums of whole numbers, so that every machine makes the same; with tokens, a class token in front."""
    rng = np.random.default_rng(11)
    planes = rng.integers(-9, 10, size=(5, 16, 16)).cumsum(axis=1).cumsum(axis=2)
    mixed = np.tensordot(rng.integers(-3, 4, size=(24, 5)), planes, 1) + rng.integers(-9, 10, (24, 16, 16))
    if kind == "relu":
        return np.maximum(mixed, 0).astype(np.float32)
    tokens = mixed.reshape(24, -1).T
    return np.concatenate([tokens[:1] * 2, tokens]).astype(np.float32)


@pytest.mark.parametrize(("kind", "bits"), STORED)
def test_stored_payloads_decode_and_come_out_again(kind, bits, request):
    path, original = GOLDEN / f"context-mixing-{kind}-{bits}.wbp", stored_features(kind)
    coded = wb.codec("context", bits=bits, mixing=True).encode(original)
    if request.config.getoption("--write-golden") and not path.exists():
        path.write_bytes(coded)
    stored = path.read_bytes()
    assert "answers" in parts_of(stored)
    assert np.array_equal(wb.decode(stored), dequantise(*quantise(original, bits)))
    assert coded == stored


WITHOUT_NUMBA = """
for kind, bits in (("relu", 4), ("tokens", 1)):
    coded = test.wb.codec("context", bits=bits, mixing=True).encode(test.stored_features(kind))
    assert coded == (test.GOLDEN / f"context-mixing-{kind}-{bits}.wbp").read_bytes(), (kind, bits)
"""


@pytest.mark.slow  # two maps in plain Python take eight seconds
def test_boards_without_numba_give_the_same_bytes(without_numba):
    """Plain Python on numpy's scalars, where nothing may overflow that machine words would hold."""
    without_numba(__file__, WITHOUT_NUMBA)


@pytest.mark.slow
def test_another_processor_gives_the_same_bytes(on_another_processor):
    """The stored payloads again, in machine code for a processor without the instructions of this one."""
    assert f"{len(STORED)} passed" in on_another_processor(__file__, "stored_payloads")
