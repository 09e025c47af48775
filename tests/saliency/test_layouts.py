"""How a layer's tensor is read: by its shape, and by what answers to which quarter of the picture."""

import pytest
import timm
import torch
from torch import nn

import workbench as wb
from workbench.experiments.saliency_layers import look
from workbench.saliency.layout import Layout, find, possible


def quiet(done, total, what):
    """A progress that tells nobody."""


def pooled(rows, columns):
    """Pictures to maps (B, 3, rows, columns) that keep their places."""
    return lambda pictures: nn.functional.adaptive_avg_pool2d(pictures, (rows, columns))


def tokens(rows, columns, before=0, behind=0):
    """The same as tokens (B, N, 3), with tokens around them that see the whole picture."""

    def values_of(pictures):
        places = pooled(rows, columns)(pictures).flatten(2).movedim(1, 2)
        everywhere = pictures.mean((2, 3))[:, None]
        return torch.cat([*[everywhere] * before, places, *[everywhere] * behind], 1)

    return values_of


def test_the_reading_of_each_kind_by_hand():
    values = torch.arange(2 * 6 * 5.0).reshape(2, 6, 5)
    read = Layout("tokens", (2, 2), before=1, behind=1).maps(values)
    assert read.shape == (2, 5, 2, 2)
    assert read[0, 0].tolist() == [[5.0, 10.0], [15.0, 20.0]]  # tokens 1 to 4, channel 0
    assert Layout("tokens-last", (1, 5)).maps(values).shape == (2, 6, 1, 5)
    assert Layout("channel-last", (3, 2)).maps(torch.zeros(2, 3, 2, 7)).shape == (2, 7, 3, 2)
    assert Layout("channel-first", (3, 2)).maps(torch.zeros(2, 7, 3, 2)).shape == (2, 7, 3, 2)


def test_what_a_shape_can_be():
    assert possible((2048, 7, 7), (224, 224)) == (Layout("channel-first", (7, 7)),)
    assert possible((7, 7, 768), (224, 224)) == (Layout("channel-last", (7, 7)),)
    assert possible((14, 10, 96), (448, 320)) == (Layout("channel-last", (14, 10)),)
    assert Layout("tokens", (14, 14), 1, 0) in possible((197, 768), (224, 224))
    assert Layout("tokens", (14, 10), 1, 0) in possible((141, 768), (448, 320))
    assert possible((512,), (224, 224)) == possible((512, 1, 1), (224, 224)) == ()


@pytest.mark.parametrize(
    ("shape", "values_of", "expected"),
    [
        ((8, 8, 8), lambda x: pooled(8, 8)(x).repeat(1, 3, 1, 1)[:, :8], Layout("channel-first", (8, 8))),
        (
            (8, 8, 8),
            lambda x: pooled(8, 8)(x).repeat(1, 3, 1, 1)[:, :8].movedim(1, -1),
            Layout("channel-last", (8, 8)),
        ),
        ((17, 3), tokens(4, 4, before=1), Layout("tokens", (4, 4), 1, 0)),
        ((17, 3), tokens(4, 4, behind=1), Layout("tokens", (4, 4), 0, 1)),
        ((69, 3), tokens(8, 8, before=5), Layout("tokens", (8, 8), 5, 0)),
        ((64, 3), tokens(8, 8), Layout("tokens", (8, 8))),
        ((3, 64), lambda x: tokens(8, 8)(x).movedim(1, 2), Layout("tokens-last", (8, 8))),
        ((9, 3), tokens(3, 3), Layout("tokens", (3, 3))),
        ((9, 3), tokens(2, 2, before=5), Layout("tokens", (2, 2), 5, 0)),
    ],
)
def test_trying_finds_it(shape, values_of, expected):
    assert find(shape, (3, 32, 32), values_of) == expected


def test_tokens_that_are_no_places_have_no_layout():
    for seed in range(20):
        draw = torch.randn(3, 64, generator=torch.Generator().manual_seed(seed))
        mix = lambda pictures: torch.tanh(pictures.mean((2, 3)) @ draw).reshape(-1, 16, 4)  # noqa: B023, E731
        assert find((16, 4), (3, 32, 32), mix) is None


def test_an_easy_shape_asks_nothing_of_the_network():
    def never(pictures):
        raise AssertionError("asked")

    assert find((64, 7, 7), (3, 224, 224), never) == Layout("channel-first", (7, 7))
    assert find((64,), (3, 224, 224), never) is None


@pytest.mark.parametrize(
    ("name", "cut", "layer", "layout"),
    [
        ("test_resnet", "layer2", "layer3", Layout("channel-first", (4, 4))),
        ("test_vit", "blocks.2", "blocks.5.norm1", Layout("tokens", (4, 4), 1, 0)),
        ("test_convnext", "stages.1", "stages.3.downsample.0", Layout("channel-first", (4, 4))),
        ("deit_tiny_distilled_patch16_224", "blocks.9", "blocks.11.norm1", Layout("tokens", (4, 4), 2, 0)),
        ("vit_tiny_patch16_dinov3_qkvb", "blocks.9", "norm", Layout("tokens", (4, 4), 5, 0)),
    ],
)
def test_layer_and_layout_of_untrained_networks(name, cut, layer, layout):
    if name not in timm.list_models():
        pytest.skip(f"this timm has no {name}")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        size = {"img_size": 64} if "patch16" in name or "vit" in name else {}
        network = wb.load_model(
            timm.create_model(name, pretrained=False, **size), input_size=(3, 64, 64), pretrained=False
        )
    split = wb.split(network, cut)
    features = split.edge_part(torch.ones(1, 3, 64, 64)).detach()
    looked = look(split, features, None, quiet)
    assert (looked.layer.name, looked.layout) == (layer, layout)


def test_swin_is_read_channel_last(swin):
    split = wb.split(swin, "layers.0")
    looked = look(split, split.edge_part(torch.ones(1, 3, 32, 32)).detach(), None, quiet)
    assert (looked.layer.name, looked.layout) == ("norm", Layout("channel-last", (4, 4)))
