"""Stage 4: measure the model on test rows, explain it, and render the documents from one evidence record.

Reads artifacts/01_processed (schema, training and test rows, and of a mitigated model validation rows),
artifacts/02_features (encoded training rows) and artifacts/03_models/bundle; writes artifacts/04_predictions and
everything evaluation puts under reports/. Knows nothing of the gates of params.yaml: they judge what is written here.
"""

import shutil
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import GROUP, LABEL, ROW, ProcessedSplit, read_schema, read_split
from apps.ml.evaluation.assessed_model import AssessedModel, published_basis
from apps.ml.evaluation.documents.model_card import render_model_card
from apps.ml.evaluation.documents.rendering import render_documents
from apps.ml.evaluation.evidence import assemble_evidence, write_evidence
from apps.ml.evaluation.explanations.basis_file import write_basis
from apps.ml.evaluation.model_assessment import Assessment, assess_model
from apps.ml.evaluation.plots.drawing import draw_all
from apps.ml.evaluation.report import render_report
from apps.ml.evaluation.statistics.counting.joint_counts_file import write_joint_counts
from apps.ml.features.tables import read_features
from apps.ml.files import sha256_of_file, write_json, write_parquet, write_text
from apps.ml.models.bundle import ModelBundle, read_bundle
from apps.ml.models.bundle_files import MANIFEST_FILE
from apps.ml.parameters import read_parameters
from apps.ml.pipelines.stage import run_stage


def main(paths: ArtifactPaths = ArtifactPaths()) -> None:  # noqa: B008 (frozen)
    """Evaluate the bundle on the test rows and write predictions, metrics, plots, evidence and documents."""
    parameters = read_parameters(paths.parameters).model_evaluation
    model = _assessed(paths, read_bundle(paths.bundle))
    assessment = assess_model(model, parameters)
    digest = sha256_of_file(paths.bundle / MANIFEST_FILE)
    evidence = assemble_evidence(model.bundle.info, digest, model.schema, parameters, assessment.findings)
    basis = published_basis(model, parameters)
    _write(paths, model.test, assessment, evidence)
    write_basis(paths.explanation_basis, basis, digest)


def _assessed(paths: ArtifactPaths, bundle: ModelBundle) -> AssessedModel:
    """Encode the test rows on the path that serves them: from the input columns through the bundle's transformer."""
    test, training = read_split(paths.processed, "test"), read_split(paths.processed, "train")
    features = read_features(paths.features, "train").to_numpy(dtype=np.float64)
    return AssessedModel(
        bundle=bundle,
        schema=read_schema(paths.processed),
        test=test,
        encoded=bundle.encode(test.inputs(bundle.info.columns)),
        training=training,
        encoded_training=bundle.with_group(features, training.groups),
        validation=None if bundle.info.mitigation is None else read_split(paths.processed, "validation"),
    )


def _predictions(test: ProcessedSplit, assessment: Assessment) -> pd.DataFrame:
    groups = {GROUP + str(name): test.groups[name].to_numpy() for name in test.groups.columns}
    own = {ROW: test.rows, LABEL: test.labels, "score": assessment.scores}
    decided = {} if assessment.decisions is None else {"decision": assessment.decisions}
    return pd.DataFrame(own | decided | groups)


def _write(paths: ArtifactPaths, test: ProcessedSplit, assessment: Assessment, evidence: dict[str, Any]) -> None:
    """Render everything before anything is written."""
    drawings = draw_all(evidence)
    report, card, documents = (
        render_report(evidence, drawings.plots),
        render_model_card(evidence),
        render_documents(evidence),
    )
    for folder in (paths.plots, paths.documents):
        shutil.rmtree(folder, ignore_errors=True)
    write_parquet(paths.predictions / "test.parquet", _predictions(test, assessment))
    if assessment.counts is not None:
        write_joint_counts(paths.counts, assessment.counts)
    for name in ("performance", "fairness", "explainability"):
        write_json(paths.metric(name), evidence[name])
    drawings.write(paths.plots)
    for name, text in documents.items():
        write_text(paths.documents / name, text)
    write_evidence(paths.evidence, evidence)
    write_text(paths.report, report)
    write_text(paths.model_card, card)


if __name__ == "__main__":
    run_stage(main)
