"""What a declaration may say, part by part."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from apps.ml.data.catalogue import declared_names, load_declaration
from apps.ml.data.consistency import feature_columns, require_consistent
from apps.ml.data.declaration import (
    Column,
    EventDeclaration,
    Filter,
    NumberDeclaration,
    Reading,
    SensitiveAttribute,
    Split,
    SQLSource,
)
from apps.ml.data.label import Label
from apps.ml.data.processed import ColumnSchema, column_from_dict
from apps.ml.data.sensitive import carrying_columns
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
    declaration = EventDeclaration.model_validate(DECLARATION)
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
        (
            {"columns": {**DECLARATION["columns"], "area": {"type": "number", "proxy_of": "race"}}},
            "column 'area': proxy_of names the attribute 'race', which does not exist",
        ),
        ({"name": "My Loans"}, "pattern"),
        ({"task": "regression"}, "binary_classification"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EventDeclaration.model_validate(DECLARATION | change)


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


@pytest.mark.parametrize("written", ["no", '"no"', "any", "increase", "decrease"])
def test_what_can_be_done_is_read_as_written_though_yaml_takes_no_for_false(written: str) -> None:
    column = Column.model_validate(yaml.safe_load(f"{{type: integer, actionable: {written}}}"))
    assert column.actionable == written.strip('"')


@pytest.mark.parametrize("written", ["sometimes", "yes", "true", "1"])
def test_anything_else_that_could_be_done_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="'no', 'any', 'increase' or 'decrease'"):
        Column.model_validate(yaml.safe_load(f"{{type: integer, actionable: {written}}}"))


def test_words_of_a_reason_are_not_empty() -> None:
    for key in ("reason", "reason_low", "reason_high"):
        with pytest.raises(ValidationError, match="at least 1 character"):
            Column.model_validate({"type": "integer", key: " "})


def test_every_declared_data_set_has_words_for_each_column_that_can_be_a_reason() -> None:
    for name in declared_names():
        declaration = load_declaration(name)
        carrying = carrying_columns(declaration)
        for column, declared in feature_columns(declaration).items():
            worded = declared.reason or (declared.reason_low and declared.reason_high)
            assert bool(worded) != (column in carrying or declared.proxy_of is not None), f"{name}.{column}"


def test_a_schema_that_an_older_version_wrote_is_read_with_defaults() -> None:
    new = ("actionable", "proxy_of", "reason", "reason_low", "reason_high")
    old = {key: value for key, value in asdict(ColumnSchema("age", "numeric")).items() if key not in new}
    column = column_from_dict(json.loads(json.dumps(old)))
    assert column == ColumnSchema("age", "numeric")
    assert (column.actionable, column.proxy_of, column.reason) == ("any", None, "")
    assert column_from_dict(asdict(ColumnSchema("age", "numeric", actionable="no"))).actionable == "no"


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
    keys = {
        key for form in (EventDeclaration, NumberDeclaration) for model in models_of(form) for key in model.model_fields
    }
    assert keys - words == set()


def test_the_worked_example_of_the_documentation_is_valid_and_consistent() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
    declaration = EventDeclaration.model_validate(yaml.safe_load(blocks[0]))
    require_consistent(declaration)
    SQLSource.model_validate(yaml.safe_load(blocks[1])["source"])


def test_the_worked_example_reads_the_lines_that_the_documentation_shows(tmp_path: Path) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    lines = re.findall(r"```text\n(id;.*?)```", text, flags=re.DOTALL)[0]
    declaration = EventDeclaration.model_validate(yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]))
    (tmp_path / "hiring.csv").write_text(lines, encoding="utf-8")
    frame = read_file(tmp_path / "hiring.csv", declaration.reading)
    assert set(frame) == {*declaration.columns, declaration.label.column}
    columns = typed(frame, declaration)
    assert columns.readable.all(axis=None)
    assert columns.frame["experience_years"].tolist() == [7.5, 0.5, 21.0]
