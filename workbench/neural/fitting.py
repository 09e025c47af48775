"""One stage of training, for whatever network and loss: epochs, schedule, early stop, checkpoints.

    rows ─▶ shuffle ─▶ batches ─▶ loss ─▶ Adam ─▶ held-out loss ─▶ schedule ─▶ checkpoint ─▶ next epoch

Draws depend on (seed, epoch) alone, so a training that was killed and goes on gives the same weights as one
that was not.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from workbench.errors import InputError, WeightsError
from workbench.neural.checkpoint import pack_optimiser, read_tensors, unpack_optimiser, write_tensors
from workbench.neural.plans import Plan
from workbench.records import LossCurve

Progress = Callable[[int, int, str], None]
Loss = Callable[[Tensor, bool], Tensor]
Watch = Callable[[LossCurve], None]


@dataclass(slots=True)
class _State:
    """Where a training is."""

    epoch: int = 0
    train: list[float] = field(default_factory=list)
    held_out: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    seconds: float = 0.0
    best_epoch: int = -1
    best_loss: float = math.inf
    scheduler: dict[str, Any] = field(default_factory=dict)
    stopped: Literal["", "early", "not finite"] = ""


def device() -> torch.device:
    """Where training runs: the first CUDA GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def mixed_precision() -> bool:
    """Whether training computes in bfloat16 where that is safe: on a GPU that has it."""
    return device().type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def fit(
    network: nn.Module,
    loss: Loss,
    count: int,
    plan: Plan,
    *,
    what: str = "training",
    seed: int = 0,
    checkpoint: Path | None = None,
    identity: str = "",
    recipe: str = "",
    progress: Progress | None = None,
    watch: Watch | None = None,
) -> LossCurve:
    """Train `network` in place on rows 0..count-1; it ends in eval mode with the weights of its best epoch.

    Parameters
    ----------
    loss : mean loss of some rows (indices), and whether this is for training; called with gradients on then.
    checkpoint : file to write after each epoch and to go on from if it is there.
    identity, recipe : what else tells this training from another (network, split, method; what the loss is
        made of): a checkpoint of another one is refused by what differs.
    progress : called with (batches done, batches in all, words) often; may raise `Cancelled`.
    watch : called with the curve so far after every epoch.

    Raises
    ------
    InputError : too few rows to train and to hold out.
    WeightsError : the checkpoint belongs to another training.
    StorageError : the disk is full.
    Cancelled : from `progress`; the checkpoint of the last whole epoch stays.
    """
    train, held = _rows(count, plan, seed)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(weights, lr=plan.learning_rate)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=plan.factor, patience=plan.plateau)
    key = _key(network, plan, seed, identity, recipe, count)
    state, best = _State(), copy.deepcopy(network.state_dict())
    if checkpoint is not None and checkpoint.exists():
        state, best = _resume(checkpoint, key, network, optimiser)
        if state.scheduler:
            plateau.load_state_dict(state.scheduler)
    batches = math.ceil(len(train) / plan.batch)
    while not state.stopped and state.epoch < plan.epochs:
        begun = time.perf_counter()
        with _seeded(seed, state.epoch):
            mean = _epoch(network, loss, train, plan, optimiser, state, batches, what, progress)
            held_loss = _held_out(network, loss, held, plan) if math.isfinite(mean) else math.nan
        if not (math.isfinite(mean) and math.isfinite(held_loss)):
            state.stopped = "not finite"
            break
        state.train.append(mean)
        state.held_out.append(held_loss)
        state.rates.append(optimiser.param_groups[0]["lr"])
        if held_loss < state.best_loss:
            state.best_loss, state.best_epoch = held_loss, state.epoch
            best = copy.deepcopy(network.state_dict())
        if plan.schedule == "plateau":
            plateau.step(held_loss)
            state.scheduler = {k: v for k, v in plateau.state_dict().items() if _plain(v)}
        state.epoch += 1
        state.seconds += time.perf_counter() - begun
        if plan.patience and state.epoch - 1 - state.best_epoch >= plan.patience:
            state.stopped = "early"
        if checkpoint is not None:
            _write(checkpoint, key, network, best, optimiser, state)
        if watch is not None:
            watch(_curve(what, state))
    network.load_state_dict(best)
    network.eval()
    return _curve(what, state)


def _curve(what: str, state: _State) -> LossCurve:
    return LossCurve(
        what=what,
        train=tuple(state.train),
        held_out=tuple(state.held_out),
        learning_rates=tuple(state.rates),
        best_epoch=state.best_epoch,
        seconds=state.seconds,
        stopped=state.stopped or "finished",
    )


def _rows(count: int, plan: Plan, seed: int) -> tuple[Tensor, Tensor]:
    held = max(1, round(count * plan.held_out))
    if count - held < 2:
        raise InputError(
            f"training: {count} pictures are too few; at least 3 are needed, "
            "2 to learn from and 1 to hold out"
        )
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return order[held:], order[:held].sort().values


def split_rows(count: int, plan: Plan, seed: int) -> tuple[Tensor, Tensor]:
    """The rows that `fit` learns from, and those that it holds out."""
    return _rows(count, plan, seed)


@contextmanager
def _seeded(seed: int, epoch: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed * 1_000_003 + epoch)
        yield


def _epoch(
    network: nn.Module,
    loss: Loss,
    rows: Tensor,
    plan: Plan,
    optimiser: torch.optim.Optimizer,
    state: _State,
    batches: int,
    what: str,
    progress: Progress | None,
) -> float:
    """Mean loss of one pass; not finite as soon as one batch is not."""
    network.train()
    total, seen = 0.0, 0
    for at, batch in enumerate(_batches(rows[torch.randperm(len(rows))], plan.batch)):
        done = state.epoch * batches + at
        if progress is not None:
            progress(done, plan.epochs * batches, f"{what}: epoch {state.epoch + 1} of {plan.epochs}")
        if plan.schedule == "polynomial":
            rate = plan.learning_rate * _polynomial(done, plan, batches)
            for group in optimiser.param_groups:
                group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        with _mixed():
            value = loss(batch, True)
        if not torch.isfinite(value):
            return math.nan
        value.backward()
        nn.utils.clip_grad_norm_([w for g in optimiser.param_groups for w in g["params"]], 5.0)
        optimiser.step()
        total, seen = total + value.item() * len(batch), seen + len(batch)
    return total / seen


def _batches(rows: Tensor, size: int) -> list[Tensor]:
    """Batches of `size`; a last one of a single row joins the one before it (batch norm needs two)."""
    parts = list(rows.split(size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _held_out(network: nn.Module, loss: Loss, rows: Tensor, plan: Plan) -> float:
    network.eval()
    with torch.no_grad(), _mixed():
        sums = [loss(batch, False).item() * len(batch) for batch in rows.split(max(plan.batch, 64))]
    return sum(sums) / len(rows)


def _mixed() -> torch.autocast:
    """bfloat16 needs no scaling of the gradient, its range is that of float32."""
    return torch.autocast(device().type, dtype=torch.bfloat16, enabled=mixed_precision())


def _polynomial(step: int, plan: Plan, batches: int) -> float:
    warmup = min(plan.warmup, plan.epochs - 1) * batches
    if step < warmup:
        return (step + 1) / warmup
    return (1 - (step - warmup) / max(1, plan.epochs * batches - warmup)) ** plan.power


def _plain(value: object) -> bool:
    """Whether JSON gives it back equal; infinities do through Python's own reader and writer."""
    return isinstance(value, int | float | str | list) or value is None


def _key(network: nn.Module, plan: Plan, seed: int, identity: str, recipe: str, count: int) -> dict[str, str]:
    shapes = [[name, list(value.shape)] for name, value in network.state_dict().items()]
    digest = hashlib.blake2b(json.dumps(shapes).encode(), digest_size=8).hexdigest()
    return {
        "weights": digest,
        "plan": json.dumps(plan.settings(), sort_keys=True),
        "seed": str(seed),
        "training": identity,
        "recipe": recipe,
        "pictures": str(count),
    }


def _write(
    path: Path,
    key: dict[str, str],
    network: nn.Module,
    best: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    state: _State,
) -> None:
    memory, groups = pack_optimiser(optimiser)
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    write_tensors(path, tensors | memory, {"key": key, "groups": groups, "state": asdict(state)})


def _resume(
    path: Path, key: dict[str, str], network: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[_State, dict[str, Tensor]]:
    tensors, facts = read_tensors(path)
    stored = facts.get("key", {})
    differing = [name for name in key if stored.get(name) != key[name]]
    if differing:
        told = "; ".join(f"{name}: {stored.get(name)!r} there, {key[name]!r} here" for name in differing)
        raise WeightsError(
            f"the checkpoint {path} is of another training ({told}); delete it or choose another folder"
        )
    pick = {
        kind: {name.split(".", 1)[1]: value for name, value in tensors.items() if name.startswith(kind)}
        for kind in ("network.", "best.")
    }
    try:
        if pick["best."].keys() != network.state_dict().keys():
            raise KeyError("weights of the best epoch")
        network.load_state_dict(pick["network."])
        unpack_optimiser(optimiser, tensors, facts["groups"])
        return _State(**facts["state"]), pick["best."]
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"the checkpoint {path} is not whole ({' '.join(str(error).split())}); delete it, and this stage "
            "begins anew"
        ) from error
