"""What the gates decided, by gate, as reports/metrics/registration.json shows it."""

import math
from collections.abc import Sequence
from typing import Any

from apps.ml.evaluation.gates import GateReport, GateResult

SEVERITY = ("FAIL", "INCONCLUSIVE", "PASS")


def summary(report: GateReport) -> dict[str, Any]:
    """Return the verdict, its reason, counts of gates by verdict, and each gate by name."""
    names = dict.fromkeys(result.name for result in report.results)
    gates = {name: _gate([result for result in report.results if result.name == name]) for name in names}
    verdicts = [gate["verdict"] for gate in gates.values()]
    return {
        "verdict": report.verdict,
        "reason": report.reason,
        "passed": verdicts.count("PASS"),
        "failed": verdicts.count("FAIL"),
        "inconclusive": verdicts.count("INCONCLUSIVE"),
        "gates": gates,
    }


def _gate(results: Sequence[GateResult]) -> dict[str, Any]:
    """One gate that was applied to one or (by `*`) several measurements: the worst decides."""
    worst = min(results, key=lambda result: (SEVERITY.index(result.verdict), _room(result)))
    where = f"{worst.metric}: " if len(results) > 1 else ""
    return {
        "verdict": worst.verdict,
        "reason": f"{where}{worst.reason}",
        "direction": worst.direction,
        "limit": worst.limit,
        "measurements": {result.metric: _measurement(result) for result in results},
    }


def _room(result: GateResult) -> float:
    """How far the measurement's worse end is from the limit, on the good side; an undefined one has none."""
    if result.direction == "at_least":
        end = result.lower if result.lower is not None else result.value
        return -math.inf if end is None else end - result.limit
    end = result.upper if result.upper is not None else result.value
    return -math.inf if end is None else result.limit - end


def _measurement(result: GateResult) -> dict[str, Any]:
    content = {
        "verdict": result.verdict,
        "reason": result.reason,
        "value": result.value,
        "lower": result.lower,
        "upper": result.upper,
        "rows_to_decide": result.rows_to_decide,
    }
    return {key: value for key, value in content.items() if value is not None}
