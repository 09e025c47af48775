"""The trainer: schedules by hand, early stop, checkpoints that go on exactly, losses that are no number."""

import math

import pytest
import torch
from torch import nn

from workbench.errors import Cancelled, InputError, SettingError, StorageError, WeightsError
from workbench.neural.checkpoint import read_tensors, write_tensors
from workbench.neural.fitting import fit, split_rows
from workbench.neural.plans import Plan

DATA = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
TARGET = DATA @ torch.tensor([[1.0], [2.0], [0.0], [-1.0], [0.5]])


def _network():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 1))


def _loss(network):
    return lambda rows, training: ((network(DATA[rows]) - TARGET[rows]) ** 2).mean()


def _equal(one, other):
    return all(
        torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("schedule", ["plateau", "polynomial"])
def test_training_killed_after_any_epoch_goes_on_to_the_same_weights(tmp_path, schedule):
    plan = Plan(schedule, epochs=6, batch=8, learning_rate=0.05, plateau=0, warmup=2)
    straight = _network()
    expected = fit(straight, _loss(straight), 40, plan, seed=3)
    path = tmp_path / "checkpoint.safetensors"

    def kill(at):
        def progress(done, total, what):
            assert total == 24
            if done == at:
                raise Cancelled("stopped")

        return progress

    for at in (3, 9, 23):  # in the first epoch, in the third, at the last batch
        killed = _network()
        with pytest.raises(Cancelled):
            fit(killed, _loss(killed), 40, plan, seed=3, checkpoint=path, progress=kill(at))
        assert path.exists() == (at > 3)
    resumed = _network()
    calls = []
    curve = fit(
        resumed, _loss(resumed), 40, plan, seed=3, checkpoint=path, progress=lambda *a: calls.append(a)
    )
    assert calls[0][0] == 20  # only the sixth epoch was left
    assert _equal(straight, resumed)
    assert curve.train == expected.train
    assert curve.held_out == expected.held_out
    assert curve.learning_rates == expected.learning_rates


def test_the_curve_can_be_watched_as_it_grows():
    network, seen = _network(), []
    curve = fit(network, _loss(network), 40, Plan(epochs=3, batch=8), watch=seen.append)
    assert [len(one.train) for one in seen] == [1, 2, 3]
    assert seen[-1].held_out == curve.held_out


def test_a_finished_training_is_not_trained_again(tmp_path):
    plan, path = Plan(epochs=2, batch=8), tmp_path / "c.safetensors"
    one, two = _network(), _network()
    fit(one, _loss(one), 40, plan, checkpoint=path)
    calls = []
    fit(two, _loss(two), 40, plan, checkpoint=path, progress=lambda *a: calls.append(a))
    assert calls == []
    assert _equal(one, two)


def test_checkpoint_of_another_training_is_refused_by_what_differs(tmp_path):
    plan, path = Plan(epochs=1, batch=8), tmp_path / "c.safetensors"
    network = _network()
    fit(network, _loss(network), 40, plan, checkpoint=path, identity="digits-resnet layer2")
    with pytest.raises(WeightsError, match="training: 'digits-resnet layer2' there, 'digits-vit' here"):
        fit(network, _loss(network), 40, plan, checkpoint=path, identity="digits-vit")
    with pytest.raises(WeightsError, match="seed: '0' there, '1' here"):
        fit(network, _loss(network), 40, plan, checkpoint=path, seed=1, identity="digits-resnet layer2")


@pytest.mark.parametrize("lacking", ["groups", "state", "network.0.bias", "best.0.bias", "optimiser.0.step"])
def test_a_checkpoint_that_is_not_whole_is_refused(lacking, tmp_path):
    plan, path = Plan(epochs=1, batch=8), tmp_path / "c.safetensors"
    network = _network()
    fit(network, _loss(network), 40, plan, checkpoint=path)
    tensors, facts = read_tensors(path)
    (facts if lacking in facts else tensors).pop(lacking)
    write_tensors(path, tensors, facts)
    with pytest.raises(WeightsError, match=r"c\.safetensors is not whole \(.*\); delete it, and this stage"):
        fit(network, _loss(network), 40, plan, checkpoint=path)


def test_weights_of_the_best_epoch_are_kept_and_patience_ends_it():
    network = nn.Linear(1, 1, bias=False)
    held = []

    def loss(rows, training):
        if training:
            return network.weight.sum()  # pushes the weight down, epoch by epoch
        held.append(network.weight.item())
        return (network.weight.sum() - held[0] + 0.2).abs()

    curve = fit(network, loss, 40, Plan(epochs=50, batch=32, learning_rate=0.1, patience=4, plateau=50))
    assert curve.stopped == "early"
    assert curve.best_epoch == curve.held_out.index(min(curve.held_out)) == 2
    assert len(curve.held_out) == curve.best_epoch + 1 + 4
    assert network.weight.item() == held[2]
    assert not network.training


def test_rate_falls_when_nothing_improves():
    network = nn.Linear(1, 1)

    def loss(rows, training):
        return 1.0 + 0.0 * network.weight.sum()

    plan = Plan(epochs=8, batch=32, learning_rate=0.1, plateau=1, factor=0.1, patience=0)
    rates = fit(network, loss, 40, plan).learning_rates
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 1e-4])


def test_warm_up_and_polynomial_decay_by_hand():
    network, seen = nn.Linear(1, 1), []
    optimiser_rate = Plan(
        "polynomial", epochs=4, batch=16, learning_rate=1.0, warmup=2, power=2.0, patience=0
    )

    class Spy(torch.optim.Adam):
        def step(self, *args):
            seen.append(self.param_groups[0]["lr"])
            return super().step(*args)

    original, torch.optim.Adam = torch.optim.Adam, Spy
    try:
        fit(network, lambda rows, training: network.weight.sum() * 0, 40, optimiser_rate)
    finally:
        torch.optim.Adam = original
    assert seen == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 0.5625, 0.25, 0.0625])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_loss_that_is_no_number_stops_and_keeps_the_last_good_epoch(bad, tmp_path):
    network, path = _network(), tmp_path / "c.safetensors"
    good, calls = _loss(network), []

    def loss(rows, training):
        calls.append(training)
        return good(rows, training) * (bad if calls.count(True) > 9 else 1)

    plan = Plan(epochs=6, batch=8, learning_rate=0.01)
    curve = fit(network, loss, 40, plan, checkpoint=path)
    assert curve.stopped == "not finite"
    assert len(curve.train) == 2  # four batches an epoch: the third epoch broke off
    assert all(torch.isfinite(weight).all() for weight in network.parameters())
    best = read_tensors(path)[0]
    assert torch.equal(network[0].weight, best["best.0.weight"])


def test_held_out_rows_are_a_fifth_and_never_learned_from():
    network, learned, judged = _network(), set(), set()

    def loss(rows, training):
        (learned if training else judged).update(rows.tolist())
        return _loss(network)(rows, training)

    fit(network, loss, 40, Plan(epochs=3, batch=7))
    assert len(judged) == 8
    assert learned == set(range(40)) - judged
    assert {*split_rows(40, Plan(), 0)[1].tolist()} == judged


def test_no_batch_of_one_reaches_batch_norm():
    network, sizes = _network(), []

    def loss(rows, training):
        if training:
            sizes.append(len(rows))
        return _loss(network)(rows, training)

    fit(network, loss, 21, Plan(epochs=1, batch=16))  # 17 to learn from
    assert sizes == [17]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_pictures(count):
    with pytest.raises(InputError, match=f"{count} pictures are too few; at least 3"):
        fit(_network(), lambda rows, training: None, count, Plan())


def test_full_disk_says_so_and_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    write_tensors(path, {"a": torch.ones(2)}, {"n": 1})
    monkeypatch.setattr("pathlib.Path.write_bytes", _no_space)
    with pytest.raises(StorageError, match=r"c\.safetensors .*No space left on device; free some space"):
        write_tensors(path, {"a": torch.zeros(2)}, {"n": 2})
    tensors, facts = read_tensors(path)
    assert torch.equal(tensors["a"], torch.ones(2))
    assert facts == {"n": 1}


def _no_space(self, content):
    raise OSError(28, "No space left on device")


def test_file_that_is_no_checkpoint(tmp_path):
    path = tmp_path / "c.safetensors"
    path.write_bytes(b"\x80\x04K\x01.")  # a pickle
    with pytest.raises(WeightsError, match="must be a safetensors file written by workbench"):
        read_tensors(path)


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"learning_rate": math.nan}, {"schedule": "cosine"}])
def test_wrong_plans(wrong):
    with pytest.raises(SettingError, match=f"training: {next(iter(wrong))} is"):
        Plan(**wrong)
