"""`workbench run`: one measured combination of network, split, codec and link."""

from __future__ import annotations

import sys
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.cli.choices import (
    Classes,
    InputSize,
    Mean,
    Pretrained,
    Std,
    Weights,
    load,
    settings,
    settings_for,
)
from workbench.cli.output import Json, show_json, show_table, with_unit
from workbench.errors import SettingError, UnknownNameError
from workbench.numbers import significant

if TYPE_CHECKING:
    from workbench.fidelity_records import FidelityReport, PathFidelity
    from workbench.records import Trial

_SAID = {
    "cka": "linear, unbiased: likeness of the features of all samples, 1 for the same",
    "agreement": "same best class as unsplit; 95 % interval (Wilson)",
    "agreement_top5": "unsplit best class among the best 5; 95 % interval (Wilson)",
}
WAYS = ("split", "all on the board", "all on the server")


def run(
    model: Annotated[str, typer.Argument(help="A network: a name, or package.module:factory of your own.")],
    split: Annotated[str, typer.Option(help="Where to cut: a name from `workbench split-points MODEL`.")],
    codec: Annotated[
        str | None,
        typer.Option(
            help="A name from `workbench codecs`. [default: rans-csr; with --restorer the one it goes with]"
        ),
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the codec, such as bits=4; repeatable.")
    ] = None,
    images: Annotated[
        str | None,
        typer.Option(
            "--images",
            "--data",
            help="digits, photographs, torchvision/CIFAR10 or another data set of it, a folder (one folder a "
            "class) or a file. [default: the network's own]",
        ),
    ] = None,
    link: Annotated[
        str, typer.Option(help="A name from `workbench links`, or one of your own.")
    ] = "lte-cat4",
    link_setting: Annotated[
        list[str] | None,
        typer.Option("--link-set", help="Number of the link, such as rtt_s=0.02; repeatable."),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(help="So many pictures, spread over all. [default: up to 64; --metrics up to 500]"),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Also compare features and answers with the unsplit network: all, or some of "
            "mse,relative_mse,psnr,cosine,ssim,cka,kl,agreement,agreement_top5,accuracy."
        ),
    ] = None,
    restorer: Annotated[
        Path | None,
        typer.Option(
            help="A bundle of `workbench train`: its path beside the decoded one; asks for --metrics."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the order of samples, on which cka depends.")] = 0,
    repeats: Annotated[int, typer.Option(help="How often each stage is timed.")] = 7,
    several: Annotated[bool, typer.Option(help="Allow a cut where several tensors cross.")] = False,
    pretrained: Pretrained = None,
    weights: Weights = None,
    input_size: InputSize = None,
    mean: Mean = None,
    std: Std = None,
    classes: Classes = None,
    as_json: Json = False,
) -> None:
    """Measure one split: bytes, fidelity, latency.

    Payloads are really encoded and decoded, stages are timed on this machine, the link is computed. Beside
    it: the whole network on the board, and the picture sent as JPEG to the server. With --metrics also how
    near features and answers are to those of the unsplit network, over many samples.

    \b
    Examples:
      workbench run digits-resnet --split layer2
      workbench run digits-vit --split blocks.2 --codec onebit --link ble5
      workbench run resnet50 --no-pretrained --split layer2 --set bits=3 --images photographs
      workbench run digits-resnet --split layer2 --codec onebit --metrics all --samples 450
      workbench run digits-resnet --split layer2 --metrics ssim,cosine --restorer out/qcnet-h-0.safetensors
      workbench run mypackage.nets:small --weights small.safetensors --input-size 3x32x32 \\
          --classes classes.txt --images test/ --split layer2 --samples 200 --json
    """
    from workbench.codecs import codec as make_codec
    from workbench.experiments import fidelity
    from workbench.experiments import run as measure
    from workbench.experiments.choices import default_samples
    from workbench.links import link as make_link
    from workbench.models import split as cut

    wanted = _wanted(metrics, restorer)
    if codec is None and setting and restorer is not None:
        raise SettingError("--set needs --codec beside --restorer, which has a codec of its own")
    channel = make_link(link, **settings(link_setting or ()))
    network = load(model, pretrained, weights, input_size, mean, std, classes)
    place = cut(network, split, several=several)
    progress = _tell if sys.stderr.isatty() else None
    name = codec or ("rans-csr" if restorer is None else "")
    coder: Any = make_codec(name, **settings_for(name, setting or ())) if name else None
    trained = None
    if restorer is not None:
        from workbench.experiments.fidelity_restorer import restorer_of

        trained = restorer_of(restorer, place, coder)
        coder = trained.codec
    usual = default_samples(network)
    trial = measure(
        network,
        place,
        coder,
        images,
        link=channel,
        samples=samples if not wanted or samples is None else min(samples, usual),
        repeats=repeats,
        progress=progress,
    )
    report = None
    if wanted:
        report = fidelity(
            network, place, coder, images, restorer=trained, samples=samples, seed=seed, progress=progress
        )
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", nl=False, err=True)
    if as_json:
        show_json({**trial.to_dict(), **({} if report is None else {"fidelity": _chosen(report, wanted)})})
        return
    _show(trial)
    if report is not None:
        _show_fidelity(report, wanted)


def _wanted(metrics: str | None, restorer: Path | None) -> tuple[str, ...]:
    """The metrics that are asked for, in their own order."""
    from workbench.fidelity_records import METRICS

    if metrics is None:
        return METRICS if restorer is not None else ()
    names = [name.strip() for name in metrics.split(",") if name.strip()]
    for name in names:
        if name not in (*METRICS, "all"):
            raise UnknownNameError("metric", name, ("all", *METRICS))
    if not names:
        raise SettingError("--metrics is empty; it takes all, or names such as ssim,cosine")
    return METRICS if "all" in names else tuple(name for name in METRICS if name in names)


def _chosen(report: FidelityReport, wanted: tuple[str, ...]) -> dict[str, Any]:
    """The report with the metrics that are wanted alone."""
    found = report.to_dict()
    found["paths"] = {
        path: {name: value for name, value in numbers.items() if name in (*wanted, "notes")}
        for path, numbers in found["paths"].items()
    }
    return found


def _show_fidelity(report: FidelityReport, wanted: tuple[str, ...]) -> None:
    """A table like the QCNet paper's table 5: a metric a row, a path a column."""
    size = report.payload_bytes
    typer.echo(
        f"\nfidelity over {report.samples} samples of {report.pictures}; payload "
        f"{with_unit(size.mean, 'bytes')} (from {with_unit(size.quantile(0.0), 'bytes')} to "
        f"{with_unit(size.quantile(1.0), 'bytes')}); labels: {report.labels_note}"
    )
    if report.restorer is not None:
        typer.echo(f"restorer: {report.restorer}")
    rows = []
    for name in wanted:
        cells = [_cell(one, name) for one in report.paths]
        if any(cells):
            rows.append((name.replace("_", " "), *(cell or "–" for cell in cells), _about(report, name)))
    show_table(("metric", *(one.path for one in report.paths), "how"), rows)
    missing = [name for name in wanted if name not in report.metrics]
    if missing:
        typer.echo(f"not here: {', '.join(missing)}")
    for note in dict.fromkeys((*report.notes, *(note for one in report.paths for note in one.notes))):
        typer.echo(f"  {note}")


def _cell(one: PathFidelity, name: str) -> str:
    """Mean and spread over samples, or a share with its interval."""
    if name in one.distributions:
        found = one.distributions[name]
        unit = f" {found.unit}" if found.unit else ""
        if not isfinite(found.mean):
            return f"∞{unit}"
        return f"{significant(found.mean)} ± {significant(found.std)}{unit}"
    share = getattr(one, name, None)
    if share is None:
        return ""
    if isinstance(share, float):
        return significant(share)
    return f"{100 * share.value:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})"


def _about(report: FidelityReport, name: str) -> str:
    found = report.paths[0].distributions.get(name)
    if found is not None:
        return f"{found.how}; mean ± standard deviation"
    unsplit = report.accuracy_unsplit
    if name == "accuracy" and unsplit is not None:
        return f"label is the best class; unsplit {100 * unsplit.value:.1f} %; 95 % interval (Wilson)"
    return _SAID.get(name, "")


def _tell(done: int, total: int, what: str) -> None:
    typer.echo(f"\r\x1b[K{what} {done}/{total}", nl=False, err=True)


def _show(trial: Trial) -> None:
    chosen = ", ".join(f"{name}={_short(value)}" for name, value in trial.settings.items())
    typer.echo(f"{trial.model} cut at {trial.split}, {trial.codec} ({chosen}) over {trial.link}")
    typer.echo(
        f"  network: {'RANDOM WEIGHTS, ' if trial.weights == 'random' else ''}{trial.context['weights_note']}"
    )
    typer.echo(
        f"  pictures: {trial.samples} of {trial.context['pictures']}; labels: {trial.context['labels']}"
    )
    typer.echo(f"  calibration: {trial.context['calibration']}\n")
    show_table(
        ("number", "value", "", "how"),
        [
            (name.replace("_", " "), with_unit(found.value, found.unit), found.origin, found.how)
            for name, found in trial.quantities.items()
        ],
    )
    typer.echo("\nthe first payload")
    show_table(
        ("  part", "bytes", "what it is"),
        [(f"  {part.name}", f"{part.nbytes:,}", part.meaning) for part in trial.description.parts],
    )
    typer.echo("\nlatency of one picture; transfer is computed, the rest measured here")
    ways = (trial.latency, trial.all_edge, trial.all_server)
    show_table(
        ("  stage", *WAYS),
        [
            (f"  {stage}", *(_seconds(getattr(way, stage)) for way in ways))
            for stage in ("edge", "encode", "transfer", "decode", "server", "total")
        ],
    )
    if trial.context["unsteady"]:
        stages = ", ".join(trial.context["unsteady"])
        typer.echo(f"\nunsteady, as the machine was busy: {stages}; measure again or raise --repeats")


def _seconds(quantity: object) -> str:
    value = getattr(quantity, "value", None)
    return with_unit(value, "s")


def _short(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_short(one) for one in value)})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
