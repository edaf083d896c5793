"""Categorical columns: one feature per category, one ordinal feature, or the share of positive labels per category."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.ml.errors import DataError
from apps.ml.features.category_pool import CategoryPool, Codes, fit_pool
from apps.ml.features.choices import CategoricalChoice
from apps.ml.features.column_values import Categories

Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8] | npt.NDArray[np.float64]
FOLDS = 5
FOLD_SEED = 0
"""Training rows are dealt to the folds by this seed; it is no parameter, for nothing is to be gained by tuning it."""


@dataclass(frozen=True)
class OneHotCategories:
    """One feature per code, 1 where a row has it; a category never seen gives zeros (or the pool of rare ones)."""

    name: str
    pool: CategoryPool
    indicator: bool

    def names(self) -> list[str]:
        """Names of the features, in the order of :meth:`encode`."""
        return _with_indicator_name(self.name, self.pool.names(self.name), self.indicator)

    def encode(self, values: Categories) -> Numbers:
        """Return [n, features] of [n] values with None where missing."""
        codes = self.pool.codes(values)
        encoded = np.equal.outer(codes, np.arange(self.pool.size)).astype(np.float64)
        return _with_indicator(encoded, values, self.indicator)


@dataclass(frozen=True)
class OrdinalCategories:
    """One feature: the number of the category in the declared (else alphabetical) order, -1 for one never seen.

    The pool of rare categories comes after the kept ones, the missing value last.
    """

    name: str
    pool: CategoryPool
    indicator: bool

    def names(self) -> list[str]:
        """Names of the features, in the order of :meth:`encode`."""
        return _with_indicator_name(self.name, [self.name], self.indicator)

    def encode(self, values: Categories) -> Numbers:
        """Return [n, features] of [n] values with None where missing."""
        encoded = self.pool.codes(values).astype(np.float64)[:, None]
        return _with_indicator(encoded, values, self.indicator)


@dataclass(frozen=True)
class TargetCategories:
    """One feature: the mean label among the training rows of the category, shrunk to the overall mean.

    Of an event the mean label is the share of positive labels.

    `shares` has one number per code; `overall` stands for a category never seen.
    """

    name: str
    pool: CategoryPool
    indicator: bool
    shares: tuple[float, ...]
    overall: float

    def names(self) -> list[str]:
        """Names of the features, in the order of :meth:`encode`."""
        return _with_indicator_name(self.name, [self.name], self.indicator)

    def encode(self, values: Categories) -> Numbers:
        """Return [n, features] of [n] values with None where missing."""
        # UNSEEN is -1 and so points at the last number.
        by_code = np.array([*self.shares, self.overall], dtype=np.float64)
        return _with_indicator(by_code[self.pool.codes(values)][:, None], values, self.indicator)

    def encode_training(self, values: Categories, labels: Labels) -> Numbers:
        """Return [n, features] of the training rows, each encoded without its own label.

        Rows are dealt to folds; a row's share is learned from the other folds. Encoded with `encode` instead, a rare
        category would carry the labels of its own rows, and an estimator would trust the feature too much.
        """
        codes = self.pool.codes(values)
        encoded = np.empty(len(codes), dtype=np.float64)
        for others, fold in _folds(labels):
            encoded[fold] = _fitted_shares(codes[others], labels[others]).transform(codes[fold][:, None])[:, 0]
        return _with_indicator(encoded[:, None], values, self.indicator)


CategoricalEncoder = OneHotCategories | OrdinalCategories | TargetCategories


def fit_categorical(choice: CategoricalChoice, values: Categories, labels: Labels | None) -> CategoricalEncoder:
    """Learn from [n] training values (None where missing) and, for the target encoding, [n] labels of 0 and 1."""
    pool = fit_pool(choice, values)
    indicator = choice.missing_indicator and None in values
    if choice.encoding == "one_hot":
        return OneHotCategories(choice.name, pool, indicator)
    if choice.encoding == "ordinal":
        return OrdinalCategories(choice.name, pool, indicator)
    if labels is None:
        raise DataError(
            f"column '{choice.name}' is encoded by the labels, and none were given. Pass the labels to fit."
        )
    return _fit_target(choice.name, pool, indicator, pool.codes(values), labels)


def _fit_target(name: str, pool: CategoryPool, indicator: bool, codes: Codes, labels: Labels) -> TargetCategories:
    encoder = _fitted_shares(codes, labels)
    shares = dict(zip(encoder.categories_[0].tolist(), encoder.encodings_[0].tolist(), strict=True))
    overall = float(encoder.target_mean_)
    by_code = tuple(float(shares.get(code, overall)) for code in range(pool.size))
    return TargetCategories(name, pool, indicator, by_code, overall)


def _fitted_shares(codes: Codes, labels: Labels) -> Any:
    from sklearn.preprocessing import TargetEncoder

    kind = "binary" if labels.dtype.kind == "i" else "continuous"
    return TargetEncoder(target_type=kind, smooth="auto").fit(codes[:, None], labels)


def _folds(labels: Labels) -> list[tuple[Codes, Codes]]:
    """Deal the rows to folds, fewer than :data:`FOLDS` if there are fewer rows; those of an event are stratified."""
    from sklearn.model_selection import KFold, StratifiedKFold

    if labels.dtype.kind != "i":
        if len(labels) < 2:
            raise DataError("the target encoding needs at least 2 training rows. Add rows.")
        folds = KFold(min(FOLDS, len(labels)), shuffle=True, random_state=FOLD_SEED)
        return list(folds.split(np.zeros((len(labels), 1))))
    rarest = int(np.bincount(labels, minlength=2).min())
    if rarest < 2:
        raise DataError(f"a label has {rarest} training rows; the target encoding needs at least 2 of each. Add rows.")
    splitter = StratifiedKFold(min(FOLDS, rarest), shuffle=True, random_state=FOLD_SEED)
    return list(splitter.split(np.zeros((len(labels), 1)), labels))


def _with_indicator(encoded: Numbers, values: Categories, indicator: bool) -> Numbers:
    if not indicator:
        return encoded
    missing = np.array([value is None for value in values], dtype=np.float64)
    return np.hstack([encoded, missing[:, None]])


def _with_indicator_name(column: str, names: list[str], indicator: bool) -> list[str]:
    return [*names, f"{column} is missing"] if indicator else names
