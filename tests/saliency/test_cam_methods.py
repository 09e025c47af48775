"""The maps against direct implementations by hooks on the whole network, which know nothing of ours."""

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

import workbench as wb
from workbench.errors import UnknownNameError
from workbench.saliency.layout import Layout
from workbench.saliency.maps import class_maps
from workbench.saliency.methods import METHODS

# network, cut, the layer named as timm names it, and how a person would write its tensor as (B, C, h, w)
NETWORKS = {
    "resnet": ("layer2", "layer3", lambda values: values),
    "vit": ("blocks.2", "blocks.5.norm1", lambda v: v[:, 1:].transpose(1, 2).reshape(len(v), -1, 8, 8)),
    "convnext": ("stages.1", "stages.2.blocks.3.norm", lambda values: values.permute(0, 3, 1, 2)),
    "swin": ("layers.0", "norm", lambda values: values.permute(0, 3, 1, 2)),
}


def by_hooks(model, layer, read, pictures, index):
    """Values and gradients of a layer of the untouched network, (C, h, w) each, and the scores."""
    kept = {}

    def keep(module, given, values):
        values.retain_grad()
        kept["values"] = values

    hook = model.module.get_submodule(layer).register_forward_hook(keep)
    try:
        with torch.enable_grad():
            scores = model.module(pictures.clone().requires_grad_())
            scores[0, index].backward()
    finally:
        hook.remove()
        model.module.zero_grad(set_to_none=True)
    values = kept["values"]
    return read(values.detach())[0], read(values.grad)[0], scores.detach()[0]


def grad_cam(values, gradient):
    return torch.einsum("chw,c->hw", values, gradient.mean((1, 2)))


def grad_cam_plus_plus(values, gradient):
    """Equation 19 of arXiv:1710.11063, with the exponential's derivatives as powers of the gradient."""
    below = 2 * gradient**2 + values.sum((1, 2), keepdim=True) * gradient**3 + 1e-6
    alpha = torch.where(gradient != 0, gradient**2 / below, torch.zeros(()))
    weights = (alpha * functional.relu(gradient)).sum((1, 2))
    return torch.einsum("chw,c->hw", values, weights)


def hires_cam(values, gradient):
    return (values * gradient).sum(0)


def eigen_cam(values, gradient):
    """The direction of largest variance over the places, by the covariance and not by an SVD."""
    rows = values.flatten(1).T.double()
    rows = rows - rows.mean(0)
    direction = torch.linalg.eigh(rows.T @ rows).eigenvectors[:, -1]
    found = (rows @ direction).reshape(values.shape[1:])
    return (found if found.abs().max() == found.max() else -found).float()


DIRECT = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "hires-cam": hires_cam,
    "eigen-cam": eigen_cam,
}


def as_drawn(raw, size):
    """Rectified, scaled to 0..1, brought to the picture's size, scaled again."""
    seen = functional.relu(raw).numpy()
    seen = (seen - seen.min()) / np.ptp(seen)
    large = cv2.resize(seen, size[::-1])
    return (large - large.min()) / np.ptp(large)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_map_is_what_hooks_give(name, method, request, digit, workspace):
    model = request.getfixturevalue(name)
    cut, layer, read = NETWORKS[name]
    report = wb.saliency(model, cut, "raw", digit, method, target=4, layer=layer, workspace=workspace)
    pictures = model.preprocess([digit[0].image])
    values, gradient, scores = by_hooks(model, layer, read, pictures, 4)
    expected = as_drawn(DIRECT[method](values, gradient), report.picture.shape[:2])
    one = report.maps["unsplit"]
    assert np.abs(one.values - expected).max() < 1e-5
    assert one.grid == tuple(values.shape[1:]) and not one.flat
    assert one.probability == pytest.approx(scores.softmax(0)[4].item(), abs=1e-6)
    assert one.predicted_index == int(scores.argmax())


def test_where_nothing_is_lost_the_decoded_path_has_the_same_map(resnet, digit, workspace):
    report = wb.saliency(resnet, "layer2", "raw", digit, workspace=workspace)
    assert np.abs(report.maps["decoded"].values - report.maps["unsplit"].values).max() < 1e-5
    agreed = report.agreement["decoded"]
    assert agreed.pearson == pytest.approx(1.0, abs=1e-6)
    assert (agreed.iou_top20, agreed.peak_shift_pixels) == (1.0, 0.0)


def test_the_decoded_path_is_the_networks_own_with_decoded_features_put_in(resnet, digit, workspace):
    """By hooks: one puts the decoded features in the place of layer2's, the other reads layer3."""
    codec = wb.codec("uniform", bits=2)
    report = wb.saliency(resnet, "layer2", codec, digit, target=6, workspace=workspace)
    assert report.layer == "layer3"
    pictures = resnet.preprocess([digit[0].image])
    features = wb.split(resnet, "layer2").edge_part(pictures)[0].detach().numpy()
    back = torch.from_numpy(wb.decode(codec.encode(features)).copy())[None]
    swap = resnet.module.layer2.register_forward_hook(lambda module, given, values: back + 0 * values)
    try:
        values, gradient, _ = by_hooks(resnet, "layer3", lambda v: v, pictures, 6)
    finally:
        swap.remove()
    expected = as_drawn(grad_cam(values, gradient), (32, 32))
    assert np.abs(report.maps["decoded"].values - expected).max() < 1e-5
    assert report.payload_bytes == len(codec.encode(features))
    assert np.abs(report.maps["unsplit"].values - expected).max() > 0.1


class Bare(torch.nn.Module):
    """Features that are scores already: no parameter, no module."""

    def __init__(self, tap):
        super().__init__()
        self.tap = tap

    def forward(self, features):
        return self.tap(features).mean((2, 3))


class Leaf(torch.nn.Module):
    def forward(self, values):
        return values.detach().requires_grad_()


def maps_of(features, method="grad-cam", **more):
    tap = Leaf()
    grid = Layout("channel-first", tuple(features.shape[2:]))
    return class_maps(Bare(tap), tap, grid, features, method=method, size=(8, 8), **more)


def test_grad_cam_by_hand():
    """A score is the mean of 4 places, so its gradient is 1/4 in its channel: the map is a quarter of it."""
    features = torch.tensor([[[[0.0, 8.0], [4.0, 0.0]], [[9.0, 0.0], [0.0, 1.0]]]])
    found = maps_of(features, index=0)
    assert found.raw.tolist() == [[[0.0, 2.0], [1.0, 0.0]]]
    assert found.scores.tolist() == [[3.0, 2.5]]
    assert found.values[0, 0, -1] == found.values.max() == pytest.approx(1.0, abs=1e-6)


def test_without_a_class_every_row_has_the_first_rows():
    features = torch.rand(3, 4, 5, 5, generator=torch.Generator().manual_seed(3))
    features[0, 2] += 1
    features[1, 3] += 1
    assert maps_of(features).index == maps_of(features, "eigen-cam").index == 2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 0.7, -1.0, float("nan")])
def test_a_constant_map_is_flat_and_all_zero(method, value):
    features = torch.full((1, 3, 4, 4), value)
    found = maps_of(features, method, index=1)
    assert found.flat == (True,)
    assert not found.values.any()


def test_eigen_cam_has_the_sign_of_the_first():
    """Where the sign alone is open, a map and its negative would look like opposites."""
    features = torch.rand(1, 6, 5, 5, generator=torch.Generator().manual_seed(5))
    first = maps_of(features, "eigen-cam")
    again = maps_of(features + 0.01, "eigen-cam", along=-first.direction)
    assert np.allclose(first.raw, -again.raw, atol=1e-5)
    assert first.raw.max() == np.abs(first.raw).max()


def test_an_unknown_method_names_the_nearest(resnet, digit):
    with pytest.raises(UnknownNameError, match="no saliency method 'gradcam'; did you mean 'grad-cam'"):
        wb.saliency(resnet, "layer2", "raw", digit, "gradcam")
