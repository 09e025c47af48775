"""What a codec is: frozen settings, a way to pack features into body bytes, and a way back.

To write one, subclass `Codec` as a frozen dataclass, declare each setting with `setting(...)`, and
implement `pack`, `unpack` and `anatomy`. Everything else (payload, range checks, choosers on the screen,
options on the command line, the battery of tests) follows from the declaration.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from workbench.codecs import payload as layout
from workbench.codecs.settings import Setting, setting
from workbench.errors import InputError, PayloadError, SettingError, UnknownNameError, WorkbenchError
from workbench.records import Description, Part
from workbench.registry import Registry

__all__ = [
    "CODECS",
    "Anatomy",
    "Codec",
    "Setting",
    "as_features",
    "decode",
    "describe",
    "make_codec",
    "setting",
]

CODECS = Registry("workbench.codecs", "codec")

_FLOATS = {"float16": "f2", "float32": "f4", "float64": "f8", "bfloat16": "f4"}
_HALF = float(np.finfo(np.float16).max)


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Parts of a body, the order-0 bound of its symbols where it has symbols, and further facts."""

    parts: tuple[Part, ...]
    shannon_bytes: float | None = None
    notes: dict[str, Any] = dataclasses.field(default_factory=dict)


class Codec(ABC):
    """A feature map to bytes and back, by settings that never change.

    Subclasses are frozen dataclasses. `name` means one byte format for ever: a new format is a new name.
    `exact` says that every machine gives the same bytes and the same features to the bit, as integers and
    single roundings do; sums of floats in an order that the processor chooses do not.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    source: ClassVar[str] = ""
    reusable: ClassVar[bool] = False
    """Making one looks at its settings alone (not at a file of weights), so that one serves many payloads."""
    exact: ClassVar[bool] = True
    finite: ClassVar[bool] = False
    """`unpack` gives finite values alone, whatever the body; of other codecs every value is looked at."""
    looks: ClassVar[bool] = False
    """`pack` itself refuses values that are not finite, as `quantise` does; before others that is done."""

    def __post_init__(self) -> None:
        for known in self.settings_schema():
            object.__setattr__(self, known.name, known.check(getattr(self, known.name), self.name))

    @abstractmethod
    def pack(self, features: NDArray[np.float32]) -> bytes:
        """The body: features (contiguous, finite, any shape, perhaps empty) as the codec's own bytes."""

    @abstractmethod
    def unpack(self, body: memoryview, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Features of `shape` from a body (read-only); a body that does not fit is a `PayloadError`."""

    @abstractmethod
    def anatomy(self, body: memoryview, shape: tuple[int, ...]) -> Anatomy:
        """What the body is made of; the parts add up to its length."""

    def calibrate(self, samples: Iterable[NDArray[np.float32]]) -> Self:
        """This codec with its calibrated settings filled in from sample features; itself if it has none."""
        return self

    def error_bound(self, features: NDArray[np.float32]) -> float | None:
        """Largest absolute error promised for these features; None where nothing is promised."""
        return None

    @classmethod
    def settings_schema(cls) -> tuple[Setting, ...]:
        """Every setting, in the order of declaration."""
        return _schema(cls)

    def settings(self) -> dict[str, Any]:
        """Name to value, ready for JSON."""
        return {known.name: getattr(self, known.name) for known in self.settings_schema()}

    def encode(self, features: Any) -> bytes:
        """A payload that explains itself. The input is never changed.

        Raises
        ------
        InputError : not an array of floats, not finite, or too large; the text says what was seen.
        """
        array, dtype = as_features(features, look=not self.looks)
        wire = {name: getattr(self, name) for name in _wire_names(type(self))}
        try:
            return layout.write(self.name, dtype, array.shape, wire, self.pack(array))
        except MemoryError as error:
            raise InputError(
                f"no memory left to encode features of shape {array.shape} ({array.nbytes} bytes) with "
                f"{self.name}; encode the samples of a batch one by one, or free some memory"
            ) from error


@cache
def _schema(cls: type[Codec]) -> tuple[Setting, ...]:
    found = []
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if "kind" not in field.metadata:
            raise SettingError(f"{cls.__name__}.{field.name} must be declared with setting(default, help)")
        found.append(Setting(name=field.name, default=field.default, **field.metadata))
    return tuple(found)


@cache
def _wire_names(cls: type[Codec]) -> tuple[str, ...]:
    return tuple(known.name for known in _schema(cls) if known.wire)


def as_features(features: Any, look: bool = True) -> tuple[NDArray[np.float32], str]:
    """Features as a contiguous finite float32 array, with the code of the type to give back.

    Float64, float32, float16 and bfloat16 arrays of at most 8 axes are taken; the first three come back
    as they were (a float64 with the precision of a float32), bfloat16 comes back as float32. Whoever does not
    `look` whether they are finite does so later.

    Raises
    ------
    InputError : not such an array, not finite, or more values than one payload may hold.
    """
    from workbench.codecs.extremes import finite_extremes

    try:
        array = np.asarray(features)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"features must be a numpy array of floats, not {type(features).__name__} ({error}); "
            "a torch tensor gives one by tensor.detach().float().cpu().numpy()"
        ) from error
    code = _code_of(array.dtype)
    if code is None:
        raise InputError(f"features are of type {array.dtype}; allowed: {', '.join(_FLOATS)}")
    if not layout.fits(array.shape):
        raise InputError(
            f"features of shape {array.shape} are more than a payload holds: at most {layout.MAX_DIMS} axes "
            f"and {layout.MAX_ELEMENTS} values; encode the samples of a batch one by one"
        )
    if array.dtype == np.float32:
        values = np.asarray(array, order="C")
    else:
        with np.errstate(over="ignore"):
            values = np.asarray(array, dtype=np.float32, order="C")
    if look:
        finite_extremes(values)
    return values, code


@cache
def _code_of(dtype: np.dtype[Any]) -> str | None:
    return _FLOATS.get(dtype.name)


def make_codec(name: str, **settings: Any) -> Codec:
    """The codec called `name` with these settings, frozen.

    Raises
    ------
    UnknownNameError : no such codec; offers the nearest.
    SettingError : no such setting, or a value out of range.
    """
    cls = CODECS.get(name)
    known = [field.name for field in dataclasses.fields(cls)]
    for key in settings:
        if key not in known:
            raise SettingError(str(UnknownNameError(f"setting of {name}", key, known)))
    return cls(**settings)


def decode(payload: bytes | bytearray | memoryview) -> NDArray[Any]:
    """Features from a payload, in the shape and type in which they were encoded.

    Raises
    ------
    PayloadError : damaged, or coded by a codec that is not installed here.
    """
    from workbench.codecs.extremes import all_finite

    envelope, codec = _open(payload)
    try:
        array = np.asarray(codec.unpack(envelope.body, envelope.shape))
    except MemoryError as error:
        raise PayloadError(
            f"no memory left to decode features of shape {envelope.shape} with {codec.name}; free some"
        ) from error
    if array.shape != envelope.shape:
        raise PayloadError(f"{codec.name} gave shape {array.shape} where the payload says {envelope.shape}")
    if not (codec.finite or all_finite(array)):
        raise PayloadError(f"the payload is damaged: {codec.name} gave values that are not finite")
    if envelope.dtype == "f2":
        array = np.clip(array, -_HALF, _HALF)
    own = array.flags.writeable  # the payload's bytes are not, so a view of them is copied
    return array.astype(layout.DTYPES[envelope.dtype], copy=not own)


def describe(payload: bytes | bytearray | memoryview) -> Description:
    """What a payload is made of; its parts, the header among them, add up to its length."""
    envelope, codec = _open(payload)
    anatomy = codec.anatomy(envelope.body, envelope.shape)
    header = Part("header", envelope.header_bytes, "magic, codec, type, shape, settings, checksum")
    return Description(
        codec=codec.name,
        settings=envelope.settings,
        shape=envelope.shape,
        dtype=layout.DTYPES[envelope.dtype].name,
        header_bytes=envelope.header_bytes,
        body_bytes=len(envelope.body),
        parts=(header, *anatomy.parts),
        shannon_bytes=anatomy.shannon_bytes,
        notes=anatomy.notes,
    )


def _codec_of(envelope: layout.Envelope) -> Codec:
    """The codec that a payload's header describes; the same one for the same header where it is reusable."""
    cls = CODECS.get(envelope.codec)
    plain = all(isinstance(value, int | float | str | None) for value in envelope.settings.values())
    if not (getattr(cls, "reusable", False) and plain):
        return make_codec(envelope.codec, **envelope.settings)
    settings = tuple((key, type(value), value) for key, value in envelope.settings.items())
    return _made(cls, envelope.codec, settings)


@lru_cache(maxsize=256)
def _made(cls: type[Codec], name: str, settings: tuple[tuple[str, type, Any], ...]) -> Codec:
    return make_codec(name, **{key: value for key, _, value in settings})


def _open(payload: bytes | bytearray | memoryview) -> tuple[layout.Envelope, Codec]:
    envelope = layout.read(payload)
    try:
        codec = _codec_of(envelope)
    except WorkbenchError as error:
        raise PayloadError(f"the payload cannot be decoded here: {error}") from error
    if set(envelope.settings) != set(_wire_names(type(codec))):
        raise PayloadError(
            f"the payload is damaged: {codec.name} needs {_wire_names(type(codec))} to decode, "
            f"its header has {tuple(envelope.settings)}"
        )
    return envelope, codec
