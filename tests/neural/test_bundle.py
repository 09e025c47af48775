"""Bundles: load anywhere, refused by name where they do not belong, never a pickle."""

import pickle

import pytest
import torch

import workbench as wb
from workbench.errors import StorageError, WeightsError
from workbench.neural import bundle
from workbench.neural.checkpoint import read_tensors, write_tensors
from workbench.neural.learned import codec_of
from workbench.neural.methods import METHODS, method
from workbench.neural.plans import Plan
from workbench.neural.training import Recipe, train

QUICK = Recipe(Plan(epochs=2, batch=16), Plan("polynomial", epochs=2, batch=16, patience=0))


@pytest.fixture(scope="module")
def trained(small_split, coloured):
    return train(method("qcnet-h"), small_split, *coloured, recipe=QUICK, seed=3)


@pytest.fixture
def path(trained, tmp_path):
    bundle.save(trained, tmp_path / "b.safetensors")
    return tmp_path / "b.safetensors"


@pytest.mark.parametrize("name", METHODS)
def test_loaded_again_it_answers_the_same(name, small_split, coloured, tmp_path):
    settings = {"hecs-b": {"measurements": 7}, "qcnet-h": {"compensator": "h-resnet50"}}
    made = train(method(name, **settings.get(name, {})), small_split, *coloured, recipe=QUICK)
    bundle.save(made, tmp_path / "b.safetensors")
    again = bundle.load(tmp_path / "b.safetensors", small_split)
    with torch.no_grad():
        assert torch.equal(again.chain(coloured[0]), made.chain(coloured[0]))
    assert again.method == made.method
    assert again.curves == made.curves
    assert codec_of(again) == codec_of(made)


def test_another_network_split_or_codec_is_refused_by_name(path, small, other_small, small_split):
    with pytest.raises(WeightsError, match="trained for the network 'Small', not 'digits-vit'"):
        bundle.load(path, wb.split(wb.load_model("digits-vit"), "blocks.0"))
    with pytest.raises(WeightsError, match=f"'Small' with other weights .*{other_small.fingerprint}"):
        bundle.load(path, wb.split(other_small, "first"))
    with pytest.raises(WeightsError, match="trained for the split 'first', not 'second'"):
        bundle.load(path, wb.split(small, "second"))
    with pytest.raises(WeightsError, match="trained for the codec 'onebit', not 'uniform'"):
        bundle.load(path, small_split, codec=wb.codec("uniform"))
    assert bundle.load(path, small_split, codec=wb.codec("onebit")).seed == 3


def test_nothing_is_unpickled(small_split, tmp_path):
    class Trap:
        def __reduce__(self):
            return (exec, ("raise SystemExit('unpickled')",))

    path = tmp_path / "b.safetensors"
    path.write_bytes(pickle.dumps({"method": Trap()}))
    with pytest.raises(WeightsError, match="must be a safetensors file"):
        bundle.load(path, small_split)


def test_a_checkpoint_is_no_bundle(small_split, tmp_path):
    write_tensors(tmp_path / "c.safetensors", {"a": torch.zeros(1)}, {"key": {}})
    with pytest.raises(WeightsError, match="no bundle of a trained method"):
        bundle.load(tmp_path / "c.safetensors", small_split)


@pytest.mark.parametrize("fact", ["model", "split", "method", "settings", "shape", "codec", "curves"])
@pytest.mark.parametrize("value", [None, "qcnet-x", [{"n": 3}]])
def test_damaged_descriptions_are_one_error_that_names_the_file(fact, value, path, small_split):
    tensors, facts = read_tensors(path)
    if value is None:
        del facts[fact]
    else:
        facts[fact] = value
    write_tensors(path, tensors, facts)
    with pytest.raises(WeightsError, match=r"b\.safetensors"):
        bundle.load(path, small_split)


def test_weights_that_are_missing_are_named(path, small_split):
    tensors, facts = read_tensors(path)
    del tensors["restorer.body.0.0.weight"]
    write_tensors(path, tensors, facts)
    with pytest.raises(WeightsError, match=r"missing \['restorer\.body\.0\.0\.weight'\]"):
        bundle.load(path, small_split)


def test_it_holds_what_was_learned_and_not_the_edge_part(path):
    tensors, _ = read_tensors(path)
    assert {name.split(".")[0] for name in tensors} == {"crossing", "restorer", "server"}


def test_folder_that_cannot_be_written(trained, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="cannot write"):
        bundle.save(trained, tmp_path / "file" / "b.safetensors")
