"""What a codec and a restorer leave of the features and of the answer: plain frozen records.

    Distribution ─ one number a sample, over a data set        Histogram ─ one number a channel map or token
    Share ─ hits of n, with its interval
    PathFidelity ─ all numbers of one path                     FidelityReport ─ both paths on the same samples
    Panel ─ samples as points in two dimensions                Embedding ─ the same samples on every path
    ChannelMaps ─ the channels of one sample on every path

A path is how the features came to the server: "original" (never left), "decoded" (encoded to a payload and
decoded from it), "restored" (decoded, then repaired by a trained compensator). "restored" is there only with
a restorer. n is the number of samples throughout, and row i is the same sample in every array of a record.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Path = Literal["original", "decoded", "restored"]
PATHS: tuple[Path, ...] = ("original", "decoded", "restored")
METRICS = (
    "mse", "relative_mse", "psnr", "cosine", "ssim", "cka", "kl", "agreement", "agreement_top5", "accuracy",
)  # fmt: skip


class Share(NamedTuple):
    """`hits` of `n`, with the Wilson score interval that covers the true share with 95 %."""

    value: float
    low: float
    high: float
    hits: int
    n: int


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """One number a sample: `values` (n,) float64 in `unit` ("" where it has none); `how` says what it is.

    `better` is the direction in which the features or the answer are closer to the original ones. PSNR is
    infinite where nothing was lost, and so is then the mean: `finite` leaves those out.
    """

    name: str
    unit: str
    values: NDArray[np.float64]
    better: Literal["higher", "lower", ""] = ""
    how: str = ""

    @property
    def n(self) -> int:
        """How many samples."""
        return len(self.values)

    @property
    def finite(self) -> NDArray[np.float64]:
        """The values that are numbers, for a histogram."""
        return self.values[np.isfinite(self.values)]

    @property
    def mean(self) -> float:
        """Of all values; infinite where one of them is."""
        return float(self.values.mean()) if self.n else math.nan

    @property
    def std(self) -> float:
        """Sample standard deviation of the finite values; 0 for one."""
        kept = self.finite
        return float(kept.std(ddof=1)) if len(kept) > 1 else 0.0 if len(kept) else math.nan

    @property
    def median(self) -> float:
        """Half of the values lie below."""
        return self.quantile(0.5)

    def quantile(self, share: float) -> float:
        """The value below which that share of the samples lies: one of the values, none in between."""
        if not self.n:
            return math.nan
        return float(np.quantile(self.values, share, method="inverted_cdf"))

    def to_dict(self) -> dict[str, Any]:
        """What it comes to, without the single values; ready for JSON."""
        quartiles = {"low": 0.25, "median": 0.5, "high": 0.75}
        return {
            "unit": self.unit, "n": self.n, "mean": self.mean, "std": self.std,
            "min": self.quantile(0.0), **{name: self.quantile(at) for name, at in quartiles.items()},
            "max": self.quantile(1.0), "better": self.better, "how": self.how,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """How often one number a channel map or token fell between `edges` (bins + 1,); `counts` (bins,) int64.

    `per` says of what it is one ("channel map", "token", "sample"). `below` were under the first edge.
    """

    name: str
    per: str
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    below: int = 0

    @property
    def n(self) -> int:
        """All that were counted."""
        return int(self.counts.sum()) + self.below


@dataclass(frozen=True, slots=True, eq=False)
class PathFidelity:
    """What one path leaves of the features and of the answer, against the network that was not split.

    `distributions` by name, one number a sample: "mse", "relative_mse" (over the mean square of the sample's
    features), "psnr" (dB, over the range of the sample's original features), "cosine" (of the sample, or mean
    over its tokens), "ssim" (mean over the channel maps; absent where the features are no maps), "kl" (nat,
    of the answers). `histograms` by name, finer: "ssim" a channel map, "cosine" a token.
    `cka` is None with fewer than 4 samples, `accuracy` without labels. `notes` say what was left out and why.
    """

    path: Path
    distributions: dict[str, Distribution]
    histograms: dict[str, Histogram]
    cka: float | None
    agreement: Share
    agreement_top5: Share
    accuracy: Share | None = None
    notes: tuple[str, ...] = ()

    def value(self, metric: str) -> float | None:
        """One number for a metric of `METRICS`: the mean of a distribution, the value of a share."""
        if metric in self.distributions:
            return self.distributions[metric].mean
        found = getattr(self, metric, None)
        return found.value if isinstance(found, Share) else found


@dataclass(frozen=True, slots=True, eq=False)
class FidelityReport:
    """Both paths of one split and codec on the same n samples; payloads were really encoded and decoded.

    `paths` are "decoded" and, with a restorer, "restored". `shape` is that of the first tensor that crosses,
    `layout` how it lies: "channel-first", "channel-last", "tokens" or "vector". `payload_bytes` has one
    number a sample. `restorer` names the trained method. `weights` is "random" where the network is not
    trained. `accuracy_unsplit` is None without labels, and `labels_note` says why. `call` is the Python that
    gives this report.
    """

    model: str
    weights: str
    split: str
    shape: tuple[int, ...]
    layout: str
    codec: str
    settings: dict[str, Any]
    restorer: str | None
    pictures: str
    samples: int
    payload_bytes: Distribution
    raw_bytes: int
    paths: tuple[PathFidelity, ...]
    accuracy_unsplit: Share | None
    labels_note: str = ""
    notes: tuple[str, ...] = ()
    call: str = ""
    context: dict[str, Any] = field(default_factory=dict)

    def path(self, name: str) -> PathFidelity | None:
        """The numbers of that path; None where it was not taken."""
        return next((one for one in self.paths if one.path == name), None)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of `METRICS` that have a number here, in that order."""
        return tuple(name for name in METRICS if any(one.value(name) is not None for one in self.paths))

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings; distributions as what they come to."""
        plain = {
            name: getattr(self, name)
            for name in self.__slots__
            if name not in ("paths", "payload_bytes", "accuracy_unsplit")
        }
        return {
            **plain,
            "shape": list(self.shape),
            "notes": list(self.notes),
            "payload_bytes": self.payload_bytes.to_dict(),
            "accuracy_unsplit": _share(self.accuracy_unsplit),
            "paths": {one.path: _path(one) for one in self.paths},
        }


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The samples of one path as points (n, 2) float32, near where their feature maps are alike.

    `trustworthiness` (0 to 1) says how far neighbours in the picture are neighbours in the features of this
    path. `neighbours_kept` (0 to 1) is the share of each sample's nearest neighbours in the original
    features that are still among its nearest in those of this path; 1 on the path "original".
    `class_agreement` (0 to 1) is the share of each sample's nearest neighbours in the features of this path
    that have its class. What has no meaning is None, and `notes` say why.
    """

    path: Path
    points: NDArray[np.float32]
    trustworthiness: float | None
    neighbours_kept: float | None
    class_agreement: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The same n samples in two dimensions by t-SNE on every path: same seed, same start.

    `labels` (n,) int64 index `class_names`; -1 is a sample without a class. `names` (n,) are what pictures
    are called and `thumbnails` (n, 32, 32, 3) uint8 what they look like. `neighbours` is how many nearest the
    numbers of each panel look at; `pca_dims` to how many dimensions the features were brought before, None
    where they were not.
    """

    model: str
    weights: str
    split: str
    codec: str
    settings: dict[str, Any]
    restorer: str | None
    pictures: str
    panels: tuple[Panel, ...]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    thumbnails: NDArray[np.uint8]
    perplexity: float
    neighbours: int
    seed: int
    pca_dims: int | None
    notes: tuple[str, ...] = ()
    call: str = ""

    @property
    def samples(self) -> int:
        """How many samples."""
        return len(self.labels)

    def panel(self, path: str) -> Panel | None:
        """The points of that path; None where it was not taken."""
        return next((one for one in self.panels if one.path == path), None)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelMaps:
    """The channels of one sample, those that the decoded path hurt most first.

    Everything has one entry a channel in that order: `channels` (C,) int64 their numbers, `original` and
    `maps[path]` (C, h, w) float32 the maps, `errors[path]` (C,) float64 the mean squared error of each,
    `collapsed[path]` (C,) bool whether it has one value only although the original has several. Paths are
    "decoded" and, with a restorer, "restored". Tokens lie on their grid (h, w), and `prefix_tokens` that
    belong to no place are left out; vectors are maps of 1 x 1. `thumbnail` (h, w, 3) uint8 is the picture as
    the network saw it.
    """

    model: str
    weights: str
    split: str
    codec: str
    settings: dict[str, Any]
    restorer: str | None
    sample: int
    name: str
    label: str | None
    thumbnail: NDArray[np.uint8]
    layout: str
    channels: NDArray[np.int64]
    original: NDArray[np.float32]
    maps: dict[Path, NDArray[np.float32]]
    errors: dict[Path, NDArray[np.float64]]
    collapsed: dict[Path, NDArray[np.bool_]]
    prefix_tokens: int = 0
    payload_bytes: int = 0
    notes: tuple[str, ...] = ()
    call: str = ""

    def difference(self, path: Path) -> NDArray[np.float32]:
        """That path minus the original, (C, h, w)."""
        return self.maps[path] - self.original


def _share(share: Share | None) -> dict[str, Any] | None:
    return None if share is None else share._asdict()


def _path(one: PathFidelity) -> dict[str, Any]:
    return {
        **{name: found.to_dict() for name, found in one.distributions.items()},
        "cka": one.cka,
        "agreement": _share(one.agreement),
        "agreement_top5": _share(one.agreement_top5),
        "accuracy": _share(one.accuracy),
        "notes": list(one.notes),
    }
