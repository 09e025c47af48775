"""Trains one method around one split, in the two stages of the QCNet paper.

    stage 1, no labels:   features ─▶ bits ─▶ restorer ─▶ mean squared error to the features
    stage 2, labels:      pictures, varied ─▶ edge ─▶ bits ─▶ restorer ─▶ server part ─▶ cross-entropy
    with a teacher:         the same ─▶ the unsplit network ─▶ its answers ─▶ divergence from them

Stage 1 measures the error in units of the features' variance, so that it means the same at every split.

Source of the teacher: Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network", 2015
(arXiv:1503.02531): at temperature T both answers' logits are divided by T, and their divergence is
multiplied by its square, so that the gradient keeps its size. The QCNet paper's second stage is
cross-entropy alone, the default here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.errors import InputError, SettingError
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
_SAMPLES = 512  # pictures whose features give sizes, thresholds and scales


@dataclass(frozen=True)
class Recipe:
    """Both stages' plans, how pictures are varied, and who says what the right answer is.

    `copies` varied ones of each picture go through the edge part once, before training, and an epoch of
    stage 1 takes the features of one of them, or of the picture itself; without them it knows the pictures
    alone. Stage 2 varies the pictures anew in every epoch, for every method. `teacher` is the share of the
    unsplit network's own answers, at this `temperature`, in the loss of stage 2: 0 is the labels alone, 1
    those answers alone, which needs no labels.
    """

    reconstruct: Plan = RECONSTRUCT
    finetune: Plan = FINETUNE
    augmentation: Augmentation | None = VARIED
    copies: int = 0
    teacher: float = 0.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if type(self.copies) is not int or not 0 <= self.copies <= 1000:
            raise SettingError(
                f"training: copies is {self.copies!r}; it must be a whole number from 0 to 1000"
            )
        if self.copies and self.augmentation is None:
            raise SettingError(
                f"training: {self.copies} varied copies of each picture, but no augmentation to vary them "
                "by; set augmentation, or copies to 0"
            )
        if not _within(self.temperature, 0.1, 100):
            raise SettingError(
                f"training: temperature is {self.temperature!r}; it must be a number from 0.1 to 100"
            )
        if not _within(self.teacher, 0, 1):
            raise SettingError(
                f"training: teacher is {self.teacher!r}; it must be a number from 0 (labels alone) to 1 (the "
                "unsplit network's answers alone)"
            )

    @property
    def needs_labels(self) -> bool:
        """Whether stage 2 does."""
        return self.teacher < 1


def _within(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


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
    """Train a method on preprocessed pictures (N, C, H, W).

    Without labels stage 1 alone runs, unless the recipe's teacher says all there is to learn in stage 2.

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
    if not recipe.needs_labels:
        labels = None
    _check(method, split, pictures, labels, recipe)
    labels = None if labels is None else labels.long()
    where = device()
    edge = split.edge_part if where.type == "cpu" else copy.deepcopy(split.edge_part).to(where)
    features = edge_features(
        edge, pictures if method.reconstructs else pictures[:_SAMPLES], folder=folder,
        key=f"{split.model.fingerprint} {split.point.name}",
        copies=recipe.copies if method.reconstructs else 0, vary=recipe.augmentation,
        progress=progress,
    )  # fmt: skip
    samples = features.rows(torch.arange(min(len(pictures), _SAMPLES)))
    chain = method.chain(split, samples, seed).to(where)
    done = Trained(method, split, chain, seed)
    identity = f"{method.name} {method.settings()} {split.model.fingerprint} {split.point.name}"
    if method.reconstructs:
        done.plans["reconstruct"] = recipe.reconstruct
        loss = _reconstruction(chain, features, len(pictures), where)
        told = f"{recipe.copies} copies, {recipe.augmentation}" if recipe.copies else ""
        curve = fit(
            chain.learn(method.reconstructs), loss, len(pictures),
            recipe.reconstruct, what=f"{method.name}, stage 1", seed=seed, identity=identity, recipe=told,
            checkpoint=folder and folder / f"{method.name}-{seed}-stage1.safetensors", progress=progress,
            watch=watch,
        )  # fmt: skip
        done.curves += (curve,)
    if between is not None:
        between(done)
    if labels is None and recipe.needs_labels:
        done.notes += ("no labels: stage 1 alone was trained, the server part is the network's own",)
    else:
        done.plans["finetune"] = recipe.finetune
        loss = _classification(method, chain, split, pictures, labels, recipe, where)
        told = f"{recipe.augmentation}, teacher {recipe.teacher} at {recipe.temperature}"
        curve = fit(
            chain.learn(method.finetunes), loss, len(pictures), recipe.finetune,
            what=f"{method.name}, stage 2", seed=seed, identity=identity, recipe=told,
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


def _check(method: Method, split: Split, pictures: Tensor, labels: Tensor | None, recipe: Recipe) -> None:
    if pictures.ndim == 4 and not len(pictures):
        raise InputError(
            "training: no pictures to learn from; give at least 3, besides those that are tested on (every "
            "fifth where no others are given)"
        )
    if pictures.ndim != 4:
        raise InputError(f"training: pictures have shape {tuple(pictures.shape)}; (N, C, H, W) is needed")
    size = tuple(split.model.input_size)
    if tuple(pictures.shape[1:]) != size or pictures.dtype != torch.float32:
        wanted, given = ("x".join(map(str, sides)) for sides in (size, pictures.shape[1:]))
        raise InputError(
            f"training: {split.model.name} takes pictures of {wanted}, float32; these are of {given}, "
            f"{pictures.dtype}: preprocess them with the network's own `preprocess`"
        )
    if labels is None:
        if not method.reconstructs and recipe.needs_labels:
            raise InputError(
                f"{method.name} learns from labels alone and got none; give labels, let the unsplit network "
                "teach (teacher 1), or choose a method with a label-free first stage such as qcnet-h"
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


def _stands(method: Method) -> bool:
    """Whether stage 2 leaves the edge part as it is."""
    return "edge" not in method.finetunes


def _reconstruction(
    chain: Chain, features: Features, count: int, where: torch.device
) -> Callable[[Tensor, bool], Tensor]:
    scale = features.rows(torch.arange(min(count, _SAMPLES))).var(correction=0).clamp_min(1e-12).item()

    def loss(rows: Tensor, training: bool) -> Tensor:
        target = features.rows(_drawn(rows, count, len(features)) if training else rows).to(where)
        return functional.mse_loss(chain.restored(target), target) / scale + chain.penalty()

    return loss


def _drawn(rows: Tensor, count: int, total: int) -> Tensor:
    """For each of these rows of `count` pictures one of its forms among `total` rows of features."""
    return rows if total == count else rows + count * torch.randint(total // count, rows.shape)


def _classification(
    method: Method,
    chain: Chain,
    split: Split,
    pictures: Tensor,
    labels: Tensor | None,
    recipe: Recipe,
    where: torch.device,
) -> Callable[[Tensor, bool], Tensor]:
    whole = None
    if recipe.teacher:
        edge = nn.Identity() if _stands(method) else copy.deepcopy(split.edge_part)
        whole = nn.ModuleList([edge, copy.deepcopy(split.server_part)]).to(where).eval()

    def seen(rows: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Features, and what the unsplit network needs: the same, or the pictures where they learn, too."""
        batch = pictures[rows]
        if training and recipe.augmentation is not None:
            batch = recipe.augmentation(batch)
        batch = batch.to(where)
        features = chain.edge(batch)
        return features, (features if _stands(method) else batch)

    def loss(rows: Tensor, training: bool) -> Tensor:
        features, batch = seen(rows, training)
        answers = chain.server(chain.restored(features)).float()
        if labels is not None and labels.max() >= answers.shape[1]:
            raise InputError(
                f"training: label {labels.max().item()} is none of the network's {answers.shape[1]} classes"
            )
        value = torch.as_tensor(chain.penalty())
        if labels is not None:
            value = value + (1 - recipe.teacher) * functional.cross_entropy(answers, labels[rows].to(where))
        if whole is not None:
            with torch.no_grad():
                wanted = (whole[1](whole[0](batch)).float() / recipe.temperature).log_softmax(1)
            given = (answers / recipe.temperature).log_softmax(1)
            distance = functional.kl_div(given, wanted, log_target=True, reduction="batchmean")
            value = value + recipe.teacher * recipe.temperature**2 * distance
        return value

    return loss
