"""Feature space and channel maps: same start for all panels, honest numbers, awkward sets of samples."""

import io

import numpy as np
import pytest
from PIL import Image

import workbench as wb
from workbench.errors import Cancelled, InputError, SettingError
from workbench.experiments import fidelity_samples
from workbench.pictures import load

BITS3 = wb.codec("uniform", bits=3)


@pytest.fixture(scope="module")
def store():
    return wb.SampleStore()


@pytest.fixture(scope="module")
def space(resnet, store):
    return wb.feature_space(resnet, "layer3", "onebit", samples=60, perplexity=10, store=store)


def test_panels_have_the_same_samples_and_classes(space):
    assert [panel.path for panel in space.panels] == ["original", "decoded"]
    assert space.samples == 60 == len(space.names) and space.thumbnails.shape == (60, 32, 32, 3)
    chosen = load("digits").sample(60)
    assert space.names == chosen.names
    assert [space.class_names[at] for at in space.labels] == list(chosen.labels)
    assert np.array_equal(space.thumbnails[7], np.asarray(chosen[7].image))
    assert (space.perplexity, space.neighbours, space.pca_dims) == (10, 10, 50)


def test_its_numbers_are_those_of_scikit_learn(resnet, space, store):
    from sklearn.manifold import trustworthiness
    from sklearn.neighbors import NearestNeighbors

    from workbench.experiments import steps

    features = [
        row.ravel()
        for row in wb.split(resnet, "layer3")
        .edge_part(steps.prepared(resnet, load("digits").sample(60)))
        .detach()
        .numpy()
    ]
    original = space.panel("original")
    nearest = NearestNeighbors(n_neighbors=10).fit(features).kneighbors(return_distance=False)
    assert original.neighbours_kept == 1.0
    assert original.class_agreement == pytest.approx(
        (space.labels[nearest] == space.labels[:, None]).mean(), abs=0.005
    )
    assert original.trustworthiness == pytest.approx(
        trustworthiness(features, original.points, n_neighbors=10), abs=0.005
    )
    assert (
        original.class_agreement > 0.4 and original.trustworthiness > 0.85
    )  # 6 samples a class, 10 neighbours
    assert 0.3 < space.panel("decoded").neighbours_kept < 1


def test_a_codec_that_loses_nothing_gives_the_same_points(resnet, store):
    space = wb.feature_space(resnet, "layer3", "raw", samples=60, perplexity=10, seed=4, store=store)
    first, second = space.panels
    assert np.array_equal(first.points, second.points) and second.neighbours_kept == 1.0
    again = wb.feature_space(resnet, "layer3", "raw", samples=60, perplexity=10, seed=4, store=store)
    assert np.array_equal(again.panels[1].points, second.points)


def test_too_large_a_perplexity_and_too_many_neighbours_are_lowered_and_said(resnet, store):
    space = wb.feature_space(resnet, "layer3", BITS3, samples=9, neighbours=8, store=store)
    assert space.perplexity == pytest.approx(8 / 3) and space.neighbours == 4
    assert any("perplexity 30 is too large for 9 samples" in note for note in space.notes)
    assert any("8 neighbours are too many for 9 samples: 4" in note for note in space.notes)


@pytest.mark.parametrize("count", [1, 4])
def test_too_few_samples_are_refused(resnet, store, count):
    with pytest.raises(InputError, match=f"of {count} sample.*at least 5"):
        wb.feature_space(resnet, "layer3", BITS3, samples=count, store=store)


@pytest.mark.parametrize(
    "wrong", [{"perplexity": 0}, {"perplexity": "30"}, {"neighbours": 0}, {"neighbours": 2.5}]
)
def test_settings_out_of_range_are_refused(resnet, wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        wb.feature_space(resnet, "layer3", BITS3, samples=9, **wrong)


def test_one_class_and_no_class(resnet, store):
    sevens = load("digits")
    sevens = sevens.pick([at for at, label in enumerate(sevens.labels) if label == "7"][:12])
    one = wb.feature_space(resnet, "layer3", BITS3, sevens, store=store)
    assert one.panel("original").class_agreement is None and one.class_names == ("7",)
    assert any("of one class, '7'" in note for note in one.notes)
    none = wb.feature_space(resnet, "layer3", BITS3, load([picture.image for picture in sevens]), store=store)
    assert (none.labels == -1).all() and none.class_names == ()
    assert any("no classes" in note for note in none.notes)


def test_constant_features_lie_at_one_place(resnet, monkeypatch):
    monkeypatch.setattr(fidelity_samples, "decode", lambda payload: np.full((256, 4, 4), 0.5, np.float32))
    space = wb.feature_space(resnet, "layer3", "raw", samples=12)
    decoded = space.panel("decoded")
    assert not decoded.points.any() and decoded.trustworthiness is None and decoded.neighbours_kept is None
    assert "all 12 feature maps are the same" in decoded.notes[0]
    assert space.panel("original").points.any()


def test_equal_pictures_are_said(resnet):
    picture = load("digits").passing(0).image
    same = wb.feature_space(resnet, "layer3", BITS3, load([picture] * 6))
    assert "all 6 feature maps are the same" in same.panel("original").notes[0]


def test_progress_goes_up_and_a_cancel_is_heard(resnet, store):
    seen = []
    wb.feature_space(
        resnet, "layer3", BITS3, samples=20, store=store, progress=lambda *said: seen.append(said)
    )
    shares = [done / total for done, total, what in seen if "t-SNE" in what]
    assert len(shares) == 8 and shares == sorted(shares) and seen[-1][0] == seen[-1][1]

    def stop(done, total, what):
        if what == "t-SNE of decoded features":
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        wb.feature_space(resnet, "layer3", BITS3, samples=20, store=store, progress=stop)


def test_channels_come_by_their_error(resnet, store):
    found = wb.channel_maps(resnet, "layer3", BITS3, samples=60, sample=11, store=store)
    errors = found.errors["decoded"]
    assert (np.diff(errors) <= 0).all() and sorted(found.channels) == list(range(256))
    assert found.original.shape == found.maps["decoded"].shape == (256, 4, 4)
    assert (found.difference("decoded") ** 2).mean((1, 2)) == pytest.approx(errors, rel=1e-4)
    assert (found.name, found.label) == (
        load("digits").sample(60).names[11],
        load("digits").sample(60).labels[11],
    )
    assert found.thumbnail.shape == (32, 32, 3) and found.payload_bytes > 500
    with pytest.raises(InputError, match="there are 60 samples, from 0 to 59"):
        wb.channel_maps(resnet, "layer3", BITS3, samples=60, sample=60, store=store)


def test_collapsed_channels_are_flagged(resnet, monkeypatch):
    real = fidelity_samples.decode

    def flat(payload):
        back = real(payload)
        back[[3, 9]] = 0.25
        return back

    monkeypatch.setattr(fidelity_samples, "decode", flat)
    found = wb.channel_maps(resnet, "layer3", "raw", samples=3)
    varied = {at for at in (3, 9) if np.ptp(found.original[list(found.channels).index(at)])}
    assert varied and set(found.channels[found.collapsed["decoded"]]) == varied


def test_tokens_are_maps_without_their_prefix():
    found = wb.channel_maps("digits-vit", "blocks.2", BITS3, samples=2, sample=1)
    assert found.layout == "tokens" and found.prefix_tokens == 1 and found.original.shape[1:] == (8, 8)
    assert any("prefix" in note for note in found.notes)


def written(image, kind):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def test_awkward_pictures_go_through(resnet):
    """CMYK, 16 bit, with alpha, 1x1 and huge: each becomes RGB at the network's own size."""
    grey = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    files = [
        written(Image.new("CMYK", (40, 30), (0, 90, 200, 10)), "JPEG"),
        written(Image.fromarray(grey), "PNG"),
        written(Image.new("RGBA", (33, 20), (255, 0, 0, 90)), "PNG"),
        written(Image.new("RGB", (1, 1), "blue"), "PNG"),
        written(Image.new("LA", (5, 9), (7, 99)), "PNG"),
        written(Image.new("L", (3000, 2000), 70), "PNG"),
    ]
    report = wb.fidelity(resnet, "layer3", BITS3, files)
    assert report.samples == 6 and np.isfinite(report.path("decoded").distributions["mse"].values).all()
    assert wb.channel_maps(resnet, "layer3", BITS3, files, sample=3).thumbnail.shape == (32, 32, 3)


def test_what_is_cut_short_or_too_large_is_refused(resnet):
    whole = written(Image.effect_noise((64, 64), 60).convert("RGB"), "PNG")
    with pytest.raises(InputError, match="cannot be read as a picture"):
        wb.fidelity(resnet, "layer3", BITS3, [whole[: len(whole) // 2]])
    with pytest.raises(InputError, match=r"100,000,000 pixels; at most 67,108,864 are allowed"):
        wb.fidelity(resnet, "layer3", BITS3, [Image.new("1", (10_000, 10_000))])
