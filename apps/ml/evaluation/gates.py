"""Gates: declared limits on measurements, judged by the whole interval and not by the estimate.

PASS: the interval's worse end is within the limit. FAIL: its better end is beyond the limit. INCONCLUSIVE: the limit
lies inside the interval, or the measurement is undefined; never PASS for want of evidence. All gates together FAIL if
one fails, else are INCONCLUSIVE if one is, else PASS; without any gate they are INCONCLUSIVE.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from apps.ml.errors import EXIT_DONE, EXIT_GATES_FAILED, EXIT_INCONCLUSIVE
from apps.ml.evaluation.gate_paths import Leaf, resolve
from apps.ml.parameters import Gate

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
Direction = Literal["at_least", "at_most"]

EXIT_CODES: Mapping[Verdict, int] = {"PASS": EXIT_DONE, "FAIL": EXIT_GATES_FAILED, "INCONCLUSIVE": EXIT_INCONCLUSIVE}

MOST_ROWS = 1_000_000_000
"""An estimate this close to its limit is not settled by any number of rows that people have."""


@dataclass(frozen=True)
class GateResult:
    """What one gate says about one measurement.

    `metric` is the path with every `*` replaced. `value`, `lower`, `upper` are those of the measurement, None where it
    has none. `rows_to_decide` estimates how many rows would settle an INCONCLUSIVE verdict if the estimate stayed, None
    where none would.
    """

    name: str
    metric: str
    verdict: Verdict
    reason: str
    value: float | None
    lower: float | None
    upper: float | None
    limit: float
    direction: Direction
    rows_to_decide: int | None = None


@dataclass(frozen=True)
class GateReport:
    """The verdict of all gates together, its reason in words, and each result."""

    verdict: Verdict
    reason: str
    results: tuple[GateResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: verdict, reason, results."""
        return {"verdict": self.verdict, "reason": self.reason, "results": [asdict(result) for result in self.results]}


def judge(gates: Sequence[Gate], metrics: Mapping[str, Mapping[str, Any]]) -> GateReport:
    """Judge every gate against the metric files' contents.

    Parameters
    ----------
    gates : sequence of Gate
    metrics : mapping
        Section ("performance", "fairness", "data_quality", "explainability") → content of that metric file.

    Returns
    -------
    GateReport
        One result per gate and measurement its path leads to.

    Raises
    ------
    ParameterError
        A gate's path leads nowhere or to something that is not a measurement; names the nearest valid key.
    """
    results = tuple(result for gate in gates for result in _judge_gate(gate, metrics))
    return GateReport(*_together(results), results)


def verdict_exit_code(verdict: Verdict) -> int:
    """Return what the command line ends with: 0 passed, 1 failed, 3 inconclusive."""
    return EXIT_CODES[verdict]


def _together(results: Sequence[GateResult]) -> tuple[Verdict, str]:
    if not results:
        return "INCONCLUSIVE", "no gate was declared"
    count = {verdict: sum(result.verdict == verdict for result in results) for verdict in EXIT_CODES}
    listed = f"{count['PASS']} passed, {count['FAIL']} failed, {count['INCONCLUSIVE']} inconclusive"
    if count["FAIL"]:
        return "FAIL", listed
    return ("INCONCLUSIVE" if count["INCONCLUSIVE"] else "PASS"), listed


def _judge_gate(gate: Gate, metrics: Mapping[str, Mapping[str, Any]]) -> list[GateResult]:
    leaves = resolve(gate, metrics)
    if not leaves:
        return [_result(gate, Leaf(gate.metric, None), "INCONCLUSIVE", "the path leads to no judged measurement")]
    return [_judge_leaf(gate, leaf) for leaf in leaves]


def _judge_leaf(gate: Gate, leaf: Leaf) -> GateResult:
    if leaf.undefined is not None or leaf.value is None or not math.isfinite(leaf.value):
        why = leaf.undefined or "the measurement is not a finite number"
        return _result(gate, leaf, "INCONCLUSIVE", f"undefined: {why}")
    if leaf.lower is None and leaf.upper is None:
        return _judge_plain(gate, leaf, leaf.value)
    return _judge_interval(gate, leaf, leaf.value)


def _judge_plain(gate: Gate, leaf: Leaf, value: float) -> GateResult:
    _, limit = _limit(gate)
    if _within(gate, value):
        return _result(gate, leaf, "PASS", f"{_number(value)} is {_words(gate)} {_number(limit)}; it has no interval")
    return _result(gate, leaf, "FAIL", f"{_number(value)} is not {_words(gate)} {_number(limit)}; it has no interval")


def _judge_interval(gate: Gate, leaf: Leaf, value: float) -> GateResult:
    direction, limit = _limit(gate)
    worse, better = (leaf.lower, leaf.upper) if direction == "at_least" else (leaf.upper, leaf.lower)
    interval = f"the {_confidence(leaf)}interval {_number(leaf.lower)} to {_number(leaf.upper)}"
    if worse is not None and math.isfinite(worse) and _within(gate, worse):
        return _result(gate, leaf, "PASS", f"{interval} is entirely {_words(gate)} {_number(limit)}")
    if better is not None and math.isfinite(better) and not _within(gate, better):
        return _result(gate, leaf, "FAIL", f"no part of {interval} is {_words(gate)} {_number(limit)}")
    bound = worse if _within(gate, value) else better
    rows = _rows_to_decide(leaf, value, bound, limit)
    advice = f"; about {rows:,} rows would decide if the estimate stayed at {_number(value)}" if rows else ""
    return _result(gate, leaf, "INCONCLUSIVE", f"{interval} holds the limit {_number(limit)}{advice}", rows)


def _rows_to_decide(leaf: Leaf, value: float, bound: float | None, limit: float) -> int | None:
    """Rows at which `bound`, drawing nearer with the square root of the rows, would reach the limit."""
    if leaf.n is None or bound is None or not math.isfinite(bound):
        return None
    distance, half_width = abs(limit - value), abs(bound - value)
    if leaf.n * half_width**2 >= MOST_ROWS * distance**2:
        return None
    # Rounding first, so that the last bit of a quotient does not ask for a row more.
    return math.ceil(round(leaf.n * (half_width / distance) ** 2, 6))


def _result(gate: Gate, leaf: Leaf, verdict: Verdict, reason: str, rows_to_decide: int | None = None) -> GateResult:
    direction, limit = _limit(gate)
    return GateResult(
        gate.name,
        leaf.path,
        verdict,
        reason,
        _finite(leaf.value),
        _finite(leaf.lower),
        _finite(leaf.upper),
        limit,
        direction,
        rows_to_decide,
    )


def _limit(gate: Gate) -> tuple[Direction, float]:
    if gate.at_least is not None:
        return "at_least", gate.at_least
    if gate.at_most is not None:
        return "at_most", gate.at_most
    raise ValueError("a gate has a limit; Gate refuses to be built without")


def _within(gate: Gate, value: float) -> bool:
    direction, limit = _limit(gate)
    return value >= limit if direction == "at_least" else value <= limit


def _words(gate: Gate) -> str:
    return "at least" if gate.at_least is not None else "at most"


def _confidence(leaf: Leaf) -> str:
    return f"{leaf.confidence:.0%} " if leaf.confidence is not None else ""


def _number(value: float | None) -> str:
    return "unbounded" if value is None else f"{value:.4g}"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
