"""The real work behind the Fidelity app: the Explorer's desk, and both paths over many samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.fidelity_records import ChannelMaps, Embedding, FidelityReport
from workbench.saliency_records import SaliencyReport
from workbench.session.desk import Desk, thumbnail_of
from workbench.session.fidelity_work import Counts, FidelityChoice, RestorerEntry
from workbench.session.work import Report, Thumbnail

if TYPE_CHECKING:
    from workbench.codecs import Codec
    from workbench.experiments.fidelity_store import SampleStore
    from workbench.models import Split

_USUAL = 200  # of small inputs: t-SNE of so many comes within seconds


class FidelityDesk(Desk):
    """`FidelityWork` on this machine; one store keeps the features of each sample for all views."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: SampleStore | None = None
        self._restored: tuple[Any, Any] = (None, None)

    def restorers(self) -> tuple[RestorerEntry, ...]:
        """Every bundle that can be chosen by name."""
        from workbench.experiments.bundles import bundles

        return tuple(_entry(one) for one in bundles())

    def restorer(self, name: str) -> RestorerEntry:
        """A bundle by name or path."""
        from workbench.experiments.bundles import bundle

        return _entry(bundle(name))

    def classes(self, choice: FidelityChoice, report: Report) -> tuple[str, ...]:
        """Class names of the network; empty where it has none."""
        return tuple(self._load(choice, report)[0].classes or ())

    def counts(self, choice: FidelityChoice, report: Report) -> Counts:
        """As many samples as take some seconds."""
        from workbench.experiments.fidelity_samples import usual_samples

        model, source = self._load(choice, report)[0], self._source(choice, report)[0]
        return Counts(min(_USUAL, usual_samples(model)), len(source))

    def sample(self, choice: FidelityChoice, row: int) -> Thumbnail:
        """The picture of a sample, as `Pictures.sample` spreads them over the source."""
        source, name = self._source(choice, _nothing)
        count = min(choice.samples or len(source), len(source))
        place = row * len(source) // count
        return thumbnail_of(f"{name}/{place}", source[place])

    def report(self, choice: FidelityChoice, report: Report) -> FidelityReport:
        """Numbers of both paths over all samples."""
        from workbench.experiments.fidelity_report import fidelity

        split, coder, restorer = self._cut(choice, report)
        return fidelity(
            split.model, split, coder, self._source(choice, report)[0], restorer=restorer,
            samples=choice.samples, store=self._store(), progress=report,
        )  # fmt: skip

    def space(self, choice: FidelityChoice, report: Report) -> Embedding:
        """The samples as points."""
        report(0, 1, "loading scikit-learn")
        from workbench.experiments.fidelity_space import feature_space

        split, coder, restorer = self._cut(choice, report)
        return feature_space(
            split.model, split, coder, self._source(choice, report)[0], restorer=restorer,
            samples=choice.samples, store=self._store(), progress=report,
        )  # fmt: skip

    def maps(self, choice: FidelityChoice, report: Report) -> ChannelMaps:
        """The channels of the chosen picture."""
        from workbench.experiments.fidelity_channels import channel_maps

        split, coder, restorer = self._cut(choice, report)
        picture = self._picture(choice, report)
        return channel_maps(
            split.model, split, coder, picture, restorer=restorer, store=self._store(), progress=report
        )

    def saliency(self, choice: FidelityChoice, report: Report) -> SaliencyReport:
        """Where the network looks on the chosen picture."""
        report(0, 1, "loading pytorch-grad-cam")
        from workbench.experiments.saliency_maps import saliency

        split, coder, restorer = self._cut(choice, report)
        target: int | str | None = choice.target or None
        if target is not None and not split.model.classes and choice.target.isdigit():
            target = int(choice.target)
        return saliency(
            split.model, split, coder, self._picture(choice, report), choice.method, target,
            restorer=restorer, workspace=self._space(), progress=report,
        )  # fmt: skip

    def told(self) -> tuple[tuple[str, bool, float], ...]:
        """Steps since this was last asked; those of many samples added up."""
        log = self._store().log
        found: dict[str, tuple[int, float]] = {}
        while log:
            step, computed, _known, seconds = log.popleft()
            before = found.get(step, (0, 0.0))
            found[step] = before[0] + computed, before[1] + seconds
        steps = tuple((step, computed == 0, seconds) for step, (computed, seconds) in found.items())
        return (*super().told(), *steps)

    def _store(self) -> SampleStore:
        if self._kept is None:
            from workbench.experiments.fidelity_store import SampleStore

            self._kept = SampleStore()
        return self._kept

    def _cut(self, choice: FidelityChoice, report: Report) -> tuple[Split, Codec | None, Any]:
        """The split, the codec (None for the restorer's own) and the restorer, each loaded once."""
        from workbench.codecs import codec
        from workbench.experiments.bundles import bundle
        from workbench.experiments.fidelity_restorer import restorer_of

        split = self._space().split(self._load(choice, report)[0], choice.split)
        if not choice.restorer:
            return split, codec(choice.codec, **choice.settings), None
        found = bundle(choice.restorer)
        coder = codec(choice.codec, **choice.settings) if choice.codec == "onebit" else None
        key = (found.path, found.path.stat().st_mtime_ns, split.model.fingerprint, split.point, coder)
        if self._restored[0] != key:
            report(0, 1, f"loading {found.name}")
            self._restored = key, restorer_of(found.path, split, coder)
        return split, coder, self._restored[1]


def _entry(found: Any) -> RestorerEntry:
    return RestorerEntry(found.name, found.method, found.model, found.split, found.codec)


def _nothing(_done: int, _total: int, _what: str) -> None:
    """Tells nobody."""
