from typing import Any

import pytest

from apps.ml.data.consistency import feature_columns, require_consistent
from apps.ml.errors import DeclarationError
from apps.ml.tests.clinic_visits import DECLARATION, declaration, with_column


def test_a_declaration_without_contradiction_passes() -> None:
    require_consistent(declaration())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": DECLARATION["label"] | {"negative": ["no", "yes"]}}, "both positive and negative"),
        ({"label": DECLARATION["label"] | {"share": [0.9, 0.1]}}, "label.share"),
        ({"columns": with_column("ward", minimum=1)}, "columns.ward: minimum and maximum"),
        ({"columns": with_column("age", minimum=120)}, "columns.age: the minimum is above"),
        ({"columns": with_column("age", categories=["1"])}, "columns.age: categories belong"),
        ({"columns": with_column("insured", true_values=["x"], false_values=["x"])}, "both true and false"),
        (
            {"columns": with_column("age", actionable="any")},
            "columns.age.actionable: a column that carries a sensitive",
        ),
        ({"columns": with_column("day", actionable="increase")}, "columns.day.actionable: a column of type date"),
        (
            {"columns": with_column("job", type="category", actionable="increase")},
            "columns.job.actionable: 'increase' needs `categories`",
        ),
        ({"columns": with_column("age", proxy_of="sex")}, "columns.age.proxy_of: the column carries"),
        ({"columns": with_column("sex", reason="sex")}, "columns.sex.reason: sensitive columns and their proxies"),
        (
            {"columns": with_column("ward", proxy_of="sex", reason="the ward")},
            "columns.ward.reason: sensitive columns and their proxies",
        ),
        ({"columns": with_column("ward", reason_low="x")}, "columns.ward: reason_low and reason_high belong to"),
        ({"sensitive": {"a": {"column": "sex", "bands": [1]}}}, "bands need an integer or number column"),
        ({"sensitive": {"a": {"column": "age"}}}, "a column of type integer needs bands or groups"),
        ({"sensitive": {"a": {"column": "sex", "other": "rest"}}}, "sensitive.a.other"),
        ({"sensitive": {"a": {"column": "sex", "groups": {"x": ["f"], "y": ["f"]}}}}, "two groups"),
        ({"sensitive": {"a": {"column": "ward", "groups": {"x": ["west"]}}}}, "not among the declared categories"),
        (
            {
                "sensitive": DECLARATION["sensitive"]
                | {"sex_age": {"intersection": ["sex", "age_band"], "other": "rest"}}
            },
            "an intersection has no groups",
        ),
        (
            {
                "sensitive": {
                    "a": {"intersection": ["b", "c"]},
                    "b": {"intersection": ["a", "c"]},
                    "c": {"column": "sex"},
                }
            },
            "sensitive.b: the intersection contains itself",
        ),
        (
            {"splits": {"s": {"method": "time", "column": "ward", "test": 0.2}}, "default_split": "s"},
            "splits.s.column: a time split needs",
        ),
        (
            {"splits": {"s": {"method": "random", "column": "ward", "test": 0.2}}, "default_split": "s"},
            "a random split has no column",
        ),
        ({"expectations": {"unique": [["visit", "dya"]]}}, "no column 'dya'; did you mean 'day'"),
        ({"expectations": {"unique": [["visit", "visit"]]}}, "different columns"),
        ({"leave_out": {"ward": "x"}, "held_out": {"ward": "x"}}, "both name ward"),
        ({"leave_out": dict.fromkeys(["age", "distance", "insured", "ward", "sex"], "x")}, "no column is left"),
    ],
)
def test_a_contradiction_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        require_consistent(declaration(**changes))


def test_every_contradiction_is_listed() -> None:
    columns = with_column("ward", minimum=1) | {"age": {"type": "category", "maximum": 3}}
    with pytest.raises(DeclarationError, match=r"(?s)columns\.age: .*columns\.ward: .*sensitive\.age_band"):
        require_consistent(declaration(columns=columns))


def test_features_are_neither_kept_apart_nor_dates_nor_identifiers() -> None:
    changed = declaration(leave_out={"ward": "unused"}, held_out={"distance": "the truth"})
    assert list(feature_columns(changed)) == ["age", "insured", "sex"]
