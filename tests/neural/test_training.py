"""Methods around a small network: what each stage changes and what it must leave alone, in numbers."""

import copy

import numpy as np
import pytest
import torch

import workbench as wb
from workbench.codecs import decode
from workbench.errors import InputError, SettingError, StorageError, UnknownNameError
from workbench.neural import fitting
from workbench.neural.augment import Augmentation
from workbench.neural.crossing import StraightThrough
from workbench.neural.features import edge_features
from workbench.neural.learned import codec_of
from workbench.neural.measuring import accuracy, closeness, measure
from workbench.neural.methods import METHODS, method
from workbench.neural.plans import Plan
from workbench.neural.training import Recipe, train

QUICK = Recipe(
    Plan(epochs=12, batch=16, learning_rate=5e-3),
    Plan("polynomial", epochs=4, batch=16, learning_rate=5e-3, warmup=1, patience=0),
    Augmentation(0, 0, 0.1),
)
SETTINGS = {"hecs-b": {"measurements": 24}}


def _made(name, split, coloured, labels=True, **options):
    pictures, classes = coloured
    chosen = method(name, **SETTINGS.get(name, {}))
    return train(chosen, split, pictures, classes if labels else None, recipe=QUICK, **options)


def _weights(network):
    return [value.clone() for value in network.state_dict().values()]


def _same(before, after):
    return all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("name", METHODS)
def test_each_method_from_payload_to_answer(name, small_split, coloured):
    """The network itself stays as it was; what the board sends restores to what training saw."""
    whole = _weights(small_split.model.module)
    trained = _made(name, small_split, coloured)
    assert _same(whole, _weights(small_split.model.module))
    assert not any(part.training for part in trained.chain.modules())
    codec, pictures = codec_of(trained), coloured[0][:5]
    with torch.no_grad():
        features = trained.chain.edge(pictures)
        sent = torch.from_numpy(np.stack([decode(codec.encode(one.numpy())) for one in features]))
        received, restored = trained.chain.received(sent), trained.chain.restored(features)
    worst = (received - restored).abs().max() / restored.abs().max()
    assert worst < (0.02 if name == "bottlenet" else 1e-5)  # a JPEG may round otherwise by one grey level
    assert trained.notes == ()


@pytest.mark.parametrize(
    ("name", "changed"),
    [("refbase", {"server"}), ("qcnet-h", {"restorer", "server"}), ("refqat", {"edge", "server"}),
     ("refae", {"coder", "restorer", "server"}), ("hecs-b", {"coder", "crossing", "restorer", "server"})],
)  # fmt: skip
def test_which_parts_learn(name, changed, small_split, coloured):
    chosen = method(name, **SETTINGS.get(name, {}))
    with torch.no_grad():
        samples = small_split.edge_part(coloured[0])
    fresh = chosen.chain(small_split, samples, 0)
    trained = _made(name, small_split, coloured).chain
    for part in ("edge", "coder", "crossing", "restorer", "server"):
        same = _same(_weights(getattr(fresh, part)), _weights(getattr(trained, part)))
        assert same == (part not in changed), part


def test_compensator_beats_plain_levels_without_labels(small_split, coloured):
    recipe = Recipe(Plan(epochs=60, batch=16, learning_rate=5e-3))
    trained = train(method("qcnet-c"), small_split, coloured[0], recipe=recipe)
    found = measure(trained.chain, codec_of(trained), coloured[0])
    assert found.accuracy is None
    assert found.restored.relative_mse < 0.7 * found.plain.relative_mse
    assert found.restored.cosine > found.plain.cosine
    assert [curve.what for curve in trained.curves] == ["qcnet-c, stage 1"]
    assert trained.notes == ("no labels: stage 1 alone was trained, the server part is the network's own",)
    assert _same(_weights(trained.chain.server), _weights(small_split.server_part))


def test_fine_tuning_learns_the_classes(small_split, coloured):
    pictures, labels = coloured
    untrained = accuracy(small_split.model.module, pictures, labels)
    recipe = Recipe(QUICK.reconstruct, Plan("polynomial", 25, 16, 1e-2, warmup=2, patience=0), None)
    chain = train(method("refbase"), small_split, pictures, labels, recipe=recipe).chain
    assert untrained < 0.5
    assert accuracy(chain, pictures, labels) > 0.9


def test_straight_through_is_one_bit_forward_and_the_identity_backward():
    features = torch.tensor([-1.0, 0.1, 0.4, 5.0], requires_grad=True)
    through = StraightThrough(0.2, (-0.5, 2.0))
    made = through(features)
    assert torch.allclose(made, torch.tensor([-0.5, -0.5, 2.0, 2.0]))
    (made * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert features.grad.tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("name", METHODS)
def test_mixed_precision_trains_every_method(name, small_split, coloured, monkeypatch):
    """As on a GPU, with the CPU's own bfloat16: near to single precision, and float32 at the end."""
    exact = _made(name, small_split, coloured)
    used = []

    def mixed():
        used.append(True)
        return torch.autocast("cpu", dtype=torch.bfloat16)

    monkeypatch.setattr(fitting, "_mixed", mixed)
    trained = _made(name, small_split, coloured)
    assert used
    assert {value.dtype for value in trained.chain.parameters()} == {torch.float32}
    for one, other in zip(trained.curves, exact.curves, strict=True):
        assert one.train != other.train
        assert one.held_out[-1] == pytest.approx(other.held_out[-1], rel=0.25)
    with torch.no_grad():
        assert len(codec_of(trained).encode(trained.chain.edge(coloured[0][:1])[0].numpy())) > 0


@pytest.mark.parametrize(
    ("gpu", "has", "mixed"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_gpu_is_used_where_there_is_one_and_mixed_where_it_has_bfloat16(gpu, has, mixed, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: has and not including_emulation
    )
    assert fitting.device() == torch.device("cuda" if gpu else "cpu")
    assert fitting.mixed_precision() is mixed


def test_accuracy_is_computed_where_the_network_is():
    class Elsewhere(torch.nn.Linear):
        def forward(self, pictures):
            assert pictures.device.type == "meta"
            return torch.eye(4)

    pictures, labels = torch.zeros(4, 3, 2, 2), torch.tensor([0, 1, 2, 0])
    assert accuracy(Elsewhere(2, 2, device="meta"), pictures, labels) == 0.75


def test_same_seed_same_weights(small_split, coloured):
    one, two, other = (_made("qcnet-h", small_split, coloured, seed=seed) for seed in (4, 4, 5))
    assert _same(_weights(one.chain), _weights(two.chain))
    assert not _same(_weights(one.chain), _weights(other.chain))


def test_killed_between_the_stages_goes_on(small_split, coloured, tmp_path):
    from workbench.errors import Cancelled

    expected = _made("qcnet-h", small_split, coloured)

    def stop(done, total, what):
        if "stage 2: epoch 3" in what:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        _made("qcnet-h", small_split, coloured, folder=tmp_path, progress=stop)
    seen = []
    resumed = _made("qcnet-h", small_split, coloured, folder=tmp_path, progress=lambda *a: seen.append(a[2]))
    assert not any("stage 1" in what or "epoch 2" in what for what in seen)
    assert _same(_weights(resumed.chain), _weights(expected.chain))


def test_loss_that_is_no_number_is_told(small_split, coloured):
    recipe = Recipe(Plan(epochs=30, batch=16, learning_rate=10.0), QUICK.finetune)
    pictures = coloured[0].clone()
    pictures[7] = 1e25  # its square is more than float32 holds
    trained = train(method("qcnet-c"), small_split, pictures, recipe=recipe)
    assert "loss was no number; the weights are those of before training" in trained.notes[-1]
    assert all(torch.isfinite(weight).all() for weight in trained.chain.server.parameters())


def test_bad_labels(small_split, coloured):
    pictures, labels = coloured
    for wrong, message in (
        (labels[:-1], "60 pictures need as many labels"),
        (labels.float(), r"whole numbers from 0; these are torch\.float32"),
        (torch.zeros(60, dtype=torch.int64), "all labels are 0; fine-tuning on one class"),
        (labels + 1, "label 3 is none of the network's 3 classes"),
    ):
        with pytest.raises(InputError, match=message):
            train(method("refbase"), small_split, pictures, wrong, recipe=QUICK)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            lambda pictures: pictures[:, :1],
            r"takes pictures of 3x8x8, float32; these are of 1x8x8, torch\.float32",
        ),
        (lambda pictures: pictures.repeat(1, 1, 2, 2), "these are of 3x16x16"),
        (lambda pictures: pictures.byte(), r"these are of 3x8x8, torch\.uint8: preprocess them"),
        (lambda pictures: pictures.double(), r"torch\.float64"),
    ],
)
def test_pictures_that_the_network_does_not_take(changed, told, small_split, coloured):
    """A larger picture would train, and give a bundle that says another shape than it holds."""
    with pytest.raises(InputError, match=told):
        train(method("qcnet-h"), small_split, changed(coloured[0]), coloured[1], recipe=QUICK)


def test_labels_of_any_whole_kind(small_split, coloured):
    expected = _made("refbase", small_split, coloured)
    for kind in (torch.int32, torch.uint8):
        made = _made("refbase", small_split, (coloured[0], coloured[1].to(kind)))
        assert _same(_weights(made.chain), _weights(expected.chain))


def test_method_without_stage_one_explains_missing_labels(small_split, coloured):
    with pytest.raises(InputError, match=r"refbase learns from labels alone .* such as qcnet-h"):
        _made("refbase", small_split, coloured, labels=False)


def test_too_few_pictures(small_split, coloured):
    with pytest.raises(InputError, match="1 pictures are too few"):
        train(method("qcnet-h"), small_split, coloured[0][:1])
    with pytest.raises(InputError, match=r"pictures have shape \(3, 8, 8\); \(N, C, H, W\) is needed"):
        train(method("qcnet-h"), small_split, coloured[0][0])
    with pytest.raises(InputError, match="no pictures to learn from; give at least 3, besides those"):
        train(method("qcnet-h"), small_split, coloured[0][:0])


def test_vector_features_say_what_can_take_them(small, coloured):
    vector = wb.split(wb.load_model("digits-vit"), "fc_norm")
    pictures = torch.zeros(4, 3, 32, 32)
    with pytest.raises(InputError, match=r"these can: C$"):
        train(method("qcnet-h"), vector, pictures)
    with pytest.raises(InputError, match="hecs-b and qcnet-c take them"):
        train(method("refae"), vector, pictures)


def test_more_measurements_than_features(small_split, coloured):
    with pytest.raises(InputError, match="385 measurements of 384 features"):
        train(method("hecs-b", measurements=385), small_split, coloured[0])


def test_unknown_methods_and_settings():
    with pytest.raises(UnknownNameError, match="did you mean 'qcnet-h'"):
        method("qcnet_h")
    with pytest.raises(SettingError, match=r"hecs-b cannot be made from {'rows': 3}"):
        method("hecs-b", rows=3)
    with pytest.raises(SettingError, match="hecs-b: measurements is 0"):
        method("hecs-b", measurements=0)


def test_features_on_disk_are_those_in_memory_and_are_computed_once(small_split, coloured, tmp_path):
    pictures = coloured[0].repeat(3, 1, 1, 1)  # more than two batches
    memory = edge_features(small_split.edge_part, pictures)
    disk = edge_features(small_split.edge_part, pictures, folder=tmp_path, key="a", limit_bytes=1000)
    assert (memory.on_disk, disk.on_disk) == (False, True)
    rows = torch.tensor([179, 0, 65])
    assert torch.equal(memory.rows(rows), disk.rows(rows))

    def broken(pictures):
        if len(pictures) > 1:
            raise AssertionError("computed again")
        return small_split.edge_part(pictures)

    broken.parameters = lambda: iter(())
    again = edge_features(broken, pictures, folder=tmp_path, key="a", limit_bytes=1000)
    assert torch.equal(again.rows(rows), memory.rows(rows))
    with pytest.raises(AssertionError, match="computed again"):
        edge_features(broken, pictures, folder=tmp_path, key="another network", limit_bytes=1000)


def test_features_on_a_full_disk(small_split, coloured, tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.open", full)
    with pytest.raises(StorageError, match=r"\(92,160 bytes\): No space left on device"):
        edge_features(small_split.edge_part, coloured[0], folder=tmp_path, limit_bytes=1000)


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda _: b"?", lambda _: b""])
def test_features_whose_file_is_damaged_are_computed_again(damage, small_split, coloured, tmp_path):
    memory = edge_features(small_split.edge_part, coloured[0])
    edge_features(small_split.edge_part, coloured[0], folder=tmp_path, limit_bytes=0)
    (file,) = tmp_path.glob("features-*.npy")
    file.write_bytes(damage(file.read_bytes()))
    again = edge_features(small_split.edge_part, coloured[0], folder=tmp_path, limit_bytes=0)
    assert again.on_disk
    assert torch.equal(again.rows(torch.arange(60)), memory.rows(torch.arange(60)))


def test_features_where_no_folder_can_be(small_split, coloured, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(
        StorageError, match=r"cannot write the features to .*; free some space, choose another"
    ):
        edge_features(small_split.edge_part, coloured[0], folder=tmp_path / "file", limit_bytes=0)


def test_training_from_disk_gives_the_same_weights(small_split, coloured, tmp_path, monkeypatch):
    expected = _made("qcnet-c", small_split, coloured, labels=False)
    monkeypatch.setattr("workbench.neural.features.IN_MEMORY_BYTES", 1000)
    monkeypatch.setitem(edge_features.__kwdefaults__, "limit_bytes", 1000)
    disk = _made("qcnet-c", small_split, coloured, labels=False, folder=tmp_path)
    assert list(tmp_path.glob("features-*.npy"))
    assert _same(_weights(disk.chain), _weights(expected.chain))


def test_closeness_by_hand():
    wanted = np.array([[3.0, 4.0], [1.0, 0.0]])
    got = np.array([[4.0, 3.0], [0.0, 1.0]])
    found = closeness([(wanted, got)])
    assert found.mse == 1.0
    assert found.relative_mse == pytest.approx(1.0 / 2.5)
    assert found.cosine == pytest.approx((24 / 25 + 0) / 2)
    assert found.ssim is None


def test_measured_sizes_are_those_of_real_payloads(small_split, coloured):
    trained = _made("refbase", small_split, coloured)
    codec, pictures = codec_of(trained), coloured[0][:7]
    found = measure(trained.chain, codec, pictures, coloured[1][:7])
    with torch.no_grad():
        sizes = [len(codec.encode(one.numpy())) for one in trained.chain.edge(pictures)]
    assert found.payload_bytes == np.mean(sizes)
    assert found.board_s > 0 < found.server_s


def test_pictures_that_are_not_varied_stay_as_they_are():
    pictures = torch.randn(3, 2, 6, 6)
    assert torch.allclose(Augmentation(0, 0, 0)(pictures), pictures, atol=1e-5)
    moved = copy.copy(pictures)
    varied = Augmentation(10, 0.1, 0.1)(pictures)
    assert torch.equal(moved, pictures)
    assert (varied - pictures).abs().amax((1, 2, 3)).min() > 0.01
