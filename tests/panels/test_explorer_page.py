"""The Explorer's page without a browser: what is chosen reaches the session, and what comes is shown."""

import threading

import pytest

from workbench.errors import InputError, SettingError, WeightsError
from workbench.panels.explorer import explorer
from workbench.session import VIEWS, AtOnce, Explorer
from workbench.session.runner import Progress


def tiles(page):
    return {tile.name: tile.text for tile in page.tiles}


def drawn(page, view):
    """The traces of a view by name, after looking at it."""
    page.session.view = view
    return {trace["name"]: trace for trace in page.views.views[view].chart.figure["data"]}


def test_the_numbers_are_those_of_the_trial(page):
    trial = page.session.trial
    nbytes = trial.quantities["payload_bytes"].value
    assert tiles(page)["Payload"] in (f"{nbytes:,} B", f"{nbytes / 1000:.3g} kB")
    assert tiles(page)["Same answer?"] == "yes"
    assert tiles(page)["Accuracy"] == "95.0 %"
    assert "unsplit 98.0 %, 64 pictures" in page.tiles["Accuracy"].below
    assert not any(tile.stale for tile in page.tiles)


@pytest.mark.parametrize(
    ("change", "trait", "value"),
    [
        (lambda page: setattr(page.choose.network, "value", "digits-vit"), "network", "digits-vit"),
        (lambda page: setattr(page.choose.typed, "value", " resnet18 "), "network", "resnet18"),
        (lambda page: setattr(page.choose.split, "value", "stages.1"), "split", "stages.1"),
        (lambda page: setattr(page.choose.codec, "value", "raw"), "codec", "raw"),
        (
            lambda page: setattr(page.choose.settings.choosers["bits"].widget, "value", 2),
            "settings",
            {"bits": 2},
        ),
        (lambda page: setattr(page.choose.gallery, "chosen", "digits/2"), "picture", "digits/2"),
        (lambda page: setattr(page.choose.source, "value", "photographs"), "source", "photographs"),
        (lambda page: setattr(page.choose.folder, "value", "/my/own"), "source", "/my/own"),
        (lambda page: setattr(page.choose.link, "value", "ble5"), "link", "ble5"),
        (
            lambda page: setattr(page.choose.numbers.choosers["rtt_s"].widget, "value", "0.5"),
            "link_settings",
            {"rtt_s": 0.5},
        ),
    ],
)
def test_each_chooser_reaches_the_session_and_the_numbers_change(page, change, trait, value):
    before = tiles(page)["Payload"]
    change(page)
    assert getattr(page.session, trait) == value
    assert page.session.stale == {"curve"}
    assert tiles(page)["Payload"] != before


def test_what_the_session_chooses_is_shown(page):
    page.session.choose(
        network="digits-vit", split="stages.0", codec="rans-csr", settings={"bits": 7, "rows": "exact"},
        picture="digits/1", link="ble5",
    )  # fmt: skip
    choose = page.choose
    assert (choose.network.value, choose.split.value, choose.codec.value) == (
        "digits-vit", "stages.0", "rans-csr",
    )  # fmt: skip
    assert choose.settings.choosers["bits"].widget.value == 7
    assert choose.settings.choosers["rows"].widget.value == "exact"
    assert (choose.gallery.chosen, choose.link.value) == ("digits/1", "ble5")


def test_changed_numbers_of_a_link_are_seen_at_the_link(page):
    assert "changed" not in page.choose.link_hint.value
    page.session.set_link_setting("rtt_s", 0.25)
    assert "changed: <b>rtt_s = 0.25</b>" in page.choose.link_hint.value
    page.session.link = "ble5"
    assert "changed" not in page.choose.link_hint.value


def test_the_settings_are_those_of_the_codec(page):
    assert list(page.choose.settings.choosers) == ["bits", "rows"]
    page.session.codec = "raw"
    assert page.choose.settings.box.children == ()


def test_a_click_on_a_bar_chooses_the_split(page):
    chart = page.views.views["cut profile"].chart
    chart.clicked = {"trace": "features, fp32", "customdata": "stages.3", "count": 1}
    assert page.session.split == "stages.3"
    bars = drawn(page, "cut profile")["features, fp32"]["marker"]["color"]
    assert [bars.index(colour) for colour in set(bars) if bars.count(colour) == 1] == [3]


def test_every_view_is_drawn_and_changes(page):
    first = {view: drawn(page, view) for view in VIEWS}
    page.session.choose(split="stages.0", settings={"bits": 2}, link="ble5")
    for view in VIEWS:
        assert drawn(page, view) != first[view], view
        assert page.views.views[view].table.rows
        assert not page.views.views[view].chart.busy


def test_only_the_view_in_front_is_drawn(page):
    drawn(page, "latency")
    payload = page.views.views["payload"].chart
    before = dict(payload.figure)
    page.session.link = "ble5"
    assert payload.figure == before
    page.tabs.selected_index = VIEWS.index("payload")
    assert page.session.view == "payload"
    assert payload.figure != before


def test_the_table_saves_full_numbers(page):
    drawn(page, "payload")
    table = page.views.views["payload"].table
    lines = table.csv.splitlines()
    assert lines[0] == "part,nbytes,share,meaning"
    assert lines[1].startswith("header,40,0.")
    assert table.rows[0][:2] == ["header", "40 B"]


def test_a_stage_opens_its_view(page):
    page.strip.chosen = "link"
    assert page.session.view == "latency"
    assert page.view == "Latency"


def test_the_stages_carry_the_times(page):
    assert [stage["key"] for stage in page.strip.stages] == ["edge", "codec", "link", "decode", "server"]
    assert page.strip.stages[0]["text"] == "1.00 ms"
    assert page.strip.stages[2]["label"] == "link · lte-cat4"


def test_an_error_is_a_red_line_and_the_old_numbers_are_greyed(page, work):
    before = tiles(page)
    work.broken["trial"] = SettingError("rows is 7; it must divide 16384. Try 8")
    page.session.set_setting("rows", 7)
    assert page.guard.notice.kind == "error"
    assert page.guard.notice.text == "rows is 7; it must divide 16384. Try 8"
    assert tiles(page) == before
    assert all(tile.stale for tile in page.tiles)
    assert page.status.again.layout.visibility == "visible"
    work.broken.clear()
    page.status.again.click()
    assert page.guard.notice.text == ""
    assert not any(tile.stale for tile in page.tiles)
    assert page.status.again.layout.visibility == "hidden"


def test_what_cannot_be_typed_is_said_on_the_page(page):
    page.choose.settings.choosers["rows"].widget.value = "many"
    assert "rows is 'many'; it must be algorithm1 or exact or a number" in page.guard.notice.text
    assert page.session.settings == {}


def test_a_bug_is_called_one(page, work):
    work.broken["trial"] = ZeroDivisionError("division by zero")
    page.session.link = "ble5"
    assert "fault of the workbench" in page.guard.notice.text
    assert any("ZeroDivisionError" in text for _, _, text in page.guard.log.lines)


def test_cancel_is_pressed_and_the_page_is_free_again(page, work):
    work.during = lambda what, report: (page.status.progress.cancel.click(), report(1, 2, what))
    page.session.link = "ble5"
    assert page.guard.notice.kind == "note"
    assert "Stopped" in page.guard.notice.text
    assert page.status.progress.layout.display == "none"
    work.during = None
    page.status.again.click()
    assert page.session.trial.link == "ble5"
    assert page.guard.notice.text == ""


def test_progress_is_shown_while_it_runs(page, work):
    seen = []
    work.during = lambda what, report: seen.append(
        (page.status.progress.label.value, page.status.progress.layout.display)
    )
    page.session.link = "ble5"
    assert seen == [("trial · 0 of 1", None), ("many · 0 of 1", None)]
    assert page.status.progress.layout.display == "none"


def test_random_weights_are_offered_and_then_seen_everywhere(page, work):
    work.broken["network"] = WeightsError("resnet18: no weights here; pretrained=False gives random ones")
    page.session.network = "resnet18"
    assert page.choose.random.layout.display is None
    work.broken.clear()
    page.choose.random.click()
    assert page.session.pretrained is False
    assert page.choose.random.layout.display == "none"
    for tile in page.tiles:
        assert "random weights" in tile.below, tile.name
    assert "<b>" in page.choose.weights.value
    for view in ("cut profile", "payload", "answer", "latency"):
        drawn(page, view)
        figure = page.views.views[view].chart.figure
        assert figure["layout"]["title"]["text"].endswith("<b>random weights</b>"), view


def test_pictures_without_labels_say_why_there_is_no_accuracy(page):
    many = page.session.many
    for name in ("accuracy", "accuracy_unsplit"):
        del many.quantities[name]
    page._show_tiles()
    assert page.tiles["Accuracy"].text == "–"
    assert "no labels it knows" in page.tiles["Accuracy"].below


def test_a_picture_is_brought_and_one_that_is_none_is_refused(page):
    page.choose.gallery._hear(None, {"kind": "picture", "name": "cat.png"}, [b"\x89PNG"])
    assert page.session.picture == "upload/cat.png"
    assert page.choose.gallery.pictures[0]["key"] == "upload/cat.png"
    page.choose.gallery._hear(None, {"kind": "picture", "name": "notes.txt"}, [b"no picture"])
    assert page.guard.notice.text == "notes.txt is no picture"
    assert page.session.picture == "upload/cat.png"


def test_a_picture_too_large_to_send_is_refused(page):
    message = {"kind": "too large", "name": "huge.tif", "size": 30_000_000, "largest": 8 * 2**20}
    page.choose.gallery._hear(None, message, [])
    assert page.guard.notice.text.startswith("huge.tif has 30.0 MB; at most 8.39 MB")


def test_the_address_goes_both_ways(page):
    page.session.choose(split="stages.1", link="ble5")
    assert page.status.address.address == page.session.address
    assert "split=stages.1" in page.status.address.address
    page.status.address._hear(
        None, {"kind": "asked", "hash": "#network=digits-vit&split=stages.0&codec=raw"}, []
    )
    assert (page.session.network, page.session.split, page.session.codec) == ("digits-vit", "stages.0", "raw")
    page.status.address._hear(None, {"kind": "asked", "hash": "#colour=red"}, [])
    assert isinstance(page.session.outcome.error, InputError)
    assert "no choice of this app" in page.guard.notice.text


def test_the_code_is_that_of_the_view(page):
    page.session.view = "latency"
    assert page.code.text == page.session.code
    assert "latency_figure(" in page.code.text


def test_the_log_tells_what_ran(page):
    page.session.link = "ble5"
    assert any("edge part known" in text for _, _, text in page.guard.log.lines)


def test_before_anything_ran_the_page_says_what_comes(work):
    page = explorer(Explorer(work, AtOnce()))
    assert tiles(page) == dict.fromkeys(tiles(page), "")
    for view in page.views.views.values():
        assert view.chart.figure == {}
        assert len(view.chart.empty) > 30
    assert page.choose.weights.value == "loading …"
    assert work.asked == []


def test_a_result_that_comes_while_its_view_is_drawn_is_not_greyed_for_ever(page):
    """The page draws in one thread what it read as stale, while the work's thread brings the result."""
    session, view = page.session, page.views.views["payload"]
    session.view = "payload"
    draw, threads = view._draw, []

    def slow():
        if not threads:
            threads.append(threading.Thread(target=lambda: setattr(session, "stale", frozenset())))
            threads[0].start()
            threads[0].join(0.3)  # it has to wait until this drawing ends
        return draw()

    view._draw = slow
    view.spoil()
    session.stale = frozenset({"trial"})
    threads[0].join(60)
    assert not threads[0].is_alive()
    assert view.chart.busy is False


def test_progress_that_ends_as_a_view_opens_does_not_stay_on_the_page(page):
    session, shown = page.session, page.status.progress
    session.busy, session.progress = True, Progress(1, 2, "trial")
    assert shown.layout.display is None
    show, ended = shown.show, []

    def end():
        with session.lock:  # as what the work delivers
            session.busy, session.progress = False, None

    def interrupted(*progress):
        if not ended:
            ended.append(threading.Thread(target=end))
            ended[0].start()
            ended[0].join(0.5)
        show(*progress)

    shown.show = interrupted
    session.view = "answer"
    ended[0].join()
    assert shown.layout.display == "none"
