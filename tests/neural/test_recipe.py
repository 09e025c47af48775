"""What a recipe may add: varied copies in stage 1, the unsplit network's answers in stage 2. In numbers."""

import dataclasses

import pytest
import torch
from torch.nn import functional

from workbench.errors import Cancelled, InputError, SettingError, WeightsError
from workbench.neural.augment import Augmentation
from workbench.neural.features import edge_features
from workbench.neural.fitting import split_rows
from workbench.neural.methods import METHODS, method
from workbench.neural.plans import Plan
from workbench.neural.training import Recipe, train

RECIPE = Recipe(
    Plan(epochs=3, batch=16, learning_rate=5e-3),
    Plan("polynomial", epochs=3, batch=16, learning_rate=5e-3, warmup=1, patience=0),
    Augmentation(0, 0, 0.1, flip=True),
    copies=2,
    teacher=0.5,
)
STILL = Plan("polynomial", epochs=1, batch=16, learning_rate=1e-9, patience=0)


def _weights(network):
    return [value.clone() for value in network.state_dict().values()]


def _same(before, after):
    return all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("limit", [1000, 2**30])
def test_features_of_copies_follow_those_of_the_pictures(limit, small_split, coloured, tmp_path):
    pictures, edge = coloured[0].repeat(2, 1, 1, 1), small_split.edge_part  # two batches, 64 and 56
    seen = []

    def mirrored(batch):
        seen.append(torch.rand(()).item())
        return batch.flip(-1)

    found = edge_features(edge, pictures, folder=tmp_path, copies=2, vary=mirrored, limit_bytes=limit)
    assert (len(found), found.on_disk) == (360, limit == 1000)
    with torch.no_grad():
        assert torch.allclose(found.rows(torch.tensor([3, 119])), edge(pictures[[3, 119]]), atol=1e-6)
        expected = edge(pictures[[3, 119]].flip(-1))
    for copy in (1, 2):
        rows = found.rows(copy * 120 + torch.tensor([3, 119]))
        assert torch.allclose(rows, expected, atol=1e-6)
    assert len({*seen}) == 4  # every batch of every copy is drawn apart


def test_copies_are_the_same_in_every_call_and_other_copies_are_another_file(small_split, coloured, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    vary = Augmentation(10, 0.1, 0.1)
    one, two = (edge_features(small_split.edge_part, coloured[0], copies=1, vary=vary) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)  # the caller's draws are left alone
    every = torch.arange(120)
    assert torch.equal(one.rows(every), two.rows(every))
    for copies, varied in ((0, None), (1, vary), (2, vary), (1, Augmentation(0, 0, 0.1))):
        edge_features(
            small_split.edge_part, coloured[0], folder=tmp_path, copies=copies, vary=varied, limit_bytes=0
        )
    assert len(list(tmp_path.glob("features-*.npy"))) == 4


def test_stage_one_learns_from_copies_and_holds_out_pictures(small_split, coloured, monkeypatch):
    """Of 60 pictures 48 are learned from, in all three forms; the other 12 are judged as they are."""
    from workbench.neural.features import Features

    learned, judged, whole = set(), set(), Features.rows

    def rows(self, indices):
        (learned if torch.is_grad_enabled() else judged).update(indices.tolist())
        return whole(self, indices)

    recipe = dataclasses.replace(RECIPE, reconstruct=Plan(epochs=25, batch=16), augmentation=Augmentation())
    monkeypatch.setattr(Features, "rows", rows)
    train(method("qcnet-c"), small_split, coloured[0], recipe=recipe)
    taught, held = (part.tolist() for part in split_rows(60, recipe.reconstruct, 0))
    assert judged == {*held}
    learned -= {*held}  # those that the scale was taken from, before
    assert learned == {copy * 60 + row for copy in range(3) for row in taught}


@pytest.mark.parametrize(
    ("name", "sizes"), [("refbase", [16] * 9), ("qcnet-c", [60] * 2 + [16] * 9), ("refqat", [16] * 9)]
)
def test_stage_two_varies_the_pictures_anew_for_every_method(name, sizes, small_split, coloured, monkeypatch):
    """Two copies of all 60 pictures for stage 1 if there is one, then three batches of 16 in three epochs."""
    calls, whole = [], Augmentation.__call__

    def counted(self, pictures):
        calls.append(len(pictures))
        return whole(self, pictures)

    monkeypatch.setattr(Augmentation, "__call__", counted)
    train(method(name), small_split, *coloured, recipe=RECIPE)
    assert calls == sizes


def test_without_copies_or_teacher_nothing_changes(small_split, coloured):
    plain = dataclasses.replace(RECIPE, copies=0, teacher=0.0)
    usual = Recipe(RECIPE.reconstruct, RECIPE.finetune, RECIPE.augmentation)
    one, two = (train(method("qcnet-c"), small_split, *coloured, recipe=made) for made in (plain, usual))
    other = train(method("qcnet-c"), small_split, *coloured, recipe=RECIPE)
    assert _same(_weights(one.chain), _weights(two.chain))
    assert not _same(_weights(one.chain), _weights(other.chain))


@pytest.mark.parametrize("name", ["refbase", "refqat"])
@pytest.mark.parametrize(("teacher", "heat"), [(0.0, 1.0), (0.25, 1.0), (1.0, 1.0), (0.5, 4.0)])
def test_loss_of_stage_two_by_hand(name, teacher, heat, small_split, coloured):
    """Before anything has moved: shares of cross-entropy and of KL(unsplit, split), on the held-out rows."""
    recipe = dataclasses.replace(RECIPE, finetune=STILL, teacher=teacher, temperature=heat)
    trained = train(method(name), small_split, *coloured, recipe=recipe)
    held = split_rows(60, STILL, 0)[1]
    pictures, labels = (part[held] for part in coloured)
    with torch.no_grad():
        given = trained.chain(pictures)
        wanted = (small_split.model.module(pictures) / heat).softmax(1)
        divergence = (wanted * (wanted.log() - (given / heat).log_softmax(1))).sum(1).mean()
    expected = (1 - teacher) * functional.cross_entropy(given, labels) + teacher * heat**2 * divergence
    assert heat**2 * divergence > 1e-4
    assert trained.curves[-1].held_out[0] == pytest.approx(expected.item(), rel=1e-4)


def test_a_teacher_brings_the_answers_nearer_and_needs_no_labels(small_split, coloured):
    pictures, labels = coloured
    whole = _weights(small_split.model.module)

    def distance(chain):
        with torch.no_grad():
            wanted = small_split.model.module(pictures).log_softmax(1)
            return functional.kl_div(
                chain(pictures).log_softmax(1), wanted, log_target=True, reduction="batchmean"
            ).item()

    plan = Plan("polynomial", 20, 16, 5e-3, warmup=2, patience=0)
    recipe = dataclasses.replace(RECIPE, finetune=plan, teacher=1.0, augmentation=None, copies=0)
    fresh = method("refbase").chain(small_split, small_split.edge_part(pictures).detach(), 0)
    trained = train(method("refbase"), small_split, pictures, recipe=recipe)
    classes = train(
        method("refbase"), small_split, pictures, labels, recipe=dataclasses.replace(recipe, teacher=0.0)
    )
    assert distance(trained.chain) < 0.5 * distance(fresh) < distance(classes.chain)
    assert [curve.what for curve in trained.curves] == ["refbase, stage 2"]
    assert trained.notes == ()
    labelled = train(method("refbase"), small_split, pictures, labels, recipe=recipe)
    assert _same(_weights(trained.chain), _weights(labelled.chain))  # it does not look at them
    one_class = train(method("refbase"), small_split, pictures, 0 * labels, recipe=recipe)
    assert _same(_weights(trained.chain), _weights(one_class.chain))
    assert _same(whole, _weights(small_split.model.module))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_takes_copies_and_a_teacher(name, small_split, coloured):
    settings = {"measurements": 24} if name == "hecs-b" else {}
    trained = train(method(name, **settings), small_split, *coloured, recipe=RECIPE)
    stages = 2 if trained.method.reconstructs else 1
    assert [len(curve.train) for curve in trained.curves] == [3] * stages
    assert trained.notes == ()


def test_a_half_teacher_needs_labels(small_split, coloured):
    with pytest.raises(InputError, match=r"refbase learns from labels alone .* \(teacher 1\)"):
        train(method("refbase"), small_split, coloured[0], recipe=RECIPE)
    trained = train(method("qcnet-c"), small_split, coloured[0], recipe=RECIPE)
    assert trained.notes == ("no labels: stage 1 alone was trained, the server part is the network's own",)


def test_killed_in_either_stage_it_goes_on_to_the_same_weights(small_split, coloured, tmp_path):
    expected = train(method("qcnet-c"), small_split, *coloured, recipe=RECIPE)

    def killed(at):
        def progress(done, total, what):
            if at in what:
                raise Cancelled("stopped")

        return progress

    for at in ("stage 1: epoch 3", "stage 2: epoch 2"):
        with pytest.raises(Cancelled):
            train(
                method("qcnet-c"), small_split, *coloured, recipe=RECIPE, folder=tmp_path, progress=killed(at)
            )
    resumed = train(method("qcnet-c"), small_split, *coloured, recipe=RECIPE, folder=tmp_path)
    assert _same(_weights(resumed.chain), _weights(expected.chain))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"copies": 3}, r"stage1.*\(recipe: '2 copies, Augm[^']*' there, '3 copies, Augm[^']*' here\)"),
        ({"copies": 0}, r"stage1.*\(recipe: '2 copies, Augm[^']*' there, '' here\)"),
        (
            {"teacher": 0.75},
            r"stage2.*\(recipe: '[^']*, teacher 0.5 at 1.0' there, '[^']*, teacher 0.75 at 1.0' here\)",
        ),
        ({"temperature": 4}, "stage2.*teacher 0.5 at 1.0' there, .*teacher 0.5 at 4' here"),
        ({"augmentation": Augmentation(0, 0, 0.1)}, "stage1.*flip=True.* there, .*flip=False.* here"),
    ],
)
def test_checkpoint_of_another_recipe_is_refused_by_what_differs(
    changed, told, small_split, coloured, tmp_path
):
    train(method("qcnet-c"), small_split, *coloured, recipe=RECIPE, folder=tmp_path)
    with pytest.raises(WeightsError, match=told):
        train(
            method("qcnet-c"), small_split, *coloured,
            recipe=dataclasses.replace(RECIPE, **changed), folder=tmp_path,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"copies": -1}, "copies is -1; it must be a whole number from 0 to 1000"),
        ({"copies": 1.5}, "copies is 1.5"),
        ({"copies": 2, "augmentation": None}, "2 varied copies of each picture, but no augmentation"),
        ({"teacher": 1.01}, r"teacher is 1.01; it must be a number from 0 \(labels alone\) to 1"),
        ({"teacher": float("nan")}, "teacher is nan"),
        ({"teacher": True}, "teacher is True"),
        ({"teacher": "unsplit"}, "teacher is 'unsplit'"),
        ({"temperature": 0}, "temperature is 0; it must be a number from 0.1 to 100"),
    ],
)
def test_wrong_recipes(wrong, told):
    with pytest.raises(SettingError, match=told):
        Recipe(**wrong)
