"""What a mitigation came to: measured by hand on counts, and through the stages for a rule that needs the group."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.ml.artifact_paths import ArtifactPaths
from apps.ml.data.processed import read_split
from apps.ml.evaluation.evidence import read_evidence
from apps.ml.evaluation.fairness.assessment import assess_fairness
from apps.ml.evaluation.gates.policy import judge_policy
from apps.ml.evaluation.mitigation_findings import MEASURES, AssessedRows, mitigation_findings
from apps.ml.evaluation.plots.mitigation import mitigation_plot
from apps.ml.models.bundle import BundleInfo, MitigationInfo, read_bundle
from apps.ml.models.mitigation.entry import ALL_CONSTRAINTS
from apps.ml.models.mitigation.gaps import gap
from apps.ml.parameters import Constraint, ModelEvaluation, Policy
from apps.ml.pipelines import feature_engineering, model_evaluation
from apps.ml.tests import small_evaluation, small_pipeline, small_wages

GROUP_COLUMN = "fairmind:group:sex"
PARAMETERS = ModelEvaluation.model_validate({"seed": 1})


def mitigated(tolerance: float, constraint: str = "demographic_parity") -> BundleInfo:
    chosen = MitigationInfo("grid_search", "sex", constraint, tolerance, found={"fits": 15})
    return replace(small_evaluation.bundle_info(), mitigation=chosen)


def assessed(selected: Mapping[str, int], rows: int = 1000) -> AssessedRows:
    """Groups of equal size of which so many are decided 1; every other row has label 1."""
    groups = np.repeat(list(selected), rows)
    decisions = np.concatenate([np.arange(rows) < number for number in selected.values()]).astype(np.int8)
    labels = np.tile([0, 1], rows * len(selected) // 2).astype(np.int8)
    found = assess_fairness(labels, decisions, pd.DataFrame({"sex": groups}), "positive", PARAMETERS)
    return AssessedRows(found.to_dict(), found.counts_to_dict(), len(labels))


@pytest.mark.parametrize(
    ("selected", "verdict"),
    [({"a": 500, "b": 500}, "PASS"), ({"a": 500, "b": 700}, "FAIL"), ({"a": 500, "b": 590}, "INCONCLUSIVE")],
)
def test_the_verdict_is_that_of_the_whole_interval_against_the_tolerance(
    selected: dict[str, int], verdict: str
) -> None:
    found = mitigation_findings(mitigated(0.1), None, assessed(selected))
    assert found is not None
    measured = found["measured"]["test"]
    assert measured["verdict"] == verdict
    assert measured["gap"]["value"] == pytest.approx((selected["b"] - selected["a"]) / 1000)
    assert (measured["gap"]["upper"] <= 0.1, measured["gap"]["lower"] > 0.1) == (verdict == "PASS", verdict == "FAIL")
    assert (measured["rows_to_decide"] is not None) == (verdict == "INCONCLUSIVE")


def test_validation_rows_are_told_apart_as_those_that_it_was_chosen_on() -> None:
    alike, apart = assessed({"a": 500, "b": 500}), assessed({"a": 500, "b": 800})
    found = mitigation_findings(mitigated(0.1), alike, apart)
    assert found is not None
    assert {name: (one["chosen_on"], one["verdict"]) for name, one in found["measured"].items()} == {
        "validation": (True, "PASS"),
        "test": (False, "FAIL"),
    }
    assert found["found"] == {"fits": 15}
    assert (found["stage"], found["aims_at_constraint"], found["needs_sensitive_at_prediction"]) == (
        "during",
        True,
        False,
    )


def test_a_gap_that_cannot_be_measured_is_inconclusive_with_the_reason() -> None:
    alone = assessed({"a": 500})
    found = mitigation_findings(mitigated(0.1), None, alone)
    assert found is not None
    assert found["measured"]["test"]["verdict"] == "INCONCLUSIVE"
    assert found["measured"]["test"]["reason"].startswith("undefined: ")
    assert "undefined" in mitigation_plot(found).description


def test_without_a_mitigation_there_is_nothing_to_say() -> None:
    assert mitigation_findings(small_evaluation.bundle_info(), None, assessed({"a": 1, "b": 2})) is None


@pytest.mark.parametrize("constraint", ALL_CONSTRAINTS)
def test_the_evidence_measures_the_gap_that_the_mitigation_aims_at(constraint: Constraint) -> None:
    random = np.random.default_rng(0)
    labels, decisions, codes = (random.integers(0, 2, 600) for _ in range(3))
    names = pd.DataFrame({"sex": np.where(codes == 1, "b", "a")})
    found = assess_fairness(labels, decisions, names, "negative", PARAMETERS).to_dict()["sex"][MEASURES[constraint]]
    aimed = gap(constraint, labels.astype(np.int8), decisions.astype(np.int8), codes.astype(np.int64), 2)
    assert found["value"] == pytest.approx(aimed)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> ArtifactPaths:
    """A model whose decisions need the group and are drawn, evaluated by the stages."""
    prepared = small_pipeline.with_features(tmp_path_factory.mktemp("prepared"))
    chosen = {"method": "threshold_optimizer", "attribute": "sex", "tolerance": 0.3}
    paths = small_pipeline.trained(prepared, tmp_path_factory.mktemp("evaluated"), mitigation=chosen)
    model_evaluation.main(paths)
    return paths


@pytest.fixture(scope="module")
def record(evaluated: ArtifactPaths) -> dict[str, Any]:
    return read_evidence(evaluated.evidence)


def test_the_record_holds_the_gap_on_both_splits_as_the_bundle_answers_them(
    evaluated: ArtifactPaths, record: dict[str, Any]
) -> None:
    found, bundle = record["mitigation"], read_bundle(evaluated.bundle)
    assert found["method"] == "threshold_optimizer"
    assert found["found"]["thresholds_by_group"].keys() == {"female", "male"}
    assert found["measured"]["test"]["gap"] == record["fairness"]["sex"]["equalized_odds_difference"]
    for name, measured in found["measured"].items():
        rows = read_split(evaluated.processed, name)
        decisions = bundle.answers(rows.inputs(bundle.info.columns)).decisions
        assert decisions is not None
        codes = (rows.groups["sex"] == "male").to_numpy().astype(np.int64)
        expected = gap("equalized_odds", rows.labels, decisions, codes, 2)
        assert measured["gap"]["value"] == pytest.approx(expected)


def test_card_report_and_pictures_speak_of_the_mitigation(evaluated: ArtifactPaths) -> None:
    card, report = (path.read_text(encoding="utf-8") for path in (evaluated.model_card, evaluated.report))
    assert "## Mitigation\n" in card
    assert "| test (seen once) | 300 |" in card
    assert "Decisions need the person's group, depend on a draw that is made from the row itself, so that any" in card
    assert 'id="mitigation"' in report
    assert (evaluated.plots / "mitigation.png").exists()


def test_the_policy_refuses_it_on_every_count(record: dict[str, Any]) -> None:
    verdicts = {one.name: one.verdict for one in judge_policy(Policy(), record["policy"])}
    assert verdicts == {
        "sensitive attribute at prediction": "FAIL",
        "sensitive inputs": "FAIL",
        "chance": "FAIL",
    }
    assert record["policy"]["sensitive_inputs"] == [GROUP_COLUMN]


def test_swapping_the_group_swaps_the_column_that_decisions_need(record: dict[str, Any]) -> None:
    flips = record["fairness"]["sex"]["individual"]["counterfactual_flip_rate"]
    assert flips["value"] > 0
    assert "by construction" not in flips["method"]


def test_the_group_is_explained_and_never_given_as_a_reason_nor_changed(record: dict[str, Any]) -> None:
    explained = record["explainability"]
    assert GROUP_COLUMN in explained["importance"]
    assert GROUP_COLUMN in explained["behaviour"]["permutation"]["columns"]
    assert explained["reasons"]["withheld"]["columns"] == [GROUP_COLUMN]
    named = {one["column"] for one in explained["reasons"]["reasons_by_frequency"]}
    assert named == {"income", "debt", "age", "owner", "city", "noise"}
    ways = explained["counterfactuals"]
    assert GROUP_COLUMN not in ways["actionable_columns"]
    changed = {change["column"] for way in ways["examples"] for change in way.get("changes", [])}
    assert changed
    assert GROUP_COLUMN not in changed


def test_of_a_predicted_number_the_loss_of_the_group_that_is_served_worst_is_measured(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    prepared = small_pipeline.write_parameters(tmp_path_factory.mktemp("prepared"))
    small_wages.write_processed(prepared.processed)
    feature_engineering.main(prepared)
    chosen = {"method": "grid_search", "attribute": "sex", "constraint": "bounded_group_loss", "tolerance": 50.0}
    options = {"options": {"grid_search": {"grid_size": 3}}}
    paths = small_pipeline.trained(prepared, tmp_path_factory.mktemp("wages"), mitigation={**chosen, **options})
    model_evaluation.main(paths)
    record = read_evidence(paths.evidence)
    measured = record["mitigation"]["measured"]
    assert measured["test"]["gap"] == record["fairness"]["sex"]["largest_group_loss"]
    assert {name: one["verdict"] for name, one in measured.items()} == {"validation": "PASS", "test": "PASS"}
    assert measured["validation"]["gap"]["value"] == pytest.approx(
        max(record["mitigation"]["found"]["validation"]["error_by_group"].values())
    )
    assert "## Mitigation\n" in paths.model_card.read_text(encoding="utf-8")
    assert 'id="mitigation"' in paths.report.read_text(encoding="utf-8")
