"""What a declaration may say, part by part."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from apps.ml.data.consistency import require_consistent
from apps.ml.data.declaration import (
    Column,
    Declaration,
    Filter,
    Label,
    Reading,
    SensitiveAttribute,
    Split,
    SQLSource,
)
from apps.ml.data.sources.files import read_file
from apps.ml.data.typing_of_columns import typed

DOCUMENT = Path(__file__).resolve().parents[5] / "docs" / "ml" / "datasets.md"

DECLARATION: dict[str, Any] = {
    "name": "loans",
    "title": "Loans",
    "description": "For a test.",
    "licence": "none",
    "task": "binary_classification",
    "source": {"kind": "generator", "generator": "loan_applications", "rows": 100, "seed": 1},
    "label": {
        "column": "repaid",
        "positive": ["yes"],
        "negative": ["no"],
        "favourable": "positive",
        "positive_name": "repaid",
        "negative_name": "not repaid",
    },
    "columns": {"age": {"type": "integer"}, "sex": {"type": "category"}},
    "sensitive": {"sex": {"column": "sex"}, "age": {"column": "age", "bands": [25]}},
    "splits": {"random": {"method": "random", "test": 0.2}},
    "default_split": "random",
}


def test_a_small_declaration_is_enough() -> None:
    declaration = Declaration.model_validate(DECLARATION)
    assert declaration.reading.missing == ("",)
    assert declaration.expectations.rows_at_least == 10
    assert declaration.quarantine is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": {**DECLARATION["columns"], "repaid": {"type": "category"}}}, "not under `columns`"),
        (
            {"columns": {**DECLARATION["columns"], "fairmind:x": {"type": "category"}}},
            "must not start with 'fairmind:'",
        ),
        ({"columns": {}}, "at least 1 item"),
        ({"leave_out": {"income": "unknown"}}, "undeclared columns: income"),
        ({"held_out": {"truth": "unknown"}}, "undeclared columns: truth"),
        ({"sensitive": {}}, "at least 1 item"),
        ({"sensitive": {"race": {"column": "race"}}}, "undeclared column 'race'"),
        ({"sensitive": {**DECLARATION["sensitive"], "both": {"intersection": ["sex", "race"]}}}, "do not exist: race"),
        ({"sensitive": {**DECLARATION["sensitive"], "both": {"intersection": ["sex", "both"]}}}, "do not exist: both"),
        ({"default_split": "time"}, "names one of `splits`"),
        (
            {"splits": {"default": {"method": "random", "test": 0.2}}, "default_split": "default"},
            "no split may be called",
        ),
        ({"name": "My Loans"}, "pattern"),
        ({"task": "regression"}, "binary_classification"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Declaration.model_validate(DECLARATION | change)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"method": "random"}, "needs the share `test`"),
        ({"method": "random", "test": 0.9, "validation": 0.1}, "no rows to train on"),
        ({"method": "given", "test": 0.2, "test_values": ["x"]}, "names `test_values` and no share"),
        ({"method": "given"}, "names `test_values`"),
        ({"method": "group", "test": 0.2}, "a group split needs `column`"),
        ({"method": "time", "test": 0.2}, "a time split needs `column`"),
        ({"method": "time", "test": 0.2, "column": "day", "test_values": ["x"]}, "no `test_values`"),
    ],
)
def test_a_split_is_complete_or_refused(split: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Split.model_validate(split)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ({}, "either a column or an intersection"),
        ({"column": "a", "intersection": ["b", "c"]}, "either a column or an intersection"),
        ({"intersection": ["a"]}, "at least two"),
        ({"column": "a", "bands": [40, 25]}, "bands must ascend"),
        ({"column": "a", "bands": [1], "groups": {"x": ["y"]}}, "groups or bands, not both"),
    ],
)
def test_a_sensitive_attribute_is_made_in_one_way(attribute: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SensitiveAttribute.model_validate(attribute)


def test_reading_needs_names_exactly_where_there_is_no_header() -> None:
    for reading in ({"header": False}, {"names": ["a"]}):
        with pytest.raises(ValidationError, match="exactly when `header` is false"):
            Reading.model_validate(reading)
    assert Reading.model_validate({"format": "parquet"}).names == ()


def test_a_separator_is_one_character() -> None:
    assert Reading.model_validate({"separator": "\t"}).separator == "\t"
    for separator in ("", "||"):
        with pytest.raises(ValidationError, match="separator"):
            Reading.model_validate({"separator": separator})


def test_a_filter_has_a_condition_and_a_reason() -> None:
    with pytest.raises(ValidationError, match="needs a condition"):
        Filter.model_validate({"column": "a", "reason": "why"})
    with pytest.raises(ValidationError, match="reason"):
        Filter.model_validate({"column": "a", "equals": "x"})
    assert Filter.model_validate({"column": "a", "at_least": 0, "reason": "why"}).at_least == 0


def test_numbers_and_truth_values_in_place_of_texts_are_refused() -> None:
    for value in (1, True, None):
        with pytest.raises(ValidationError, match="valid string"):
            Label.model_validate(DECLARATION["label"] | {"positive": [value]})


def test_declarations_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Column(type="integer").minimum = 3  # type: ignore[misc]


def models_of(model: type[BaseModel]) -> set[type[BaseModel]]:
    """A model and all models inside its fields."""
    found = {model}
    waiting: list[Any] = [field.annotation for field in model.model_fields.values()]
    while waiting:
        annotation = waiting.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found |= models_of(annotation)
        waiting += get_args(annotation)
    return found


def test_the_documentation_explains_every_key() -> None:
    prose = re.sub(r"```.*?```", "", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
    words = {word for code in re.findall(r"`([^`\n]+)`", prose) for word in code.split(".")}
    keys = {key for model in models_of(Declaration) for key in model.model_fields}
    assert keys - words == set()


def test_the_worked_example_of_the_documentation_is_valid_and_consistent() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
    declaration = Declaration.model_validate(yaml.safe_load(blocks[0]))
    require_consistent(declaration)
    SQLSource.model_validate(yaml.safe_load(blocks[1])["source"])


def test_the_worked_example_reads_the_lines_that_the_documentation_shows(tmp_path: Path) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    lines = re.findall(r"```text\n(id;.*?)```", text, flags=re.DOTALL)[0]
    declaration = Declaration.model_validate(yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]))
    (tmp_path / "hiring.csv").write_text(lines, encoding="utf-8")
    frame = read_file(tmp_path / "hiring.csv", declaration.reading)
    assert set(frame) == {*declaration.columns, declaration.label.column}
    columns = typed(frame, declaration)
    assert columns.readable.all(axis=None)
    assert columns.frame["experience_years"].tolist() == [7.5, 0.5, 21.0]
