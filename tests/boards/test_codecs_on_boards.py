"""Every codec makes the same bytes on a board as here: by numba there, by numpy where numba is missing."""

import asyncio
import os
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from workbench.boards.session import Burst, open_board
from workbench.boards.sources import codec_sources
from workbench.codecs.base import CODECS
from workbench.errors import WorkbenchError

WITHOUT = (
    "import sys, importlib.util as u\nfind = u.find_spec\n"
    "gone = ('numba', 'msgpack', 'zstandard', 'llvmlite')\n"
    "u.find_spec = lambda name, *rest: None if name in gone else find(name, *rest)\n"
    "class Gone:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        memory = [f for f in sys.meta_path if type(f).__name__ == 'MemorySources']\n"
    "        if name in gone and not any(f.find_spec(name) for f in memory):\n"
    "            raise ModuleNotFoundError('No module named ' + repr(name), name=name)\n"
    "sys.meta_path.insert(0, Gone())"
)


def features():
    draw = np.random.default_rng(7)
    values = np.maximum(draw.normal(size=(16, 48, 48)), 0).astype(np.float32)
    values[0] = 0
    return values


def cases():
    """Each codec with settings that take its different ways through the code."""
    found = [wb.codec("raw"), wb.codec("raw", dtype="float16")]
    found += [wb.codec("uniform", bits=bits) for bits in (1, 3, 4, 8, 11)]
    found += [wb.codec("uniform", bits=4, lossless=way) for way in ("zip", "rans")]
    found += [wb.codec("uniform", bits=12, lossless="rans")]
    names = set(CODECS.names()) - {"raw", "uniform"}
    for name in sorted(names):
        try:
            codec = wb.codec(name).calibrate([features()])
            codec.encode(features())
        except WorkbenchError:
            continue
        if getattr(codec, "exact", True):  # others sum floats in an order that the processor chooses
            found.append(codec)
    return found


@pytest.fixture(scope="module")
def identity():
    from onnx import TensorProto, helper

    shape = [1, 16, 48, 48]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    return model.SerializeToString()


def bytes_there(python, ssh_server, lock, network, codecs):
    """Payloads that a board makes of `features()`, and the way its codecs ran."""

    async def scenario():
        async with ssh_server() as server, open_board(server.board(python=python), lock=lock) as session:
            name, _provider = await session.load_network(network)
            handle = await session.put(features()[None])
            payloads = []
            for codec in codecs:
                coder = await session.load_codec(codec)
                async for part in session.burst(name, handle, coder, runs=1, warmups=0, stall_s=60):
                    if isinstance(part, Burst):
                        payloads.append(await session.fetch_bytes("payload", 10**6))
            return payloads, session.codec_path

    return asyncio.run(scenario())


def test_the_same_bytes_without_numba(odd_python, ssh_server, lock, identity):
    chosen = [codec for codec in cases() if codec.settings().get("lossless") != "zstd"]
    payloads, path = bytes_there(odd_python(WITHOUT), ssh_server, lock, identity, chosen)
    assert path == "numpy"
    for codec, payload in zip(chosen, payloads, strict=True):
        assert payload == codec.encode(features()), codec
    assert len(payloads) >= 8


@pytest.mark.slow
def test_the_same_bytes_with_numba(ssh_server, lock, identity):
    """In memory nothing is kept, so every function is compiled anew."""
    import sys

    chosen = [*cases(), wb.codec("context", mixing=True), wb.codec("onebit", lossless="mixing")]
    payloads, path = bytes_there(sys.executable, ssh_server, lock, identity, chosen)
    assert path == "numba"
    for codec, payload in zip(chosen, payloads, strict=True):
        assert payload == codec.encode(features()), codec


@pytest.mark.skipif("WORKBENCH_OLD_PYTHON" not in os.environ, reason="names no Python 3.8 with onnxruntime")
def test_the_same_bytes_on_python_3_8(ssh_server, lock, identity):
    """``$WORKBENCH_OLD_PYTHON``: the Python of JetPack 5's age, with numpy and onnxruntime, without numba."""
    chosen = [
        codec for codec in cases() if codec.settings().get("lossless") != "zstd" and codec.name != "image"
    ]
    payloads, path = bytes_there(os.environ["WORKBENCH_OLD_PYTHON"], ssh_server, lock, identity, chosen)
    assert path == "numpy"
    for codec, payload in zip(chosen, payloads, strict=True):
        assert payload == codec.encode(features()), codec


def test_sources_are_the_projects_own_and_the_same_each_time():
    import io
    import zipfile
    from pathlib import Path

    import workbench.codecs.raw

    sources = codec_sources((3, 11))
    assert codec_sources((3, 13)) == sources
    with zipfile.ZipFile(io.BytesIO(sources.packed)) as packed:
        text = packed.read("workbench/codecs/raw.py")
        assert text == Path(workbench.codecs.raw.__file__).read_bytes()
        assert not [name for name in packed.namelist() if "torch" in name or "boards" in name]
    assert len(sources.packed) < 2**20


def test_no_types_are_joined_by_a_bar_where_python_3_8_runs_it():
    """Annotations are not run; elsewhere ``int | None`` needs Python 3.10."""
    import ast
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(codec_sources((3, 8)).packed)) as packed:
        texts = {name: packed.read(name).decode() for name in packed.namelist()}
    assert len(texts) > 50
    types = {"int", "float", "str", "bytes", "bool", "tuple", "list", "dict", "set", "type", "None", "Any"}
    for name, text in texts.items():
        tree = ast.parse(text)
        for node in ast.walk(tree):
            for field in ("annotation", "returns"):
                if getattr(node, field, None) is not None:
                    setattr(node, field, None)
        for node in ast.walk(tree):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
                sides = {ast.unparse(side).partition("[")[0] for side in (node.left, node.right)}
                assert not sides & types, f"{name}:{node.lineno}: {ast.unparse(node)}"


def stand_in(name):
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    import workbench.boards.sources as home

    spec = spec_from_file_location("stand_in", Path(home.__file__).parent / "stand_ins" / name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stand_in_msgpack():
    return stand_in("msgpack/msgpack.py")


def test_every_fast_twin_still_fits_its_function():
    """One whose parameters change loses its twin silently: boards without numba become slow, not wrong."""
    from importlib import import_module

    module = stand_in("numba/workbench/codecs/entropy/compiled.py")
    assert module.TWINS
    for (home, name), twin in module.TWINS.items():
        folder = "entropy." if home in ("rans", "context_rans", "neighbourhood") else ""
        function = getattr(import_module(f"workbench.codecs.{folder}{home}"), name).py_func
        assert module.names_of(twin) == module.names_of(function), (home, name)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=300)
    | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20),
    max_leaves=20,
)


@given(plain)
def test_msgpack_stand_in_writes_the_same_bytes(value):
    import msgpack

    assert stand_in_msgpack().packb(value) == msgpack.packb(value)


@pytest.mark.parametrize(
    "value", [0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, -1, -32, -33, -128, -129]
)
def test_msgpack_stand_in_at_every_edge(value):
    import msgpack

    assert stand_in_msgpack().packb([value, "x" * abs(value % 70000)]) == msgpack.packb(
        [value, "x" * abs(value % 70000)]
    )


def test_msgpack_stand_in_refuses_what_msgpack_refuses():
    with pytest.raises(OverflowError):
        stand_in_msgpack().packb(2**64)
    with pytest.raises(TypeError):
        stand_in_msgpack().packb(object())
    assert stand_in_msgpack().packb(0.1) == b"\xcb" + struct.pack(">d", 0.1)


def test_weights_of_a_learned_codec_go_along_and_touch_no_disk(
    odd_python, ssh_server, lock, identity, tmp_path
):
    import json

    from safetensors.numpy import save

    kernel = np.zeros((16, 16, 2, 2), np.float32)
    kernel[range(16), range(16)] = 0.25
    facts = {
        "codec": "refae", "shape": (16, 48, 48), "code_shape": (16, 24, 24), "code": {}, "trained": {},
        "encoder": [{"kind": "conv", "weight": "down", "stride": 2, "padding": 0}],
        "decoder": [{"kind": "transposed", "weight": "up", "stride": 2, "padding": 0, "output_padding": 0}],
    }  # fmt: skip
    path = tmp_path / "weights.safetensors"
    path.write_bytes(save({"down": kernel, "up": np.ceil(kernel)}, {"workbench": json.dumps(facts)}))
    codec = wb.codec("refae", weights=str(path))
    here = codec.encode(features())
    no_open = odd_python(  # the board has another disk
        f"import pathlib\nread = pathlib.Path.read_bytes\n"
        f"def elsewhere(path):\n"
        f"    if str(path) == {str(path)!r}:\n        raise FileNotFoundError(2, 'gone', str(path))\n"
        f"    return read(path)\n"
        f"pathlib.Path.read_bytes = elsewhere"
    )
    payloads, _path = bytes_there(no_open, ssh_server, lock, identity, [codec])
    assert np.allclose(wb.decode(payloads[0]), wb.decode(here), atol=1e-6)
