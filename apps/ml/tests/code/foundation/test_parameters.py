"""Parameters: unknown keys and impossible values are refused with full path, expectation and nearest name."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from apps.ml.errors import ParameterError
from apps.ml.parameters import Parameters, check_parameters, read_parameters

ROOT = Path(__file__).resolve().parents[5]
CONTENT: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def edited(edit: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    content = copy.deepcopy(CONTENT)
    edit(content)
    return content


def test_the_committed_parameters_are_valid() -> None:
    assert read_parameters(ROOT / "params.yaml").data_processing.dataset == "loan_applications"


def test_the_committed_file_spells_out_every_parameter() -> None:
    complete = Parameters.model_validate(CONTENT).model_dump(mode="json")
    without_limits = edited(lambda content: content["model_registration"].pop("gates"))
    complete["model_registration"].pop("gates")
    assert _keys(without_limits) == _keys(complete)


def _keys(content: Any, path: str = "") -> set[str]:
    if not isinstance(content, dict):
        return {path}
    return {path}.union(*(_keys(value, f"{path}.{key}") for key, value in content.items()))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c["model_training"].update(estimatr="x"), r"unknown key 'model_training\.estimatr'; .*'estimator'"),
        (lambda c: c.update(model_trainig={}), r"unknown key 'model_trainig'; did you mean 'model_training'"),
        (lambda c: c["model_training"].update(estimator="lihtgbm"), r"'model_training\.estimator'.*'lightgbm'\?"),
        (
            lambda c: c["model_training"]["threshold"].update(value=2),
            r"'model_training\.threshold\.value'.*less than 1",
        ),
        (
            lambda c: c["feature_engineering"].update(columns={"age": {"scalling": "none"}}),
            r"'feature_engineering\.columns\.age\.scalling'; did you mean 'scaling'",
        ),
        (
            lambda c: c["model_registration"]["gates"].append({"name": "x", "metric": "fairness.a", "at_lest": 1}),
            r"'model_registration\.gates\.7\.at_lest'; did you mean 'at_least'",
        ),
        (lambda c: c["data_processing"].pop("seed"), r"key 'data_processing\.seed' is missing"),
        (lambda c: c["model_evaluation"].update(confidence=float("nan")), r"'model_evaluation\.confidence'.*finite"),
        (
            lambda c: c["model_registration"]["gates"].append({"name": "both", "metric": "performance.f1"}),
            r"exactly one of at_least and at_most",
        ),
        (
            lambda c: c["model_registration"]["gates"].append(dict(c["model_registration"]["gates"][0])),
            r"two gates share a name",
        ),
        (
            lambda c: _add_gate(c, metric="performance.f1", scope=["sex"]),
            r"'model_registration\.gates\.7': expected: scope limits the \* of fairness",
        ),
        (
            lambda c: _add_gate(c, metric="performance.pr_auc", reference="champion"),
            r"performance\.pr_auc is not compared with the champion; compared are performance\.\(roc_auc\|",
        ),
        (
            lambda c: _add_gate(c, metric="fairness.*.equalized_odds_difference", reference="champion"),
            r"is not compared with the champion",
        ),
        (lambda c: _add_gate(c, metric="performance.f1", confidence=95), r"gates\.7\.confidence'.*less than 1"),
        (lambda c: _add_gate(c, metric="performance.f1", minimum_rows=-1), r"gates\.7\.minimum_rows'"),
        (lambda c: _add_gate(c, metric="performance.f1", reference="champoin"), r"did you mean 'champion'"),
        (lambda c: _add_gate(c, metric="costs.total"), r"gates\.7\.metric'"),
        (
            lambda c: c["model_registration"]["guards"].update(leveling_down={}),
            r"'model_registration\.guards\.leveling_down'; did you mean 'levelling_down'",
        ),
        (
            lambda c: c["model_registration"]["champion"].update(inconclusive="promot"),
            r"'model_registration\.champion\.inconclusive'.*did you mean 'promote'",
        ),
        (
            lambda c: c["feature_engineering"]["selection"].update(method="mutual_information"),
            r"needs keep >= 1",
        ),
    ],
)
def test_a_bad_key_or_value_is_refused_with_its_path(edit: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        check_parameters(edited(edit))


def _add_gate(content: dict[str, Any], **gate: Any) -> None:
    content["model_registration"]["gates"].append({"name": "added", "at_least": 0.0, **gate})


@pytest.mark.parametrize(
    "metric",
    [
        "performance.accuracy",
        "fairness.*.demographic_parity_difference",
        "fairness.sex.groups.female.favourable_rate",
        "fairness.*.groups.*.true_positive_rate",
    ],
)
def test_what_is_compared_with_the_champion_may_be_named(metric: str) -> None:
    content = edited(lambda c: _add_gate(c, metric=metric, reference="champion"))
    assert len(check_parameters(content).model_registration.champion_gates) == 2


def test_parameters_are_frozen() -> None:
    parameters = check_parameters(CONTENT)
    with pytest.raises(ValidationError, match="frozen"):
        parameters.data_processing.seed = 1  # type: ignore[misc]


def test_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"does not exist\. Run the command in the root"):
        read_parameters(tmp_path / "params.yaml")


def test_broken_yaml_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("a: [1\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="is not valid YAML"):
        read_parameters(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(ParameterError, match="holds no sections"):
        read_parameters(path)
