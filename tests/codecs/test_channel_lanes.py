"""Channels 16 or 32 abreast: the bytes of plain division, from any processor, and safe in any hands."""

from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.codecs import payload
from workbench.codecs.entropy import calibration, channel_lanes, channel_rans, contexts, fitting, four_lanes
from workbench.codecs.entropy.context_model import fill_frequencies
from workbench.codecs.entropy.grid import Grid
from workbench.codecs.quantise import dequantise, quantise
from workbench.codecs.table_store import folder
from workbench.errors import PayloadError

GOLDEN = Path(__file__).parent.parent / "golden"
SIXTEEN, THIRTY_TWO = 0x40, 0x20


def map_of(shape, bits, seed=7):
    """Symbols whose neighbours are alike, of all values."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=shape).cumsum(axis=-1).cumsum(axis=-2) + rng.normal(size=shape)
    return (np.clip((steps - steps.min()) / np.ptp(steps) * 2**bits * 1.1, 0, 2**bits - 1)).astype(np.uint8)


def prepared(shape, bits, background=1, seed=7, fitted=True):
    """Rows, grid, filters, keys and tables of such a map, as `contexts.encode` has them for 16 lanes."""
    rows = map_of(shape, bits, seed).reshape(-1, shape[-1])
    grid = Grid(len(rows), shape[-1], shape[-2], bits, background, fitted, 16)
    chosen = (np.arange(grid.channels) % (8 if fitted else 1)).astype(np.uint8)
    keys, histogram = contexts.contexts_of(rows, grid, chosen)
    model, _ = fitting.fit(histogram, bits, background, fitted=fitted)
    return rows, grid, chosen, keys.copy(), model.for_lanes(bits, background)


def calibrated(shape, bits, background=1):
    """Rows, grid, keys and what is known of such a map, calibrated on another, for 32 lanes."""
    others = map_of(shape, bits, seed=8).reshape(-1, shape[-1])
    rows = map_of(shape, bits).reshape(-1, shape[-1])
    grid = Grid(len(rows), shape[-1], shape[-2], bits, background)
    known = calibration.find([(others, grid)], (255, 0))
    grid = grid._replace(lanes=32, own=known.walk)
    keys, _ = contexts.contexts_of(rows, grid, known.filters_of(grid), counted=False)
    return rows, grid, keys.copy(), known


def by_hand(keys, grid, tables):
    """Tail, states and words in the order in which the decoder reads them, by Python's own division."""
    frequencies = np.zeros((len(tables.codes), 1 << grid.bits), np.uint32)
    fill_frequencies(tables.codes, tables.sizes, tables.groups, tables.precision, frequencies)
    precision = tables.precision
    starts = np.cumsum(frequencies, axis=1) - frequencies
    lanes, words = [1] * grid.lanes, []

    def push(column, states):
        group, rest = divmod(column, grid.plane * grid.width)
        new, sent = list(states), []
        for lane in range(grid.lanes - 1, -1, -1):
            key = int(keys.reshape(-1)[(group * grid.lanes + lane) * grid.plane * grid.width + rest])
            table, symbol = tables.table_of[key >> grid.bits], key & (1 << grid.bits) - 1
            f, x = int(frequencies[table, symbol]), new[lane]
            if x >= f << 31 - precision:
                sent.append(x & 0xFFFF)
                x >>= 16
            new[lane] = (x // f << precision) + x % f + int(starts[table, symbol])
        return new, sent

    columns, tail = keys.size // grid.lanes, 0
    while tail < min(columns, 255):
        new, sent = push(columns - 1 - tail, lanes)
        if sent or max(new) >= 2**31 - 2**15:
            break
        lanes, tail = new, tail + 1
    lanes = [x + 2**15 for x in lanes]
    for column in range(columns - tail - 1, -1, -1):
        lanes, sent = push(column, lanes)
        words += sent
    return tail, lanes, words[::-1]


SHAPES = [(16, 5, 23), (32, 4, 16), (48, 3, 15), (16, 1, 40), (32, 2, 1), (16, 9, 33)]


def front_of(tail, states):
    bits = f"{tail:08b}"[::-1]
    for state in states:
        length = state.bit_length() - 1
        bits += f"{length - 15:04b}"[::-1] + f"{state - (1 << length):0{length}b}"[::-1]
    return int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bits", [1, 2, 4, 5, 8])
def test_bytes_are_those_of_plain_division(shape, bits):
    rows, grid, chosen, keys, tables = prepared(shape, bits, fitted=bits > 1)
    coded = b"".join(channel_lanes.encode(keys, grid, tables))
    tail, states, words = by_hand(keys, grid, tables)
    assert coded == front_of(tail, states) + np.array(words, "<u2").tobytes()
    assert np.array_equal(channel_lanes.decode(memoryview(coded), grid, chosen, tables), rows)


@pytest.mark.parametrize(
    "shape", [(32, 5, 23), (64, 4, 16), (96, 3, 15), (32, 1, 40), (32, 2, 1), (32, 9, 133)]
)
@pytest.mark.parametrize("bits", [1, 2, 4, 7, 8])
def test_of_32_lanes_too(shape, bits):
    rows, grid, keys, known = calibrated(shape, bits)
    coded = contexts.encode(rows, grid._replace(own=None), known)
    tail, states, words = by_hand(keys, grid, known.tables)
    assert len(states) == 32
    assert coded == front_of(tail, states) + np.array(words, "<u2").tobytes()
    assert np.array_equal(contexts.decode(memoryview(coded), grid._replace(own=None), known), rows)


def test_reciprocals_divide_exactly_to_the_end_of_their_range():
    rng, top, total = np.random.default_rng(7), 1 << 31, 4096
    frequencies = np.array([[total - f, f] for f in range(1, total)], np.uint32)
    steps = np.empty(frequencies.size, np.uint64)
    channel_rans.fill_steps(frequencies, 12, steps)
    for f, step in enumerate(steps[1::2].tolist(), 1):
        reciprocal, own, bias, shift = step & 0xFFFFFFFF, step >> 32 & 0xFFF, step >> 44 & 0x1FFF, step >> 57
        assert own == f
        for x in {
            1,
            f,
            2 * f - 1,
            top - 1,
            top - 1 - (top - 1) % f,
            top - top % f - 1,
            *rng.integers(1, top, 3),
        }:
            quotient = (int(x) * reciprocal >> 32) >> shift
            assert int(x) + bias + quotient * (total - f) == int(x) // f * total + int(x) % f + total - f, (
                x,
                f,
            )


def test_a_tail_ends_before_a_state_that_would_leave_its_range():
    """A symbol of frequency 1 at the last slot: three make 2**31 - 1, and 2**15 is still to be added."""
    steps = np.empty(2, np.uint64)
    channel_rans.fill_steps(np.array([[1023, 1]], np.uint32), 10, steps)
    front, words = np.zeros(channel_rans.MOST_FRONT, np.uint8), np.zeros(96 + channel_rans.SPARE, np.uint16)
    keys, index = np.ones((16, 6), np.uint16), np.arange(2, dtype=np.uint16)
    first, _ = channel_rans.encode_channels(
        np.empty((0, 0), np.uint8), keys, 6, 1, 16, index, steps, 10, words, front
    )
    states = np.empty(16, np.uint32)
    tail, _ = channel_rans.read_states(front, states)
    expected, sent = 2047 * 1024 + 1023 + 2**15, 0
    for _ in range(4):
        if expected >= 1 << 21:
            expected, sent = expected >> 16, sent + 1
        expected = expected * 1024 + 1023
    assert tail == 2 and set(states.tolist()) == {expected} and len(words) - first == 16 * sent


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_a_constant_map_is_its_states_alone(bits):
    """Nothing is sent, so words would be a mistake; up to 255 columns begin the states."""
    grid = Grid(64, 300, 4, bits, 0, bits > 1, 16)
    rows = np.zeros((64, 300), np.uint8)
    coded = contexts.encode(rows, grid)
    parts = {part.name: part.nbytes for part in contexts.anatomy(memoryview(coded), grid)}
    assert parts["words"] == 0 and parts["lane states"] <= 40
    assert np.array_equal(contexts.decode(memoryview(coded), grid), rows)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_sixteen_lanes_take_hardly_more_bytes_than_four(bits):
    """What their states begin with makes up for their number."""
    rows, grid, chosen, keys, tables = prepared((64, 40, 40), bits, fitted=False)
    narrow = grid._replace(lanes=0)
    wide = b"".join(channel_lanes.encode(keys, grid, tables))
    keys, _ = contexts.contexts_of(rows, narrow, chosen)
    four = b"".join(four_lanes.encode(keys, narrow, tables))
    assert abs(len(wide) - len(four)) <= 24


# ── through the codec ──


def features_of(shape, seed=5):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32).cumsum(axis=-1).cumsum(axis=-2)


def names_of(coded):
    return [part.name for part in wb.describe(coded).parts]


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("shape", [(16, 32, 32), (18, 40, 33), (48, 40, 9), (30, 24, 130), (2, 16, 30, 30)])
def test_large_maps_decode_to_exactly_the_quantised_features(bits, shape):
    features = features_of(shape)
    coded = wb.codec("context", bits=bits, layout="channel-first").encode(features)
    assert np.array_equal(wb.decode(coded), dequantise(*quantise(features, bits)))
    description = wb.describe(coded)
    meanings = [part.meaning for part in description.parts if part.name == "lane states"]
    whole = int(np.prod(shape[:-2])) % 16 == 0
    assert [meaning[:2] for meaning in meanings] == (["16"] if whole else ["16", meanings[-1][:2]])
    assert ("length" in names_of(coded)) == (not whole)


def test_class_tokens_are_coded_behind_the_channels():
    """Of a transformer's tokens: 64 channels of 16 rows of 16, and a class token, whose rows come last."""
    images = features_of((64, 16, 16)).reshape(64, 256).T
    tokens = np.concatenate([images[:1] * 3, images])
    coded = wb.codec("context", bits=4).encode(tokens)
    assert np.array_equal(wb.decode(coded), dequantise(*quantise(tokens, 4)))
    states = [part.meaning[:2] for part in wb.describe(coded).parts if part.name == "lane states"]
    assert states == ["16", "1 "]


@pytest.mark.parametrize("shape", [(15, 60, 60), (24, 21, 37), (16, 31, 33)])
def test_maps_with_too_little_for_sixteen_keep_four(shape):
    coded = wb.codec("context", bits=4, layout="channel-first").encode(features_of(shape))
    assert not payload.read(coded).body[10] & SIXTEEN
    assert [part.nbytes for part in wb.describe(coded).parts if part.name == "lane states"] == [32]


@pytest.mark.parametrize(
    ("shape", "flag", "lanes"),
    [
        ((32, 46, 46), THIRTY_TWO, ["32"]),
        ((64, 32, 32), THIRTY_TWO, ["32"]),
        ((64, 31, 33), SIXTEEN, ["16"]),
        ((48, 40, 40), SIXTEEN, ["16"]),
        ((40, 50, 40), SIXTEEN, ["16", "4 "]),
    ],
)
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_calibrated_tables_go_with_32_lanes_in_huge_maps(shape, flag, lanes, bits, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_TABLES", str(tmp_path))
    features = features_of(shape)
    codec = wb.codec("context", bits=bits).calibrate([features])
    coded = codec.encode(features)
    assert folder() == tmp_path and names_of(coded)[-2:] == ["lane states", "words"]
    assert payload.read(coded).body[18] & 0xE0 == flag
    assert [part.meaning[:2] for part in wb.describe(coded).parts if part.name == "lane states"] == lanes
    assert np.array_equal(wb.decode(coded), dequantise(*quantise(features, bits)))


# ── damage ──


def rewrapped(coded, body):
    read = payload.read(coded)
    return payload.write(read.codec, read.dtype, read.shape, read.settings, bytes(body))


def coded_of(shape, bits, calibrated):
    codec = wb.codec("context", bits=bits)
    return (codec.calibrate([features_of(shape, 6)]) if calibrated else codec).encode(features_of(shape))


DAMAGED = [((16, 32, 32), False), ((18, 40, 33), False), ((32, 48, 44), True)]


@pytest.mark.parametrize(("shape", "calibrated"), DAMAGED)
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_bodies_that_are_cut_short_are_refused(shape, bits, calibrated):
    coded = coded_of(shape, bits, calibrated)
    body = payload.read(coded).body
    for length in [*range(0, min(len(body), 1200), 3), len(body) - 4, len(body) - 2, len(body) - 1]:
        with pytest.raises(PayloadError):
            wb.decode(rewrapped(coded, body[:length]))


@pytest.mark.parametrize(("shape", "calibrated"), DAMAGED)
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_spoilt_bodies_give_an_array_of_the_shape_or_are_refused(shape, bits, calibrated):
    rng = np.random.default_rng(7)
    coded = coded_of(shape, bits, calibrated)
    body = payload.read(coded).body
    refused = 0
    for _ in range(500):
        spoilt = bytearray(body)
        for place in rng.integers(0, min(len(body), 900), rng.integers(1, 4)):
            spoilt[place] = rng.integers(0, 256)
        try:
            back = wb.decode(rewrapped(coded, spoilt))
        except PayloadError:
            refused += 1
            continue
        assert back.shape == shape and np.isfinite(back).all()
    assert refused > 250


def test_words_that_are_too_few_or_too_many_are_refused():
    _, grid, chosen, keys, tables = prepared((16, 5, 40), 4)
    coded = b"".join(channel_lanes.encode(keys, grid, tables))
    for wrong, message in (
        (coded + b"\0\0", "do not end"),
        (coded[:-2], "do not end"),
        (coded[:20], "short"),
    ):
        with pytest.raises(PayloadError, match=message):
            channel_lanes.decode(memoryview(wrong), grid, chosen, tables)


def test_states_that_began_with_more_columns_than_there_are_are_refused():
    _, grid, chosen, keys, tables = prepared((16, 1, 40), 4)
    coded = bytearray(b"".join(channel_lanes.encode(keys, grid, tables)))
    for tail in range(256):
        if tail == coded[0]:
            continue
        with pytest.raises(PayloadError, match="columns" if tail > 40 else "do not end"):
            channel_lanes.decode(memoryview(bytes([tail]) + coded[1:]), grid, chosen, tables)


@pytest.mark.parametrize(("flag", "message"), [(SIXTEEN, "16 channels"), (THIRTY_TWO, "32 channels")])
@pytest.mark.parametrize("mixing", [False, True])
def test_a_flag_where_no_channels_can_stand_abreast_is_refused(flag, message, mixing):
    coded = wb.codec("context", bits=4, mixing=mixing).encode(features_of((15, 40, 40)))
    spoilt = bytearray(payload.read(coded).body)
    spoilt[10] |= flag
    with pytest.raises(PayloadError, match=f"{message} abreast where"):
        wb.decode(rewrapped(coded, spoilt))


def test_a_flag_that_mixing_cannot_have_is_refused():
    coded = wb.codec("context", bits=4, mixing=True).encode(features_of((32, 20, 20)))
    spoilt = bytearray(payload.read(coded).body)
    for flag, message in ((SIXTEEN, "16 channels"), (THIRTY_TWO, "32 channels"), (0x60, "both 16 and 32")):
        changed = spoilt.copy()
        changed[10] |= flag
        with pytest.raises(PayloadError, match=message):
            wb.decode(rewrapped(coded, changed))


def test_a_length_beyond_the_payload_is_refused():
    grid = Grid(18 * 8, 40, 8, 4, 0, True, 16)
    rows = map_of((18, 8, 40), 4).reshape(-1, 40)
    coded = contexts.encode(rows, grid)
    place = sum(part.nbytes for part in contexts.anatomy(memoryview(coded), grid)[:2])
    spoilt = coded[:place] + b"\xff\xff\x03" + coded[place + 2 :]
    with pytest.raises(PayloadError, match="cut short"):
        contexts.decode(memoryview(spoilt), grid)


# ── other processors ──

STORED = [("relu", 1), ("relu", 2), ("relu", 4), ("relu", 8), ("tokens", 3), ("tokens", 6)]


def stored_features(kind):
    """Sums of whole numbers, so that every machine makes the same; tokens with a class token in front."""
    rng = np.random.default_rng(11)
    steps = rng.integers(-9, 10, size=(64, 17, 17)).cumsum(axis=1).cumsum(axis=2)
    if kind == "relu":
        return np.maximum(steps, 0).astype(np.float32)
    tokens = steps.reshape(64, -1).T
    return np.concatenate([tokens[:1] * 2, tokens]).astype(np.float32)


@pytest.mark.parametrize(("kind", "bits"), STORED)
def test_stored_payloads_decode_and_come_out_again(kind, bits, request):
    path, original = GOLDEN / f"context-sixteen-{kind}-{bits}.wbp", stored_features(kind)
    coded = wb.codec("context", bits=bits).encode(original)
    if request.config.getoption("--write-golden") and not path.exists():
        path.write_bytes(coded)
    stored = path.read_bytes()
    assert payload.read(stored).body[10] & SIXTEEN
    assert np.array_equal(wb.decode(stored), dequantise(*quantise(original, bits)))
    assert coded == stored


def stored_large():
    rng = np.random.default_rng(12)
    return np.maximum(rng.integers(-9, 10, size=(32, 46, 46)).cumsum(axis=1).cumsum(axis=2), 0).astype(
        np.float32
    )


def stored_calibration(bits):
    return wb.codec("context", bits=bits).calibrate([stored_large()[::-1] * np.float32(0.75)])


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_stored_calibrated_payloads_decode_and_come_out_again(bits, request, monkeypatch):
    path, original = GOLDEN / f"context-calibrated-{bits}.wbp", stored_large()
    writes = request.config.getoption("--write-golden") and not path.exists()
    monkeypatch.setenv("WORKBENCH_TABLES", str(GOLDEN / "tables"))
    if writes:
        path.write_bytes(stored_calibration(bits).encode(original))
    stored = path.read_bytes()
    assert payload.read(stored).body[18] & 0xE0 == THIRTY_TWO
    assert np.array_equal(wb.decode(stored), dequantise(*quantise(original, bits)))
    assert stored_calibration(bits).encode(original) == stored


WITHOUT_NUMBA = """
from workbench.codecs import table_store

for kind, bits in (("relu", 4), ("relu", 1), ("tokens", 3)):
    features, stored = test.stored_features(kind), test.GOLDEN / f"context-sixteen-{kind}-{bits}.wbp"
    coded = test.wb.codec("context", bits=bits).encode(features)
    assert coded == stored.read_bytes(), (kind, bits)
    if kind == "relu":  # whose channels are all coded abreast
        assert (test.wb.decode(coded) == test.dequantise(*test.quantise(features, bits))).all(), bits
for bits in (4, 8):
    features, stored = test.stored_large(), test.GOLDEN / f"context-calibrated-{bits}.wbp"
    name = test.payload.read(stored.read_bytes()).body[9:17].hex()
    table_store.know((test.GOLDEN / "tables" / f"{name}.tables").read_bytes())
    coded = test.wb.codec("context", bits=bits, tables=name).encode(features)
    assert coded == stored.read_bytes(), bits
    assert (test.wb.decode(coded) == test.dequantise(*test.quantise(features, bits))).all(), bits
"""


def test_boards_without_numba_give_the_same_bytes(without_numba):
    without_numba(__file__, WITHOUT_NUMBA)


@pytest.mark.slow
def test_another_processor_gives_the_same_bytes(on_another_processor):
    """The stored payloads again, in machine code for a processor without the instructions of this one."""
    said = on_another_processor(__file__, "stored or division or spoilt or of_32")
    assert f"{len(STORED) + 4 + len(SHAPES) * 5 + 9 + 30} passed" in said
