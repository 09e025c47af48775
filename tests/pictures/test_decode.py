"""Files of every kind become RGB, and what is no picture is refused with a reason."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from workbench.errors import InputError
from workbench.pictures.decode import MAX_PIXELS, decode_picture


def written(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixel(content):
    image = decode_picture(content, "it")
    assert image.mode == "RGB"
    return image.getpixel((0, 0))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "TGA"])
def test_one_red_pixel_of_each_format(kind):
    red, green, blue = pixel(written(Image.new("RGB", (1, 1), (255, 0, 0)), kind))
    assert red > 250 and green < 6 and blue < 6


def test_cmyk_becomes_the_same_colour():
    red, green, blue = pixel(written(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95))
    assert red > 250 and green < 6 and blue < 6


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    grey = np.array([[0, 257, 32768, 65535]], np.uint16)
    image = decode_picture(written(Image.fromarray(grey), "PNG"), "grey")
    assert np.asarray(image)[0].tolist() == [[0] * 3, [1] * 3, [128] * 3, [255] * 3]


@pytest.mark.parametrize(
    ("values", "expected"), [([0.0, 0.5, 1.0], [0, 128, 255]), ([0, 200, 255], [0, 200, 255])]
)
def test_float_grey_is_read_as_0_to_1_or_0_to_255(values, expected):
    image = decode_picture(written(Image.fromarray(np.array([values], np.float32)), "TIFF"), "floats")
    assert np.asarray(image)[0, :, 0].tolist() == expected


@pytest.mark.parametrize("values", [[-1.0, 1.0], [0.0, 70000.0], [np.nan, 1.0]])
def test_floats_that_are_no_brightness_are_refused(values):
    content = written(Image.fromarray(np.array([values], np.float32)), "TIFF")
    with pytest.raises(InputError, match="holds values from"):
        decode_picture(content, "floats")


def test_what_is_transparent_lies_on_white():
    assert pixel(written(Image.new("RGBA", (1, 1), (255, 0, 0, 0)), "PNG")) == (255, 255, 255)
    assert pixel(written(Image.new("RGBA", (1, 1), (255, 0, 0, 255)), "PNG")) == (255, 0, 0)
    assert pixel(written(Image.new("LA", (1, 1), (0, 51)), "PNG")) == (204, 204, 204)


def test_a_transparent_palette_lies_on_white():
    image = Image.new("P", (1, 1), 0)
    image.putpalette([10, 20, 30] + [0] * 765)
    assert pixel(written(image, "PNG")) == (10, 20, 30)
    assert pixel(written(image, "PNG", transparency=0)) == (255, 255, 255)


def test_grey_palette_and_bits_become_rgb():
    assert pixel(written(Image.new("L", (1, 1), 7), "PNG")) == (7, 7, 7)
    assert pixel(written(Image.new("1", (1, 1), 1), "PNG")) == (255, 255, 255)


def test_the_orientation_of_the_camera_is_applied():
    image = Image.new("RGB", (4, 2))
    exif = image.getexif()
    exif[0x0112] = 6
    assert decode_picture(written(image, "JPEG", exif=exif), "phone").size == (2, 4)


def test_a_text_file_is_no_picture():
    with pytest.raises(InputError, match=r"notes\.txt is no picture.*JPEG"):
        decode_picture(b"hello, I am text", "notes.txt")


def test_an_empty_file_says_so():
    with pytest.raises(InputError, match="is empty"):
        decode_picture(b"", "nothing.png")


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(InputError, match="there is no picture"):
        decode_picture(tmp_path / "gone.png", "gone.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_every_truncation_is_an_input_error_or_a_picture(kind):
    noise = np.random.default_rng(7).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    whole = written(Image.fromarray(noise), kind)
    refused = 0
    for length in range(len(whole)):
        try:
            assert decode_picture(whole[:length], "cut").size == (9, 9)
        except InputError:
            refused += 1
    assert refused > 0.8 * len(whole)


def test_random_damage_never_gives_another_error():
    draw = np.random.default_rng(11)
    noise = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF"):
        whole = written(Image.fromarray(noise), kind)
        for _ in range(150):
            damaged = bytearray(whole)
            for place in draw.integers(0, len(whole), 3):
                damaged[place] = draw.integers(256)
            try:
                decode_picture(bytes(damaged), kind)
            except InputError as error:
                assert kind in str(error)


@pytest.mark.parametrize("side", [8200, 60_000])
def test_a_bomb_is_refused_before_it_is_decoded(side):
    def chunk(name, content):
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    assert side * side > MAX_PIXELS
    with pytest.raises(InputError, match="pixels"):
        decode_picture(bomb, "bomb.png")
