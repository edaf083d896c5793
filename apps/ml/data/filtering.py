"""The filters of a declaration: which rows are kept, and how many each filter removed and why."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.declaration import Declaration, Filter
from apps.ml.data.typing_of_columns import numbers
from apps.ml.errors import Finding

NUMERIC = ("integer", "number")


@dataclass(frozen=True)
class FilterCount:
    """How many rows one filter removed among those that the filters before it had kept."""

    column: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Filtered:
    """`kept`: int64 [m], positions of the rows that passed every filter, ascending."""

    kept: npt.NDArray[np.int64]
    counts: tuple[FilterCount, ...]
    findings: tuple[Finding, ...]


def filtered(text: pd.DataFrame, declaration: Declaration) -> Filtered:
    """Apply the filters in the order of the declaration; values are compared as text, limits as numbers.

    A value that a numeric limit cannot judge passes: if its column is declared as a number, reading its type finds it,
    else it is a finding here. A filter whose column is absent removes nothing; the absence is a finding elsewhere.
    """
    passing = np.ones(len(text), dtype=bool)
    counts, findings = [], []
    for rule in declaration.filters:
        if rule.column not in text.columns:
            continue
        kept = passing & _passes(rule, text[rule.column])
        counts.append(FilterCount(rule.column, rule.reason, int(passing.sum() - kept.sum())))
        passing = kept
        findings += _unreadable(rule, text.loc[passing, rule.column], declaration)
    return Filtered(np.flatnonzero(passing).astype(np.int64), tuple(counts), tuple(findings))


def _passes(rule: Filter, text: pd.Series) -> npt.NDArray[np.bool_]:
    passes = _passes_as_text(rule, text) & _passes_as_number(rule, text)
    return passes.where(text.notna(), rule.keep_missing).to_numpy(dtype=bool)


def _passes_as_text(rule: Filter, text: pd.Series) -> pd.Series:
    passes = pd.Series(True, index=text.index)
    if rule.equals is not None:
        passes &= text == rule.equals
    if rule.is_not is not None:
        passes &= text != rule.is_not
    if rule.is_in is not None:
        passes &= text.isin(rule.is_in)
    return passes


def _passes_as_number(rule: Filter, text: pd.Series) -> pd.Series:
    if not _has_limit(rule):
        return pd.Series(True, index=text.index)
    values = numbers(text)
    low = -np.inf if rule.at_least is None else rule.at_least
    high = np.inf if rule.at_most is None else rule.at_most
    return values.isna() | values.between(low, high)


def _has_limit(rule: Filter) -> bool:
    return rule.at_least is not None or rule.at_most is not None


def _unreadable(rule: Filter, text: pd.Series, declaration: Declaration) -> list[Finding]:
    column = declaration.columns.get(rule.column)
    if not _has_limit(rule) or (column is not None and column.type in NUMERIC):
        return []
    count = int((text.notna() & numbers(text).isna()).sum())
    found = Finding("filter_unreadable", "a filter's limit cannot judge it", rule.column, count, "finite numbers")
    return [found] if count else []
