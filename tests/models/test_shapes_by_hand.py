"""The shapes that are found by hand, against what torch computes with values."""

import subprocess
import sys

import pytest
import torch
from torch.nn import functional

from workbench.models import probe

MAPS = torch.rand(2, 6, 13, 9)
KERNELS = torch.rand(8, 6, 3, 2)
ROWS = torch.rand(2, 5, 4)

CASES = {
    "convolution": lambda maps, kernels, rows: functional.conv2d(
        maps, kernels, stride=(2, 1), padding=(1, 0)
    ),
    "dilated": lambda maps, kernels, rows: functional.conv2d(maps, kernels, dilation=(3, 2)),
    "grouped": lambda maps, kernels, rows: functional.conv2d(maps, kernels[:6, :2], groups=3),
    "one axis": lambda maps, kernels, rows: functional.conv1d(rows, kernels[:, :5, 0], padding=2),
    "transposed": lambda maps, kernels, rows: functional.conv_transpose2d(maps, kernels.transpose(0, 1)),
    "pool": lambda maps, kernels, rows: functional.max_pool2d(maps, 3, stride=2, padding=1),
    "pool by its own width": lambda maps, kernels, rows: functional.max_pool2d(maps, (3, 2)),
    "pool rounded up": lambda maps, kernels, rows: functional.max_pool2d(maps, 2, stride=2, ceil_mode=True),
    "mean": lambda maps, kernels, rows: maps.mean((2, 3)),
    "mean kept": lambda maps, kernels, rows: maps.mean(-1, keepdim=True),
    "mean of another type": lambda maps, kernels, rows: maps.mean(1, dtype=torch.float64),
    "mean of all": lambda maps, kernels, rows: maps.mean(),
    "sum of two": lambda maps, kernels, rows: maps + maps,
    "sum with one for all": lambda maps, kernels, rows: maps + maps.mean((2, 3), keepdim=True),
    "sum with one row for all": lambda maps, kernels, rows: rows + rows[0, 0],
    "sum of one for all and many": lambda maps, kernels, rows: rows[0] + rows,
    "sum of a row and a column": lambda maps, kernels, rows: rows[0, :1] + rows[1, :, :1],
    "sum with one for all in another layout": lambda maps, kernels, rows: rows.mT + rows[0].mT,
    "sum in place": lambda maps, kernels, rows: rows.clone().add_(rows),
    "sum in place with one row for all": lambda maps, kernels, rows: rows.clone().add_(rows[0]),
    "product in place": lambda maps, kernels, rows: rows.clone().mul_(rows.mT.contiguous().mT),
    "sum of three times the second": lambda maps, kernels, rows: torch.add(maps, maps, alpha=3),
    "sum of what overlaps": lambda maps, kernels, rows: rows[:1].expand(3, 5, 4) + rows[:1].expand(3, 5, 4),
    "sum in another layout": lambda maps, kernels, rows: rows + rows.transpose(1, 2).contiguous().mT,
    "product": lambda maps, kernels, rows: rows * rows,
    "matrices": lambda maps, kernels, rows: rows[0] @ rows[1].T,
    "batches of matrices": lambda maps, kernels, rows: rows @ rows.mT,
    "linear": lambda maps, kernels, rows: functional.linear(rows[0], rows[1], rows[0, :, 0]),
    "gelu": lambda maps, kernels, rows: functional.gelu(maps.permute(0, 2, 3, 1)),
    "gelu of every second": lambda maps, kernels, rows: functional.gelu(maps[:, ::2], approximate="tanh"),
    "layer norm": lambda maps, kernels, rows: functional.layer_norm(rows.mT, (5,)),
}


@pytest.mark.parametrize("case", CASES)
def test_shape_layout_and_type_are_those_of_values(case):
    given = [MAPS, KERNELS, ROWS]
    real = CASES[case](*given)
    with torch.no_grad(), probe._FlopCounter():
        shaped = CASES[case](*(tensor.to("meta") for tensor in given))
    assert shaped.device.type == "meta"
    assert (shaped.shape, shaped.stride(), shaped.dtype) == (real.shape, real.stride(), real.dtype)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda maps: functional.conv2d(maps, torch.rand(8, 5, 3, 3, device="meta")),
        lambda maps: functional.conv2d(maps, torch.rand(8, 6, 30, 30, device="meta")),
        lambda maps: functional.max_pool2d(maps, 20),
        lambda maps: functional.max_pool2d(maps, 2, padding=2),
        lambda maps: maps[0, 0] @ maps[0, 0],
        lambda maps: maps + maps[:, :2],
    ],
)
def test_what_does_not_fit_is_still_refused_by_torch(wrong):
    with torch.no_grad(), probe._FlopCounter(), pytest.raises(RuntimeError):
        wrong(MAPS.to("meta"))


def test_cutting_does_without_symbolic_algebra():
    """torch's own shape functions would import it: half a second, and 36 MB for as long as a kernel lives."""
    script = (
        "import sys; sys.modules['triton'] = None; import workbench as wb; "
        "model = wb.load_model('resnet18', pretrained=False); points = wb.split_points(model); "
        "wb.split(model, points[5].name); print(len(points), 'sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["14", "False"]
