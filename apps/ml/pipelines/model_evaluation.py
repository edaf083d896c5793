"""Stage 4: measure the model on test rows, explain it, and render the documents from one evidence record.

Reads artifacts/01_processed (schema and test rows), artifacts/02_features (training rows, as background of the
explanations) and artifacts/03_models/bundle; writes artifacts/04_predictions and everything evaluation puts under
reports/. Knows nothing of gates: they judge what is written here.
"""

import shutil
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import GROUP, LABEL, ROW, ProcessedSplit, read_schema, read_split
from apps.ml.evaluation.documents.model_card import render_model_card
from apps.ml.evaluation.documents.report import render_report
from apps.ml.evaluation.evidence import Findings, assemble_evidence, write_evidence
from apps.ml.evaluation.explanations.explanation import ExplainedRows, Explanation, explain
from apps.ml.evaluation.fairness.assessment import assess_fairness
from apps.ml.evaluation.metric_files import fairness_report, performance_report
from apps.ml.evaluation.performance import measure_performance
from apps.ml.evaluation.plots.drawing import Drawings, draw_all
from apps.ml.evaluation.plots.evaluated_rows import EvaluatedRows
from apps.ml.evaluation.truth import check_against_truth
from apps.ml.features.tables import read_features
from apps.ml.files import sha256_of_file, write_json, write_parquet, write_text
from apps.ml.models.bundle import ModelBundle, read_bundle
from apps.ml.models.bundle_files import MANIFEST_FILE
from apps.ml.parameters import ModelEvaluation, read_parameters
from apps.ml.pipelines.stage import run_stage


@dataclass(frozen=True)
class _Scored:
    """The test rows with what the bundle says about them."""

    split: ProcessedSplit
    encoded: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    decisions: npt.NDArray[np.int8]


def main(paths: ArtifactPaths = ArtifactPaths()) -> None:  # noqa: B008 (frozen)
    """Evaluate the bundle on the test rows and write predictions, metrics, plots, evidence and documents."""
    parameters = read_parameters(paths.parameters).model_evaluation
    bundle, schema = read_bundle(paths.bundle), read_schema(paths.processed)
    test = _score(bundle, read_split(paths.processed, "test"))
    performance = _performance(bundle, test, parameters)
    assessment = assess_fairness(
        test.split.labels, test.decisions, test.split.groups, bundle.info.favourable, parameters
    )
    fairness = fairness_report(assessment)
    explanation = _explanation(paths, bundle, test, parameters)
    findings = Findings(
        performance=performance,
        fairness=fairness,
        explainability=explanation.to_dict(),
        local_explanations=explanation.local_to_list(parameters.explanations.top_features),
        truth=check_against_truth(test.split.held_out, test.scores, test.split.groups, parameters.confidence),
    )
    digest = sha256_of_file(paths.bundle / MANIFEST_FILE)
    evidence = assemble_evidence(bundle.info, digest, schema, parameters, findings)
    rows = _evaluated_rows(bundle, test)
    drawings = draw_all(rows, performance, fairness, explanation, test.split.features, parameters)
    _write(paths, test, evidence, drawings)


def _score(bundle: ModelBundle, split: ProcessedSplit) -> _Scored:
    """Score the rows on the path that serves them: from the input columns through the bundle's own transformer."""
    encoded = bundle.encode(split.features[[column.name for column in bundle.info.columns]])
    scores = bundle.score_encoded(encoded)
    return _Scored(split, encoded, scores, bundle.decide(scores))


def _performance(bundle: ModelBundle, test: _Scored, parameters: ModelEvaluation) -> dict[str, Any]:
    return performance_report(
        measure_performance(test.split.labels, test.scores, test.decisions, parameters),
        rows=len(test.split),
        threshold=bundle.info.threshold,
        positive_name=bundle.info.positive_name,
        favourable=bundle.info.favourable,
    )


def _explanation(paths: ArtifactPaths, bundle: ModelBundle, test: _Scored, parameters: ModelEvaluation) -> Explanation:
    explained = ExplainedRows(
        X=test.encoded,
        rows=test.split.rows,
        training=read_features(paths.features, "train").to_numpy(dtype=np.float64),
        feature_names=bundle.info.feature_names,
        feature_sources=bundle.info.feature_sources,
    )
    return explain(bundle, explained, parameters)


def _evaluated_rows(bundle: ModelBundle, test: _Scored) -> EvaluatedRows:
    return EvaluatedRows(
        labels=test.split.labels,
        scores=test.scores,
        decisions=test.decisions,
        groups=test.split.groups,
        threshold=bundle.info.threshold,
        positive_name=bundle.info.positive_name,
        negative_name=bundle.info.negative_name,
    )


def _predictions(test: _Scored) -> pd.DataFrame:
    groups = {GROUP + str(name): test.split.groups[name].to_numpy() for name in test.split.groups.columns}
    own = {ROW: test.split.rows, LABEL: test.split.labels, "score": test.scores, "decision": test.decisions}
    return pd.DataFrame(own | groups)


def _write(paths: ArtifactPaths, test: _Scored, evidence: dict[str, Any], drawings: Drawings) -> None:
    report, card = render_report(evidence, drawings.plots), render_model_card(evidence)
    shutil.rmtree(paths.plots, ignore_errors=True)
    write_parquet(paths.predictions / "test.parquet", _predictions(test))
    for name in ("performance", "fairness", "explainability"):
        write_json(paths.metric(name), evidence[name])
    drawings.write(paths.plots)
    write_evidence(paths.evidence, evidence)
    write_text(paths.report, report)
    write_text(paths.model_card, card)


if __name__ == "__main__":
    run_stage(main)
