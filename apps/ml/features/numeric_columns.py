"""Numeric and boolean columns: missing values, scaling and bins, learned by scikit-learn and applied as plain numbers.

An encoder holds only what was learned. Its arithmetic is the one scikit-learn's transformers do, element by element, so
that one row gives the same bits as the same row among many.
"""

import math
import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError
from apps.ml.features.choices import BooleanChoice, NumericChoice

Numbers = npt.NDArray[np.float64]
LARGEST = float(np.finfo(np.float32).max)
"""Encoded numbers stop here, for forests compute in float32 and refuse what does not fit."""


@dataclass(frozen=True)
class NumericEncoder:
    """A fitted numeric column.

    `fill` replaces missing values; then `(x - center) / scale`, or, if `edges` are given, one feature per bin: the
    inner edges ascend, a value equal to an edge belongs to the bin above it. `indicator`: a last feature that is 1
    where the value was missing.
    """

    name: str
    fill: float
    center: float
    scale: float
    edges: tuple[float, ...] | None
    indicator: bool

    def names(self) -> list[str]:
        """Names of the features, in the order of :meth:`encode`."""
        values = [self.name] if self.edges is None else _bin_names(self.name, self.edges)
        return [*values, f"{self.name} is missing"] if self.indicator else values

    def values(self, raw: Numbers) -> Numbers:
        """Return the [n] filled and scaled values, none of them NaN, all within ±:data:`LARGEST`."""
        with np.errstate(over="ignore"):
            scaled = (np.where(np.isnan(raw), self.fill, raw) - self.center) / self.scale
        return limited(scaled)

    def encode(self, raw: Numbers) -> Numbers:
        """Return [n, features] of [n] raw values with NaN where missing."""
        values = self.values(raw)[:, None] if self.edges is None else self._bins(raw)
        return np.hstack([values, np.isnan(raw)[:, None].astype(np.float64)]) if self.indicator else values

    def _bins(self, raw: Numbers) -> Numbers:
        edges = np.array(self.edges, dtype=np.float64)
        found = np.searchsorted(edges, np.where(np.isnan(raw), self.fill, raw), side="right")
        return np.equal.outer(found, np.arange(len(edges) + 1)).astype(np.float64)


@dataclass(frozen=True)
class BooleanEncoder:
    """A fitted column of 0 and 1: `fill` replaces missing values, `indicator` as for numeric columns."""

    name: str
    fill: float
    indicator: bool

    def names(self) -> list[str]:
        """Names of the features, in the order of :meth:`encode`."""
        return [self.name, f"{self.name} is missing"] if self.indicator else [self.name]

    def encode(self, raw: Numbers) -> Numbers:
        """Return [n, features] of [n] values 0, 1 or NaN."""
        missing = np.isnan(raw)
        values = np.where(missing, self.fill, raw)[:, None]
        return np.hstack([values, missing[:, None].astype(np.float64)]) if self.indicator else values


def limited(values: Numbers) -> Numbers:
    """Return the values, those beyond ±:data:`LARGEST` (infinities too) moved to that bound."""
    return np.clip(values, -LARGEST, LARGEST)


@np.errstate(over="ignore", invalid="ignore")
def fit_numeric(choice: NumericChoice, raw: Numbers) -> NumericEncoder:
    """Learn from [n] training values, NaN where missing.

    A column without a single value is filled with the declared `fill_value` and becomes the constant 0, whatever the
    scaling, so that nothing is learned from it.

    Raises
    ------
    DataError
        The values are so large that their mean or spread is no float64.
    """
    indicator = choice.missing_indicator and bool(np.isnan(raw).any())
    if np.isnan(raw).all():
        edges = () if choice.bins else None
        return NumericEncoder(choice.name, choice.fill_value, choice.fill_value, 1.0, edges, indicator)
    fill = _fill_value(choice.imputation, choice.fill_value, raw)
    _require_finite(choice, fill)
    filled = np.where(np.isnan(raw), fill, raw)
    if choice.bins:
        return NumericEncoder(choice.name, fill, 0.0, 1.0, _inner_edges(filled, choice.bins), indicator)
    center, scale = _center_and_scale(choice.scaling, filled)
    _require_finite(choice, center, scale)
    return NumericEncoder(choice.name, fill, center, scale, None, indicator)


def fit_boolean(choice: BooleanChoice, raw: Numbers) -> BooleanEncoder:
    """Learn from [n] training values 0, 1 or NaN; a column without a single value is filled with `fill_value`."""
    indicator = choice.missing_indicator and bool(np.isnan(raw).any())
    imputation = "constant" if np.isnan(raw).all() else choice.imputation
    return BooleanEncoder(choice.name, _fill_value(imputation, choice.fill_value, raw), indicator)


def _require_finite(choice: NumericChoice, *learned: float) -> None:
    if not all(map(math.isfinite, learned)):
        raise DataError(
            f"column '{choice.name}' holds numbers too large for imputation '{choice.imputation}' and scaling "
            f"'{choice.scaling}'. Declare a maximum for it or leave it out."
        )


def _fill_value(imputation: str, fill_value: float, raw: Numbers) -> float:
    from sklearn.impute import SimpleImputer

    if imputation == "constant":
        return fill_value
    return float(SimpleImputer(strategy=imputation).fit(raw[:, None]).statistics_[0])


def _center_and_scale(scaling: str, filled: Numbers) -> tuple[float, float]:
    """Return what is subtracted and what then divides; a constant column keeps the scale 1."""
    from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

    column = filled[:, None]
    if scaling == "standard":
        standard = StandardScaler().fit(column)
        return float(standard.mean_[0]), float(standard.scale_[0])
    if scaling == "robust":
        robust = RobustScaler().fit(column)
        return float(robust.center_[0]), float(robust.scale_[0])
    if scaling == "minmax":
        minmax = MinMaxScaler().fit(column)
        return float(minmax.data_min_[0]), float(minmax.data_range_[0]) or 1.0
    return 0.0, 1.0


def _inner_edges(filled: Numbers, bins: int) -> tuple[float, ...]:
    """Return the ascending inner edges of at most `bins` quantile bins; fewer where values repeat."""
    from sklearn.preprocessing import KBinsDiscretizer

    options: dict[str, Any] = {"strategy": "quantile", "quantile_method": "averaged_inverted_cdf", "subsample": None}
    with warnings.catch_warnings():
        # Repeated values make quantiles coincide: fewer bins are the right answer and no cause for alarm.
        warnings.simplefilter("ignore", UserWarning)
        discretizer = KBinsDiscretizer(max(bins, 2), encode="ordinal", **options).fit(filled[:, None])
    edges = discretizer.bin_edges_[0][1:-1] if bins > 1 else []
    return tuple(float(edge) for edge in edges)


def _bin_names(name: str, edges: tuple[float, ...]) -> list[str]:
    if not edges:
        return [f"{name} in one bin"]
    shown = [f"{edge:.10g}" for edge in edges]
    inner = [f"{name} in [{lower}, {upper})" for lower, upper in pairwise(shown)]
    return [f"{name} < {shown[0]}", *inner, f"{name} ≥ {shown[-1]}"]
