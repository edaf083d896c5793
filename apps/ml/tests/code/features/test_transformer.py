"""The transformer as a whole: by hand, against scikit-learn, and what must not change its answers."""

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from apps.ml.data.processed import ColumnSchema, ProcessedSchema
from apps.ml.errors import DataError
from apps.ml.features.safe_objects import object_bytes
from apps.ml.features.transformer import FeatureTransformer, unique_names
from apps.ml.tests.code.features.people import SCHEMA, labels_of, one_column, people, transformer

EVERYTHING: dict[str, Any] = {
    "use_sensitive": True,
    "columns": {
        "age": {"bins": 4},
        "income": {"scaling": "robust"},
        "purpose": {"encoding": "target"},
        "education": {"encoding": "ordinal"},
        "owns_home": {"missing_indicator": True},
    },
}
SECTIONS: list[dict[str, Any]] = [
    {},
    EVERYTHING,
    {"interactions": [["age", "income"]], "numeric": {"scaling": "minmax", "imputation": "mean"}},
    {"selection": {"method": "mutual_information", "keep": 4}, "categorical": {"encoding": "target"}},
    {"selection": {"method": "variance"}, "categorical": {"imputation": "most_frequent"}},
]


def test_three_rows_by_hand() -> None:
    schema = ProcessedSchema(**{**SCHEMA.__dict__, "columns": (SCHEMA.columns[1], SCHEMA.columns[2])})
    frame = pd.DataFrame({"income": [1.0, np.nan, 3.0], "purpose": pd.Series(["car", None, "house"], dtype="str")})
    fitted = transformer(schema, numeric={"scaling": "none"}).fit(frame)
    assert fitted.get_feature_names_out().tolist() == [
        "income",
        "income is missing",
        "purpose=car",
        "purpose=house",
        "purpose is missing",
    ]
    assert fitted.feature_sources_ == ("income", "income", "purpose", "purpose", "purpose")
    np.testing.assert_array_equal(
        fitted.transform(frame), [[1.0, 0.0, 1.0, 0.0, 0.0], [2.0, 1.0, 0.0, 0.0, 1.0], [3.0, 0.0, 0.0, 1.0, 0.0]]
    )


def test_the_defaults_agree_with_a_column_transformer_of_scikit_learn() -> None:
    train, other = people(500, seed=1), people(200, seed=2)
    numeric, boolean, text = ["age", "income"], ["owns_home"], ["purpose", "education"]
    one_hot = OneHotEncoder(min_frequency=0.01, handle_unknown="infrequent_if_exist", sparse_output=False)
    oracle = ColumnTransformer(
        [
            ("numeric", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
            ("missing", MissingIndicator(), numeric),
            ("boolean", SimpleImputer(strategy="most_frequent"), boolean),
            ("text", make_pipeline(SimpleImputer(strategy="constant", fill_value="(none)"), one_hot), text),
        ]
    )
    expected = oracle.fit(train.astype(dict.fromkeys(text, object))).transform(
        other.astype(dict.fromkeys(text, object))
    )
    encoded = transformer().fit(train).transform(other)
    assert sorted(map(tuple, encoded.T)) == sorted(map(tuple, np.asarray(expected, dtype=np.float64).T))


@pytest.mark.parametrize("section", SECTIONS)
def test_one_row_alone_gives_the_same_bits_as_among_many(section: dict[str, Any]) -> None:
    train, other = people(300), people(40, seed=5)
    fitted = transformer(**section).fit(train, labels_of(train))
    together = fitted.transform(other)
    for position in range(len(other)):
        assert fitted.transform(other.iloc[[position]]).tobytes() == together[position].tobytes()


@pytest.mark.parametrize("section", SECTIONS)
def test_the_order_of_rows_and_columns_does_not_matter(section: dict[str, Any]) -> None:
    train, other = people(300), people(50, seed=5)
    fitted = transformer(**section).fit(train, labels_of(train))
    order = np.random.default_rng(0).permutation(len(other))
    shuffled = other.iloc[order][list(reversed(other.columns))]
    np.testing.assert_array_equal(fitted.transform(shuffled), fitted.transform(other)[order])


@pytest.mark.parametrize("section", SECTIONS)
def test_two_fits_on_the_same_rows_give_the_same_bytes(section: dict[str, Any]) -> None:
    train = people(300)
    first, second = (transformer(**section).fit(people(300), labels_of(train)) for _ in range(2))
    assert object_bytes(first) == object_bytes(second)


@pytest.mark.parametrize("section", SECTIONS)
def test_the_matrix_is_float64_without_gaps_and_its_features_have_different_names(section: dict[str, Any]) -> None:
    train = people(300)
    fitted = transformer(**section)
    matrix = fitted.fit_transform(train, labels_of(train))
    assert matrix.dtype == np.float64
    assert matrix.flags.c_contiguous
    assert np.isfinite(matrix).all()
    names = fitted.get_feature_names_out().tolist()
    assert matrix.shape == (300, len(set(names)))
    assert len(fitted.feature_sources_) == len(names)
    assert fitted.transform(train.head(0)).shape == (0, len(names))


def test_training_rows_are_cross_fitted_only_where_labels_are_encoded() -> None:
    train = people(300)
    labels = labels_of(train)
    plain, target = transformer(), transformer(columns={"purpose": {"encoding": "target"}})
    np.testing.assert_array_equal(plain.fit_transform(train, labels), plain.transform(train))
    differs = (target.fit_transform(train, labels) != target.transform(train)).any(axis=0)
    assert [name for name, different in zip(target.feature_names_, differs, strict=True) if different] == ["purpose"]


@pytest.mark.parametrize("section", SECTIONS)
def test_fitting_and_encoding_leave_their_inputs_as_they_were(section: dict[str, Any]) -> None:
    train, labels = people(300), labels_of(people(300))
    fitted = transformer(**section)
    before = copy.deepcopy(fitted.specification)
    fitted.fit_transform(train, labels)
    fitted.transform(train)
    assert_frame_equal(train, people(300))
    np.testing.assert_array_equal(labels, labels_of(people(300)))
    assert fitted.specification == before


def test_it_follows_the_conventions_of_scikit_learn() -> None:
    unfitted = transformer()
    with pytest.raises(NotFittedError, match="not fitted yet"):
        unfitted.transform(people(3))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        unfitted.get_feature_names_out()
    fitted = unfitted.fit(people(50))
    assert fitted is unfitted
    assert fitted.n_features_in_ == 5
    assert fitted.feature_names_in_.tolist() == ["age", "income", "purpose", "education", "owns_home"]
    copied = clone(fitted)
    assert copied.get_params() == {"specification": fitted.specification}
    assert not hasattr(copied, "encoders_")
    assert (
        list(
            unfitted.set_params(specification=transformer(use_sensitive=True).specification)
            .fit(people(50))
            .feature_names_in_
        )[-1]
        == "gender"
    )


def test_refitting_forgets_the_first_fit() -> None:
    twice = transformer().fit(people(80, seed=1)).fit(people(50, seed=2))
    assert object_bytes(twice) == object_bytes(transformer().fit(people(50, seed=2)))


def test_interactions_multiply_the_filled_and_scaled_columns() -> None:
    train = people(200)
    fitted = transformer(interactions=[["age", "income"], ["age", "age"]]).fit(train)
    encoded = pd.DataFrame(fitted.transform(train), columns=fitted.get_feature_names_out())
    np.testing.assert_array_equal(encoded["age × income"], encoded["age"] * encoded["income"])
    np.testing.assert_array_equal(encoded["age × age"], encoded["age"] ** 2)
    assert fitted.feature_sources_[-2:] == ("age × income", "age × age")


def test_an_interaction_may_survive_a_selection_that_drops_its_columns() -> None:
    rng = np.random.default_rng(0)
    frame = people(600).assign(age=rng.choice([20.0, 60.0], 600), income=rng.choice([1.0, 3.0], 600))
    labels = ((frame["age"] > 40) == (frame["income"] > 2)).to_numpy().astype(np.int8)
    fitted = transformer(interactions=[["age", "income"]], selection={"method": "mutual_information", "keep": 1}).fit(
        frame, labels
    )
    assert fitted.get_feature_names_out().tolist() == ["age × income"]
    encoded = fitted.transform(frame)
    assert encoded.shape == (600, 1)
    assert ((encoded[:, 0] > 0) == (labels == 1)).all()


def test_columns_of_other_dtypes_that_hold_the_same_values_are_encoded_the_same() -> None:
    train = people(100)
    fitted = transformer().fit(train)
    other = train.assign(
        age=train["age"].astype(np.int64),
        income=train["income"].astype("Float64"),
        owns_home=train["owns_home"].map({0.0: False, 1.0: True}).astype("boolean"),
        purpose=train["purpose"].astype(object),
        education=train["education"].astype("category"),
    )
    np.testing.assert_array_equal(fitted.transform(other), fitted.transform(train))


def test_none_and_the_missing_values_of_pandas_are_all_missing() -> None:
    fitted = one_column(ColumnSchema("purpose", "categorical")).fit(people(50))
    frame = pd.DataFrame({"purpose": pd.Series([None, np.nan, pd.NA, pd.NaT], dtype=object)})
    assert (fitted.transform(frame)[:, -1] == 1).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"age": "thirty"}, "'age' holds text where numbers are expected"),
        ({"age": pd.Series(["30"] * 5, dtype=object)}, "'age' holds text where numbers are expected"),
        ({"age": [[1]] * 5}, "'age' holds values that are not numbers"),
        ({"age": [1.0, np.inf, -np.inf, 2.0, 3.0]}, "'age' holds infinities in 2 rows"),
        ({"purpose": [1, 2, 3, 4, 5]}, "'purpose' holds values that are not text in 5 rows"),
    ],
)
def test_columns_of_the_wrong_type_are_refused_by_name(changes: dict[str, Any], message: str) -> None:
    fitted = transformer().fit(people(50))
    with pytest.raises(DataError, match=message):
        fitted.transform(people(5).assign(**changes))


def test_missing_and_doubled_columns_are_refused_by_name() -> None:
    fitted = transformer().fit(people(50))
    with pytest.raises(DataError, match="lacks the columns age, purpose"):
        fitted.transform(people(5).drop(columns=["age", "purpose"]))
    doubled = people(5)
    with pytest.raises(DataError, match="two columns of the same name"):
        fitted.transform(pd.concat([doubled, doubled[["age"]]], axis=1))


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 2, 1], [0.5, np.nan, 0, 1], ["0", "1", "0", "1"], [[0, 1, 0, 1]]])
def test_labels_that_are_not_one_number_per_row_are_refused(labels: Any) -> None:
    with pytest.raises(DataError, match="labels must be"):
        transformer().fit(people(4), labels)


def test_labels_are_demanded_where_they_are_needed() -> None:
    with pytest.raises(DataError, match="'purpose' is encoded by the labels"):
        transformer(columns={"purpose": {"encoding": "target"}}).fit(people(20))
    with pytest.raises(DataError, match="mutual information looks at the labels"):
        transformer(selection={"method": "mutual_information", "keep": 2}).fit(people(20))


@pytest.mark.parametrize("label", [0, 1])
def test_target_encoding_of_a_single_class_is_refused(label: int) -> None:
    with pytest.raises(DataError, match="a label has 0 training rows"):
        transformer(columns={"purpose": {"encoding": "target"}}).fit(people(20), np.full(20, label))


def test_a_fit_on_no_rows_is_refused() -> None:
    with pytest.raises(DataError, match="there are no training rows"):
        transformer().fit(people(0), [])


def test_columns_without_a_single_value_become_constants() -> None:
    train = people(50).assign(age=np.nan, income=np.nan, purpose=pd.Series([None] * 50, dtype="str"), owns_home=np.nan)
    fitted = transformer(interactions=[["age", "income"]]).fit(train, labels_of(people(50)))
    encoded = pd.DataFrame(fitted.transform(people(30)), columns=fitted.get_feature_names_out())
    assert np.isfinite(encoded.to_numpy()).all()
    constant = pd.DataFrame(fitted.transform(train), columns=fitted.get_feature_names_out())
    assert constant["age × income"].eq(0).all()
    assert constant["purpose is missing"].eq(1).all()


def test_features_that_would_share_a_name_are_numbered() -> None:
    assert unique_names(["a", "b", "a", "a (2)", "a"]) == ["a", "b", "a (2)", "a (2) (2)", "a (3)"]
    columns = (ColumnSchema("a", "categorical"), ColumnSchema("a=b", "categorical"))
    frame = pd.DataFrame({"a": ["b=c", "x"], "a=b": ["c", "y"]}, dtype="str")
    fitted = transformer(ProcessedSchema(**{**SCHEMA.__dict__, "columns": columns})).fit(frame)
    assert fitted.get_feature_names_out().tolist() == ["a=b=c", "a=x", "a=b=c (2)", "a=b=y"]
    assert fitted.feature_sources_ == ("a", "a", "a=b", "a=b")


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(SECTIONS),
    st.lists(
        st.tuples(st.floats(allow_infinity=False), st.text() | st.none(), st.sampled_from([0.0, 1.0, np.nan])),
        min_size=1,
        max_size=8,
    ),
)
def test_any_typed_row_is_encoded_without_failing(section: dict[str, Any], rows: list[tuple[Any, Any, Any]]) -> None:
    train = people(120)
    fitted = FeatureTransformer(transformer(**section).specification).fit(train, labels_of(train))
    numbers, texts, truths = zip(*rows, strict=True)
    frame = pd.DataFrame(
        {
            "age": np.array(numbers),
            "income": np.array(numbers),
            "purpose": pd.Series(texts, dtype="str"),
            "education": pd.Series(texts, dtype="str"),
            "owns_home": np.array(truths),
            "gender": pd.Series(texts, dtype="str"),
        }
    )
    encoded = fitted.transform(frame)
    assert encoded.shape == (len(rows), len(fitted.feature_names_))
    assert (np.abs(encoded) <= np.finfo(np.float32).max).all()


def test_numeric_labels_are_averaged_by_category_and_rank_features() -> None:
    frame = people(200)
    labels = np.where(frame["purpose"] == "car", 500.0, 100.0) + np.arange(200) / 1000
    fitted = transformer(columns={"purpose": {"encoding": "target"}}).fit(frame, labels)
    position = fitted.feature_sources_.index("purpose")
    encoded = fitted.transform(frame)[:, position]
    of_car = (frame["purpose"] == "car").to_numpy()
    assert encoded[of_car].min() > 450
    assert encoded[~of_car & frame["purpose"].notna().to_numpy()].max() < 150
    kept = transformer(selection={"method": "mutual_information", "keep": 1}).fit(frame, labels)
    assert kept.feature_sources_ == ("purpose",)
