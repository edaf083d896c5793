import numpy as np
import pandas as pd
import pytest

from apps.ml.data.label import Label
from apps.ml.data.typing_of_columns import column_findings, label_values, numbers, typed
from apps.ml.tests.clinic_visits import DECLARATION, declaration, visits, with_column, with_values


def read_one(kind: str, values: list[str | None], **column: object) -> tuple[list[object], list[bool]]:
    frame = pd.DataFrame({"x": pd.Series(values, dtype="str")})
    columns = typed(frame, declaration(columns=with_column("x", type=kind, **column)))
    readable = columns.readable["x"].tolist() if "x" in columns.readable else []
    return columns.frame["x"].tolist(), readable


def test_every_type_has_its_dtype() -> None:
    frame = typed(visits(), declaration()).frame
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "visit": "str",
        "patient": "str",
        "day": "datetime64[us]",
        "age": "float64",
        "distance": "float64",
        "insured": "float64",
        "ward": "str",
        "sex": "str",
    }


def test_rows_without_a_fault_are_readable_throughout() -> None:
    assert typed(visits(), declaration()).readable.to_numpy().all()


@pytest.mark.parametrize("text", ["twelve", "1,000", "1_000", "inf", "-inf", "nan", "0x10", "12 years", ""])
def test_what_is_no_finite_number_is_unreadable_and_not_missing(text: str) -> None:
    values, readable = read_one("number", ["1.5", text, None])
    assert values[0] == 1.5
    assert pd.isna(pd.Series(values[1:])).all()
    assert readable == [True, False, True]


@pytest.mark.parametrize("text", ["1.5", "9007199254740993"])
def test_a_fraction_or_an_inexact_number_is_no_integer(text: str) -> None:
    values, readable = read_one("integer", ["12", "12.0", text])
    assert values[:2] == [12.0, 12.0]
    assert readable == [True, True, False]


def test_booleans_are_read_by_their_declared_words() -> None:
    values, readable = read_one("boolean", ["ja", "nein", "true", None], true_values=["ja"], false_values=["nein"])
    assert values[:2] == [1.0, 0.0]
    assert readable == [True, True, False, True]


def test_dates_are_iso_and_time_zones_become_universal_time() -> None:
    values, readable = read_one("date", ["2024-05-31", "2024-05-31T01:30:00+02:00", "31/05/2024", None])
    assert values[:2] == [pd.Timestamp("2024-05-31"), pd.Timestamp("2024-05-30 23:30")]
    assert readable == [True, True, False, True]


def test_text_is_always_readable_and_kept_as_it_is() -> None:
    values, readable = read_one("category", [" a ", "NaN"])
    assert values == [" a ", "NaN"]
    assert readable == []


def test_the_text_stays_unaltered() -> None:
    frame = with_values("age", {3: "old"})
    before = frame.copy()
    typed(frame, declaration())
    pd.testing.assert_frame_equal(frame, before)


def test_numbers_without_rows_are_an_empty_series() -> None:
    assert numbers(pd.Series([], dtype="str")).dtype == "float64"


def test_a_label_that_is_neither_positive_nor_negative_is_unusable() -> None:
    label = Label.model_validate(DECLARATION["label"])
    values = label_values(pd.Series(["yes", "no", "maybe", None], dtype="str"), label)
    np.testing.assert_array_equal(values, [1.0, 0.0, np.nan, np.nan])


def test_declared_columns_in_any_order_are_no_finding() -> None:
    assert column_findings(reversed(visits().columns), declaration()) == ()


def test_a_misnamed_column_is_missing_undeclared_and_gets_a_hint() -> None:
    findings = column_findings(visits().rename(columns={"distance": "Distance_"}).columns, declaration())
    assert [(one.code, one.column) for one in findings] == [
        ("missing_column", "distance"),
        ("undeclared_column", "Distance_"),
    ]
    assert "did you mean 'Distance_'" in findings[0].message


def test_a_missing_label_column_is_a_finding() -> None:
    findings = column_findings(visits().drop(columns="kept").columns, declaration())
    assert [(one.code, one.column) for one in findings] == [("missing_column", "kept")]


def test_a_column_that_appears_twice_is_a_finding() -> None:
    findings = column_findings([*visits().columns, "age"], declaration())
    assert [(one.code, one.column) for one in findings] == [("duplicated_column", "age")]


def test_a_column_that_only_a_filter_names_needs_no_type() -> None:
    rule = {"column": "clinic", "equals": "A", "reason": "one clinic"}
    assert column_findings([*visits().columns, "clinic"], declaration(filters=[rule])) == ()
    findings = column_findings(visits().columns, declaration(filters=[rule]))
    assert [(one.code, one.column) for one in findings] == [("missing_column", "clinic")]
