"""A choice survives the way through a link; a link that was tampered with is refused in words."""

import pytest

from workbench.errors import InputError
from workbench.session.choice import MAX_LINK, Choice, from_link, to_link

CHOICES = [
    Choice(),
    Choice("resnet18", False, "layer2.1", "uniform", {"bits": 3, "lossless": "zstd"}, "digits/7", "ble5"),
    Choice("digits-vit", None, "blocks.1", "slicer", {"bits": (8, 6.5, 4), "sparsity": 0.75}, "", "4g"),
    Choice(link="mine", link_settings={"bandwidth_bps": 1e6, "rtt_s": 0.05}, picture="upload/a b&c#d=é.png"),
    Choice(source="/home/me/my pictures", picture="/home/me/my pictures/3"),
    Choice(settings={"weights": None, "flag": True, "rows": "algorithm1"}, pretrained=True),
]


@pytest.mark.parametrize("choice", CHOICES)
def test_there_and_back(choice):
    assert from_link(to_link(choice)) == choice
    assert from_link("#" + to_link(choice)) == choice


def test_a_link_is_readable_and_short():
    choice = Choice(split="stages.1", settings={"bits": 4}, picture="digits/3", link="ble5")
    assert to_link(choice) == (
        "network=digits-resnet&split=stages.1&codec=rans-csr&codec.bits=4&picture=digits/3&link=ble5"
    )


def test_nothing_is_the_usual_choice():
    assert from_link("") == from_link("#") == Choice()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "cannot be read"),
        ("colour=red", "'colour', which is no choice"),
        ("codec.__class__x y=1", "which is no choice"),
        ("settings=1", "'settings', which is no choice"),
        ("pretrained=perhaps", "pretrained='perhaps'"),
        ("network=" + "a" * MAX_LINK, f"at most {MAX_LINK}"),
    ],
)
def test_other_texts_are_refused(text, says):
    with pytest.raises(InputError, match=r"choose anew|are read|must be true") as caught:
        from_link(text)
    assert says in str(caught.value)


def test_values_that_json_would_blow_up_stay_text():
    choice = from_link("codec=x&codec.a=%7B%22b%22%3A1%7D&codec.b=NaN")
    assert choice.settings == {"a": '{"b":1}', "b": "NaN"}
