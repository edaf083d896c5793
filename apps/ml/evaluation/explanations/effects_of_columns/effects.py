"""How the deployed rule's score moves with one column, on that column's own scale.

Partial dependence
    Mean score of the same rows when all of them are given one value of the column. Where columns go together it asks
    about people who do not exist.
Individual curve (ICE)
    The same for one row, without the mean. Curves that cross or fan out are interactions.
Accumulated local effect (ALE)
    Mean change of the score across a bin of the column, for the rows that lie in that bin only, added up from bin to
    bin and moved to a mean of 0 over the rows. It asks about neighbouring values alone, so correlated columns do not
    mislead it. First order, numeric columns: categories have no order along which to add up.

References
----------
Friedman (2001), Greedy function approximation: a gradient boosting machine, Annals of Statistics 29, section 8.2.
Goldstein, Kapelner, Bleich and Pitkin (2015), Peeking inside the black box, JCGS 24.
Apley and Zhu (2020), Visualizing the effects of predictor variables in black box supervised learning models, JRSS B
82, equations 15 and 16.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from apps.ml.data.processed import ColumnSchema
from apps.ml.evaluation.explanations.decision_rule import ScoringRule
from apps.ml.evaluation.explanations.effects_of_columns.effect_points import (
    common_categories,
    numeric_points,
    readable_decimals,
)
from apps.ml.evaluation.explanations.scored_model import FloatArray, IntArray, sample_rows
from apps.ml.evaluation.explanations.what_if import scores_with, typed_values
from apps.ml.parameters import ModelEvaluation

EFFECT_ROWS, ACCUMULATED_ROWS, ICE_ROWS = 21, 22, 23
"""Streams of randomness: the rows behind the means, behind the local changes, and those with curves of their own."""

MEAN_ROWS = 500
"""Rows behind a mean at most: the curve of a mean over more of them looks the same, and each point costs as many."""

DIGITS = 5
"""Decimals of a share, and of a mean probability."""


@dataclass(frozen=True)
class Decimals:
    """Decimals of means, and of a single person's curve: coarse, so that nothing can be worked back from it."""

    mean: int
    single: int


PROBABILITY = Decimals(DIGITS, 3)

NO_ORDER = "categories have no order along which local effects could be added up"


@dataclass(frozen=True)
class ColumnEffect:
    """The effect of one column.

    `points`: [k], values of the column (numbers, or categories, most frequent first). `partial_dependence`: [k].
    `ice`: [rows, k]. `accumulated`: [k], or None with `accumulated_undefined`. `shares`: share of rows per bin between
    two points [k − 1], the lower point belonging to the first bin only; for categories per category [k]. `outside`:
    shares of the rows `below` and `above` all points, `missing`, and in `other` categories; with `shares` they sum to
    1. `missing`: partial dependence of a missing value, None where none is missing. `undefined`: why there is no
    curve; everything else is then empty.
    """

    kind: str
    points: tuple[float | str, ...] = ()
    partial_dependence: tuple[float, ...] = ()
    ice: tuple[tuple[float, ...], ...] = ()
    accumulated: tuple[float, ...] | None = None
    accumulated_undefined: str | None = None
    shares: tuple[float, ...] = ()
    outside: dict[str, float] | None = None
    missing: float | None = None
    undefined: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; what does not apply is left out."""
        if self.undefined is not None:
            return {"kind": self.kind, "undefined": self.undefined}
        content = {
            "kind": self.kind,
            "points": list(self.points),
            "shares": list(self.shares),
            "outside": dict(self.outside or {}),
            "partial_dependence": list(self.partial_dependence),
            "missing": self.missing,
            "accumulated": None if self.accumulated is None else list(self.accumulated),
            "accumulated_undefined": self.accumulated_undefined,
            "ice": [list(curve) for curve in self.ice],
        }
        return {key: value for key, value in content.items() if value is not None}


@dataclass(frozen=True)
class Effects:
    """Effects of several columns on the score, and of how many rows they speak.

    `ice_rows`: number in the source of the rows with curves of their own. `output`: what the score is, `probability` or
    `value`.
    """

    mean_score: float | None
    rows: int
    accumulated_rows: int
    ice_rows: tuple[int, ...]
    columns: dict[str, ColumnEffect]
    output: str = "probability"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "output": self.output,
            "mean_score": self.mean_score,
            "rows": self.rows,
            "accumulated_rows": self.accumulated_rows,
            "ice_rows": list(self.ice_rows),
            "columns": {name: effect.to_dict() for name, effect in self.columns.items()},
        }


def column_effects(
    rule: ScoringRule,
    frame: pd.DataFrame,
    rows: IntArray,
    columns: Sequence[str],
    parameters: ModelEvaluation,
    output: str = "probability",
) -> Effects:
    """Measure partial dependence, individual curves and accumulated local effects of the score.

    Parameters
    ----------
    rule : ScoringRule
    frame : typed data frame [n, columns of the rule]
        Test rows. Means are taken over a sample of `explanations.global_rows`, at most :data:`MEAN_ROWS`; local changes
        over a larger one that costs as much.
    rows : int64 [n]
        Number of each row in the source; names the individual curves.
    columns : names among the rule's columns
    parameters : ModelEvaluation
        `explanations.effect_points` and `ice_rows`, `seed`, and `minimum_group_size`: categories of fewer rows are
        not shown.
    output : "probability" or "value"
        What the score is; values are rounded by how widely they spread.

    Returns
    -------
    Effects
        A column that hardly varies is undefined, with the reason.
    """
    settings, seed = parameters.explanations, parameters.seed
    n, wanted = len(frame), min(settings.global_rows, MEAN_ROWS)
    for_means = sample_rows(n, wanted, seed, EFFECT_ROWS)
    local = sample_rows(n, wanted * settings.effect_points // 2, seed, ACCUMULATED_ROWS)
    drawn = sample_rows(len(for_means), settings.ice_rows, seed, ICE_ROWS)
    behind_means, behind_changes = (frame.iloc[at].reset_index(drop=True) for at in (for_means, local))
    scores = np.asarray(rule.score(behind_means), dtype=np.float64) if n else np.empty(0)
    decimals = PROBABILITY if output == "probability" else decimals_of(scores)
    asked = _Asked(rule, behind_means, behind_changes, drawn, decimals)
    schemas = {column.name: column for column in rule.columns}
    mean = round(float(scores.mean()), decimals.mean) if n else None
    return Effects(
        mean_score=mean,
        rows=len(for_means),
        accumulated_rows=len(local),
        ice_rows=tuple(int(number) for number in np.asarray(rows)[for_means[drawn]]),
        columns={name: asked.effect(schemas[name], parameters) for name in columns},
        output=output,
    )


def decimals_of(predictions: FloatArray) -> Decimals:
    """Return decimals that tell steps of a ten-thousandth (means) and a thousandth (single rows) of the spread."""
    spread = float(np.ptp(predictions)) if len(predictions) else 0.0
    decimals = readable_decimals(spread, integer=False)
    return Decimals(decimals + 2, decimals + 1)


@dataclass(frozen=True)
class _Asked:
    """The rule, the rows behind means, the rows behind local changes, and which of the former have curves."""

    rule: ScoringRule
    rows: pd.DataFrame
    local: pd.DataFrame
    drawn: IntArray
    decimals: Decimals

    def effect(self, column: ColumnSchema, parameters: ModelEvaluation) -> ColumnEffect:
        wanted = parameters.explanations.effect_points
        if column.kind == "categorical":
            return self._of_categories(column, wanted, parameters.minimum_group_size)
        return self._of_numbers(column, wanted)

    def _of_numbers(self, column: ColumnSchema, wanted: int) -> ColumnEffect:
        values = self.local[column.name].to_numpy(dtype=np.float64)
        points = numeric_points(values, wanted, column.integer or column.kind == "boolean")
        points = points[_bordering(values, points)]
        if len(points) < 2:
            return ColumnEffect(column.kind, undefined="fewer than two values of the column are held by enough rows")
        known = np.isfinite(values)
        below, above = float(np.mean(values < points[0])), float(np.mean(values > points[-1]))
        outside = {"below": below, "above": above, "missing": float(np.mean(~known))}
        _, counts = binned(values, points)
        curves, missing = self._curves(column.name, [float(point) for point in points], not known.all())
        return ColumnEffect(
            column.kind,
            points=tuple(float(point) for point in points),
            shares=_rounded(counts / len(values), DIGITS),
            outside=_rounded_shares(outside),
            partial_dependence=_rounded(curves.mean(axis=1), self.decimals.mean),
            missing=missing,
            accumulated=_rounded(self._accumulated(column.name, values, points), self.decimals.mean),
            ice=tuple(_rounded(curves[:, row], self.decimals.single) for row in self.drawn),
        )

    def _of_categories(self, column: ColumnSchema, wanted: int, at_least: int) -> ColumnEffect:
        values = self.local[column.name]
        names = common_categories(values, wanted, at_least)
        if not names:
            return ColumnEffect(column.kind, undefined=f"no category is held by at least {at_least} rows")
        shares = np.array([float((values == name).mean()) for name in names])
        absent = float(values.isna().mean())
        outside = {"other": max(0.0, 1.0 - float(shares.sum()) - absent), "missing": absent}
        curves, missing = self._curves(column.name, names, absent > 0)
        return ColumnEffect(
            column.kind,
            points=tuple(names),
            shares=_rounded(shares, DIGITS),
            outside=_rounded_shares(outside),
            partial_dependence=_rounded(curves.mean(axis=1), self.decimals.mean),
            missing=missing,
            accumulated_undefined=NO_ORDER,
            ice=tuple(_rounded(curves[:, row], self.decimals.single) for row in self.drawn),
        )

    def _curves(self, name: str, points: Sequence[float | str], missing: bool) -> tuple[FloatArray, float | None]:
        """Scores [k, rows] of all rows at each point, and their mean where the value is missing."""
        asked = [*points, None] if missing else list(points)
        typed = typed_values(self.rows, name, asked)
        scores = scores_with(self.rule, self.rows, name, typed.repeat(len(self.rows)))
        if not missing:
            return scores, None
        return scores[:-1], round(float(scores[-1].mean()), self.decimals.mean)

    def _accumulated(self, name: str, values: FloatArray, points: FloatArray) -> FloatArray:
        inside = np.flatnonzero((values >= points[0]) & (values <= points[-1]))
        place, counts = binned(values[inside], points)
        rows = self.local.iloc[inside].reset_index(drop=True)
        ends = np.concatenate([points[place], points[place + 1]])
        low, high = scores_with(self.rule, rows, name, typed_values(rows, name, list(ends)))
        return accumulated(high - low, place, counts)


def accumulated(changes: FloatArray, place: IntArray, counts: IntArray) -> FloatArray:
    """Add up mean changes from bin to bin and move the curve to a mean of 0 over the rows.

    Parameters
    ----------
    changes : float64 [n]
        Change of each row's score from the lower to the upper end of its bin.
    place : int64 [n]
        The bin of each row, from 0.
    counts : int64 [k − 1], all positive
        Rows per bin.

    Returns
    -------
    float64 [k]
        The effect at the ends of the bins. The mean is taken over the rows at the middle of their bins.
    """
    mean = np.bincount(place, changes, minlength=len(counts)) / counts
    ends = np.concatenate([[0.0], np.cumsum(mean)])
    middle = (ends[:-1] + ends[1:]) / 2
    centred: FloatArray = ends - float(np.average(middle, weights=counts))
    return centred


def binned(values: FloatArray, points: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the bin (points[b], points[b + 1]] of each value within the points, and the rows per bin.

    The lowest point belongs to the first bin. Values outside, and missing ones, have no place.
    """
    inside = values[(values >= points[0]) & (values <= points[-1])]
    place = np.maximum(np.searchsorted(points, inside, side="left") - 1, 0).astype(np.int64)
    return place, np.bincount(place, minlength=len(points) - 1).astype(np.int64)


def _bordering(values: FloatArray, points: FloatArray) -> list[int]:
    """Positions of the points that are left when the upper end of every empty bin is dropped."""
    if len(points) < 2:
        return list(range(len(points)))
    _, counts = binned(values, points)
    return [0, *(int(bin_) + 1 for bin_ in np.flatnonzero(counts))]


def _rounded(values: FloatArray, decimals: int) -> tuple[float, ...]:
    return tuple(float(value) for value in np.round(values, decimals) + 0.0)


def _rounded_shares(shares: dict[str, float]) -> dict[str, float]:
    return {name: round(share, DIGITS) for name, share in shares.items()}
