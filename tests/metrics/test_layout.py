"""Which axes are channels is told from the shape and the picture's aspect; channels become maps."""

import numpy as np
import pytest

from workbench import metrics
from workbench.errors import InputError
from workbench.metrics import Layout

SQUARE, WIDE = (3, 224, 224), (3, 112, 224)


@pytest.mark.parametrize(
    ("shape", "picture", "expected"),
    [
        ((128, 8, 8), (3, 32, 32), Layout("channel-first", (8, 8))),
        ((7, 7, 512), SQUARE, Layout("channel-last", (7, 7))),
        ((64, 14, 28), WIDE, Layout("channel-first", (14, 28))),
        ((14, 28, 64), WIDE, Layout("channel-last", (14, 28))),
        ((8, 8, 8), (3, 32, 32), Layout("channel-first", (8, 8))),
        ((197, 768), SQUARE, Layout("tokens", (14, 14), 1)),
        ((201, 768), SQUARE, Layout("tokens", (14, 14), 5)),
        ((49, 384), SQUARE, Layout("tokens", (7, 7), 0)),
        ((98, 384), WIDE, Layout("tokens", (7, 14), 0)),
        ((65, 64), (3, 32, 32), Layout("tokens", (8, 8), 1)),
        ((100, 64), SQUARE, Layout("tokens")),
        ((10, 64), (3, 32, 32), Layout("tokens")),
        ((512,), SQUARE, Layout("vector")),
        ((2, 3, 4, 5), SQUARE, Layout("vector")),
    ],
)
def test_layouts(shape, picture, expected):
    assert metrics.layout_of(shape, picture) == expected


def test_channels_become_maps_whatever_the_layout():
    maps = np.arange(2 * 3 * 4 * 4.0).reshape(2, 3, 4, 4)
    last = np.moveaxis(maps, 1, 3)
    tokens = np.concatenate([np.full((2, 1, 3), -1.0), last.reshape(2, 16, 3)], axis=1)
    assert np.array_equal(metrics.as_maps(maps, Layout("channel-first", (4, 4))), maps)
    assert np.array_equal(metrics.as_maps(last, Layout("channel-last", (4, 4))), maps)
    assert np.array_equal(metrics.as_maps(tokens, Layout("tokens", (4, 4), 1)), maps)
    assert metrics.as_maps(maps[:, 0, 0], Layout("vector")).shape == (2, 4, 1, 1)
    with pytest.raises(InputError, match="do not lie as tokens"):
        metrics.as_maps(maps, Layout("tokens", (4, 4), 1))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("test_vit", "tokens"), ("test_convnext", "channel-first"), ("test_resnet", "channel-first")],
)
def test_layouts_of_real_networks(name, kind):
    import workbench as wb

    model = wb.load_model(name, pretrained=False)
    points = wb.split_points(model)
    middle = points[len(points) // 3]
    found = metrics.layout_of(middle.shape, model.input_size)
    assert found.kind == kind and found.grid is not None
