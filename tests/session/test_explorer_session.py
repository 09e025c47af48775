"""What is recomputed after which choice, what stays, and what an error leaves behind."""

import threading

import pytest

from workbench.errors import Cancelled, InputError, SettingError, UnknownNameError, WorkbenchError
from workbench.records import Trial
from workbench.session import AtOnce, Choice, Explorer, Problem, Threads


def held(work):
    """Makes a trial wait: an event that tells when it has begun, and one that lets all go on."""
    reached, go_on = threading.Event(), threading.Event()

    def hold(what, report):
        if what == "trial":
            reached.set()
            go_on.wait(60)

    work.during = hold
    return reached, go_on


def test_the_first_refresh_fills_in_split_and_picture(work):
    session = Explorer(work, AtOnce())
    assert work.asked == []
    session.refresh()
    assert session.split == "stages.2"
    assert session.picture == "digits/0"
    assert isinstance(session.outcome, Trial)
    assert session.outcome.split == "stages.2"
    assert session.known.name == "digits-resnet"
    assert session.names == ("digits-resnet", "digits-vit", "resnet18")
    assert work.asked == ["network", "gallery", "trial", "many", "more_networks"]
    assert session.stale == {"curve"}
    assert not session.busy and session.progress is None


@pytest.mark.parametrize(
    ("chosen", "asked"),
    [
        ({"split": "stages.1"}, ["trial", "many"]),
        ({"codec": "raw"}, ["trial", "many"]),
        ({"settings": {"bits": 3}}, ["trial", "many"]),
        ({"picture": "digits/2"}, ["trial"]),
        ({"source": "photographs"}, ["gallery", "trial", "many"]),
        ({"link": "ble5"}, ["trial", "many"]),
        ({"link_settings": {"rtt_s": 0.1}}, ["trial", "many"]),
        ({"network": "digits-vit"}, ["network", "gallery", "trial", "many"]),
        ({"pretrained": False}, ["network", "trial", "many"]),
        ({"view": "payload"}, []),
        ({"view": "reshape"}, ["reshape"]),
    ],
)
def test_only_what_changed_is_asked_for(explorer, work, chosen, asked):
    before = explorer.outcome
    for name, value in chosen.items():
        setattr(explorer, name, value)
    assert work.asked == asked
    assert (explorer.outcome is before) == ("trial" not in asked)


def test_the_same_choice_again_asks_for_nothing(explorer, work):
    explorer.refresh()
    explorer.choose(split=explorer.split, codec="rans-csr", settings={})
    assert work.asked == []


def test_several_choices_start_one_job(explorer, work):
    explorer.choose(link="ble5", split="stages.0", codec="raw", picture="digits/1")
    assert work.asked == ["trial", "many"]
    assert explorer.choice == Choice(split="stages.0", codec="raw", picture="digits/1", link="ble5")


def test_the_curve_is_made_when_its_view_is_in_front(explorer, work):
    assert explorer.curve is None
    explorer.view = "reshape"
    assert explorer.curve.bits == 4
    explorer.set_setting("bits", 2)
    assert explorer.curve.bits == 2
    work.asked.clear()
    explorer.link = "ble5"
    assert "reshape" not in work.asked
    explorer.view = "latency"
    explorer.set_setting("bits", 5)
    assert explorer.curve.bits == 2
    assert "curve" in explorer.stale


def test_each_codec_remembers_its_settings(explorer):
    explorer.set_setting("bits", 2)
    explorer.codec = "raw"
    assert explorer.settings == {}
    explorer.codec = "rans-csr"
    assert explorer.settings == {"bits": 2}


def test_another_network_forgets_the_split_and_random_weights(explorer):
    explorer.choose(split="stages.0", pretrained=False)
    explorer.network = "digits-vit"
    assert explorer.pretrained is None
    assert explorer.split == "stages.2"
    explorer.choose(network="digits-resnet", split="stages.1")
    assert explorer.split == "stages.1"


@pytest.mark.parametrize(
    ("chosen", "error"),
    [
        ({"network": "resnet-18"}, UnknownNameError),
        ({"split": "stages.9"}, UnknownNameError),
    ],
)
def test_an_unknown_name_is_the_outcome_and_the_last_trial_stays(explorer, chosen, error):
    last = explorer.trial
    explorer.choose(**chosen)
    assert type(explorer.outcome.error) is error
    assert not explorer.outcome.bug
    assert explorer.trial is last
    assert "trial" in explorer.stale
    assert not explorer.busy
    assert explorer.line.kind == "error"


def test_after_an_error_the_next_choice_works(explorer, work):
    work.broken["trial"] = SettingError("bits is 12; it must be at most 8")
    explorer.set_setting("bits", 12)
    assert explorer.outcome == Problem(work.broken["trial"], explorer.outcome.doing)
    work.broken.clear()
    explorer.set_setting("bits", 8)
    assert isinstance(explorer.outcome, Trial)
    assert explorer.stale == {"curve"}


def test_going_back_to_what_is_known_takes_the_error_away(explorer, work):
    last = explorer.outcome
    work.broken["trial"] = SettingError("bits is 12; it must be at most 8")
    explorer.set_setting("bits", 12)
    work.asked.clear()
    explorer.settings = {}
    assert explorer.outcome is last
    assert explorer.stale == {"curve"}
    assert work.asked == []


def test_looking_at_another_view_does_not_begin_anew(work):
    session = Explorer(work, AtOnce())

    def look(what, report):
        if what == "trial":
            session.view = "reshape"
        elif what == "many":
            session.view = "latency"
            session.view = "answer"

    work.during = look
    session.refresh()
    assert work.asked == ["network", "gallery", "trial", "many", "more_networks"]
    work.during = lambda what, report: setattr(session, "view", "reshape") if what == "many" else None
    work.asked.clear()
    session.link = "ble5"
    assert work.asked == ["trial", "many", "reshape"]
    assert session.stale == frozenset() and not session.busy


def test_a_fault_of_ours_is_shown_as_one(explorer, work):
    work.broken["trial"] = ZeroDivisionError("division by zero")
    explorer.link = "ble5"
    assert explorer.outcome.bug
    assert "ZeroDivisionError" in explorer.line.text


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_no_memory_says_what_to_do(explorer, work, error):
    work.broken["network"] = error
    explorer.network = "resnet18"
    assert type(explorer.outcome.error) is WorkbenchError
    assert "smaller network" in str(explorer.outcome.error)


def test_cancel_keeps_the_last_results_and_refresh_goes_on(explorer, work):
    last = explorer.trial
    work.during = lambda what, report: (explorer.cancel(), report(1, 2, what))
    explorer.link = "ble5"
    assert type(explorer.outcome.error) is Cancelled
    assert explorer.trial is last
    assert not explorer.busy and explorer.progress is None
    work.during = None
    explorer.refresh()
    assert explorer.trial.link == "ble5"
    assert explorer.stale == {"curve"}


def test_cancel_in_a_thread_frees_the_page_before_the_work_notices(work):
    reached, go_on = held(work)
    runner = Threads()
    session = Explorer(work, runner)
    session.refresh()
    assert reached.wait(60)
    assert session.busy
    session.cancel()
    assert not session.busy
    assert type(session.outcome.error) is Cancelled
    go_on.set()
    assert runner.join(60)
    assert session.trial is None
    work.during = None
    session.refresh()
    assert runner.join(60)
    assert isinstance(session.outcome, Trial)


def test_a_choice_in_between_wins_over_the_work_that_runs(work):
    reached, go_on = held(work)
    runner = Threads()
    session = Explorer(work, runner)
    outcomes = []
    session.observe(lambda change: outcomes.append(change["new"]), "outcome")
    session.refresh()
    assert reached.wait(60)
    session.link = "ble5"
    go_on.set()
    assert runner.join(60)
    assert [outcome.link for outcome in outcomes] == ["ble5"]


def test_many_pictures_wait_until_a_person_rests(work):
    runner = Threads(rest_s=3600)
    session = Explorer(work, runner)
    trials, came = [], threading.Event()
    session.observe(lambda change: (trials.append(change["new"].link), came.set()), "trial")
    session.refresh()
    assert came.wait(60)
    came.clear()
    session.link = "ble5"
    assert came.wait(60)
    session.cancel()
    assert runner.join(60)
    assert trials == ["lte-cat4", "ble5"]
    assert work.asked.count("trial") == 2 and "many" not in work.asked
    assert "many" in session.stale and "trial" not in session.stale


def test_progress_passes_through(explorer, work):
    seen = []
    explorer.observe(lambda change: seen.append(change["new"]), "progress")
    explorer.link = "ble5"
    assert [progress.what for progress in seen if progress] == ["trial", "many"]
    assert seen[-1] is None


def test_a_picture_of_ones_own(explorer):
    explorer.bring_picture("cat.png", b"\x89PNG")
    assert explorer.picture == "upload/cat.png"
    assert explorer.gallery[0].name == "cat.png"
    assert len(explorer.gallery) == 4
    explorer.network = "digits-vit"
    assert explorer.picture == "upload/cat.png"
    assert explorer.gallery[0].name == "cat.png"


def test_what_is_no_picture_changes_nothing(explorer):
    explorer.bring_picture("notes.txt", b"no picture")
    assert type(explorer.outcome.error) is InputError
    assert explorer.picture == "digits/0"
    assert len(explorer.gallery) == 3


def test_random_weights_are_asked_for_and_known(explorer):
    explorer.use_random_weights()
    assert explorer.known.weights == "random"
    assert explorer.trial.weights == "random"


def test_the_address_restores_the_choice(explorer, work):
    explorer.choose(split="stages.1", codec="rans-csr", settings={"bits": 2}, link="ble5", picture="digits/2")
    other = Explorer(work, AtOnce())
    other.restore("#" + explorer.address)
    assert other.choice == explorer.choice
    assert other.trial == explorer.trial


def test_a_spoilt_address_is_shown_and_changes_nothing(explorer, work):
    before = explorer.choice
    explorer.restore("#colour=red")
    assert type(explorer.outcome.error) is InputError
    assert explorer.choice == before
    assert work.asked == []


def test_a_link_cannot_name_code_to_run(explorer, work):
    explorer.restore("#network=os:abort&codec=raw")
    assert type(explorer.outcome.error) is InputError
    assert "would run code" in str(explorer.outcome.error)
    assert explorer.network == "digits-resnet"
    assert work.asked == []


def test_the_log_says_what_was_known(explorer):
    lines = []
    explorer.observe(lambda change: lines.append(change["new"]), "line")
    explorer.link = "ble5"
    assert "edge part known, codec 12.3 ms" in lines[0].text
    assert lines[0].kind == "ran"
    assert [line.number for line in lines] == [lines[0].number, lines[0].number + 1]


def test_its_own_address_starts_nothing(explorer, work):
    explorer.restore("#" + explorer.address)
    assert work.asked == []


def test_what_cannot_be_chosen_is_named(explorer):
    with pytest.raises(UnknownNameError, match="did you mean 'split'"):
        explorer.choose(spilt="stages.1")


def test_the_code_follows_choice_and_view(explorer):
    explorer.choose(split="stages.1", settings={"bits": 3}, link="ble5")
    assert "cut_profile_figure(profile, 'stages.1')" in explorer.code
    explorer.view = "payload"
    assert "wb.codec('rans-csr', bits=3)" in explorer.code
    explorer.view = "reshape"
    assert "encoded_reshapes(features, bits=3)" in explorer.code


def test_fields_of_the_chosen_codec_and_link(explorer):
    assert [field.name for field in explorer.fields("codec")] == ["bits", "rows"]
    explorer.codec = "raw"
    assert explorer.fields("codec") == ()
    assert [field.name for field in explorer.fields("link")] == ["rtt_s"]


def test_a_network_chosen_while_a_job_fills_in_the_choice(work):
    runner = Threads()
    session = Explorer(work, runner)
    filling, chosen = threading.Event(), threading.Event()

    def fill(_change):
        if threading.current_thread() is not threading.main_thread() and not filling.is_set():
            filling.set()
            chosen.wait(0.5)  # until the person has chosen, or waits for this job to let go

    session.observe(fill, "split")
    session.refresh()
    assert filling.wait(60)
    session.network = "digits-vit"
    chosen.set()
    assert runner.join(60)
    assert session.known.name == "digits-vit"
    assert session.trial.model == "digits-vit"
    assert not session.busy and session.stale == {"curve"}


def test_a_view_that_opens_as_the_work_ends_leaves_nothing_greyed(work):
    reached, go_on = held(work)
    runner = Threads()
    session = Explorer(work, runner)
    session.refresh()
    assert reached.wait(60)
    look = session._unfit

    def interrupted():
        found = look()
        if threading.current_thread() is threading.main_thread() and not go_on.is_set():
            go_on.set()
            runner.join(0.5)  # all of the work would come now, after it was looked at and before that is told
        return found

    session._unfit = interrupted
    session.view = "payload"
    assert runner.join(60)
    assert session.trial is not None and not session.busy
    assert session.stale == {"curve"}


def test_a_late_result_of_an_old_choice_does_not_pass_for_the_new_one(explorer):
    old = explorer.choice
    with explorer._quietly():
        explorer.link = "ble5"
    explorer._wanted()
    explorer._arrive("trial", explorer.trial, old)
    assert "trial" in explorer.stale
    explorer._arrive("trial", explorer.trial, explorer.choice)
    assert "trial" not in explorer.stale
