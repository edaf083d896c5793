"""Which encoded features are kept."""

import numpy as np
import pytest
from sklearn.feature_selection import VarianceThreshold
from sklearn.metrics import mutual_info_score

from apps.ml.errors import DataError
from apps.ml.features.selection import mutual_information, selected_features

LABELS = np.array([0, 1] * 100, dtype=np.int8)
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=200)
COIN = RNG.integers(0, 2, 200).astype(np.float64)


def test_no_selection_keeps_everything_in_order() -> None:
    assert selected_features("none", 0, np.zeros((4, 3)), None) == (0, 1, 2)


def test_variance_drops_constant_features_as_scikit_learn_does() -> None:
    matrix = np.column_stack([np.full(200, 0.1), NOISE, np.zeros(200), COIN])
    kept = selected_features("variance", 0, matrix, None)
    assert kept == (1, 3)
    assert kept == tuple(VarianceThreshold().fit(matrix).get_support(indices=True))


def test_a_table_without_a_varying_feature_is_refused() -> None:
    with pytest.raises(DataError, match="every encoded feature is constant"):
        selected_features("variance", 0, np.ones((5, 2)), None)


def test_mutual_information_keeps_what_tells_most_in_the_order_of_the_features() -> None:
    matrix = np.column_stack([NOISE, LABELS * 2.0, COIN, LABELS + 0.1 * NOISE])
    assert selected_features("mutual_information", 2, matrix, LABELS) == (1, 3)


def test_features_that_tell_the_same_are_kept_from_the_left() -> None:
    matrix = np.column_stack([COIN, LABELS, LABELS, LABELS]).astype(np.float64)
    assert selected_features("mutual_information", 2, matrix, LABELS) == (1, 2)


def test_more_features_asked_for_than_there_are_keeps_all() -> None:
    assert selected_features("mutual_information", 9, np.column_stack([NOISE, COIN]), LABELS) == (0, 1)


def test_two_valued_features_are_counted_exactly_whatever_their_values() -> None:
    told = mutual_information(np.column_stack([COIN, COIN * 0.37 - 1.5]), LABELS)
    np.testing.assert_allclose(told, mutual_info_score(COIN.astype(int), LABELS), rtol=1e-12)


def test_a_constant_feature_tells_nothing() -> None:
    assert mutual_information(np.full((200, 1), 3.5), LABELS).tolist() == [0.0]


def test_the_same_rows_are_always_judged_the_same() -> None:
    matrix = np.column_stack([NOISE, COIN, np.round(NOISE)])
    np.testing.assert_array_equal(mutual_information(matrix, LABELS), mutual_information(matrix, LABELS))


def test_mutual_information_needs_labels() -> None:
    with pytest.raises(DataError, match="none were given"):
        selected_features("mutual_information", 1, np.ones((5, 2)), None)
