"""`workbench board`: which boards there are, what is on them, and measuring on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli import choices
from workbench.cli.output import Json, complain, show_json, show_table, with_unit

if TYPE_CHECKING:
    from workbench.board_records import BoardTrial, Compared
    from workbench.boards.setup import Check

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Measure on the Raspberry Pi or Jetson that is on the desk, over SSH.",
)
Name = Annotated[str, typer.Argument(help="The board's name; `local` is this machine.")]


@app.command("list")
def list_boards(as_json: Json = False) -> None:
    """List the boards, without connecting to them."""
    from workbench.boards.inventory import Inventory

    inventory = Inventory()
    boards = inventory.boards()
    if as_json:
        rows = [{"name": board.name, "address": board.address, "python": board.python} for board in boards]
        show_json({"file": str(inventory.path), "boards": rows})
        return
    show_table(("board", "address", "python"), [(one.name, one.address, one.python or "–") for one in boards])
    typer.echo(f"\nStored in {inventory.path}. Add one: workbench board add NAME user@host")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it, such as pi5.")],
    address: Annotated[str, typer.Argument(help="user@host, user@host:2222, or a Host of ~/.ssh/config.")],
    python: Annotated[str, typer.Option(help="Its Python, where that is not python3.")] = "",
    fingerprint: Annotated[
        str, typer.Option(help="Its host key's fingerprint, if known: then nothing is asked.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Add a board: shows its host key's fingerprint, asks, and stores the key.

    Compare the fingerprint with the one the board shows for
    `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`. Keys and passwords are never stored: ssh-agent and
    ~/.ssh/config are used.

    \b
    Examples:
      workbench board add pi5 pi@192.168.1.20
      workbench board add orin nvidia@orin.local:2222 --python python3.10
    """
    from dataclasses import replace

    from workbench.boards.inventory import Board, Inventory
    from workbench.boards.plain import run_plain
    from workbench.boards.setup import check_board
    from workbench.boards.ssh import fetch_host_key
    from workbench.errors import BoardError, HostKeyError, SettingError

    board = Board(name, address, python=python)
    if board.is_local:
        raise SettingError("'local' is this machine and always there; choose another name")
    key = run_plain(fetch_host_key(board))
    if fingerprint and fingerprint != key.fingerprint:
        raise HostKeyError(
            f"{name}: {address} shows the host key {key.fingerprint}, not {fingerprint}; nothing was stored",
            key.fingerprint,
        )
    if not fingerprint:
        typer.echo(f"{address} shows the host key {key.fingerprint} ({key.line.split()[0]})", err=True)
        if not typer.confirm("Is that the board's own?", err=True):
            raise SettingError(f"{name} was not added")
    board = replace(board, host_key=key.line)
    Inventory().add(board)
    if not as_json:
        typer.echo(f"{name} is stored. Looking at it ...")
    try:
        found = run_plain(check_board(board))
    except BoardError as error:
        complain(f"stored, but not usable yet: {error}")
        raise typer.Exit(1) from error
    _show_check(found, as_json)


@app.command()
def check(name: Name = "local", as_json: Json = False) -> None:
    """Look at a board: what it is, what is missing, and the command that installs it."""
    from workbench.boards.inventory import Inventory
    from workbench.boards.plain import run_plain
    from workbench.boards.setup import check_board

    found = run_plain(check_board(Inventory().get(name)))
    _show_check(found, as_json)
    if not found.ready:
        raise typer.Exit(1)


@app.command()
def setup(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a virtual environment with onnxruntime and numpy on a board (about 200 MB, in its home folder)."""
    from workbench.boards.inventory import Inventory
    from workbench.boards.plain import run_plain
    from workbench.boards.setup import FOLDER, set_up
    from workbench.errors import SettingError

    board = Inventory().get(name)
    if not yes and not board.is_local:
        question = f"Make {FOLDER} on {board.address} and install onnxruntime, numpy and numba there?"
        if not typer.confirm(question):
            raise SettingError("nothing was installed")
    run_plain(set_up(board, lambda line: typer.echo(f"  {line}", err=True)))
    typer.echo(f"{name} is ready: workbench board check {name}")


@app.command()
def remove(name: Name) -> None:
    """Forget a board. What `setup` put on it stays there, in ~/.local/share/workbench-board."""
    from workbench.boards.inventory import Inventory

    Inventory().remove(name)
    typer.echo(f"{name} is forgotten")


@app.command()
def measure(
    name: Annotated[list[str], typer.Argument(help="One board, or several measured at once.")],
    model: Annotated[str, typer.Option(help="The network; `workbench models` lists them.")] = "digits-resnet",
    split: Annotated[
        list[str] | None,
        typer.Option(help="Where to cut it, repeatable; `workbench split-points` lists them."),
    ] = None,
    codec: Annotated[list[str] | None, typer.Option(help="The codec, repeatable.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the codec: name=value, repeatable.")
    ] = None,
    images: Annotated[
        str | None, typer.Option(help="The picture: digits, photographs, a folder, a file.")
    ] = None,
    runs: Annotated[int, typer.Option(help="How many inferences are timed.")] = 100,
    warmups: Annotated[int, typer.Option(help="How many go before them, kept apart.")] = 10,
    mode: Annotated[
        list[str] | None, typer.Option(help="burst (nothing sent), chain (as deployed); both unless named.")
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32 or fp16.")] = "fp32",
    provider: Annotated[str | None, typer.Option(help="An execution provider of onnxruntime there.")] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of one inference there.")] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Also all on the board, all on the server.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="Write everything measured to this JSON file.")] = None,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Put the results into the trial store.")
    ] = True,
    pretrained: choices.Pretrained = None,
    weights: choices.Weights = None,
    input_size: choices.InputSize = None,
    mean: choices.Mean = None,
    std: choices.Std = None,
    classes: choices.Classes = None,
    as_json: Json = False,
) -> None:
    """Measure a split on a board: edge part and codec there, the real bytes back, the rest here.

    Ctrl-C stops it within a second and shows what was measured.

    \b
    Examples:
      workbench board measure local --model digits-resnet --split layer2 --codec rans-csr --set bits=4
      workbench board measure pi5 --model resnet50 --split layer2 --codec context --runs 100 --out pi5.json
      workbench board measure pi5 orin --split layer1 --split layer2 --codec raw --codec uniform
    """
    from workbench.codecs import codec as codec_of
    from workbench.experiments.board_series import measure_series

    network = choices.load(model, pretrained, weights, input_size, mean, std, classes)
    codecs = [codec_of(one, **choices.settings_for(one, setting or ())) for one in codec or ("raw",)]
    options: dict[str, Any] = {
        "images": images,
        "runs": runs,
        "warmups": warmups,
        "precision": precision,
        "baselines": baselines,
        "provider": provider,
        "threads": threads,
    }
    if mode:
        options["modes"] = tuple(mode)
    shown = _Lines()
    trials, failures = measure_series(
        name, network, split or [_middle(network)], codecs, progress=shown.progress, **options
    )
    shown.end()
    everything = {"trials": [trial.to_dict() for trial in trials], "failures": failures}
    if out is not None:
        _write(out, everything)
    if keep:
        _keep(trials)
    if as_json:
        show_json(everything)
    else:
        for trial in trials:
            _show_trial(trial)
    for board, text in failures.items():
        complain(text if text.startswith(board) else f"{board}: {text}")
    if failures:
        raise typer.Exit(1 if trials else 2)


@app.command()
def history(
    name: Annotated[str | None, typer.Argument(help="Only this board.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this network.")] = None,
    link: Annotated[str, typer.Option(help="A link whose prediction is shown beside the wire.")] = "wifi-54",
    last: Annotated[int, typer.Option(help="So many of the newest.", min=1, max=10_000)] = 20,
    as_json: Json = False,
) -> None:
    """Show what was measured before, and what a link's model predicts for the same payloads."""
    from workbench.experiments.board_store import BoardStore, compared, predicted
    from workbench.links import link as link_of

    chosen = link_of(link)
    trials = BoardStore().kept(name, model, last)
    if as_json:
        show_json([{**trial.to_dict(), "compared": _beside(compared([trial], chosen))} for trial in trials])
        return
    rows = []
    for trial in trials:
        run = trial.run("split", "chain") or trial.run("split")
        beside = predicted(trial, chosen)
        total = run.total if run else None
        rows.append(
            (
                trial.when[:16].replace("T", " "),
                trial.board if trial.kind == "board" else f"{trial.board} ({trial.kind})",
                f"{trial.model} at {trial.split}",
                trial.codec,
                with_unit(run.sent_bytes if run else None, "bytes"),
                with_unit(total.median if total else None, "s"),
                with_unit(beside.measured_s if beside else None, "s"),
                with_unit(beside.predicted_s if beside else None, "s"),
                with_unit(beside.whole_s if beside else None, "s"),
                "" if run is None or run.usable else "not usable",
            )
        )
    heads = (
        "when (UTC)",
        "board",
        "network",
        "codec",
        "payload",
        "whole way",
        "wire",
        f"{link} says",
        "whole then",
        "",
    )
    show_table(heads, rows)
    if not rows:
        typer.echo("Nothing was measured yet: workbench board measure local")


def _beside(compared: tuple[Compared, ...]) -> list[dict[str, Any]]:
    """What was measured and what is predicted, without the trial, which stands beside it."""
    names = ("way", "link", "sent_bytes", "measured_s", "predicted_s", "elsewhere_s", "whole_s")
    return [{name: getattr(one, name) for name in names} for one in compared]


def _keep(trials: list[BoardTrial]) -> None:
    """Into the store; where that fails, what was measured is shown all the same."""
    from workbench.errors import WorkbenchError
    from workbench.experiments.board_store import BoardStore

    try:
        for trial in trials:
            BoardStore().keep(trial)
    except WorkbenchError as error:
        complain(f"measured, but not stored: {error}")


class _Lines:
    """Progress on stderr, and Ctrl-C heard as Cancel."""

    def __init__(self) -> None:
        import signal

        self.stopped = False
        self._last = ""
        self._before = signal.signal(signal.SIGINT, self._stop)

    def _stop(self, _number: int, _frame: object) -> None:
        self.stopped = True

    def progress(self, board: str, done: int, total: int, what: str) -> None:
        from workbench.errors import Cancelled

        if self.stopped:
            raise Cancelled("stopped by Ctrl-C")
        line = f"{board}: {what} · {done} of {total}"
        if line != self._last and typer.get_text_stream("stderr").isatty():
            typer.echo(f"\r\033[K{line}", nl=False, err=True)
        self._last = line

    def end(self) -> None:
        import signal

        signal.signal(signal.SIGINT, self._before)
        if self._last and typer.get_text_stream("stderr").isatty():
            typer.echo("\r\033[K", nl=False, err=True)


def _middle(network: Any) -> str:
    from workbench.models import split_points

    points = split_points(network)
    return points[len(points) // 2].name


def _write(path: Path, everything: dict[str, Any]) -> None:
    import json

    from workbench.cli.output import plain
    from workbench.errors import SettingError

    try:
        path.write_text(json.dumps(plain(everything), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingError(
            f"{path} cannot be written: {error.strerror}; name another file with --out"
        ) from error


def _show_check(found: Check, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        show_json({**asdict(found), "ready": found.ready})
        return
    facts, now = found.facts, found.now
    rows = [
        (
            "board",
            f"{found.board}{' (emulated: ' + facts['emulated'] + ')' if facts.get('emulated') else ''}",
        ),
        ("model", facts.get("model") or facts.get("processor") or "–"),
        ("system", " ".join(str(facts.get(key, "")) for key in ("os", "kernel", "machine")).strip()),
        ("Python", f"{facts.get('python', '–')} ({facts.get('executable', '–')})"),
        ("onnxruntime", f"{facts.get('onnxruntime', '–')}: {', '.join(facts.get('providers', ())) or '–'}"),
        ("cores, memory", f"{facts.get('cores', 0):g}, {with_unit(facts.get('memory_bytes'), 'bytes')}"),
        ("governor, power mode", f"{facts.get('governor', '–')}, {facts.get('power_mode', '–')}"),
    ]
    if now is not None:
        rows.append(("temperature", "–" if now.temperature_c is None else f"{now.temperature_c:.1f} °C"))
        rows.append(("clock", "–" if now.clock_hz is None else f"{now.clock_hz / 1e6:.0f} MHz"))
    show_table(("", "what is there"), rows)
    for package, use, hint in found.missing:
        typer.echo(f"missing: {package} ({use}). {hint}")
    typer.echo(f"\n{'Ready to measure.' if found.ready else found.problem}")


def _show_trial(trial: BoardTrial) -> None:
    from workbench.board_records import BOARD_STAGES

    where = {"local": "this machine, not a board", "emulated": f"NOT a board's times: {trial.emulated}"}
    typer.echo(
        f"\n{trial.board} ({where.get(trial.kind, trial.facts.get('model') or 'board')}): {trial.model}"
        f"{' with RANDOM weights' if trial.weights == 'random' else ''} cut at {trial.split}, {trial.codec} "
        f"{trial.settings}, {trial.precision}, {trial.provider}, codec by {trial.codec_path}"
    )
    rows = []
    for run in trial.runs:
        stages = [
            with_unit(run.stages[one].median if one in run.stages else None, "s") for one in BOARD_STAGES
        ]
        total, shown = run.total, f"{run.way}, {run.mode}"
        tail = (
            with_unit(total.median if total else None, "s"),
            with_unit(total.p95 if total else None, "s"),
            with_unit(run.sent_bytes, "bytes") if run.mode == "chain" or run.way == "split" else "–",
            f"{total.n if total else 0} of {len(run.rows)}",
        )
        rows.append((shown, *stages, *tail))
    show_table(("median of", *BOARD_STAGES, "total", "p95", "payload", "clean runs"), rows)
    checks = trial.checks
    if checks:
        typer.echo(
            f"features differ from those here by at most {checks['max_abs_difference']:.3g}; payload "
            f"{'has the same bytes as here' if checks['same_bytes_as_here'] else 'DIFFERS from ours'}; "
            f"answer {'the same' if checks['same_answer'] else 'NOT the same'} as the unsplit network's; "
            f"round trip {with_unit(trial.rtt_s, 's')}"
        )
    typer.echo(_conditions(trial))
    for run in trial.runs:
        for problem in run.problems:
            typer.echo(f"NOT USABLE ({run.way}, {run.mode}): {problem}")
    for way, note in trial.context.get("notes", {}).items():
        typer.echo(f"{way}: {note}")
    if trial.cancelled:
        typer.echo("Stopped early; the numbers are of the runs that were finished.")


def _conditions(trial: BoardTrial) -> str:
    """What the board's sensors said meanwhile, in a line."""
    samples = [sample for run in trial.runs for sample in run.samples]

    def span(name: str, scale: float, unit: str) -> str:
        values = [value * scale for sample in samples if (value := getattr(sample, name)) is not None]
        return f"{min(values):.1f} to {max(values):.1f} {unit}" if values else ""

    energy = [run.energy_j for run in trial.runs if run.way == "split" and run.energy_j is not None]
    told = {
        "temperature": span("temperature_c", 1, "°C"),
        "clock": span("clock_hz", 1e-6, "MHz"),
        "GPU clock": span("gpu_clock_hz", 1e-6, "MHz"),
        "power": span("power_w", 1, "W"),
        "energy": f"{1000 * energy[0]:.3g} mJ an inference" if energy else "",
        "agent's memory": with_unit(trial.peak_memory_bytes, "bytes"),
    }
    return "meanwhile: " + ", ".join(f"{name} {text or 'not told'}" for name, text in told.items())
