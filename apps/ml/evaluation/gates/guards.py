"""Guards: what fair-looking numbers can hide, judged for every model whether or not a gate asks for it.

==================  ============================================================================================
constant predictor  decisions that are all the same, or no better than chance, have perfect parity and no use
group performance   balanced accuracy of each judged group: a group about which the model knows nothing is decided
                    by chance, or all alike, whatever the overall numbers say
==================  ============================================================================================

Both read balanced accuracy, the mean of true positive and true negative rate: .5 for every rule that ignores the
person, whatever the share of positives. A third guard, levelling down, compares with the champion and is judged at
promotion (:mod:`apps.ml.evaluation.gates.levelling`).
"""

from collections.abc import Mapping
from typing import Any

from apps.ml.evaluation.gates.cases import stated_confidence, stated_number
from apps.ml.evaluation.gates.counts import CountedFairness
from apps.ml.evaluation.gates.judging import GateResult, Verdict
from apps.ml.evaluation.statistics.counting.counts import CountTable
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.intervals import newcombe_difference, wilson
from apps.ml.evaluation.statistics.shares.rates import RATES, Favourable, shares_of
from apps.ml.evaluation.statistics.shares.simultaneous import simultaneous_confidence
from apps.ml.parameters import Guards

CONSTANT = "constant predictor"
GROUPS = "group performance"
CHANCE = 0.5
METRIC = "balanced_accuracy"
RARE = 0.05
"""Decisions that are all the same FAIL once the other decision is, with confidence, for fewer people than this; that
takes 73 rows at 95 %."""


def judge_guards(
    guards: Guards,
    counts: Mapping[str, Mapping[str, Any]],
    fairness: Mapping[str, Any],
    favourable: Favourable,
    confidence: float,
) -> tuple[GateResult, ...]:
    """Judge the guards that need one model alone.

    Parameters
    ----------
    guards : Guards
    counts : mapping
        Attribute → count table as JSON, of all groups.
    fairness : mapping
        Content of fairness.json: which groups are judged.
    favourable : which decision is good for the person
    confidence : float in (0, 1)
        Of each interval. A group fails only if it does so at the confidence at which all groups hold at once.

    Returns
    -------
    tuple of GateResult
        One for the constant predictor, one per attribute and judged group; INCONCLUSIVE where there is nothing to
        judge.
    """
    counted = CountedFairness.of(counts, fairness, favourable)
    results: list[GateResult] = []
    if guards.constant_predictor:
        results.append(_constant_predictor(counted, confidence))
    if guards.group_performance.enabled:
        results += _group_performance(counted, guards.group_performance.balanced_accuracy, confidence)
    return tuple(results)


def balanced_accuracy_of(table: CountTable, confidence: float) -> Measurement:
    """Measure the balanced accuracy of a table of one group, weighted where the table is.

    Undefined without labels and where a class has no rows.
    """
    if not table.labelled:
        return undefined("there are no labels", n=table.rows)
    hits, alarms = (shares_of(table, RATES[name]) for name in ("true_positive_rate", "false_positive_rate"))
    if not hits.n[0] or not alarms.n[0]:
        return undefined("balanced accuracy needs rows of both classes", n=table.rows)
    bounds = newcombe_difference(hits.successes, hits.n, alarms.successes, alarms.n, confidence)
    value, lower, upper = ((1 + float(gap[0])) / 2 for gap in (hits.rates - alarms.rates, bounds.lower, bounds.upper))
    method = "Newcombe (MOVER-Wilson) interval of TPR − FPR, transformed"
    return Measurement(value, table.rows, lower, upper, confidence, method)


def _constant_predictor(counted: CountedFairness, confidence: float) -> GateResult:
    path = f"performance.{METRIC}"
    everybody = next((table.together() for table in counted.tables.values()), None)
    if everybody is None or not everybody.rows:
        nothing = undefined("the evidence holds no counts")
        return _result(CONSTANT, path, nothing, CHANCE, "INCONCLUSIVE", f"undefined: {nothing.undefined}")
    measured = balanced_accuracy_of(everybody, confidence)
    if not everybody.counts[0].sum(axis=0).all():
        return _all_the_same(everybody, measured, path, confidence)
    return _judged(CONSTANT, path, measured, measured, CHANCE)


def _all_the_same(everybody: CountTable, measured: Measurement, path: str, confidence: float) -> GateResult:
    """FAIL where the other decision is rare, as far as the rows tell; a few rows that agree tell nothing."""
    same = "there is 1 decision" if everybody.rows == 1 else f"all {everybody.rows:,} decisions are the same"
    effective = float(shares_of(everybody, RATES["selection_rate"]).n[0])
    most = float(wilson(0.0, effective, confidence).upper)
    if most < RARE:
        return _result(CONSTANT, path, measured, CHANCE, "FAIL", same)
    few = f"{same}; the {stated_confidence(confidence)}interval of the other decision's share still reaches {most:.2g}"
    return _result(CONSTANT, path, measured, CHANCE, "INCONCLUSIVE", few)


def _group_performance(counted: CountedFairness, floor: float, confidence: float) -> list[GateResult]:
    places = [(attribute, group) for attribute, groups in counted.judged.items() for group in groups]
    if not places:
        reason = "no group is judged: each has too few rows or is unknown"
        nothing = undefined(reason)
        return [_result(GROUPS, f"fairness.*.groups.*.{METRIC}", nothing, floor, "INCONCLUSIVE", reason)]
    strict = simultaneous_confidence(confidence, len(places))
    results = []
    for attribute, group in places:
        table = counted.tables[attribute].select([group])
        each, together = (balanced_accuracy_of(table, level) for level in (confidence, strict))
        results.append(_judged(GROUPS, f"fairness.{attribute}.groups.{group}.{METRIC}", each, together, floor))
    return results


def _judged(name: str, path: str, measured: Measurement, strict: Measurement, floor: float) -> GateResult:
    """Judge by the interval; failing asks for the wider one of a family."""
    if measured.lower is None or measured.upper is None or strict.upper is None:
        return _result(name, path, measured, floor, "INCONCLUSIVE", f"undefined: {measured.undefined}")
    interval = f"balanced accuracy: the {stated_confidence(measured.confidence)}interval "
    interval += f"{stated_number(measured.lower)} to {stated_number(measured.upper)}"
    limit = stated_number(floor)
    if measured.lower >= floor:
        return _result(name, path, measured, floor, "PASS", f"{interval} is entirely at least {limit}")
    if strict.upper < floor:
        return _result(name, path, measured, floor, "FAIL", f"no part of {interval} is at least {limit}")
    return _result(name, path, measured, floor, "INCONCLUSIVE", f"{interval} does not decide about {limit}")


def _result(name: str, path: str, measured: Measurement, limit: float, verdict: Verdict, reason: str) -> GateResult:
    return GateResult(
        name,
        path,
        verdict,
        reason,
        measured.value,
        measured.lower,
        measured.upper,
        limit,
        "at_least",
        n=measured.n,
        confidence=measured.confidence,
    )
