"""Writing one run: parameters, metrics, data set inputs, documents, figures, and the model with its exact bytes."""

import json
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apps.ml.artifact_paths import METRICS, SPLITS, ArtifactPaths
from apps.ml.data.processed import ProcessedSchema, read_schema
from apps.ml.evaluation.evidence import read_evidence
from apps.ml.experiments import tags
from apps.ml.experiments.costs import costs_of, together
from apps.ml.experiments.fingerprint import Fingerprint, dvc_digest
from apps.ml.experiments.provenance import NO_COMMIT, commit_of, dvc_experiment, environment_of
from apps.ml.experiments.run_content import FlatMetrics, flat_metrics, flat_parameters, stored_name
from apps.ml.experiments.tracking import TrackingStore
from apps.ml.files import read_json, rounded, sha256_of_file
from apps.ml.models.bundle import read_info
from apps.ml.models.model_code import SCRIPT, copy_model_code, pip_requirements
from apps.ml.models.signature import mlflow_signature
from apps.ml.parameters import Parameters

PER_BATCH = 90
"""MLflow takes 100 parameters or tags and 1000 metrics at once."""

METRICS_PER_BATCH = 900
REGISTRATION_FILE = ArtifactPaths().metric("registration").as_posix()
JUDGED_SECTIONS = {"gates": tags.GATE, "guards": tags.GUARD, "policy": tags.POLICY}
"""Section of registration.json → prefix of the tags that repeat its verdicts."""

RECORDS = ("dvc.lock", "dvc.yaml", "params.yaml")
ON_TEST_ROWS = ("performance.", "fairness.")
CONTEXT = {"train": "training", "validation": "validation", "test": "evaluation"}


def write_run(
    store: TrackingStore,
    experiment_id: str,
    paths: ArtifactPaths,
    parameters: Parameters,
    fingerprint: Fingerprint,
    registration: Mapping[str, Any],
) -> str:
    """Write a new run with its verdict and return its id; what marks it as complete is written last."""
    facts = _facts(paths, parameters, fingerprint)
    measured = flat_metrics({name: read_json(paths.metric(name)) for name in METRICS[:-1]})
    metrics = together(measured, costs_of(paths))
    with _new_run(store, experiment_id, parameters.model_training.estimator, fingerprint) as run_id:
        _log_tags(store, run_id, facts | _undefined(metrics) | _shown_by_mlflow(paths, parameters, facts))
        _log_parameters(store, run_id, flat_parameters(parameters))
        _log_inputs(store, run_id, paths)
        _log_documents(store, run_id, paths)
        model_id = _log_model(store, experiment_id, run_id, paths, facts)
        _log_metrics(store, run_id, metrics.values, model_id, _test_rows(paths))
        store.client.set_tag(run_id, tags.MODEL, model_id)
        describe_verdict(store, run_id, registration)
    store.client.set_tag(run_id, tags.COMPLETE, "true")
    return run_id


def describe_verdict(store: TrackingStore, run_id: str, registration: Mapping[str, Any]) -> None:
    """Say on a run what gates, guards and policy decided; said again when other rules judge the same evidence."""
    verdicts = {
        prefix + stored_name(name): str(judged["verdict"])
        for section, prefix in JUDGED_SECTIONS.items()
        for name, judged in registration.get(section, {}).items()
    }
    before = store.client.get_run(run_id).data.tags
    for name in before:
        if name.startswith(tuple(JUDGED_SECTIONS.values())) and name not in verdicts:
            store.client.delete_tag(run_id, name)
    _log_tags(store, run_id, {**verdicts, tags.VERDICT: str(registration["verdict"])})
    text = json.dumps(rounded(registration), indent=2, ensure_ascii=False)
    store.client.log_text(run_id, text, REGISTRATION_FILE)


@contextmanager
def _new_run(store: TrackingStore, experiment_id: str, estimator: str, fingerprint: Fingerprint) -> Iterator[str]:
    """Yield the id of a run that bears its fingerprint from the start, so that one that ended half-way is found."""
    found = {tags.FINGERPRINT: fingerprint.value}
    run = store.client.create_run(experiment_id, run_name=f"{estimator} {fingerprint.value[:8]}", tags=found)
    run_id = str(run.info.run_id)
    status = "FAILED"
    try:
        yield run_id
        status = "FINISHED"
    finally:
        store.client.set_terminated(run_id, status)


def _facts(paths: ArtifactPaths, parameters: Parameters, fingerprint: Fingerprint) -> dict[str, str]:
    """Everything a run is tagged with, but the verdict and the mark of completeness."""
    commit = commit_of(paths.root)
    experiment = dvc_experiment()
    named = (
        {tags.FIRST_EXPERIMENT: experiment.name, tags.EXPERIMENT + experiment.name: experiment.baseline}
        if experiment
        else {}
    )
    return {
        tags.FINGERPRINT: fingerprint.value,
        tags.DATASET: parameters.data_processing.dataset,
        tags.EVIDENCE: read_evidence(paths.evidence)["digest"],
        tags.COMMIT: commit.name,
        tags.DIRTY: str(commit.dirty).lower(),
        tags.LOCK: fingerprint.lock or "none",
        tags.DATA: dvc_digest(paths.processed),
        tags.SOURCE: read_schema(paths.processed).source_digest or "none",
        **({tags.BASIS: sha256_of_file(paths.explanation_basis)} if paths.explanation_basis.exists() else {}),
        **named,
        **{tags.OUTPUT + path: digest for path, digest in fingerprint.outputs.items()},
        **{tags.ENVIRONMENT + name: found for name, found in environment_of(paths.root).items()},
    }


def _shown_by_mlflow(paths: ArtifactPaths, parameters: Parameters, facts: Mapping[str, str]) -> dict[str, str]:
    """Tags under which MLflow's own pages look for what a run is: its description, commit and source."""
    schema = read_schema(paths.processed)
    said = (
        f"{parameters.model_training.estimator.replace('_', ' ')} on {schema.title}, split {schema.split}. "
        f"Everything about it: reports/report.html among the artifacts; evidence {facts[tags.EVIDENCE][:12]}."
    )
    commit = {tags.MLFLOW_COMMIT: facts[tags.COMMIT]} if facts[tags.COMMIT] != NO_COMMIT else {}
    return {tags.MLFLOW_NOTE: said, tags.MLFLOW_SOURCE: "dvc repro", tags.MLFLOW_SOURCE_TYPE: "PROJECT", **commit}


def _undefined(metrics: FlatMetrics) -> dict[str, str]:
    lines = "\n".join(f"{name}: {reason}" for name, reason in metrics.undefined.items())
    return {tags.UNDEFINED: tags.shortened(lines)} if lines else {}


def _log_tags(store: TrackingStore, run_id: str, content: Mapping[str, str]) -> None:
    from mlflow.entities import RunTag

    entries = [RunTag(name, value) for name, value in content.items()]
    for part in _parts(entries, PER_BATCH):
        store.client.log_batch(run_id, tags=part)


def _log_parameters(store: TrackingStore, run_id: str, content: Mapping[str, str]) -> None:
    from mlflow.entities import Param

    entries = [Param(name, value) for name, value in content.items()]
    for part in _parts(entries, PER_BATCH):
        store.client.log_batch(run_id, params=part)


def _log_metrics(
    store: TrackingStore, run_id: str, values: Mapping[str, float], model_id: str, rows: tuple[str, str]
) -> None:
    """Log metrics as those of the model; what was measured on test rows is tied to these (name and digest) as well."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    name, digest = rows
    entries = [
        Metric(key, value, now, 0, model_id=model_id, run_id=run_id, dataset_name=name, dataset_digest=digest)
        if key.startswith(ON_TEST_ROWS)
        else Metric(key, value, now, 0, model_id=model_id, run_id=run_id)
        for key, value in values.items()
    ]
    for part in _parts(entries, METRICS_PER_BATCH):
        store.client.log_batch(run_id, metrics=part)


def _test_rows(paths: ArtifactPaths) -> tuple[str, str]:
    """Return name and digest under which the test rows are an input of the run."""
    return f"{read_schema(paths.processed).dataset} test", dvc_digest(paths.processed / "test.parquet")


def _log_inputs(store: TrackingStore, run_id: str, paths: ArtifactPaths) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    schema, folder = read_schema(paths.processed), ArtifactPaths().processed.as_posix()
    inputs = [
        DatasetInput(
            Dataset(
                name=f"{schema.dataset} {split}",
                digest=dvc_digest(paths.processed / f"{split}.parquet"),
                source_type="local",
                source=json.dumps({"uri": f"{folder}/{split}.parquet", "source": schema.source_digest}),
                schema=_columns(schema),
                profile=json.dumps({"num_rows": schema.rows.get(split)}),
            ),
            [InputTag("mlflow.data.context", CONTEXT[split])],
        )
        for split in SPLITS
    ]
    store.client.log_inputs(run_id, inputs)


def _columns(schema: ProcessedSchema) -> str:
    """Return the feature columns as MLflow shows them."""
    kinds = {"numeric": "double", "boolean": "boolean", "categorical": "string"}
    columns = [
        {"name": column.name, "type": kinds[column.kind], "required": not column.nullable} for column in schema.columns
    ]
    return json.dumps({"mlflow_colspec": columns})


def _log_documents(store: TrackingStore, run_id: str, paths: ArtifactPaths) -> None:
    store.client.log_artifacts(run_id, str(paths.reports), "reports")
    if paths.counts.exists():
        store.client.log_artifact(run_id, str(paths.counts), "evidence")
    for name in RECORDS:
        if (paths.root / name).exists():
            store.client.log_artifact(run_id, str(paths.root / name))
    store.client.log_text(run_id, json.dumps(environment_of(paths.root), indent=2), "environment.json")


def _log_model(
    store: TrackingStore, experiment_id: str, run_id: str, paths: ArtifactPaths, facts: Mapping[str, str]
) -> str:
    """Store the bundle's bytes as an MLflow model that loads without pickle, and tie it to the run."""
    from mlflow.entities import LoggedModelOutput

    named = {name: facts[name] for name in (tags.FINGERPRINT, tags.EVIDENCE, tags.DATASET)}
    model_id = str(store.client.create_logged_model(experiment_id, "model", run_id, tags=named).model_id)
    with tempfile.TemporaryDirectory(prefix="fairmind-model-") as temporary:
        folder = Path(temporary) / "model"
        _save_model(folder, Path(temporary), paths, run_id, model_id, named)
        store.client.log_model_artifacts(model_id, str(folder))
    store.client.finalize_logged_model(model_id, "READY")
    store.client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
    return model_id


def _save_model(
    folder: Path, scratch: Path, paths: ArtifactPaths, run_id: str, model_id: str, metadata: dict[str, str]
) -> None:
    import mlflow.pyfunc
    from mlflow.models import Model

    with warnings.catch_warnings():
        # An input example would be scored in a new process, which takes five seconds; the golden rows are the example.
        warnings.filterwarnings("ignore", message=".*input example was not provided", category=UserWarning)
        mlflow.pyfunc.save_model(
            path=str(folder),
            python_model=str(SCRIPT),
            artifacts=_model_files(paths),
            code_paths=[str(copy_model_code(scratch))],
            signature=mlflow_signature(read_info(paths.bundle)),
            pip_requirements=pip_requirements(),
            mlflow_model=Model(run_id=run_id, model_id=model_id, metadata=metadata),
        )


def _model_files(paths: ArtifactPaths) -> dict[str, str]:
    """Return what the stored model holds: the bundle, and beside it what its explanations compare people with."""
    files = {"bundle": paths.bundle, "explanation_basis": paths.explanation_basis}
    return {name: str(path.resolve()) for name, path in files.items() if path.exists()}


def _parts(entries: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(entries), size):
        yield list(entries[start : start + size])
