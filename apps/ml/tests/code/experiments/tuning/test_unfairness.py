"""Gaps between groups over the rows of all folds together."""

from dataclasses import replace

import numpy as np
import pytest

from apps.ml.data.processed import REGRESSION
from apps.ml.errors import ParameterError
from apps.ml.experiments.tuning.losses import UndefinedLossError
from apps.ml.experiments.tuning.unfairness import Unfairness, unfairness_of
from apps.ml.tests import small_loans
from apps.ml.tests.small_tuning import parameters

LABELS = np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=np.int8)
DECISIONS = np.array([1, 1, 0, 0, 1, 0, 1, 0], dtype=np.int8)
GROUPS = ["a", "a", "a", "a", "b", "b", "b", "b"]


def gap(metric: str, minimum: int = 1) -> Unfairness:
    return Unfairness(metric, "sex", "positive", minimum)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("demographic_parity_difference", 0.0),  # two of four are chosen in both
        ("equal_opportunity_difference", 0.5),  # 2 of 2 against 1 of 2
        ("equalized_odds_difference", 0.5),
    ],
)
def test_a_gap_checked_by_hand(metric: str, expected: float) -> None:
    wanted = gap(metric)
    halves = [
        wanted.counted(LABELS[part], DECISIONS.astype(float)[part], DECISIONS[part], GROUPS[part])
        for part in (slice(0, 5), slice(5, 8))
    ]
    assert wanted.value(halves) == pytest.approx(expected)


def test_unknown_and_small_groups_do_not_count() -> None:
    groups = [*GROUPS, "unknown", "unknown", "c"]
    labels, decisions = np.append(LABELS, [1, 0, 1]).astype(np.int8), np.append(DECISIONS, [0, 0, 0]).astype(np.int8)
    wanted = gap("demographic_parity_difference", minimum=2)
    assert wanted.value([wanted.counted(labels, decisions.astype(float), decisions, groups)]) == 0.0


def test_one_group_alone_has_no_gap() -> None:
    wanted = gap("demographic_parity_difference", minimum=5)
    with pytest.raises(UndefinedLossError, match="demographic_parity_difference of sex is undefined"):
        wanted.value([wanted.counted(LABELS, LABELS.astype(float), DECISIONS, GROUPS)])


def test_the_largest_group_loss_is_that_of_the_group_served_worst() -> None:
    labels, guesses = np.array([1.0, 2.0, 5.0, 5.0]), np.array([1.0, 3.0, 3.0, 5.0])
    for absolute, expected in ((True, 1.0), (False, 2.0)):
        wanted = Unfairness("largest_group_loss", "sex", "positive", 1, absolute)
        assert wanted.value([wanted.counted(labels, guesses, None, ["a", "a", "b", "b"])]) == expected


def test_metrics_and_attributes_that_do_not_fit_are_refused() -> None:
    def asked(metric: str, attribute: str) -> dict[str, object]:
        return {"unfairness": {"metric": metric, "attribute": attribute}}

    schema = small_loans.schema()
    with pytest.raises(ParameterError, match="has no sensitive attribute 'sexx'; did you mean 'sex'"):
        unfairness_of(parameters(asked("equalized_odds_difference", "sexx")).model_tuning, schema, 30)
    with pytest.raises(ParameterError, match="largest_group_loss does not fit a label of two classes"):
        unfairness_of(parameters(asked("largest_group_loss", "sex")).model_tuning, schema, 30)
    numeric = replace(schema, task=REGRESSION)
    with pytest.raises(ParameterError, match="does not fit a numeric label"):
        unfairness_of(parameters(asked("equalized_odds_difference", "sex")).model_tuning, numeric, 30)
    assert unfairness_of(parameters({}).model_tuning, schema, 30) is None
