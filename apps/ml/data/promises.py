"""What a declaration promises about rows, one :class:`Promise` each, in words and as an expectation that can be run.

A promise about *single values* names the rows that break it, so that they can be quarantined; a promise about the
*table* (missing shares, uniqueness, number of rows, balance of the label) does not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from apps.ml.data.declaration import Column, Declaration
from apps.ml.data.declared_rows import DeclaredRows
from apps.ml.data.label import Label, NumericLabel
from apps.ml.data.processed import GROUP, LABEL, UNKNOWN_GROUP
from apps.ml.data.typing_of_columns import EXPECTED

READABLE = "fairmind:readable:"
GROUPED = "fairmind:grouped:"
SOME_VALUE = 1e-12
"""A share that a single present value exceeds: no column may be missing altogether."""
ROUNDING = 1e-12
"""Slack for the rounding of the division that turns a count into a share."""
LISTED_VALUES = 12
"""So many declared values are named in a finding; the rest is counted."""


@dataclass(frozen=True)
class Promise:
    """One promise.

    `code` and `subject` (a column or an attribute) identify it; `broken` says what its break means and `expected` what
    was promised. `expectation` is the name of a Great Expectations class and `arguments` what it is made with, on the
    columns of :func:`promised_frame`. `silenced_by`: codes of promises about the same subject whose break explains it.
    """

    code: str
    subject: str | None
    broken: str
    expected: str
    expectation: str
    arguments: Mapping[str, Any]
    about_single_values: bool = False
    silenced_by: tuple[str, ...] = ()


def promised_frame(table: DeclaredRows) -> pd.DataFrame:
    """Return the columns that promises look at: typed values, marks of unreadable ones, the label, the groups."""
    known = table.groups.names.mask(table.groups.names == UNKNOWN_GROUP)
    parts = [
        table.typed.frame,
        table.typed.readable.add_prefix(READABLE),
        known.add_prefix(GROUP),
        table.groups.grouped.add_prefix(GROUPED),
    ]
    if table.labels is not None:
        parts.append(pd.DataFrame({LABEL: table.labels}))
    return pd.concat(parts, axis=1)


def promises(declaration: Declaration, table: DeclaredRows) -> tuple[Promise, ...]:
    """Return every promise about the columns that `table` holds, in the order of the declaration."""
    present = {name: column for name, column in declaration.columns.items() if name in table.typed.frame.columns}
    found = [_number_of_rows(declaration)]
    for name, column in present.items():
        found += _about_values(name, column)
        found.append(_missing(name, column, name in declaration.leave_out, _share_of_unreadable(name, table)))
        found += [_unique((name,))] if column.unique else []
    if table.labels is not None:
        found += _about_label(declaration)
    found += [_unique(names) for names in declaration.expectations.unique if set(names) <= set(present)]
    return (*found, *_about_groups(declaration, table))


def _number_of_rows(declaration: Declaration) -> Promise:
    low, high = declaration.expectations.rows_at_least, declaration.expectations.rows_at_most
    return Promise(
        code="number_of_rows",
        subject=None,
        broken="the number of rows after filters and quarantine is not the promised one",
        expected=f"{_span(low, high)} rows",
        expectation="ExpectTableRowCountToBeBetween",
        arguments={"min_value": low, "max_value": high},
    )


def _span(low: int, high: int | None) -> str:
    if high is None:
        return f"at least {low}"
    return f"exactly {low}" if low == high else f"{low} to {high}"


def _about_values(name: str, column: Column) -> Iterator[Promise]:
    if column.type in EXPECTED:
        broken = f"values cannot be read as {column.type}"
        yield _marked(READABLE + name, "unreadable", name, broken, EXPECTED[column.type])
    if column.minimum is not None or column.maximum is not None:
        yield Promise(
            code="out_of_range",
            subject=name,
            broken="values are out of range",
            expected=_limits(column.minimum, column.maximum),
            expectation="ExpectColumnValuesToBeBetween",
            arguments={"column": name, "min_value": column.minimum, "max_value": column.maximum},
            about_single_values=True,
        )
    if column.categories:
        yield Promise(
            code="unknown_category",
            subject=name,
            broken="values are no declared category",
            expected=_listed(column.categories),
            expectation="ExpectColumnValuesToBeInSet",
            arguments={"column": name, "value_set": list(column.categories)},
            about_single_values=True,
        )


def _marked(mark: str, code: str, subject: str, broken: str, expected: str) -> Promise:
    """Promise that a column of marks is true in every row."""
    arguments = {"column": mark, "value_set": [True]}
    return Promise(code, subject, broken, expected, "ExpectColumnValuesToBeInSet", arguments, about_single_values=True)


def _limits(minimum: float | None, maximum: float | None) -> str:
    if minimum is None:
        return f"at most {maximum:g}"
    return f"at least {minimum:g}" if maximum is None else f"{minimum:g} to {maximum:g}"


def _listed(values: tuple[str, ...]) -> str:
    more = len(values) - LISTED_VALUES
    return f"one of: {', '.join(values[:LISTED_VALUES])}" + (f" and {more} more" if more > 0 else "")


def _missing(name: str, column: Column, left_out: bool, unreadable: float) -> Promise:
    may_be_empty = unreadable > 0 or (left_out and column.missing_at_most == 1.0)
    # An unreadable value is a finding of its own and not also a missing one.
    present = 1.0 - column.missing_at_most - unreadable - ROUNDING
    return Promise(
        code="missing",
        subject=name,
        broken="values are missing",
        expected=f"at most {column.missing_at_most:.4g} of the rows" if column.missing_at_most else "none",
        expectation="ExpectColumnValuesToNotBeNull",
        arguments={"column": name, "mostly": max(present, 0.0 if may_be_empty else SOME_VALUE)},
    )


def _share_of_unreadable(name: str, table: DeclaredRows) -> float:
    marks = table.typed.readable
    return float(1.0 - marks[name].mean()) if name in marks.columns else 0.0


def _unique(names: tuple[str, ...]) -> Promise:
    together = len(names) > 1
    return Promise(
        code="not_unique",
        subject=" + ".join(names),
        broken="combinations of values appear more than once" if together else "values appear more than once",
        expected="no combination twice" if together else "no value twice",
        expectation="ExpectCompoundColumnsToBeUnique" if together else "ExpectColumnValuesToBeUnique",
        arguments={"column_list": list(names)} if together else {"column": names[0]},
    )


def _about_label(declaration: Declaration) -> Iterator[Promise]:
    label = declaration.label
    if isinstance(label, NumericLabel):
        return _about_number(label)
    if isinstance(label, Label):
        return _about_event(label)
    raise TypeError(f"{type(label).__name__} is no form of a label")


def _about_number(label: NumericLabel) -> Iterator[Promise]:
    usable = Promise(
        code="label_unusable",
        subject=label.column,
        broken="label values are missing or no finite number",
        expected="a number in every row",
        expectation="ExpectColumnValuesToNotBeNull",
        arguments={"column": LABEL},
        about_single_values=True,
    )
    yield usable
    yield replace(
        usable,
        code="one_value",
        broken="the label does not vary",
        expected="two or more different values",
        expectation="ExpectColumnUniqueValueCountToBeBetween",
        arguments={"column": LABEL, "min_value": 2},
        about_single_values=False,
    )
    if label.minimum is not None or label.maximum is not None:
        yield replace(
            usable,
            code="label_out_of_range",
            broken="label values are out of range",
            expected=_limits(label.minimum, label.maximum),
            expectation="ExpectColumnValuesToBeBetween",
            arguments={"column": LABEL, "min_value": label.minimum, "max_value": label.maximum},
        )


def _about_event(label: Label) -> Iterator[Promise]:
    usable = Promise(
        code="label_unusable",
        subject=label.column,
        broken="label values are missing or neither positive nor negative",
        expected=_listed((*label.positive, *label.negative)),
        expectation="ExpectColumnValuesToNotBeNull",
        arguments={"column": LABEL},
        about_single_values=True,
    )
    yield usable
    yield Promise(
        code="one_class",
        subject=label.column,
        broken="the label does not have two classes",
        expected="rows with the positive event and rows without it",
        expectation="ExpectColumnDistinctValuesToContainSet",
        arguments={"column": LABEL, "value_set": [0.0, 1.0]},
    )
    yield replace(
        usable,
        code="label_share",
        broken="the share of positive rows is not believable",
        expected=f"a share between {label.share[0]:g} and {label.share[1]:g}",
        expectation="ExpectColumnMeanToBeBetween",
        arguments={"column": LABEL, "min_value": label.share[0], "max_value": label.share[1]},
        about_single_values=False,
        silenced_by=("one_class",),
    )


def _about_groups(declaration: Declaration, table: DeclaredRows) -> Iterator[Promise]:
    for attribute in table.groups.grouped.columns:
        source = str(declaration.sensitive[attribute].column)
        broken = f"values belong to no group of the sensitive attribute '{attribute}'"
        yield _marked(f"{GROUPED}{attribute}", "no_group", source, broken, "a value of some declared group, or `other`")
    for attribute in table.groups.names.columns:
        yield Promise(
            code="one_group",
            subject=attribute,
            broken="the sensitive attribute has fewer than two known groups",
            expected="two or more groups to compare; leave the attribute out or group it otherwise",
            expectation="ExpectColumnUniqueValueCountToBeBetween",
            arguments={"column": f"{GROUP}{attribute}", "min_value": 2},
        )
