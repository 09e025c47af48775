"""Class activation maps of one layer, made by pytorch-grad-cam (its import takes seconds: import this late).

features (B, ...) ─▶ network with a tap ─▶ values and gradients at the tap ─▶ maps (B, H, W)

Sources: Selvaraju et al., Grad-CAM, ICCV 2017; Chattopadhay et al., Grad-CAM++, WACV 2018; Draelos and Carin,
HiRes-CAM, arXiv:2011.08891; Muhammad and Yeasin, Eigen-CAM, IJCNN 2020; pytorch-grad-cam 1.5, Gildenblat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from workbench.errors import ModelError
from workbench.saliency.layout import Layout
from workbench.saliency.methods import checked_method

_FLAT = 1e-6  # a map whose values differ by less than this share of the largest is constant
_LIBRARY = {"grad-cam": GradCAM, "grad-cam++": GradCAMPlusPlus, "hires-cam": HiResCAM, "eigen-cam": EigenCAM}


@dataclass(frozen=True, eq=False)
class Maps:
    """Maps (B, H, W) float32 from 0 to 1, which of them are constant (so all 0), and scores (B, classes).

    `raw` are the maps before rectifying and scaling (B, rows, columns); `direction` is the channel direction
    of Eigen-CAM, (C,), None for the others.
    """

    values: NDArray[np.float32]
    raw: NDArray[np.float32]
    flat: tuple[bool, ...]
    scores: NDArray[np.float32]
    index: int
    direction: NDArray[np.float32] | None = None


class _Scores(nn.Module):
    """The network on these features: the first (B, classes) of its answer.

    The library gives it a tensor, which features are not where several cross, and asks for a parameter, which
    a server part may not have: so the features are kept here, and there is an empty parameter.
    """

    def __init__(self, network: nn.Module, features: Any, name: str) -> None:
        super().__init__()
        self.network, self.features, self.name = network, features, name
        self.nothing = nn.Parameter(torch.empty(0), requires_grad=False)

    def forward(self, rows: Tensor) -> Tensor:
        answer = self.network(self.features)
        for leaf in tree_leaves(answer):
            if isinstance(leaf, Tensor) and leaf.ndim == 2:
                return leaf.float()
        shapes = [tuple(leaf.shape) for leaf in tree_leaves(answer) if isinstance(leaf, Tensor)]
        raise ModelError(
            f"{self.name} answers with {shapes}; maps need a classifier, whose answer is (batch, classes)"
        )


class _Chosen:
    """The score of one class, the same for every row; without an index, of the first row's best class."""

    def __init__(self, index: int | None) -> None:
        self.index = index

    def __call__(self, scores: Tensor) -> Tensor:
        if self.index is None:
            self.index = int(scores.argmax())
        return scores[self.index]


def _principal(values: NDArray[np.float32], along: NDArray[np.float32] | None) -> tuple[Any, Any]:
    """Projection of (C, rows, columns) on its first principal direction, and that direction.

    A principal direction has no sign. The first map's is such that the value furthest from 0 is positive
    (Seg-Eigen-CAM, Appl. Sci. 15, 7562, eq. 13); `along` gives it to the others.
    """
    rows = np.nan_to_num(values.reshape(len(values), -1).T.astype(np.float64))
    rows = rows - rows.mean(0)
    direction = np.linalg.svd(rows, full_matrices=False)[2][0]
    projection = rows @ direction
    turned = -projection.min() > projection.max() if along is None else float(direction @ along) < 0
    sign = -1.0 if turned else 1.0
    return (sign * projection).reshape(values.shape[1:]), sign * direction


def _with(base: type[Any], size: tuple[int, int], along: NDArray[np.float32] | None) -> type[Any]:
    """The library's method, drawing at the picture's size (features have none) and keeping its raw map."""

    class Cam(base):
        raw: NDArray[np.float32]
        direction: NDArray[np.float32] | None = along

        def get_target_width_height(self, input_tensor: Tensor) -> tuple[int, int]:
            return size[1], size[0]

        def get_cam_image(self, *given: Any, **named: Any) -> NDArray[np.float32]:
            with np.errstate(all="ignore"):
                found = np.asarray(super().get_cam_image(*given, **named), np.float32)
            self.raw = found
            return np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0)

    class Eigen(Cam):
        def get_cam_image(self, *given: Any, **named: Any) -> NDArray[np.float32]:
            activations: NDArray[np.float32] = given[3]
            found = []
            for one in activations:
                projection, direction = _principal(one, self.direction)
                self.direction = direction if self.direction is None else self.direction
                found.append(projection)
            self.raw = np.asarray(found, np.float32)
            return self.raw

    return Eigen if base is EigenCAM else Cam


def class_maps(
    network: nn.Module,
    tap: nn.Module,
    layout: Layout,
    features: Any,
    *,
    method: str,
    size: tuple[int, int],
    index: int | None = None,
    along: NDArray[np.float32] | None = None,
    name: str = "the network",
) -> Maps:
    """Maps of one class for every row of `features`.

    Parameters
    ----------
    network : features to answer. It is put in eval mode and loses its gradients: give one of your own.
    tap : the module in it whose output the maps are made of; what it gives must require a gradient.
    size : (height, width) of the maps.
    index : the class; None takes the best one of the first row, for all rows.
    along : the `direction` of an earlier call, for Eigen-CAM.

    Raises
    ------
    UnknownNameError, ModelError : an unknown method, a network that is no classifier.
    """
    kind = _with(_LIBRARY[checked_method(method)], size, along)
    chosen = _Chosen(index)
    rows = len(features if isinstance(features, Tensor) else features[0])

    def to_maps(values: Tensor) -> Tensor:
        return layout.maps(values).float()

    with torch.inference_mode(False), torch.enable_grad():
        cam = kind(_Scores(network, features, name), [tap], reshape_transform=to_maps)
        try:
            values = cam.forward(torch.empty(rows, 1), [chosen] * rows)
            scores = cam.outputs.detach().numpy()
        finally:
            cam.activations_and_grads.release()
    if chosen.index is None:  # Eigen-CAM asks for no class
        chosen.index = int(scores[0].argmax())
    flat = tuple(_is_flat(one) for one in cam.raw)
    values = np.where(np.asarray(flat)[:, None, None], np.float32(0), values)
    return Maps(values.astype(np.float32), cam.raw, flat, scores, chosen.index, cam.direction)


def _is_flat(raw: NDArray[np.float32]) -> bool:
    """No number, nowhere above zero, or the same everywhere up to rounding."""
    if not np.isfinite(raw).all():
        return True
    seen = np.maximum(raw, 0)
    return float(np.ptp(seen)) <= _FLAT * float(np.abs(raw).max())
