"""Checks on what a codec does with features and settings, good and bad."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np

from workbench.codecs.base import Codec, decode, describe, make_codec
from workbench.codecs.battery import samples
from workbench.codecs.battery.expect import adds_up, compare, encoded, only, require, takes
from workbench.errors import InputError, PayloadError, SettingError

HEADER_LIMIT: Final = 64  # bytes besides the body, for a feature map of three axes


def check_declaration(codec: Codec) -> None:
    require(bool(codec.summary.strip()), f"{codec.name} has no summary")
    require(type(codec).__dataclass_params__.frozen, "the class is not a frozen dataclass")  # type: ignore[attr-defined]
    for known in codec.settings_schema():
        require(bool(known.help.strip()), f"the setting {known.name} has no help")


def check_settings(codec: Codec) -> None:
    through = json.loads(json.dumps(codec.settings()))
    require(
        make_codec(codec.name, **through) == codec, f"settings changed on their way through JSON: {through}"
    )
    for known in codec.settings_schema():
        wrong: list[Any] = [object(), b"bytes", {"a": 1}, np.zeros(2)]
        if known.minimum is not None:
            wrong.append(known.minimum - 1)
        if known.maximum is not None:
            wrong.append(known.maximum + 1)
        if known.kind in (int, float):
            wrong += [float("nan"), float("inf")]
        for value in wrong:
            with only(SettingError, f"{known.name}={value!r}"):
                type(codec)(**{**codec.settings(), known.name: value})


def check_round_trip(codec: Codec) -> None:
    taken = 0
    for label, features in samples.ordinary().items():
        try:
            payload = codec.encode(features)
        except InputError as error:
            require(codec != type(codec)(), f"{label}: refused by default settings: {error}")
            continue
        taken += 1
        compare(codec, label, features, payload)
    require(taken > 0, "it takes none of the ordinary feature maps")


def check_extremes(codec: Codec) -> None:
    for label, features in samples.extreme().items():
        try:
            payload = codec.encode(features)
        except InputError:
            continue
        compare(codec, label, features, payload)


def check_refusals(codec: Codec) -> None:
    for label, features in samples.refused().items():
        with only(InputError, label):
            codec.encode(features)
    for label, payload in {
        "text": "WBP",
        "nothing": None,
        "empty": b"",
        "other bytes": b"\x89PNG" * 9,
    }.items():
        with only(PayloadError, f"decoding {label}"):
            decode(payload)  # type: ignore[arg-type]


def check_repeatable(codec: Codec) -> None:
    twin = type(codec)(**codec.settings())
    for label, features in samples.ordinary().items():
        before = features.copy()
        try:
            payload = codec.encode(features)
        except InputError:
            continue
        require(isinstance(payload, bytes), f"{label}: encode gave {type(payload).__name__}, not bytes")
        require(twin.encode(features.copy()) == payload, f"{label}: equal codecs gave different bytes")
        require(features.tobytes() == before.tobytes(), f"{label}: the input was changed")
        once, again = decode(payload), decode(bytearray(payload))
        require(once.tobytes() == again.tobytes(), f"{label}: decoding twice gave different features")


def check_threads(codec: Codec) -> None:
    maps = [samples.smooth_map(seed=seed) for seed in range(8)]
    if not takes(codec, maps[0]):
        return
    alone = [codec.encode(features) for features in maps]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(codec.encode, maps * 2))
        decoded = list(pool.map(decode, alone * 2))
    require(together == alone * 2, "encoding in several threads at once gave other bytes")
    for payload, features in zip(alone * 2, decoded, strict=True):
        same = decode(payload).tobytes() == features.tobytes()
        require(same, "decoding in several threads at once gave other features")


def check_calibration(codec: Codec) -> None:
    settings = json.dumps(codec.settings())
    maps = [samples.smooth_map(seed=seed) for seed in (1, 2, 3)]
    calibrated = codec.calibrate(iter(maps))
    require(type(calibrated) is type(codec), f"calibrate gave a {type(calibrated).__name__}")
    require(json.dumps(codec.settings()) == settings, "calibrate changed the codec it was called on")
    require(calibrated == codec.calibrate(maps), "calibrating twice on the same maps gave different codecs")
    fills = {known.name for known in codec.settings_schema() if known.calibrated}
    changed = {key for key, value in calibrated.settings().items() if value != codec.settings()[key]}
    require(changed <= fills, f"calibrate changed {changed - fills}, not declared as calibrated")
    require(fills == changed, f"calibrate left {fills - changed} as it was")
    if fills:
        check_settings(calibrated)
        check_round_trip(calibrated)
        check_description(calibrated)


def check_description(codec: Codec) -> None:
    for label, _, payload in encoded(codec):
        adds_up(payload, label)


def check_header(codec: Codec) -> None:
    for channels, side in ((1, 1), (64, 56), (2048, 7)):
        features = np.zeros((channels, side, side), np.float32)
        features.reshape(-1)[::7] = 1.5
        try:
            payload = codec.encode(features)
        except InputError:
            continue
        header = describe(payload).header_bytes
        require(
            header <= HEADER_LIMIT,
            f"{header} bytes besides the body for shape {features.shape}; shorten names of wire settings",
        )
