"""Several splits and codecs in one session, on several boards at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from workbench.board_records import BoardTrial
from workbench.boards.inventory import Board, Inventory
from workbench.boards.plain import run_plain
from workbench.codecs import Codec
from workbench.errors import Cancelled, SettingError, WorkbenchError
from workbench.experiments.board_measure import Heard, Plan, open_bench, plan_of
from workbench.models import Model

BoardProgress = Callable[[str, int, int, str], None]
"""Called as progress(board, done, total, what); may raise `Cancelled`."""


def measure_series(
    boards: Sequence[str | Board],
    model: Model | str,
    splits: Sequence[str],
    codecs: Sequence[Codec | str],
    *,
    progress: BoardProgress | None = None,
    heard: Heard | None = None,
    connection: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[list[BoardTrial], dict[str, str]]:
    """Every split with every codec on every board; boards run at once, each in one session.

    Gives the trials, and for each board that failed why; a failed board's finished trials, and the broken
    one's partial rows, are among the trials. `options` are those of `board_measure.measure`; the two ways of
    not splitting are measured once a board, with the first plan.

    Raises
    ------
    WorkbenchError : what was chosen cannot be measured anywhere.
    """
    inventory = Inventory()
    places = [inventory.get(board) if isinstance(board, str) else board for board in boards]
    names = [board.name for board in places]
    if not names or len(set(names)) < len(names):
        raise SettingError(f"boards are {', '.join(names) or 'none'}; name at least one, each once")
    plans = plans_of(model, splits, codecs, **options)
    return run_plain(series_async(places, plans, progress, heard, connection))


def plans_of(
    model: Model | str, splits: Sequence[str], codecs: Sequence[Codec | str], **options: Any
) -> list[Plan]:
    """A plan for each split and codec; only the first measures the ways of not splitting."""
    plans: list[Plan] = []
    for split in splits:
        for codec in codecs:
            wanted = {**options, "baselines": options.get("baselines", True) and not plans}
            plans.append(plan_of(plans[0].model if plans else model, split, codec, **wanted))
    return plans


async def series_async(
    boards: Sequence[Board],
    plans: Sequence[Plan],
    progress: BoardProgress | None = None,
    heard: Heard | None = None,
    connection: dict[str, Any] | None = None,
) -> tuple[list[BoardTrial], dict[str, str]]:
    """`measure_series`, for callers with an event loop."""
    trials: list[BoardTrial] = []
    failures: dict[str, str] = {}

    async def one(board: Board) -> None:
        def told(done: int, total: int, what: str) -> None:
            if progress is not None:
                progress(board.name, done, total, what)

        try:
            async with open_bench(board, told, heard, connection) as bench:
                for plan in plans:
                    trial = await bench.measure(plan)
                    trials.append(trial)
                    if trial.cancelled:
                        break
        except Cancelled:
            failures[board.name] = "stopped before anything was measured"
        except WorkbenchError as error:
            failures[board.name] = str(error)
            partial = getattr(error, "partial", None)
            if isinstance(partial, BoardTrial):
                trials.append(partial)

    await asyncio.gather(*(one(board) for board in boards))
    order = {board.name: place for place, board in enumerate(boards)}
    return sorted(trials, key=lambda trial: order[trial.board]), failures
