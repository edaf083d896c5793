from typing import Literal

import numpy as np
import pytest

from apps.ml.evaluation.statistics.shares.extremes import largest_gap, worst_ratio
from apps.ml.evaluation.statistics.shares.rates import GroupShares
from apps.ml.evaluation.statistics.shares.sample_size import rows_to_decide

THREE = GroupShares(np.array([30.0, 33.0, 48.0]), np.array([100.0, 110.0, 100.0]))


def scaled(rate: GroupShares, rows: float) -> GroupShares:
    factor = rows / rate.n.sum()
    return GroupShares(rate.successes * factor, rate.n * factor)


def is_decided(rate: GroupShares, kind: str, limit: float) -> bool:
    found = (largest_gap if kind == "gap" else worst_ratio)([rate], 0.95)
    return not found.lower <= limit <= found.upper


@pytest.mark.parametrize(("kind", "limit"), [("gap", 0.1), ("gap", 0.25), ("ratio", 0.8), ("ratio", 0.55)])
def test_that_many_rows_decide_and_a_few_less_do_not(kind: Literal["gap", "ratio"], limit: float) -> None:
    rows = rows_to_decide([THREE], kind, limit, 0.95)
    assert rows is not None
    assert rows > 310
    assert is_decided(scaled(THREE, rows * 1.001), kind, limit)
    assert not is_decided(scaled(THREE, rows * 0.99), kind, limit)


def test_one_share_against_another_needs_what_the_normal_approximation_says() -> None:
    pair = GroupShares(np.array([20.0, 30.0]), np.array([50.0, 50.0]))
    rows = rows_to_decide([pair], "gap", 0.1, 0.95)
    # A difference of .2 is .1 above the limit; its error at n rows a group is the root of 2 × .24 / n.
    assert rows == pytest.approx(2 * 1.96**2 * 2 * 0.24 / 0.1**2, rel=0.05)


def test_the_rows_of_all_rates_are_added_up() -> None:
    rows = rows_to_decide([THREE, THREE], "gap", 0.25, 0.95)
    alone = rows_to_decide([THREE], "gap", 0.25, 0.95)
    assert alone is not None
    assert rows == pytest.approx(2 * alone, rel=0.001)


def test_an_estimate_on_its_limit_is_never_decided_and_a_decided_one_needs_no_more() -> None:
    pair = GroupShares(np.array([25.0, 50.0]), np.array([100.0, 100.0]))
    assert rows_to_decide([pair], "gap", 0.25, 0.95) is None
    assert rows_to_decide([pair], "ratio", 0.5, 0.95) is None
    assert rows_to_decide([pair], "gap", 0.2500001, 0.95) is None
    assert rows_to_decide([pair], "gap", 0.9, 0.95) == 200


def test_nobody_in_a_group_can_still_be_decided() -> None:
    pair = GroupShares(np.array([0.0, 4.0]), np.array([20.0, 20.0]))
    rows = rows_to_decide([pair], "ratio", 0.8, 0.95)
    assert rows is not None
    assert rows > 40
