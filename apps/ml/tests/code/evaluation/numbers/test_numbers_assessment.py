"""The evaluation of predicted wages, whose truth and whose unfairness are known (apps/ml/tests/small_wages.py)."""

import json
from typing import Any

import numpy as np
import pytest

from apps.ml.errors import BadInputError, DataError
from apps.ml.evaluation.evidence import signed, verify
from apps.ml.evaluation.explanations.decision_rule import NumberRule
from apps.ml.evaluation.explanations.value_change import value_changes
from apps.ml.evaluation.numbers.assessment import NO_DECISIONS, number_rule
from apps.ml.evaluation.numbers.performance import measure_numbers
from apps.ml.evaluation.record.record_file import require_layout
from apps.ml.evaluation.statistics.moments import Moments
from apps.ml.tests import small_number_evaluation, small_wages


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return small_number_evaluation.record()


def test_the_record_is_the_same_twice_and_has_the_layout(record: dict[str, Any]) -> None:
    assert record == small_number_evaluation.measured_record()
    verify(record)
    assert (record["task"], record["counts"]) == ("regression", {})
    assert record["decision"] == {
        "threshold": None,
        "threshold_rule": None,
        "positive_name": "hourly wage",
        "negative_name": None,
        "favourable": "positive",
        "unit": "euros",
    }


def test_the_model_is_found_to_explain_wages_and_to_miss_by_the_noise(record: dict[str, Any]) -> None:
    performance = record["performance"]
    assert performance["root_mean_squared_error"]["lower"] > 2  # the deviation of the noise
    assert performance["r_squared"]["lower"] > 0.6
    assert performance["rows"] == 400
    assert performance["unit"] == "euros"


def test_whoever_is_paid_less_at_equal_columns_is_predicted_too_high(record: dict[str, Any]) -> None:
    sex = record["fairness"]["sex"]
    gap = sex["mean_error_difference"]
    assert (gap["lowest"], gap["highest"]) == ("male", "female")
    assert 0 < gap["lower"] < gap["value"] < small_wages.GAP
    assert gap["simultaneous_lower"] <= gap["lower"]
    assert sex["reference"]["comparisons"]["male"]["mean_error_difference"]["upper"] < 0
    assert sex["kolmogorov_smirnov_distance"]["lower"] >= 0
    assert record["truth"]["true_wage"]["groups"]["sex"]["female"]["mean_error"]["value"] > 0


def test_means_and_moments_of_very_few_people_are_withheld(record: dict[str, Any]) -> None:
    islands = record["fairness"]["region"]["groups"]["islands"]
    assert islands["n"] == 6
    assert {islands[name]["value"] for name in ("mean_label", "mean_error", "r_squared")} == {None}
    moments = record["moments"]["region"]
    at = moments["groups"].index("islands")
    assert (moments["n"][at], moments["means"][at], moments["squares"][at]) == (6, None, None)
    assert record["curves"]["by_group"]["region"]["islands"] == {
        "counts": [],
        "median": None,
        "errors_by_prediction": [],
    }
    assert record["fairness"]["region"]["groups"]["unknown"]["mean_label"]["value"] is not None


def test_an_auditor_recomputes_means_from_the_moments_alone(record: dict[str, Any]) -> None:
    moments = Moments.from_dict(record["moments"]["sex"])
    for name in moments.quantities:
        for group, mean in zip(moments.groups, moments.mean(name), strict=True):
            assert record["fairness"]["sex"]["groups"][group][name]["value"] == pytest.approx(mean)


def test_curves_count_every_row_and_hold_no_row(record: dict[str, Any]) -> None:
    curves = record["curves"]
    assert np.sum(curves["predicted_and_observed"]["counts"]) == 400
    assert np.sum(curves["errors"]["counts"]) == np.sum(curves["predictions"]["counts"]) == 400
    assert sum(one["n"] for one in curves["errors_by_prediction"]) == 400
    labels = set(small_number_evaluation.assessed_model().test.labels.tolist())
    single = json.dumps({name: record[name] for name in ("curves", "moments", "counts")})
    assert sum(f" {label}," in single for label in labels) < len(labels) / 10


def test_explanations_are_in_the_unit_of_the_label(record: dict[str, Any]) -> None:
    explained = record["explainability"]
    assert explained["output"] == "value"
    assert explained["behaviour"]["effects"]["output"] == "value"
    assert list(explained["importance"])[:2] == ["schooling", "experience"]
    for local in record["local_explanations"]:
        total = local["base"] + sum(local["contributions"].values()) + local["other_columns"]
        assert total == pytest.approx(local["score"])
    permuted = explained["behaviour"]["permutation"]["columns"]
    assert next(iter(permuted)) == "schooling"
    assert permuted["schooling"]["squared_error_increase"]["lower"] > 0
    assert permuted["noise"]["mean_change"]["value"] < 0.2
    tree = explained["behaviour"]["surrogate"]
    assert 0.3 < tree["fidelity"]["value"] < 1
    assert sum(rule["share_of_rows"] for rule in tree["rules"]) == pytest.approx(1)


def test_what_needs_decisions_says_that_there_are_none(record: dict[str, Any]) -> None:
    assert record["explainability"]["reasons"] == {"undefined": NO_DECISIONS}
    assert record["explainability"]["counterfactuals"] == {"undefined": NO_DECISIONS}
    conditional = record["fairness"]["sex"]["conditional"]["trade"]["difference"]
    assert "decides nothing" in conditional["undefined"]


def test_swapping_the_sensitive_value_changes_a_rule_that_reads_it_by_as_much_as_it_counts() -> None:
    model = small_number_evaluation.assessed_model()
    rows, attribute = model.test, (model.attributes[0],)
    own = number_rule(model)
    changes = value_changes(own, model.inputs(rows), model.groups, attribute, 0.95, 1)
    assert (changes["sex"].value, changes["sex"].upper) == (0, 0)
    columns = tuple(column for column in small_wages.COLUMNS if column.name in ("schooling", "sex"))
    reading = NumberRule(columns, lambda frame: np.where(frame["sex"] == "female", 1.0, 3.5), "positive")
    found = value_changes(reading, rows.features, model.groups, attribute, 0.95, 1)
    assert found["sex"].value == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("decision", "threshold"), 0.5, "decision.threshold"),
        (("curves", "roc"), [], "curves.roc"),
        (("curves", "predictions", "counts"), [1], "one count between two edges"),
        (("moments", "sex", "n"), [1, 2], "differ in groups or in their rows"),
        (("counts", "sex"), {}, "counts"),
        (("performance", "unit"), 1, "performance.unit"),
    ],
)
def test_a_record_without_the_layout_is_refused(path: tuple[str, ...], value: Any, message: str) -> None:
    changed = small_number_evaluation.record()
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(BadInputError, match=message):
        require_layout(changed)


def test_a_record_about_numbers_is_not_one_about_decisions(record: dict[str, Any]) -> None:
    with pytest.raises(BadInputError, match="layout of format 3"):
        require_layout(signed({**record, "task": "binary_classification"}))


def test_numbers_that_cannot_be_used_are_refused() -> None:
    with pytest.raises(DataError, match="labels: 1 of 2 rows are missing or infinite"):
        measure_numbers([1.0, np.nan], [1.0, 2.0], 0.95)
    with pytest.raises(DataError, match="labels 1, predictions 2"):
        measure_numbers([1.0], [1.0, 2.0], 0.95)
