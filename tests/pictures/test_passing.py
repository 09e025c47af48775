"""More pictures than fit into memory are looked at one by one, and told apart without being opened."""

import os

import pytest
from PIL import Image

from workbench import pictures
from workbench.pictures.record import Entry, Pictures


def counted(count):
    """Pictures that say when they are opened."""
    opened = []

    def opener(at):
        def once():
            opened.append(at)
            return Image.new("RGB", (2, 2), (at, 0, 0))

        return once

    entries = [Entry(f"p{at}", None, opener(at), lambda at=at: ("counted", at)) for at in range(count)]
    return Pictures("counted", entries), opened


def test_passing_opens_every_time_and_keeps_nothing():
    found, opened = counted(3)
    assert found.passing(1).image.getpixel((0, 0)) == (1, 0, 0)
    assert found.passing(1).name == "p1" and opened == [1, 1]
    assert found[1] is found[1] and opened == [1, 1, 1]
    assert found.passing(1) is found[1] and opened == [1, 1, 1]
    with pytest.raises(IndexError):
        found.passing(3)


def test_an_identity_needs_no_opening_and_follows_a_pick():
    found, opened = counted(4)
    assert [found.pick([2, 0]).identity(at) for at in (0, 1)] == [("counted", 2), ("counted", 0)]
    assert opened == []


def test_a_file_is_another_picture_once_it_is_written_again(tmp_path):
    path = tmp_path / "one.png"
    Image.new("RGB", (4, 4), "red").save(path)
    first = pictures.load(path).identity(0)
    assert pictures.load(path).identity(0) == first
    Image.new("RGB", (4, 4), "blue").save(path)
    os.utime(path, ns=(1, 1))
    assert pictures.load(path).identity(0) != first
    path.unlink()
    assert pictures.load([Image.new("RGB", (1, 1))]).identity(0) != first


def test_pictures_in_memory_are_told_apart_by_their_pixels():
    found = pictures.load([Image.new("RGB", (4, 4), colour) for colour in ("red", "red", "blue")])
    assert found.identity(0) == found.identity(1) != found.identity(2)
    assert pictures.load("digits").identity(0) != pictures.load("digits").identity(1)
