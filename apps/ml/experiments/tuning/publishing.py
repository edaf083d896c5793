"""A study in the tracking store: one run of the study, and a run inside it for each trial, each logged once.

They lie in an experiment of their own, `<data set> tuning`, and are never complete runs: no model comes of them.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.experiments import tags
from apps.ml.experiments.fingerprint import dvc_digest
from apps.ml.experiments.provenance import commit_of
from apps.ml.experiments.run_content import stored_name
from apps.ml.experiments.tracking import TrackingStore, answering_store
from apps.ml.experiments.tuning.outcome import Outcome
from apps.ml.experiments.tuning.records import TrialRecord
from apps.ml.experiments.tuning.study import OpenStudy

STUDY = "fairmind.study"
TRIAL = "fairmind.trial"
STATE = "fairmind.trial_state"
REASON = "fairmind.trial_reason"
PARENT = "mlflow.parentRunId"
MOST_RUNS = 1000
CONTEXT = {"train": "training", "validation": "validation"}


def publish_study(paths: ArtifactPaths, outcome: Outcome, report: Path, study: OpenStudy) -> str:
    """Log a study and those of its trials that are not logged yet; return the id of the study's run.

    Doing it again adds what is new: trials that were finished since, and the newer report. The lock of the study is
    held, so that two processes, also of two machines, do not log a trial twice.

    Raises
    ------
    ServiceUnavailableError
        The tracking store does not answer.
    """
    with study.lock, answering_store() as store, store.locked():
        experiment = store.experiment_id(f"{outcome.problem.schema.dataset} tuning")
        parent = _parent(store, experiment, paths, outcome)
        logged = _logged(store, experiment, parent)
        for record in outcome.records:
            if logged.get(str(record.number)) != "FINISHED":
                _log_trial(store, experiment, parent, outcome, record)
        _log_result(store, parent, outcome)
        store.client.log_artifacts(parent, str(report), "tuning")
        store.client.set_terminated(parent, "FINISHED")
    return parent


def _parent(store: TrackingStore, experiment: str, paths: ArtifactPaths, outcome: Outcome) -> str:
    found = store.client.search_runs(
        [experiment], f"tags.`{STUDY}` = '{outcome.name}' and tags.`{TRIAL}` = 'all'", max_results=1
    )
    if found:
        return str(found[0].info.run_id)
    content = outcome.to_dict()
    facts = {
        tags.DATASET: outcome.problem.schema.dataset,
        tags.DATA: dvc_digest(paths.processed),
        tags.COMMIT: commit_of(paths.root).name,
        "fairmind.study_identity": json.dumps(content["identity"]),
    }
    made = store.client.create_run(experiment, run_name=outcome.name, tags={**facts, STUDY: outcome.name, TRIAL: "all"})
    run = str(made.info.run_id)
    _log_inputs(store, run, paths, outcome)
    for key in ("sampler", "pruner", "seed", "metric", "unfairness"):
        store.client.log_param(run, key, str(content[key]))
    store.client.log_param(run, "validation", f"{outcome.problem.method}, {len(outcome.problem.folds)} folds")
    return run


def _log_inputs(store: TrackingStore, run: str, paths: ArtifactPaths, outcome: Outcome) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    schema, folder = outcome.problem.schema, ArtifactPaths().processed.as_posix()
    inputs = [
        DatasetInput(
            Dataset(
                name=f"{schema.dataset} {split}",
                digest=dvc_digest(paths.processed / f"{split}.parquet"),
                source_type="local",
                source=json.dumps({"uri": f"{folder}/{split}.parquet", "source": schema.source_digest}),
                profile=json.dumps({"num_rows": schema.rows.get(split)}),
            ),
            [InputTag("mlflow.data.context", context)],
        )
        for split, context in CONTEXT.items()
    ]
    store.client.log_inputs(run, inputs)


def _logged(store: TrackingStore, experiment: str, parent: str) -> dict[str, str]:
    """Return number of the trial → status of its run, and delete the runs that were left half-way."""
    found: dict[str, str] = {}
    token = None
    while True:
        page = store.client.search_runs(
            [experiment], f"tags.`{PARENT}` = '{parent}'", max_results=MOST_RUNS, page_token=token
        )
        for run in page:
            if run.info.status == "FINISHED":
                found[run.data.tags[TRIAL]] = run.info.status
            else:
                store.client.delete_run(run.info.run_id)
        token = page.token
        if not token:
            return found


def _log_trial(store: TrackingStore, experiment: str, parent: str, outcome: Outcome, record: TrialRecord) -> None:
    from mlflow.entities import Metric, Param, RunTag

    facts = {PARENT: parent, STUDY: outcome.name, TRIAL: str(record.number), STATE: record.state}
    run = str(
        store.client.create_run(
            experiment,
            run_name=f"{record.estimator} {record.number}",
            tags={**facts, tags.DATASET: outcome.problem.schema.dataset},
        ).info.run_id
    )
    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, record.spent) for name, value in _numbers(record, outcome).items()]
    metrics += [Metric("loss_by_resource", loss, now, units) for units, loss in record.looks]
    params = [Param(stored_name(name), str(value)) for name, value in _tried(record).items()]
    said = [RunTag(REASON, tags.shortened(record.reason))] if record.reason else []
    store.client.log_batch(run, metrics=metrics, params=params, tags=said)
    store.client.set_terminated(run, "FINISHED")


def _tried(record: TrialRecord) -> dict[str, Any]:
    kept = {} if record.kept is None else {f"kept_{record.resource}": record.kept}
    return {"estimator": record.estimator, **record.options, **kept}


def _numbers(record: TrialRecord, outcome: Outcome) -> Mapping[str, float]:
    named = {} if record.loss is None else {outcome.problem.loss.name: outcome.problem.loss.metric(record.loss)}
    numbers = {
        "loss": record.loss,
        "loss_standard_error": record.loss_error,
        "unfairness": record.unfairness,
        "unfairness_standard_error": record.unfairness_error,
        "resource_spent": record.spent,
        "whole_trials_spent": record.share_spent,
        "seconds": record.seconds,
        **named,
    }
    return {name: float(value) for name, value in numbers.items() if value is not None}


def _log_result(store: TrackingStore, run: str, outcome: Outcome) -> None:
    numbers = {f"trials_{state}": outcome.count(state) for state in ("complete", "pruned", "failed")}
    seconds = sum(record.seconds for record in outcome.records)
    for name, value in {**numbers, "whole_trials_spent": outcome.spent, "trial_seconds": seconds}.items():
        store.client.log_metric(run, name, float(value))
    if outcome.best.loss is not None:
        store.client.log_metric(run, "best_loss", outcome.best.loss)
    chosen = outcome.picked.record
    store.client.set_tag(run, "fairmind.winner", "none" if chosen is None else str(chosen.number))
    for path, value in outcome.values.items():
        store.client.set_tag(run, f"winner.{stored_name(path)}", str(value))
