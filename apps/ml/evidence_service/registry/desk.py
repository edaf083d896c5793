"""Everything that routes ask of the registry, done beside the event loop."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from prometheus_client.core import GaugeMetricFamily, Metric

from apps.ml.deployment.protection.admin_log import AdminLog
from apps.ml.deployment.requests.refusals import RefusalError
from apps.ml.evidence_service.options import Options
from apps.ml.evidence_service.registry import refused
from apps.ml.evidence_service.registry.acts import Act, Acts
from apps.ml.evidence_service.registry.documents import Document, document_of, documents_of
from apps.ml.evidence_service.registry.evidence_reading import StoredRecord, record_of
from apps.ml.evidence_service.registry.kept import Kept
from apps.ml.evidence_service.registry.lineage_graph import graph_of
from apps.ml.evidence_service.registry.published_runs import PublishedRun, PublishedRuns
from apps.ml.evidence_service.registry.refused import TooSlowError
from apps.ml.evidence_service.registry.shapes import (
    DocumentEntries,
    LineageGraph,
    ModelEntries,
    ModelEntry,
    Promoted,
    RolledBack,
    VersionComparison,
    VersionDetails,
    VersionEntries,
)
from apps.ml.evidence_service.registry.store_watch import StoreWatch
from apps.ml.evidence_service.registry.store_work import StoreWork, Turn
from apps.ml.evidence_service.registry.version_comparison import Comparing
from apps.ml.evidence_service.registry.version_details import details_of
from apps.ml.evidence_service.registry.version_reading import (
    entry_of,
    former_champions,
    version_named,
    versions_named,
)
from apps.ml.experiments import registry
from apps.ml.experiments.tracking import TrackingStore

SMALL_BYTES = 2_000_000
"""Of titles, which are a few words each."""

T = TypeVar("T")


class RegistryDesk:
    """Reads and changes the registry; every method raises :class:`RefusalError` for what it cannot give."""

    def __init__(self, store: StoreWatch, options: Options) -> None:
        bounds = options.bounds
        self._store, self._bounds = store, bounds
        self._reading = StoreWork(store, bounds.reading_threads, bounds.reading_seconds)
        self._comparing = StoreWork(store, bounds.comparing_threads, bounds.comparing_seconds)
        self._changing = StoreWork(store, 1, bounds.changing_seconds)
        self._runs = PublishedRuns()
        adminlog = None if options.engine is None else AdminLog(options.engine)
        self._acts = Acts(adminlog, options.workspace, self._runs)
        self._comparisons = Comparing(options.workspace, self._runs, Kept(bounds.kept_bytes))
        self._records: Kept[str, StoredRecord] = Kept(bounds.kept_bytes)
        self._titles: Kept[str, str] = Kept(SMALL_BYTES)

    async def models(self) -> ModelEntries:
        """Return all registered models."""
        return await self._reading.do(self._models)

    async def versions(self, model: str) -> VersionEntries:
        """Return the versions of a model."""
        return await self._reading.do(partial(self._versions, model=model))

    async def version(self, model: str, number: str) -> VersionDetails:
        """Return one version with what was judged and measured."""

        def read(store: TrackingStore) -> VersionDetails:
            found = version_named(store, model, number)
            return details_of(store, found, former_champions(store, model), self._runs.of(store, found))

        return await self._reading.do(read)

    async def record(self, model: str, number: str) -> StoredRecord:
        """Return the evidence record of a version."""
        return await self._reading.do(
            lambda store: self._record(store, version_named(store, model, number)), ("record", model, number)
        )

    async def documents(self, model: str, number: str) -> DocumentEntries:
        """Return what documents a version has."""
        listed = await self._reading.do(lambda store: documents_of(self._run(store, model, number)))
        return DocumentEntries(documents=listed)

    async def document(self, model: str, number: str, name: str) -> tuple[Document, bytes]:
        """Return one document and its content."""
        most = self._bounds.document_bytes
        return await self._reading.do(lambda store: document_of(self._run(store, model, number), name, most))

    async def lineage(self, model: str, number: str) -> LineageGraph:
        """Return the way back from a version."""

        def read(store: TrackingStore) -> LineageGraph:
            found = version_named(store, model, number)
            return graph_of(store, found, self._runs.of(store, found))

        return await self._reading.do(read)

    async def comparison(self, model: str, numbers: Sequence[str]) -> VersionComparison:
        """Return versions side by side; the first is the baseline."""
        work = partial(self._comparisons.compare, model=model, numbers=numbers)
        return await self._comparing.do(work, ("comparison", model, *numbers))

    async def promote(self, model: str, number: str, act: Act) -> Promoted:
        """Make a version the champion, if verdict and comparison allow it."""
        return await self._change(lambda store, turn: self._acts.promote(store, model, number, act, turn))

    async def roll_back(self, model: str, act: Act) -> RolledBack:
        """Make the champion before the present one champion again."""
        return await self._change(lambda store, turn: self._acts.roll_back(store, model, act, turn))

    async def finish(self) -> None:
        """Wait for what has begun, acts first."""
        for work in (self._changing, self._reading, self._comparing):
            await work.finish()

    def metrics(self) -> Iterable[Metric]:
        """Return what is shown of the store, its threads and what is kept."""
        answers = float(self._store.state.trouble is None)
        yield GaugeMetricFamily("fairmind_tracking_store_up", "1 where the tracking store answers.", value=answers)
        threads = GaugeMetricFamily("fairmind_store_threads_busy", "Threads that work with it.", labels=["work"])
        for name, work in (("reading", self._reading), ("comparing", self._comparing), ("changing", self._changing)):
            threads.add_metric([name], work.at_work)
        yield threads
        kept = self._records.bytes + self._comparisons.kept.bytes + self._runs.kept.bytes + self._titles.bytes
        yield GaugeMetricFamily("fairmind_kept_bytes", "What was read and is kept in memory.", value=float(kept))

    async def _change(self, act: Callable[[TrackingStore, Turn], T]) -> T:
        turn = Turn()
        try:
            return await self._changing.do(lambda store: act(store, turn))
        except TooSlowError:
            raise (refused.not_begun() if turn.give_up() else refused.outcome_unknown()) from None

    def _models(self, store: TrackingStore) -> ModelEntries:
        return ModelEntries(models=[self._model(store, name) for name in registry.model_names(store)])

    def _model(self, store: TrackingStore, name: str) -> ModelEntry:
        versions = registry.list_versions(store, name)
        aliases = {alias: one.number for one in versions for alias in one.aliases}
        newest = versions[0].number if versions else None
        title = self._title(store, versions[0]) if versions else None
        return ModelEntry(name=name, title=title, aliases=dict(sorted(aliases.items())), newest=newest)

    def _title(self, store: TrackingStore, version: registry.Version) -> str | None:
        """Return the title of the data set, as the record says; a record that cannot be had hides no model."""
        key = f"{version.name}/{version.number}"
        found = self._titles.get(key)
        if found is None:
            try:
                found = self._record(store, version).title or ""
            except RefusalError:
                return None
            self._titles.keep(key, found, len(key) + len(found))
        return found or None

    def _run(self, store: TrackingStore, model: str, number: str) -> PublishedRun | None:
        return self._runs.of(store, version_named(store, model, number))

    def _record(self, store: TrackingStore, version: registry.Version) -> StoredRecord:
        run = self._runs.of(store, version)
        return record_of(version, run, self._records, self._bounds.document_bytes)

    def _versions(self, store: TrackingStore, model: str) -> VersionEntries:
        found, former = versions_named(store, model), former_champions(store, model)
        return VersionEntries(versions=[entry_of(one, former, self._runs.of(store, one)) for one in found])
