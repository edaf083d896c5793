"""What must not matter does not: the order of rows, the names of groups, which event is called positive, partitions."""

import json
from random import Random
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.evaluation.fairness import AttributeAssessment, assess_fairness, assess_joint
from apps.ml.evaluation.fairness.scoring import count_above_median
from apps.ml.evaluation.statistics.counting.joint_counts import count_jointly
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.tests.fairness_rows import EVERY_GROUP, PARAMETERS, assessed, random_rows, random_scores, rows_of

seeds = st.integers(0, 10_000)


def same(one: Measurement, other: Measurement) -> bool:
    """Equal up to rounding, bounds and reasons included."""
    numbers = ("value", "lower", "upper", "simultaneous_lower", "simultaneous_upper")
    pairs = [(getattr(one, name), getattr(other, name)) for name in numbers]
    return one.n == other.n and all(a == pytest.approx(b, abs=1e-12) for a, b in pairs)


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    labels, decisions, groups = random_rows(seed, n=150)
    scores = random_scores(seed, labels)
    order = np.random.default_rng(seed).permutation(150)
    one = assessed(labels, decisions, groups, scores=scores)
    other = assessed(labels[order], decisions[order], groups[order], scores=scores[order])
    assert one.to_dict() == other.to_dict()


@settings(max_examples=8, deadline=None)
@given(seeds, st.randoms(use_true_random=False))
def test_the_names_of_groups_do_not_matter(seed: int, random: Random) -> None:
    labels, decisions, groups = random_rows(seed, n=150)
    names = ["x", "y", "z"]
    random.shuffle(names)
    renamed = pd.Series(groups).map(dict(zip("abc", names, strict=True)))
    before, after = assessed(labels, decisions, groups), assessed(labels, decisions, renamed)
    for name, measured in before.metrics.items():
        assert same(measured, after.metrics[name]), name
    for old, new in zip("abc", names, strict=True):
        for name, measured in before.groups[old].metrics.items():
            assert same(measured, after.groups[new].metrics[name]), name


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_doubling_the_data_leaves_the_estimates_and_narrows_the_bounds(seed: int) -> None:
    labels, decisions, groups = random_rows(seed, n=200)
    once = assessed(labels, decisions, groups)
    twice = assessed(np.tile(labels, 2), np.tile(decisions, 2), np.tile(groups, 2))
    for one, two in zip(all_measured(once), all_measured(twice), strict=True):
        assert two.value == pytest.approx(one.value)
        if one.lower is not None:
            assert two.upper <= one.upper + 1e-9  # type: ignore[operator]
            assert two.lower >= one.lower - 1e-9  # type: ignore[operator]


SWAPPED = {
    "true_positive_rate": "true_negative_rate",
    "false_positive_rate": "false_negative_rate",
    "positive_predictive_value": "negative_predictive_value",
    "false_discovery_rate": "false_omission_rate",
    "favourable_rate": "favourable_rate",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "impact_ratio": "impact_ratio",
}
SWAPPED_COMPARISONS = {
    "demographic_parity_ratio": "demographic_parity_ratio",
    "equalized_odds_difference": "equalized_odds_difference",
    "equalized_odds_mean_difference": "equalized_odds_mean_difference",
    "equalized_odds_root_mean_square_difference": "equalized_odds_root_mean_square_difference",
    "equal_opportunity_difference": "predictive_equality_difference",
    "predictive_parity_ratio": "negative_predictive_parity_ratio",
    "false_discovery_rate_ratio": "false_omission_rate_ratio",
    "false_negative_rate_ratio": "predictive_equality_ratio",
    "treatment_equality_ratio": "treatment_equality_ratio",
    "accuracy_difference": "accuracy_difference",
    "balanced_accuracy_difference": "balanced_accuracy_difference",
}


@settings(max_examples=8, deadline=None)
@given(seeds)
def test_calling_the_other_event_positive_swaps_the_rates_and_keeps_what_is_favourable(seed: int) -> None:
    labels, decisions, groups = random_rows(seed, n=300)
    one = assessed(labels, decisions, groups, "positive")
    other = assessed(1 - labels, 1 - decisions, groups, "negative")
    for metric, swapped in SWAPPED.items():
        for name, group in one.groups.items():
            assert same(group.metrics[metric], other.groups[name].metrics[swapped]), metric
    for comparison, swapped in SWAPPED_COMPARISONS.items():
        if comparison == "treatment_equality_ratio":
            # FN / FP becomes FP / FN; the ratio of the smallest to the largest stays, its bounds are not symmetric.
            assert one.metrics[comparison].value == pytest.approx(other.metrics[swapped].value)
        else:
            assert same(one.metrics[comparison], other.metrics[swapped]), comparison
    assert {name: one.value for name, one in one.individual.items()} == pytest.approx(
        {name: one.value for name, one in other.individual.items()}
    )


@settings(max_examples=8, deadline=None)
@given(seeds, st.integers(1, 149))
def test_counts_of_partitions_add_up_to_the_assessment_of_all_rows(seed: int, cut: int) -> None:
    labels, decisions, groups = random_rows(seed, n=150)
    scores = random_scores(seed, labels)
    frame = pd.DataFrame({"attribute": groups})
    parts = [
        count_jointly(decisions[part], frame.iloc[part], labels[part], scores[part])
        for part in (slice(None, cut), slice(cut, None))
    ]
    merged = parts[0].merge(parts[1])
    # Groups stand in the order in which the parts were merged, so names are compared and not their order.
    scoring = {"attribute": count_above_median(scores, frame).table("attribute").padded(merged.groups[0])}
    found = assess_joint(merged, {"attribute": ("attribute",)}, "positive", PARAMETERS, scoring=scoring)
    whole = assess_fairness(labels, decisions, frame, "positive", PARAMETERS, scores=scores)
    for name, group in whole.attributes["attribute"].groups.items():
        for metric, measured in group.metrics.items():
            assert same(measured, found.attributes["attribute"].groups[name].metrics[metric]), metric
    for comparison, measured in whole.attributes["attribute"].metrics.items():
        assert same(measured, found.attributes["attribute"].metrics[comparison]), comparison


few = st.lists(st.lists(st.integers(0, 12), min_size=4, max_size=4), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(few, seeds, st.sampled_from(["positive", "negative"]), st.booleans(), st.booleans())
def test_whatever_is_missing_the_assessment_is_json_and_every_value_lies_within_its_bounds(
    blocks: list[list[int]], seed: int, favourable: Literal["positive", "negative"], weighted: bool, labelled: bool
) -> None:
    labels, decisions, groups = rows_of(dict(zip("abcd", blocks, strict=False)))
    generator = np.random.default_rng(seed)
    scores, weights = generator.integers(0, 5, len(labels)) / 4, generator.uniform(0.1, 9, len(labels))
    ordered = pd.Categorical(groups, categories=list("abcd")[: len(blocks)])
    conditions = pd.DataFrame({"place": generator.choice(["north", "south"], len(labels))})
    found = assessed(
        labels if labelled else None,
        decisions,
        ordered,
        favourable,
        EVERY_GROUP,
        scores=scores,
        weights=weights if weighted else None,
        conditions=conditions,
    )
    json.dumps(found.to_dict(), allow_nan=False)
    for one in (*all_measured(found), *found.individual.values()):
        assert (one.value is None) == (one.undefined is not None)
        if one.lower is not None:
            assert one.lower <= one.value <= one.upper  # type: ignore[operator]
        if one.simultaneous_lower is not None:
            assert one.simultaneous_lower <= one.lower <= one.upper <= one.simultaneous_upper  # type: ignore[operator]


def all_measured(attribute: AttributeAssessment) -> list[Measurement]:
    """Every measurement of groups, of comparisons and of comparisons with the reference."""
    return [
        *attribute.metrics.values(),
        *(one for group in attribute.groups.values() for one in group.metrics.values()),
        *(one for group in attribute.reference.comparisons.values() for one in group.values()),
    ]
