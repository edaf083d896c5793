"""params.yaml's section `feature_engineering` against the columns of a data set."""

import json
from typing import Any

import pytest

from apps.ml.errors import ParameterError
from apps.ml.features.choices import BooleanChoice, CategoricalChoice, NumericChoice
from apps.ml.features.specification import FeatureSpecification, feature_specification, input_columns
from apps.ml.parameters import FeatureEngineering
from apps.ml.tests.code.features.people import SCHEMA


def specified(**section: Any) -> FeatureSpecification:
    return feature_specification(FeatureEngineering.model_validate(section), SCHEMA)


def test_defaults_come_from_the_kind_of_a_column() -> None:
    choices = {choice.name: choice for choice in specified().columns}
    assert choices["income"] == NumericChoice("income", "median", 0.0, True, "standard", 0)
    assert choices["owns_home"] == BooleanChoice("owns_home", "most_frequent", 0.0, False)
    assert choices["education"] == CategoricalChoice(
        "education", "category", "one_hot", 0.01, False, ("school", "college", "doctorate")
    )


def test_an_override_changes_one_column_and_no_other() -> None:
    choices = {choice.name: choice for choice in specified(columns={"income": {"scaling": "robust"}}).columns}
    assert choices["income"] == NumericChoice("income", "median", 0.0, True, "robust", 0)
    assert choices["age"] == NumericChoice("age", "median", 0.0, True, "standard", 0)


def test_sensitive_columns_stay_out_unless_asked_for() -> None:
    assert "gender" not in specified().column_names()
    assert not specified().uses_sensitive
    assert "gender" in specified(use_sensitive=True).column_names()
    assert specified(use_sensitive=True).uses_sensitive


def test_a_model_that_drops_every_sensitive_column_uses_none() -> None:
    assert not specified(use_sensitive=True, columns={"gender": {"drop": True}}).uses_sensitive


def test_dropped_columns_are_no_input_columns() -> None:
    parameters = FeatureEngineering.model_validate({"columns": {"age": {"drop": True}}})
    names = [column.name for column in input_columns(parameters, SCHEMA)]
    assert names == ["income", "purpose", "education", "owns_home"]


def test_a_specification_survives_json() -> None:
    specification = specified(
        interactions=[["age", "income"]],
        selection={"method": "mutual_information", "keep": 3},
        columns={"purpose": {"encoding": "target"}},
    )
    assert FeatureSpecification.from_dict(json.loads(json.dumps(specification.to_dict()))) == specification


@pytest.mark.parametrize(
    ("section", "needed"),
    [
        ({}, False),
        ({"selection": {"method": "variance"}}, False),
        ({"selection": {"method": "mutual_information", "keep": 1}}, True),
        ({"columns": {"purpose": {"encoding": "target"}}}, True),
    ],
)
def test_labels_are_needed_by_target_encoding_and_by_mutual_information(section: Any, needed: bool) -> None:
    assert specified(**section).needs_labels() is needed


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"columns": {"agee": {"drop": True}}}, r"feature_engineering\.columns\.agee: .* did you mean 'age'"),
        ({"columns": {"age": {"encoding": "one_hot"}}}, r"feature_engineering\.columns\.age\.encoding: makes no sense"),
        ({"columns": {"age": {"rare_below": 0.1}}}, r"columns\.age\.rare_below: makes no sense for the numeric"),
        ({"columns": {"age": {"imputation": "category"}}}, r"columns\.age\.imputation: a numeric column takes one of"),
        ({"columns": {"purpose": {"scaling": "robust"}}}, r"columns\.purpose\.scaling: makes no sense"),
        ({"columns": {"purpose": {"bins": 3}}}, r"columns\.purpose\.bins: makes no sense"),
        ({"columns": {"purpose": {"imputation": "mean"}}}, r"columns\.purpose\.imputation: a categorical column takes"),
        (
            {"columns": {"purpose": {"missing_indicator": True}}},
            r"purpose\.missing_indicator: with imputation 'category'",
        ),
        ({"columns": {"owns_home": {"imputation": "median"}}}, r"owns_home\.imputation: a boolean column takes"),
        ({"columns": {"age": {"fill_value": 3.0}}}, r"age\.fill_value: only imputation 'constant' uses it"),
        ({"columns": {"age": {"bins": 3, "scaling": "robust"}}}, r"age\.scaling: bins replace the value"),
        ({"columns": {"gender": {"scaling": "robust"}}}, r"gender\.scaling: makes no sense"),
        ({"interactions": [["age", "incme"]]}, r"interactions\.0: .* no column 'incme'; did you mean 'income'"),
        ({"interactions": [["age", "purpose"]]}, r"interactions\.0: the column 'purpose' is categorical"),
        ({"interactions": [["age", "gender"]]}, r"interactions\.0: the column 'gender' is sensitive"),
        (
            {"interactions": [["age", "income"], ["income", "age"]]},
            r"interactions\.1: the pair income × age is given twice",
        ),
        (
            {"interactions": [["age", "income"]], "columns": {"age": {"drop": True}}},
            r"interactions\.0: the column 'age' is dropped",
        ),
        (
            {"interactions": [["age", "income"]], "columns": {"age": {"bins": 4}}},
            r"interactions\.0: the column 'age' is put into bins",
        ),
        (
            {"columns": {name: {"drop": True} for name in ("age", "income", "purpose", "education", "owns_home")}},
            r"leave no column to learn from",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_path_of_its_key(section: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        specified(**section)
