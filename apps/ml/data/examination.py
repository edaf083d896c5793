"""Everything that is known about the rows of a data set before they are divided."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from apps.ml.data.consistency import require_consistent
from apps.ml.data.declaration import Declaration
from apps.ml.data.declared_rows import DeclaredRows, declared_rows
from apps.ml.data.filtering import FilterCount, filtered
from apps.ml.data.promises import promised_frame, promises
from apps.ml.data.quarantine import SetAside, quarantined_rows, rows_to_set_aside
from apps.ml.data.sources.raw_table import RawTable
from apps.ml.data.typing_of_columns import column_findings
from apps.ml.data.validation import Validation, validate
from apps.ml.errors import Finding

NOTHING_ASIDE = SetAside(np.array([], dtype=np.int64), (), {})


@dataclass(frozen=True)
class Examination:
    """What the rows are and which promises they break.

    `table`: the rows that remain after filters and quarantine. `validation` speaks of them, or of all filtered rows
    where nothing could be set aside. `findings` is empty exactly when every promise that remained is kept.
    """

    read: int
    table: DeclaredRows
    filters: tuple[FilterCount, ...]
    validation: Validation
    aside: SetAside
    quarantined: pd.DataFrame | None
    findings: tuple[Finding, ...]


def examine(declaration: Declaration, raw: RawTable) -> Examination:
    """Read, filter, validate and, where allowed, quarantine the rows; broken promises come back as findings.

    Raises
    ------
    DeclarationError
        The declaration contradicts itself.
    """
    require_consistent(declaration)
    structure = column_findings(raw.frame.columns, declaration)
    # With two columns of one name no value has a place; only the structure can be reported.
    if any(finding.code == "duplicated_column" for finding in structure):
        return _unread(declaration, raw, structure)
    passing = filtered(raw.frame, declaration)
    found = (*structure, *passing.findings)
    table = declared_rows(declaration, raw, passing.kept)
    if not len(table):
        none = Finding("no_rows", _why_no_rows(len(raw)), rows=0, expected="at least one row")
        return Examination(len(raw), table, passing.counts, Validation(()), NOTHING_ASIDE, None, (*found, none))
    return _validated(declaration, table, len(raw), passing.counts, found)


def _unread(declaration: Declaration, raw: RawTable, findings: tuple[Finding, ...]) -> Examination:
    unique = RawTable(raw.frame.loc[:, ~raw.frame.columns.duplicated()], raw.origin, raw.digest)
    table = declared_rows(declaration, unique, np.array([], dtype=np.int64))
    return Examination(len(raw), table, (), Validation(()), NOTHING_ASIDE, None, findings)


def _why_no_rows(read: int) -> str:
    return "the filters keep no row" if read else "the source has no rows"


def _validated(
    declaration: Declaration,
    table: DeclaredRows,
    read: int,
    filters: tuple[FilterCount, ...],
    found: tuple[Finding, ...],
) -> Examination:
    validation = _validation(declaration, table)
    aside = rows_to_set_aside(validation.broken_single_values)
    if declaration.quarantine is None or not len(aside.positions):
        return Examination(read, table, filters, validation, NOTHING_ASIDE, None, (*found, *validation.findings))
    too_many = _beyond_quarantine(len(aside.positions), len(table), declaration.quarantine.at_most)
    if too_many:
        findings = (*found, *validation.findings, too_many)
        return Examination(read, table, filters, validation, NOTHING_ASIDE, None, findings)
    kept = table.take(np.setdiff1d(np.arange(len(table), dtype=np.int64), aside.positions))
    # Shares, uniqueness and balance speak of the rows that remain, so these are judged again.
    again = _validation(declaration, kept)
    quarantined = quarantined_rows(table, aside)
    return Examination(read, kept, filters, again, aside, quarantined, (*found, *again.findings))


def _validation(declaration: Declaration, table: DeclaredRows) -> Validation:
    return validate(promised_frame(table), promises(declaration, table))


def _beyond_quarantine(apart: int, rows: int, at_most: float) -> Finding | None:
    if apart <= at_most * rows and apart < rows:
        return None
    message = "more rows break promises about single values than may be quarantined"
    return Finding("quarantine", message, rows=apart, expected=f"at most {at_most:g} of {rows} rows")
