"""server_part(edge_part(x)) equals model(x), over many families of networks, untrained and offline.

The parts are compared on pictures, batch sizes and memory layouts that building a split does not look at.
"""

import pytest
import torch

import workbench as wb

# family, side of the pictures, how many cuts at module boundaries there must at least be
QUICK = [
    ("test_resnet", 64, 10),
    ("test_vit", 64, 5),
    ("test_vit2", 64, 5),
    ("test_vit3", 64, 5),
    ("test_vit4", 64, 5),
    ("test_convnext", 64, 12),
    ("test_convnext2", 64, 8),
    ("test_efficientnet", 64, 12),
    ("test_efficientnet_gn", 64, 12),
    ("test_byobnet", 64, 5),
    ("test_mambaout", 64, 12),
    ("test_nfnet", 64, 8),
    ("resnet10t", 64, 10),
    ("resnetv2_18", 64, 8),
    ("mobilenetv2_035", 64, 25),
    ("mobilenetv3_small_050", 64, 25),
    ("mobilenetv4_conv_small_035", 64, 20),
    ("efficientnet_lite0", 64, 25),
    ("regnetx_002", 64, 8),
    ("mixer_s32_224", 64, 8),
    ("deit_tiny_patch16_224", 64, 12),
    ("deit_tiny_distilled_patch16_224", 64, 12),
    ("cait_xxs24_224", 64, 24),
    ("swin_tiny_patch4_window7_224", 56, 12),
    ("levit_128s", 64, 12),
    ("maxvit_pico_rw_256", 64, 12),
    ("convnextv2_atto", 64, 15),
    ("eva02_tiny_patch14_224", 56, 12),
    ("edgenext_xx_small", 64, 12),
    ("poolformer_s12", 64, 12),
    ("pit_ti_224", 64, 8),
    ("xcit_nano_12_p16_224", 64, 12),
    ("ghostnet_050", 64, 12),
    ("repvit_m0_9", 64, 20),
]
LARGER = [("vgg11", 32, 20), ("densenet121", 32, 10), ("convit_tiny", 224, 8), ("tiny_vit_5m_224", 224, 20)]


@pytest.mark.parametrize(("name", "side", "at_least"), QUICK)
def test_both_parts_give_the_whole_answer(untrained, name, side, at_least):
    model = untrained(name, side)
    points = wb.split_points(model)
    assert len(points) >= at_least
    middle = points[len(points) // 2]
    assert_equal(model, [middle])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "side", "at_least"), QUICK + LARGER)
def test_every_cut_of_many_families(untrained, name, side, at_least):
    model = untrained(name, side)
    points = wb.split_points(model)
    assert len(points) >= at_least
    assert_equal(model, points if side < 100 else points[::4])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("vit_tiny_patch16_224", [f"blocks.{at}" for at in range(12)]),
        ("deit_tiny_patch16_224", [f"blocks.{at}" for at in range(12)]),
        ("swin_tiny_patch4_window7_224", [f"layers.2.blocks.{at}" for at in range(6)]),
        ("cait_xxs24_224", [f"blocks.{at}" for at in range(24)]),
        ("convnext_atto", [f"stages.2.blocks.{at}" for at in range(6)]),
        ("maxvit_pico_rw_256", [f"stages.2.blocks.{at}" for at in range(4)]),
        ("levit_128s", [f"stages.1.blocks.{at}" for at in range(3)]),
    ],
)
def test_blocks_of_transformers_are_cuts_at_full_size(untrained, name, blocks):
    assert_equal(untrained(name), blocks)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet", "levit_128s"]
)
def test_deeper_cuts_and_cuts_with_several_tensors(untrained, name):
    model = untrained(name, 64)
    points = wb.split_points(model, deep=True, several=True)
    assert any(point.deep for point in points) or name == "test_efficientnet"
    assert any(len(point.shapes) > 1 for point in points)
    assert_equal(model, points if len(points) < 120 else points[::3])


def assert_equal(model, points):
    """For three pictures: the same answer from features that went through bytes, and not a constant one."""
    pictures = torch.randn(3, *model.input_size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = model(pictures)
        scale = whole.abs().max()
        assert (whole[0] - whole[1]).abs().max() > 1e-4 * scale
        for point in points:
            split = wb.split(model, point)
            features = split.edge_part(pictures)
            tensors = (features,) if isinstance(features, torch.Tensor) else features
            assert tuple(tuple(tensor.shape) for tensor in tensors) == tuple(
                (3, *s) for s in split.point.shapes
            )
            through_bytes = tuple(torch.from_numpy(tensor.numpy().copy(order="C")) for tensor in tensors)
            answer = split.server_part(through_bytes if len(through_bytes) > 1 else through_bytes[0])
            assert (answer - whole).abs().max() <= 2e-5 * scale, split.point.name
            silent = tuple(torch.zeros_like(tensor) for tensor in tensors)
            other = split.server_part(silent if len(silent) > 1 else silent[0])
            assert (other - whole).abs().max() > 1e-4 * scale, f"{split.point.name} does not matter"
