"""Networks by name, own networks, and every way in which that can go wrong."""

import subprocess
import sys

import pytest
import timm
import torch
from torch import nn

import workbench as wb
from workbench.errors import ModelError, UnknownNameError, WeightsError
from workbench.models import hub


def test_demo_networks_are_listed_first_and_then_all_others():
    entries = wb.models()
    assert [entry.name for entry in entries[:3]] == ["digits-convnext", "digits-resnet", "digits-vit"]
    assert [entry.origin for entry in entries[:3]] == ["demo"] * 3
    count = {origin: sum(entry.origin == origin for entry in entries) for origin in ("timm", "torchvision")}
    assert count["timm"] == len(timm.list_models())
    assert count["torchvision"] > 70


def test_models_are_found_by_a_word_or_a_pattern():
    assert {"digits-resnet", "resnet50", "torchvision/resnet50"} <= {
        entry.name for entry in wb.models("resnet")
    }
    assert all(entry.name.startswith("vit_tiny") for entry in wb.models("vit_tiny*"))
    assert wb.models("nothing-like-this") == ()


def test_the_list_of_demo_networks_imports_neither_torch_nor_timm():
    code = (
        "import sys, workbench as wb; wb.models(origins=('demo',));"
        "print(sorted({'torch', 'timm', 'torchvision'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_random_weights_are_marked_and_the_same_each_time():
    state = torch.random.get_rng_state()
    first, second = (wb.load_model("test_resnet", pretrained=False) for _ in range(2))
    assert first.weights == "random"
    assert "random" in first.weights_note
    assert first.fingerprint == second.fingerprint
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not first.module.training


def test_a_demo_network_can_be_had_with_random_weights():
    assert wb.load_model("digits-resnet", pretrained=False).weights == "random"
    assert wb.load_model("digits-resnet").weights == "trained"


@pytest.mark.parametrize(
    "name", ["resnet18", "torchvision/resnet18", "resnet18.a1_in1k", "hf-hub:timm/resnet18.a1_in1k"]
)
def test_without_a_network_trained_weights_fail_at_once_and_random_ones_are_offered(
    name, monkeypatch, tmp_path
):
    monkeypatch.setattr(hub, "reachable", lambda url: False)
    monkeypatch.setattr(hub, "_fetched_before", lambda *where: False)
    with pytest.raises(
        WeightsError, match=r"cannot be reached from here.*pretrained=False\) for random weights"
    ):
        wb.load_model(name)


def test_weights_that_were_fetched_before_need_no_network(monkeypatch):
    asked = []
    monkeypatch.setattr(hub, "reachable", lambda url: asked.append(url))
    monkeypatch.setattr(hub, "_fetched_before", lambda *where: True)
    from huggingface_hub import constants

    def build():
        assert constants.HF_HUB_OFFLINE
        return "network"

    before = constants.HF_HUB_OFFLINE
    assert hub.fetch(build, "x", "timm/x", None, None) == "network"
    assert before == constants.HF_HUB_OFFLINE
    assert asked == []


def test_a_host_that_does_not_answer_is_given_up_soon():
    assert not hub.reachable("http://127.0.0.1:9", patience_s=0.5)
    assert not hub.reachable("https://no-such-host.invalid", patience_s=0.5)


def test_whatever_goes_wrong_while_fetching_becomes_one_message(monkeypatch):
    monkeypatch.setattr(hub, "reachable", lambda url: True)
    monkeypatch.setattr(hub, "_fetched_before", lambda *where: False)

    def build():
        raise OSError("404 not found")

    with pytest.raises(WeightsError, match=r"OSError: 404 not found.*pretrained=False"):
        hub.fetch(build, "resnet18", "timm/resnet18", None, None)


def test_timm_names_without_trained_weights_say_so():
    with pytest.raises(WeightsError, match="timm has no trained weights for cs3darknet_s"):
        wb.load_model("cs3darknet_s")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("resnet5", "resnet50"),
        ("digit-resnet", "digits-resnet"),
        ("torchvision/resnt50", "torchvision/resnet50"),
    ],
)
def test_unknown_names_offer_the_nearest(name, near):
    with pytest.raises(UnknownNameError, match="did you mean") as caught:
        wb.load_model(name)
    assert near in caught.value.nearest
    assert len(str(caught.value)) < 300


def test_an_unknown_tag_offers_the_tags_of_that_network():
    with pytest.raises(UnknownNameError) as caught:
        wb.load_model("resnet50.a9_in1k")
    assert "resnet50.a1_in1k" in caught.value.known


def test_what_is_no_name_and_no_module():
    with pytest.raises(ModelError, match="not a int"):
        wb.load_model(7)


def test_arguments_that_the_network_does_not_take():
    with pytest.raises(ModelError, match=r"cannot be built with these arguments.*colour"):
        wb.load_model("test_resnet", pretrained=False, colour="red")


def test_a_name_that_only_torchvision_has():
    model = wb.load_model("squeezenet1_1", pretrained=False)
    assert (model.name, model.origin, model.input_size) == (
        "torchvision/squeezenet1_1",
        "torchvision",
        (3, 224, 224),
    )
    assert len(wb.split_points(model)) > 10


def test_classes_make_the_head():
    model = wb.load_model("test_vit", pretrained=False, classes=["cat", "dog"])
    assert model(torch.zeros(1, *model.input_size)).shape == (1, 2)
    assert model.classes == ("cat", "dog")


def test_imagenet_networks_know_their_classes_by_different_names():
    classes = wb.load_model("test_resnet", pretrained=False).classes
    assert classes[0] == "tench"
    assert len(classes) == len(set(classes)) == 1000


def test_another_size_of_pictures():
    model = wb.load_model("vit_tiny_patch16_224", pretrained=False, input_size=(1, 96, 64))
    assert model.input_size == (1, 96, 64)
    assert len(model.mean) == 1
    assert model(torch.zeros(2, 1, 96, 64)).shape == (2, 1000)


class TestOwnModule:
    def test_it_is_left_as_it_was_found(self, small):
        small.train()
        small.second.eval()
        seen = []
        small.act.register_forward_hook(lambda *call: seen.append(1))
        small.first.weight.grad = torch.ones_like(small.first.weight)
        modes = [module.training for module in small.modules()]
        keys = sorted(vars(small))
        model = wb.load_model(small, input_size=(3, 8, 8))
        wb.split(model, "act")
        assert [module.training for module in small.modules()] == modes
        assert torch.equal(small.first.weight.grad, torch.ones_like(small.first.weight))
        assert len(small.act._forward_hooks) == 1
        assert sorted(vars(small)) == keys
        assert not model.module.training

    def test_its_weights_are_shared(self, small):
        model = wb.load_model(small, input_size=(3, 8, 8))
        split = wb.split(model, "act")
        assert split.edge_part.first.weight is small.first.weight

    def test_what_its_weights_are_is_what_its_owner_says(self, small):
        said = {
            said: wb.load_model(small, input_size=(3, 8, 8), pretrained=said).weights
            for said in (None, True, False)
        }
        assert said == {None: "own", True: "trained", False: "random"}

    def test_it_needs_the_size_of_its_pictures(self, small):
        with pytest.raises(ModelError, match=r"input_size=\(C, H, W\)"):
            wb.load_model(small)

    def test_a_module_of_timm_knows_its_pictures(self):
        model = wb.load_model(timm.create_model("test_resnet"))
        assert model.input_size == (3, 160, 160)
        assert model.mean == (0.5, 0.5, 0.5)

    def test_the_wrong_size_says_so(self):
        with pytest.raises(ModelError, match=r"does not run on a picture of shape \(3, 7, 7\)"):
            wb.load_model(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), input_size=(3, 7, 7))

    def test_too_few_names_of_classes(self, small):
        with pytest.raises(ModelError, match="gives 5 answers, but classes names 2"):
            wb.load_model(small, input_size=(3, 8, 8), classes=["cat", "dog"])

    def test_a_module_that_cannot_be_copied(self, small):
        import threading

        small.lock = threading.Lock()
        with pytest.raises(ModelError, match="cannot be copied"):
            wb.load_model(small, input_size=(3, 8, 8))

    @pytest.mark.parametrize(
        ("wish", "message"),
        [
            ({"input_size": (3, 8)}, "allowed: .C, H, W."),
            ({"input_size": (2, 8, 8)}, "C 1 or 3"),
            ({"input_size": (3, 8, 8), "mean": (0.5, 0.5)}, "one number for each of the 3 channels"),
            ({"input_size": (3, 8, 8), "mean": "half"}, "a number, or one for each channel"),
            ({"input_size": (3, 8, 8), "std": 0}, "above zero"),
            ({"input_size": (3, 8, 8), "std": float("nan")}, "finite"),
            ({"input_size": (3, 8, 8), "classes": ["a", "a", "b", "c", "d"]}, "each needs its own"),
        ],
    )
    def test_wishes_that_cannot_be_met(self, small, wish, message):
        with pytest.raises(ModelError, match=message):
            wb.load_model(small, **wish)


class TestFactory:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        code = (
            "from torch import nn\n"
            "def plain(width=4):\n    return nn.Sequential(nn.Conv2d(3, width, 3), nn.Flatten())\n"
            "def fails():\n    raise KeyError('no config')\n"
            "number = 3\n"
        )
        (tmp_path / "own_networks.py").write_text(code)
        monkeypatch.chdir(tmp_path)
        yield tmp_path
        sys.modules.pop("own_networks", None)

    def test_from_the_working_folder_or_a_file(self, folder):
        before = list(sys.path)
        by_name = wb.load_model("own_networks:plain", input_size=(3, 8, 8), width=6)
        by_file = wb.load_model(f"{folder}/own_networks.py:plain", input_size=(3, 8, 8))
        assert by_name(torch.zeros(1, 3, 8, 8)).shape == (1, 6 * 36)
        assert by_file(torch.zeros(1, 3, 8, 8)).shape == (1, 4 * 36)
        assert sys.path == before

    def test_what_can_be_wrong_with_it(self, folder):
        for name, error, message in [
            ("own_networks:plan", UnknownNameError, "did you mean 'plain'"),
            ("own_networks:fails", ModelError, "failed with KeyError: 'no config'"),
            ("own_networks:number", ModelError, "'int' object is not callable"),
            ("no_such_package.models:make", ModelError, "cannot be imported"),
            ("missing.py:make", ModelError, "no file"),
        ]:
            with pytest.raises(error, match=message):
                wb.load_model(name, input_size=(3, 8, 8))


def test_the_fingerprint_follows_the_weights(small):
    model = wb.load_model(small, input_size=(3, 8, 8))
    before = model.fingerprint
    assert model.fingerprint == before
    with torch.no_grad():
        small.head.bias[0] += 1
    assert model.fingerprint != before
    with torch.no_grad():
        small.head.bias[0] -= 1
    other = wb.load_model(small, input_size=(3, 8, 8), mean=0.5)
    assert other.fingerprint != before
