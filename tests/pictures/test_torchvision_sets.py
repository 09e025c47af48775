"""torchvision's data sets by name, from files in their own format that a test writes; nothing is fetched."""

import gzip
import struct

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets

from workbench import pictures
from workbench.errors import InputError, SettingError, UnknownNameError
from workbench.pictures import torchvision_sets


def idx(values):
    """The idx format of MNIST: magic with type and axes, sizes, bytes."""
    sizes = b"".join(struct.pack(">I", size) for size in values.shape)
    return struct.pack(">HBB", 0, 8, values.ndim) + sizes + values.tobytes()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder of data sets with an MNIST of four training and three test pictures, and a DTD of four."""
    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path))
    torchvision_sets._load.cache_clear()
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, labels in (("train", [5, 0, 4, 1]), ("t10k", [7, 2, 1])):
        images = np.arange(len(labels), dtype=np.uint8)[:, None, None] * 20 + np.zeros((1, 28, 28), np.uint8)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.array(labels, np.uint8)))
    dtd = tmp_path / "dtd" / "dtd"
    (dtd / "labels").mkdir(parents=True)
    for at, name in enumerate(["banded/a.png", "dotted/b.png", "dotted/c.png", "woven/d.png"]):
        (dtd / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 7), (at, 0, 0)).save(dtd / "images" / name)
    (dtd / "labels" / "test1.txt").write_text("dotted/b.png\nwoven/d.png\n")
    (dtd / "labels" / "train1.txt").write_text("banded/a.png\ndotted/c.png\nwoven/d.png\n")
    yield tmp_path
    torchvision_sets._load.cache_clear()


@pytest.fixture
def unreachable(monkeypatch):
    """Every download fails as it does without a network."""
    from urllib.error import URLError

    def refuse(*words, **settings):
        raise URLError("no network in this test")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.mark.parametrize("name", ["torchvision/MNIST", "mnist", "torchvision/mnist:test"])
def test_the_test_part_with_the_classes_as_names(root, name):
    found = pictures.load(name)
    assert (found.name, len(found), found.labels) == ("torchvision/MNIST", 3, ("7", "2", "1"))
    assert found[2].image.mode == "RGB" and found[2].image.size == (28, 28)
    assert found[2].image.getpixel((3, 3)) == (40, 40, 40)


def test_another_part_on_request(root):
    assert pictures.load("torchvision/MNIST:train").labels == ("5", "0", "4", "1")
    with pytest.raises(SettingError, match="parts train and test, not 'half'"):
        pictures.load("torchvision/MNIST:half")


def test_a_set_whose_part_is_a_split(root):
    found = pictures.load("torchvision/dtd")
    assert found.labels == ("dotted", "woven") and found.classes == ("dotted", "woven")
    assert found[0].image.getpixel((0, 0)) == (1, 0, 0)
    assert pictures.load("torchvision/DTD:train").labels == ("banded", "dotted", "woven")


def test_numbers_of_the_network_come_from_the_class_names(root):
    import workbench as wb

    report = wb.fidelity("digits-resnet", "layer3", "raw", "torchvision/MNIST")
    assert (report.samples, report.labels_note) == (3, "of the pictures")
    assert report.accuracy_unsplit.n == 3


def test_without_a_network_it_says_where_files_would_go(root, unreachable):
    with pytest.raises(InputError, match=r"CIFAR10 cannot be fetched from here.*WORKBENCH_DATASETS.*digits"):
        pictures.load("torchvision/CIFAR10")
    with pytest.raises(InputError, match=r"Flowers102 cannot be fetched"):
        pictures.load("flowers102")


def test_files_that_torchvision_cannot_read_are_an_input_error(root, unreachable):
    (root / "MNIST" / "raw" / "t10k-images-idx3-ubyte").write_bytes(gzip.compress(b"no pictures"))
    with pytest.raises(InputError, match="MNIST cannot be fetched"):
        pictures.load("mnist")


def test_a_damaged_picture_of_a_set_is_named_when_it_is_opened(root):
    (root / "dtd" / "dtd" / "images" / "woven" / "d.png").write_bytes(b"broken")
    found = pictures.load("torchvision/dtd")
    assert found[0].label == "dotted"
    with pytest.raises(InputError, match="DTD: its picture 1 cannot be read"):
        found[1]


def test_generated_pictures_have_no_classes(root):
    found = pictures.load("torchvision/FakeData")
    assert len(found) == 1000 and set(found.labels) == {None}
    assert found[5].image.size == (224, 224) and found[5].fingerprint != found[6].fingerprint


def test_unknown_names_offer_the_nearest(root):
    with pytest.raises(UnknownNameError, match=r"data set of torchvision 'CIFAR1'; did you mean.*'CIFAR10'"):
        pictures.load("torchvision/CIFAR1")
    with pytest.raises(UnknownNameError, match="such as torchvision/CIFAR10"):
        pictures.load("cifar1")


@pytest.mark.parametrize("name", ["CocoDetection", "Kinetics", "HMDB51"])
def test_sets_that_need_more_say_what(root, name):
    with pytest.raises(InputError, match=f"{name} needs "):
        pictures.load(f"torchvision/{name}")


def test_what_is_no_single_picture_is_refused(root, monkeypatch):
    class Pairs:
        def __init__(self, root):
            pass

        def __len__(self):
            return 2

        def __getitem__(self, at):
            return (np.zeros((2, 3)), 1)

    monkeypatch.setattr(datasets, "SBU", Pairs)
    with pytest.raises(InputError, match="gives a ndarray and no picture"):
        pictures.load("torchvision/SBU")


def test_labels_that_the_first_sample_does_not_have_are_not_believed(root, monkeypatch):
    class Lying(datasets.FakeData):
        targets = [3] * 5

        def __init__(self):
            super().__init__(size=5, image_size=(3, 4, 4), num_classes=2)

    monkeypatch.setattr(datasets, "FakeData", Lying)
    assert set(pictures.load("torchvision/FakeData").labels) == {None}


def test_every_name_of_torchvision_is_found_in_any_spelling():
    for name in torchvision_sets.names():
        assert torchvision_sets.find(name.lower()) == name
    assert {"CIFAR10", "MNIST", "Imagenette", "OxfordIIITPet"} < set(torchvision_sets.names())
