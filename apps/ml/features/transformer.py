"""The feature specification fitted on training rows: one object that encodes a million rows or one request.

`fit_transform` is for the training rows: target encodings are then cross-fitted, each row being encoded without its own
label. `transform` is for all other rows. For every other encoding the two agree.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from apps.ml.errors import DataError
from apps.ml.features.categorical_columns import CategoricalEncoder, TargetCategories, fit_categorical
from apps.ml.features.choices import BooleanChoice, ColumnChoice, NumericChoice
from apps.ml.features.column_values import categories_of, numbers_of, require_columns
from apps.ml.features.numeric_columns import BooleanEncoder, NumericEncoder, fit_boolean, fit_numeric, limited
from apps.ml.features.selection import selected_features
from apps.ml.features.specification import TIMES, FeatureSpecification

Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8] | npt.NDArray[np.float64]
ColumnEncoder = NumericEncoder | BooleanEncoder | CategoricalEncoder


class FeatureTransformer(TransformerMixin, BaseEstimator):
    """Encodes typed frames as float64 matrices.

    Parameters
    ----------
    specification : dict
        A :class:`FeatureSpecification` as plain JSON (its `to_dict`).

    Attributes
    ----------
    feature_names_in_ : object [columns]
        Input columns, in the order of the specification. A frame may hold them in any order, and others beside them.
    n_features_in_ : int
        Number of input columns.
    feature_names_ : tuple of str [k]
        Names of the encoded features, all different.
    feature_sources_ : tuple of str [k]
        Input column of each encoded feature; `a × b` for an interaction.
    encoders_ : list
        What was learned, per input column.
    selected_ : tuple of int [k]
        Positions of the kept features among all that the columns and interactions give.
    """

    def __init__(self, specification: dict[str, Any]) -> None:
        self.specification = specification

    def fit(self, frame: pd.DataFrame, labels: npt.ArrayLike | None = None) -> "FeatureTransformer":
        """Learn from the training rows; `frame` stays as it is.

        Raises
        ------
        DataError
            No rows, a column is missing or holds the wrong type, labels are needed and missing, or are neither 0 and 1
            nor finite float64 numbers.
        """
        self._fit(frame, labels)
        return self

    def fit_transform(self, frame: pd.DataFrame, labels: npt.ArrayLike | None = None, **_: Any) -> Numbers:
        """Learn from the training rows and return their float64 [n, k], target encodings cross-fitted."""
        return self._fit(frame, labels)

    def transform(self, frame: pd.DataFrame) -> Numbers:
        """Return float64 [n, k] of any rows, all finite; each row is encoded as if it were alone.

        Raises
        ------
        DataError
            A column is missing or holds values of the wrong type or infinities.
        """
        check_is_fitted(self, "encoders_")
        require_columns(frame, self.column_names_)
        blocks = [_encoded(encoder, frame) for encoder in self.encoders_]
        return np.take(self._assembled(frame, blocks), self.selected_, axis=1)

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:  # noqa: ARG002
        """Return object [k], the names of the encoded features; scikit-learn's `input_features` is not looked at."""
        check_is_fitted(self, "encoders_")
        return np.array(self.feature_names_, dtype=object)

    def _fit(self, frame: pd.DataFrame, labels: npt.ArrayLike | None) -> Numbers:
        specification = FeatureSpecification.from_dict(self.specification)
        self.column_names_ = specification.column_names()
        require_columns(frame, self.column_names_)
        checked = _checked_labels(labels, len(frame))
        self.feature_names_in_ = np.array(self.column_names_, dtype=object)
        self.n_features_in_ = len(self.column_names_)
        self.encoders_ = [_fitted(choice, frame, checked) for choice in specification.columns]
        matrix = self._assembled(frame, [_encoded_training(encoder, frame, checked) for encoder in self.encoders_])
        self.selected_ = selected_features(specification.selection, specification.keep, matrix, checked)
        self._name_features(specification)
        return np.take(matrix, self.selected_, axis=1)

    def _name_features(self, specification: FeatureSpecification) -> None:
        names = [(name, encoder.name) for encoder in self.encoders_ for name in encoder.names()]
        names += [(TIMES.join(pair), TIMES.join(pair)) for pair in specification.interactions]
        unique = unique_names(name for name, _ in names)
        self.feature_names_ = tuple(unique[position] for position in self.selected_)
        self.feature_sources_ = tuple(names[position][1] for position in self.selected_)

    def _assembled(self, frame: pd.DataFrame, blocks: list[Numbers]) -> Numbers:
        """Return the blocks side by side, the products of the interactions after them."""
        products = [
            limited(self._scaled(frame, first) * self._scaled(frame, second)) for first, second in self._interactions()
        ]
        return np.hstack([*blocks, *(product[:, None] for product in products)])

    def _interactions(self) -> list[tuple[str, str]]:
        return [(first, second) for first, second in self.specification["interactions"]]

    def _scaled(self, frame: pd.DataFrame, name: str) -> Numbers:
        encoder: Any = self.encoders_[self.column_names_.index(name)]
        values: Numbers = encoder.values(numbers_of(frame, name))
        return values


def unique_names(names: Iterable[str]) -> list[str]:
    """Return the names in their order, a name that came before with ` (2)`, ` (3)`, … after it."""
    taken: set[str] = set()
    result: list[str] = []
    for name in names:
        free, number = name, 1
        while free in taken:
            number += 1
            free = f"{name} ({number})"
        taken.add(free)
        result.append(free)
    return result


def _fitted(choice: ColumnChoice, frame: pd.DataFrame, labels: Labels | None) -> ColumnEncoder:
    if isinstance(choice, NumericChoice):
        return fit_numeric(choice, numbers_of(frame, choice.name))
    if isinstance(choice, BooleanChoice):
        return fit_boolean(choice, numbers_of(frame, choice.name))
    return fit_categorical(choice, categories_of(frame, choice.name), labels)


def _encoded(encoder: ColumnEncoder, frame: pd.DataFrame) -> Numbers:
    if isinstance(encoder, NumericEncoder | BooleanEncoder):
        return encoder.encode(numbers_of(frame, encoder.name))
    return encoder.encode(categories_of(frame, encoder.name))


def _encoded_training(encoder: ColumnEncoder, frame: pd.DataFrame, labels: Labels | None) -> Numbers:
    if isinstance(encoder, TargetCategories) and labels is not None:
        return encoder.encode_training(categories_of(frame, encoder.name), labels)
    return _encoded(encoder, frame)


def _checked_labels(labels: npt.ArrayLike | None, rows: int) -> Labels | None:
    if rows == 0:
        raise DataError("there are no training rows. Hand in the rows of the train split.")
    if labels is None:
        return None
    given = np.asarray(labels)
    if given.shape != (rows,) or given.dtype.kind not in "biuf" or not np.isfinite(given).all():
        raise DataError(f"labels must be {rows} finite numbers, one per row. Hand in the labels of these rows.")
    if given.dtype.kind != "f" and not np.isin(given, (0, 1)).all():
        raise DataError(
            f"whole labels must be 0 or 1 for each of {rows} rows. Hand in labels that are numbers as float64."
        )
    return given.astype(np.int8) if np.isin(given, (0, 1)).all() else given.astype(np.float64)
