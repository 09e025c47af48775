"""Work that answers at once from nothing but the choice, and counts what it was asked."""

import hashlib

import pytest

from workbench.codec_records import (
    Claim,
    EntropyCurve,
    RateCurves,
    RateLine,
    RatePoint,
    Search,
    Side,
    SideBySide,
    SymbolHistogram,
)
from workbench.errors import InputError, SettingError, UnknownNameError
from workbench.records import (
    Answer,
    CutProfile,
    Description,
    Latency,
    Part,
    Quantity,
    ReshapeCurve,
    ReshapePoint,
    SplitPoint,
    Trial,
)
from workbench.session import AtOnce, Explorer
from workbench.session.work import Entry, Field, Network, Thumbnail

CODECS = (
    Entry("raw", "as it is", "", ()),
    Entry(
        "rans-csr",
        "the paper's",
        "",
        (
            Field("bits", int, 4, "bits a value", symbol="Q", minimum=1, maximum=8),
            Field("rows", int, "algorithm1", "rows", minimum=1, choices=("algorithm1", "exact")),
        ),
    ),
)
LINKS = (
    Entry("lte-cat4", "LTE", "3GPP", (Field("rtt_s", float, 0.0, "round trip", unit="s", minimum=0.0),)),
    Entry("ble5", "Bluetooth", "", ()),
)


def quantity(value, unit="s"):
    return Quantity(value, unit, "measured", "here")


class FakeWork:
    """Numbers follow from the choice, so that a change must be seen in them."""

    def __init__(self):
        self.asked = []
        self.broken = {}
        self.during = None

    def codecs(self):
        return CODECS

    def links(self):
        return LINKS

    def networks(self):
        return ("digits-resnet", "digits-vit")

    def more_networks(self, report):
        self._ask("more_networks", report)
        return ("digits-resnet", "digits-vit", "resnet18")

    def network(self, choice, report):
        self._ask("network", report)
        if choice.network not in ("digits-resnet", "digits-vit", "resnet18"):
            raise UnknownNameError("network", choice.network, self.networks())
        points = tuple(
            SplitPoint(f"stages.{index}", index, ((8, 4, 4),), 10 + 10 * index, 40 - 10 * index, 5, 5, 4096)
            for index in range(4)
        )
        weights = "random" if choice.pretrained is False else "trained"
        profile = CutProfile(choice.network, points, (3, 32, 32), quantity(700.0, "bytes"))
        return Network(choice.network, weights, f"{weights} weights", profile)

    def gallery(self, choice, report):
        self._ask("gallery", report)
        return tuple(
            Thumbnail(f"{choice.source or 'digits'}/{index}", f"digit {index}", str(index), b"png")
            for index in range(3)
        )

    def add_picture(self, name, content):
        if content == b"no picture":
            raise InputError(f"{name} is no picture")
        return Thumbnail(f"upload/{name}", name, None, content)

    def trial(self, choice, report):
        self._ask("trial", report)
        return self._trial(choice, 1)

    def many(self, choice, report):
        self._ask("many", report)
        return self._trial(choice, 64)

    def reshape(self, choice, report):
        self._ask("reshape", report)
        bits = choice.settings.get("bits", 4)
        point = ReshapePoint(8, 16, 30, 68, 16, bits - 1.0, 68 * (bits - 1.0) / 8, 20)
        return ReshapeCurve(128, bits, (point,), 8, 8, (8,))

    def told(self):
        return (("edge part", True, 0.0), ("codec", False, 0.0123))

    def _ask(self, what, report):
        self.asked.append(what)
        report(0, 1, what)
        if self.during is not None:
            self.during(what, report)
        if what in self.broken:
            raise self.broken[what]

    def _trial(self, choice, samples):
        # stable in every process, unlike hash()
        digest = hashlib.sha256(repr((choice, samples)).encode()).digest()
        nbytes = 100 + digest[0] + 256 * digest[1]
        latency = Latency(
            quantity(0.001), quantity(0.002), quantity(nbytes / 1e6), quantity(0.001), quantity(0.003),
            quantity(0.007 + nbytes / 1e6),
        )  # fmt: skip
        description = Description(
            choice.codec, dict(choice.settings), (8, 4, 4), "float32", 40, nbytes - 40,
            (Part("header", 40, "what it says about itself"), Part("words", nbytes - 40, "the symbols")),
            shannon_bytes=nbytes * 0.9,
        )  # fmt: skip
        quantities = {
            "payload_bytes": quantity(nbytes, "bytes"),
            "raw_bytes": quantity(512.0, "bytes"),
            "times_smaller": quantity(512 / nbytes, "×"),
            "mse": quantity(0.01, ""),
            "cosine": quantity(0.99, ""),
            "bits_per_element": quantity(nbytes / 16, "bit"),
            "agreement": quantity(0.97, "fraction"),
            "accuracy": quantity(0.95, "fraction"),
            "accuracy_unsplit": quantity(0.98, "fraction"),
        }
        before = Answer((("3", 0.8), ("8", 0.15), ("5", 0.05)), "3")
        after = Answer((("3", 0.5 + digest[2] / 600), ("8", 0.01), ("0", 0.001)), "3")
        weights = "random" if choice.pretrained is False else "trained"
        return Trial(
            choice.network, weights, choice.split, choice.codec, dict(choice.settings), choice.link, samples,
            quantities, description, latency, latency, latency, (before,), (after,),
        )  # fmt: skip


class FakeCodecWork(FakeWork):
    """The same for the Codecs app."""

    def sides(self, choice, report):
        self._ask("sides", report)
        return SideBySide(
            choice.network, "random" if choice.pretrained is False else "trained", choice.split, (8, 4, 4),
            choice.settings.get("bits", 4), tuple(self._sides(choice)), (("refae", "no weights"),), 77, "3",
        )  # fmt: skip

    def rates(self, choice, report):
        self._ask("rates", report)
        points = tuple(RatePoint(f"Q = {q}", self._number(choice, q), 1 / q, "3") for q in range(1, 9))
        return RateCurves(
            choice.network, "trained", choice.split, (8, 4, 4), (RateLine("context", "context", points),),
            (("refae", "no weights"),), 77, "3",
        )  # fmt: skip

    def entropy(self, choice, report):
        self._ask("entropy", report)
        bits = choice.settings.get("bits", 4)
        points = tuple(
            ReshapePoint(rows, 128 // rows, 30, 60 + rows, 16, bits - 1 / rows, 50.0, 20, 99 + rows)
            for rows in (1, 8, 64)
        )
        searches = tuple(Search(name, 8, 0.001) for name in ("algorithm1", "exhaustive", "exact"))
        return EntropyCurve(ReshapeCurve(128, bits, points, 8, 8, (64, 8)), searches)

    def symbols(self, choice, report):
        self._ask("symbols", report)
        bits, rows = choice.settings.get("bits", 4), choice.settings.get("rows", "algorithm1")
        chosen = 8 if isinstance(rows, str) else rows
        if 128 % chosen:
            raise SettingError(f"rows is {chosen}, which does not divide 128")
        by = rows if isinstance(rows, str) else "given"
        return SymbolHistogram(bits, chosen, 128 // chosen, 0, (0, bits, 5), (3, chosen), (2,), 1.5, by)

    def claims(self, choice, report):
        self._ask("claims", report)
        nbytes = self._number(choice, choice.settings.get("bits", 4))
        return (Claim("rANS paper", "smaller <b>", "table 1", "7 ×", choice.split, f"{nbytes} B", False),)

    def _sides(self, choice):
        bits = choice.settings.get("bits", 4)
        for label, codec, settings in (
            ("context", "context", {"bits": bits, "dead_zone": 0.0, "mixing": False}),
            ("rans-csr", "rans-csr", {"bits": bits, "rows": "algorithm1"}),
            ("uniform none", "uniform", {"bits": bits, "lossless": "none"}),
        ):
            nbytes = self._number(choice, label)
            parts = (Part("header", 40), Part("words", nbytes - 40))
            described = Description(codec, settings, (8, 4, 4), "float32", 40, nbytes - 40, parts)
            yield Side(label, codec, settings, described, 0.01, "3", quantity(0.001), quantity(0.001))

    def _number(self, choice, what):
        asked = (choice.network, choice.pretrained, choice.split, choice.picture, choice.source, what)
        digest = hashlib.sha256(repr((asked, choice.settings.get("bits"))).encode()).digest()
        return 100 + digest[0] + 256 * digest[1]


@pytest.fixture
def work():
    return FakeWork()


@pytest.fixture
def codec_work():
    return FakeCodecWork()


@pytest.fixture
def explorer(work):
    """A session that has settled."""
    session = Explorer(work, AtOnce())
    session.refresh()
    work.asked.clear()
    return session
