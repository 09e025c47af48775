"""A board that lies: whatever it says, the client ends with an error of ours, soon and small."""

import asyncio
import json
import random
import tracemalloc

import numpy as np
import pytest

import workbench as wb
from workbench.boards import fields
from workbench.boards.channel import Ending
from workbench.boards.client import AgentClient
from workbench.boards.failures import clean
from workbench.boards.inventory import Board
from workbench.boards.session import BoardSession, Burst
from workbench.boards.wire import MAX_CHATTER, MAX_LINE
from workbench.errors import BoardProtocolError, WorkbenchError

FEATURES = np.random.default_rng(7).normal(size=(3, 4, 4)).astype(np.float32)
PAYLOAD = wb.codec("raw").encode(FEATURES)
SAMPLE = {"t": 0.0, "temperature_c": 50.1, "clock_hz": 2400000000, "throttled": 0}
ROW = [1000, 2_000_000, 300_000, len(PAYLOAD), 0]
FACTS = {"model": "Pi", "cores": 4, "boot_id": "x", "missing": [], "providers": ["CPU"], "now": SAMPLE}


def honest(do):
    """What an agent would answer: a list of (fields, body)."""
    answer = {"kind": "answer"}
    if do in ("hello", "runtime"):
        return [({**answer, "facts": FACTS}, b"")]
    if do == "session":
        return [({**answer, "providers": ["CPUExecutionProvider"], "load_s": 0.1}, b"")]
    if do == "sources":
        return [({**answer, "numba": True, "stand_ins": []}, b"")]
    if do == "run":
        rows = {"kind": "rows", "rows": [ROW] * 3, "samples": [SAMPLE] * 2}
        return [
            (rows, b""),
            ({**answer, "cancelled": False, "warm": [[1, 2]], "watts": 5.0, "peak_memory_bytes": 10**8}, b""),
        ]
    if do == "chain":
        return [({**answer, "sample": SAMPLE, "warm": [[1, 2]]}, b"")]
    if do == "step":
        return [({**answer, "row": ROW, "sample": SAMPLE, "busy_ns": 2_400_000}, PAYLOAD)]
    if do == "sample":
        return [({**answer, "sample": SAMPLE, "peak_memory_bytes": 10**8}, b"")]
    if do == "get":
        return [({**answer, "dtype": "float32", "shape": [3, 4, 4]}, FEATURES.tobytes())]
    return [(answer, b"")]


class Liar:
    """A channel whose far side answers through `twist(do, bytes) -> bytes`."""

    def __init__(
        self, twist, ready=b'{"kind":"ready","id":0,"workbench_agent":1,"pid":7,"python":[3,11,2]}\n'
    ):
        self.twist = twist
        self.incoming = asyncio.Queue()
        self.incoming.put_nowait(ready)
        self.closed = False
        self.started = False

    async def read(self, size):
        return await self.incoming.get()

    async def write(self, *pieces):
        line = bytes(pieces[0])
        if not self.started:
            self.started = True
            return
        if not line.startswith(b"{"):
            return  # the rest of a body
        message = json.loads(line.partition(b"\n")[0])
        if message["do"] in ("ping", "renew", "cancel") and not isinstance(self.twist, Everything):
            said = b"" if message["do"] == "cancel" else line_of({"kind": "answer", "id": message["id"]}, b"")
        else:
            parts = [line_of({**told, "id": message.get("id")}, body) for told, body in honest(message["do"])]
            said = self.twist(message["do"], b"".join(parts))
        if said is None:
            said = b""
        self.incoming.put_nowait(said or b"")

    async def ending(self):
        return Ending(None, None, "\x1b]0;owned\x07 stderr \x00", link_lost=False)

    async def close(self):
        self.closed = True
        self.incoming.put_nowait(b"")


class Everything:
    """Also pings are twisted."""

    def __init__(self, twist):
        self.twist = twist

    def __call__(self, do, said):
        return self.twist(do, said)


def line_of(told, body):
    if body:
        told = {**told, "bytes": len(body)}
    return json.dumps(told).encode() + b"\n" + body


class Impatient(asyncio.SelectorEventLoop):
    """A loop in which nobody waits: where nothing else is to do, its clock jumps to the next alarm.

    A liar's silence then costs no time, and a machine that is busy makes no honest answer late.
    """

    def __init__(self):
        super().__init__()
        self.ahead_s = 0.0
        select = self._selector.select

        def at_once(timeout=None):
            found = select(0)
            if not found and timeout is None:
                return select(None)
            if not found:
                self.ahead_s += timeout
            return found

        self._selector.select = at_once

    def time(self):
        return super().time() + self.ahead_s


def run(work):
    """`asyncio.run` in a loop in which nobody waits."""
    with asyncio.Runner(loop_factory=Impatient) as runner:
        return runner.run(work)


async def use(liar):
    """A whole measurement against it; what it came to."""
    agent = await AgentClient.start(liar, "liar")
    async with agent:
        session = BoardSession(Board("liar", "a@b"), agent)
        await session.learn()
        await session.import_runtime()
        await session.take()
        network, _provider = await session.load_network(b"network")
        given = await session.put(np.zeros((1, 3, 4, 4), np.float32))
        codec = await session.load_codec(wb.codec("raw"))
        async for part in session.burst(network, given, codec, runs=3, warmups=1, stall_s=60):
            assert isinstance(part, Burst) or len(part.rows) <= 3
        await session.start_chain(network, given, codec, warmups=1, stall_s=60)
        for _run in range(3):
            step = await session.step(most_bytes=1000, stall_s=60)
            assert step.row.wire_s >= 0
            wb.decode(step.sent)
        await session.last_sample()
        features = await session.fetch("features", (3, 4, 4))
        assert features.shape == (3, 4, 4)
        await session.fetch_bytes("payload", 1000)
    return "done"


def outcome(liar_of):
    """ "done", or the error of ours that it ended with; anything else is a bug and raises."""

    async def scenario():
        liar = liar_of()
        try:
            return await asyncio.wait_for(use(liar), 3600)
        except WorkbenchError as error:
            return error
        finally:
            assert liar.closed

    return run(scenario())


def test_an_honest_board_is_served():
    assert outcome(lambda: Liar(lambda do, said: said)) == "done"


EVIL = [
    None, True, -1, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", "x" * 1000, "\x1b[2J", [],
    [[]] * 50, {}, {"a": {}}, [None] * 5, [-1] * 5, ["1"] * 5, [1e30] * 5, "__import__('os')", [2**62] * 5, 0,
]  # fmt: skip


def twisted(draw, said):
    """The answer with one or several things wrong."""
    kind = draw.randrange(9)
    if kind == 0 and said:  # bits flipped
        data = bytearray(said)
        for _flip in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        return bytes(data)
    if kind == 1:  # cut short, which then is the end or a silence
        return said[: draw.randrange(len(said) + 1)]
    if kind == 2:
        return said + said
    if kind == 3:
        return draw.randbytes(draw.randrange(2000))
    if kind == 4:
        return said[::-1]
    if kind == 5:
        return b"[" * draw.choice([10, 5000, 60000]) + b"\n" + said
    if kind == 6:
        return (
            draw.choice([b"\n", b"null\n", b"7\n", b'"x"\n', b"{}\n", b'{"id":null}\n', b'{"id":[1]}\n'])
            + said
        )
    line, _newline, body = said.partition(b"\n")
    told = json.loads(line)
    for _change in range(draw.randint(1, 3)):
        key = draw.choice([*told, "bytes", "kind", "id", "code"])
        told[key] = draw.choice(EVIL)
    if kind == 8 and isinstance(told.get("facts"), dict):
        told["facts"] = {name: draw.choice(EVIL) for name in told["facts"]}
    return json.dumps(told).encode() + b"\n" + body


def liar_with(seed, pings):
    draw = random.Random(seed)
    often = draw.choice([0.05, 0.2, 1.0])

    def twist(do, said):
        return twisted(draw, said) if said and draw.random() < often else said

    return lambda: Liar(Everything(twist) if pings else twist)


@pytest.mark.parametrize("pings", [False, True])
@pytest.mark.parametrize("seeds", [range(15), pytest.param(range(15, 120), marks=pytest.mark.slow)])
def test_lies(pings, seeds):
    tracemalloc.start()
    ended = {"done": 0}
    for seed in seeds:
        result = outcome(liar_with(seed, pings))
        name = result if result == "done" else type(result).__name__
        ended[name] = ended.get(name, 0) + 1
        if isinstance(result, WorkbenchError):
            assert "\x1b" not in str(result)
            assert len(str(result)) < 2000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert ended["done"] > 0
    assert ended["BoardProtocolError"] > 5
    assert peak < 64 * 2**20


def test_endless_lines_are_cut_off():
    error = outcome(lambda: Liar(lambda do, said: b"x" * (3 * MAX_LINE)))
    assert type(error) is BoardProtocolError
    assert "a line of more than" in str(error)


def test_bytes_that_were_not_asked_for_are_not_taken():
    error = outcome(lambda: Liar(lambda do, said: said.replace(b'"kind"', b'"bytes": 1000000000, "kind"')))
    assert type(error) is BoardProtocolError
    assert "1000000000 bytes where at most 0 are due" in str(error)


def test_more_rows_than_asked_for():
    def twist(do, said):
        rows, newline, rest = said.partition(b"\n")
        return (rows + newline) * 3 + rest if do == "run" else said

    assert type(outcome(lambda: Liar(twist))) is BoardProtocolError


def test_chatter_without_end_is_cut_off():
    error = outcome(lambda: Liar(lambda do, said: said, ready=b"hello\n" * MAX_CHATTER))
    assert type(error) is BoardProtocolError
    assert ".bashrc" in str(error)


def test_an_agent_of_another_kind():
    error = outcome(lambda: Liar(lambda do, said: said, ready=b'{"workbench_agent": 99, "pid": 1}\n'))
    assert type(error) is BoardProtocolError


@pytest.mark.parametrize("value", EVIL)
def test_fields_that_cannot_be(value):
    for check in (fields.facts, fields.row, fields.sample):
        try:
            check(value)
        except BoardProtocolError:
            continue
    with pytest.raises(BoardProtocolError):
        fields.whole(value if value not in (0,) else -1, "x", 10)


def test_text_of_a_board_is_cleaned():
    assert clean("a\x1b[31mb\nc\u202e\x07d", 20) == "a [31mb c d"
    assert clean("x" * 5000) == "x" * 300
