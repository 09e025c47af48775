"""Trains one method around one split, in the two stages of the QCNet paper.

    stage 1, no labels:   features ─▶ bits ─▶ restorer ─▶ mean squared error to the features
    stage 2, labels:      pictures, varied ─▶ edge ─▶ bits ─▶ restorer ─▶ server part ─▶ cross-entropy

Stage 1 measures the error in units of the features' variance, so that it means the same at every split.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from workbench.errors import InputError
from workbench.models import Split
from workbench.neural.augment import Augmentation
from workbench.neural.chain import Chain
from workbench.neural.features import Features, edge_features
from workbench.neural.fitting import Progress, Watch, device, fit
from workbench.neural.method import Method
from workbench.neural.plans import FINETUNE, RECONSTRUCT, Plan
from workbench.records import LossCurve


@dataclass(eq=False)
class Trained:
    """A method trained around a split: all its parts, how training went, and remarks worth reading."""

    method: Method
    split: Split
    chain: Chain
    seed: int
    curves: tuple[LossCurve, ...] = ()
    notes: tuple[str, ...] = ()
    plans: dict[str, Plan] = field(default_factory=dict)


VARIED = Augmentation()


@dataclass(frozen=True)
class Recipe:
    """Both stages' plans and how pictures are varied in the second."""

    reconstruct: Plan = RECONSTRUCT
    finetune: Plan = FINETUNE
    augmentation: Augmentation | None = VARIED


def train(
    method: Method,
    split: Split,
    pictures: Tensor,
    labels: Tensor | None = None,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    folder: Path | None = None,
    progress: Progress | None = None,
    between: Callable[[Trained], None] | None = None,
    watch: Watch | None = None,
) -> Trained:
    """Train a method on preprocessed pictures (N, C, H, W); without labels stage 1 alone runs.

    Parameters
    ----------
    labels : class of each picture (N,), integers.
    folder : where checkpoints (and features too large for memory) go; a killed training goes on from there.
    between : called after stage 1, before fine-tuning, with what there is then.
    watch : called with the loss curve so far after every epoch.

    Raises
    ------
    InputError : no pictures; labels that do not fit; a method that has no stage 1 and got no labels.
    StorageError, WeightsError, Cancelled : see `fit`.
    """
    recipe = recipe or Recipe()
    _check(method, pictures, labels)
    where = device()
    edge = split.edge_part if where.type == "cpu" else copy.deepcopy(split.edge_part).to(where)
    features = edge_features(
        edge, pictures, folder=folder, key=f"{split.model.fingerprint} {split.point.name}",
        progress=progress,
    )  # fmt: skip
    samples = features.rows(torch.arange(min(len(features), 512)))
    chain = method.chain(split, samples, seed).to(where)
    done = Trained(method, split, chain, seed)
    identity = f"{method.name} {method.settings()} {split.model.fingerprint} {split.point.name}"
    if method.reconstructs:
        done.plans["reconstruct"] = recipe.reconstruct
        curve = fit(
            chain.learn(method.reconstructs), _reconstruction(chain, features, where), len(features),
            recipe.reconstruct, what=f"{method.name}, stage 1", seed=seed, identity=identity,
            checkpoint=folder and folder / f"{method.name}-{seed}-stage1.safetensors", progress=progress,
            watch=watch,
        )  # fmt: skip
        done.curves += (curve,)
    if between is not None:
        between(done)
    if labels is None:
        done.notes += ("no labels: stage 1 alone was trained, the server part is the network's own",)
    else:
        done.plans["finetune"] = recipe.finetune
        loss = _classification(chain, pictures, labels, recipe.augmentation, where)
        curve = fit(
            chain.learn(method.finetunes), loss, len(pictures), recipe.finetune,
            what=f"{method.name}, stage 2", seed=seed, identity=identity,
            checkpoint=folder and folder / f"{method.name}-{seed}-stage2.safetensors", progress=progress,
            watch=watch,
        )  # fmt: skip
        done.curves += (curve,)
    chain.requires_grad_(False).eval().cpu()
    done.notes += tuple(
        f"{curve.what}: the loss was no number; the weights are those of "
        + (f"epoch {curve.best_epoch + 1}" if curve.best_epoch >= 0 else "before training")
        + ", lower the learning rate"
        for curve in done.curves
        if curve.stopped == "not finite"
    )
    return done


def _check(method: Method, pictures: Tensor, labels: Tensor | None) -> None:
    if pictures.ndim == 4 and not len(pictures):
        raise InputError(
            "training: no pictures to learn from; give at least 3, besides those that are tested on (every "
            "fifth where no others are given)"
        )
    if pictures.ndim != 4:
        raise InputError(f"training: pictures have shape {tuple(pictures.shape)}; (N, C, H, W) is needed")
    if labels is None:
        if not method.reconstructs:
            raise InputError(
                f"{method.name} learns from labels alone and got none; give labels, or choose a method with "
                "a label-free first stage such as qcnet-h"
            )
        return
    if labels.shape != (len(pictures),) or labels.is_floating_point() or labels.min() < 0:
        raise InputError(
            f"training: {len(pictures)} pictures need as many labels, whole numbers from 0; these are "
            f"{labels.dtype} of shape {tuple(labels.shape)}"
        )
    if len(labels.unique()) < 2:
        raise InputError(
            f"training: all labels are {labels[0].item()}; fine-tuning on one class would only teach that "
            "answer. Give pictures of at least two classes, or labels=None to train stage 1 alone"
        )


def _reconstruction(
    chain: Chain, features: Features, where: torch.device
) -> Callable[[Tensor, bool], Tensor]:
    scale = features.rows(torch.arange(min(len(features), 512))).var(correction=0).clamp_min(1e-12).item()

    def loss(rows: Tensor, training: bool) -> Tensor:
        target = features.rows(rows).to(where)
        return functional.mse_loss(chain.restored(target), target) / scale + chain.penalty()

    return loss


def _classification(
    chain: Chain, pictures: Tensor, labels: Tensor, augmentation: Augmentation | None, where: torch.device
) -> Callable[[Tensor, bool], Tensor]:
    def loss(rows: Tensor, training: bool) -> Tensor:
        batch = pictures[rows]
        if training and augmentation is not None:
            batch = augmentation(batch)
        answers = chain(batch.to(where))
        if labels.max() >= answers.shape[1]:
            raise InputError(
                f"training: label {labels.max().item()} is none of the network's {answers.shape[1]} classes"
            )
        return functional.cross_entropy(answers.float(), labels[rows].to(where)) + chain.penalty()

    return loss
