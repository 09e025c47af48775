"""A user's own module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workbench.errors import ModelError
from workbench.models.model import Model
from workbench.models.preprocess import Preprocessing
from workbench.models.sharing import with_own_weights, with_same_weights
from workbench.models.sources.wishes import Wishes
from workbench.models.weights import put_weights, read_weights


def from_own(given: nn.Module, name: str, wishes: Wishes) -> Model:
    """A module that was handed over: left as it was found, its weights shared with the model."""
    config = getattr(given, "pretrained_cfg", None) or getattr(given, "default_cfg", None)
    if wishes.input_size is None and not config:
        raise ModelError(f"{name}: say which pictures it takes: input_size=(C, H, W), such as (3, 224, 224)")
    if config:
        from timm.data import resolve_data_config

        known = Preprocessing.from_timm(resolve_data_config({}, pretrained_cfg=dict(config)))
    else:
        channels = wishes.input_size[0] if wishes.input_size else 3
        known = Preprocessing(wishes.input_size or (3, 224, 224), (0.0,) * channels, (1.0,) * channels)
    if wishes.weights:
        module = with_own_weights(given).eval()
        put_weights(module, read_weights(wishes.weights), wishes.weights.name, name)
        weights, note = "trained", f"from {wishes.weights.name}"
    else:
        module = with_same_weights(given).eval()
        weights, note = {
            None: (
                "own",
                "as they were in the module that was handed over; only its owner knows if it is trained",
            ),
            True: ("trained", "trained, as its owner says"),
            False: ("random", "random, as its owner says: its answers mean nothing"),
        }[wishes.pretrained]
    preprocessing = wishes.refine(known)
    answers = _answers(module, preprocessing.input_size, name)
    if wishes.classes and answers is not None and answers != len(wishes.classes):
        raise ModelError(
            f"{name} gives {answers} answers, but classes names {len(wishes.classes)}; name each one"
        )
    return Model(
        name=name,
        module=module,
        preprocessing=preprocessing,
        classes=wishes.classes,
        weights=weights,  # type: ignore[arg-type]
        weights_note=note,
        source="own module",
        origin="own",
    )


def _answers(module: nn.Module, input_size: tuple[int, int, int], name: str) -> int | None:
    """How many answers it gives for a picture; None where it gives something else than (B, answers)."""
    like = next(module.parameters(), torch.empty(0))
    try:
        with torch.no_grad():
            answer = module(torch.zeros(1, *input_size).to(like))
    except Exception as error:  # a foreign forward() may fail in any way
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{name} does not run on a picture of shape {input_size}: {type(error).__name__}: {why}; "
            f"say the input_size that it was made for"
        ) from error
    return answer.shape[1] if isinstance(answer, Tensor) and answer.ndim == 2 else None
