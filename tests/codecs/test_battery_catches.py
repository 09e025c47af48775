"""The battery itself: a codec that breaks one promise is caught by the check of that promise."""

import time
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from workbench.codecs.base import CODECS, Anatomy, Codec, setting
from workbench.codecs.battery import check_codec, find_class, known_as, variants
from workbench.codecs.battery.damage import check_memory
from workbench.errors import InputError, PayloadError, SettingError, UnknownNameError
from workbench.records import Part


@dataclass(frozen=True)
class Plain(Codec):
    """float32 as they are; each codec below breaks it in one way."""

    name: ClassVar[str] = "t-plain"
    summary: ClassVar[str] = "floats"

    def pack(self, features):
        return features.tobytes()

    def unpack(self, body, shape):
        if len(body) != 4 * int(np.prod(shape, dtype=np.int64)):
            raise PayloadError("wrong length")
        return np.frombuffer(body, np.float32).reshape(shape).copy()

    def anatomy(self, body, shape):
        self.unpack(body, shape)
        return Anatomy((Part("values", len(body), "floats"),))

    def error_bound(self, features):
        return 0.0


@dataclass(frozen=True)
class NoSummary(Plain):
    name: ClassVar[str] = "t-nosummary"
    summary: ClassVar[str] = " "


@dataclass(frozen=True)
class NoRange(Plain):
    name: ClassVar[str] = "t-norange"
    level: int = setting(3, "a level", minimum=1, maximum=5)

    def __post_init__(self):
        pass


@dataclass(frozen=True)
class WrongShape(Plain):
    name: ClassVar[str] = "t-wrongshape"

    def unpack(self, body, shape):
        return super().unpack(body, shape).reshape(-1)


@dataclass(frozen=True)
class BoundTooSmall(Plain):
    name: ClassVar[str] = "t-bound"

    def pack(self, features):
        return (features * np.float32(1.01)).tobytes()


@dataclass(frozen=True)
class LosesLargest(Plain):
    name: ClassVar[str] = "t-largest"

    def pack(self, features):
        return np.clip(features, -1e20, 1e20).astype(np.float32).tobytes()


@dataclass(frozen=True)
class TakesAnything(Plain):
    name: ClassVar[str] = "t-anything"

    def encode(self, features):
        return super().encode(np.nan_to_num(np.asarray(features, np.float32)))


@dataclass(frozen=True)
class ChangesInput(Plain):
    name: ClassVar[str] = "t-changes"

    def encode(self, features):
        payload = super().encode(features)
        features[...] = 0
        return payload


@dataclass(frozen=True)
class Restless(Plain):
    name: ClassVar[str] = "t-restless"
    counter: ClassVar[list] = [0]

    def pack(self, features):
        self.counter[0] += 1
        return features.tobytes() + bytes([self.counter[0] % 256])

    def unpack(self, body, shape):
        return super().unpack(body[:-1], shape)


@dataclass(frozen=True)
class SharesABuffer(Plain):
    name: ClassVar[str] = "t-shares"
    buffer: ClassVar[list] = [b""]

    def pack(self, features):
        self.buffer[0] = features.tobytes()
        time.sleep(0.002)
        return self.buffer[0]


@dataclass(frozen=True)
class Forgetful(Plain):
    name: ClassVar[str] = "t-forgetful"
    offset: float | None = setting(None, "found by calibration", kind=float, calibrated=True)


@dataclass(frozen=True)
class Meddling(Plain):
    name: ClassVar[str] = "t-meddling"
    level: int = setting(3, "a level", minimum=1)

    def calibrate(self, samples):
        return replace(self, level=self.level + 1)


@dataclass(frozen=True)
class LosesBytes(Plain):
    name: ClassVar[str] = "t-losesbytes"

    def anatomy(self, body, shape):
        return Anatomy((Part("values", max(len(body) - 1, 0), "floats"),))


@dataclass(frozen=True)
class Talkative(Plain):
    name: ClassVar[str] = "t-talkative"
    note: str = setting("x" * 40, "a long setting that decoding needs", wire=True)


@dataclass(frozen=True)
class Trusting(Plain):
    name: ClassVar[str] = "t-trusting"

    def unpack(self, body, shape):
        return np.frombuffer(body, np.float32).reshape(shape).copy()


@dataclass(frozen=True)
class Greedy(Plain):
    name: ClassVar[str] = "t-greedy"

    def unpack(self, body, shape):
        np.zeros(2**22, np.float32)
        return super().unpack(body, shape)


@dataclass(frozen=True)
class Slow(Plain):
    name: ClassVar[str] = "t-slow"

    def unpack(self, body, shape):
        time.sleep(0.003)
        return super().unpack(body, shape)


BROKEN = [
    (NoSummary, "declaration"),
    (NoRange, "settings"),
    (WrongShape, "round trip"),
    (BoundTooSmall, "round trip"),
    (LosesLargest, "extremes"),
    (TakesAnything, "refusals"),
    (ChangesInput, "repeatable"),
    (Restless, "repeatable"),
    (SharesABuffer, "threads"),
    (Forgetful, "calibration"),
    (Meddling, "calibration"),
    (LosesBytes, "description"),
    (Talkative, "header"),
    (Trusting, "hostile payloads"),
    (Greedy, "memory"),
]


@pytest.fixture(autouse=True)
def _no_codec_of_a_test_stays(monkeypatch):
    monkeypatch.setattr(CODECS, "_added", dict(CODECS._added))


def test_the_unbroken_codec_passes():
    assert [finding for finding in check_codec(Plain, mutations=300) if finding.problem] == []


@pytest.mark.parametrize(("cls", "check"), BROKEN, ids=lambda case: getattr(case, "__name__", case))
def test_a_broken_promise_is_found_by_its_check(cls, check):
    findings = {finding.check: finding.problem for finding in check_codec(cls, mutations=300)}
    assert findings[check]


def test_a_missing_checksum_is_found(monkeypatch):
    monkeypatch.setattr("workbench.codecs.payload.zlib.crc32", lambda data, start=0: 0)
    findings = {finding.check: finding.problem for finding in check_codec(Plain, mutations=10)}
    assert "no PayloadError came" in findings["accidents"]


def test_a_codec_that_hangs_is_found(monkeypatch):
    monkeypatch.setattr("workbench.codecs.battery.damage._SLOWEST_DECODE_S", 0.002)
    findings = {finding.check: finding.problem for finding in check_codec(Slow, mutations=10)}
    assert "too slow" in findings["hostile payloads"]


def test_what_a_first_use_alone_takes_is_no_fault_of_memory():
    """A coder may be compiled then, which takes some 16 MB."""

    @dataclass(frozen=True)
    class Compiles(Plain):
        name: ClassVar[str] = "t-compiles"
        decoded: ClassVar[list[int]] = []

        def unpack(self, body, shape):
            if not self.decoded:
                self.decoded.append(len(bytes(2**24)))
            return super().unpack(body, shape)

    check_memory(known_as(Compiles)())
    assert Compiles.decoded


def test_what_is_no_codec_is_refused():
    with pytest.raises(SettingError, match="frozen dataclass that inherits from Codec"):
        check_codec(dict)

    class Half(Codec):
        name = "t-half"

    with pytest.raises(SettingError, match="lacks anatomy, pack, unpack"):
        known_as(dataclass(frozen=True)(Half))

    @dataclass(frozen=True)
    class Thief(Plain):
        name: ClassVar[str] = "raw"

    with pytest.raises(SettingError, match="which Raw already has"):
        check_codec(Thief)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nonsense", "Write it as package.module:Class"),
        ("workbench.no_such:Raw", "Importing it failed"),
        ("workbench.codecs.raw:Row", "did you mean 'Raw'"),
    ],
)
def test_a_class_that_cannot_be_found_says_why(target, message):
    with pytest.raises(UnknownNameError, match=message):
        find_class(target)


def test_variants_are_the_default_each_choice_and_each_end():
    @dataclass(frozen=True)
    class Many(Plain):
        name: ClassVar[str] = "t-many"
        level: int = setting(3, "a level", minimum=1, maximum=5)
        how: str = setting("a", "a way", choices=("a", "b"))
        share: float = setting(0.5, "a share", minimum=0.0, maximum=1.0)

    assert [label for label, _ in variants(Many)] == [
        "default", "level=1", "level=5", "how=b", "share=0.0", "share=1.0",
    ]  # fmt: skip


def test_default_settings_may_not_refuse_ordinary_features():
    @dataclass(frozen=True)
    class Picky(Plain):
        name: ClassVar[str] = "t-picky"

        def pack(self, features):
            if features.ndim != 3:
                raise InputError("three axes only")
            return super().pack(features)

    findings = {finding.check: finding.problem for finding in check_codec(Picky, mutations=10)}
    assert "refused by default settings" in findings["round trip"]
