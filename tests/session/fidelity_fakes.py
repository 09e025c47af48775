"""Fidelity records small enough to check by hand; used by the tests of figures, sessions and panels."""

import numpy as np

from workbench.fidelity_records import (
    ChannelMaps,
    Distribution,
    Embedding,
    FidelityReport,
    Histogram,
    Panel,
    PathFidelity,
    Share,
)

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


def report(restored=True, **changed):
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
