import numpy as np
import pytest

from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.shares.rates import (
    COMPLEMENT_OF,
    GROUP_RATES,
    MISSES_AMONG_ERRORS,
    RATES,
    measure_rate,
    rate_named,
    share,
    shares_of,
)

# 40 true negatives, 10 false positives, 20 false negatives, 30 true positives.
BLOCK = np.array([[40, 10], [20, 30]])


def test_every_rate_is_the_share_its_name_says() -> None:
    found = {name: measure_rate(BLOCK, rate_named(name), 0.95) for name in GROUP_RATES}
    assert {name: (one.numerator, one.denominator) for name, one in found.items()} == {
        "base_rate": (50, 100),
        "selection_rate": (40, 100),
        "favourable_rate": (40, 100),
        "true_positive_rate": (30, 50),
        "false_positive_rate": (10, 50),
        "true_negative_rate": (40, 50),
        "false_negative_rate": (20, 50),
        "positive_predictive_value": (30, 40),
        "negative_predictive_value": (40, 60),
        "false_discovery_rate": (10, 40),
        "false_omission_rate": (20, 60),
        "accuracy": (70, 100),
    }


def test_the_favourable_rate_follows_the_favourable_outcome() -> None:
    assert measure_rate(BLOCK, rate_named("favourable_rate", "negative"), 0.95).value == pytest.approx(0.6)


def test_a_complement_is_one_minus_the_rate_or_the_rate_itself() -> None:
    for name, other in COMPLEMENT_OF.items():
        value, whole = (measure_rate(BLOCK, rate_named(one), 0.95).value for one in (name, other))
        assert value == whole or value + whole == pytest.approx(1.0)  # type: ignore[operator]


def test_only_the_selection_needs_no_labels() -> None:
    needing = {name for name in GROUP_RATES if rate_named(name).needs_labels}
    assert set(GROUP_RATES) - needing == {"selection_rate", "favourable_rate"}


@pytest.mark.parametrize(
    ("block", "name", "reason"),
    [
        ([[7, 0], [0, 0]], "true_positive_rate", "no row has the positive event"),
        ([[7, 0], [0, 0]], "false_negative_rate", "no row has the positive event"),
        ([[7, 0], [0, 0]], "positive_predictive_value", "no row is predicted positive"),
        ([[7, 0], [0, 0]], "false_discovery_rate", "no row is predicted positive"),
        ([[0, 0], [0, 3]], "true_negative_rate", "no row lacks the positive event"),
        ([[0, 0], [0, 3]], "negative_predictive_value", "no row is predicted negative"),
        ([[0, 0], [0, 3]], "false_omission_rate", "no row is predicted negative"),
        ([[0, 0], [0, 0]], "accuracy", "there are no rows"),
    ],
)
def test_rates_of_no_rows_say_what_is_missing(block: list[list[int]], name: str, reason: str) -> None:
    assert measure_rate(np.array(block), RATES[name], 0.95).undefined == reason


def test_a_share_carries_counts_interval_and_method() -> None:
    found = share(3, 12, 0.9, "nobody")
    assert (found.value, found.n, found.numerator, found.denominator) == (0.25, 12, 3, 12)
    assert found.lower is not None
    assert found.upper is not None
    assert 0 < found.lower < 0.25 < found.upper < 1
    assert (found.confidence, found.method) == (0.9, "Wilson score interval")


def test_counts_of_many_blocks_are_read_at_once() -> None:
    numerators, denominators = rate_named("true_positive_rate").counts(np.stack([BLOCK, 2 * BLOCK]))
    assert numerators.tolist() == [30, 60]
    assert denominators.tolist() == [50, 100]


def test_misses_among_errors_are_false_negatives_of_all_wrong_decisions() -> None:
    assert [int(number) for number in MISSES_AMONG_ERRORS.counts(BLOCK)] == [20, 30]


def test_weighted_shares_have_the_effective_number_of_rows() -> None:
    # One row of weight 3 selected, three rows of weight 1 not: share 3 / 6 of 6² / (9 + 3) = 3 effective rows.
    counts = np.array([[[3, 1], [0, 0]]])
    table = CountTable(("a",), counts, np.array([[[3.0, 3.0], [0, 0]]]), np.array([[[3.0, 9.0], [0, 0]]]))
    shares = shares_of(table, RATES["selection_rate"])
    assert shares.n.tolist() == [3.0]
    assert shares.rates.tolist() == [0.5]
    assert np.isnan(shares_of(table, RATES["true_positive_rate"]).rates[0])


def test_equal_weights_leave_shares_as_they_are() -> None:
    table = CountTable(("a",), BLOCK[None], 0.3 * BLOCK[None], 0.09 * BLOCK[None])
    shares = shares_of(table, RATES["true_positive_rate"])
    assert shares.n[0] == pytest.approx(50)
    assert shares.rates[0] == pytest.approx(0.6)
