"""Networks that timm builds by name."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn

from workbench.errors import UnknownNameError, WeightsError
from workbench.models.building import build_timm
from workbench.models.class_names import unique_names
from workbench.models.hub import fetch
from workbench.models.model import Model
from workbench.models.preprocess import Preprocessing
from workbench.models.sources.wishes import Wishes, with_weights


def from_timm(name: str, wishes: Wishes) -> Model:
    """A network that timm builds by name."""
    from timm.data import resolve_data_config

    config = _timm_config(name)
    arguments = dict(wishes.arguments)
    if wishes.classes:
        arguments.setdefault("num_classes", len(wishes.classes))
    if wishes.input_size:
        if wishes.input_size[0] != 3:
            arguments.setdefault("in_chans", wishes.input_size[0])
        if getattr(config, "fixed_input_size", False):
            arguments.setdefault("img_size", tuple(wishes.input_size[1:]))
    build = partial(build_timm, name, arguments)

    def trained() -> nn.Module:
        if config is None or not config.has_weights:
            raise WeightsError(
                f"timm has no trained weights for {name}; load_model({name!r}, pretrained=False) gives "
                f"random ones, or pass weights='file.safetensors'"
            )
        if arguments.get("num_classes", config.num_classes) != config.num_classes:
            raise WeightsError(
                f"the trained weights of {name} are for {config.num_classes} classes, not "
                f"{arguments['num_classes']}; load them as they are, or pass pretrained=False"
            )
        get = partial(build_timm, name, arguments, pretrained=True)
        return fetch(get, name, config.hf_hub_id, config.hf_hub_filename, config.url)

    note = f"trained weights {getattr(config, 'tag', '')} of timm".replace("  ", " ")
    module, weights, note = with_weights(build, name, wishes, trained, note)
    known = Preprocessing.from_timm(resolve_data_config({}, model=module))
    return Model(
        name=name,
        module=module,
        preprocessing=wishes.refine(known),
        classes=wishes.classes or imagenet_classes(module),
        weights=weights,
        weights_note=note,
        source=f"timm{f', licence {config.license}' if config and config.license else ''}",
        origin="timm",
    )


def from_hub(name: str, wishes: Wishes) -> Model:
    """A timm network that lies on the hub: ``hf-hub:OWNER/NAME``; its configuration is fetched as well."""
    from timm.data import resolve_data_config

    arguments = dict(wishes.arguments)
    random = wishes.pretrained is False or wishes.weights is not None

    def get() -> nn.Module:
        build = partial(build_timm, name, arguments, pretrained=not random)
        return fetch(build, name, name.partition(":")[2], None, None)

    module, weights, note = with_weights(get, name, wishes, get, f"trained weights of {name}")
    return Model(
        name=name,
        module=module,
        preprocessing=wishes.refine(Preprocessing.from_timm(resolve_data_config({}, model=module))),
        classes=wishes.classes or imagenet_classes(module),
        weights=weights,
        weights_note=note,
        source="the hub",
        origin="timm",
    )


def _timm_config(name: str) -> Any:
    from timm.models import get_arch_name, get_pretrained_cfg, list_pretrained

    try:
        return get_pretrained_cfg(name)
    except RuntimeError as error:
        known = list_pretrained(f"{get_arch_name(name)}.*")
        raise UnknownNameError("trained variant", name, known) from error


def imagenet_classes(module: nn.Module) -> tuple[str, ...] | None:
    """Names of the ImageNet classes where the network's number of answers is one of ImageNet's."""
    from timm.data import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset(module)
    if not subset:
        return None
    info = ImageNetInfo(subset)
    return unique_names([info.index_to_description(index) for index in range(info.num_classes())])
