"""The two parts of a network, and the test or the proof that together they are the network.

pictures ─▶ edge_part ─▶ features ─▶ server_part ─▶ the same answer as model(pictures)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from workbench.errors import CutError, ModelError, UnknownNameError
from workbench.models.collecting import without_collections
from workbench.models.cuts import Cut, Cutter
from workbench.models.model import Model
from workbench.models.parts import edge_part, server_part
from workbench.models.proof import Different, NotProven, prove
from workbench.records import SplitPoint

RELATIVE_TOLERANCE = 1e-4
LIGHT_MACS, HEAVY_MACS = 2e9, 20e9


@dataclass(frozen=True, eq=False)
class Split:
    """A network cut in two; both parts hold the model's own weights, not copies of them.

    ``edge_part(pictures)`` gives the features, a tensor (B, ...) or a tuple of them where several cross;
    ``server_part(features)`` the answer. Both are in eval mode; any batch size goes.
    """

    model: Model
    point: SplitPoint
    edge_part: nn.Module
    server_part: nn.Module


@without_collections()
def split_points(model: Model, *, deep: bool = False, several: bool = False) -> tuple[SplitPoint, ...]:
    """Every place where the network can be cut, in order of execution, with the cost of both parts.

    Without flags: where a module ends and one tensor crosses, named by the path of the outermost module
    that ends there (the second call of a module is ``path@2``). The end of the network itself is none of
    them, since nothing would be left to the server.

    Parameters
    ----------
    deep : also between modules and inside them, wherever one tensor crosses.
    several : also where a module ends and several tensors cross.

    Raises
    ------
    CutError : the network cannot be traced; says at which line of its code and what to do.
    """
    cutter = _cutter(model)
    if cutter.trace.closed and not cutter.single:
        raise CutError(next(iter(cutter.trace.closed.values())))
    cuts = [*(cutter.all_single if deep else cutter.single), *(cutter.several if several else ())]
    cuts.sort(key=lambda cut: cut.step)
    return tuple(cutter.point(cut, index) for index, cut in enumerate(cuts))


@without_collections()
def split(model: Model, point: str | SplitPoint, *, several: bool = False) -> Split:
    """The network cut at `point`: a name, or a record of `split_points`.

    Any module path that ends at a cut names it, also "layer1.2.act3" where `split_points` says "layer1".
    The parts must give the whole network's answer: a heavy network's are proven to (`proof`), others are run.

    Parameters
    ----------
    several : allow a cut where several tensors cross (a record of such a cut is allowed anyway).

    Raises
    ------
    UnknownNameError : no cut of that name; offers the nearest.
    CutError : several tensors cross there, or the parts do not give the same answer.
    """
    cutter = _cutter(model)
    name = point.name if isinstance(point, SplitPoint) else point
    cut = _find(model, name, several or (isinstance(point, SplitPoint) and len(point.shapes) > 1))
    edge, server = _verified(model, cutter, cut)
    return Split(model, cutter.point(cut, _index(cutter, cut)), edge, server)


def _cutter(model: Model) -> Cutter:
    if not isinstance(model, Model):
        raise ModelError(f"a {type(model).__name__} cannot be cut as it is; pass what load_model(...) gives")
    return model.cutter


def _index(cutter: Cutter, cut: Cut) -> int:
    """Position among the cuts at module boundaries; of any other cut, how many of those come before it."""
    return sum(known.step < cut.step for known in cutter.single)


def _find(model: Model, name: str, several: bool) -> Cut:
    cutter: Cutter = model.cutter
    for cut in (*cutter.single, *cutter.all_single):
        if name in cut.names:
            return cut
    for cut in cutter.several:
        if name in cut.names and several:
            return cut
        if name in cut.names:
            shapes = " and ".join(str(cutter.shape(node)) for node in cut.crossing)
            raise CutError(
                f"after {name!r} of {model.name} {len(cut.crossing)} tensors cross ({shapes}); pass "
                f"several=True to cut there, or choose a split point of split_points(model)"
            )
    known = [cut.names[0] for cut in cutter.single]
    for path, reason in cutter.trace.closed.items():
        if name.startswith(f"{path}."):
            raise CutError(f"{name!r} lies inside {path!r}, which is one step here. {reason}")
    if name in dict(model.module.named_modules()):
        raise CutError(
            f"{model.name} has a module {name!r}, but it cannot be cut there: nothing is left to the server "
            f"after it, or what it gives is no float tensor with a batch axis, or it is not used; "
            f"{UnknownNameError('split point', name, known)}"
        )
    raise UnknownNameError("split point", name, known, "split_points(model) lists them all")


def _verified(model: Model, cutter: Cutter, cut: Cut) -> tuple[nn.Module, nn.Module]:
    """Both parts, after they were seen to be the whole network.

    A heavy network, of which no more than one picture could be run while a person waits, is proven to be the
    same expression as its parts, for any picture. Where that is not understood, one is run all the same;
    where the expressions differ, two are, since what counts from the batch size may be right for one by
    chance. A proof says nothing about pictures that look at each other within the batch, which only two that
    are run can show: so whatever is not heavy is run.
    """
    if cutter.macs <= HEAVY_MACS:
        return _tried(model, cutter, cut, 2, 2 if cutter.macs <= LIGHT_MACS else 1)
    try:
        return _proven(model, cutter, cut)
    except Different:
        return _tried(model, cutter, cut, 2, 2)
    except NotProven:
        return _tried(model, cutter, cut, 1, 1)


def _proven(model: Model, cutter: Cutter, cut: Cut) -> tuple[nn.Module, nn.Module]:
    """Both parts, after a proof that no operator, weight or integer is another than in the network.

    Raises
    ------
    NotProven : by `prove`.
    """
    edge = edge_part(cutter, cut, keep_input=False)
    server = server_part(cutter, cut, keep_input=False)
    changed = prove(model.module, edge, server, model.input_size)
    if any(changed):
        edge = edge_part(cutter, cut, keep_input=changed.pictures)
        server = server_part(cutter, cut, keep_input=changed.features)
        prove(model.module, edge, server, model.input_size)
    return edge, server


def _tried(model: Model, cutter: Cutter, cut: Cut, count: int, asked: int) -> tuple[nn.Module, nn.Module]:
    """Both parts, after they gave the whole network's answer to random pictures.

    The edge part runs on `count` pictures, the server part on the last row of the features, which must give
    the answer to the last picture alone: so, for two, the batch size is seen to be free and features[i] to be
    one picture's. Where two are `asked` of it, the server part runs on both, too. The integers that a server
    part counts from the batch size come from batches of two and three, so one is a test of them.
    """
    like = next(model.module.parameters(), torch.empty(0))
    draw = torch.Generator().manual_seed(0)
    pictures = torch.randn(count, *model.input_size, generator=draw).to(like)
    with torch.no_grad():
        edge = edge_part(cutter, cut, keep_input=False)
        server = server_part(cutter, cut, keep_input=False)
        given = pictures.clone()
        features = edge(given)
        if given._version:
            edge = edge_part(cutter, cut, keep_input=True)
        sent = (features,) if isinstance(features, Tensor) else tuple(features)
        last = tuple(tensor[-1:].clone() for tensor in sent)
        alone = _tensors(server(last[0] if isinstance(features, Tensor) else last))
        if any(tensor._version for tensor in last):
            server = server_part(cutter, cut, keep_input=True)
        try:
            both = _tensors(server(features)) if asked > 1 else []
        except RuntimeError as error:
            raise CutError(_differs(model, cut, f"{asked} pictures", str(error))) from error
        whole = _tensors(model.module(pictures[-asked:]))
    _compare(alone, [leaf[-1:] for leaf in whole], model, cut, "one picture")
    if both:
        _compare(both, whole, model, cut, f"{asked} pictures")
    return edge, server


def _tensors(answer: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(answer) if isinstance(leaf, Tensor)]


def _compare(answer: list[Tensor], whole: list[Tensor], model: Model, cut: Cut, batch: str) -> None:
    for mine, theirs in zip(answer, whole, strict=True):
        if mine.shape != theirs.shape:
            shapes = f"shape {tuple(mine.shape)} and not {tuple(theirs.shape)}"
            raise CutError(_differs(model, cut, batch, shapes))
        differ = (mine != theirs) & ~(mine.isnan() & theirs.isnan())
        if not differ.any():
            continue
        worst = (mine - theirs)[differ].abs().max().item()
        if not worst <= RELATIVE_TOLERANCE * theirs.abs().max().item():
            raise CutError(_differs(model, cut, batch, f"they differ by up to {worst:.3g}"))


def _differs(model: Model, cut: Cut, batch: str, how: str) -> str:
    return (
        f"{model.name} cut at {cut.names[0]!r} does not give the whole network's answer for {batch}: {how}; "
        f"choose another split point (a network that draws random numbers, or looks at other pictures of the "
        f"batch, cannot be verified)"
    )
