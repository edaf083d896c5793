from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.ml.evaluation.gates.guards import balanced_accuracy_of, judge_guards
from apps.ml.evaluation.gates.judging import GateResult
from apps.ml.evaluation.performance import balanced_accuracy
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.parameters import GroupPerformance, Guards

GOOD = [[80, 20], [20, 80]]


def judged(
    guards: Guards | None = None, not_judged: tuple[str, ...] = (), labelled: bool = True, **groups: Any
) -> list[GateResult]:
    table = CountTable(tuple(groups), np.array(list(groups.values())), labelled=labelled)
    fairness = {"sex": {"groups": {name: {"judged": name not in not_judged} for name in groups}}}
    return list(judge_guards(guards or Guards(), {"sex": table.to_dict()}, fairness, "positive", 0.95))


def by_metric(results: list[GateResult]) -> dict[str, GateResult]:
    return {result.metric.removeprefix("fairness.sex.groups."): result for result in results}


def test_decisions_that_differ_and_are_better_than_chance_pass() -> None:
    results = judged(f=GOOD, m=GOOD)
    assert [result.verdict for result in results] == ["PASS", "PASS", "PASS"]
    assert [result.name for result in results] == ["constant predictor", "group performance", "group performance"]
    assert results[0].value == 0.8


@pytest.mark.parametrize("block", [[[100, 0], [100, 0]], [[0, 100], [0, 100]]], ids=["nobody", "everybody"])
def test_a_constant_predictor_fails_in_spite_of_its_parity(block: list[list[int]]) -> None:
    result = judged(f=block, m=block)[0]
    assert (result.verdict, result.reason) == ("FAIL", "all 400 decisions are the same")


@pytest.mark.parametrize(("rows", "verdict"), [(1, "INCONCLUSIVE"), (72, "INCONCLUSIVE"), (73, "FAIL")])
def test_a_few_decisions_that_agree_are_no_constant_predictor_yet(rows: int, verdict: str) -> None:
    result = judged(f=[[0, 0], [0, rows]])[0]
    assert result.verdict == verdict
    # Wilson's upper bound for none of n is z² / (n + z²).
    assert (3.8415 / (rows + 3.8415) < 0.05) == (verdict == "FAIL")


def test_decisions_that_are_worse_than_chance_fail() -> None:
    assert judged(f=[[20, 80], [80, 20]])[0].verdict == "FAIL"


def test_decisions_that_may_be_chance_are_inconclusive() -> None:
    assert judged(f=[[52, 48], [48, 52]])[0].verdict == "INCONCLUSIVE"


def test_a_group_that_is_decided_all_alike_never_passes() -> None:
    result = by_metric(judged(f=GOOD, m=[[100, 0], [100, 0]]))["m.balanced_accuracy"]
    assert (result.verdict, result.value) == ("INCONCLUSIVE", 0.5)


def test_a_group_that_is_decided_against_its_labels_fails() -> None:
    result = by_metric(judged(f=GOOD, m=[[20, 80], [80, 20]]))["m.balanced_accuracy"]
    assert result.verdict == "FAIL"


def test_among_many_groups_one_that_is_narrowly_below_the_floor_does_not_fail() -> None:
    narrow = [[44, 56], [60, 40]]
    others: dict[str, Any] = {f"g{number}": GOOD for number in range(19)}
    alone = by_metric(judged(f=narrow))["f.balanced_accuracy"]
    among = by_metric(judged(f=narrow, **others))["f.balanced_accuracy"]
    assert (alone.verdict, among.verdict) == ("FAIL", "INCONCLUSIVE")


def test_groups_that_are_not_judged_are_left_out() -> None:
    results = by_metric(judged(not_judged=("tiny",), f=GOOD, tiny=[[0, 2], [2, 0]]))
    assert set(results) == {"performance.balanced_accuracy", "f.balanced_accuracy"}


def test_where_no_group_is_judged_the_guard_is_inconclusive() -> None:
    result = judged(not_judged=("f",), f=GOOD)[1]
    assert (result.verdict, result.reason) == (
        "INCONCLUSIVE",
        "no group is judged: each has too few rows or is unknown",
    )


def test_a_group_without_a_class_is_inconclusive() -> None:
    result = by_metric(judged(f=GOOD, m=[[50, 50], [0, 0]]))["m.balanced_accuracy"]
    assert (result.verdict, result.reason) == (
        "INCONCLUSIVE",
        "undefined: balanced accuracy needs rows of both classes",
    )


def test_without_labels_only_constant_decisions_can_be_told() -> None:
    assert judged(labelled=False, f=[[50, 50], [0, 0]])[0].reason == "undefined: there are no labels"
    assert judged(labelled=False, f=[[100, 0], [0, 0]])[0].verdict == "FAIL"


def test_without_counts_nothing_is_passed() -> None:
    results = judge_guards(Guards(), {}, {}, "positive", 0.95)
    assert {result.verdict for result in results} == {"INCONCLUSIVE"}


def test_guards_can_be_switched_off_and_the_floor_set() -> None:
    off = Guards(constant_predictor=False, group_performance=GroupPerformance(enabled=False))
    assert judged(off, f=GOOD) == []
    high = Guards(group_performance=GroupPerformance(balanced_accuracy=0.9))
    assert judged(high, f=GOOD)[1].verdict == "FAIL"


def test_weights_count_by_their_effective_rows() -> None:
    counts = np.array([GOOD])
    heavy = CountTable(("f",), counts, counts * 3.0, counts * 9.0)
    plain, weighted = (balanced_accuracy_of(table, 0.95) for table in (CountTable(("f",), counts), heavy))
    assert (weighted.value, weighted.lower, weighted.upper) == pytest.approx((plain.value, plain.lower, plain.upper))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=4, max_size=4))
def test_balanced_accuracy_is_the_one_of_the_performance_file(cells: list[int]) -> None:
    block = np.array(cells).reshape(2, 2)
    expected, found = balanced_accuracy(block, 0.9), balanced_accuracy_of(CountTable(("f",), block[None]), 0.9)
    assert expected.is_defined == found.is_defined
    if expected.is_defined:
        assert (found.value, found.lower, found.upper) == pytest.approx(
            (expected.value, expected.lower, expected.upper)
        )
