"""The byte layout, spelled out by hand, and every way in which a header can be wrong."""

import struct
import zlib

import msgpack
import numpy as np
import pytest

from workbench.codecs import codec, decode, describe, payload
from workbench.codecs.battery.hostile import sealed
from workbench.codecs.raw import Raw
from workbench.errors import InputError, PayloadError, SettingError

BY_HAND = bytes.fromhex(
    "57425001"  # WBP, layout 1
    "1a00"  # 26 bytes of header
    "94"  # list of 4
    "a3726177"  # "raw"
    "a26634"  # "f4"
    "920102"  # shape [1, 2]
    "81a56474797065a7666c6f61743332"  # {"dtype": "float32"}
    "0000c03f000000c0"  # 1.5, -2.0
)


def with_header(fields, body=bytes(8)):
    header = msgpack.packb(fields)
    return sealed(b"WBP\x01" + struct.pack("<H", len(header)) + header + body)


def test_a_payload_written_by_hand_is_read():
    sent = BY_HAND + struct.pack("<I", zlib.crc32(BY_HAND))
    assert decode(sent).tolist() == [[1.5, -2.0]]
    assert codec("raw").encode(np.array([[1.5, -2.0]], np.float32)) == sent
    assert describe(sent).header_bytes == 6 + 26 + 4


def test_every_kind_of_buffer_is_read():
    sent = codec("raw").encode(np.arange(6, dtype=np.float32).reshape(2, 3))
    for buffer in (bytearray(sent), memoryview(sent), memoryview(bytearray(sent)).cast("B", (1, len(sent)))):
        assert decode(buffer).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(PayloadError, match="one piece of memory"):
        decode(memoryview(bytearray(sent * 2))[::2])


def test_the_decoded_array_does_not_hang_on_the_buffer():
    buffer = bytearray(codec("raw").encode(np.ones(3, np.float32)))
    array = decode(buffer)
    buffer[:] = bytes(len(buffer))
    assert array.tolist() == [1, 1, 1]


def test_a_codec_may_give_a_view_of_the_payload_and_a_scalar_for_no_axes(monkeypatch):
    monkeypatch.setattr(
        Raw, "unpack", lambda self, body, shape: np.frombuffer(body, np.float32).reshape(shape)
    )
    buffer = bytearray(codec("raw").encode(np.ones(3, np.float32)))
    array = decode(buffer)
    buffer[:] = bytes(len(buffer))
    array += 1
    assert array.tolist() == [2, 2, 2]
    monkeypatch.setattr(Raw, "unpack", lambda self, body, shape: np.float32(1.5))
    scalar = decode(codec("raw").encode(np.array(1.5, np.float32)))
    assert isinstance(scalar, np.ndarray) and scalar.shape == () and scalar.flags.writeable


GOOD = ["raw", "f4", [2], {"dtype": "float32"}]


def test_the_header_that_the_bad_ones_are_made_from_is_good():
    assert decode(with_header(GOOD)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ("text", "four fields"),
        (["raw", "f4", [2]], "four fields"),
        ([*GOOD, 1], "four fields"),
        ([1, *GOOD[1:]], "name is no text"),
        (["raw", "i8", *GOOD[2:]], "type 'i8'"),
        (["raw", 4, *GOOD[2:]], "type 4"),
        (["raw", ["f4"], *GOOD[2:]], "type"),
        (["raw", "f4", 2, GOOD[3]], "no list of sizes"),
        (["raw", "f4", [2.0], GOOD[3]], "no list of sizes"),
        (["raw", "f4", [True], GOOD[3]], "no list of sizes"),
        (["raw", "f4", [-2], GOOD[3]], "no list of sizes"),
        (["raw", "f4", [1] * 9, GOOD[3]], "at most 8 axes"),
        (["raw", "f4", [2**28 + 1], GOOD[3]], "268435456 values"),
        (["raw", "f4", [2**63], GOOD[3]], "268435456 values"),
        (["raw", "f4", [0, 2**62], GOOD[3]], "268435456 values"),
        (["raw", "f4", [3], GOOD[3]], "do not hold 3 values"),
        (["raw", "f4", [2], ["dtype"]], "no table of names"),
        (["raw", "f4", [2], {"dtype": "float33"}], "float33"),
        (["raw", "f4", [2], {"dtype": 4}], "it must be 'float32' or 'float16'"),
        (["raw", "f4", [2], {"kind": "float32"}], "setting of raw 'kind'"),
        (["raw", "f4", [2], {}], "needs"),
        (["rav", "f4", [2], GOOD[3]], "did you mean 'raw'"),
        (["raw", "f4", [2], {b"dtype": "float32"}], "no table of names"),
        (["raw", "f4", [2], {1: "float32"}], "not msgpack"),
        (["raw", "f4", [msgpack.ExtType(5, b"x")], GOOD[3]], "no list of sizes"),
        ([msgpack.Timestamp(1), *GOOD[1:]], "name is no text"),
    ],
)
def test_a_wrong_header_with_a_fitting_checksum_is_refused(fields, message):
    with pytest.raises(PayloadError, match=message):
        decode(with_header(fields))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xc1",
        b"\x94",
        b"\x94\xa3raw",
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 5000,
        b"\x94\xa1\xff\xa1\xff\x90\x80",
    ],
    ids=["empty", "reserved byte", "no items", "cut short", "huge list", "deep", "not unicode"],
)
def test_a_header_that_is_no_msgpack_is_refused(header):
    with pytest.raises(PayloadError):
        decode(sealed(b"WBP\x01" + struct.pack("<H", len(header)) + header))


def test_other_magic_other_layout_and_a_header_beyond_the_end():
    sent = codec("raw").encode(np.ones(2, np.float32))[:-4]
    for front, message in [
        (b"PNG" + sent[3:], "starts with b'PNG'"),
        (sent[:3] + b"\x02" + sent[4:], "layout 2; this version reads layout 1"),
        (sent[:4] + b"\xff\xff" + sent[6:], "header is longer"),
    ]:
        with pytest.raises(PayloadError, match=message):
            decode(sealed(front))


def test_values_that_are_not_finite_do_not_come_out():
    with pytest.raises(PayloadError, match="not finite"):
        decode(with_header(GOOD, struct.pack("<ff", float("nan"), 1.0)))


def test_float16_features_never_come_back_infinite():
    sent = with_header(["raw", "f2", [2], {"dtype": "float32"}], struct.pack("<ff", 1e30, -1e30))
    assert decode(sent).tolist() == [65504.0, -65504.0]


def test_settings_that_no_header_holds():
    with pytest.raises(SettingError, match="cannot travel"):
        payload.write("raw", "f4", (1,), {"dtype": object()}, b"")
    with pytest.raises(SettingError, match="at most 65535"):
        payload.write("raw", "f4", (1,), {"dtype": "x" * 70_000}, b"")


def test_settings_are_written_in_sorted_order():
    one = payload.write("raw", "f4", (1,), {"b": 1, "a": 2}, b"")
    assert one == payload.write("raw", "f4", (1,), {"a": 2, "b": 1}, b"")


def test_no_memory_left_says_for_what(monkeypatch):
    sent = codec("raw").encode(np.ones(3, np.float32))

    def full(*arguments):
        raise MemoryError

    monkeypatch.setattr(Raw, "pack", full)
    monkeypatch.setattr(Raw, "unpack", full)
    with pytest.raises(InputError, match=r"no memory left to encode features of shape \(3,\) \(12 bytes\)"):
        codec("raw").encode(np.ones(3, np.float32))
    with pytest.raises(PayloadError, match="no memory left to decode"):
        decode(sent)


def test_what_a_reader_does_with_the_settings_of_one_payload_does_not_reach_the_next():
    one = payload.write("uniform", "f4", (3,), {"bits": 8, "lossless": "none"}, b"body")
    payload.read(one).settings["bits"] = 5
    assert payload.read(one).settings == {"bits": 8, "lossless": "none"}
    nested = payload.write("uniform", "f4", (3,), {"sizes": [1, 2]}, b"body")
    payload.read(nested).settings["sizes"].append(3)
    assert payload.read(nested).settings == {"sizes": [1, 2]}
