"""Which columns matter for which group, and which of them carry the gap in mean output between two groups.

Contributions add up to a row's output, so mean contributions add up to a group's mean output, and the differences of
mean contributions between two groups add up to the gap between their mean outputs: exactly, on the contributions' own
scale (log-odds, or probability). The gap is one of outputs, not of decisions, and it is no verdict: a column may carry
a gap because the groups differ in it, because it stands in for the attribute, or both.

References
----------
Lundberg (2020), Explaining quantitative measures of fairness, Fair & Responsible AI workshop at CHI.
Welch (1947), The generalization of Student's problem, Biometrika 34.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from apps.ml.data.processed import is_unknown_group
from apps.ml.evaluation.explanations.contributions.importance import importance_by_column
from apps.ml.evaluation.explanations.contributions.shap_values import NOISE, Contributions
from apps.ml.evaluation.explanations.scored_model import FloatArray, IntArray
from apps.ml.evaluation.statistics.counting.counts import group_codes
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.parameters import ModelEvaluation

WELCH = "Welch's t interval of the difference of two means"
LINEARISED = "Welch's t interval, linearised share of two differences"
NO_GAP = "the interval of the gap holds 0, so a share of it says nothing"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class GroupImportance:
    """Mean absolute contributions of the explained rows of one group; columns in the order of the whole sample."""

    n: int
    why_not: str | None
    columns: dict[str, Measurement] = field(default_factory=dict)

    def to_dict(self, top: int) -> dict[str, Any]:
        """JSON-ready form of the `top` columns."""
        content: dict[str, Any] = {"n": self.n, "judged": self.why_not is None}
        if self.why_not is not None:
            return {**content, "why_not": self.why_not}
        return {**content, "columns": {name: self.columns[name].to_dict() for name in list(self.columns)[:top]}}


@dataclass(frozen=True)
class GapShares:
    """The gap in mean output between two groups, `high` minus `low`, and what each column adds to it.

    `differences` sum to the value of `gap`. `shares` are the same as parts of the gap, each undefined where the
    gap's interval holds 0; negative for a column that narrows the gap. Largest absolute difference first.
    `additivity_error`: distance between the gap and the sum, relative to the larger of 1 and the gap.
    """

    high: str
    low: str
    gap: Measurement
    differences: dict[str, Measurement]
    shares: dict[str, Measurement]
    additivity_error: float

    def to_dict(self, top: int) -> dict[str, Any]:
        """JSON-ready form: the `top` columns, and the sum of the others as `other_columns`."""
        shown = list(self.differences)[:top]
        rest = [self.differences[name].value or 0.0 for name in self.differences if name not in shown]
        return {
            "high": self.high,
            "low": self.low,
            "gap": self.gap.to_dict(),
            "additivity_error": self.additivity_error,
            "columns": {
                name: {"difference": self.differences[name].to_dict(), "share": self.shares[name].to_dict()}
                for name in shown
            },
            "other_columns": float(sum(rest)),
        }


@dataclass(frozen=True)
class AttributeContributions:
    """One attribute: importance by group, the widest gap, and every judged group against the reference.

    `widest` is None where `undefined` says why; `against_reference` is empty where `no_reference` does.
    """

    groups: dict[str, GroupImportance] = field(default_factory=dict)
    widest: GapShares | None = None
    reference: str | None = None
    against_reference: dict[str, GapShares] = field(default_factory=dict)
    undefined: str | None = None
    no_reference: str | None = None

    def groups_to_dict(self, top: int) -> dict[str, Any]:
        """JSON-ready form of the importance by group, of the `top` columns."""
        if not self.groups:
            return {"undefined": self.undefined}
        return {"groups": {name: one.to_dict(top) for name, one in self.groups.items()}}

    def gaps_to_dict(self, top: int) -> dict[str, Any]:
        """JSON-ready form of the gaps, of the `top` columns each."""
        if self.widest is None:
            return {"undefined": self.undefined}
        reference: dict[str, Any] = {"group": self.reference}
        if self.no_reference is not None:
            reference["undefined"] = self.no_reference
        reference["comparisons"] = {name: one.to_dict(top) for name, one in self.against_reference.items()}
        return {"widest": self.widest.to_dict(top), "reference": reference}


def contributions_by_group(
    found: Contributions, groups: pd.DataFrame, positions: IntArray, parameters: ModelEvaluation
) -> dict[str, AttributeContributions]:
    """Measure importance by group and decompose the gaps in mean output, for every attribute.

    Parameters
    ----------
    found : Contributions
        By source column, [m, columns].
    groups : data frame [n, attributes]
        Names of the groups of all test rows; missing is `unknown`.
    positions : int64 [m]
        Where the explained rows lie among them.
    parameters : ModelEvaluation
        `confidence`; `minimum_group_size`: explained rows that a group needs; `reference_groups`: attribute → group
        that the others are compared with, otherwise the largest one that is judged.

    Returns
    -------
    dict of AttributeContributions
        The widest gap is between the groups of the highest and the lowest mean output. Its interval is that of these
        two groups and not widened for having been chosen. Undefined where the contributions are, or where fewer than
        two groups have enough rows; without reference where the chosen group has not.
    """
    return {str(name): _attribute(found, groups[name], positions, parameters) for name in groups.columns}


def gap_between(found: Contributions, names: tuple[str, str], rows: tuple[Mask, Mask], confidence: float) -> GapShares:
    """Decompose the gap in mean output between two groups of rows.

    Parameters
    ----------
    found : Contributions, defined
    names : the group whose mean comes first, and the one whose mean is taken off
    rows : masks bool [n] of their rows, at least two each
    """
    high, low = rows
    output = found.values.sum(axis=1) + found.base
    gap = _difference(output[high], output[low], confidence)
    value = gap.value or 0.0
    differences = {
        name: _difference(found.values[high, at], found.values[low, at], confidence)
        for at, name in enumerate(found.columns)
    }
    total = sum(one.value or 0.0 for one in differences.values()) + found.base[high].mean() - found.base[low].mean()
    error = max(NOISE, abs(float(total) - value) / max(1.0, abs(value)))
    shares = {
        name: _share(found.values[:, at], output, (high, low), gap, confidence) for at, name in enumerate(found.columns)
    }
    order = sorted(differences, key=lambda name: -abs(differences[name].value or 0.0))
    return GapShares(
        *names, gap, {name: differences[name] for name in order}, {name: shares[name] for name in order}, error
    )


def _attribute(
    found: Contributions, names: "pd.Series[Any]", positions: IntArray, parameters: ModelEvaluation
) -> AttributeContributions:
    if not found.is_defined:
        return AttributeContributions(undefined=found.undefined)
    groups, codes = group_codes(names)
    sizes = dict(zip(groups, np.bincount(codes, minlength=len(groups)).tolist(), strict=True))
    masks = {group: codes[positions] == position for position, group in enumerate(groups)}
    measured = {group: _group(found, group, mask, parameters) for group, mask in masks.items()}
    judged = [group for group, one in measured.items() if one.why_not is None]
    if len(judged) < 2:
        return AttributeContributions(measured, undefined="fewer than two groups have enough explained rows")
    output = found.values.sum(axis=1) + found.base
    ranked = sorted(judged, key=lambda group: float(output[masks[group]].mean()))
    reference = parameters.reference_groups.get(str(names.name)) or max(judged, key=lambda group: sizes[group])

    def gap(first: str, second: str) -> GapShares:
        return gap_between(found, (first, second), (masks[first], masks[second]), parameters.confidence)

    widest = gap(ranked[-1], ranked[0])
    if reference not in judged:
        why_not = measured[reference].why_not if reference in measured else "there is no such group"
        return AttributeContributions(measured, widest, reference, no_reference=why_not)
    others = {group: gap(group, reference) for group in judged if group != reference}
    return AttributeContributions(measured, widest, reference, others)


def _group(found: Contributions, name: str, mask: Mask, parameters: ModelEvaluation) -> GroupImportance:
    n, least = int(np.count_nonzero(mask)), max(2, parameters.minimum_group_size)
    if is_unknown_group(name):
        return GroupImportance(n, "the group of these rows is unknown")
    if n < least:
        return GroupImportance(n, f"{n} explained rows are fewer than the minimum group size of {least}")
    sizes = dict(zip(found.columns, np.abs(found.values).mean(axis=0), strict=True))
    inside = Contributions(found.method, found.output, found.columns, found.values[mask], found.base[mask])
    importance = importance_by_column(inside, parameters.confidence)
    overall = sorted(found.columns, key=lambda column: -sizes[column])
    return GroupImportance(n, None, {column: importance[column] for column in overall})


def _difference(high: FloatArray, low: FloatArray, confidence: float) -> Measurement:
    """Mean of one group minus mean of the other; without bounds where neither varies."""
    value, n = float(high.mean() - low.mean()), len(high) + len(low)
    half = _half_width(high, low, confidence)
    if half == 0:
        return Measurement(value, n)
    return Measurement(value, n, value - half, value + half, confidence, WELCH)


def _share(
    column: FloatArray, output: FloatArray, masks: tuple[Mask, Mask], gap: Measurement, confidence: float
) -> Measurement:
    """Part of the gap that a column carries; its interval from rows of column − share × output, over the gap."""
    high, low = masks
    if not gap.value or gap.lower is None or gap.upper is None or gap.lower <= 0 <= gap.upper:
        return undefined(NO_GAP, n=gap.n)
    value = float(column[high].mean() - column[low].mean()) / gap.value
    rest = (column - value * output) / gap.value
    half = _half_width(rest[high], rest[low], confidence)
    return Measurement(value, gap.n, value - half, value + half, confidence, LINEARISED)


def _half_width(high: FloatArray, low: FloatArray, confidence: float) -> float:
    from scipy.stats import t

    parts = [(float(rows.var(ddof=1)) / len(rows), len(rows) - 1) for rows in (high, low)]
    variance = sum(part for part, _ in parts)
    if variance <= 0:
        return 0.0
    freedom = variance**2 / sum(part**2 / freedom for part, freedom in parts)
    return float(t.ppf(0.5 + confidence / 2, freedom)) * math.sqrt(variance)
