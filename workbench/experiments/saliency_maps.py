"""Does the network still look at the same place? Maps of one picture on every path, and how they agree.

picture ─▶ edge part ─▶ features ─┬───────────────────────▶ server part ─▶ map "unsplit"
                                  └▶ encode ─▶ decode ─┬──▶ server part ─▶ map "decoded"
                                                       └▶ restorer ─▶ its server part ─▶ map "restored"
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_leaves

from workbench.codecs import Codec, decode
from workbench.codecs import codec as codec_of
from workbench.errors import InputError, ModelError, SettingError, UnknownNameError
from workbench.experiments import steps
from workbench.experiments.choices import default_pictures, network_of
from workbench.experiments.fidelity_restorer import Restorer, restorer_of
from workbench.experiments.limits import enough_memory
from workbench.experiments.saliency_layers import Looked, look
from workbench.experiments.timing import Progress, quiet
from workbench.experiments.trial import class_names
from workbench.experiments.workspace import Workspace
from workbench.metrics import probabilities
from workbench.models import Model, Split
from workbench.models.taps import tapped
from workbench.pictures import Pictures, load
from workbench.records import SplitPoint
from workbench.saliency.agreement import agreement
from workbench.saliency.methods import checked_method
from workbench.saliency_records import MapAgreement, SaliencyMap, SaliencyReport
from workbench.saliency_records import Path as Way

if TYPE_CHECKING:
    from workbench.neural.training import Trained
    from workbench.saliency.maps import Maps

Given: TypeAlias = "Trained | Restorer | Path | str | None"


def saliency(
    model: Model | str,
    split: str | SplitPoint | Split,
    codec: Codec | str | None = None,
    picture: Any = None,
    method: str = "grad-cam",
    target: int | str | None = None,
    restorer: Given = None,
    layer: str | None = None,
    *,
    workspace: Workspace | None = None,
    progress: Progress | None = None,
) -> SaliencyReport:
    """Where the network looks for one class: unsplit, on decoded and on restored features.

    The features are really encoded and decoded. The maps are of one layer behind the cut, the same on every
    path, and of one class, the same on every path; each says besides what its path answers itself.

    Parameters
    ----------
    model, split, codec : as `workbench.run` takes them; no codec takes the restorer's own, else "raw".
    picture : one picture: PIL, uint8 (H, W, 3), a file, or pictures of which there is one, such as
        `load("digits")[3:4]`. None takes the first test picture of the network.
    method : "grad-cam", "grad-cam++", "hires-cam" or "eigen-cam".
    target : a class, by name or by number. None takes what the unsplit network answers.
    restorer : what `workbench train` made for this network, split and codec: a bundle's file, or what
        `workbench.neural.training.train` gave.
    layer : a module of the server part. None takes the last whose places the answer depends on.
    workspace : one that remembers: then the edge part runs once for each picture and split.
    progress : called as progress(done, total, what); may raise `Cancelled`.

    Raises
    ------
    UnknownNameError, InputError : no such method, class or layer; no layer with places behind the cut; not
        one picture.
    WeightsError, SettingError, ModelError : what else was wrong, and what is allowed.
    """
    checked_method(method)
    network = network_of(model)
    coder = codec_of(codec) if isinstance(codec, str) else codec
    if coder is None and restorer is None:
        coder = codec_of("raw")
    if coder is not None and not isinstance(coder, Codec):
        raise SettingError(f"codec is a {type(codec).__name__}; it must be from wb.codec, or a name")
    with enough_memory(f"a map of {network.name}"), torch.inference_mode(False):
        maker = _Maker(
            workspace or Workspace(), network, split, coder, _one(network, picture), progress or quiet
        )
        return maker.report(method, target, restorer, layer)


def _one(model: Model, picture: Any) -> Pictures:
    """The one picture that was meant."""
    if picture is None:
        return default_pictures(model)[:1]
    found = load(picture)
    if len(found) != 1:
        raise InputError(
            f"a map is of one picture, and {found.name} has {len(found)}; give one of them, such as "
            f"workbench.pictures.load(...)[3:4]"
        )
    return found


class _Maker:
    """Everything that one report is made from, step by step."""

    def __init__(
        self,
        workspace: Workspace,
        model: Model,
        split: str | SplitPoint | Split,
        codec: Codec | None,
        picture: Pictures,
        progress: Progress,
    ) -> None:
        self.workspace, self.model, self.codec = workspace, model, codec
        self.picture, self.progress = picture, progress
        self.split = workspace.split(model, split)

    def report(
        self, method: str, target: int | str | None, restorer: Given, layer: str | None
    ) -> SaliencyReport:
        index = self._index(target)
        repairs = None if restorer is None else restorer_of(restorer, self.split, self.codec)
        codec = self.codec if repairs is None else repairs.codec
        assert codec is not None  # without a restorer there is one
        features = self.workspace.edge(self.split, self.picture, repeats=1, progress=self.progress).tensors[0]
        looked = self._looked(features, layer)
        codecs, calibration = self.workspace.codecs_for(
            self.split, codec, self.picture, progress=self.progress
        )
        coded = self.workspace.coded(self.split, codecs, self.picture, repeats=1, progress=self.progress)
        payload_bytes = coded.sizes[0]
        self.progress(0, 1, "maps")
        both = tuple(np.stack(pair) for pair in zip(features, coded.decoded[0], strict=True))
        first = self._maps(looked, self._tensors(both), method, index)
        maps: dict[Way, SaliencyMap] = {
            "unsplit": self._map("unsplit", method, looked, first, 0),
            "decoded": self._map("decoded", method, looked, first, 1),
        }
        if repairs is not None:
            self.progress(0, 1, "restored map")
            back = self._restored(repairs, coded.decoded[0][0])
            again = self._maps(looked, back, method, first.index, repairs, first)
            maps["restored"] = self._map("restored", method, looked, again, 0)
        shown = steps.views(self.model, self.picture)[0].convert("RGB")
        return SaliencyReport(
            model=self.model.name,
            weights=self.model.weights,
            split=self.split.point.name,
            codec=codec.name,
            settings=codecs[0].settings(),
            restorer=None if repairs is None else repairs.name,
            method=method,
            layer=looked.layer.name,
            layout=str(looked.layout),
            picture_name=self.picture.names[0],
            label=self.picture.labels[0],
            picture=np.array(shown),
            payload_bytes=payload_bytes,
            maps=maps,
            agreement={
                way: _agreement(maps["unsplit"], one) for way, one in maps.items() if way != "unsplit"
            },
            notes=self._said(looked, method, calibration, repairs),
            call=self._call(codec, method, target, restorer, layer),
            context={"weights_note": self.model.weights_note, "calibration": calibration},
        )

    def _looked(self, features: Sequence[NDArray[np.float32]], layer: str | None) -> Looked:
        given = self._tensors([tensor[None] for tensor in features])
        key = (self.model.fingerprint, self.split.point, layer)
        return self.workspace.kept(
            "layer to look at", key, lambda: look(self.split, given, layer, self.progress)
        )

    def _tensors(self, stacked: Sequence[NDArray[np.float32]]) -> Any:
        """What the server part takes, from one array (B, ...) for each tensor that crosses."""
        like = next(self.model.module.parameters(), torch.empty(0))
        tensors = tuple(torch.from_numpy(array).to(like.dtype) for array in stacked)
        return tensors[0] if len(tensors) == 1 else tensors

    def _maps(
        self,
        looked: Looked,
        features: Any,
        method: str,
        index: int | None,
        repairs: Restorer | None = None,
        first: Maps | None = None,
    ) -> Maps:
        from workbench.saliency.maps import class_maps

        network = looked.network
        if repairs is not None:
            network = tapped(self.split, looked.layer, repairs.chain.server.state_dict())
        return class_maps(
            network, network.tap, looked.layout, features, method=method, size=self.model.input_size[1:],
            index=index, along=None if first is None else first.direction, name=self.model.name,
        )  # fmt: skip

    def _restored(self, repairs: Restorer, decoded: NDArray[np.float32]) -> Tensor:
        """Features (1, ...) as the restorer's server part gets them."""
        with torch.no_grad():
            if repairs.own_edge:
                features = repairs.chain.edge(steps.prepared(self.model, self.picture))[0].float().numpy()
                decoded = decode(repairs.codec.encode(features))
            return repairs.chain.received(torch.from_numpy(np.array(decoded))[None])

    def _index(self, target: int | str | None) -> int | None:
        count = self._classes
        if not count:
            raise ModelError(
                f"{self.model.name} is no classifier: no tensor of its answer is (batch, classes), so there "
                f"is no class to look for"
            )
        if target is None:
            return None
        names = class_names(self.model, count)
        if isinstance(target, str):
            if target not in names:
                hint = (
                    ""
                    if self.model.classes
                    else "The network has no class names: give a number, or classes=[...]"
                )
                raise UnknownNameError(f"class of {self.model.name}", target, names, hint)
            return names.index(target)
        if isinstance(target, bool) or not isinstance(target, int | np.integer) or not 0 <= target < count:
            raise InputError(
                f"target is {target!r}; {self.model.name} has {count} classes: a number from 0 to "
                f"{count - 1}, or a name"
            )
        return int(target)

    @property
    def _classes(self) -> int:
        """How many classes the answer has: the width of the first (batch, classes) in it."""
        cutter = self.model.cutter
        leaves = tree_leaves(cutter.facts[cutter.output].values[0])
        widths = [leaf.shape[1] for leaf in leaves if isinstance(leaf, Tensor) and leaf.ndim == 2]
        return int(widths[0]) if widths else 0

    def _map(self, way: Way, method: str, looked: Looked, maps: Maps, row: int) -> SaliencyMap:
        names = class_names(self.model, maps.scores.shape[1])
        chances = probabilities(maps.scores[row : row + 1])[0]
        best = int(maps.scores[row].argmax())
        return SaliencyMap(
            path=way,
            method=method,
            class_index=maps.index,
            class_name=names[maps.index],
            values=maps.values[row],
            grid=looked.layout.grid,
            probability=float(chances[maps.index]),
            predicted_index=best,
            predicted_name=names[best],
            predicted_probability=float(chances[best]),
            flat=maps.flat[row],
        )

    def _said(
        self, looked: Looked, method: str, calibration: str, repairs: Restorer | None
    ) -> tuple[str, ...]:
        notes = list(looked.notes)
        if self.model.weights == "random":
            notes.insert(0, f"random weights: {self.model.weights_note}")
        if method == "eigen-cam":
            notes.append(
                "Eigen-CAM asks for no class: its map is of what stands out, not of what speaks for one"
            )
        if calibration != "not needed":
            notes.append(f"the codec was calibrated {calibration}")
        if repairs is not None and repairs.own_edge:
            notes.append(f"{repairs.name} runs other weights on the board: its features were coded apart")
        return tuple(notes)

    def _call(
        self, codec: Codec, method: str, target: int | str | None, restorer: Given, layer: str | None
    ) -> str:
        """With the codec as it was asked for: what calibration filled in would only fill the page."""
        asked = codec if self.codec is None else self.codec
        known = {setting.name: setting for setting in asked.settings_schema()}
        chosen = {
            name: value
            for name, value in asked.settings().items()
            if name in known and value != known[name].default and not known[name].calibrated
        }
        coder = ", ".join([repr(asked.name), *(f"{name}={value!r}" for name, value in chosen.items())])
        words: dict[str, Any] = {"method": method}
        words |= {"target": target} if target is not None else {}
        words |= {"layer": layer} if layer is not None else {}
        more = "".join(f", {name}={value!r}" for name, value in words.items())
        if restorer is not None:
            more += (
                f", restorer={str(restorer)!r}" if isinstance(restorer, str | Path) else ", restorer=trained"
            )
        return f"wb.saliency(model, {self.split.point.name!r}, wb.codec({coder}), picture{more})"


def _agreement(unsplit: SaliencyMap, other: SaliencyMap) -> MapAgreement:
    """Of two maps, the notes in the words of the paths."""
    found = agreement(unsplit.values, other.values)
    if not (unsplit.flat or other.flat):
        return found
    flat = [one.path for one in (unsplit, other) if one.flat]
    which = "both maps are" if len(flat) == 2 else f"the {flat[0]} map is"
    return MapAgreement(
        None,
        None,
        None,
        (f"{which} empty: nothing speaks for {unsplit.class_name!r}, so nothing to compare",),
    )
