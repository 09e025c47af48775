"""Training that needs no time; shared by tests of session and panel."""

import threading

from workbench.codec_records import Claim
from workbench.errors import SettingError, WorkbenchError
from workbench.neural.comparing import summarise
from workbench.records import Closeness, LossCurve, Reached, Tried
from workbench.session.board_work import Point
from workbench.session.training_work import Earlier, Kept, MethodEntry, Shown


def curve(what, epochs):
    losses = tuple(1 / (1 + at) for at in range(epochs))
    return LossCurve(what, losses, losses, (1e-3,) * epochs, epochs - 1, 0.1 * epochs, "finished")


def reached(method, seed=0, accuracy=0.9, split="b"):
    near = Closeness(0.1, 0.05, 0.98, 0.9)
    return Reached(
        "digits-resnet", split, method, seed, 450, accuracy, 0.99, None if accuracy is None else 0.8,
        100.0, near, None, 0.001, 0.002, 10, 20,
    )  # fmt: skip


def tried(number, accuracy=0.9):
    return Tried(number, "H", f"n={1 + number}", 0.1, accuracy, 1000 * (1 + number), 0.002, number == 0)


class FakeTrainer:
    """Answers at once; waits at the second method while `hold` is set and not released."""

    def __init__(self):
        self.asked = []
        self.error = None
        self.began, self.release = threading.Event(), threading.Event()
        self.hold = False
        self.damaged = []

    def networks(self):
        return ("digits-resnet", "other")

    def methods(self):
        known = [MethodEntry(name, f"what {name} is") for name in ("refbase", "qcnet-h", "hecs-b")]
        return (*known, MethodEntry("float-server", "what is sent as it is", control=True))

    def points(self, network, report):
        report(0, 1, f"loading {network}")
        names = ("a", "b", "c") if network == "digits-resnet" else ("x", "y")
        return "trained", tuple(Point(name, 4096) for name in names)

    def place(self):
        return "CPU, 1 threads"

    def train(self, wanted, report, heard, made, kept):
        self.asked.append(wanted)
        if self.error:
            raise SettingError(self.error)
        for seed in range(wanted.seeds):
            for method in wanted.methods:
                if self.hold and method != wanted.methods[0]:
                    self.began.set()
                    while not self.release.wait(0.01):
                        report(1, 9, f"{method}, stage 1")
                for epochs in (1, 2):
                    report(epochs, 9, f"{method}, stage 1")
                    heard(curve(f"{method}, stage 1", epochs))
                share = 0.9 + 0.02 * seed if wanted.labels else None
                made(reached(method, seed, share, wanted.split))
                name = f"{wanted.network}-{wanted.split}-{method}-{seed}"
                weights = f"/own/{name}-codec.safetensors" if method == "hecs-b" else ""
                kept(Kept(method, seed, name, f"/own/{name}.safetensors", weights))

    def search(self, wanted, candidates, report, found):
        self.asked.append((wanted, candidates))
        if self.error:
            raise SettingError(self.error)
        for done in range(candidates):
            report(done, candidates, "search")
            found(tuple(tried(number) for number in range(done + 1)))

    def summarise(self, found):
        return summarise(found)

    def earlier(self, damaged):
        for text in self.damaged:
            damaged(WorkbenchError(text))
        claim = Claim("QCNet", "ahead of <b>", "abstract", "it is", "c", "tied", None)
        return (
            Earlier(
                "digits-resnet", "c", 0.99, summarise([reached("refae")]), (claim,),
                (tried(0, 0.7), tried(1, 0.6)), "taken with other work running", ("workbench train <c>",),
                "taken in peace", "workbench train --search <s>",
            ),
            Earlier("own", "d", 0.8, summarise([reached("qcnet-h", 0, 0.7), reached("qcnet-h", 1, 0.9)])),
            Earlier("own", "e", 0.8, summarise([reached("qcnet-h"), reached("float-server")])),
            Earlier("digits-resnet", "b", None, (), tried=(tried(0, 0.7),)),
        )  # fmt: skip

    def hecs(self, damaged):
        recoveries = {"hecs": ((2, 0.5, 0.1), (4, 0.25, 0.0)), "lasso": ((2, 0.9, 0.0), (4, 0.8, 0.0))}
        rates = {"hecs-b": ((10.0, 0.9),), "jpeg": ((600.0, 0.95),)}
        told = (("error against m", "python -m <recovery>"), ("accuracy against bytes", "python -m rate"))
        return Shown(recoveries, rates, told)
