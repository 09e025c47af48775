"""Tiles of features as a picture: where each value lands, signed values, and files that are not due."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from workbench.codecs import codec, decode, describe
from workbench.codecs.battery.samples import smooth_map
from workbench.codecs.image import Mosaic, mosaic, tile, untile
from workbench.codecs.payload import read
from workbench.codecs.picture import picture_bytes
from workbench.errors import InputError, PayloadError, SettingError

FEATURES = smooth_map((12, 20, 24))
FEATURES[5] -= np.float32(1.5)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((12, 20, 24), Mosaic(12, 20, 24, 3, 4)),
        ((64, 8, 8), Mosaic(64, 8, 8, 8, 8)),
        ((2, 3, 4, 5), Mosaic(6, 4, 5, 2, 3)),
        ((7, 5, 5), Mosaic(7, 5, 5, 3, 3)),
        ((50, 192), Mosaic(1, 50, 192, 1, 1)),
        ((113,), Mosaic(1, 11, 11, 1, 1)),
        ((), Mosaic(1, 1, 1, 1, 1)),
        ((2048, 1, 1), Mosaic(2048, 1, 1, 45, 46)),
    ],
)
def test_tiles_lie_where_they_should_and_come_back(shape, expected):
    layout = mosaic(shape)
    assert layout == expected
    symbols = np.random.default_rng(7).integers(0, 256, shape, np.uint8)
    pixels = tile(symbols, layout, 9)
    assert pixels.shape == layout.size[::-1]
    assert (untile(pixels, layout, shape) == symbols).all()
    if len(shape) == 3:
        for channel in range(shape[0]):
            top, left = channel // layout.across * layout.height, channel % layout.across * layout.width
            assert (pixels[top : top + layout.height, left : left + layout.width] == symbols[channel]).all()
    assert (pixels == 9).sum() >= pixels.size - symbols.size


def test_png_keeps_every_integer_of_the_uniform_codec():
    assert (
        decode(codec("image", format="png").encode(FEATURES))
        == decode(codec("uniform", bits=8).encode(FEATURES))
    ).all()


def test_the_picture_inside_opens_in_any_viewer():
    body = bytes(read(codec("image", format="png").encode(FEATURES)).body)
    scale, zero = struct.unpack_from("<fi", body)
    with Image.open(io.BytesIO(body[8:])) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (72, 80))
        corner = np.asarray(picture)[:20, :24]
    assert (corner == np.clip(np.rint(FEATURES[0] / scale) + zero, 0, 255)).all()


@pytest.mark.parametrize(("format", "limit"), [("jpeg", 0.02), ("webp", 0.03), ("png", 0.004)])
def test_signed_values_come_back_with_their_sign(format, limit):
    decoded = decode(codec("image", format=format, quality=95).encode(FEATURES))
    span = FEATURES.max() - FEATURES.min()
    assert np.sqrt(np.square(decoded - FEATURES).mean()) < limit * span
    strong = np.abs(FEATURES) > 0.15 * span
    assert (np.sign(decoded[strong]) == np.sign(FEATURES[strong])).all()


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_more_quality_takes_more_bytes_and_leaves_less_error(format):
    sizes, errors = [], []
    for quality in (10, 50, 90):
        payload = codec("image", format=format, quality=quality).encode(FEATURES)
        sizes.append(len(payload))
        errors.append(np.square(decode(payload) - FEATURES).mean())
    assert sizes[0] < sizes[1] < sizes[2] and errors[0] > errors[1] > errors[2]


def test_description():
    payload = codec("image").encode(FEATURES)
    description = describe(payload)
    assert [part.name for part in description.parts] == ["header", "grid", "picture"]
    assert sum(part.nbytes for part in description.parts) == len(payload)
    assert description.notes["picture"] == [72, 80]


def test_a_mosaic_that_no_format_holds():
    for format, shape in (("webp", (2, 16_384)), ("jpeg", (2, 65_501))):
        with pytest.raises(InputError, match=f"does not fit {format}"):
            codec("image", format=format).encode(np.zeros(shape, np.float32))


def body_with(picture):
    return memoryview(struct.pack("<fi", 1.0, 0) + picture)


def saved(size, mode="L", **options):
    out = io.BytesIO()
    Image.new(mode, size).save(out, **options)
    return out.getvalue()


def claiming(size):
    """A small PNG whose header says that it is huge."""
    small = saved((4, 5), format="PNG")
    head = b"IHDR" + struct.pack(">II", *size) + small[24:29]
    return small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:]


@pytest.mark.parametrize(
    ("format", "picture"),
    [
        ("png", saved((5, 4), format="PNG")),
        ("png", saved((4, 5), format="PNG", mode="RGBA")),
        ("png", saved((4, 5), format="JPEG")),
        ("png", saved((4, 5), format="PNG")[:-20]),
        ("png", b""),
        ("png", claiming((60_000, 40_000))),
        ("jpeg", saved((4, 5), format="JPEG", progressive=True)),
        ("jpeg", saved((4, 5), format="JPEG", mode="CMYK")),
        ("jpeg", saved((65_000, 300), format="JPEG")),
        ("webp", saved((4, 5), format="WEBP", lossless=True)),
        ("webp", saved((5, 5), format="WEBP")),
        ("webp", saved((4, 5), format="WEBP")[:-3]),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_a_picture_that_is_not_the_one_due_is_refused(format, picture):
    with pytest.raises(PayloadError, match="damaged"):
        codec("image", format=format).unpack(body_with(picture), (5, 4))


def test_input_picture_baseline():
    pixels = np.random.default_rng(7).integers(0, 256, (40, 60, 3), np.uint8)
    sizes = {quality: len(picture_bytes(pixels, "jpeg", quality)) for quality in (20, 60, 95)}
    assert sizes[20] < sizes[60] < sizes[95]
    for format, name in (("jpeg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")):
        data = picture_bytes(pixels, format, 80)
        assert data == picture_bytes(Image.fromarray(pixels), format, 80)
        with Image.open(io.BytesIO(data)) as picture:
            assert (picture.format, picture.size, picture.mode) == (name, (60, 40), "RGB")
            if format == "png":
                assert (np.asarray(picture) == pixels).all()


def test_metadata_is_not_sent():
    bare = Image.new("RGB", (30, 20), "red")
    tagged = bare.copy()
    tagged.info["comment"] = b"x" * 5000
    tagged.info["icc_profile"] = b"y" * 5000
    exif = tagged.getexif()
    exif[0x010E] = "z" * 5000
    for format in ("jpeg", "webp", "png"):
        assert picture_bytes(tagged, format) == picture_bytes(bare, format)


def test_modes_that_are_not_rgb():
    grey = picture_bytes(np.zeros((8, 8), np.uint8), "png")
    with Image.open(io.BytesIO(grey)) as picture:
        assert picture.mode == "L"
    with Image.open(io.BytesIO(picture_bytes(Image.new("RGBA", (8, 8)), "jpeg"))) as picture:
        assert picture.mode == "RGB"


@pytest.mark.parametrize(
    ("image", "format", "quality", "error", "message"),
    [
        (np.zeros((4, 4, 3), np.uint8), "jpg", 90, SettingError, "did you mean 'jpeg'"),
        (np.zeros((4, 4, 3), np.uint8), "jpeg", 0, SettingError, "from 1 to 100"),
        (np.zeros((4, 4, 3), np.uint8), "jpeg", 90.5, SettingError, "from 1 to 100"),
        (np.zeros((4, 4, 3), np.float32), "jpeg", 90, InputError, "float32"),
        (np.zeros((3, 4, 4), np.uint8), "jpeg", 90, InputError, r"shape \(3, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), "jpeg", 90, InputError, "no pixels"),
        ("cat.jpg", "jpeg", 90, InputError, "a Pillow image"),
        (Image.new("RGB", (17_000, 2)), "webp", 90, InputError, "does not fit webp"),
    ],
)
def test_what_is_no_picture_says_what_is(image, format, quality, error, message):
    with pytest.raises(error, match=message):
        picture_bytes(image, format, quality)
