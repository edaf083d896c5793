"""The evidence record of one model version: everything that was found out about it, in one JSON file.

The record is content-addressed: `digest` is the sha256 over everything else in it, so it changes exactly when a fact
changes. Every document is rendered from the record; the registry and each prediction carry its digest. It holds no
time, no path and no person's values.

==================  ============================================================================================
format              number of this layout
digest              sha256 over the canonical JSON of all other parts
model               estimator, rounds, inputs, sha256 of the bundle's manifest
decision            threshold and its rule, names of both outcomes, which one is favourable
data                data set, split, rows, digest of the source, columns, attributes, licence, known faults
policy              what the decision depends on besides the features, and how the test rows were used
parameters          how the evaluation measured
performance         content of performance.json
fairness            content of fairness.json
explainability      content of explainability.json
local_explanations  why sampled rows, named by their number alone, got their scores
truth               comparison with true probabilities, where the data set knows them
==================  ============================================================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.ml.data.processed import ProcessedSchema
from apps.ml.errors import BadInputError
from apps.ml.files import read_json, rounded, sha256_of_json, write_json
from apps.ml.models.bundle import BundleInfo
from apps.ml.parameters import ModelEvaluation

FORMAT = 1


@dataclass(frozen=True)
class Findings:
    """What the evaluation measured, each as JSON-ready content."""

    performance: Mapping[str, Any]
    fairness: Mapping[str, Any]
    explainability: Mapping[str, Any]
    local_explanations: Sequence[Mapping[str, Any]]
    truth: Mapping[str, Any]


def assemble_evidence(
    info: BundleInfo, bundle_digest: str, schema: ProcessedSchema, parameters: ModelEvaluation, findings: Findings
) -> dict[str, Any]:
    """Put the record together and sign it with its digest.

    Parameters
    ----------
    info : BundleInfo
        What the evaluated bundle says about itself.
    bundle_digest : str
        sha256 of the bundle's manifest, which holds the sha256 of every file in it.
    schema : ProcessedSchema
        Of the data that trained and tested the model.
    parameters : ModelEvaluation
    findings : Findings
    """
    content = {
        "model": _model(info, bundle_digest),
        "decision": _decision(info),
        "data": _data(schema),
        "policy": _policy(info),
        "parameters": parameters.model_dump(mode="json"),
        "performance": findings.performance,
        "fairness": findings.fairness,
        "explainability": findings.explainability,
        "local_explanations": list(findings.local_explanations),
        "truth": findings.truth,
    }
    return signed(content)


def signed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content as it will be read back, with the number of the format and the digest in front."""
    body = rounded({"format": FORMAT, **{k: v for k, v in content.items() if k not in ("format", "digest")}})
    return {"format": FORMAT, "digest": sha256_of_json(body), **body}


def write_evidence(path: Path, record: Mapping[str, Any]) -> None:
    """Write the record, whole or not at all."""
    write_json(path, record)


def read_evidence(path: Path) -> dict[str, Any]:
    """Read a record and check its digest.

    Raises
    ------
    BadInputError
        The file is missing, of another format, or was changed after it was signed.
    """
    if not path.exists():
        raise BadInputError(f"{path} does not exist. Run `dvc repro` so that model_evaluation writes it.")
    record: dict[str, Any] = read_json(path)
    if record.get("format") != FORMAT:
        raise BadInputError(f"{path} is not an evidence record of format {FORMAT}. Run `dvc repro` to write it anew.")
    if signed(record)["digest"] != record.get("digest"):
        raise BadInputError(f"{path} does not match its digest: it was changed. Run `dvc repro` to write it anew.")
    return record


def _model(info: BundleInfo, bundle_digest: str) -> dict[str, Any]:
    return {
        "estimator": info.estimator,
        "rounds": info.rounds,
        "converged": info.converged,
        "training_rows": info.training_rows,
        "input_columns": [column.name for column in info.columns],
        "encoded_features": len(info.feature_names),
        "bundle_sha256": bundle_digest,
    }


def _decision(info: BundleInfo) -> dict[str, Any]:
    return {
        "threshold": info.threshold,
        "threshold_rule": info.threshold_rule,
        "positive_name": info.positive_name,
        "negative_name": info.negative_name,
        "favourable": info.favourable,
    }


def _data(schema: ProcessedSchema) -> dict[str, Any]:
    content = schema.to_dict()
    kept = ("name", "kind", "nullable", "sensitive", "description")
    names = ("dataset", "title", "split", "rows", "source_digest", "licence", "known_faults", "leave_out", "held_out")
    return {
        **{name: content[name] for name in names},
        "columns": [{key: column[key] for key in kept} for column in content["columns"]],
        "attributes": content["attributes"],
    }


def _policy(info: BundleInfo) -> dict[str, Any]:
    return {
        "uses_sensitive": info.uses_sensitive,
        "sensitive_inputs": [column.name for column in info.columns if column.sensitive],
        "needs_sensitive_at_prediction": info.needs_sensitive_at_prediction,
        "randomised": info.randomised,
        "test_rows_seen_once": True,
    }
