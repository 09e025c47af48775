"""What the project's own records say of training, and what the QCNet paper says beside it.

    data/results/training-*.json ─▶ Recorded, one a network, split and teacher ─▶ Claims
    data/results/search-*.json ───▶ Searched
    data/results/hecs-*.json ─────▶ lines of HECS-B beside others

Of the paper only the abstract was at hand, and two numbers of its reconstruction without their place. So
relations are compared, and a number only where there is one.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from workbench.codec_records import Claim
from workbench.errors import WorkbenchError
from workbench.neural.comparing import summarise
from workbench.neural.methods import METHODS
from workbench.paths import shipped
from workbench.records import Closeness, LossCurve, Reached, Summary, Tried, training_place

QCNET: Final = "QCNet, IEEE Access 13 (2025), p. 186488"
RIVALS: Final = {
    "refbase": "standard dequantisation",
    "refae": "an autoencoder",
    "refqat": "quantisation-aware training",
}
RECONSTRUCTION: Final = {
    "vit": "cosine similarity 46 % before, 97 % after (ViT-B/16)",
    "convnext": "SSIM 5 % before, 85 % after (ConvNeXt Tiny)",
}
_HYBRID = "qcnet-h"
_UNKNOWN = "it is not known what else ran on the machine"
_POINT = 0.01


class Recorded(NamedTuple):
    """Every result that was recorded for one network and split, and the commands that give them again.

    `teacher` is the share of the unsplit network's own answers in what was learned; methods that learned from
    another teacher are another record, since they cannot be compared.
    """

    model: str
    split: str
    reached: tuple[Reached, ...]
    commands: tuple[str, ...]
    times: str
    teacher: float = 0.0

    @property
    def place(self) -> str:
        """Network, split and teacher, in words."""
        return training_place(self.model, self.split, self.teacher)

    @property
    def unsplit(self) -> float | None:
        """Accuracy of the network as it is, on the same pictures."""
        return self.reached[0].accuracy_unsplit

    @property
    def summary(self) -> tuple[Summary, ...]:
        """Mean and spread over seeds, a line each method."""
        return summarise(self.reached)


class Searched(NamedTuple):
    """A search for a compensator that was recorded."""

    model: str
    split: str
    approach: str
    tried: tuple[Tried, ...]
    command: str
    times: str


def recorded(folder: Path | None = None) -> tuple[Recorded, ...]:
    """What `workbench train --record` wrote into `folder`, else into the project's own results.

    Records of one network, split and teacher are joined; a method and seed that comes twice counts once.

    Raises
    ------
    WorkbenchError : a file that is no such record.
    """
    found: dict[tuple[str, str, float], list[dict[str, Any]]] = {}
    for told in _read(folder, "training-*.json", "reached"):
        teacher = told.get("recipe", {}).get("teacher", 0.0)
        found.setdefault((told["model"], told["split"], teacher), []).append(told)
    return tuple(_joined(*place, records) for place, records in found.items())


def searched(folder: Path | None = None) -> tuple[Searched, ...]:
    """What `workbench train --search --record` wrote.

    Raises
    ------
    WorkbenchError : a file that is no such record.
    """
    return tuple(
        Searched(
            told["model"], told["split"], told["approach"],
            tuple(Tried(**one) for one in told["candidates"]), told["command"], told.get("times", _UNKNOWN),
        )
        for told in _read(folder, "search-*.json", "candidates")
    )  # fmt: skip


def recoveries(folder: Path | None = None) -> dict[str, tuple[tuple[int, float, float], ...]]:
    """Way to (measurements, mean relative error, its spread over seeds): HECS-B beside LASSO and a VAE."""
    lines: dict[str, dict[int, list[float]]] = {}
    for told in _read(folder, "hecs-recovery-*.json", "found"):
        for one in told["found"]:
            errors = lines.setdefault(one["way"], {}).setdefault(one["measurements"], [])
            errors.append(one["relative_error"])
    return {
        way: tuple(
            (count, statistics.fmean(errors), statistics.stdev(errors) if len(errors) > 1 else 0.0)
            for count, errors in sorted(points.items())
        )
        for way, points in lines.items()
    }


class Measurements(NamedTuple):
    """What was recorded of HECS-B beside others: both sets of lines, what they are of, and their commands."""

    recoveries: dict[str, tuple[tuple[int, float, float], ...]]
    rates: dict[str, tuple[tuple[float, float], ...]]
    told: tuple[tuple[str, str], ...]


def measurements(folder: Path | None = None) -> Measurements:
    """Both kinds of records of HECS-B; `told` has (what it is, the command that gives it again) of each.

    Raises
    ------
    WorkbenchError : a file that is no such record.
    """
    kinds = ("hecs-recovery-*.json", "hecs-rate-*.json")
    files = [one for pattern in kinds for one in _read(folder, pattern, "what", "command")]
    told = tuple((one["what"], one["command"]) for one in files)
    return Measurements(recoveries(folder), rate_accuracy(folder), told)


def rate_accuracy(folder: Path | None = None) -> dict[str, tuple[tuple[float, float], ...]]:
    """Way to (bytes of a picture, accuracy): HECS-B, pictures as files, and codecs that need no training."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for told in _read(folder, "hecs-rate-*.json", "points"):
        for one in told["points"]:
            lines.setdefault(one["way"], []).append((one["payload_bytes"], one["accuracy"]))
    return {way: tuple(sorted(points)) for way, points in lines.items()}


def _read(folder: Path | None, pattern: str, *needed: str) -> list[dict[str, Any]]:
    records = []
    for path in sorted((folder or shipped("data") / "results").glob(pattern)):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            records.append(dict(told) | {name: told[name] for name in needed})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WorkbenchError(f"{path} is no record of `workbench train`: {error!r}") from error
    return records


def _joined(model: str, split: str, teacher: float, records: Sequence[dict[str, Any]]) -> Recorded:
    every: dict[tuple[str, int], Reached] = {}
    for told in records:
        for one in told["reached"]:
            every.setdefault((one["method"], one["seed"]), _reached(one))
    remarks = dict.fromkeys(told.get("times", _UNKNOWN) for told in records)
    commands = tuple(told["command"] for told in records)
    known = list(METHODS)
    ordered = sorted(every.values(), key=lambda one: (known.index(one.method), one.seed))
    return Recorded(model, split, tuple(ordered), commands, "; ".join(remarks), teacher)


def _reached(one: dict[str, Any]) -> Reached:
    changed: dict[str, Any] = {
        "curves": tuple(_curve(curve) for curve in one["curves"]),
        "notes": tuple(one["notes"]),
        "plain": None if one["plain"] is None else Closeness(**one["plain"]),
        "restored": Closeness(**one["restored"]),
    }
    return Reached(**{**one, **changed})


def _curve(one: dict[str, Any]) -> LossCurve:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in one.items()
    }
    return LossCurve(**fields)


def claims(record: Recorded) -> tuple[Claim, ...]:
    """What the paper says of QCNet, beside what an H-QCNet reached around this split; else nothing."""
    lines = {line.method: line for line in record.summary}
    ours = lines.get(_HYBRID)
    if ours is None or ours.accuracy is None:
        return ()
    place = record.place
    rows = []
    if record.unsplit is not None:
        rows.append(
            _claim(
                "close to the unpartitioned model, or above it", "close to, or even surpassing",
                place, f"{_share(ours)} against {100 * record.unsplit:.2f} %",
                ours.accuracy >= record.unsplit - _POINT,
            )
        )  # fmt: skip
    for name, words in RIVALS.items():
        rival = lines.get(name)
        if rival is not None and rival.accuracy is not None:
            rows.append(
                _claim(
                    f"ahead of {words} ({name})", "consistently outperforms it",
                    place, *_ahead(ours, rival),
                )
            )  # fmt: skip
    return (*rows, *_on_the_board(record, lines, place), *_reconstruction(record, place))


def _claim(
    says: str, said: str, here: str, measured: str, holds: bool | None, place: str = "abstract"
) -> Claim:
    return Claim(QCNET, says, place, said, here, measured, holds)


def _share(line: Summary) -> str:
    assert line.accuracy is not None and line.accuracy_std is not None
    spread = f" ± {100 * line.accuracy_std:.2f}" if line.seeds > 1 else ""
    return f"{100 * line.accuracy:.2f}{spread} % ({line.seeds} seed{'s' if line.seeds > 1 else ''})"


def _ahead(ours: Summary, rival: Summary) -> tuple[str, bool | None]:
    """In words, and whether it is ahead by more than one standard deviation; None is a tie."""
    assert ours.accuracy is not None and rival.accuracy is not None
    spread = max(ours.accuracy_std or 0.0, rival.accuracy_std or 0.0)
    lead = ours.accuracy - rival.accuracy
    tied = abs(lead) <= spread
    word = "tied within one standard deviation" if tied else ("ahead" if lead > 0 else "behind")
    return f"{word}: {_share(ours)} against {_share(rival)}", None if tied else lead > 0


def _on_the_board(record: Recorded, lines: dict[str, Summary], place: str) -> list[Claim]:
    if "refbase" not in lines:
        return []
    first = {one.method: one for one in reversed(record.reached)}
    added = first[_HYBRID].parameters_board - first["refbase"].parameters_board
    more = lines[_HYBRID].payload_bytes - lines["refbase"].payload_bytes
    told = f"{added} more parameters on the board, {more:+.1f} bytes a picture"
    return [
        _claim(
            "nothing is added on the board", "no additional computation", place, told, (added, more) == (0, 0)
        )
    ]


def _reconstruction(record: Recorded, place: str) -> list[Claim]:
    pairs = [(one.plain, one.restored) for one in record.reached if one.method == _HYBRID and one.plain]
    if not pairs:
        return []
    kind = "cosine" if any(plain.ssim is None for plain, _ in pairs) else "ssim"
    before, after = (statistics.fmean(getattr(pair[at], kind) for pair in pairs) for at in (0, 1))
    known = next((said for name, said in RECONSTRUCTION.items() if name in record.model), None)
    says = "features restored far better than by plain dequantisation"
    told = f"{kind} {100 * before:.0f} % before, {100 * after:.0f} % after"
    where = "abstract" if known is None else "place not at hand"
    halved = 1 - after < (1 - before) / 2
    return [_claim(says, known or "high-fidelity feature maps", place, told, halved, where)]
