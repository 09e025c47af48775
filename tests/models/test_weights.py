"""Weights from files: what loads, and what the message says when it does not."""

import pytest
import torch
from safetensors.torch import save_file

import workbench as wb
from workbench.errors import WeightsError
from workbench.models.weights import put_weights, read_weights

SIZE = (3, 8, 8)


@pytest.fixture
def trained(small):
    """The small network's state with other numbers in it."""
    return {key: torch.randn_like(value) for key, value in small.state_dict().items()}


def load(small, path):
    return wb.load_model(small, weights=path, input_size=SIZE)


@pytest.mark.parametrize("wrap", ["plain", "state_dict", "model", "module.", "_orig_mod.module."])
def test_checkpoints_as_people_save_them(small, trained, tmp_path, wrap):
    path = tmp_path / "weights.pth"
    if wrap in ("state_dict", "model"):
        torch.save({wrap: trained, "epoch": 7}, path)
    else:
        torch.save({("" if wrap == "plain" else wrap) + key: value for key, value in trained.items()}, path)
    model = load(small, path)
    assert all(torch.equal(value, trained[key]) for key, value in model.module.state_dict().items())
    assert (model.weights, model.weights_note) == ("trained", "from weights.pth")


def test_safetensors_with_and_without_the_name(small, trained, tmp_path):
    for name in ("weights.safetensors", "weights.bin"):
        save_file(trained, tmp_path / name)
        assert torch.equal(load(small, tmp_path / name).module.first.weight, trained["first.weight"])


def test_the_module_itself_keeps_its_weights(small, trained, tmp_path):
    save_file(trained, tmp_path / "weights.safetensors")
    before = small.first.weight.clone()
    load(small, tmp_path / "weights.safetensors")
    assert torch.equal(small.first.weight, before)


def test_a_named_network_takes_a_file_too(tmp_path):
    donor = wb.load_model("test_resnet", pretrained=False)
    state = {key: value + 1 for key, value in donor.module.state_dict().items()}
    save_file(state, tmp_path / "weights.safetensors")
    model = wb.load_model("test_resnet", weights=tmp_path / "weights.safetensors")
    assert model.weights == "trained"
    assert model.fingerprint != donor.fingerprint


def test_keys_that_do_not_fit_are_named(small, trained):
    del trained["second.bias"]
    trained["third.weight"] = torch.zeros(1)
    trained["head.weight"] = torch.zeros(7, 4)
    before = {key: value.clone() for key, value in small.state_dict().items()}
    with pytest.raises(WeightsError) as caught:
        put_weights(small, trained, "file.pt", "small")
    text = str(caught.value)
    assert "1 missing (second.bias)" in text
    assert "1 unexpected (third.weight)" in text
    assert "1 of another shape (head.weight is (7, 4) in the file and (5, 4) in the network)" in text
    assert "num_classes" in text
    assert all(torch.equal(value, before[key]) for key, value in small.state_dict().items())


def test_a_long_list_of_keys_is_cut_short(small):
    with pytest.raises(WeightsError, match=r"60 unexpected \(a0, a1, a2 and 57 more\)"):
        put_weights(small, {f"a{at}": torch.zeros(1) for at in range(60)}, "file.pt", "small")


def test_weights_that_are_not_finite(small, trained):
    trained["first.weight"][0, 0, 0, 0] = float("nan")
    with pytest.raises(WeightsError, match=r"first\.weight holds nan or inf"):
        put_weights(small, trained, "file.pt", "small")


def test_counters_of_batch_norm_may_be_missing():
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(2))
    state = {key: value + 1 for key, value in network.state_dict().items() if "num_batches" not in key}
    put_weights(network, state, "file.pt", "network")
    assert network[0].running_mean.tolist() == [1.0, 1.0]


class Surprise:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code ran while weights were read')",))


def test_a_file_that_would_run_code_is_not_opened(tmp_path):
    torch.save({"state_dict": {}, "args": Surprise()}, tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match="can run code"):
        read_weights(tmp_path / "weights.pt")


@pytest.mark.parametrize(
    "content", [b"", b"not weights at all", b"\x10\x00\x00\x00\x00\x00\x00\x00{broken", b"PK\x03\x04xx"]
)
@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_damaged_files(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=name):
        read_weights(tmp_path / name)


def test_truncated_files(small, trained, tmp_path):
    save_file(trained, tmp_path / "weights.safetensors")
    torch.save(trained, tmp_path / "weights.pt")
    for path in (tmp_path / "weights.safetensors", tmp_path / "weights.pt"):
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(WeightsError, match=path.name):
            read_weights(path)


def test_a_file_without_tensors(tmp_path):
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match=r"holds a dict with the keys epoch, loss, and no tensors"):
        read_weights(tmp_path / "weights.pt")


def test_no_such_file(tmp_path):
    with pytest.raises(WeightsError, match="there is no weights file"):
        read_weights(tmp_path / "nothing.pt")
