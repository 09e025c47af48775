"""Parts that are proven to be the network, and parts that are not."""

import subprocess
import sys

import pytest
import torch
from torch import nn

import workbench as wb
from workbench.errors import CutError
from workbench.models import splitting
from workbench.models.parts import edge_part, server_part
from workbench.models.proof import Changed, Different, NotProven, prove

FAMILIES = [
    ("test_resnet", 64),
    ("test_vit", 64),
    ("test_convnext", 64),
    ("test_efficientnet", 64),
    ("test_byobnet", 64),
    ("test_mambaout", 64),
    ("test_nfnet", 64),
    ("swin_tiny_patch4_window7_224", 56),
    ("levit_128s", 64),
    pytest.param("maxvit_pico_rw_256", 64, marks=pytest.mark.slow),
    pytest.param("eva02_tiny_patch14_224", 56, marks=pytest.mark.slow),
    pytest.param("xcit_nano_12_p16_224", 64, marks=pytest.mark.slow),
    ("mixer_s32_224", 64),
    pytest.param("densenet121", 32, marks=pytest.mark.slow),
]


def load(module, side=8):
    return wb.load_model(module, input_size=(3, side, side))


def parts(model, cut):
    cutter = model.cutter
    return [make(cutter, cut, keep_input=False) for make in (edge_part, server_part)]


def cut_called(model, name):
    return next(cut for cut in model.cutter.all_single if name in cut.names)


@pytest.fixture
def proven(monkeypatch):
    """Every network counts as heavy; gives the list of those that had to be run all the same."""
    tried = []
    honest = splitting._tried

    def noted(model, cutter, cut, *counts):
        tried.append((cut.names[0], *counts))
        return honest(model, cutter, cut, *counts)

    monkeypatch.setattr(splitting, "HEAVY_MACS", -1)
    monkeypatch.setattr(splitting, "_tried", noted)
    return tried


@pytest.mark.parametrize(("name", "side"), FAMILIES)
def test_families_are_proven(untrained, proven, name, side):
    model = untrained(name, side)
    points = wb.split_points(model)
    pictures = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(1))
    several = [point for point in wb.split_points(model, several=True) if len(point.shapes) > 1]
    for point in (points[1], points[len(points) // 2], *several[:1]):
        split = wb.split(model, point)
        with torch.no_grad():
            whole = model(pictures)
            answer = split.server_part(split.edge_part(pictures))
        assert (answer - whole).abs().max() <= 2e-5 * whole.abs().max()
    assert proven == []


def without(graph, node):
    """One step is left out."""
    node.replace_all_uses_with(node.args[0])
    graph.erase_node(node)


def first(graph, **wanted):
    return next(node for node in graph.nodes if all(getattr(node, key) == wanted[key] for key in wanted))


class Mixed(nn.Module):
    """Layers of one shape, a difference, a factor, and the batch folded into windows."""

    def __init__(self):
        super().__init__()
        self.mix, self.again, self.last = nn.Linear(12, 12), nn.Linear(12, 12), nn.Linear(192, 3)
        self.act = nn.ReLU()

    def forward(self, x):
        batch = x.shape[0]
        x = x.reshape(batch, 3, 4, 2, 4, 2).permute(0, 2, 4, 3, 5, 1).reshape(batch * 4, 4, 12)
        x = self.mix(x)
        x = torch.sub(self.act(x), self.again(x) * 0.5)
        return self.last(x.reshape(batch, 192))


def leave_out(graph):
    without(graph, first(graph, target="act"))


def swap(graph):
    node = first(graph, target=torch.sub)
    node.args = tuple(reversed(node.args))


def another_factor(graph):
    node = next(node for node in graph.nodes if 0.5 in node.args)
    node.args = tuple(0.25 if arg == 0.5 else arg for arg in node.args)


def another_weight(graph):
    first(graph, target="again").target = "mix"


def a_fixed_batch(graph):
    node = next(node for node in graph.nodes if node.target == "reshape" and 192 in node.args)
    node.args = (node.args[0], 1, 192)


BROKEN = (leave_out, swap, another_factor, another_weight)


def break_by(change, monkeypatch):
    honest = splitting.server_part

    def broken(cutter, cut, *, keep_input):
        part = honest(cutter, cut, keep_input=keep_input)
        part.add_module("mix", cutter.network.get_submodule("mix"))
        change(part.graph)
        part.recompile()
        return part

    monkeypatch.setattr(splitting, "server_part", broken)


@pytest.mark.parametrize("change", BROKEN)
def test_a_wrong_graph_is_not_proven_and_is_refused(proven, monkeypatch, change):
    model = load(Mixed())
    break_by(change, monkeypatch)
    edge = edge_part(model.cutter, cut_called(model, "mix"), keep_input=False)
    server = splitting.server_part(model.cutter, cut_called(model, "mix"), keep_input=False)
    with pytest.raises(Different, match=r"^the expressions differ for pictures of shape \(1, 3, 8, 8\)$"):
        prove(model.module, edge, server, model.input_size)
    with pytest.raises(
        CutError, match="does not give the whole network's answer for one picture: they differ"
    ):
        wb.split(model, "mix")
    assert proven == [("mix", 2, 2)]


def test_an_integer_that_is_right_for_one_picture_only_is_refused(proven, monkeypatch):
    model = load(Mixed())
    break_by(a_fixed_batch, monkeypatch)
    server = splitting.server_part(model.cutter, cut_called(model, "mix"), keep_input=False)
    with torch.no_grad():
        assert server(torch.randn(1, 4, 4, 12)).shape == (1, 3)
    with pytest.raises(
        Different, match=r"^the parts do not run on pictures of shape \(4, 3, 8, 8\), as the netw"
    ):
        prove(model.module, parts(model, cut_called(model, "mix"))[0], server, model.input_size)
    with pytest.raises(
        CutError, match=r"whole network's answer for 2 pictures: shape '\[1, 192\]' is invalid"
    ):
        wb.split(model, "mix")
    assert proven == [("mix", 2, 2)]


def test_rows_in_another_order_are_another_expression():
    model = load(Mixed())
    edge, server = parts(model, cut_called(model, "mix"))
    output = next(node for node in edge.graph.nodes if node.op == "output")
    with edge.graph.inserting_before(output):
        output.args = (edge.graph.call_method("flip", (output.args[0], 0)),)
    edge.recompile()
    with pytest.raises(Different, match=r"^the expressions differ for pictures of shape \(1, 3, 8, 8\)$"):
        prove(model.module, edge, server, model.input_size)


def test_what_is_changed_in_place_is_found_and_guarded(proven):
    model = load(nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), Head(144)))
    edge, server = parts(model, cut_called(model, "1"))
    assert prove(model.module, edge, server, model.input_size) == Changed(pictures=True, features=True)
    split = wb.split(model, "1")
    pictures = torch.randn(2, 3, 8, 8)
    kept = pictures.clone()
    with torch.no_grad():
        features = split.edge_part(pictures)
        sent = features.clone()
        answer = split.server_part(features)
        assert torch.equal(answer, model(kept.clone()))
    assert torch.equal(pictures, kept) and torch.equal(features, sent)
    assert proven == []


class Head(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.last = nn.Linear(width, 2)

    def forward(self, x):
        return self.last(x.flatten(1))


class Draws(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


class Branches(nn.Module):
    def forward(self, x):
        return x if x.abs().max() >= 0 else -x


class Remembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x):
        self.seen.add_(1)
        return x


def with_a_middle(middle):
    return load(nn.Sequential(nn.Conv2d(3, 4, 3), middle, nn.ReLU(), Head(144)))


def test_random_numbers_are_not_proven_and_are_refused(proven):
    model = with_a_middle(Draws())
    with pytest.raises(Different):
        prove(model.module, *parts(model, cut_called(model, "0")), model.input_size)
    with pytest.raises(CutError, match="whole network's answer for one picture: they differ by up to"):
        wb.split(model, "0")
    assert proven == [("0", 2, 2)]


@pytest.mark.parametrize(
    ("middle", "why"),
    [
        (Branches, "it does not run on tensors without values: .*meta tensor"),
        (Remembers, "aten.add_.Tensor changes a weight, a buffer or a constant"),
    ],
)
def test_what_is_not_understood_is_run_all_the_same(proven, middle, why):
    from timm.models import register_notrace_module

    register_notrace_module(middle)
    model = with_a_middle(middle())
    with pytest.raises(NotProven, match=why) as caught:
        prove(model.module, *parts(model, cut_called(model, "0")), model.input_size)
    assert caught.type is NotProven
    split = wb.split(model, "0")
    pictures = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(split.server_part(split.edge_part(pictures)), model(pictures))
    assert proven == [("0", 1, 1)]


def test_a_recurrent_network_is_run(proven):
    class Rows(nn.Module):
        def __init__(self):
            super().__init__()
            self.rows, self.last = nn.LSTM(24, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x):
            return self.last(self.rows(x.transpose(1, 2).flatten(2))[0].mean(1))

    model = load(nn.Sequential(nn.Conv2d(3, 3, 1), Rows()))
    wb.split(model, "0")
    assert proven == [("0", 1, 1)]


def test_a_network_changed_after_it_was_traced_is_refused(proven):
    model = load(Mixed())
    wb.split_points(model)
    model.module.again = nn.Linear(12, 12)
    with pytest.raises(CutError, match="whole network's answer for one picture: they differ by up to"):
        wb.split(model, "mix")


def test_nothing_of_the_network_changes(proven):
    model = load(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), Head(144)))
    before = {
        name: (id(value), value._version) for name, value in model.module.state_dict(keep_vars=True).items()
    }
    split = wb.split(model, "1")
    after = {
        name: (id(value), value._version) for name, value in model.module.state_dict(keep_vars=True).items()
    }
    assert before == after and proven == []
    own = {id(value) for value in model.module.state_dict(keep_vars=True).values()}
    for part in (split.edge_part, split.server_part):
        assert {id(value) for value in part.state_dict(keep_vars=True).values()} < own


def test_a_proof_does_without_symbolic_algebra():
    script = (
        "import sys; sys.modules['triton'] = None; import workbench as wb; "
        "from workbench.models import splitting; splitting.HEAVY_MACS, splitting._tried = -1, None; "
        "model = wb.load_model('resnet18', pretrained=False); points = wb.split_points(model); "
        "wb.split(model, points[5].name); print(len(points), 'sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["14", "False"]
