"""Which layer behind a cut is looked at, and how its tensor is read: found here, not asked of the user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from workbench.errors import InputError
from workbench.experiments.timing import Progress
from workbench.models import Split
from workbench.models.taps import Layer, Tapped, layer_called, layers, normalised, tapped
from workbench.saliency.layout import Layout, find, possible

FINE = 4  # rows and columns that a map should have at least
_SILENT = 1e-6  # a gradient below this share of the largest is none


@dataclass(frozen=True, eq=False)
class Looked:
    """The layer that maps are made of, how to read it, the server part with a tap there, and what to say."""

    layer: Layer
    layout: Layout
    network: Tapped
    notes: tuple[str, ...]


def look(split: Split, features: Any, name: str | None, progress: Progress) -> Looked:
    """The layer called `name`, or else the last whose places the answer depends on.

    The last with at least 4 x 4 places is taken, or if there is none, the last with more than one. Before
    the attention of a transformer it is read through its layer norm.

    Parameters
    ----------
    features : of one picture, with a batch axis: what `split.server_part` takes.

    Raises
    ------
    UnknownNameError : no layer of that name; offers the nearest.
    InputError : no layer behind the cut has places; names the last cut before which there are some.
    """
    among = layers(split)
    if name is not None:
        return _named(split, name, among)
    fallback = None
    known: dict[tuple[int, ...], Layout] = {}
    for layer in _candidates(split, among):
        progress(0, 1, f"looking at {layer.name}")
        found = _readable(split, layer, known)
        if found is None or not _answer_depends(found, features):
            continue
        better = normalised(split, layer, among)
        if better is not layer:
            through = _readable(split, better, known)
            found = through if through is not None and _answer_depends(through, features) else found
        if min(found.layout.grid) >= FINE:
            return found
        fallback = fallback or found
    if fallback is None:
        raise InputError(_nowhere(split))
    rows, columns = fallback.layout.grid
    coarse = (
        f"coarse: no layer behind this cut has {FINE} × {FINE} places; {rows} × {columns} are the most here"
    )
    return Looked(fallback.layer, fallback.layout, fallback.network, (*fallback.notes, coarse))


def _named(split: Split, name: str, among: tuple[Layer, ...]) -> Looked:
    layer = layer_called(split, name, among)
    found = _readable(split, layer, {})
    if found is None:
        size = split.model.input_size[1:]
        able = [other.name for other in among if other.alone and possible(other.shape, size)]
        offer = f"choose one of {', '.join(able[-6:])}" if able else "cut earlier"
        raise InputError(
            f"what {name!r} gives, of shape {layer.shape}, has no places of the picture, so there is no map "
            f"of it; {offer}, or leave the layer out"
        )
    return found


def _candidates(split: Split, among: tuple[Layer, ...]) -> Iterator[Layer]:
    """Those through which everything goes, the last first; those that may be fine before the others."""
    size = split.model.input_size[1:]
    alone = [layer for layer in reversed(among) if layer.alone and possible(layer.shape, size)]
    fine = [layer for layer in alone if any(min(one.grid) >= FINE for one in possible(layer.shape, size))]
    yield from fine
    yield from (layer for layer in alone if layer not in fine)


def _readable(split: Split, layer: Layer, known: dict[tuple[int, ...], Layout]) -> Looked | None:
    """The layer with its layout: that of another with the same shape (`known` grows), or found by trying."""
    network = tapped(split, layer)
    like = next(split.model.module.parameters(), torch.empty(0))

    def values_of(pictures: Tensor) -> Tensor:
        with torch.no_grad():
            return _run(network, split.edge_part(pictures.to(like.dtype)))[1]

    layout = known.get(layer.shape) or find(layer.shape, split.model.input_size, values_of)
    if layout is None:
        return None
    known[layer.shape] = layout
    notes = ("the features themselves are the layer that is looked at",) if layer.node is None else ()
    return Looked(layer, layout, network, notes)


def _run(network: Tapped, features: Any) -> tuple[Any, Tensor]:
    """The answer, and the values at the tap."""
    seen: list[Tensor] = []
    hook = network.tap.register_forward_hook(lambda module, given, values: seen.append(values))
    try:
        answer = network(features)
    finally:
        hook.remove()
    return answer, seen[0]


def _answer_depends(looked: Looked, features: Any) -> bool:
    """Whether a gradient reaches more than one place: it does not where a class token alone is read."""
    with torch.inference_mode(False), torch.enable_grad():
        answer, values = _run(looked.network, features)
        scores = next(
            (leaf for leaf in tree_leaves(answer) if isinstance(leaf, Tensor) and leaf.ndim == 2), None
        )
        if scores is None or not scores.requires_grad:
            return False
        draw = torch.randn(scores.shape, generator=torch.Generator().manual_seed(0))
        (reached,) = torch.autograd.grad((scores * draw.to(scores)).sum(), values, allow_unused=True)
    if reached is None:
        return False
    places = looked.layout.maps(reached).float().abs().sum(1)
    return int((places > _SILENT * reached.abs().max()).sum()) > 1


def _nowhere(split: Split) -> str:
    cutter, size = split.model.cutter, split.model.input_size[1:]
    spatial = [
        cut.names[0]
        for cut in cutter.single
        if possible(cutter.shape(cut.crossing[0]), size) and cut.names[0] != split.point.name
    ]
    earlier = [name for name in spatial if name in _before(split)]
    network = f"{split.model.name} cut at {split.point.name!r}"
    why = "no layer of the server part has places of the picture that the answer depends on"
    if earlier:
        return f"{network}: {why}, so there is no map; cut at {earlier[-1]!r} or earlier"
    return f"{network}: {why}, and none before it either, so there is no map of this network"


def _before(split: Split) -> set[str]:
    cutter = split.model.cutter
    here = next(
        (cut.step for cut in cutter.all_single if cut.names[0] == split.point.name), len(cutter.nodes)
    )
    return {cut.names[0] for cut in cutter.single if cut.step < here}
