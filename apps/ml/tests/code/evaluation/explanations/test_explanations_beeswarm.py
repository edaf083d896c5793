import json

import numpy as np
import pandas as pd

from apps.ml.evaluation.explanations.contributions.beeswarm import DOTS, Beeswarm, beeswarm_of, percentile_ranks
from apps.ml.evaluation.explanations.contributions.shap_values import Contributions
from apps.ml.evaluation.explanations.what_if import significant


def contributions(rows: int, reason: str | None = None) -> Contributions:
    values = np.random.default_rng(0).normal(size=(rows, 3))
    return Contributions("made up", "log-odds", ("a", "b", "a × b"), values, np.zeros(rows), undefined=reason)


def frame(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"a": np.arange(float(rows)), "b": pd.array(["x"] * rows, dtype="str")})


def test_percentile_ranks_run_from_0_to_100_with_ties_in_the_middle() -> None:
    values = pd.Series([5.0, 1.0, np.nan, 3.0, 3.0])
    np.testing.assert_array_equal(percentile_ranks(values), [100, 0, np.nan, 50, 50])
    assert np.isnan(percentile_ranks(pd.Series([2.0, 2.0]))).all()
    assert np.isnan(percentile_ranks(pd.Series([2.0, np.nan]))).all()


def test_dots_are_rounded_contributions_with_ranks_over_all_rows() -> None:
    found = contributions(3)
    swarm = beeswarm_of(found, np.array([0, 50, 100]), frame(101), ("b", "a", "a × b"), seed=1)
    assert swarm.columns == ("b", "a", "a × b")
    assert swarm.contributions[1] == tuple(float(f"{value:.4g}") for value in found.values[:, 0])
    assert swarm.ranks == ((None,) * 3, (0, 50, 100), (None,) * 3)
    assert json.loads(json.dumps(swarm.to_dict(), allow_nan=False))["rows"] == 3


def test_many_rows_are_sampled_and_the_same_seed_draws_the_same() -> None:
    found, positions = contributions(500), np.arange(500)
    first = beeswarm_of(found, positions, frame(500), ("a",), seed=1)
    assert first.rows == len(first.contributions[0]) == len(first.ranks[0]) == DOTS
    assert beeswarm_of(found, positions, frame(500), ("a",), seed=1) == first
    assert beeswarm_of(found, positions, frame(500), ("a",), seed=2) != first


def test_missing_values_and_a_missing_frame_have_no_rank() -> None:
    some = frame(3).assign(a=[1.0, np.nan, 2.0])
    assert beeswarm_of(contributions(3), np.arange(3), some, ("a",), seed=1).ranks == ((0, None, 100),)
    assert beeswarm_of(contributions(3), np.arange(3), None, ("a",), seed=1).ranks == ((None, None, None),)


def test_undefined_contributions_have_no_dots() -> None:
    assert beeswarm_of(contributions(3, "they lie"), np.arange(3), frame(3), ("a",), seed=1) == Beeswarm()


def test_significant_digits() -> None:
    assert significant([0.0, 123456.0, -0.00123456], 3).tolist() == [0.0, 123000.0, -0.00123]
    assert np.isnan(significant([np.nan], 3)).all()
