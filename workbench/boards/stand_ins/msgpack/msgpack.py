"""As much of msgpack as the header of a payload needs, with the same bytes (msgpack specification, 2013).

Writing only: a board encodes, it does not decode.
"""

import struct


def packb(value):
    out = []
    _pack(value, out)
    return b"".join(out)


def unpackb(data, **options):
    raise NotImplementedError("msgpack is not installed on this board, and is needed to read payloads there")


class UnpackException(Exception):
    pass


exceptions = type("exceptions", (), {"UnpackException": UnpackException, "ExtraData": UnpackException})


def _pack(value, out):
    if value is None:
        out.append(b"\xc0")
    elif value is True or value is False:
        out.append(b"\xc3" if value else b"\xc2")
    elif isinstance(value, int):
        out.append(_whole(value))
    elif isinstance(value, float):
        out.append(b"\xcb" + struct.pack(">d", value))
    elif isinstance(value, str):
        text = value.encode("utf-8")
        out.append(
            _head(len(text), 0xA0, 31, ((0xD9, "B", 255), (0xDA, "H", 65535), (0xDB, "I", 2**32 - 1))) + text
        )
    elif isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        out.append(
            _head(len(data), 0, -1, ((0xC4, "B", 255), (0xC5, "H", 65535), (0xC6, "I", 2**32 - 1))) + data
        )
    elif isinstance(value, (list, tuple)):
        out.append(_head(len(value), 0x90, 15, ((0xDC, "H", 65535), (0xDD, "I", 2**32 - 1))))
        for item in value:
            _pack(item, out)
    elif isinstance(value, dict):
        out.append(_head(len(value), 0x80, 15, ((0xDE, "H", 65535), (0xDF, "I", 2**32 - 1))))
        for key, item in value.items():
            _pack(key, out)
            _pack(item, out)
    else:
        raise TypeError("can not serialize %r object" % type(value).__name__)


def _head(size, short, most, longer):
    if size <= most:
        return bytes([short | size])
    for code, form, limit in longer:
        if size <= limit:
            return bytes([code]) + struct.pack(">" + form, size)
    raise ValueError("too large")


def _whole(value):
    if 0 <= value <= 127:
        return bytes([value])
    if -32 <= value < 0:
        return struct.pack(">b", value)
    forms = (
        ((0xCC, "B"), (0xCD, "H"), (0xCE, "I"), (0xCF, "Q"))
        if value >= 0
        else ((0xD0, "b"), (0xD1, "h"), (0xD2, "i"), (0xD3, "q"))
    )
    for code, form in forms:
        try:
            return bytes([code]) + struct.pack(">" + form, value)
        except struct.error:
            continue
    raise OverflowError("Integer value out of range")
