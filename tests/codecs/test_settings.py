"""Settings: what is taken, what is refused, and what the refusal says."""

import math

import numpy as np
import pytest

from workbench.codecs import codec, codecs
from workbench.codecs.base import Codec
from workbench.codecs.settings import Setting
from workbench.errors import SettingError, UnknownNameError

WHOLE = Setting("n", int, 3, "help", minimum=1, maximum=8)
SHARE = Setting("x", float, 0.5, "help", minimum=0.0)
WAY = Setting("w", str, "zip", "help", choices=("none", "zip"))
ROWS = Setting("r", int, "best", "help", choices=("best", "all"), minimum=1)
ONE_OF = Setting("b", int, 1, "help", choices=(1, 2))
LIST = Setting("q", tuple, (8, 4), "help", item=int, minimum=1, maximum=8)
FOUND = Setting("t", float, None, "help", calibrated=True)
SWITCH = Setting("s", bool, False, "help")


@pytest.mark.parametrize(
    ("known", "value", "taken"),
    [
        (WHOLE, 8, 8),
        (WHOLE, np.int64(2), 2),
        (SHARE, 2, 2.0),
        (SHARE, np.float32(0.25), 0.25),
        (WAY, np.str_("none"), "none"),
        (ROWS, "all", "all"),
        (ROWS, 12, 12),
        (ONE_OF, 2, 2),
        (LIST, [8, np.int8(3)], (8, 3)),
        (FOUND, None, None),
        (FOUND, 1, 1.0),
        (SWITCH, np.bool_(True), True),
    ],
)
def test_taken_in_its_own_type(known, value, taken):
    result = known.check(value, "codec")
    assert result == taken and type(result) is type(taken)


@pytest.mark.parametrize(
    ("known", "value", "message"),
    [
        (WHOLE, 0, "n is 0; it must be a whole number from 1 to 8"),
        (WHOLE, 3.0, "a whole number"),
        (WHOLE, True, "a whole number"),
        (WHOLE, "3", "a whole number"),
        (WHOLE, None, "a whole number"),
        (SHARE, -0.1, "a number, at least 0.0"),
        (SHARE, math.nan, "a number, at least 0.0"),
        (SHARE, math.inf, "a number, at least 0.0"),
        (WAY, "zop", "did you mean 'zip'"),
        (WAY, 3, "'none' or 'zip'"),
        (WAY, np.zeros(2), "'none' or 'zip'"),
        (ROWS, 0, "'best' or 'all' or a whole number, at least 1"),
        (ROWS, "bast", "did you mean 'best'"),
        (ROWS, 1.5, "a whole number"),
        (ONE_OF, 3, "1 or 2"),
        (ONE_OF, True, "1 or 2"),
        (ONE_OF, 1.0, "1 or 2"),
        (LIST, 8, "a list of whole numbers from 1 to 8"),
        (LIST, [8, 9], "a list of whole numbers"),
        (LIST, [8.0], "a list of whole numbers"),
        (LIST, [[8]], "a list of whole numbers"),
        (SWITCH, 1, "True or False"),
    ],
)
def test_refused_with_what_is_allowed(known, value, message):
    with pytest.raises(SettingError, match=message.replace("(", r"\(")) as caught:
        known.check(value, "codec")
    assert str(caught.value).startswith(f"codec: {known.name}")


def test_a_codec_that_does_not_exist_and_a_setting_that_does_not():
    with pytest.raises(UnknownNameError, match="did you mean 'uniform'"):
        codec("unifrom")
    with pytest.raises(SettingError, match="did you mean 'bits'"):
        codec("uniform", bit=4)


def test_codecs_are_frozen_and_equal_by_their_settings():
    one = codec("uniform", bits=4)
    assert one == codec("uniform", bits=4) != codec("uniform", bits=5)
    assert hash(one) == hash(codec("uniform", bits=np.int32(4)))
    with pytest.raises(AttributeError):
        one.bits = 5


def test_a_field_without_a_description_is_refused():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Bare(Codec):
        level: int = 3

    with pytest.raises(SettingError, match=r"Bare.level must be declared with setting"):
        Bare.settings_schema()


def test_the_list_of_codecs_tells_what_a_chooser_needs():
    entries = {entry.name: entry for entry in codecs()}
    bits = {known.name: known for known in entries["uniform"].settings}["bits"]
    assert (bits.kind, bits.default, bits.minimum, bits.maximum, bits.symbol) == (int, 8, 1, 16, "Q")
    assert all(entry.summary for entry in entries.values())
