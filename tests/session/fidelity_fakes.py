"""Fidelity records small enough to check by hand; used by the tests of figures, sessions and panels."""

import hashlib
from dataclasses import replace

import numpy as np

from workbench.errors import WeightsError
from workbench.fidelity_records import (
    PATHS,
    ChannelMaps,
    Distribution,
    Embedding,
    FidelityReport,
    Histogram,
    Panel,
    PathFidelity,
    Share,
)
from workbench.saliency_records import MapAgreement, SaliencyMap, SaliencyReport
from workbench.session.fidelity_work import Counts, RestorerEntry
from workbench.session.work import Thumbnail

ABOUT = {
    "model": "tiny", "weights": "trained", "split": "layer1", "codec": "onebit", "settings": {"bits": 1},
}  # fmt: skip


def distribution(name, values, unit="", better="higher"):
    return Distribution(name, unit, np.asarray(values, dtype=np.float64), better, f"{name} of each sample")


def share(hits, n=4):
    return Share(hits / n, max(0.0, hits / n - 0.25), min(1.0, hits / n + 0.125), hits, n)


def path_fidelity(path, ssim, cosine, hits, **more):
    distributions = {
        "mse": distribution("mse", [0.1, 0.2, 0.3, 40.0], better="lower"),
        "psnr": distribution("psnr", [10.0, 20.0, 30.0, np.inf], "dB"),
        "cosine": distribution("cosine", cosine),
        "ssim": distribution("ssim", ssim),
    }
    edges = np.linspace(-1.0, 1.0, 201)
    counts = np.zeros(200, dtype=np.int64)
    counts[150:170] = 3
    counts[199] = 5
    histograms = {"ssim": Histogram("ssim", "channel map", edges, counts, below=2)}
    return PathFidelity(
        path, distributions, histograms, more.get("cka", 0.75), share(hits), share(4), more.get("accuracy")
    )


def report_of(restored=True, **changed):
    paths = [path_fidelity("decoded", [0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], 2, accuracy=share(2))]
    if restored:
        paths.append(
            path_fidelity(
                "restored", [0.7, 0.8, 0.9, 1.0], [0.9, 0.9, 1.0, 1.0], 3, cka=0.5, accuracy=share(3)
            )
        )
    known = {
        **ABOUT, "shape": (3, 4, 4), "layout": "channel-first", "restorer": "qcnet-h" if restored else None,
        "pictures": "digits", "samples": 4, "raw_bytes": 192,
        "payload_bytes": distribution("payload", [90, 100, 100, 110], "bytes"),
        "paths": tuple(paths), "accuracy_unsplit": share(4),
    }  # fmt: skip
    return FidelityReport(**{**known, **changed})


def space(count=6, classes=("0", "1", "2"), paths=("original", "decoded", "restored")):
    points = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
    panels = tuple(
        Panel(path, points * (at + 1), 0.9 - at / 10, 1.0 - at / 4, 0.8 - at / 10)
        for at, path in enumerate(paths)
    )
    thumbnails = np.zeros((count, 32, 32, 3), dtype=np.uint8)
    thumbnails[:, :, :, 0] = np.arange(count, dtype=np.uint8)[:, None, None]
    return Embedding(
        **ABOUT, restorer="qcnet-h" if "restored" in paths else None, pictures="digits", panels=panels,
        labels=np.arange(count) % len(classes) if classes else np.full(count, -1), class_names=classes,
        names=tuple(f"digit {at}" for at in range(count)), thumbnails=thumbnails, perplexity=2.0,
        neighbours=3, seed=0, pca_dims=50,
    )  # fmt: skip


def channel_maps(side=4, channels=3, restored=True, name="digit 0"):
    ramp = np.linspace(0.0, 1.0, side * side, dtype=np.float32).reshape(side, side)
    original = np.stack([ramp * (at + 1) for at in range(channels)])
    maps = {"decoded": np.stack([np.full_like(ramp, 0.5), *original[1:] * 0.5])}
    if restored:
        maps["restored"] = original * np.float32(0.9)
    errors = {
        path: ((found - original) ** 2).mean(axis=(1, 2), dtype=np.float64) for path, found in maps.items()
    }
    collapsed = {path: np.ptp(found.reshape(channels, -1), axis=1) == 0 for path, found in maps.items()}
    return ChannelMaps(
        **ABOUT, restorer="qcnet-h" if restored else None, sample=0, name=name, label="3",
        thumbnail=np.zeros((8, 8, 3), dtype=np.uint8), layout="channel-first",
        channels=np.arange(channels)[::-1] + 10, original=original, maps=maps, errors=errors,
        collapsed=collapsed, prefix_tokens=0, payload_bytes=99,
    )  # fmt: skip


def saliency_report(restored=True, method="grad-cam", target=None, seed=0):
    values = {
        "unsplit": np.linspace(0.0, 1.0, 64, dtype=np.float32).reshape(8, 8),
        "decoded": np.roll(np.linspace(0.0, 1.0, 64, dtype=np.float32).reshape(8, 8), seed, axis=1),
    }
    if restored:
        values["restored"] = values["unsplit"] * np.float32(0.5 + seed / 100)
    maps = {
        path: SaliencyMap(path, method, 3, target or "3", found, (2, 2), 0.9, 3, "3", 0.9)
        for path, found in values.items()
    }
    agreement = {path: MapAgreement(0.5, 0.25, 2.0) for path in maps if path != "unsplit"}
    return SaliencyReport(
        **ABOUT, restorer="qcnet-h" if restored else None, method=method, layer="layer4",
        layout="channel-first", picture_name="digit 0", label="3", picture=np.zeros((8, 8, 3), np.uint8),
        payload_bytes=99, maps=maps, agreement=agreement,
    )  # fmt: skip


BUNDLES = (
    RestorerEntry("resnet-h", "qcnet-h", "digits-resnet", "stages.1", "rans-csr"),
    RestorerEntry("vit-t", "qcnet-t", "digits-vit", "stages.2", "rans-csr"),
)


def fidelity_work(base):
    """A `FidelityWork` on top of the sessions' own fake work; numbers follow from the choice."""

    class FakeFidelityWork(base):
        def restorers(self):
            return BUNDLES

        def restorer(self, name):
            found = [one for one in BUNDLES if one.name == name]
            if not found:
                raise WeightsError(f"there is no bundle {name!r}")
            return found[0]

        def classes(self, choice, report):
            return ("0", "1", "2", "3")

        def counts(self, choice, report):
            return Counts(20, 45)

        def sample(self, choice, row):
            return Thumbnail(f"digits/{2 * row}", f"digit {2 * row}", "1", b"png")

        def report(self, choice, report):
            self._ask("report", report)
            number = self._digest(choice, choice.source, choice.samples)
            ssim = np.linspace(number / 2, number, 4)
            paths = [path_fidelity("decoded", ssim, ssim, 2, accuracy=share(2))]
            if choice.restorer:
                paths.append(path_fidelity("restored", ssim * 0.9, ssim * 0.9, 3, accuracy=share(3)))
            return self._named(choice, report_of(bool(choice.restorer), paths=tuple(paths)), choice.samples)

        def space(self, choice, report):
            self._ask("space", report)
            paths = PATHS if choice.restorer else PATHS[:2]
            made = self._named(choice, space(choice.samples, ("0", "1", "2"), paths))
            number = np.float32(self._digest(choice, choice.source, choice.samples))
            return replace(
                made, panels=tuple(replace(one, points=one.points * number) for one in made.panels)
            )

        def maps(self, choice, report):
            self._ask("maps", report)
            made = channel_maps(channels=30, restored=bool(choice.restorer), name=choice.picture)
            number = np.float32(self._digest(choice, choice.picture))
            maps = {path: found * number for path, found in made.maps.items()}
            return self._named(choice, replace(made, maps=maps))

        def saliency(self, choice, report):
            self._ask("saliency", report)
            number = 1 + int(50 * self._digest(choice, choice.picture, choice.method, choice.target))
            made = saliency_report(bool(choice.restorer), choice.method, choice.target, number % 7 + 1)
            return self._named(choice, made)

        def _named(self, choice, record, samples=None):
            weights = "random" if choice.pretrained is False else "trained"
            more = {} if samples is None else {"samples": samples}
            return replace(record, model=choice.network, split=choice.split, weights=weights, **more)

        def _digest(self, choice, *more):
            """A number from 0 to 1 that follows from the choice."""
            asked = (choice.network, choice.split, choice.codec, sorted(choice.settings.items()), more)
            return int.from_bytes(hashlib.sha256(repr(asked).encode()).digest()[:4]) / 2**32

    return FakeFidelityWork
