"""Guards of models that predict numbers: what small errors can hide, judged whether or not a gate asks for it.

==================  ============================================================================================
constant predictor  one number for everybody has no gap between groups and no use: R² must be above 0, which is what
                    the mean of the labels reaches
group performance   R² within each judged group: about a group in which it is below the limit the model knows less
                    than the group's own mean says, whatever the overall numbers say
==================  ============================================================================================

Levelling down is about decisions that become worse for a group while a gap shrinks; there is none of it here.
"""

from collections.abc import Mapping
from typing import Any

from apps.ml.evaluation.gates.cases import stated_confidence, stated_number
from apps.ml.evaluation.gates.guards import CONSTANT, GROUPS
from apps.ml.evaluation.gates.judging import GateResult, Verdict
from apps.ml.parameters import Guards

METRIC = "r_squared"
MEAN = 0.0
"""R² of the mean of the labels."""

NO_LEVELLING_DOWN = "levelling down is judged of decisions; the model predicts numbers and decides nothing"

Found = Mapping[str, Any]


def judge_number_guards(guards: Guards, performance: Found, fairness: Found) -> tuple[GateResult, ...]:
    """Judge the guards that need one model alone.

    Parameters
    ----------
    guards : Guards
    performance, fairness : mappings
        Contents of performance.json and fairness.json of a model that predicts numbers.

    Returns
    -------
    tuple of GateResult
        One for the constant predictor, one per attribute and judged group; INCONCLUSIVE where there is nothing to
        judge. A group fails only by the interval that holds together with all others.
    """
    results: list[GateResult] = []
    if guards.constant_predictor:
        results.append(_constant_predictor(performance))
    if guards.group_performance.enabled:
        results += _group_performance(fairness, guards.group_performance.r_squared)
    return tuple(results)


def _constant_predictor(performance: Found) -> GateResult:
    found, path = performance[METRIC], f"performance.{METRIC}"
    if performance["prediction_deviation"]["value"] == 0:
        return _result(CONSTANT, path, found, MEAN, "FAIL", f"all {found['n']:,} predictions are the same")
    return _judged(CONSTANT, path, found, found.get("upper"), MEAN)


def _group_performance(fairness: Found, floor: float) -> list[GateResult]:
    places = [
        (f"fairness.{attribute}.groups.{name}.{METRIC}", group[METRIC])
        for attribute, part in fairness.items()
        for name, group in part["groups"].items()
        if group["judged"]
    ]
    if not places:
        reason = "no group is judged: each has too few rows or is unknown"
        nothing = {"value": None, "n": 0, "undefined": reason}
        return [_result(GROUPS, f"fairness.*.groups.*.{METRIC}", nothing, floor, "INCONCLUSIVE", reason)]
    return [_judged(GROUPS, path, found, found.get("simultaneous_upper"), floor) for path, found in places]


def _judged(name: str, path: str, found: Found, strict_upper: float | None, floor: float) -> GateResult:
    """Judge by the interval; failing asks for the upper bound of the wider one of a family."""
    lower, upper = found.get("lower"), found.get("upper")
    if found["value"] is None or lower is None or strict_upper is None:
        reason = f"undefined: {found.get('undefined', 'there is no interval')}"
        return _result(name, path, found, floor, "INCONCLUSIVE", reason)
    interval = f"R²: the {stated_confidence(found.get('confidence'))}interval "
    interval += f"{stated_number(lower)} to {stated_number(upper)}"
    limit = stated_number(floor)
    if lower > floor:
        return _result(name, path, found, floor, "PASS", f"{interval} is entirely above {limit}")
    if strict_upper < floor:
        return _result(name, path, found, floor, "FAIL", f"no part of {interval} is above {limit}")
    return _result(name, path, found, floor, "INCONCLUSIVE", f"{interval} does not decide about {limit}")


def _result(name: str, path: str, found: Found, limit: float, verdict: Verdict, reason: str) -> GateResult:
    return GateResult(
        name,
        path,
        verdict,
        reason,
        found["value"],
        found.get("lower"),
        found.get("upper"),
        limit,
        "at_least",
        n=found["n"],
        confidence=found.get("confidence"),
    )
