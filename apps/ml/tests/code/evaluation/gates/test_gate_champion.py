"""A candidate beside the champion on the same rows: changes, gates on them, levelling down."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from apps.ml.data.processed import UNKNOWN_GROUP
from apps.ml.errors import ParameterError
from apps.ml.evaluation.gates.champion import ChampionJudgement, judge_against_champion
from apps.ml.evaluation.gates.changes import RATE_OF_GAP, PairedRows, count_pairs, measure_changes
from apps.ml.evaluation.performance import measure_performance
from apps.ml.evaluation.statistics.counting.counts import count
from apps.ml.evaluation.statistics.shares.rates import rate_named, shares_of
from apps.ml.parameters import (
    PAIRED_GAPS,
    PAIRED_METRICS,
    PAIRED_RATES,
    Gate,
    Guards,
    LevellingDown,
    ModelEvaluation,
    ModelRegistration,
)

EVALUATION = ModelEvaluation(seed=1, bootstrap_replicates=200)
NO_GUARD = Guards(levelling_down=LevellingDown(enabled=False))


def paired(n: int = 2000, noise: float = 0.1, seed: int = 3) -> PairedRows:
    """Two models that see the same signal; the champion with more noise."""
    generator = np.random.default_rng(seed)
    signal = generator.normal(size=n)
    labels = (signal + generator.normal(size=n) > 0).astype(np.int8)
    new, old = (1 / (1 + np.exp(-signal - generator.normal(size=n) * spread)) for spread in (noise, 1.0))
    groups = pd.DataFrame({"sex": generator.choice(["f", "m", "x"], n, p=[0.5, 0.49, 0.01])})
    groups.loc[:40, "sex"] = UNKNOWN_GROUP
    return rows_of(labels, new, old, groups)


def rows_of(
    labels: npt.NDArray[np.int8], new: npt.NDArray[np.float64], old: npt.NDArray[np.float64], groups: pd.DataFrame
) -> PairedRows:
    return PairedRows(labels, new, old, (new >= 0.5).astype(np.int8), (old >= 0.5).astype(np.int8), groups)


def gate(metric: str, **more: Any) -> Gate:
    return Gate(name="champion", metric=metric, reference="champion", **more)


def judged(rows: PairedRows, *gates: Gate, guards: Guards = NO_GUARD) -> ChampionJudgement:
    return judge_against_champion(ModelRegistration(gates=gates, guards=guards), EVALUATION, rows, "positive")


def test_changes_are_the_differences_of_what_both_models_measure_alone() -> None:
    rows = paired()
    changes = measure_changes(rows, "negative", EVALUATION, 0.95).metrics
    new, old = (
        measure_performance(rows.labels, scores, decisions, EVALUATION)
        for scores, decisions in ((rows.new_scores, rows.new_decisions), (rows.old_scores, rows.old_decisions))
    )
    for name in PAIRED_METRICS:
        expected = (new[name].value or 0) - (old[name].value or 0)
        assert changes["performance"][name]["value"] == pytest.approx(expected)
    tables = [
        count(rows.labels, decisions, rows.groups["sex"]) for decisions in (rows.new_decisions, rows.old_decisions)
    ]
    for name in PAIRED_RATES:
        shares = [shares_of(table.select(["f"]), rate_named(name, "negative")).rates[0] for table in tables]
        assert changes["fairness"]["sex"]["groups"]["f"][name]["value"] == pytest.approx(shares[0] - shares[1])
    for name in PAIRED_GAPS:
        rate = rate_named(RATE_OF_GAP[name], "negative")
        gaps = [float(np.ptp(shares_of(table.select(["f", "m"]), rate).rates)) for table in tables]
        assert changes["fairness"]["sex"][name]["value"] == pytest.approx(gaps[0] - gaps[1])


def test_unknown_and_small_groups_are_shown_and_not_judged() -> None:
    groups = measure_changes(paired(), "positive", EVALUATION, 0.95).metrics["fairness"]["sex"]["groups"]
    assert {name: group["judged"] for name, group in groups.items()} == {
        "f": True,
        "m": True,
        "x": False,
        "unknown": False,
    }
    metrics = {result.metric for result in judged(paired(), gate("fairness.*.groups.*.accuracy", at_least=-1)).gates}
    assert metrics == {"fairness.sex.groups.f.accuracy", "fairness.sex.groups.m.accuracy"}


def test_the_pairs_are_counted_once_each() -> None:
    rows = paired(200)
    pairs = count_pairs(rows, "sex", 30)
    assert pairs.counts.sum() == 200
    f = rows.groups["sex"].to_numpy() == "f"
    expected = int((f & (rows.labels == 1) & (rows.new_decisions == 1) & (rows.old_decisions == 0)).sum())
    assert pairs.counts[pairs.groups.index("f"), 1, 1, 0] == expected


def test_a_clearly_better_candidate_passes_and_a_clearly_worse_one_fails() -> None:
    better = paired()
    worse = rows_of(better.labels, better.old_scores, better.new_scores, better.groups)
    limit = gate("performance.roc_auc", at_least=-0.01)
    assert judged(better, limit).verdict == "PASS"
    result = judged(worse, limit)
    assert result.verdict == "FAIL"
    assert result.gates[0].value is not None
    assert result.gates[0].value < -0.05


def test_few_rows_decide_nothing() -> None:
    few = paired(60, noise=0.9)
    assert judged(few, gate("performance.roc_auc", at_least=-0.01)).verdict == "INCONCLUSIVE"


def test_a_gate_asks_for_its_own_confidence() -> None:
    rows = paired()
    plain, strict = (
        judged(rows, gate("performance.accuracy", at_least=-0.5, confidence=confidence)).gates[0]
        for confidence in (None, 0.999)
    )
    assert (plain.confidence, strict.confidence) == (0.95, 0.999)
    assert strict.lower is not None
    assert plain.lower is not None
    assert strict.lower < plain.lower


def test_a_gap_may_not_grow() -> None:
    rows = paired()
    unfair = np.where(rows.groups["sex"] == "f", np.minimum(rows.old_scores, 0.4), rows.old_scores)
    changed = rows_of(rows.labels, unfair, rows.old_scores, rows.groups)
    limit = gate("fairness.*.demographic_parity_difference", at_most=0.02)
    assert judged(changed, limit).verdict == "FAIL"


def test_a_change_that_is_undefined_is_never_passed() -> None:
    rows = paired()
    everybody = PairedRows(
        np.ones_like(rows.labels), rows.new_scores, rows.old_scores, rows.new_decisions, rows.old_decisions, rows.groups
    )
    result = judged(everybody, gate("performance.balanced_accuracy", at_least=-1))
    assert result.verdict == "INCONCLUSIVE"
    assert "rows of both classes" in result.gates[0].reason


def test_a_gate_on_an_attribute_that_is_not_there_is_refused() -> None:
    with pytest.raises(ParameterError, match="'fairness' has no 'race'; valid: sex"):
        judged(paired(), gate("fairness.race.demographic_parity_difference", at_most=0))


def test_where_nothing_is_asked_a_candidate_passes() -> None:
    assert judged(paired()).verdict == "PASS"
    assert judged(paired()).reason == "nothing is asked of a candidate"


def levelled(fall_of_m: float, rise_of_f: float, n: int = 4000) -> PairedRows:
    """The champion favours m (.6) over f (.4), as the labels do; the candidate takes from m and gives to f."""
    sex = np.repeat(["f", "m"], n // 2)
    place = np.tile(np.arange(n // 2) / (n // 2), 2)
    old = (place < np.where(sex == "m", 0.6, 0.4)).astype(np.int8)
    new = (place < np.where(sex == "m", 0.6 - fall_of_m, 0.4 + rise_of_f)).astype(np.int8)
    scores = 0.25 + 0.5 * np.array([new, old])
    return PairedRows(old, scores[0], scores[1], new, old, pd.DataFrame({"sex": sex}))


def test_a_gap_that_shrinks_by_taking_from_a_group_fails() -> None:
    result = judged(levelled(0.1, 0.0), guards=Guards())
    assert result.verdict == "FAIL"
    failed = {one.metric for one in result.guards if one.verdict == "FAIL"}
    assert "fairness.sex.groups.m.favourable_rate" in failed
    assert all(".groups.f." not in metric for metric in failed)


def test_a_gap_that_shrinks_by_giving_to_a_group_passes() -> None:
    # By favourable decisions nobody loses; accuracy of f falls, but its gap does not shrink.
    result = judged(levelled(0.0, 0.1), guards=Guards())
    assert result.verdict == "PASS"


def test_a_fall_within_the_tolerance_passes_and_beyond_it_without_confidence_is_inconclusive() -> None:
    assert judged(levelled(0.005, 0.0), guards=Guards()).verdict == "PASS"
    few = judged(levelled(0.06, 0.0, n=120), guards=Guards())
    assert few.verdict == "INCONCLUSIVE"
    wide = Guards(levelling_down=LevellingDown(tolerance=0.2))
    assert judged(levelled(0.1, 0.0), guards=wide).verdict == "PASS"


def test_a_group_that_loses_while_the_gap_grows_is_no_levelling_down() -> None:
    rows = levelled(0.1, 0.0)
    grown = PairedRows(
        rows.labels, rows.old_scores, rows.new_scores, rows.old_decisions, rows.new_decisions, rows.groups
    )
    result = judged(grown, guards=Guards())
    assert result.verdict == "PASS"


def test_a_judgement_is_ready_for_json() -> None:
    content = judged(paired(300), gate("performance.roc_auc", at_least=-0.5), guards=Guards()).to_dict()
    assert json.loads(json.dumps(content)) == content
    assert set(content) == {"verdict", "reason", "gates", "guards", "changes"}
    assert content["gates"]["champion"]["measurements"]["performance.roc_auc"]["n"] == 300


def test_whatever_may_be_named_in_a_gate_is_measured() -> None:
    changes = measure_changes(paired(400), "positive", EVALUATION, 0.9).metrics
    assert set(changes["performance"]) == set(PAIRED_METRICS)
    assert set(PAIRED_GAPS) <= set(changes["fairness"]["sex"])
    assert set(PAIRED_RATES) <= set(changes["fairness"]["sex"]["groups"]["f"])
