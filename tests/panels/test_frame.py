"""The frame every app shares, without a browser."""

import json

import ipywidgets as widgets
import pytest

from workbench.errors import WorkbenchError
from workbench.panels.frame import Frame
from workbench.panels.guard import Guard
from workbench.panels.parts import Code, Progress, Stages, group
from workbench.panels.tiles import Tiles
from workbench.paths import app_notebooks
from workbench.records import Quantity


def notebook(folder, name, **card):
    metadata = {"workbench": card} if card else {}
    path = folder / name
    path.write_text(json.dumps({"cells": [], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return path


@pytest.fixture
def apps(tmp_path, monkeypatch):
    notebook(tmp_path, "zebra.ipynb", title="Explorer", summary="Look around", order=1)
    notebook(tmp_path, "own_app.ipynb")
    monkeypatch.setenv("WORKBENCH_APPS", str(tmp_path))
    return tmp_path


def frame(**more):
    views = {"Cut profile": widgets.HTML("a"), "Reshape": widgets.HTML("b")}
    return Frame(
        "Explorer", guard=Guard(), choose=[group("Network")], tiles=Tiles(["Payload"]), views=views, **more
    )


def header(page):
    return page.children[1].children[0].value


def test_apps_come_in_their_order_with_what_their_cards_say(apps):
    assert [(app.title, app.summary) for app in app_notebooks()] == [
        ("Explorer", "Look around"),
        ("Own app", ""),
    ]


def test_a_broken_notebook_is_named(apps):
    (apps / "broken.ipynb").write_text("[]")
    with pytest.raises(WorkbenchError, match=r"broken\.ipynb is no notebook"):
        app_notebooks()


def test_the_header_links_the_apps_only_where_they_are_served(apps, monkeypatch):
    monkeypatch.delenv("VOILA_BASE_URL", raising=False)
    assert "href" not in header(frame())
    monkeypatch.setenv("VOILA_BASE_URL", "/")
    bar = header(frame())
    assert '<b aria-current="page">Explorer</b>' in bar
    assert '<a href="/voila/render/own_app.ipynb">Own app</a>' in bar


def test_a_view_is_opened_by_its_name():
    page = frame()
    assert page.view == "Cut profile"
    page.open_view("Reshape")
    assert page.view == "Reshape"
    assert page.tabs.selected_index == 1


def test_code_and_log_unfold_on_demand():
    code = Code(text="import workbench as wb")
    page = frame(code=code, stages=Stages())
    buttons = page.children[-1].children[0].children
    assert [button.description for button in buttons] == ["code ▸", "log ▸"]
    assert code.layout.display == "none"
    buttons[0].value = True
    assert code.layout.display is None
    assert buttons[0].description == "code ▾"


@pytest.fixture
def tiles():
    return Tiles(["Payload", "Same answer?"])


def card(tiles, name):
    """What the page is told of one tile."""
    return next(one for one in tiles.cards if one["name"] == name)


def test_a_tile_says_where_its_number_comes_from(tiles):
    quantity = Quantity(4388, "bytes", "measured", "mean of 8 pictures")
    tiles["Payload"].show(quantity, note="1.02 bits a value", warning="random weights")
    assert tiles["Payload"].text == "4,388 B"
    assert tiles["Payload"].below == "random weights"
    assert card(tiles, "Payload") == {
        "name": "Payload",
        "number": "4,388",
        "unit": "B",
        "note": "1.02 bits a value",
        "warning": "random weights",
        "tone": "",
        "origin": "measured",
        "how": "Measured here.\nmean of 8 pictures",
        "stale": False,
    }


def test_a_stale_tile_keeps_its_value(tiles):
    tiles["Payload"].show(Quantity(4388, "bytes", "measured"))
    tiles["Payload"].stale = True
    assert card(tiles, "Payload")["stale"] and card(tiles, "Payload")["number"] == "4,388"
    assert not card(tiles, "Same answer?")["stale"]
    tiles.grey(True)
    assert [tile.stale for tile in tiles] == [True, True]
    tiles.grey(False)
    assert [one["stale"] for one in tiles.cards] == [False, False]


def test_a_word_and_nothing_on_a_tile(tiles):
    tile = tiles["Same answer?"]
    assert tile.text == ""
    tile.show("yes", tone="good", note="7 → 7")
    assert (tile.text, tile.below, card(tiles, tile.name)["tone"]) == ("yes", "7 → 7", "good")
    tile.show(None)
    assert (tile.text, tile.below, card(tiles, tile.name)["tone"]) == ("", "", "")


def test_all_that_changes_together_is_told_once_and_nothing_is_told_twice(tiles):
    told = []
    tiles.observe(
        lambda change: told.append([(one["number"], one["stale"]) for one in change["new"]]), "cards"
    )
    for _same in range(2):
        with tiles.together():
            tiles.grey(True)
            tiles["Payload"].show("1")
            tiles["Same answer?"].show("yes")
    assert told == [[("1", True), ("yes", True)]]


def test_progress_shows_how_far_and_cancels():
    pressed = []
    progress = Progress(lambda: pressed.append(True))
    assert progress.layout.display == "none"
    progress.show(3, 8, "Encoding")
    assert progress.layout.display is None
    assert progress.label.value == "Encoding · 3 of 8"
    assert (progress.bar.value, progress.bar.max) == (3, 8)
    progress.cancel.click()
    assert pressed == [True]
    progress.hide()
    assert progress.layout.display == "none"
