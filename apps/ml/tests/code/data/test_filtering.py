from typing import Any

import pandas as pd
import pytest

from apps.ml.data.filtering import filtered
from apps.ml.tests.clinic_visits import declaration, with_column

TEXT = pd.DataFrame({"x": pd.Series(["1", "2", "3", "10", None, "many"], dtype="str")})


def kept_by(**rule: Any) -> list[int]:
    filters = [{"column": "x", "reason": "a test", **rule}]
    return filtered(TEXT, declaration(filters=filters, columns=with_column("x", type="number"))).kept.tolist()


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ({"equals": "2"}, [1]),
        ({"is_not": "2"}, [0, 2, 3, 5]),
        ({"is_in": ["1", "10"]}, [0, 3]),
        ({"at_least": 2}, [1, 2, 3, 5]),
        ({"at_most": 2}, [0, 1, 5]),
        ({"at_least": 2, "at_most": 3}, [1, 2, 5]),
        ({"at_least": 2, "is_not": "many", "keep_missing": True}, [1, 2, 3, 4]),
    ],
)
def test_a_row_is_kept_when_its_value_passes(rule: dict[str, Any], kept: list[int]) -> None:
    assert kept_by(**rule) == kept


def test_each_filter_counts_the_rows_that_it_removed_itself() -> None:
    rules = [
        {"column": "x", "is_not": "many", "reason": "numbers only"},
        {"column": "x", "at_most": 2, "reason": "small ones"},
    ]
    counts = filtered(TEXT, declaration(filters=rules)).counts
    assert [(one.reason, one.rows) for one in counts] == [("numbers only", 2), ("small ones", 2)]


def test_a_value_that_no_limit_can_judge_is_a_finding_unless_its_type_finds_it() -> None:
    rules = [{"column": "x", "at_least": 2, "reason": "large ones"}]
    undeclared = filtered(TEXT, declaration(filters=rules))
    assert [(one.code, one.column, one.rows) for one in undeclared.findings] == [("filter_unreadable", "x", 1)]
    declared = filtered(TEXT, declaration(filters=rules, columns=with_column("x", type="number")))
    assert declared.findings == ()


def test_no_filter_keeps_every_row() -> None:
    assert filtered(TEXT, declaration()).kept.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_filter_on_an_absent_column_removes_nothing() -> None:
    rules = [{"column": "y", "equals": "1", "reason": "absent"}]
    assert len(filtered(TEXT, declaration(filters=rules)).kept) == len(TEXT)
