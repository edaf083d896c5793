"""Gates, guards and champion gates of predicted numbers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from apps.ml.evaluation.fairness.regression import assess_regression
from apps.ml.evaluation.gates.model_judgement import judge_model
from apps.ml.evaluation.gates.number_changes import (
    PairedNumbers,
    judge_numbers_against_champion,
    measure_number_changes,
)
from apps.ml.evaluation.gates.number_guards import judge_number_guards
from apps.ml.evaluation.gates.summary import registration_summary
from apps.ml.evaluation.gates.tasks import gates_for
from apps.ml.evaluation.numbers.performance import measure_numbers
from apps.ml.parameters import Gate, Guards, ModelEvaluation, ModelRegistration
from apps.ml.tests import small_number_evaluation

PARAMETERS = ModelEvaluation(seed=1)
ROC = {"name": "ranking", "metric": "performance.roc_auc", "at_least": 0.7}
ERROR = {"name": "error", "metric": "performance.mean_absolute_error", "at_most": 3.0}


def judged(*gates: dict[str, Any]) -> dict[str, Any]:
    record = small_number_evaluation.record()
    metrics = {name: record[name] for name in ("performance", "fairness", "explainability")}
    rules = ModelRegistration.model_validate({"gates": gates})
    judgement = judge_model(rules, {**metrics, "data_quality": {"findings": 0}}, record, 0.95)
    return registration_summary(judgement, rules)


def test_paths_lead_to_errors_of_everybody_and_of_groups_and_levelling_down_is_not_asked() -> None:
    found = judged(
        ERROR,
        {"name": "everybody", "metric": "fairness.*.groups.*.mean_absolute_error", "at_most": 3.0},
        {"name": "gaps", "metric": "fairness.*.mean_error_difference", "at_most": 0.1},
        {"name": "distances", "metric": "fairness.sex.kolmogorov_smirnov_distance", "at_most": 0.9},
    )
    assert {name: gate["verdict"] for name, gate in found["gates"].items()} == {
        "error": "PASS",
        "everybody": "PASS",
        "gaps": "FAIL",
        "distances": "PASS",
    }
    assert {name: guard["verdict"] for name, guard in found["guards"].items()} == {
        "constant predictor": "PASS",
        "group performance": "PASS",
    }
    assert found["verdict"] == "FAIL"
    assert list(found["not_applicable"]) == ["levelling down"]
    assert found["at_promotion"]["guards"] == {}


def test_gates_on_decisions_are_not_asked_and_alone_never_let_a_model_pass() -> None:
    quality = {"name": "quality", "metric": "data_quality.findings", "at_most": 0}
    found = judged(ROC, quality)
    assert found["not_applicable"]["ranking"] == "it is a measurement of decisions, and the model predicts numbers"
    assert found["gates"]["quality"]["verdict"] == "PASS"
    assert found["verdict"] == "INCONCLUSIVE"
    assert "no gate on performance or fairness of predicted numbers was declared" in found["reason"]
    assert judged(ROC, ERROR)["verdict"] == "PASS"


def test_gates_on_numbers_are_not_asked_of_a_model_that_decides() -> None:
    gates = [Gate.model_validate(one) for one in (ROC, ERROR)]
    asked = gates_for("binary_classification", gates)
    assert [gate.name for gate in asked.gates] == ["ranking"]
    assert asked.not_applicable == {"error": "it is a measurement of predicted numbers, and the model decides"}
    assert not asked.wanting


def guarded(labels: np.ndarray, predictions: np.ndarray, names: np.ndarray) -> dict[str, str]:
    performance = {name: one.to_dict() for name, one in measure_numbers(labels, predictions, 0.95).items()}
    fairness = assess_regression(labels, predictions, pd.DataFrame({"g": names}), PARAMETERS).to_dict()
    results = judge_number_guards(Guards(), performance, fairness)
    return {result.metric: result.verdict for result in results}


def test_one_number_for_everybody_fails_and_a_group_the_model_knows_nothing_about_does() -> None:
    generator = np.random.default_rng(3)
    labels, names = generator.normal(50, 10, 400), np.repeat(["a", "b"], 200)
    constant = guarded(labels, np.full(400, labels.mean()), names)
    assert constant["performance.r_squared"] == "FAIL"
    good = labels + generator.normal(0, 4, 400)
    assert set(guarded(labels, good, names).values()) == {"PASS"}
    mixed = np.where(names == "a", good, generator.permutation(labels))
    assert guarded(labels, mixed, names) == {
        "performance.r_squared": "INCONCLUSIVE",
        "fairness.g.groups.a.r_squared": "PASS",
        "fairness.g.groups.b.r_squared": "FAIL",
    }


def test_what_is_undefined_never_passes_a_guard() -> None:
    labels, names = np.full(100, 7.0), np.repeat(["a", "b"], 50)
    found = guarded(labels, labels + np.random.default_rng(1).normal(size=100), names)
    assert set(found.values()) == {"INCONCLUSIVE"}
    few = guarded(labels[:4], labels[:4] + np.arange(4.0), names[:4])
    assert few["fairness.*.groups.*.r_squared"] == "INCONCLUSIVE"


def paired(better: float, n: int = 400) -> PairedNumbers:
    generator = np.random.default_rng(5)
    labels, noise = generator.normal(50, 10, n), generator.normal(0, 4, n)
    groups = pd.DataFrame({"g": np.where(np.arange(n) % 2, "a", "b")})
    return PairedNumbers(labels, labels + better * noise, labels + noise, groups)


def test_a_change_is_the_mean_of_paired_differences() -> None:
    rows = paired(0.5)
    found = measure_number_changes(rows, PARAMETERS, 0.95).metrics
    new, old = np.abs(rows.new - rows.labels), np.abs(rows.old - rows.labels)
    assert found["performance"]["mean_absolute_error"]["value"] == pytest.approx((new - old).mean())
    assert found["performance"]["mean_absolute_error"]["upper"] < 0
    assert found["fairness"]["g"]["groups"]["a"]["n"] == 200


@pytest.mark.parametrize(("better", "verdict"), [(0.5, "PASS"), (1.5, "FAIL")])
def test_a_candidate_is_judged_by_its_errors_on_the_same_rows(better: float, verdict: str) -> None:
    gates = [
        {"name": "no worse", "metric": "performance.mean_absolute_error", "at_most": 0.2, "reference": "champion"},
        {
            "name": "no group worse",
            "metric": "fairness.*.groups.*.mean_absolute_error",
            "at_most": 0.3,
            "confidence": 0.9,
            "reference": "champion",
        },
    ]
    rules = ModelRegistration.model_validate({"gates": gates})
    found = judge_numbers_against_champion(rules, PARAMETERS, paired(better))
    assert found.verdict == verdict
    assert {gate.name for gate in found.gates} == {"no worse", "no group worse"}
    assert judge_numbers_against_champion(ModelRegistration(), PARAMETERS, paired(better)).verdict == "PASS"
