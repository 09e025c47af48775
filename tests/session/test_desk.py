"""The session on real networks: its numbers are those of the code it shows; only what changed is computed."""

import io

import pytest
from PIL import Image

from workbench.errors import Cancelled, InputError, SettingError, UnknownNameError
from workbench.records import Trial
from workbench.session import VIEWS, AtOnce, Choice, Explorer, Problem
from workbench.session.desk import Desk


def quiet(done, total, what):
    pass


def png(size=(40, 30)):
    file = io.BytesIO()
    Image.radial_gradient("L").resize(size).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def desk():
    return Desk()


@pytest.fixture(scope="module")
def session(desk):
    explorer = Explorer(desk, AtOnce())
    explorer.refresh()
    return explorer


@pytest.fixture
def chosen(session):
    """The session at a choice of its own, whatever the test before did."""
    session.choose(
        network="digits-resnet", pretrained=None, split="layer3", codec="rans-csr", settings={"bits": 3},
        source="", picture="digits/3", link="ble5", link_settings={},
    )  # fmt: skip
    assert isinstance(session.outcome, Trial), session.outcome
    return session


def run(code):
    """Run the lines of `code`; gives what the last one shows, and the names."""
    *lines, last = code.splitlines()
    names = {}
    exec("\n".join(lines), names)
    return eval(last, names), names


def plain(figure):
    return [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data]


@pytest.mark.parametrize("view", VIEWS)
def test_the_code_of_each_view_gives_what_it_shows(chosen, view):
    from workbench import figures

    chosen.view = view
    figure, names = run(chosen.code)
    trial = chosen.trial
    drawn = {
        "cut profile": lambda: figures.cut_profile_figure(chosen.known.profile, "layer3"),
        "payload": lambda: figures.payload_figure(trial.description),
        "reshape": lambda: figures.reshape_figure(chosen.curve),
        "answer": lambda: figures.answer_figure(trial.answers_before[0], trial.answers_after[0]),
    }
    if view != "latency":
        assert plain(figure) == plain(drawn[view]())
        return
    other = names["trial"]
    assert other.quantities["payload_bytes"].value == trial.quantities["payload_bytes"].value
    assert other.latency.transfer.value == trial.latency.transfer.value
    assert [trace.name for trace in figure.data][:2] == ["edge", "encode"]


def test_a_slider_runs_the_codec_and_the_server_part_only(chosen, desk):
    desk.told()
    lines = []
    chosen.observe(lambda change: lines.append(change["new"].text), "line")
    chosen.set_setting("bits", 5)
    chosen.unobserve_all("line")
    assert "edge part known" in lines[0] and "unsplit network known" in lines[0] and "cut known" in lines[0]
    assert "codec known" not in lines[0]
    assert chosen.trial.settings["bits"] == 5


def test_another_link_runs_nothing(chosen, desk):
    desk.told()
    lines = []
    chosen.observe(lambda change: lines.append(change["new"].kind), "line")
    chosen.link = "5g"
    chosen.unobserve_all("line")
    assert lines == ["cached", "cached"]


def test_fewer_bits_make_a_smaller_payload_and_a_larger_error(chosen):
    sizes, errors = [], []
    for bits in (8, 4, 2):
        chosen.set_setting("bits", bits)
        sizes.append(chosen.trial.quantities["payload_bytes"].value)
        errors.append(chosen.trial.quantities["mse"].value)
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)


def test_the_numbers_of_many_are_of_other_pictures_than_one(chosen):
    assert chosen.trial.samples == 1
    assert chosen.many.samples == 64
    assert chosen.many.quantities["accuracy"].value > 0.9


def test_an_own_picture_goes_through_the_network(chosen):
    chosen.bring_picture("gradient.png", png())
    assert chosen.trial.answers_before[0].label is None
    assert chosen.trial.context["pictures"] == "upload"
    assert chosen.gallery[0].key == "upload/gradient.png"
    assert Image.open(io.BytesIO(chosen.gallery[0].png)).size == (40, 30)


def test_a_folder_of_pictures(chosen, tmp_path):
    for name in ("3", "5"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one.png").write_bytes(png((32, 32)))
    chosen.source = str(tmp_path)
    assert [tile.label for tile in chosen.gallery if not tile.key.startswith("upload/")] == ["3", "5"]
    assert chosen.trial.answers_before[0].label == "3"
    assert chosen.many.samples == 2


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"network": "digits-resnt"}, UnknownNameError, "did you mean 'digits-resnet'"),
        ({"split": "layer9"}, UnknownNameError, "layer"),
        ({"codec": "rans"}, UnknownNameError, "rans-csr"),
        ({"settings": {"bits": 99}}, SettingError, "99"),
        ({"settings": {"bots": 3}}, SettingError, "bits"),
        ({"settings": {"rows": 7}}, SettingError, "7"),
        ({"picture": "digits/100000"}, InputError, "has 0 to"),
        ({"picture": "digits/minus"}, InputError, "no picture 'digits/minus'"),
        ({"picture": "upload/elsewhere.png"}, InputError, "another page"),
        ({"source": "/no/such/folder"}, UnknownNameError, "/no/such/folder"),
        ({"link": "carrier-pigeon"}, UnknownNameError, "lte-cat4"),
        ({"link_settings": {"rtt_s": -1.0}}, SettingError, "rtt_s"),
    ],
)
def test_each_wrong_choice_is_said_with_what_is_allowed(chosen, wrong, error, says):
    chosen.choose(**wrong)
    assert isinstance(chosen.outcome, Problem)
    assert type(chosen.outcome.error) is error
    assert says in str(chosen.outcome.error)


def test_a_file_that_is_no_picture(desk):
    with pytest.raises(InputError, match=r"^notes\.txt: "):
        desk.add_picture("notes.txt", b"no picture at all")


def test_a_link_of_ones_own(chosen):
    chosen.choose(link="own")
    chosen.view = "latency"
    usual = chosen.trial.latency.transfer.value
    assert run(chosen.code)[1]["trial"].latency.transfer.value == usual
    chosen.set_link_setting("bandwidth_bps", 8e6)
    nbytes = chosen.trial.quantities["payload_bytes"].value
    assert chosen.trial.latency.transfer.value == pytest.approx(nbytes / 1e6)
    assert usual == pytest.approx(nbytes / 1.25e6)
    assert run(chosen.code)[1]["trial"].latency.transfer.value == chosen.trial.latency.transfer.value


def test_random_weights_are_known_as_such(desk):
    network = desk.network(Choice("test_resnet.r160_in1k", False), quiet)
    assert network.weights == "random"
    assert len(network.profile.points) > 3


@pytest.mark.parametrize("what", ["trial", "many", "reshape"])
def test_work_can_be_stopped_in_the_middle(desk, what):
    choice = Choice(split="layer1", settings={"bits": 7}, picture="digits/5")
    calls = []

    def stop(done, total, step):
        calls.append(step)
        if len(calls) == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        getattr(desk, what)(choice, stop)
    assert len(calls) == 3
