"""A board that needs no time, and trials of it; shared by tests of session, panel and figures."""

import threading

from workbench.board_records import BoardRow, BoardSample, BoardTrial
from workbench.boards.statistics import summarise
from workbench.errors import Cancelled
from workbench.experiments.board_store import compared
from workbench.links import link as link_of
from workbench.session.board_work import Place, Point
from workbench.session.work import Entry, Field


def rows(count, edge_s=0.010, wire_s=0.003, spoilt=()):
    return [
        BoardRow(0.1 * at, edge_s, 0.001, wire_s, 0.0005, 0.002, 4000, ("throttled",) if at in spoilt else ())
        for at in range(count)
    ]


def samples(count, hot=()):
    return [BoardSample(0.1 * at, 50.0 + at, 2.4e9, None, None, 4 if at in hot else 0) for at in range(count)]


def trial(board="local", kind="local", weights="trained", count=20, hot=(), cancelled=False, split="b"):
    chain = summarise("split", "chain", rows(count), samples(count + 1, hot), warmup_s=(0.5, 0.01))
    burst_rows = [BoardRow(0.1 * at, 0.009, 0.001, None, None, None, 4000) for at in range(count)]
    burst = summarise("split", "burst", burst_rows, samples(count + 1))
    server_rows = [BoardRow(0.1 * at, None, None, 0.02, 0.001, 0.005, 9000) for at in range(count)]
    server = summarise("all-server", "chain", server_rows, [])
    return BoardTrial(
        board=board,
        kind=kind,
        emulated="this Python runs inside qemu" if kind == "emulated" else "",
        when="2026-01-01T00:00:00+00:00",
        model="digits-resnet",
        weights=weights,
        split=split,
        codec="raw",
        settings={"dtype": "float32", "table": None},
        precision="fp32",
        provider="CPUExecutionProvider",
        codec_path="numba",
        runs=(burst, chain, server),
        facts={"model": "<b>Pi</b>", "memory_bytes": 8e9, "providers": ("A", "B")},
        checks={"same_bytes_as_here": True, "max_abs_difference": 1e-6},
        rtt_s=0.001,
        peak_memory_bytes=200_000_000,
        cancelled=cancelled,
    )


class FakeBench:
    """Gives trials at once, or waits until `wait` is set."""

    def __init__(self):
        self.asked = []
        self.loaded = []
        self.hold = None
        self.error = None
        self.failures = {}
        self.wait = None
        self.began = threading.Event()

    def boards(self):
        return (Place("local", "this machine"), Place("pi5", "pi@host"))

    def networks(self):
        return ("digits-resnet", "digits-vit")

    def codecs(self):
        dtype = Field("dtype", str, "float32", "type", choices=("float32", "float16"))
        return (Entry("raw", "as they are", "", (dtype,)), Entry("uniform", "packed", "", ()))

    def points(self, network, report):
        self.loaded.append(network)
        if self.hold is not None:
            assert self.hold.wait(60)
        report(0, 1, "loading")
        names = "abc" if network == "digits-resnet" else "cde"
        return "trained", tuple(Point(name, 1000 * at) for at, name in enumerate(names, 1))

    def check(self, board):
        return f"{board}: fine"

    def links(self):
        return ("wifi-54", "ble5")

    def compare(self, trials, link):
        return compared(trials, link_of(link))

    def earlier(self):
        return [trial("pi5", "board", split="earlier")]

    def measure(self, wanted, report, heard):
        self.asked.append(wanted)
        if self.error is not None:
            raise self.error
        stopped = False
        for board in wanted.boards:
            heard(board, "split", "chain", rows(6), samples(6))
            self.began.set()
            if self.wait is not None:
                assert self.wait.wait(60)
            try:
                report(board, 6, wanted.runs, "split, chain")
            except Cancelled:
                stopped = True
        return [trial(board, cancelled=stopped) for board in wanted.boards], self.failures
