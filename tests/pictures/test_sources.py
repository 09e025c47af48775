"""Pictures by name, path, bytes and from memory; samples spread over classes, the rest spare."""

import io

import numpy as np
import pytest
from PIL import Image

from workbench import pictures
from workbench.errors import InputError, SettingError, UnknownNameError


def png(colour=(1, 2, 3), size=(4, 4)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def image_folder(tmp_path):
    """Two classes of five pictures, a note, and a hidden folder."""
    for shade, label in enumerate(["cat", "dog"]):
        (tmp_path / label).mkdir()
        for number in range(5):
            (tmp_path / label / f"{number}.png").write_bytes(png((shade, number, 0)))
    (tmp_path / "README.txt").write_text("no picture")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x.png").write_bytes(png())
    return tmp_path


def test_digits_are_the_450_held_out_ones_and_spare_the_training_ones():
    digits = pictures.load("digits")
    assert (len(digits), len(digits.spare)) == (450, 1347)
    assert digits.classes == tuple("0123456789")
    assert not set(digits.names) & set(digits.spare.names)
    assert digits[0].image.size == (32, 32) and digits[0].image.mode == "RGB"


def test_photographs_are_read_from_this_machine():
    photographs = pictures.load("photographs")
    assert len(photographs) >= 12 and photographs.classes == ()
    assert photographs[0].name == "astronaut" and photographs[0].image.size == (512, 512)
    assert {picture.image.mode for picture in photographs} == {"RGB"}


def test_a_folder_of_class_folders(image_folder):
    found = pictures.load(image_folder)
    assert len(found) == 10 and found.classes == ("cat", "dog")
    assert found.names[0] == "cat/0.png" and found.labels[-1] == "dog"
    assert found[6].image.getpixel((0, 0)) == (1, 1, 0)


def test_a_flat_folder_has_no_labels(image_folder):
    found = pictures.load(str(image_folder / "cat"))
    assert len(found) == 5 and set(found.labels) == {None}


def test_a_folder_without_pictures_says_what_is_needed(tmp_path):
    with pytest.raises(InputError, match=r"holds no pictures.*one folder a class"):
        pictures.load(tmp_path)


def test_a_damaged_picture_in_a_folder_is_named_when_it_is_opened(image_folder):
    (image_folder / "cat" / "0.png").write_bytes(b"broken")
    found = pictures.load(image_folder)
    assert found[1].name == "cat/1.png"
    with pytest.raises(InputError, match=r"cat/0\.png is no picture"):
        found[0]


def test_a_file_and_an_upload(image_folder):
    assert pictures.load(image_folder / "dog" / "3.png")[0].image.getpixel((0, 0)) == (1, 3, 0)
    assert pictures.load(png((9, 8, 7)))[0].image.getpixel((0, 0)) == (9, 8, 7)
    with pytest.raises(InputError, match="is no picture"):
        pictures.load(b"GIF? no")


def test_pictures_in_memory_of_every_kind():
    grey = np.full((5, 4), 100, np.uint8)
    colour = np.full((5, 4, 3), 50, np.uint8)
    clear = np.zeros((5, 4, 4), np.uint8)
    found = pictures.load([Image.new("RGB", (4, 5)), grey, colour, clear, png(), grey[:, :, None]])
    assert [picture.image.mode for picture in found] == ["RGB"] * 6
    assert [picture.image.getpixel((0, 0))[0] for picture in found] == [0, 100, 50, 255, 1, 100]
    assert len(pictures.load(np.zeros((3, 5, 4, 3), np.uint8))) == 3
    assert len(pictures.load(np.zeros((1, 1, 3), np.uint8))) == 1


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((4, 4, 3)), np.zeros((3, 5, 6), np.uint8), np.zeros((0, 4, 3), np.uint8), "gone.png", 7, None],
)
def test_what_is_no_picture_in_a_list_is_refused(wrong):
    with pytest.raises(InputError, match="picture 1"):
        pictures.load([png(), wrong])


@pytest.mark.parametrize("wrong", [[], None, 7, 3.5])
def test_what_is_no_source_is_refused(wrong):
    with pytest.raises(InputError, match="picture"):
        pictures.load(wrong)


def test_an_unknown_name_offers_the_nearest_and_says_that_a_path_would_do():
    with pytest.raises(UnknownNameError, match=r"did you mean 'digits'\?.*no file or folder 'digit'"):
        pictures.load("digit")


def test_samples_spread_over_all_classes_and_leave_the_rest_to_spare(image_folder):
    found = pictures.load(image_folder).sample(4)
    assert found.labels == ("cat", "cat", "dog", "dog")
    assert len(found.spare) == 6 and not set(found.names) & set(found.spare.names)
    assert pictures.load(image_folder).sample(99).names == pictures.load(image_folder).names
    assert pictures.load("digits").sample(5).spare.name == "training digits"


@pytest.mark.parametrize("count", [0, -1, 2.5, "3", True])
def test_a_sample_of_none_is_refused(count):
    with pytest.raises(SettingError, match="samples"):
        pictures.load("digits").sample(count)


def test_the_fingerprint_is_of_the_pixels():
    first, second, other = pictures.load([png((1, 1, 1)), png((1, 1, 1)), png((1, 1, 2))])
    assert first.fingerprint == second.fingerprint != other.fingerprint
    wide, tall = pictures.load([png((0, 0, 0), (4, 1)), png((0, 0, 0), (1, 4))])
    assert wide.fingerprint != tall.fingerprint


def test_slices_are_pictures_too():
    digits = pictures.load("digits")
    assert digits[2:5].names == digits.names[2:5] and digits[-1].name == digits.names[-1]
    with pytest.raises(IndexError):
        digits[450]
