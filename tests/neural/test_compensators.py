"""Compensators: sizes worked out by hand, shapes kept, windows that see only themselves."""

import pytest
import torch

from workbench.errors import InputError, SettingError, UnknownNameError
from workbench.neural.blocks import AttentionBlock
from workbench.neural.compensators import FAMILIES, Compensator, suits
from workbench.neural.presets import PRESETS, preset


def _parameters(network):
    return sum(weight.numel() for weight in network.parameters())


def test_hybrid_for_vit_b16_has_the_papers_number_of_parameters():
    """By hand: seven 3-tap convolutions between 768 and 1152, one point-wise, biases, two per norm."""
    wide, narrow = 1152, 768
    taps = 7 * 3 * wide * narrow + wide * narrow
    biases = 4 * wide + 3 * narrow + narrow
    norms = 2 * (4 * wide + 3 * narrow)
    count = _parameters(preset("h-vit-b16").build((197, 768)))
    assert count == taps + biases + norms == 19_485_696
    assert abs(count - 19.5e6) < 0.05e6


def test_convolutions_are_counted_by_hand():
    count = _parameters(Compensator("C", n=2, f_m=2.0).build((4, 5, 5)))
    assert count == (9 * 4 * 8 + 8 + 16) + (9 * 8 * 4 + 4 + 8) + (4 * 4 + 4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [(6, 8, 8), (5, 7, 3), (9, 1, 1), (17, 12), (64, 10), (1, 5)])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_shape_is_kept(family, shape, stride):
    network = Compensator(family, n=3, f_m=1.5, s_m=stride, heads=2, window=3).build(shape).eval()
    assert network(torch.zeros(2, *shape)).shape == (2, *shape)
    assert network(torch.zeros(1, *shape)).shape == (1, *shape)


def test_same_seed_same_weights_and_the_callers_draws_are_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, two, other = (preset("h-demo").build((4, 4, 4), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one.body[0][0].weight, two.body[0][0].weight)
    assert not torch.equal(one.body[0][0].weight, other.body[0][0].weight)


def test_output_starts_at_the_size_of_the_features():
    features = torch.randn(64, 9, 6) * torch.tensor([0.01, 1, 10, 100, 1, 1]) + torch.arange(6)
    network = preset("c-demo").build((9, 6))
    network.fit_scale(features)
    assert torch.allclose(network.centre[:, 0], features.mean((0, 1)), rtol=1e-4, atol=1e-5)
    assert torch.allclose(network.spread[:, 0], features.std((0, 1), correction=0), rtol=1e-4)


@pytest.mark.parametrize("sides", [(10,), (5, 7)])
def test_window_attention_sees_its_own_window_only(sides):
    block = AttentionBlock(8, 2, 16, window=4).double()
    features = torch.randn(1, 8, *sides, dtype=torch.float64)
    changed = features.clone()
    changed[(0, slice(None), *[-1] * len(sides))] = torch.arange(8)  # the last window, which is a padded one
    moved = (block(changed) - block(features)).abs().amax(1)[0] > 1e-12
    expected = torch.zeros(sides, dtype=torch.bool)
    expected[tuple(slice((side - 1) // 4 * 4, side) for side in sides)] = True
    assert torch.equal(moved, expected)


def test_global_attention_agrees_with_torchs_own_encoder_layer():
    block = AttentionBlock(8, 2, 16).double()
    peer = torch.nn.TransformerEncoderLayer(
        8, 2, 16, 0.0, activation="gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    peer.self_attn.in_proj_weight.data, peer.self_attn.in_proj_bias.data = (
        block.qkv.weight.data, block.qkv.bias.data,
    )  # fmt: skip
    for mine, theirs in (
        (block.out, peer.self_attn.out_proj), (block.norm1, peer.norm1), (block.norm2, peer.norm2),
        (block.feedforward[0], peer.linear1), (block.feedforward[2], peer.linear2),
    ):  # fmt: skip
        theirs.load_state_dict(mine.state_dict())
    features = torch.randn(3, 8, 5, dtype=torch.float64)
    expected = peer(features.transpose(1, 2)).transpose(1, 2)
    assert torch.allclose(block(features), expected, atol=1e-12)


def test_a_window_as_large_as_the_map_is_global_attention():
    wide, everywhere = AttentionBlock(8, 2, 16, window=16), AttentionBlock(8, 2, 16)
    everywhere.load_state_dict(wide.state_dict())
    features = torch.randn(2, 8, 5, 6)
    assert torch.allclose(wide(features), everywhere(features), atol=1e-5)


@pytest.mark.parametrize(
    ("family", "shape", "able"), [("H", (352,), "C"), ("T", (16, 112, 112), "C, TC, H"), ("T", (8,), "C")]
)
def test_shape_that_does_not_suit_says_which_families_can(family, shape, able):
    assert not suits(family, shape)
    with pytest.raises(InputError, match=rf"family {family} cannot take .* these can: {able}$"):
        Compensator(family).build(shape)


@pytest.mark.parametrize("shape", [(), (0, 4), (2, 3, 4, 5)])
def test_shape_that_nothing_takes(shape):
    with pytest.raises(InputError, match="no compensator takes features of shape"):
        Compensator("C").build(shape)


@pytest.mark.parametrize(
    "wrong", [{"n": 0}, {"f_m": 0.0}, {"s_m": 2.0}, {"family": "X"}, {"family": "T", "n_g": 0, "n_l": 0}]
)
def test_wrong_settings(wrong):
    with pytest.raises(SettingError, match="compensator"):
        Compensator(**wrong)


def test_presets_by_name():
    assert {name.split("-")[0].upper() for name in PRESETS} == set(FAMILIES)
    assert all(spec.family.lower() == name.split("-")[0] for name, spec in PRESETS.items())
    with pytest.raises(UnknownNameError, match="did you mean 'h-vit-b16'"):
        preset("h-vit-b-16")
