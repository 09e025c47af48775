"""The link: what it adds, and that a slow one is measured as slow."""

import asyncio
import dataclasses

import numpy as np
import pytest

import workbench as wb
from workbench.boards.session import open_board

SHAPE = (1, 25, 32, 32)  # 102,400 bytes as raw float32


@pytest.fixture(scope="module")
def big_relu():
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, SHAPE)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    return model.SerializeToString()


async def wires(board, network, runs, **options):
    async with open_board(board, **options) as session:
        name, _provider = await session.load_network(network)
        given = await session.put(np.ones(SHAPE, np.float32))
        codec = await session.load_codec(wb.codec("raw"))
        await session.start_chain(name, given, codec, warmups=2, stall_s=30)
        steps = [await session.step(most_bytes=200_000, stall_s=30) for _run in range(runs)]
        assert all(step.row.sent_bytes > 100_000 for step in steps)
        return await session.round_trip(), [step.row.wire_s for step in steps]


def test_100_kilobytes_over_loopback(sshd, big_relu, lock):
    """The goal is a median under 5 ms: `workbench bench boards` measures that on a quiet machine."""
    rtt_s, wire_s = asyncio.run(wires(sshd, big_relu, 40, lock=lock))
    assert all(seconds > 0 for seconds in wire_s)
    assert min(wire_s) < 0.1  # nothing waits for anything, however busy the machine is
    assert rtt_s > 0


def test_slow_link_is_measured_as_slow(sshd, big_relu, lock, slow_link):
    async def scenario():
        async with slow_link(sshd.port, bytes_per_s=1_000_000, delay_s=0.02) as link:
            board = dataclasses.replace(sshd, address=f"{sshd.user}@127.0.0.1:{link.port}")
            return await wires(board, big_relu, 4, lock=lock)

    rtt_s, wire_s = asyncio.run(scenario())
    assert 0.04 < rtt_s < 0.5
    expected = 0.04 + 0.1026
    assert 0.9 * expected < min(wire_s) < 2 * expected
