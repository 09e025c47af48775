"""Fidelity over many samples against the same worked out sample by sample, by other tools."""

import threading
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.special import softmax
from scipy.stats import entropy
from skimage.metrics import structural_similarity

import workbench as wb
from workbench.codecs import decode
from workbench.errors import Cancelled, InputError, SettingError, UnknownNameError
from workbench.experiments import steps
from workbench.pictures import load
from workbench.pictures.record import Entry, Pictures

BITS3 = wb.codec("uniform", bits=3)


@pytest.fixture(scope="module")
def vit():
    return wb.load_model("digits-vit")


def by_hand(model, point, codec, pictures):
    """Features before and after, payload sizes and scores, one picture after the other."""
    split = wb.split(model, point)
    inputs = steps.prepared(model, pictures)
    before, after, sizes, scores, others = [], [], [], [], []
    with torch.no_grad():
        for at in range(len(inputs)):
            features = split.edge_part(inputs[at : at + 1])
            payload = codec.encode(features[0].numpy())
            back = decode(payload)
            before.append(features[0].numpy())
            after.append(back)
            sizes.append(len(payload))
            scores.append(model(inputs[at : at + 1])[0].numpy())
            others.append(split.server_part(torch.from_numpy(back)[None])[0].numpy())
    return before, after, sizes, np.stack(scores), np.stack(others)


def test_every_number_is_what_other_tools_say(resnet):
    pictures = load("digits").sample(11)
    report = wb.fidelity(resnet, "layer2", BITS3, pictures)
    before, after, sizes, scores, others = by_hand(resnet, "layer2", BITS3, pictures)
    path = report.path("decoded")
    found = {name: one.values for name, one in path.distributions.items()}
    assert report.payload_bytes.values.tolist() == sizes
    for at, (one, other) in enumerate(zip(before, after, strict=True)):
        reach = np.ptp(one)
        error = float(np.mean((one.astype(np.float64) - other) ** 2))
        assert found["mse"][at] == pytest.approx(error, rel=1e-3)
        assert found["relative_mse"][at] == pytest.approx(error / np.mean(one.astype(float) ** 2), rel=1e-3)
        assert found["psnr"][at] == pytest.approx(10 * np.log10(reach**2 / error), rel=1e-3)
        flat = one.ravel(), other.ravel()
        assert found["cosine"][at] == pytest.approx(
            np.dot(*flat) / np.linalg.norm(flat[0]) / np.linalg.norm(flat[1]), abs=1e-4
        )
        maps = [
            structural_similarity(*pair, data_range=reach)
            for pair in zip(one.astype(float), other.astype(float), strict=True)
        ]
        assert found["ssim"][at] == pytest.approx(np.mean(maps), abs=1e-3)
    divergence = entropy(softmax(scores.astype(float), axis=1), softmax(others.astype(float), axis=1), axis=1)
    assert found["kl"] == pytest.approx(divergence, abs=1e-4)
    assert path.agreement.hits == (scores.argmax(1) == others.argmax(1)).sum()
    labels = np.array([int(label) for label in pictures.labels])
    assert path.accuracy.hits == (others.argmax(1) == labels).sum()
    assert report.accuracy_unsplit.hits == (scores.argmax(1) == labels).sum()
    assert path.histograms["ssim"].n == 11 * 128 and path.histograms["ssim"].per == "channel map"
    assert report.layout == "channel-first" and report.shape == (128, 8, 8) and report.raw_bytes == 32768


def test_it_says_what_a_trial_says(resnet):
    report = wb.fidelity(resnet, "layer2", "onebit", "digits", samples=24)
    trial = wb.run(resnet, "layer2", "onebit", images="digits", samples=24, repeats=1)
    path = report.path("decoded")
    for name in ("mse", "relative_mse", "cosine", "agreement", "agreement_top5", "accuracy"):
        assert path.value(name) == pytest.approx(trial.quantities[name].value, rel=1e-5), name
    assert report.payload_bytes.mean == trial.quantities["payload_bytes"].value
    assert report.accuracy_unsplit.value == trial.quantities["accuracy_unsplit"].value
    assert report.settings == trial.settings
    assert report.context["calibration"] == trial.context["calibration"]


def test_nothing_is_lost_with_raw(resnet):
    path = wb.fidelity(resnet, "layer3", "raw", samples=8).path("decoded")
    assert path.value("psnr") == np.inf and path.distributions["psnr"].finite.size == 0
    assert path.value("mse") == 0 and path.value("kl") < 1e-9
    assert path.value("ssim") == path.value("agreement") == 1
    assert path.cka == pytest.approx(1) and path.value("cosine") == pytest.approx(1)


def test_tokens_are_compared_one_by_one_and_as_maps(vit):
    report = wb.fidelity(vit, "blocks.2", BITS3, samples=6)
    path = report.path("decoded")
    before, after, *_ = by_hand(vit, "blocks.2", BITS3, load("digits").sample(6))
    cosines = [
        [np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(one, other, strict=True)]
        for one, other in zip(before, after, strict=True)
    ]
    assert path.distributions["cosine"].values == pytest.approx(np.mean(cosines, axis=1), abs=1e-5)
    assert path.histograms["cosine"].n == 6 * 65
    first = before[0][1:].T.reshape(-1, 8, 8).astype(float)
    second = after[0][1:].T.reshape(-1, 8, 8).astype(float)
    reach = np.ptp(before[0])
    maps = [structural_similarity(*pair, data_range=reach) for pair in zip(first, second, strict=True)]
    assert path.distributions["ssim"].values[0] == pytest.approx(np.mean(maps), abs=1e-4)
    assert any("1 prefix token(s) left out" in note for note in path.notes)


def test_small_maps_take_a_smaller_window_and_vectors_have_no_ssim():
    torch.manual_seed(1)
    network = torch.nn.Sequential()
    network.add_module("maps", torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, stride=2, padding=1)))
    network.add_module("rest", torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    network.add_module("last", torch.nn.Linear(4, 3))
    model = wb.load_model(network, input_size=(3, 8, 8), mean=(0.0,) * 3, std=(1.0,) * 3)
    maps = wb.fidelity(model, "maps", BITS3, "digits", samples=5).path("decoded")
    assert "maps of 4 x 4 are smaller than SSIM's window of 7: 3 was used" in maps.notes
    assert maps.value("ssim") is not None
    report = wb.fidelity(model, "rest", BITS3, "digits", samples=5)
    vector = report.path("decoded")
    assert vector.value("ssim") is None and "ssim" not in report.metrics and "mse" in report.metrics
    assert any(note.startswith("no SSIM") for note in vector.notes)


def test_only_cka_depends_on_the_seed(resnet):
    store = wb.SampleStore()
    first, second = (
        wb.fidelity(resnet, "layer3", BITS3, samples=260, seed=seed, store=store) for seed in (0, 1)
    )
    one, other = first.path("decoded"), second.path("decoded")
    assert all(
        np.array_equal(one.distributions[name].values, other.distributions[name].values)
        for name in one.distributions
    )
    assert one.cka != other.cka and one.cka == pytest.approx(other.cka, abs=0.01)
    assert "2 random batches" in one.notes[-1]


def ran(store):
    """How many samples each step was computed for since the last call."""
    found = {}
    for entry in store.log:
        found[entry.step] = found.get(entry.step, 0) + entry.computed
    store.log.clear()
    return {step: count for step, count in found.items() if count}


def test_the_edge_part_runs_once_a_picture_and_a_codec_codes_it_once(resnet):
    store = wb.SampleStore()
    wb.fidelity(resnet, "layer3", BITS3, samples=20, store=store)
    assert ran(store) == {"edge part": 20, "codec": 20}
    wb.feature_space(resnet, "layer3", BITS3, samples=20, store=store)
    wb.channel_maps(resnet, "layer3", BITS3, samples=20, sample=3, store=store)
    assert ran(store) == {}
    wb.fidelity(resnet, "layer3", "raw", samples=20, store=store)
    assert ran(store) == {"codec": 20}
    wb.fidelity(resnet, "layer3", "raw", load("digits").sample(20).pick([0, 5]), store=store)
    assert ran(store) == {}
    wb.fidelity(resnet, "layer4", "raw", samples=20, store=store)
    assert ran(store) == {"edge part": 20, "codec": 20}
    store.forget()
    wb.channel_maps(resnet, "layer3", BITS3, samples=20, store=store)
    assert ran(store) == {"edge part": 1, "codec": 1} and store.nbytes > 0


def test_a_stop_is_heard_and_what_was_finished_is_kept(resnet):
    store, stop = wb.SampleStore(), threading.Event()
    seen = []

    def progress(done, total, what):
        seen.append((done, total, what))
        if done == 64:
            stop.set()

    with pytest.raises(Cancelled):
        wb.fidelity(resnet, "layer3", BITS3, samples=128, store=store, progress=progress, stop=stop)
    assert seen[-1] == (64, 128, "edge part") and ran(store) == {"edge part": 64}
    stop.clear()
    wb.fidelity(resnet, "layer3", BITS3, samples=128, store=store)
    assert ran(store) == {"edge part": 64, "codec": 128}
    with pytest.raises(Cancelled):
        wb.fidelity(resnet, "layer3", BITS3, samples=8, stop=lambda: True)


def generated(count):
    """Pictures that are made when they are looked at."""

    def opener(at):
        return lambda: Image.fromarray(np.random.default_rng(at).integers(0, 256, (8, 8, 3), dtype=np.uint8))

    return Pictures("noise", [Entry(f"{at}", None, opener(at), lambda at=at: at) for at in range(count)])


@pytest.mark.parametrize("count", [1500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_any_number_of_samples_fits_into_memory(count):
    """Features are let go batch by batch: more samples need hardly more than the numbers on them."""
    torch.manual_seed(1)
    network = torch.nn.Sequential()
    network.add_module("maps", torch.nn.Sequential(torch.nn.Conv2d(3, 64, 3, padding=1)))
    network.add_module("last", torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()))
    model = wb.load_model(network, input_size=(3, 8, 8), mean=(0.0,) * 3, std=(1.0,) * 3)
    split = wb.split(model, "maps")
    few, many = peak(model, split, 500), peak(model, split, count)
    features = 2 * 4 * (count - 500) * 64 * 8 * 8  # original and decoded, of the further samples
    assert many - few < features / 8


def peak(model, split, count):
    """Most bytes that Python and numpy held while so many samples went through."""
    store = wb.SampleStore(limit_bytes=2**20)
    tracemalloc.start()
    try:
        report = wb.fidelity(model, split, BITS3, generated(count), samples=count, store=store)
        found = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report.samples == count == report.path("decoded").agreement.n
    assert 0 < store.nbytes <= 2**20
    return found


def test_one_sample_has_no_spread_and_no_cka(resnet):
    report = wb.fidelity(resnet, "layer3", BITS3, samples=1)
    path = report.path("decoded")
    assert path.cka is None and "cka" not in report.metrics
    assert path.distributions["mse"].std == 0 and path.distributions["mse"].median == path.value("mse")
    assert "linear CKA needs 4 samples; there is 1" in path.notes
    assert any("no spread" in note for note in report.notes)


def test_equal_samples_have_no_cka(resnet):
    same = load([np.full((32, 32, 3), 9, np.uint8)] * 6)
    path = wb.fidelity(resnet, "layer3", BITS3, same).path("decoded")
    assert path.cka is None and any("the same for all samples" in note for note in path.notes)


def test_random_weights_are_said():
    report = wb.fidelity(wb.load_model("test_resnet", pretrained=False), "layer2", BITS3, samples=2)
    assert report.weights == "random" and any("random" in note for note in report.notes)
    assert report.accuracy_unsplit is None and report.path("decoded").accuracy is None
    assert report.labels_note.startswith("none")


def test_labels_of_all_pictures_go_with_the_samples(resnet):
    digits = load("digits")
    given = [int(label) for label in digits.labels]
    with_labels = wb.fidelity(resnet, "layer3", "raw", digits, labels=given, samples=30)
    assert with_labels.accuracy_unsplit == wb.fidelity(resnet, "layer3", "raw", samples=30).accuracy_unsplit
    assert with_labels.labels_note == "given"
    with pytest.raises(InputError, match="class"):
        wb.fidelity(resnet, "layer3", "raw", digits, labels=["ten"] * 450, samples=5)


def test_the_call_gives_the_same_report(resnet):
    report = wb.fidelity(resnet, "layer3", BITS3, "digits", samples=5, seed=3)
    assert report.call == (
        "wb.fidelity(wb.load_model('digits-resnet'), 'layer3', wb.codec('uniform', bits=3), "
        "pictures='digits', samples=5, seed=3)"
    )
    again = eval(report.call, {"wb": wb})
    assert again.to_dict() == report.to_dict()


def test_the_report_is_ready_for_json(resnet):
    import json

    found = json.loads(json.dumps(wb.fidelity(resnet, "layer3", BITS3, samples=5).to_dict()))
    assert found["paths"]["decoded"]["mse"]["n"] == 5 and found["paths"]["decoded"]["agreement"]["n"] == 5
    assert found["paths"]["decoded"]["ssim"]["min"] <= found["paths"]["decoded"]["ssim"]["median"]


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"codec": None}, SettingError, "no codec was given"),
        ({"codec": "uniforn"}, UnknownNameError, "did you mean 'uniform'"),
        ({"codec": 7}, SettingError, "codec is a int"),
        ({"split": "layer9"}, UnknownNameError, "did you mean"),
        ({"pictures": "digts"}, UnknownNameError, "did you mean 'digits'"),
        ({"samples": 0}, SettingError, "at least 1"),
        ({"stop": 5}, SettingError, "stop is a int"),
        ({"restorer": 5}, SettingError, "restorer is a int"),
    ],
)
def test_what_is_wrong_is_said(resnet, given, error, said):
    wanted = {"split": "layer3", "codec": "raw", "samples": 3, **given}
    with pytest.raises(error, match=said):
        wb.fidelity(resnet, **wanted)
    other = wb.split(wb.load_model("test_resnet", pretrained=False), "layer2")
    with pytest.raises(SettingError, match="not of this digits-resnet"):
        wb.fidelity(resnet, other, "raw", samples=2)
