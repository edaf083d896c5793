"""How far groups are apart among given rows: exact shares of these rows, no estimate of anything beyond them.

They steer mitigations, which aim at a gap on rows at hand. What a model does to other people is measured, with its
uncertainty, by the evaluation. Rows whose group is unknown (code below 0) belong to no comparison.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError, ParameterError
from apps.ml.parameters import Constraint

Bits = npt.NDArray[np.int8]
Codes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]

COMPARED: Mapping[str, tuple[str, ...]] = {
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "equal_opportunity": ("true_positive_rate",),
    "demographic_parity": ("selection_rate",),
}
"""Constraint → the rates whose largest difference between groups is the gap."""


def gap(constraint: Constraint, labels: Bits, decisions: Bits, codes: Codes, groups: int) -> float | None:
    """Return the largest difference between two groups of the rates that a constraint compares.

    `equalized_odds`: the larger one of the differences of true and false positive rates; `equal_opportunity`: of true
    positive rates; `demographic_parity`: of selection rates. Groups without rows are left out.

    Parameters
    ----------
    labels, decisions : int8 [n] of 0 and 1
    codes : int64 [n], the group of each row from 0 to groups - 1; below 0: unknown, left out
    groups
        Number of groups.

    Returns
    -------
    float in [0, 1], or None where it is undefined: :func:`why_undefined` says why.

    Raises
    ------
    ParameterError
        `bounded_group_loss` is no difference of rates; see :func:`largest_error`.

    Examples
    --------
    Two groups of four rows with the labels 0, 0, 1, 1. Decisions 0, 0, 1, 1 and 0, 1, 0, 0: true positive rates 1 and
    0, false positive rates 0 and 1/2, selection rates 1/2 and 1/4. Gaps: 1, 1 and 1/4.
    """
    if why_undefined(constraint, labels, codes, groups) is not None:
        return None
    found = rates(labels, decisions, codes, groups)
    return float(max(np.nanmax(found[name]) - np.nanmin(found[name]) for name in _compared(constraint)))


def rates(labels: Bits, decisions: Bits, codes: Codes, groups: int) -> dict[str, Numbers]:
    """Return per rate float64 [groups], NaN where a group has no row to count over.

    `selection_rate`: share of decisions 1; `true_positive_rate` and `false_positive_rate`: the same among rows of label
    1 and of label 0. Arguments as in :func:`gap`.
    """
    cells = _cells(labels, decisions, codes, groups)
    rows, selected = cells.sum(axis=2), cells[:, :, 1]
    return {
        "selection_rate": _share(selected.sum(axis=1), rows.sum(axis=1)),
        "true_positive_rate": _share(selected[:, 1], rows[:, 1]),
        "false_positive_rate": _share(selected[:, 0], rows[:, 0]),
    }


def why_undefined(constraint: Constraint, labels: Bits, codes: Codes, groups: int) -> str | None:
    """Return why the gap of a constraint is undefined among these rows, None where it is defined.

    It needs two groups with rows, and in each of them a row of every label that the constraint's rates count over.
    """
    compared = _compared(constraint)
    rows = _cells(labels, labels, codes, groups).sum(axis=2)
    present = rows.sum(axis=1) > 0
    if present.sum() < 2:
        return f"{int(present.sum())} of {groups} groups have rows, two are needed to compare"
    for name, label in (("true_positive_rate", 1), ("false_positive_rate", 0)):
        lacking = int(np.sum(present & (rows[:, label] == 0)))
        if name in compared and lacking:
            return f"{lacking} of {int(present.sum())} groups have no row of label {label}"
    return None


def require_defined(constraint: Constraint, labels: Bits, codes: Codes, groups: int, what: str) -> None:
    """Refuse rows among which the gap of a constraint is undefined; `what` names them, as in "validation rows".

    Raises
    ------
    DataError
        The message says why and how to mend it.
    """
    reason = why_undefined(constraint, labels, codes, groups)
    if reason is not None:
        raise DataError(
            f"the {constraint} gap is undefined among the {len(labels)} {what}: {reason}. Join small groups in the "
            "data set's declaration, give the split more rows, or choose another attribute or constraint under "
            "model_training.mitigation."
        )


def errors_by_group(labels: Numbers, predicted: Numbers, codes: Codes, groups: int) -> Numbers:
    """Return float64 [groups]: the mean absolute error of each group in the label's unit, NaN without rows."""
    known = codes >= 0
    errors = np.abs(np.asarray(predicted, dtype=np.float64) - np.asarray(labels, dtype=np.float64))
    sums = np.bincount(codes[known], weights=errors[known], minlength=groups)
    return _share(sums, np.bincount(codes[known], minlength=groups))


def largest_error(labels: Numbers, predicted: Numbers, codes: Codes, groups: int) -> float | None:
    """Return the largest mean absolute error of a group, None where no row has a known group."""
    found = errors_by_group(labels, predicted, codes, groups)
    return None if np.isnan(found).all() else float(np.nanmax(found))


def _compared(constraint: Constraint) -> tuple[str, ...]:
    if constraint not in COMPARED:
        raise ParameterError(
            f"model_training.mitigation.constraint {constraint} is no difference of rates between groups. Choose one "
            f"of {', '.join(COMPARED)}."
        )
    return COMPARED[constraint]


def _cells(labels: Bits, decisions: Bits, codes: Codes, groups: int) -> npt.NDArray[np.int64]:
    """Rows by group, label and decision: int64 [groups, 2, 2]."""
    known = np.asarray(codes) >= 0
    y, d = np.asarray(labels)[known].astype(np.int64), np.asarray(decisions)[known].astype(np.int64)
    return np.bincount(4 * np.asarray(codes)[known] + 2 * y + d, minlength=4 * groups).reshape(groups, 2, 2)


def _share(part: npt.NDArray[np.generic], whole: npt.NDArray[np.generic]) -> Numbers:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.asarray(part, dtype=np.float64) / np.asarray(whole, dtype=np.float64), dtype=np.float64)
