"""A folder in which the first four stages have run, beside a tracking store that is migrated and empty.

The model is real; the reports are written by hand, with the corners that measurements have: an interval, none, nothing
defined, and a group whose name MLflow would refuse.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.evaluation.evidence import signed, write_evidence
from apps.ml.experiments.tracking import open_store
from apps.ml.files import read_json, write_json, write_text
from apps.ml.pipelines import model_registration
from apps.ml.tests import small_pipeline

MODEL = "small_loans"
GATES = [
    {"name": "ranking", "metric": "performance.roc_auc", "at_least": 0.7},
    {"name": "four fifths", "metric": "fairness.*.demographic_parity_ratio", "at_least": 0.8},
]
POLICY = {
    "uses_sensitive": False,
    "sensitive_inputs": [],
    "needs_sensitive_at_prediction": False,
    "randomised": False,
    "test_rows_seen_once": True,
}
NOT_SAMPLED = {"value": None, "n": 0, "undefined": "no row was sampled"}
FOREIGN_VARIABLES = ("MLFLOW_TRACKING_URI", "DVC_ROOT", "DVC_STAGE", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV")


def workspace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactPaths:
    """Copy the finished pipeline and the empty store into `folder`, and work there as outside of experiments."""
    shutil.copytree(_template(), folder, dirs_exist_ok=True)
    for variable in FOREIGN_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(folder)
    return ArtifactPaths()


def measure(paths: ArtifactPaths, roc_auc: float, parity: float | None = 0.9) -> None:
    """Write reports that say other numbers, and evidence that fits them."""
    write_json(paths.metric("performance"), _performance(roc_auc))
    write_json(paths.metric("fairness"), _fairness(parity))
    content = {name: read_json(paths.metric(name)) for name in ("performance", "fairness")}
    write_evidence(paths.evidence, signed({**_facts(), **content, "counts": {"sex": _counts(parity or 0.9)}}))


def set_parameters(paths: ArtifactPaths, section: str, **values: Any) -> None:
    """Set keys of one section of params.yaml."""
    content = yaml.safe_load(paths.parameters.read_text(encoding="utf-8"))
    content[section] |= values
    paths.parameters.write_text(yaml.safe_dump(content), encoding="utf-8")


def experiment(
    paths: ArtifactPaths, monkeypatch: pytest.MonkeyPatch, name: str, roc_auc: float, **training: Any
) -> None:
    """Run the last stage as the DVC experiment `name`, which measured `roc_auc` with other parameters."""
    measure(paths, roc_auc)
    set_parameters(paths, "model_training", **training)
    with monkeypatch.context() as variables:
        variables.setenv("DVC_EXP_NAME", name)
        variables.setenv("DVC_EXP_BASELINE_REV", "b" * 40)
        model_registration.main(paths)


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fairmind-finished-pipeline-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    prepared = small_pipeline.with_features(folder / "prepared")
    paths = small_pipeline.trained(prepared, folder / "finished")
    set_parameters(paths, "model_registration", gates=GATES)
    write_json(paths.metric("data_quality"), {"findings": 0, "rows": {"train": 900}, "profile": {"age": {"mean": 40}}})
    write_json(paths.metric("explainability"), {"method": "tree", "features": [{"name": "age", "share": 0.5}]})
    measure(paths, 0.8)
    write_text(paths.report, "<p>Report</p>")
    write_text(paths.model_card, "# Card")
    write_text(paths.data_quality_page, "<p>Quality</p>")
    write_text(paths.plots / "roc.csv", "x,y\n0,0")
    paths.predictions.mkdir()
    write_text(paths.predictions / "test.parquet", "rows")
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{paths.root.resolve()}/mlflow.db")
        open_store()
    return paths.root


def _performance(roc_auc: float) -> dict[str, Any]:
    return {
        "rows": 300,
        "threshold": 0.5,
        "positive_name": "repaid",
        "roc_auc": {"value": roc_auc, "n": 300, "lower": roc_auc - 0.05, "upper": roc_auc + 0.05, "confidence": 0.95},
        "accuracy": {"value": 0.75, "n": 300, "lower": 0.7, "upper": 0.8, "confidence": 0.95},
        "log_loss": {"value": 0.5, "n": 300},
        "precision": {"value": None, "n": 0, "undefined": "no row was predicted positive"},
    }


def _fairness(parity: float | None) -> dict[str, Any]:
    ratio: dict[str, Any] = (
        {"value": None, "n": 300, "undefined": "one group only"}
        if parity is None
        else {"value": parity, "n": 300, "lower": parity - 0.05, "upper": parity + 0.05, "confidence": 0.95}
    )
    groups = {
        "female × Black": {"n": 150, "judged": True, "selection_rate": {"value": 0.4, "n": 150}},
        "male": {"n": 150, "judged": True, "selection_rate": {"value": 0.5, "n": 150}},
    }
    return {"sex": {"demographic_parity_ratio": ratio, "groups": groups}}


def _facts() -> dict[str, Any]:
    """The parts of a record that nothing here measures: the layout is whole, the content as small as it can be."""
    return {
        "task": "binary_classification",
        "subject": "model",
        "model": {
            "estimator": "logistic_regression",
            "rounds": None,
            "converged": True,
            "training_rows": 900,
            "input_columns": ["age"],
            "encoded_features": 1,
            "bundle_sha256": "1" * 64,
        },
        "decision": {
            "threshold": 0.5,
            "threshold_rule": "fixed",
            "positive_name": "repaid",
            "negative_name": "not repaid",
            "favourable": "positive",
        },
        "data": {
            "dataset": MODEL,
            "title": "Small loans",
            "split": "random",
            "rows": {"train": 900, "test": 300},
            "source_digest": "0" * 64,
            "source_kind": "generator",
            "licence": "",
            "known_faults": [],
            "leave_out": {},
            "held_out": [],
            "columns": [{"name": "age", "kind": "numeric", "nullable": False}],
            "attributes": [{"name": "sex", "columns": ["sex"], "groups": ["female × Black", "male"]}],
            "notes": [],
        },
        "policy": POLICY,
        "parameters": {
            "confidence": 0.95,
            "minimum_group_size": 30,
            "explanations": {"top_features": 12, "reasons": 4},
        },
        "inference": {"confidence": 0.95},
        "curves": {},
        "explainability": {
            "method": "none",
            "output": "probability",
            "rows": 0,
            "undefined": "nobody asked",
            "lime": {"mean_r2": NOT_SAMPLED, "stability": NOT_SAMPLED},
            "importance": {},
        },
        "local_explanations": [],
        "truth": {},
        "gates": None,
    }


def _counts(parity: float) -> dict[str, Any]:
    """Counts [group][label][decision] whose ratio of selection rates is `parity`, a whole number of hundredths."""
    selected = round(100 * parity)
    female, male = [[45, 5], [105 - selected, selected - 5]], [[45, 5], [5, 95]]
    return {"groups": ["female × Black", "male"], "labelled": True, "counts": [female, male]}
