"""What the README shows is run: its Python, its codec, its names."""

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import workbench as wb
from workbench.codecs.battery import check_codec
from workbench.pictures import load

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def block(heading, number=0):
    """The code block of that number under a heading."""
    section = README.split(f"{heading}\n", 1)[1]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)[number]


def test_five_minutes_in_python():
    """The block runs as it stands; it may only count on a list of pictures."""
    names = {"images": [Image.new("RGB", (32, 32), "white")]}
    exec(block("## Five minutes in Python"), names)
    payload, trial = names["payload"], names["trial"]
    assert sum(part.nbytes for part in wb.describe(payload).parts) == len(payload)
    assert wb.decode(payload).shape == names["features"].shape == (128, 8, 8)
    assert trial.quantities["payload_bytes"].origin == "measured"
    assert trial.quantities["agreement"].value > 0.9


def test_fidelity():
    names = {"wb": wb}
    exec(block("## Fidelity"), names)
    store, path = names["store"], names["report"].path("decoded")
    assert path.agreement.n == 60 and 0.3 < path.value("ssim") < 1
    assert 0.3 < names["space"].panel("decoded").neighbours_kept < 1
    assert names["maps"].original.shape == (256, 4, 4)
    measured = sum(ran.computed for ran in store.log if ran.step == "codec")
    assert measured == 60  # each sample was coded once for all three


def test_where_it_looks():
    """The block runs as it stands, with a network and a picture."""
    names = {"wb": wb, "model": wb.load_model("digits-resnet"), "picture": load("digits")[3:4]}
    exec(block("## Where it looks"), names)
    report = names["report"]
    assert {one.class_name for one in report.maps.values()} == {"3"} and list(report.agreement) == ["decoded"]
    assert report.maps["unsplit"].predicted_name == names["picture"][0].label == "2"


def test_the_worked_codec_passes_the_battery(monkeypatch):
    module = types.ModuleType("readme_codec")
    monkeypatch.setitem(sys.modules, "readme_codec", module)
    source = block("### Add your own")
    assert len(source.splitlines()) <= 32
    exec(source, module.__dict__)
    monkeypatch.setattr(module.Truncated, "__module__", "readme_codec")
    broken = [finding for finding in check_codec("readme_codec:Truncated") if finding.problem]
    assert broken == []
    features = np.linspace(-1, 1, 100, dtype=np.float32)
    assert np.abs(wb_round_trip(module.Truncated(bits=16), features) - features).max() <= 2**-11


def wb_round_trip(codec, features):
    """Through pack and unpack alone: a codec without entry point has no payload that others can open."""
    return codec.unpack(memoryview(codec.pack(features)), features.shape)


@pytest.mark.parametrize("name", [entry.name for entry in wb.codecs()])
def test_every_codec_is_explained(name):
    assert f"`{name}`" in README.split("## Codecs")[1].split("## Links")[0]


@pytest.mark.parametrize("name", [entry.name for entry in wb.links()])
def test_every_link_is_named(name):
    assert f"`{name}`" in README.split("## Links")[1].split("## How it is built")[0]
