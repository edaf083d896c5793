import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.experiments.run_content import LONGEST_NAME, flat_metrics, flat_parameters, stored_name
from apps.ml.parameters import Parameters, check_parameters

SECTIONS = {
    "data_processing": {"dataset": "people", "seed": 1},
    "feature_engineering": {"columns": {"age": {"bins": 4}}, "interactions": [["a", "b"]]},
    "model_training": {"estimator": "random_forest", "seed": 2},
    "model_evaluation": {"seed": 3},
    "model_registration": {"gates": [{"name": "g", "metric": "performance.f1", "at_least": 0.5}]},
}


@pytest.fixture
def parameters() -> Parameters:
    return check_parameters(SECTIONS)


def test_parameters_are_flat_text_with_their_section(parameters: Parameters) -> None:
    flat = flat_parameters(parameters)
    assert flat["data_processing.dataset"] == "people"
    assert flat["feature_engineering.columns.age.bins"] == "4"
    assert flat["feature_engineering.interactions"] == '[["a", "b"]]'
    assert flat["model_training.early_stopping.enabled"] == "true"


def test_only_the_chosen_estimators_options_are_parameters_of_a_run(parameters: Parameters) -> None:
    options = {name for name in flat_parameters(parameters) if ".estimators." in name}
    assert options == {
        f"model_training.estimators.random_forest.{option}"
        for option in ("n_estimators", "max_depth", "min_samples_leaf", "max_features")
    }


def test_gates_judge_a_run_and_are_no_parameters_of_it(parameters: Parameters) -> None:
    assert not [name for name in flat_parameters(parameters) if name.startswith("model_registration")]


def test_an_interval_becomes_two_more_metrics() -> None:
    flat = flat_metrics({"performance": {"roc_auc": {"value": 0.8, "n": 9, "lower": 0.7, "upper": 0.9}}})
    assert flat.values == {
        "performance.roc_auc": 0.8,
        "performance.roc_auc_lower": 0.7,
        "performance.roc_auc_upper": 0.9,
    }


def test_a_lower_bound_of_zero_is_kept() -> None:
    flat = flat_metrics({"fairness": {"sex": {"gap": {"value": 0.1, "n": 9, "lower": 0.0, "upper": 0.2}}}})
    assert flat.values["fairness.sex.gap_lower"] == 0.0


def test_what_is_undefined_is_no_number_and_keeps_its_reason() -> None:
    flat = flat_metrics({"performance": {"precision": {"value": None, "n": 0, "undefined": "nobody was selected"}}})
    assert flat.values == {}
    assert flat.undefined == {"performance.precision": "nobody was selected"}


def test_words_flags_lists_and_the_profile_are_no_metrics() -> None:
    flat = flat_metrics(
        {
            "data_quality": {"findings": 0, "ok": True, "rows": {"train": 9}, "profile": {"age": {"mean": 40.0}}},
            "explainability": {"method": "tree", "features": [{"share": 0.5}]},
        }
    )
    assert flat.values == {"data_quality.findings": 0.0, "data_quality.rows.train": 9.0}


def test_a_plain_mapping_with_a_key_value_is_no_measurement() -> None:
    flat = flat_metrics({"explainability": {"base": {"value": 0.3, "unit": "log-odds"}}})
    assert flat.values == {"explainability.base.value": 0.3}


def test_the_name_of_an_intersection_is_made_acceptable() -> None:
    assert stored_name("fairness.sex and race.groups.female × Black") == "fairness.sex and race.groups.female x Black"


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=1, max_size=400))
def test_every_stored_name_is_one_that_mlflow_takes(text: str) -> None:
    from mlflow.utils.validation import _validate_metric_name

    name = stored_name(f"fairness.{text}")
    assert len(name) <= LONGEST_NAME
    _validate_metric_name(name)
