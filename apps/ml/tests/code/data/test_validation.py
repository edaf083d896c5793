"""Each promise of a declaration, broken once, through Great Expectations."""

from typing import Any

import numpy as np
import pytest

from apps.ml.data.declaration import Declaration
from apps.ml.data.declared_rows import declared_rows
from apps.ml.data.promises import Promise, promised_frame, promises
from apps.ml.data.validation import Validation, validate
from apps.ml.tests.clinic_visits import DECLARATION, declaration, raw, visits, with_column, with_values


def validation_of(frame: Any, declared: Declaration | None = None) -> Validation:
    declared = declared or declaration()
    table = declared_rows(declared, raw(frame), np.arange(len(frame)))
    return validate(promised_frame(table), promises(declared, table))


def found(validation: Validation) -> list[tuple[str, str | None, int | None]]:
    return [(one.code, one.column, one.rows) for one in validation.findings]


def test_rows_that_keep_every_promise_have_no_finding() -> None:
    validation = validation_of(visits())
    assert validation.findings == ()
    assert validation.passed == len(validation.judgements) > 15


@pytest.mark.parametrize(
    ("column", "values", "finding"),
    [
        ("age", {3: "old"}, ("unreadable", "age", 1)),
        ("day", {3: "31/05/2024", 5: "May"}, ("unreadable", "day", 2)),
        ("insured", {0: "perhaps"}, ("unreadable", "insured", 1)),
        ("age", {3: "17", 9: "101"}, ("out_of_range", "age", 2)),
        ("distance", {0: "-0.5"}, ("out_of_range", "distance", 1)),
        ("ward", {0: "west"}, ("unknown_category", "ward", 1)),
        ("age", {0: None, 1: None}, ("missing", "age", 2)),
        ("visit", {0: "V1"}, ("not_unique", "visit", 2)),
        ("kept", {0: "maybe", 1: None}, ("label_unusable", "kept", 2)),
        ("sex", {0: "x"}, ("no_group", "sex", 1)),
    ],
)
def test_a_broken_promise_is_one_finding_with_its_rows(
    column: str, values: dict[int, str | None], finding: tuple[str, str, int]
) -> None:
    assert found(validation_of(with_values(column, values))) == [finding]


def test_findings_tell_what_was_expected_and_no_value_of_a_person() -> None:
    finding = str(validation_of(with_values("age", {3: "17"})).findings[0])
    assert finding == "[out_of_range] column 'age': values are out of range (1 row); expected 18 to 100"


def test_promises_about_single_values_name_their_rows() -> None:
    broken = validation_of(with_values("age", {3: "17", 7: "old"})).broken_single_values
    assert [(one.promise.code, one.positions.tolist()) for one in broken] == [
        ("unreadable", [7]),
        ("out_of_range", [3]),
    ]


def test_an_all_missing_column_is_one_finding_of_its_own() -> None:
    frame = visits().assign(distance=np.nan).astype("str")
    assert found(validation_of(frame)) == [("all_missing", "distance", 80)]


def test_a_column_may_be_missing_altogether_only_when_it_is_left_out() -> None:
    frame = visits().assign(distance=np.nan).astype("str")
    columns = with_column("distance", missing_at_most=1.0)
    assert found(validation_of(frame, declaration(columns=columns))) == [("all_missing", "distance", 80)]
    left_out = declaration(columns=columns, leave_out={"distance": "never filled in"})
    assert found(validation_of(frame, left_out)) == []


def test_a_wholly_unreadable_column_is_not_also_called_missing() -> None:
    assert found(validation_of(visits().assign(distance="far"))) == [("unreadable", "distance", 80)]


@pytest.mark.parametrize(("missing", "codes"), [(29, []), (30, ["missing"])])
def test_a_missing_share_is_kept_up_to_its_limit_in_whole_rows(missing: int, codes: list[str]) -> None:
    frame = with_values("distance", dict.fromkeys(range(50), "1") | dict.fromkeys(range(missing), None)).head(50)
    declared = declaration(columns=with_column("distance", missing_at_most=0.58))
    assert [one.code for one in validation_of(frame, declared).findings] == codes


def test_one_class_is_one_finding() -> None:
    assert found(validation_of(visits().assign(kept="yes"))) == [("one_class", "kept", None)]


def test_an_unbelievable_share_of_positives_is_a_finding() -> None:
    declared = declaration(label=DECLARATION["label"] | {"share": [0.9, 0.95]})
    assert found(validation_of(visits(), declared)) == [("label_share", "kept", None)]


def test_a_sensitive_attribute_with_one_known_group_is_a_finding_in_it_and_not_for_unknown() -> None:
    declared = declaration(columns=with_column("sex", missing_at_most=1.0))
    frame = with_values("sex", dict.fromkeys(range(80), "f") | dict.fromkeys(range(20), None))
    assert found(validation_of(frame, declared)) == [("one_group", "sex", None)]


@pytest.mark.parametrize("limits", [{"rows_at_least": 81}, {"rows_at_most": 79}])
def test_too_few_or_too_many_rows_are_a_finding(limits: dict[str, int]) -> None:
    assert found(validation_of(visits(), declaration(expectations=limits))) == [("number_of_rows", None, None)]


def test_a_combination_that_appears_twice_is_a_finding() -> None:
    declared = declaration(expectations={"unique": [["patient", "day"]]})
    assert found(validation_of(visits(), declared)) == [("not_unique", "patient + day", 54)]


def test_every_broken_promise_is_found_at_once() -> None:
    frame = with_values("age", {0: "old", 1: "7"}).assign(ward="west")
    assert [code for code, _, _ in found(validation_of(frame))] == ["unreadable", "out_of_range", "unknown_category"]


def test_what_cannot_be_judged_is_a_finding_and_never_kept() -> None:
    absent = Promise("missing", "x", "values are missing", "none", "ExpectColumnValuesToNotBeNull", {"column": "x"})
    frame = promised_frame(declared_rows(declaration(), raw(visits()), np.arange(80)))
    assert found(validate(frame, [absent])) == [("not_judged", "x", None)]


def test_the_summary_is_the_same_every_time() -> None:
    frame = with_values("age", {3: "17"})
    assert str(validation_of(frame)) == str(validation_of(frame))
