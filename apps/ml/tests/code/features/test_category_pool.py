"""Which categories are told apart: rare ones, missing ones and those never seen."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.features.category_pool import UNSEEN, fit_pool
from apps.ml.features.choices import CategoricalChoice

VALUES = st.lists(st.sampled_from(["a", "b", "c", "d", None]), min_size=1, max_size=60)


def choice(**changes: Any) -> CategoricalChoice:
    defaults: dict[str, Any] = {
        "name": "purpose",
        "imputation": "category",
        "encoding": "one_hot",
        "rare_below": 0.0,
        "missing_indicator": False,
        "categories": (),
    }
    return CategoricalChoice(**{**defaults, **changes})


def test_categories_below_the_share_are_pooled_and_those_at_the_share_are_kept() -> None:
    pool = fit_pool(choice(rare_below=0.25), ["car"] * 5 + ["house"] * 2 + ["boat"])
    assert pool.names("purpose") == ["purpose=car", "purpose=house", "purpose=(rare)"]
    assert pool.codes(["boat", "car", "never seen"]).tolist() == [2, 0, 2]


def test_without_rare_categories_there_is_no_pool_for_those_never_seen() -> None:
    pool = fit_pool(choice(rare_below=0.25), ["car", "house"])
    assert pool.codes(["never seen"]).tolist() == [UNSEEN]


def test_a_missing_value_is_a_category_of_its_own_however_rare() -> None:
    pool = fit_pool(choice(rare_below=0.25), ["car"] * 50 + [None])
    assert pool.names("purpose") == ["purpose=car", "purpose is missing"]
    assert pool.codes([None]).tolist() == [1]


def test_a_missing_value_that_training_never_had_is_treated_as_never_seen() -> None:
    assert fit_pool(choice(), ["car", "house"]).codes([None]).tolist() == [UNSEEN]


def test_missing_values_can_be_filled_with_the_most_frequent_category() -> None:
    pool = fit_pool(choice(imputation="most_frequent"), ["house", "car", "house", None])
    assert pool.names("purpose") == ["purpose=car", "purpose=house"]
    assert pool.codes([None, "car"]).tolist() == [1, 0]


def test_equally_frequent_categories_are_settled_by_the_alphabet() -> None:
    assert fit_pool(choice(imputation="most_frequent"), ["b", "a", None]).most_frequent == "a"


def test_filled_values_count_towards_the_share_of_their_category() -> None:
    pool = fit_pool(choice(imputation="most_frequent", rare_below=0.5), ["a", "a", "b", None, None])
    assert (pool.kept, pool.has_rare) == (("a",), True)


def test_declared_categories_keep_their_order_and_others_follow() -> None:
    pool = fit_pool(choice(categories=("school", "college")), ["zoo", "college", "art", "school"])
    assert pool.kept == ("school", "college", "art", "zoo")


def test_a_column_without_a_single_value_has_one_code_or_none() -> None:
    assert fit_pool(choice(), [None, None]).names("purpose") == ["purpose is missing"]
    filled = fit_pool(choice(imputation="most_frequent"), [None, None])
    assert filled.size == 0
    assert filled.codes([None, "car"]).tolist() == [UNSEEN, UNSEEN]


@settings(max_examples=50, deadline=None)
@given(VALUES, st.floats(0.0, 0.6), st.sampled_from(["category", "most_frequent"]))
def test_every_training_value_has_a_code_with_a_name(values: Any, rare_below: float, imputation: Any) -> None:
    pool = fit_pool(choice(rare_below=rare_below, imputation=imputation), values)
    codes = pool.codes(values)
    assert len(pool.names("purpose")) == pool.size
    assert (codes < pool.size).all()
    if any(values) or imputation == "category":
        assert (codes >= 0).all()


@settings(max_examples=50, deadline=None)
@given(VALUES, st.randoms())
def test_the_order_of_the_rows_does_not_matter(values: list[Any], random: Any) -> None:
    shuffled = random.sample(values, len(values))
    assert fit_pool(choice(rare_below=0.2), values) == fit_pool(choice(rare_below=0.2), shuffled)


@settings(max_examples=50, deadline=None)
@given(VALUES, st.text())
def test_no_text_fails(values: Any, text: str) -> None:
    codes = fit_pool(choice(rare_below=0.2), values).codes([text])
    assert codes.dtype == np.intp
