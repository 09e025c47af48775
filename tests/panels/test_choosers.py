"""Every kind of setting gets its chooser, and what is chosen is what was meant, in both directions."""

import pytest

import workbench as wb
from workbench.errors import SettingError
from workbench.panels.choosers import Chooser, Pick, kind_of
from workbench.session.desk import Desk
from workbench.session.work import Field


def guard(callback):
    return callback


def chooser(field, value, heard):
    return Chooser(field, value, heard.append, guard)


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        (Field("bits", int, 4, "", minimum=1, maximum=8), 4, "steps"),
        (Field("seed", int, 0, "", minimum=0, maximum=2**31), 0, "text"),
        (Field("sparsity", float, 0.5, "", minimum=0.0, maximum=1.0), 0.5, "slide"),
        (Field("asymmetry", float, 1.0, "", minimum=0.01, maximum=100.0), 1.0, "decades"),
        (Field("rate", float, 1e6, "", minimum=0.0), 1e6, "text"),
        (Field("lossless", str, "zip", "", choices=("none", "zip")), "zip", "list"),
        (Field("rows", int, "exact", "", minimum=1, choices=("exact",)), "exact", "open list"),
        (Field("flag", bool, True, ""), True, "tick"),
        (Field("bits", tuple, (8, 6), "", minimum=1, maximum=16), (8, 6), "text"),
        (Field("weights", str, None, ""), None, "text"),
    ],
)
def test_the_kind_of_chooser(field, value, kind):
    assert kind_of(field, value) == kind
    made = chooser(field, value, [])
    assert made._meant(made.widget.value) == value


@pytest.mark.parametrize(
    ("field", "old", "typed", "meant"),
    [
        (Field("bits", int, 4, "", minimum=1, maximum=8), 4, 6, 6),
        (Field("seed", int, 0, ""), 0, " 12 ", 12),
        (Field("rate", float, 1e6, ""), 1e6, "2.5e6", 2.5e6),
        (Field("rows", int, "exact", "", minimum=1, choices=("exact", "other")), "exact", "other", "other"),
        (Field("rows", int, "exact", "", minimum=1, choices=("exact",)), "exact", "64", 64),
        (Field("bits", tuple, (8, 6), ""), (8, 6), "(4, 3.5, 2)", (4, 3.5, 2)),
        (Field("weights", str, None, ""), None, " a.safetensors ", "a.safetensors"),
        (Field("weights", str, None, ""), "a", "", None),
        (Field("flag", bool, True, ""), True, False, False),
    ],
)
def test_what_a_person_sets_is_heard(field, old, typed, meant):
    heard = []
    made = chooser(field, old, heard)
    made.widget.value = typed
    assert heard == [meant]
    assert type(heard[0]) is type(meant)


def test_what_the_session_sets_is_shown_and_not_heard():
    heard = []
    made = chooser(Field("bits", int, 4, "", minimum=1, maximum=8), 4, heard)
    made.show(7)
    assert made.widget.value == 7
    words = chooser(Field("bits", tuple, (8, 6), ""), (8, 6), heard)
    words.show((3, 2.5))
    assert words.widget.value == "3, 2.5"
    listed = chooser(Field("lossless", str, "zip", "", choices=("none", "zip")), "zip", heard)
    listed.show("brotli")
    assert listed.widget.value == "brotli"
    assert heard == []


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        (Field("rate", float, 1.0, ""), "fast", "rate is 'fast'; it must be a number"),
        (
            Field("rows", int, "exact", "", minimum=1, choices=("exact", "all")),
            "alll",
            "rows is 'alll'; it must be exact or all or a number",
        ),
        (Field("bits", tuple, (8,), ""), "8; 6", "numbers with commas between them"),
        (Field("rate", float, 1.0, ""), "", "must be a number"),
    ],
)
def test_what_cannot_be_meant_is_said(field, typed, says):
    made = chooser(field, field.default, [])
    with pytest.raises(SettingError) as caught:
        made.widget.value = typed
    assert says in str(caught.value)


def test_the_tooltip_says_what_it_is_and_in_which_unit():
    made = chooser(Field("rtt_s", float, 0.0, "round trip", unit="s"), 0.0, [])
    assert made.widget.tooltip == "round trip (s)"
    assert chooser(Field("bits", int, 4, "", symbol="Q"), 4, []).widget.description == "bits (Q)"


def test_every_codec_that_is_installed_gets_its_choosers():
    entries = {entry.name: entry for entry in Desk().codecs()}
    assert set(entries) == {entry.name for entry in wb.codecs()}
    for entry in wb.codecs():
        wanted = [known.name for known in entry.settings if not known.calibrated]
        assert [field.name for field in entries[entry.name].fields] == wanted
        for field in entries[entry.name].fields:
            made = chooser(field, field.default, [])
            wb.codec(entry.name, **{field.name: made._meant(made.widget.value)})


def test_a_list_refilled_does_not_seem_picked():
    picked = []
    pick = Pick("network", picked.append, guard)
    pick.offer(["a", "b"], "b")
    pick.offer(["c", "b"], "b")
    pick.offer(["c", "d"], "b")
    assert picked == []
    assert pick.value is None
    pick.value = "d"
    assert picked == ["d"]
