"""What the project's own records say of training, and what the QCNet paper says beside it.

    data/results/training-*.json ─▶ Recorded, one a network, split and teacher ─▶ Claims
    data/results/search-*.json ───▶ Searched
    data/results/hecs-*.json ─────▶ lines of HECS-B beside others

Of the paper only the abstract was at hand, and two numbers of its reconstruction without their place. So
relations are compared, and a number only where there is one.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from workbench.codec_records import Claim
from workbench.errors import UnknownNameError
from workbench.experiments.record_files import Damaged, checked, field, read_files
from workbench.neural.comparing import summarise
from workbench.neural.methods import METHODS
from workbench.records import Reached, Summary, Tried, training_place

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
_RECOVERY = "hecs-recovery-*.json"
_RATE = "hecs-rate-*.json"


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


def recorded(folder: Path | None = None, damaged: Damaged | None = None) -> tuple[Recorded, ...]:
    """What `workbench train --record` wrote into `folder`, else into the project's own results.

    Records of one network, split and teacher are joined; a method and seed that comes twice counts once.

    Parameters
    ----------
    damaged : gets the error of each file that is no such record, which is then left out; without it such an
        error is raised.

    Raises
    ------
    WorkbenchError : a file that is no such record.
    """
    found: dict[tuple[str, str, float], list[Recorded]] = {}
    for one in read_files(folder, "training-*.json", _recorded, damaged):
        found.setdefault((one.model, one.split, one.teacher), []).append(one)
    return tuple(map(_joined, found.values()))


def searched(folder: Path | None = None, damaged: Damaged | None = None) -> tuple[Searched, ...]:
    """What `workbench train --search --record` wrote; `damaged` is as in `recorded`.

    Raises
    ------
    WorkbenchError : a file that is no such record.
    """
    return tuple(read_files(folder, "search-*.json", _searched, damaged))


def recoveries(folder: Path | None = None) -> dict[str, tuple[tuple[int, float, float], ...]]:
    """Way to (measurements, mean relative error, its spread over seeds): HECS-B beside LASSO and a VAE.

    Raises
    ------
    WorkbenchError : a file that is no such record.
    """
    return _recoveries(read_files(folder, _RECOVERY, _errors))


class Measurements(NamedTuple):
    """What was recorded of HECS-B beside others: both sets of lines, what they are of, and their commands."""

    recoveries: dict[str, tuple[tuple[int, float, float], ...]]
    rates: dict[str, tuple[tuple[float, float], ...]]
    told: tuple[tuple[str, str], ...]


def measurements(folder: Path | None = None, damaged: Damaged | None = None) -> Measurements:
    """Both kinds of records of HECS-B; `told` has (what it is, the command that gives it again) of each.

    `damaged` is as in `recorded`.

    Raises
    ------
    WorkbenchError : a file that is no such record.
    """
    errors = read_files(folder, _RECOVERY, lambda told: (_about(told), _errors(told)), damaged)
    points = read_files(folder, _RATE, lambda told: (_about(told), _points(told)), damaged)
    told = tuple(about for about, _ in (*errors, *points))
    return Measurements(_recoveries([one for _, one in errors]), _rates([one for _, one in points]), told)


def rate_accuracy(folder: Path | None = None) -> dict[str, tuple[tuple[float, float], ...]]:
    """Way to (bytes of a picture, accuracy): HECS-B, pictures as files, and codecs that need no training.

    Raises
    ------
    WorkbenchError : a file that is no such record.
    """
    return _rates(read_files(folder, _RATE, _points))


def _recorded(told: dict[str, Any]) -> Recorded:
    """One file alone; its ValueError says what is wrong with it."""
    recipe = checked(dict, told.get("recipe", {}), "recipe")
    teacher = checked(float, recipe.get("teacher", 0.0), "recipe.teacher")
    if not 0 <= teacher <= 1:
        raise ValueError(f"recipe.teacher is {teacher} where a number from 0 to 1 is due")
    reached = field(told, "reached", tuple[Reached, ...])
    if not reached:
        raise ValueError("reached is empty")
    for at, one in enumerate(reached):
        if one.method not in METHODS:
            raise ValueError(f"reached[{at}].method: {UnknownNameError('method', one.method, METHODS)}")
    commands, times = (field(told, "command", str),), checked(str, told.get("times", _UNKNOWN), "times")
    return Recorded(field(told, "model", str), field(told, "split", str), reached, commands, times, teacher)


def _joined(records: Sequence[Recorded]) -> Recorded:
    every: dict[tuple[str, int], Reached] = {}
    for one in (one for record in records for one in record.reached):
        every.setdefault((one.method, one.seed), one)
    known = list(METHODS)
    ordered = sorted(every.values(), key=lambda one: (known.index(one.method), one.seed))
    commands = tuple(command for record in records for command in record.commands)
    times = "; ".join(dict.fromkeys(record.times for record in records))
    return records[0]._replace(reached=tuple(ordered), commands=commands, times=times)


def _searched(told: dict[str, Any]) -> Searched:
    model, split, approach, command = (
        field(told, name, str) for name in ("model", "split", "approach", "command")
    )
    tried = field(told, "candidates", tuple[Tried, ...])
    return Searched(
        model, split, approach, tried, command, checked(str, told.get("times", _UNKNOWN), "times")
    )


def _about(told: dict[str, Any]) -> tuple[str, str]:
    """What a record of HECS-B is, and the command that gives it again."""
    return field(told, "what", str), field(told, "command", str)


def _errors(told: dict[str, Any]) -> list[tuple[str, int, float]]:
    """(way, measurements, relative error) of each attempt."""
    kinds = {"way": str, "measurements": int, "relative_error": float}
    return [_row(one, kinds, f"found[{at}]") for at, one in enumerate(field(told, "found", list))]


def _points(told: dict[str, Any]) -> list[tuple[str, float, float]]:
    """(way, bytes of a picture, accuracy) of each setting."""
    kinds = {"way": str, "payload_bytes": float, "accuracy": float}
    return [_row(one, kinds, f"points[{at}]") for at, one in enumerate(field(told, "points", list))]


def _row(told: Any, kinds: dict[str, type], where: str) -> Any:
    table = checked(dict, told, where)
    return tuple(field(table, name, kind, where) for name, kind in kinds.items())


def _recoveries(
    files: Sequence[list[tuple[str, int, float]]],
) -> dict[str, tuple[tuple[int, float, float], ...]]:
    lines: dict[str, dict[int, list[float]]] = {}
    for way, count, error in (one for rows in files for one in rows):
        lines.setdefault(way, {}).setdefault(count, []).append(error)
    return {
        way: tuple(
            (count, statistics.fmean(errors), statistics.stdev(errors) if len(errors) > 1 else 0.0)
            for count, errors in sorted(points.items())
        )
        for way, points in lines.items()
    }


def _rates(files: Sequence[list[tuple[str, float, float]]]) -> dict[str, tuple[tuple[float, float], ...]]:
    lines: dict[str, list[tuple[float, float]]] = {}
    for way, nbytes, share in (one for rows in files for one in rows):
        lines.setdefault(way, []).append((nbytes, share))
    return {way: tuple(sorted(points)) for way, points in lines.items()}


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
    kind = "cosine" if any(one.ssim is None for pair in pairs for one in pair) else "ssim"
    before, after = (statistics.fmean(getattr(pair[at], kind) for pair in pairs) for at in (0, 1))
    known = next((said for name, said in RECONSTRUCTION.items() if name in record.model), None)
    says = "features restored far better than by plain dequantisation"
    told = f"{kind} {100 * before:.0f} % before, {100 * after:.0f} % after"
    where = "abstract" if known is None else "place not at hand"
    halved = 1 - after < (1 - before) / 2
    return [_claim(says, known or "high-fidelity feature maps", place, told, halved, where)]
