"""Torch and the board's numpy runner agree, layer by layer and for whole encoders."""

import numpy as np
import pytest
import torch
from torch import nn

from workbench.codecs.learned.bundle import load
from workbench.errors import InputError
from workbench.neural import autoencoders
from workbench.neural.blocks import ConvBlock, TransposedBlock
from workbench.neural.export import export
from workbench.neural.layers import Affine, Residual, Swap


def _agree(encoder, shape, tmp_path):
    """Largest difference between torch and numpy, over a batch of three."""
    for part in encoder.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            part.weight.data.normal_()
            part.bias.data.normal_()
    encoder.eval()
    path = tmp_path / "e.safetensors"
    values = torch.randn(3, *shape)
    with torch.no_grad():
        expected = encoder(values)
    back = nn.Sequential(
        nn.Flatten(), nn.Linear(expected[0].numel(), int(np.prod(shape))), nn.Unflatten(1, shape)
    )
    export(path, codec="refae", encoder=encoder, decoder=back, shape=shape, code={}, trained={})
    made = load(str(path)).encode(values.numpy())
    assert made.shape == expected.shape
    return np.abs(made - expected.numpy()).max() / max(1, expected.abs().max().item())


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([ConvBlock(3, 5, 2)], (3, 7, 6)),
        ([ConvBlock(3, 5, 2, stride=2, kernel=5)], (3, 7, 6)),
        ([TransposedBlock(3, 4, 2, stride=2), nn.Sigmoid()], (3, 5, 4)),
        ([TransposedBlock(3, 4, 2, stride=3, kernel=5)], (3, 5, 4)),
        ([Swap(), ConvBlock(6, 4, 1, stride=2), TransposedBlock(4, 2, 1, stride=2), Swap()], (9, 6)),
        ([Residual(nn.Sequential(ConvBlock(3, 3, 2), nn.Conv2d(3, 3, 1, bias=False)))], (3, 5, 5)),
        ([Affine(torch.tensor([2.0, -1.0]), torch.tensor([0.5, 3.0])), nn.Identity()], (2, 4, 4)),
        ([nn.Flatten(), nn.Linear(12, 5, bias=False), nn.ReLU()], (3, 4)),
    ],
    ids=["conv", "wide stride", "transposed", "stride 3", "tokens", "residual", "affine", "linear"],
)
def test_layers(layers, shape, tmp_path):
    assert _agree(nn.Sequential(*layers), shape, tmp_path) < 2e-6


@pytest.mark.parametrize("make", [autoencoders.refae, autoencoders.bottlenet])
@pytest.mark.parametrize("shape", [(6, 8, 8), (5, 7, 3), (17, 12)])
def test_autoencoders_keep_the_shape_and_halve_the_sides(make, shape, tmp_path):
    pair = make(torch.randn(4, *shape))
    codes = pair.encoder.eval()(torch.randn(2, *shape))
    assert pair.decoder.eval()(codes).shape == (2, *shape)
    sides = shape[1:] if len(shape) == 3 else shape[:1]
    assert codes.shape[2:] == tuple(-(-side // 2) for side in sides)
    channels = shape[0] if len(shape) == 3 else shape[1]
    assert codes.shape[1] == (channels // 2 if make is autoencoders.refae else max(1, channels // 8))
    assert _agree(pair.encoder, shape, tmp_path) < 2e-6


def test_a_layer_that_the_board_cannot_run(tmp_path):
    network = nn.Sequential(nn.Conv2d(3, 3, 1), nn.GELU())
    with pytest.raises(InputError, match="GELU cannot be exported"):
        export(
            tmp_path / "e.safetensors", codec="refae", encoder=network, decoder=network, shape=(3, 4, 4),
            code={}, trained={},
        )  # fmt: skip


def test_jpeg_passes_the_gradient_and_gives_what_the_codec_gives():
    codes = torch.rand(2, 3, 8, 8, requires_grad=True)
    through = autoencoders.JpegThrough(90)(codes)
    through.sum().backward()
    assert torch.equal(codes.grad, torch.ones_like(codes))
    assert 0 < (through - codes).abs().max() < 0.6
    assert (through.detach() * 255 - (through.detach() * 255).round()).abs().max() < 1e-4
