"""Everything ever measured on boards, in the trial store: one SQLite file, its schema numbered.

BoardTrial ─ keep ─▶ table board_trials ─ kept ─▶ the same BoardTrial, and what a link model predicts for it
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import platformdirs

from workbench.board_records import BoardRow, BoardRun, BoardSample, BoardTrial, Compared, Spread
from workbench.errors import WorkbenchError
from workbench.links import Link

SCHEMA: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS board_schema (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS board_trials (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, board TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
    split TEXT NOT NULL, codec TEXT NOT NULL, record TEXT NOT NULL
);
"""


class BoardStore:
    """The store (``$WORKBENCH_TRIALS``, else trials.sqlite in the user's data folder).

    Raises
    ------
    WorkbenchError : the file cannot be used, or was written by a later version; says which and what to do.
    """

    def __init__(self, path: Path | None = None) -> None:
        named = os.environ.get("WORKBENCH_TRIALS")
        folder = platformdirs.user_data_path("workbench", appauthor=False)
        self.path = path or (Path(named) if named else folder / "trials.sqlite")

    def keep(self, trial: BoardTrial) -> int:
        """Store `trial`; its number."""
        record = json.dumps(trial.to_dict(), default=_plain)
        with self._opened() as database:
            cursor = database.execute(
                "INSERT INTO board_trials (at, board, kind, model, split, codec, record)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (trial.when, trial.board, trial.kind, trial.model, trial.split, trial.codec, record),
            )
            return int(cursor.lastrowid or 0)

    def kept(self, board: str | None = None, model: str | None = None, last: int = 100) -> list[BoardTrial]:
        """The newest `last` trials, oldest first; of one board or network where that is given."""
        wanted = {"board": board, "model": model}
        named = {name: value for name, value in wanted.items() if value is not None}
        where = " AND ".join(f"{name} = :{name}" for name in named) or "1"
        with self._opened() as database:
            found = database.execute(
                f"SELECT record FROM board_trials WHERE {where} ORDER BY id DESC LIMIT :last",
                {**named, "last": last},
            ).fetchall()
        return [_trial(json.loads(record)) for (record,) in reversed(found)]

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as database, database:
                database.executescript(_TABLES)
                self._check(database)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise WorkbenchError(
                f"the trial store {self.path} cannot be used: {error}; name another file in WORKBENCH_TRIALS"
            ) from error

    def _check(self, database: sqlite3.Connection) -> None:
        found = database.execute("SELECT version FROM board_schema").fetchone()
        if found is None:
            database.execute("INSERT INTO board_schema VALUES (?)", (SCHEMA,))
        elif found[0] > SCHEMA:
            raise WorkbenchError(
                f"the trial store {self.path} is of a later workbench (schema {found[0]}, "
                f"this one reads {SCHEMA}); update workbench, or name another file in WORKBENCH_TRIALS"
            )


def compared(trials: Sequence[BoardTrial], link: Link) -> tuple[Compared, ...]:
    """Every run that sent a payload or a picture, beside what `link` says for as many bytes."""
    found = []
    for trial in trials:
        for run in trial.runs:
            if run.way == "all-board" or run.mode != "chain" or "wire" not in run.stages:
                continue
            rows = [row for row in run.rows if not row.spoilt] or list(run.rows)
            elsewhere = statistics.median(row.total_s - (row.wire_s or 0.0) for row in rows)
            wire, predicted_s = run.stages["wire"].median, link.latency(run.sent_bytes)
            found.append(Compared(trial, run.way, link.name, run.sent_bytes, wire, predicted_s, elsewhere))
    return tuple(found)


def predicted(trial: BoardTrial, link: Link) -> Compared | None:
    """The split's chain of a trial in the same way; None without a chain."""
    return next((one for one in compared([trial], link) if one.way == "split"), None)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def _trial(record: dict[str, Any]) -> BoardTrial:
    return BoardTrial(**{**record, "runs": tuple(_run(run) for run in record["runs"])})


def _run(record: dict[str, Any]) -> BoardRun:
    changed = {
        "rows": tuple(BoardRow(**{**row, "spoilt": tuple(row["spoilt"])}) for row in record["rows"]),
        "samples": tuple(BoardSample(**sample) for sample in record["samples"]),
        "stages": {name: Spread(**spread) for name, spread in record["stages"].items()},
        "total": None if record["total"] is None else Spread(**record["total"]),
        **{name: tuple(record[name]) for name in ("warmup_s", "problems", "notes")},
    }
    return BoardRun(**{**record, **changed})
