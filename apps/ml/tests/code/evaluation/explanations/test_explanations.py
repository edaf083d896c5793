import json
from dataclasses import replace

import numpy as np
import pytest

from apps.ml.evaluation.explanations.contributions.importance import importance_by_column
from apps.ml.evaluation.explanations.contributions.shap_values import Contributions
from apps.ml.evaluation.explanations.explanation import ExplainedRows, explain
from apps.ml.evaluation.explanations.scored_model import FloatArray
from apps.ml.tests.small_evaluation import (
    FEATURES,
    PARAMETERS,
    SOURCES,
    LinearModel,
    encoded_rows,
    explanation,
)


class LyingModel(LinearModel):
    """Its contributions do not add up."""

    def contributions(self, X: FloatArray) -> FloatArray | None:
        native = super().contributions(X)
        assert native is not None
        return native * 1.1


def contributions(values: list[list[float]]) -> Contributions:
    found = np.asarray(values)
    columns = tuple("abc"[: found.shape[1]])
    return Contributions("made up", "log-odds", columns, found, np.zeros(len(found)))


def test_importance_is_the_mean_absolute_contribution_with_an_interval() -> None:
    measured = importance_by_column(contributions([[1.0, -4.0], [-3.0, 4.0]]), 0.95)
    assert list(measured) == ["b", "a"]
    assert measured["a"].value == 2.0
    assert measured["b"].lower == measured["b"].upper == 4.0
    lower = measured["a"].lower
    assert lower is not None
    assert 0 <= lower < 2


def test_importance_of_one_row_is_undefined() -> None:
    assert importance_by_column(contributions([[1.0]]), 0.95)["a"].undefined == "fewer than two rows were explained"


def test_importance_does_not_depend_on_the_order_of_rows() -> None:
    values = np.random.default_rng(0).normal(size=(20, 3))
    one = importance_by_column(contributions(values.tolist()), 0.9)
    other = importance_by_column(contributions(values[::-1].tolist()), 0.9)
    for column in one:
        assert one[column].value == pytest.approx(other[column].value)


def test_an_explanation_is_the_same_twice_and_different_for_another_seed() -> None:
    first, again = explanation(), explanation()
    assert first.to_dict() == again.to_dict()
    assert first.local == again.local
    explained = ExplainedRows(encoded_rows(), np.arange(300) + 1000, encoded_rows(200, seed=1), FEATURES, SOURCES)
    other = explain(LinearModel(), explained, PARAMETERS.model_copy(update={"seed": 5}))
    assert [one.row for one in other.local] != [one.row for one in first.local]


def test_local_contributions_and_base_value_give_the_log_odds_of_the_rows_score() -> None:
    for local in explanation().local_to_list(2):
        total = local["base"] + sum(local["contributions"].values()) + local["other_columns"]
        assert total == pytest.approx(np.log(local["score"] / (1 - local["score"])))
        assert len(local["contributions"]) == 2


def test_local_explanations_name_rows_by_number_and_hold_no_value_of_a_person() -> None:
    X = encoded_rows()
    marked = X.copy()
    marked[:, 0] = 123.456
    explained = ExplainedRows(marked, np.arange(300) + 1000, encoded_rows(200, seed=1), FEATURES, SOURCES)
    found = explain(LinearModel((0.01, 0.7, -0.4, -1.0)), explained, PARAMETERS)
    text = json.dumps(found.local_to_list(4))
    assert "123.456" not in text
    assert all(1000 <= one["row"] < 1300 for one in found.local_to_list(4))


def test_contributions_that_do_not_add_up_are_not_shown_anywhere() -> None:
    found = explanation(LyingModel())
    content = found.to_dict()
    assert "miss the model's output" in content["undefined"]
    assert content["rows"] == 0
    assert content["additivity_error"] > 1e-6
    assert all(measured["value"] is None and measured["undefined"] for measured in content["importance"].values())
    assert all("contributions" not in local and "base" not in local for local in found.local_to_list(3))
    assert all("lime" in local for local in found.local_to_list(3))
    assert content["beeswarm"] == {"columns": [], "contributions": [], "ranks": [], "rows": 0}


def test_the_metric_file_holds_method_output_error_and_measurements() -> None:
    content = explanation().to_dict()
    assert list(content) == ["method", "output", "additivity_error", "rows", "lime", "importance", "beeswarm"]
    assert content["rows"] == 40
    assert set(content["lime"]) == {"mean_r2", "stability", "sign_agreement"}
    assert set(content["importance"]) == set(SOURCES)
    json.dumps(content, allow_nan=False)


def test_a_data_set_smaller_than_the_sample_is_explained_whole() -> None:
    found = explanation(rows=10)
    assert found.to_dict()["rows"] == 10


def test_keeping_first_and_last_rows_splits_contributions() -> None:
    found = contributions([[1.0], [2.0], [3.0]])
    assert found.first(2).values.tolist() == [[1.0], [2.0]]
    assert found.last(1).values.tolist() == [[3.0]]
    assert found.last(0).values.tolist() == []
    assert replace(found, undefined="why").first(1).undefined == "why"


def test_local_surrogates_say_how_far_their_effects_scatter() -> None:
    for local in explanation().local_to_list(2):
        assert set(local["lime"]["deviations"]) == set(local["lime"]["effects"])
        assert all(value >= 0 for value in local["lime"]["deviations"].values())
        assert set(local["lime"]["always_leading"]) <= set(SOURCES)
