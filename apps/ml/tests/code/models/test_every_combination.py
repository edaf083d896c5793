"""Every estimator with every mitigation for every kind of label: trained, stored, served and explained, or refused.

Written over the catalogues: whoever adds an estimator or a mitigation is tested here without another line, but for
options that make it small.
"""

from dataclasses import replace
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import (
    CLASSIFICATION,
    REGRESSION,
    ProcessedSplit,
    Task,
    read_split,
    write_schema,
    write_split,
)
from apps.ml.deployment.versions.model_source import FolderSource
from apps.ml.deployment.versions.serving_policy import ServingPolicy
from apps.ml.errors import BundleError, ParameterError
from apps.ml.evaluation.explanations.contributions.shap_values import contributions_of
from apps.ml.evaluation.explanations.decision_rule import DecisionRule
from apps.ml.evaluation.explanations.reasons_given.reasons import reason_finder
from apps.ml.models.bundle import ModelBundle
from apps.ml.models.catalogue import ESTIMATORS
from apps.ml.models.compatibility import require_compatible, why_not
from apps.ml.models.mitigation import MITIGATIONS
from apps.ml.parameters import Explanations, ModelTraining
from apps.ml.pipelines import feature_engineering
from apps.ml.tests import small_loans, small_pipeline, small_wages

ROWS = 300
LINEAR = {CLASSIFICATION: "logistic_regression", REGRESSION: "linear_regression"}
DATA: dict[Task, ModuleType] = {CLASSIFICATION: small_loans, REGRESSION: small_wages}
PERMISSIVE = ServingPolicy(allow_sensitive=True, allow_chance=True)

TINY: dict[str, Any] = {
    **{forest: {"n_estimators": 4, "max_depth": 4} for forest in ("random_forest", "extra_trees")},
    **{boosting: {"learning_rate": 0.5} for boosting in ("hist_gradient_boosting", "lightgbm", "xgboost")},
    "explainable_boosting": {"max_rounds": 20, "outer_bags": 1, "interactions": 1, "learning_rate": 0.1},
    "mlp": {"hidden_units": 4, "epochs": 4, "learning_rate": 0.01},
}
TINY["hist_gradient_boosting"] |= {"max_iter": 4, "max_leaf_nodes": 4}
TINY["lightgbm"] |= {"n_estimators": 4, "num_leaves": 4}
TINY["xgboost"] |= {"n_estimators": 4, "max_depth": 2}

SMALL_MITIGATION: dict[str, dict[str, Any]] = {
    "exponentiated_gradient": {"max_iter": 3},
    "grid_search": {"grid_size": 5},
    "threshold_optimizer": {"grid_size": 50},
    **{folded: {"folds": 2} for folded in ("group_thresholds", "blind_post_processing", "fair_boosting")},
}

PAIRS = list(product(ESTIMATORS, MITIGATIONS, (CLASSIFICATION, REGRESSION)))
ALLOWED = [pair for pair in PAIRS if why_not(*pair) is None]
REFUSED = [pair for pair in PAIRS if why_not(*pair) is not None]


def estimators_for(task: Task) -> dict[str, Any]:
    members = [{"estimator": LINEAR[task]}, {"estimator": "lightgbm", "options": TINY["lightgbm"]}]
    return {**TINY, "voting": {"members": members}, "stacking": {"members": members, "folds": 2}}


def training_section(estimator: str, mitigation: str, task: Task) -> dict[str, Any]:
    """Keys of `model_training`; the tolerance is wide, so that 150 rows can be within it."""
    constraint = "equalized_odds" if task == CLASSIFICATION else "bounded_group_loss"
    own = {mitigation: SMALL_MITIGATION[mitigation]} if mitigation in SMALL_MITIGATION else {}
    chosen = {"method": mitigation, "attribute": "sex", "constraint": constraint, "tolerance": 0.3, "options": own}
    return {
        "estimators": estimators_for(task),
        "early_stopping": {"rounds": 2},
        "calibration": {"folds": 2},
        "mitigation": {"method": "none"} if mitigation == "none" else chosen,
    }


def first_rows(split: ProcessedSplit, rows: int) -> ProcessedSplit:
    """The first rows of a split; of some of them nobody knows the sex."""
    groups = split.groups.iloc[:rows].copy()
    groups.loc[groups.index[::17], "sex"] = "unknown"
    features, held_out = split.features.iloc[:rows], split.held_out.iloc[:rows]
    return ProcessedSplit(features, split.labels[:rows], groups, split.rows[:rows], held_out)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[Task, ArtifactPaths]:
    """A workspace after two stages for each kind of label, without test rows."""
    found = {}
    for task, data in DATA.items():
        paths = small_pipeline.write_parameters(tmp_path_factory.mktemp(task))
        data.write_processed(paths.processed)
        write_schema(paths.processed, replace(data.schema(), rows={"train": ROWS, "validation": ROWS // 2, "test": 20}))
        for name, rows in (("train", ROWS), ("validation", ROWS // 2), ("test", 20)):
            write_split(paths.processed, name, first_rows(data.split(name), rows))
        feature_engineering.main(paths)
        found[task] = paths
    return found


@pytest.mark.parametrize(("estimator", "mitigation", "task"), ALLOWED, ids=["-".join(pair) for pair in ALLOWED])
def test_what_is_allowed_is_trained_stored_served_and_explained(
    estimator: str, mitigation: str, task: Task, prepared: dict[Task, ArtifactPaths], tmp_path: Path
) -> None:
    paths = small_pipeline.trained(prepared[task], tmp_path, estimator, **training_section(estimator, mitigation, task))
    bundle = FolderSource(paths.bundle, PERMISSIVE).load().bundle
    _served_by_the_policy_that_it_needs(paths, bundle)
    rows = read_split(paths.processed, "validation")
    frame = rows.inputs(bundle.info.columns)
    together = bundle.answers(frame)
    assert np.isfinite(together.scores).all()
    alone = bundle.answers(frame.iloc[5:6])
    assert alone.scores[0] == together.scores[5]
    if task == CLASSIFICATION:
        assert together.decisions is not None
        assert alone.decisions is not None
        assert alone.decisions[0] == together.decisions[5]
        assert 0 < together.decisions.mean() < 1
    _explained(bundle, rows)


@pytest.mark.parametrize(("estimator", "mitigation", "task"), REFUSED, ids=["-".join(pair) for pair in REFUSED])
def test_what_is_not_allowed_is_refused_with_the_reason(estimator: str, mitigation: str, task: Task) -> None:
    content = {"estimator": estimator, "seed": 5, **training_section(estimator, mitigation, task)}
    reason = why_not(estimator, mitigation, task)
    assert reason
    with pytest.raises(ParameterError, match=rf"estimator {estimator} with .*method {mitigation}: {reason}\. Choose"):
        require_compatible(ModelTraining.model_validate(content), task)


def test_the_stage_refuses_as_well_and_writes_nothing(prepared: dict[Task, ArtifactPaths], tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="reweighing is not for a numeric label"):
        small_pipeline.trained(
            prepared[REGRESSION], tmp_path, "lightgbm", **training_section("lightgbm", "reweighing", REGRESSION)
        )
    assert not ArtifactPaths(tmp_path).bundle.exists()


def test_the_constraint_has_to_fit_the_label() -> None:
    content = {"estimator": "lightgbm", "seed": 5, **training_section("lightgbm", "grid_search", REGRESSION)}
    with pytest.raises(ParameterError, match=r"bounded_group_loss is not for a label of two classes\. Choose"):
        require_compatible(ModelTraining.model_validate(content), CLASSIFICATION)
    content["mitigation"]["constraint"] = "demographic_parity"
    with pytest.raises(ParameterError, match=r"is not for a numeric label\. Choose one of bounded_group_loss"):
        require_compatible(ModelTraining.model_validate(content), REGRESSION)


def _served_by_the_policy_that_it_needs(paths: ArtifactPaths, bundle: ModelBundle) -> None:
    """The default policy serves what asks for no group and draws nothing, and refuses everything else."""
    info = bundle.info
    if not info.needs_sensitive_at_prediction and not info.randomised:
        assert FolderSource(paths.bundle).load().bundle.info == info
        return
    with pytest.raises(BundleError, match="which this server does not allow"):
        FolderSource(paths.bundle).load()


def _explained(bundle: ModelBundle, rows: ProcessedSplit) -> None:
    """Contributions add up; no reason names the group."""
    info, frame = bundle.info, rows.inputs(bundle.info.columns)
    X = bundle.encode(frame)
    found = contributions_of(bundle, X[:3], X[10:16], info.feature_sources)
    assert found.undefined is None
    assert found.values.shape == (3, len(info.columns))
    if info.threshold is None:
        return
    rule = DecisionRule(info.columns, bundle.decision_scores, bundle.decide, info.favourable, info.threshold)
    finder = reason_finder(rule, frame.iloc[:40], small_loans.schema().attributes, Explanations(background_rows=10), 1)
    assert finder is not None
    named = {reason.column for reasons in finder.find(frame.iloc[:3]) for reason in reasons}
    assert named <= {"income", "debt", "age", "owner", "city", "noise"}
