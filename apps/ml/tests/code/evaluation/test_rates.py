import numpy as np
import pytest

from apps.ml.evaluation.statistics.rates import GROUP_RATES, measure_rates, rate_named, share

# 40 true negatives, 10 false positives, 20 false negatives, 30 true positives.
BLOCK = np.array([[40, 10], [20, 30]])


def test_every_rate_is_the_share_its_name_says() -> None:
    rates = {
        name: (found.numerator, found.denominator) for name, found in measure_rates(BLOCK, "positive", 0.95).items()
    }
    assert rates == {
        "base_rate": (50, 100),
        "selection_rate": (40, 100),
        "favourable_rate": (40, 100),
        "true_positive_rate": (30, 50),
        "false_positive_rate": (10, 50),
        "true_negative_rate": (40, 50),
        "false_negative_rate": (20, 50),
        "positive_predictive_value": (30, 40),
        "negative_predictive_value": (40, 60),
        "accuracy": (70, 100),
    }


def test_the_favourable_rate_follows_the_favourable_outcome_and_no_other_rate_does() -> None:
    positive, negative = (measure_rates(BLOCK, favourable, 0.95) for favourable in ("positive", "negative"))
    assert negative["favourable_rate"].value == pytest.approx(0.6)
    assert {name for name in GROUP_RATES if positive[name] != negative[name]} == {"favourable_rate"}


def test_rates_of_no_rows_say_what_is_missing() -> None:
    found = measure_rates(np.array([[7, 0], [0, 0]]), "positive", 0.95)
    assert found["true_positive_rate"].undefined == "no row has the positive event"
    assert found["false_negative_rate"].undefined == "no row has the positive event"
    assert found["positive_predictive_value"].undefined == "no row is predicted positive"
    assert found["false_positive_rate"].value == 0.0
    everyone = measure_rates(np.array([[0, 0], [0, 3]]), "positive", 0.95)
    assert everyone["true_negative_rate"].undefined == "no row lacks the positive event"
    assert everyone["negative_predictive_value"].undefined == "no row is predicted negative"
    assert {found.undefined for found in measure_rates(np.zeros((2, 2), int), "positive", 0.95).values()} >= {
        "there are no rows"
    }


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
