"""Folds: disjoint, in the asked-for way, without a leak from measured rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from apps.ml.data.processed import CLASSIFICATION, REGRESSION
from apps.ml.errors import DataError, ParameterError
from apps.ml.experiments.tuning.folds import divided, nested_order, resolved_method, strata_of
from apps.ml.experiments.tuning.problem import make_problem
from apps.ml.features.specification import feature_specification
from apps.ml.parameters.tuning import Validation
from apps.ml.tests import small_loans
from apps.ml.tests.small_tuning import QUICK, parameters, problem, rows, with_key

ROWS = rows()


def keyed() -> tuple[np.ndarray, np.ndarray]:
    """Keys that rise from training to validation rows, and keys of mixed groups."""
    n = len(ROWS)
    return np.arange(n) // 6, np.concatenate([np.arange(900) % 40 * 2, np.arange(300) % 10 * 2 + 1])


@pytest.mark.parametrize("watch", [False, True])
@pytest.mark.parametrize("method", ["stratified", "holdout", "time", "grouped"])
def test_no_row_is_in_two_parts_of_a_fold_and_none_is_measured_twice(method: str, watch: bool) -> None:
    time, group = keyed()
    given = with_key(ROWS, time if method == "time" else group)
    folds = divided(given, Validation(method=method), CLASSIFICATION, watch, 3)
    for fold in folds:
        together = np.concatenate([fold.fit, fold.watched, fold.measured])
        assert len(np.unique(together)) == len(together)
        assert (len(fold.watched) > 0) == watch
    measured = np.concatenate([fold.measured for fold in folds])
    assert len(np.unique(measured)) == len(measured)


def test_stratified_folds_hold_the_classes_in_their_shares() -> None:
    folds = divided(ROWS, Validation(method="stratified", folds=4), CLASSIFICATION, False, 3)
    shares = [ROWS.labels[fold.measured].mean() for fold in folds]
    assert np.ptp(shares) < 0.005
    assert sum(len(fold.measured) for fold in folds) == len(ROWS)


@pytest.mark.parametrize("watch", [False, True])
def test_no_group_stands_on_two_sides(watch: bool) -> None:
    _, group = keyed()
    for fold in divided(with_key(ROWS, group), Validation(method="grouped"), CLASSIFICATION, watch, 3):
        fit, watched, measured = (set(group[part].tolist()) for part in (fold.fit, fold.watched, fold.measured))
        assert not fit & watched
        assert not (fit | watched) & measured


def test_groups_may_come_from_a_feature_column() -> None:
    named = Validation(method="grouped", column="age")
    for fold in divided(ROWS, named, CLASSIFICATION, False, 3):
        age = ROWS.features["age"].to_numpy()
        assert not set(age[fold.fit]) & set(age[fold.measured])


def test_by_time_the_past_is_fitted_and_the_future_measured() -> None:
    time, _ = keyed()
    folds = divided(with_key(ROWS, time), Validation(method="time", folds=3), CLASSIFICATION, True, 3)
    assert len(folds) == 3
    for fold in folds:
        assert time[fold.fit].max() < time[fold.watched].min() <= time[fold.watched].max() < time[fold.measured].min()
    assert [len(fold.measured) for fold in folds] == pytest.approx([300, 300, 300], abs=7)


def test_as_split_follows_the_keys_that_the_split_left() -> None:
    time, group = keyed()
    assert resolved_method(Validation(), ROWS) == "stratified"
    assert resolved_method(Validation(), with_key(ROWS, time)) == "time"
    assert resolved_method(Validation(), with_key(ROWS, group)) == "grouped"


def test_holdout_measures_the_validation_rows() -> None:
    (fold,) = divided(ROWS, Validation(method="holdout"), CLASSIFICATION, False, 3)
    assert fold.measured.tolist() == list(range(900, 1200))
    assert fold.fit.tolist() == list(range(900))


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        (Validation(method="time"), "carry no moment"),
        (Validation(method="grouped"), "carry no group"),
        (Validation(method="grouped", column="debt"), "'debt' is missing in"),
        (Validation(method="grouped", column="owner"), "is missing in"),
        (Validation(method="grouped", column="sex"), "there are 2 groups"),
    ],
)
def test_folds_that_the_rows_do_not_allow_are_refused(validation: Validation, message: str) -> None:
    with pytest.raises(DataError, match=message):
        divided(ROWS, validation, CLASSIFICATION, False, 3)


def test_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ParameterError, match="did you mean 'income'"):
        divided(ROWS, Validation(method="grouped", column="incom"), CLASSIFICATION, False, 3)


def test_every_beginning_of_the_nested_order_holds_the_strata_in_their_shares() -> None:
    strata = np.array([0] * 60 + [1] * 30 + [2] * 10)
    order = nested_order(strata, 4)
    assert sorted(order.tolist()) == list(range(100))
    for count in (10, 33, 50):
        found = np.bincount(strata[order[:count]], minlength=3)
        assert found.tolist() == pytest.approx([0.6 * count, 0.3 * count, 0.1 * count], abs=1)


def test_numeric_labels_are_divided_by_tenths() -> None:
    assert np.bincount(strata_of(np.random.default_rng(0).normal(size=200), REGRESSION)).tolist() == [20] * 10


def test_encodings_of_a_fold_never_see_the_labels_that_measure() -> None:
    """With the city encoded by the labels, other labels of the measured rows leave every encoded feature as it is."""
    asked = parameters(QUICK | {"validation": {"method": "holdout"}})
    encoding = asked.feature_engineering.categorical.model_copy(update={"encoding": "target"})
    section = asked.feature_engineering.model_copy(update={"categorical": encoding})
    specification = feature_specification(section, small_loans.schema()).to_dict()
    turned = np.where(ROWS.is_validation, 1 - ROWS.labels, ROWS.labels).astype(np.int8)
    encoded = [
        make_problem(asked, small_loans.schema(), given, specification, "").folds[0]
        for given in (ROWS, replace(ROWS, labels=turned))
    ]
    np.testing.assert_array_equal(encoded[0].fit.X, encoded[1].fit.X)
    np.testing.assert_array_equal(encoded[0].measured.X, encoded[1].measured.X)
    assert not np.array_equal(encoded[0].measured.labels, encoded[1].measured.labels)


def test_fitted_features_do_not_depend_on_measured_values() -> None:
    """Scaling is learned on the fitted rows alone: measured rows moved far away leave them where they are."""
    (fold,) = problem({"validation": {"method": "holdout"}}).folds
    moved = ROWS.features.copy()
    moved.loc[ROWS.is_validation, "income"] = 1e6
    (other,) = problem({"validation": {"method": "holdout"}}, replace(ROWS, features=moved)).folds
    np.testing.assert_array_equal(fold.fit.X, other.fit.X)
    assert not np.array_equal(fold.measured.X, other.measured.X)


def test_the_rows_stay_as_they_were_given() -> None:
    before = ROWS.features.copy()
    problem()
    pd.testing.assert_frame_equal(ROWS.features, before)
