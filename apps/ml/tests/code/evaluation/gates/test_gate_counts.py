"""Gates over fairness measurements judge from counts: at any confidence, as one family."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.errors import BadInputError
from apps.ml.evaluation.fairness.comparisons import comparison_shares
from apps.ml.evaluation.gates.counts import CountedShare
from apps.ml.evaluation.gates.judging import GateReport, judge
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.shares.extremes import gap_p_value, largest_gap, worst_ratio
from apps.ml.evaluation.statistics.shares.intervals import wilson
from apps.ml.evaluation.statistics.shares.rates import RATES, shares_of
from apps.ml.parameters import Gate

GAP = "equal_opportunity_difference"
RATIO = "demographic_parity_ratio"


def table(true_positive_rates: dict[str, float], positives: int = 500) -> CountTable:
    """Groups of twice `positives` rows, half of them positive; nobody else is predicted positive."""
    blocks = [
        [[positives, 0], [positives - round(rate * positives), round(rate * positives)]]
        for rate in true_positive_rates.values()
    ]
    return CountTable(tuple(true_positive_rates), np.array(blocks))


def fairness(counts: CountTable, confidence: float = 0.95) -> dict[str, Any]:
    """What an assessment would have said about these counts."""
    content: dict[str, Any] = {}
    for name, measure in ((GAP, largest_gap), (RATIO, worst_ratio)):
        found = comparison_shares(name, counts, "positive")
        assert found is not None
        bounded = measure(found[1], confidence)
        content[name] = Measurement(bounded.value, counts.rows, bounded.lower, bounded.upper, confidence).to_dict()
    shares = shares_of(counts, RATES["accuracy"])
    groups = {}
    for at, group in enumerate(counts.groups):
        bounds = wilson(shares.successes[at], shares.n[at], confidence)
        accuracy = Measurement(
            float(shares.rates[at]), int(shares.n[at]), float(bounds.lower), float(bounds.upper), confidence
        )
        groups[group] = {"n": int(counts.sizes[at]), "judged": True, "accuracy": accuracy.to_dict()}
    return {**content, "groups": groups}


def judged(gates: list[Gate], **attributes: CountTable) -> GateReport:
    metrics = {"fairness": {name: fairness(counts) for name, counts in attributes.items()}}
    return judge(gates, metrics, {name: counts.to_dict() for name, counts in attributes.items()})


def gap_gate(at_most: float, **more: Any) -> Gate:
    return Gate(name="gap", metric=f"fairness.*.{GAP}", at_most=at_most, **more)


def test_a_comparison_is_judged_anew_at_more_confidence_than_it_was_measured_with() -> None:
    counts = table({"a": 0.80, "b": 0.70})
    found = comparison_shares(GAP, counts, "positive")
    assert found is not None
    bounded = largest_gap(found[1], 0.999)
    (result,) = judged([gap_gate(0.5, confidence=0.999)], sex=counts).results
    assert (result.verdict, result.confidence) == ("PASS", 0.999)
    assert (result.lower, result.upper) == (bounded.lower, bounded.upper)
    assert result.reason.startswith("the 99.9% interval")


def test_more_confidence_never_decides_what_was_open() -> None:
    counts = table({"a": 0.80, "b": 0.70})
    verdicts = [
        judged([gap_gate(0.06, confidence=confidence)], sex=counts).verdict for confidence in (0.5, 0.8, 0.9, 0.99)
    ]
    assert verdicts == ["FAIL", "FAIL", "INCONCLUSIVE", "INCONCLUSIVE"]


def test_a_ratio_reads_its_unwidened_lower_bound() -> None:
    counts = table({"a": 0.90, "b": 0.85})
    gate = Gate(name="four fifths", metric=f"fairness.sex.{RATIO}", at_least=0.8, confidence=0.99)
    (result,) = judged([gate], sex=counts).results
    found = comparison_shares(RATIO, counts, "positive")
    assert found is not None
    assert result.lower == worst_ratio(found[1], 0.99).lower
    assert result.verdict == "PASS"


def test_a_group_rate_is_judged_anew_by_wilson() -> None:
    counts = table({"a": 0.80, "b": 0.70})
    gate = Gate(name="accuracy", metric="fairness.sex.groups.a.accuracy", at_least=0.8, confidence=0.99)
    (result,) = judged([gate], sex=counts).results
    bounds = wilson(900, 1000, 0.99)
    assert (result.lower, result.upper) == (float(bounds.lower), float(bounds.upper))


def test_a_share_with_its_counts_is_judged_anew_without_a_table() -> None:
    precision = {"value": 0.9, "n": 100, "numerator": 90, "denominator": 100, "confidence": 0.9, "lower": 0.8}
    gate = Gate(name="precision", metric="performance.precision", at_least=0.7, confidence=0.99)
    (result,) = judge([gate], {"performance": {"precision": precision}}).results
    assert (result.verdict, result.confidence, result.family) == ("PASS", 0.99, None)
    assert result.lower == float(wilson(90, 100, 0.99).lower)


def test_a_gate_that_fails_by_its_interval_fails_in_a_family_of_one() -> None:
    counts = table({"a": 0.90, "b": 0.60})
    (result,) = judged([gap_gate(0.15)], sex=counts).results
    assert (result.verdict, result.family) == ("FAIL", 1)
    assert result.p_value == result.adjusted_p_value
    found = comparison_shares(GAP, counts, "positive")
    assert found is not None
    assert result.p_value == gap_p_value(found[1], 0.15)


def test_in_a_family_a_narrow_failure_may_be_chance() -> None:
    narrow, clear = table({"a": 0.80, "b": 0.70}), table({"a": 0.80, "b": 0.79})
    (alone,) = judged([gap_gate(0.04)], sex=narrow).results
    assert alone.verdict == "FAIL"
    many = judged([gap_gate(0.04)], sex=narrow, **{f"other_{number}": clear for number in range(9)}).results
    result = many[0]
    assert (result.verdict, result.family) == ("INCONCLUSIVE", 10)
    assert result.p_value == alone.p_value
    assert result.adjusted_p_value == pytest.approx(10 * (alone.p_value or 0))
    assert "after Holm's adjustment for 10 measurements may be chance" in result.reason
    assert result.rows_to_decide is not None
    assert result.rows_to_decide > narrow.rows


def test_a_clear_failure_stays_one_in_a_family() -> None:
    clear, bad = table({"a": 0.80, "b": 0.79}), table({"a": 0.90, "b": 0.60})
    report = judged([gap_gate(0.15)], sex=bad, **{f"other_{number}": clear for number in range(9)})
    assert report.results[0].verdict == "FAIL"
    assert report.verdict == "FAIL"


def test_passing_is_not_corrected() -> None:
    counts = table({"a": 0.80, "b": 0.79})
    (alone,) = judged([gap_gate(0.08)], sex=counts).results
    many = judged([gap_gate(0.08)], **{f"attribute_{number}": counts for number in range(20)}).results
    assert {result.verdict for result in (alone, *many)} == {"PASS"}


def test_what_cannot_be_judged_takes_no_part_in_the_family() -> None:
    counts = table({"a": 0.90, "b": 0.60})
    gates = [gap_gate(0.15), gap_gate(0.5, minimum_rows=10**6).model_copy(update={"name": "enough"})]
    report = judged(gates, sex=counts)
    assert [(result.verdict, result.family) for result in report.results] == [("FAIL", 1), ("INCONCLUSIVE", None)]


def test_among_gates_at_their_limits_the_family_seldom_fails_wrongly() -> None:
    # 12 groups whose accuracy is exactly at the limit: each gate by itself fails wrongly in 2.5 % of all draws.
    generator = np.random.default_rng(7)
    gate = Gate(name="accuracy", metric="fairness.sex.groups.*.accuracy", at_least=0.7)
    draws, alone, together = 300, 0, 0
    for _ in range(draws):
        groups = {}
        for number, right in enumerate(generator.binomial(400, 0.7, size=12).tolist()):
            bounds = wilson(right, 400, 0.95)
            share = Measurement(
                right / 400, 400, float(bounds.lower), float(bounds.upper), 0.95, numerator=right, denominator=400
            )
            groups[f"g{number}"] = {"judged": True, "accuracy": share.to_dict()}
        report = judge([gate], {"fairness": {"sex": {"groups": groups}}})
        alone += any((result.p_value or 1) < 0.05 for result in report.results)
        together += report.verdict == "FAIL"
    assert together / draws < 0.05
    assert alone / draws > 0.15


def test_rows_to_decide_follow_from_the_bounds_and_decide() -> None:
    counts = table({"a": 0.80, "b": 0.70})
    (result,) = judged([gap_gate(0.15)], sex=counts).results
    assert result.verdict == "INCONCLUSIVE"
    assert result.rows_to_decide is not None
    factor = result.rows_to_decide / counts.rows
    more = CountTable(counts.groups, np.ceil(counts.counts * factor).astype(np.int64))
    fewer = CountTable(counts.groups, (counts.counts * factor * 0.9).astype(np.int64))
    found = [comparison_shares(GAP, one, "positive") for one in (more, fewer)]
    uppers = [largest_gap(one[1], 0.95).upper for one in found if one is not None]
    assert uppers[0] <= 0.1501
    assert uppers[1] > 0.15


def test_counts_of_other_rows_are_refused() -> None:
    counts, other = table({"a": 0.80, "b": 0.70}), table({"a": 0.90, "b": 0.70})
    with pytest.raises(BadInputError, match=r"they tell of other rows\. Run `dvc repro`"):
        judge([gap_gate(0.5)], {"fairness": {"sex": fairness(counts)}}, {"sex": other.to_dict()})


def test_groups_that_are_not_judged_enter_no_comparison_from_counts() -> None:
    judged_groups, whole = table({"a": 0.80, "b": 0.79}), table({"a": 0.80, "b": 0.79, "tiny": 0.10})
    content = fairness(judged_groups)
    content["groups"]["tiny"] = {"n": 5, "judged": False, "why_not": "5 rows are fewer than 30"}
    report = judge([gap_gate(0.1, confidence=0.99)], {"fairness": {"sex": content}}, {"sex": whole.to_dict()})
    assert report.verdict == "PASS"
    tiny = Gate(name="tiny", metric="fairness.sex.groups.tiny.accuracy", at_least=0.0)
    (result,) = judge([tiny], {"fairness": {"sex": content}}, {"sex": whole.to_dict()}).results
    assert (result.verdict, result.reason) == ("INCONCLUSIVE", "undefined: 5 rows are fewer than 30")


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 200), st.floats(0.01, 0.99), st.floats(0.5, 0.999), st.data())
def test_the_p_value_of_a_share_is_the_level_at_which_wilsons_bound_crosses_the_limit(
    n: int, limit: float, confidence: float, data: st.DataObject
) -> None:
    share = CountedShare(data.draw(st.integers(0, n)), n)
    lower, upper = share.bounds(confidence)
    # Beside the boundary, where both sides differ by rounding alone.
    for direction, fails, distance in (("at_least", upper < limit, limit - upper), ("at_most", lower > limit, 1.0)):
        p_value = share.p_value(direction, limit)  # type: ignore[arg-type]
        assert p_value is not None
        if abs(distance) > 1e-9 and abs(lower - limit) > 1e-9:
            assert (p_value < 1 - confidence) == fails


def test_a_limit_at_the_edge_fails_for_sure_or_never() -> None:
    assert CountedShare(1, 10).p_value("at_most", 0.0) == 0.0
    assert CountedShare(0, 10).p_value("at_most", 0.0) == 1.0
    assert CountedShare(9, 10).p_value("at_least", 1.0) == 0.0
    assert CountedShare(5, 10).rows_to_decide(0.5, 0.95) is None


def test_a_least_gap_has_no_p_value_and_is_judged_by_its_interval() -> None:
    gate = Gate(name="a gap there should be", metric=f"fairness.sex.{GAP}", at_least=0.5)
    (result,) = judged([gate], sex=table({"a": 0.80, "b": 0.70})).results
    assert (result.verdict, result.p_value, result.family) == ("FAIL", None, None)


def test_weighted_counts_are_judged_by_their_effective_rows() -> None:
    counts = table({"a": 0.80, "b": 0.70})
    rows = counts.counts.astype(np.float64)
    heavy = CountTable(counts.groups, counts.counts, 2 * rows, 4 * rows)
    gate = gap_gate(0.5, confidence=0.99)
    metrics = {"fairness": {"sex": fairness(counts)}}
    plain = judge([gate], metrics, {"sex": counts.to_dict()}).results[0]
    weighted = judge([gate], metrics, {"sex": heavy.to_dict()}).results[0]
    assert (weighted.lower, weighted.upper) == pytest.approx((plain.lower, plain.upper))
