"""The colours stand out from both pages and from each other, also for colour-blind eyes.

Simulation: Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB; distance: CIE76 in L*a*b*.
Contrast: WCAG 2.1, 1.4.11.
"""

import itertools

import numpy as np
import pytest

from workbench.figures.palette import CLASSES, STAGES, VERSIONS, faded

SEEN_BY = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
PAGES = {"light": "#ffffff", "dark": "#191f27"}


def linear(colour):
    channels = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = to_xyz @ np.clip(rgb, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one, other):
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_of_contrast_is_the_standards():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.02)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("colour", sorted({*STAGES.values(), *VERSIONS.values(), *CLASSES}))
def test_each_stands_out_from_the_page(colour, page):
    assert contrast(colour, PAGES[page]) >= 3.0


@pytest.mark.parametrize("eyes", SEEN_BY)
@pytest.mark.parametrize("group", [STAGES, VERSIONS], ids=["stages", "versions"])
def test_any_two_stay_apart(group, eyes):
    seen = {name: lab(np.array(SEEN_BY[eyes]) @ linear(colour)) for name, colour in group.items()}
    apart = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in itertools.combinations(group, 2)}
    assert min(apart.values()) >= 20, min(apart, key=apart.get)


def test_the_measure_of_distance_tells_red_and_green_alike():
    red, green = (
        lab(np.array(SEEN_BY["deuteranopia"]) @ linear(colour)) for colour in ("#a05a00", "#787800")
    )
    assert np.linalg.norm(red - green) < 20


def test_faded_keeps_the_colour():
    assert faded("#4c55e6", 0.5) == "rgba(76,85,230,0.5)"
