"""timm without torch's compiler: what is not loaded, and that the real one comes when it is asked for."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import workbench as wb

model = wb.load_model("digits-resnet")
wb.split(model, wb.split_points(model)[1].name)
print([name for name in ("torch._dynamo", "torch._inductor", "sympy") if name in sys.modules])
wb.split_points(wb.load_model("test_vit", pretrained=False))
wb.split_points(wb.load_model("resnet18", pretrained=False))
print([name for name in ("torch._dynamo", "torch._inductor") if name in sys.modules])

import torch
from workbench.models.libraries import without_compiler

def double(x):
    return 2 * x

with without_compiler():
    import torch._dynamo
    before = torch._dynamo.disable(double)
    by_options = torch._dynamo.disable(recursive=False)(double)
assert "torch._dynamo" not in sys.modules
assert before(3) == by_options(3) == 6 and before.__name__ == "double"
assert "torch._dynamo" not in sys.modules

with without_compiler():
    from torch._dynamo.utils import counters, is_compile_supported
assert type(counters).__name__ == "defaultdict"
import torch._dynamo
assert torch._dynamo.__file__ and torch._dynamo.disable is not None
assert is_compile_supported("cpu") == torch._dynamo.utils.is_compile_supported("cpu")

compiled = torch.compile(lambda x: before(x) + 1, backend="eager", fullgraph=False)
assert compiled(torch.ones(2)).tolist() == [3.0, 3.0]
try:
    torch.compile(lambda x: before(x) + 1, backend="eager", fullgraph=True)(torch.ones(2))
except Exception as error:
    print("kept out" if "disable" in str(error) else error)
else:
    print("compiled what was to be kept out")
"""


@pytest.mark.slow  # loads the compiler
def test_networks_need_no_compiler_and_whoever_asks_for_it_gets_the_real_one():
    """A process of its own: here a compiler may be loaded already."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "[]", "kept out"]
