"""One complete run per fingerprint: written once, reused afterwards, replaced if it ended half-way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.ml.artifact_paths import LOCK_FILE, ArtifactPaths
from apps.ml.errors import BadInputError
from apps.ml.experiments import registry, tags
from apps.ml.experiments.champion_comparison import ChampionComparison, compare_with_champion, log_comparison
from apps.ml.experiments.fingerprint import Fingerprint, fingerprint_of, recorded_fingerprint
from apps.ml.experiments.provenance import commit_of, dvc_experiment, git_output
from apps.ml.experiments.registry import Version
from apps.ml.experiments.run_writing import describe_verdict, write_run
from apps.ml.experiments.runs import complete_run, discard_incomplete_runs
from apps.ml.experiments.tracking import TrackingStore, answering_store
from apps.ml.files import read_json
from apps.ml.parameters import Parameters, read_parameters


@dataclass(frozen=True)
class Publication:
    """What a publication left in the store; `version` is None in a DVC experiment, `reused`: the run was there.

    `comparison` with the champion: None where the version had no occasion to become champion.
    """

    run_id: str
    version: str | None
    reused: bool
    comparison: ChampionComparison | None = None


def publish(
    paths: ArtifactPaths, registration: Mapping[str, Any], fingerprint: Fingerprint | None = None
) -> Publication:
    """Publish what the pipeline left below `paths.root`; doing it again changes nothing.

    Parameters
    ----------
    registration
        Content of registration.json: the verdict, the gates, the fingerprint that they judged.
    fingerprint
        None: computed here.

    Raises
    ------
    BadInputError
        The outputs are not those that were judged, or not those that dvc.lock records.
    ServiceUnavailableError
        The tracking store does not answer.
    """
    found = fingerprint or fingerprint_of(paths)
    if registration["fingerprint"] != found.value:
        raise BadInputError("The gates judged other outputs than the present ones. Run `dvc repro`.")
    parameters = read_parameters(paths.parameters)
    with answering_store() as store, store.locked():
        return _publish(store, paths, parameters, registration, found)


def publish_working_tree(paths: ArtifactPaths) -> Publication:
    """Publish what the last pipeline run judged, for a store that has not seen it.

    Raises
    ------
    BadInputError
        There is no verdict, or it is one about other outputs.
    """
    verdict = paths.metric("registration")
    if not verdict.exists():
        raise BadInputError(f"{verdict} does not exist. Run `dvc repro` first.")
    return publish(paths, read_json(verdict))


def _publish(
    store: TrackingStore,
    paths: ArtifactPaths,
    parameters: Parameters,
    registration: Mapping[str, Any],
    fingerprint: Fingerprint,
) -> Publication:
    experiment_id = store.experiment_id(parameters.data_processing.dataset)
    run = complete_run(store, experiment_id, fingerprint.value)
    reused = run is not None
    if run is None:
        discard_incomplete_runs(store, experiment_id, fingerprint.value)
        run_id = write_run(store, experiment_id, paths, parameters, fingerprint, registration)
    else:
        run_id = run.info.run_id
        _name_clean_commit(store, run, paths)
        describe_verdict(store, run_id, registration)
    version, comparison = _settle(store, run_id, paths, parameters)
    return Publication(run_id, version, reused, comparison)


def _name_clean_commit(store: TrackingStore, run: Any, paths: ArtifactPaths) -> None:
    """Where a run was made from changes that were not committed and by now are, name the commit that holds them."""
    commit = commit_of(paths.root)
    if run.data.tags.get(tags.DIRTY) == "true" and not commit.dirty and dvc_experiment() is None:
        store.client.set_tag(run.info.run_id, tags.COMMIT, commit.name)
        store.client.set_tag(run.info.run_id, tags.MLFLOW_COMMIT, commit.name)
        store.client.set_tag(run.info.run_id, tags.DIRTY, "false")


def _list_below_baseline(store: TrackingStore, run_id: str, paths: ArtifactPaths, baseline: str) -> None:
    """Let MLflow list an experiment's run below the run that the dvc.lock of its baseline records, if there is one."""
    lock = git_output(paths.root, "show", f"{baseline}:{LOCK_FILE}")
    fingerprint = recorded_fingerprint(lock) if lock else None
    run = store.client.get_run(run_id)
    parent = complete_run(store, run.info.experiment_id, fingerprint) if fingerprint else None
    if parent is not None and parent.info.run_id != run_id and tags.PARENT not in run.data.tags:
        store.client.set_tag(run_id, tags.PARENT, parent.info.run_id)


def _settle(
    store: TrackingStore, run_id: str, paths: ArtifactPaths, parameters: Parameters
) -> tuple[str | None, ChampionComparison | None]:
    """Outside experiments make the run's version the candidate; in one, note the experiment's name on the run."""
    experiment = dvc_experiment()
    if experiment is not None:
        store.client.set_tag(run_id, tags.EXPERIMENT + experiment.name, experiment.baseline)
        _list_below_baseline(store, run_id, paths, experiment.baseline)
        return None, None
    run = store.client.get_run(run_id)
    made: list[ChampionComparison] = []

    def admits(version: Version) -> bool:
        made.append(compare_with_champion(store, run, paths))
        log_comparison(store, made[0], run_id, version)
        return made[0].promotes

    rules = parameters.model_registration
    version = registry.register_candidate(store, run, rules.promote_passing, admits)
    return version.number, made[0] if made else None
