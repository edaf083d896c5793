"""Encodings of categories: cases by hand, scikit-learn as the oracle, and labels that must not leak."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from apps.ml.errors import DataError
from apps.ml.features.categorical_columns import FOLD_SEED, FOLDS, TargetCategories, fit_categorical
from apps.ml.features.choices import CategoricalChoice

Categories = Sequence[str | None]


def choice(encoding: Any, **changes: Any) -> CategoricalChoice:
    defaults: dict[str, Any] = {
        "name": "purpose",
        "imputation": "category",
        "rare_below": 0.0,
        "missing_indicator": False,
        "categories": (),
    }
    return CategoricalChoice(encoding=encoding, **{**defaults, **changes})


def some_rows(rows: int = 400, seed: int = 0) -> tuple[Categories, npt.NDArray[np.int8]]:
    rng = np.random.default_rng(seed)
    values = rng.choice(["car", "house", "boat", "tour", "x"], rows, p=[0.5, 0.3, 0.15, 0.04, 0.01]).tolist()
    return values, (rng.random(rows) < np.where(np.array(values) == "car", 0.7, 0.3)).astype(np.int8)


def target(values: Categories, labels: npt.NDArray[np.int8], **changes: Any) -> TargetCategories:
    encoder = fit_categorical(choice("target", **changes), values, labels)
    assert isinstance(encoder, TargetCategories)
    return encoder


def test_one_feature_per_category_and_zeros_for_one_never_seen() -> None:
    encoder = fit_categorical(choice("one_hot"), ["car", "house", None], None)
    assert encoder.names() == ["purpose=car", "purpose=house", "purpose is missing"]
    expected = [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    np.testing.assert_array_equal(encoder.encode(["house", None, "never seen"]), expected)


def test_one_hot_agrees_with_scikit_learn_on_rare_and_unknown_categories() -> None:
    values, _ = some_rows()
    other: Categories = ["car", "x", "never seen", "tour", "boat"]
    oracle = OneHotEncoder(min_frequency=0.05, handle_unknown="infrequent_if_exist", sparse_output=False)
    oracle.fit(np.array(values, dtype=object)[:, None])
    encoder = fit_categorical(choice("one_hot", rare_below=0.05), values, None)
    np.testing.assert_array_equal(encoder.encode(other), oracle.transform(np.array(other, dtype=object)[:, None]))


def test_an_ordinal_encoding_follows_the_declared_order() -> None:
    declared = choice("ordinal", categories=("school", "college", "doctorate"))
    encoder = fit_categorical(declared, ["doctorate", "college", "school", None], None)
    assert encoder.names() == ["purpose"]
    encoded = encoder.encode(["school", "college", "doctorate", None, "never seen"])
    np.testing.assert_array_equal(encoded[:, 0], [0, 1, 2, 3, -1])


def test_filled_categories_can_have_an_indicator() -> None:
    encoder = fit_categorical(
        choice("ordinal", imputation="most_frequent", missing_indicator=True), ["a", "b", "b", None], None
    )
    assert encoder.names() == ["purpose", "purpose is missing"]
    np.testing.assert_array_equal(encoder.encode([None, "a"]), [[1, 1], [0, 0]])


def test_the_share_of_a_category_is_shrunk_to_the_overall_share() -> None:
    values: Categories = ["car"] * 6 + ["house"] * 4
    labels = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 1], dtype=np.int8)
    encoder = target(values, labels)
    car, house, unseen = encoder.encode(["car", "house", "never seen"])[:, 0]
    assert unseen == 0.6
    assert 0.6 < car < 5 / 6
    assert 1 / 4 < house < 0.6


def test_target_encoding_of_new_rows_agrees_with_scikit_learn() -> None:
    values, labels = some_rows()
    oracle = TargetEncoder(target_type="binary").fit(np.array(values, dtype=object)[:, None], labels)
    other: Categories = ["car", "house", "boat", "tour", "x", "never seen"]
    expected = oracle.transform(np.array(other, dtype=object)[:, None])
    np.testing.assert_allclose(target(values, labels).encode(other), expected, rtol=1e-14)


def test_target_encoding_of_training_rows_agrees_with_the_cross_fitting_of_scikit_learn() -> None:
    values, labels = some_rows()
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=FOLD_SEED)
    oracle = TargetEncoder(target_type="binary", cv=folds)
    expected = oracle.fit_transform(np.array(values, dtype=object)[:, None], labels)
    np.testing.assert_allclose(target(values, labels).encode_training(values, labels), expected, rtol=1e-14)


def test_a_training_row_is_encoded_without_its_own_label() -> None:
    _, labels = some_rows(60)
    identifiers: Categories = [f"person {number}" for number in range(60)]
    encoded = target(identifiers, labels).encode_training(identifiers, labels)
    assert np.corrcoef(encoded[:, 0], labels)[0, 1] < 0.3
    leaked = target(identifiers, labels).encode(identifiers)
    assert np.corrcoef(leaked[:, 0], labels)[0, 1] > 0.9


def test_target_encoding_without_labels_is_refused() -> None:
    with pytest.raises(DataError, match="'purpose' is encoded by the labels, and none were given"):
        fit_categorical(choice("target"), ["car"], None)


def test_target_encoding_needs_two_rows_of_each_label() -> None:
    labels = np.array([0, 0, 0, 1], dtype=np.int8)
    encoder = target(["a", "b", "a", "b"], labels)
    with pytest.raises(DataError, match="a label has 1 training rows"):
        encoder.encode_training(["a", "b", "a", "b"], labels)


def test_few_rows_of_a_label_give_fewer_folds() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1], dtype=np.int8)
    values: Categories = ["a", "b", "a", "b", "a", "b"]
    assert np.isfinite(target(values, labels).encode_training(values, labels)).all()


@pytest.mark.parametrize("encoding", ["one_hot", "ordinal", "target"])
@pytest.mark.parametrize("imputation", ["category", "most_frequent"])
def test_a_column_without_a_single_value_is_encoded_as_a_constant(encoding: Any, imputation: Any) -> None:
    labels = np.array([0, 1, 0, 1], dtype=np.int8)
    encoder = fit_categorical(choice(encoding, imputation=imputation), [None] * 4, labels)
    encoded = encoder.encode([None] * 4)
    assert encoded.shape == (4, len(encoder.names()))
    assert (encoded == encoded[:1]).all()


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["one_hot", "ordinal", "target"]), st.lists(st.text() | st.none(), max_size=10), st.randoms())
def test_unknown_categories_never_fail_and_rows_are_encoded_one_by_one(
    encoding: str, values: Categories, random: Any
) -> None:
    training, labels = some_rows(40)
    encoder = fit_categorical(choice(encoding, rare_below=0.1), training, labels)
    encoded = encoder.encode(values)
    assert encoded.shape == (len(values), len(encoder.names()))
    assert np.isfinite(encoded).all()
    order = random.sample(range(len(values)), len(values))
    np.testing.assert_array_equal(encoder.encode([values[position] for position in order]), encoded[order])
