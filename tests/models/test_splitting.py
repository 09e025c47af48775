"""Names of cuts, what a split promises beside equality, and what it refuses."""

import threading

import pytest
import torch
from torch import nn
from torch.nn import functional

import workbench as wb
from workbench.errors import CutError, ModelError, UnknownNameError
from workbench.models import splitting


@pytest.fixture(scope="module")
def resnet():
    return wb.load_model("test_resnet", pretrained=False, input_size=(3, 64, 64))


def load(module, side=8):
    return wb.load_model(module, input_size=(3, side, side))


def names(model, **flags):
    return [point.name for point in wb.split_points(model, **flags)]


def test_points_are_named_by_the_outermost_module_and_come_in_order(resnet):
    found = names(resnet)
    assert [name for name in found if name.startswith("layer")] == ["layer1", "layer2", "layer3", "layer4"]
    assert found.index("conv1") < found.index("layer1") < found.index("global_pool")
    assert "fc" not in found
    assert [point.index for point in wb.split_points(resnet)] == list(range(len(found)))


def test_every_module_that_ends_at_a_cut_names_it(resnet):
    assert wb.split(resnet, "layer2.0").point == wb.split(resnet, "layer2").point
    assert wb.split(resnet, "layer2").point in wb.split_points(resnet)


def test_a_point_of_the_list_can_be_split_at(resnet):
    for point in wb.split_points(resnet, deep=True, several=True)[::9]:
        assert wb.split(resnet, point).point.name == point.name


def test_several_tensors_only_on_request(resnet):
    several = [point for point in wb.split_points(resnet, several=True) if len(point.shapes) > 1]
    with pytest.raises(CutError, match=r"2 tensors cross .* pass several=True"):
        wb.split(resnet, several[0].name)
    split = wb.split(resnet, several[0].name, several=True)
    features = split.edge_part(torch.randn(1, 3, 64, 64))
    assert isinstance(features, tuple) and len(features) == 2


def test_unknown_names_offer_the_nearest(resnet):
    with pytest.raises(UnknownNameError, match=r"no split point 'layer22'; did you mean 'layer2'"):
        wb.split(resnet, "layer22")


def test_the_end_of_the_network_is_no_cut(resnet):
    with pytest.raises(CutError, match="nothing is left to the server"):
        wb.split(resnet, "fc")


def test_weights_are_shared_and_the_server_part_trains(resnet):
    split = wb.split(resnet, "layer2")
    shared = {weight.data_ptr() for weight in resnet.module.parameters()}
    assert {weight.data_ptr() for weight in split.server_part.parameters()} < shared
    with torch.no_grad():
        features = split.edge_part(torch.randn(4, 3, 64, 64))
    features.requires_grad_()
    split.server_part.train()
    before = [weight.detach().clone() for weight in split.server_part.parameters()]
    optimiser = torch.optim.SGD(split.server_part.parameters(), lr=0.1)
    loss = functional.cross_entropy(split.server_part(features), torch.tensor([0, 1, 2, 3]))
    loss.backward()
    optimiser.step()
    assert features.grad.abs().sum() > 0
    after = list(split.server_part.parameters())
    assert all(weight.grad is not None for weight in after)
    assert any(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert not any(module.training for module in resnet.module.modules())
    optimiser.zero_grad(set_to_none=True)


def test_training_changes_the_whole_network_and_splits_still_verify():
    model = load(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    )
    split = wb.split(model, "2")
    with torch.no_grad():
        next(split.server_part.parameters()).add_(1.0)
    pictures = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(split.server_part(split.edge_part(pictures)), model(pictures))
    wb.split(model, "1")


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_batch_size_is_free_where_integers_cross(batch):
    model = wb.load_model("test_vit", pretrained=False, input_size=(3, 64, 64), img_size=64)
    split = wb.split(model, "blocks.1")
    pictures = torch.randn(batch, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(split.server_part(split.edge_part(pictures)), model(pictures), atol=1e-6)


def test_features_survive_an_operator_that_changes_them_in_place():
    model = load(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(144, 2)))
    split = wb.split(model, "0")
    with torch.no_grad():
        features = split.edge_part(torch.randn(2, 3, 8, 8))
        kept = features.clone()
        split.server_part(features)
    assert features.min() < 0
    assert torch.equal(features, kept)


def test_pictures_survive_a_network_that_changes_them_in_place():
    model = load(nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2)))
    pictures = torch.randn(2, 3, 8, 8)
    kept = pictures.clone()
    wb.split(model, "1").edge_part(pictures)
    assert torch.equal(pictures, kept)


def test_a_change_in_place_whose_result_is_not_used_is_not_lost():
    class Careless(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.act, self.last = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 6)

        def forward(self, x):
            x = self.first(x)
            self.act(x)
            return self.last(x).flatten(1)

    model = load(Careless())
    assert names(model) == ["first", "act", "last"]
    for name in names(model):
        wb.split(model, name)


class Windows(nn.Module):
    """The batch is folded into windows, as in Swin, or comes second, as in many language models."""

    def __init__(self, fold):
        super().__init__()
        self.fold, self.mix, self.last = fold, nn.Linear(12, 12), nn.Linear(192, 3)

    def forward(self, x):
        batch = x.shape[0]
        x = x.reshape(batch, 3, 4, 2, 4, 2).permute(0, 2, 4, 3, 5, 1).reshape(batch, 16, 12)
        x = x.reshape(batch * 4, 4, 12) if self.fold else x.transpose(0, 1)
        x = self.mix(x)
        x = x.reshape(batch, 192) if self.fold else x.transpose(0, 1).reshape(batch, 192)
        return self.last(x)


@pytest.mark.parametrize(("fold", "shape"), [(True, (4, 4, 12)), (False, (16, 12))])
def test_the_batch_axis_of_features_comes_first(fold, shape):
    model = load(Windows(fold))
    split = wb.split(model, "mix")
    assert split.point.shape == shape
    pictures = torch.randn(3, 3, 8, 8)
    with torch.no_grad():
        features = split.edge_part(pictures)
        assert features.shape == (3, *shape)
        assert torch.allclose(features[1:2], split.edge_part(pictures[1:2]), atol=1e-6)
        assert torch.allclose(split.server_part(features[2:]), model(pictures[2:]), atol=1e-6)


def test_a_tuple_of_a_tensor_and_integers_ends_a_module():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Conv2d(3, 3, 1)

        def forward(self, x, size):
            return self.mix(x).relu(), (size[0], size[1])

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks, self.last = nn.ModuleList([Block(), Block()]), nn.Linear(192, 2)

        def forward(self, x):
            size = (x.shape[2], x.shape[3])
            for block in self.blocks:
                x, size = block(x, size)
            return self.last(x.reshape(x.shape[0], 3 * size[0] * size[1]))

    model = load(Network())
    assert names(model) == ["blocks.0.mix", "blocks.0", "blocks.1.mix", "blocks.1"]
    for name in names(model):
        wb.split(model, name)


def test_constants_made_on_the_way_belong_to_both_parts():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 2, 8)

        def forward(self, x):
            x = self.first(x) + torch.arange(8.0)
            return self.last(x * torch.full((8,), 0.5)).flatten(1)

    model = load(Shifted())
    assert names(model) == ["first", "last"]
    wb.split(model, "first")


def test_a_network_that_cannot_be_traced_says_which_line_and_what_to_do():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            x = self.first(x)
            if x.mean() > 0:  # the branch
                x = -x
            return x.mean((2, 3))

    model = load(Branches())
    with pytest.raises(CutError, match=r"(?s)if x.mean\(\) > 0.*register_notrace_module"):
        wb.split_points(model)
    assert model(torch.randn(1, 3, 8, 8)).shape == (1, 4)


class Branch(nn.Module):
    """A convolution whose sign depends on the values: torch.fx cannot enter it."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        x = self.mix(x)
        return x if x.abs().max() >= 0 else -x


def test_a_module_that_cannot_be_entered_is_one_step():
    model = load(nn.Sequential(nn.Conv2d(3, 4, 3), Branch(), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)))
    assert names(model) == ["0", "1", "2", "3"]
    for name in names(model):
        wb.split(model, name)
    with pytest.raises(
        CutError, match=r"'1.mix' lies inside '1', which is one step here.*x.abs\(\).max\(\) >= 0"
    ):
        wb.split(model, "1.mix")


def test_a_network_in_which_nothing_can_be_entered_says_why():
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = Branch()

        def forward(self, x):
            return self.body(torch.cat([x, x[:, :1]], 1))

    model = load(Wrapper())
    with pytest.raises(CutError, match=r"cannot be cut: torch.fx cannot follow test_splitting.py, line"):
        wb.split_points(model)


def test_a_network_that_draws_random_numbers_is_refused():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return (self.first(x) + torch.rand_like(self.first(x))).mean((2, 3))

    model = load(Noisy())
    with pytest.raises(CutError, match="does not give the whole network's answer"):
        wb.split(model, wb.split_points(model, deep=True, several=True)[-1])


def test_two_branches_from_the_start_have_no_cut_with_one_tensor():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return (self.left(x) * self.right(x)).mean((2, 3))

    model = load(Two())
    assert names(model) == []
    points = wb.split_points(model, several=True)
    assert [(point.name, len(point.shapes)) for point in points] == [("left", 2), ("right", 2)]
    for point in points:
        wb.split(model, point)


def test_verification_would_notice_a_wrong_part(resnet, monkeypatch):
    honest = splitting.server_part

    def wrong(cutter, cut, *, keep_input):
        part = honest(cutter, cut, keep_input=keep_input)
        return nn.Sequential(part, nn.Hardtanh(-0.01, 0.01))

    monkeypatch.setattr(splitting, "server_part", wrong)
    with pytest.raises(CutError, match="differ by up to"):
        wb.split(resnet, "layer2")


def test_other_threads_may_run_networks_while_one_is_traced():
    busy = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2)).eval()
    pictures, stop, failures = torch.randn(1, 3, 8, 8), threading.Event(), []
    expected = busy(pictures)

    def work():
        while not stop.is_set():
            try:
                if not torch.equal(busy(pictures), expected):
                    failures.append("another answer")
            except Exception as error:
                failures.append(repr(error))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(3):
            wb.split_points(wb.load_model("test_vit", pretrained=False))
    finally:
        stop.set()
        thread.join()
    assert failures == []


def test_only_a_loaded_model_can_be_cut(small):
    with pytest.raises(ModelError, match="a Small cannot be cut as it is; pass what load_model"):
        wb.split_points(small)
    with pytest.raises(ModelError, match="a str cannot be cut"):
        wb.split("digits-resnet", "layer1")


def test_answers_that_are_not_finite_are_compared_too():
    class Diverges(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            x = self.first(x).mean((2, 3))
            return torch.cat([x, x / 0.0, x * float("nan")], 1)

    wb.split(load(Diverges()), "first")


def test_the_advice_for_an_untraceable_network_works():
    from timm.models import register_notrace_module

    @register_notrace_module
    class Branch(nn.Module):
        def forward(self, x):
            return -x if x.mean() > 0 else x

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.branch, self.last = nn.Conv2d(3, 4, 3), Branch(), nn.Conv2d(4, 2, 6)

        def forward(self, x):
            return self.last(self.branch(self.first(x))).flatten(1)

    model = load(Network())
    assert names(model) == ["first", "branch", "last"]
    wb.split(model, "branch")
