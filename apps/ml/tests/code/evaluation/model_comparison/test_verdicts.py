from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from apps.ml.evaluation.model_comparison.measures import Better, Measure, Rules, measures_of
from apps.ml.evaluation.model_comparison.rows import pair_rows
from apps.ml.evaluation.model_comparison.verdicts import NO_SPREAD, judge
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.simultaneous import holm
from apps.ml.tests.answered_rows import answered


def normal(z: float, better: Better = "higher") -> Measure:
    """A difference of z standard errors with a normal interval."""

    def difference(confidence: float) -> Measurement:
        half = float(norm.ppf(0.5 + confidence / 2))
        return Measurement(z, 100, z - half, z + half, confidence)

    return Measure("performance.roc_auc", better, difference)


def verdicts(*measures: Measure) -> list[str]:
    return [found.verdict for found in judge({"one": measures}, 0.95)["one"]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=12))
def test_what_is_shown_is_what_holm_rejects(sizes: list[float]) -> None:
    p_values = [float(2 * norm.sf(abs(z))) for z in sizes]
    assert [found != "no difference shown" for found in verdicts(*map(normal, sizes))] == holm(p_values, 0.05)


def test_the_step_down_shows_what_one_step_would_not() -> None:
    assert verdicts(normal(2.1), normal(3.0)) == ["better", "better"]
    assert verdicts(normal(2.1), normal(1.0)) == ["no difference shown", "no difference shown"]


def test_the_direction_decides_what_is_better() -> None:
    assert verdicts(normal(5), normal(-5), normal(5, "lower"), normal(-5, "lower")) == [
        "better",
        "worse",
        "worse",
        "better",
    ]


@pytest.mark.parametrize("knowledge", [0.0, 0.2, 0.25, 0.6])
def test_nothing_is_better_or_worse_whose_interval_includes_0(knowledge: float) -> None:
    family = {"new": measures_of(pair_rows(answered(knowledge), answered(0.2)), Rules())}
    for found in judge(family, 0.95)["new"]:
        measured = found.measured
        assert measured.simultaneous_lower is not None
        assert measured.simultaneous_upper is not None
        includes = measured.simultaneous_lower <= 0 <= measured.simultaneous_upper
        assert includes == (found.verdict == "no difference shown")


def test_a_model_that_knows_more_is_better_and_the_other_way_round_worse() -> None:
    new, old = answered(0.6), answered(0.2)
    for one, other, said in ((new, old, "better"), (old, new, "worse")):
        judged = judge({"one": measures_of(pair_rows(one, other), Rules())}, 0.95)["one"]
        by_path = {found.path: found.verdict for found in judged}
        assert {by_path[f"performance.{name}"] for name in ("roc_auc", "accuracy", "log_loss", "brier_score")} == {said}


def test_what_is_undefined_takes_no_part_and_keeps_its_reason() -> None:
    nothing = Measure("x", "higher", lambda _: undefined("one class"))
    constant = Measure("y", "higher", lambda confidence: Measurement(1.0, 4, 1.0, 1.0, confidence))
    judged = judge({"one": (nothing, normal(2.0), constant)}, 0.95)["one"]
    assert [found.verdict for found in judged] == ["undefined", "better", "undefined"]
    assert [found.measured.undefined for found in judged] == ["one class", None, NO_SPREAD]
    assert judged[1].decided_at == pytest.approx(0.95)


def test_the_family_spans_all_models() -> None:
    alone = judge({"one": (normal(2.1),)}, 0.95)
    beside = judge({"one": (normal(2.1),), "other": tuple(normal(0.1) for _ in range(5))}, 0.95)
    assert alone["one"][0].verdict == "better"
    assert beside["one"][0].verdict == "no difference shown"
    assert len(beside["other"]) == 5


def test_regressions_are_compared_by_their_errors() -> None:
    pair = pair_rows(answered(0.6, regression=True), answered(0.2, regression=True))
    judged = judge({"one": measures_of(pair, Rules())}, 0.95)["one"]
    assert [found.path for found in judged] == ["performance.mean_absolute_error", "performance.mean_squared_error"]
    assert {found.verdict for found in judged} == {"better"}


def test_one_judged_group_allows_no_gap() -> None:
    pair = pair_rows(answered(0.6), answered(0.2))
    judged = judge({"one": measures_of(pair, Rules(minimum_group_size=250))}, 0.95)["one"]
    gaps = [found for found in judged if found.path.startswith("fairness.sex.")]
    assert len(gaps) == 5
    assert {found.measured.undefined for found in gaps} == {"a comparison needs at least two judged groups"}


def test_one_class_allows_no_ranking() -> None:
    rows = answered(0.6)
    positive = rows.labels == 1
    decisions = np.ones(int(positive.sum()), dtype=np.int8)
    only = replace(
        rows,
        rows=rows.rows[positive],
        labels=rows.labels[positive],
        scores=rows.scores[positive],
        decisions=decisions,
        groups=rows.groups[positive].reset_index(drop=True),
    )
    judged = judge({"one": measures_of(pair_rows(only, only), Rules())}, 0.95)["one"]
    assert "all rows are of one" in (judged[0].measured.undefined or "")
