"""Gates: declared limits on measurements, judged by the whole interval and not by the estimate.

PASS: the interval's worse end is within the limit. FAIL: its better end is beyond the limit. INCONCLUSIVE: the limit
lies inside the interval, the measurement is undefined, rests on too few rows or was made with less confidence than the
gate asks for; never PASS for want of evidence. All gates together FAIL if one fails, else are INCONCLUSIVE if one is,
else PASS; without any gate they are INCONCLUSIVE.

Where many fairness measurements are judged, some fail by chance. Those that follow from counts are one *family*: each
has a p-value of failing, and Holm's procedure bounds the probability that any of them fails wrongly. Passing needs no
such care: all must pass, and if one measurement is truly beyond its limit, that one must err (intersection-union).

References
----------
Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
Berger (1982), Multiparameter hypothesis testing and acceptance sampling, Technometrics 24.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from apps.ml.errors import EXIT_DONE, EXIT_GATES_FAILED, EXIT_INCONCLUSIVE
from apps.ml.evaluation.gates.cases import Case, build_case, empty_case, stated_confidence, stated_number
from apps.ml.evaluation.gates.counts import CountedFairness, Direction
from apps.ml.evaluation.gates.paths import PARAMETERS, GatesOrigin, resolve
from apps.ml.evaluation.statistics.shares.rates import Favourable
from apps.ml.evaluation.statistics.shares.simultaneous import holm_adjusted
from apps.ml.parameters import Gate

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]

EXIT_CODES: Mapping[Verdict, int] = {"PASS": EXIT_DONE, "FAIL": EXIT_GATES_FAILED, "INCONCLUSIVE": EXIT_INCONCLUSIVE}


@dataclass(frozen=True)
class GateResult:
    """What one gate says about one measurement.

    `metric` is the path with every `*` replaced. `value`, `lower`, `upper`, `n` are those of the measurement, None
    where it has none; the bounds hold at `confidence`. `rows_to_decide` estimates how many rows would settle an
    INCONCLUSIVE verdict if the estimate stayed, None where none would. `p_value` of failing, its adjustment by Holm and
    the number of measurements in the `family`: only for members of the family.
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
    n: int | None = None
    confidence: float | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    family: int | None = None


@dataclass(frozen=True)
class GateReport:
    """The verdict of all gates together, its reason in words, and each result."""

    verdict: Verdict
    reason: str
    results: tuple[GateResult, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: verdict, reason, results."""
        return {"verdict": self.verdict, "reason": self.reason, "results": [asdict(result) for result in self.results]}


def judge(
    gates: Sequence[Gate],
    metrics: Mapping[str, Mapping[str, Any]],
    counts: Mapping[str, Mapping[str, Any]] | None = None,
    favourable: Favourable = "positive",
    origin: GatesOrigin = PARAMETERS,
) -> GateReport:
    """Judge every gate with a fixed reference against the metric files' contents; those against a champion are not.

    Parameters
    ----------
    gates : sequence of Gate
    metrics : mapping
        Section ("performance", "fairness", "data_quality", "explainability") → content of that metric file. Sections
        that no gate names may be absent.
    counts : mapping, optional
        Attribute → count table as JSON, from which fairness comparisons and group rates are judged at any confidence.
        Without it they are judged by the intervals they were measured with, and only group rates are a family.
    favourable : which decision is good for the person
    origin : where the gates were written, for messages

    Returns
    -------
    GateReport
        One result per gate and measurement its path leads to.

    Raises
    ------
    ParameterError
        A gate's path leads nowhere or to something that is not a measurement; names the nearest valid key.
    BadInputError
        The counts tell of other rows than the metrics.
    """
    counted = CountedFairness.of(counts or {}, metrics.get("fairness", {}), favourable)
    found = [(gate, resolve(gate, metrics, origin)) for gate in gates if gate.reference == "fixed"]
    cases = [
        case
        for gate, leaves in found
        for case in [build_case(gate, leaf, counted, origin) for leaf in leaves] or [empty_case(gate)]
    ]
    adjusted = _adjusted([case.p_value for case in cases])
    family = sum(p_value is not None for p_value in adjusted)
    results = tuple(_judge(case, p_value, family) for case, p_value in zip(cases, adjusted, strict=True))
    return GateReport(*together(results), results)


def verdict_exit_code(verdict: Verdict) -> int:
    """Return what the command line ends with: 0 passed, 1 failed, 3 inconclusive."""
    return EXIT_CODES[verdict]


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return FAIL if one is, else INCONCLUSIVE if one is or there is none, else PASS."""
    if "FAIL" in verdicts:
        return "FAIL"
    return "INCONCLUSIVE" if "INCONCLUSIVE" in verdicts or not verdicts else "PASS"


def together(results: Sequence[GateResult]) -> tuple[Verdict, str]:
    """Return the verdict over all results and their numbers in words."""
    if not results:
        return "INCONCLUSIVE", "no gate was declared"
    verdicts = [result.verdict for result in results]
    passed, failed, inconclusive = (verdicts.count(verdict) for verdict in EXIT_CODES)
    return worst(verdicts), f"{passed} passed, {failed} failed, {inconclusive} inconclusive"


def _adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Holm's adjustment of the p-values that are there, at their places; None stays None."""
    adjusted = iter(holm_adjusted([p_value for p_value in p_values if p_value is not None]))
    return [None if p_value is None else next(adjusted) for p_value in p_values]


def _judge(case: Case, adjusted: float | None, family: int) -> GateResult:
    if case.refusal is not None:
        return _result(case, "INCONCLUSIVE", case.refusal)
    if case.lower is None and case.upper is None:
        return _judge_plain(case)
    return _judge_interval(case, adjusted, family)


def _judge_plain(case: Case) -> GateResult:
    value = case.leaf.value
    if value is not None and case.within(value):
        return _result(case, "PASS", f"{stated_number(value)} is {case.words}; it has no interval")
    return _result(case, "FAIL", f"{stated_number(value)} is not {case.words}; it has no interval")


def _judge_interval(case: Case, adjusted: float | None, family: int) -> GateResult:
    interval = f"the {stated_confidence(case.confidence)}interval "
    interval += f"{stated_number(case.lower)} to {stated_number(case.upper)}"
    facts = (adjusted, family if adjusted is not None else None)
    if case.passes:
        return _result(case, "PASS", f"{interval} is entirely {case.words}", facts)
    alone = adjusted is None or case.confidence is None or family == 1
    after = "" if alone else f"p {_p(adjusted)} after Holm's adjustment for {family} measurements"
    if case.fails and (alone or (adjusted or 0.0) < 1 - (case.confidence or 0.0)):
        return _result(case, "FAIL", f"no part of {interval} is {case.words}" + (f"; {after}" if after else ""), facts)
    if case.fails:
        why = f"no part of {interval} is {case.words}, but {after} may be chance"
    else:
        why = f"{interval} holds the limit {stated_number(case.limit)}"
    rows = case.rows_to_decide(1 if alone else family)
    if rows is not None:
        why += f"; about {rows:,} rows would decide if the estimate stayed at {stated_number(case.leaf.value)}"
    return _result(case, "INCONCLUSIVE", why, facts, rows)


def _result(
    case: Case,
    verdict: Verdict,
    reason: str,
    facts: tuple[float | None, int | None] = (None, None),
    rows_to_decide: int | None = None,
) -> GateResult:
    return GateResult(
        name=case.gate.name,
        metric=case.leaf.path,
        verdict=verdict,
        reason=reason,
        value=_finite(case.leaf.value),
        lower=_finite(case.lower),
        upper=_finite(case.upper),
        limit=case.limit,
        direction=case.direction,
        rows_to_decide=rows_to_decide,
        n=case.leaf.n,
        confidence=case.confidence,
        p_value=case.p_value,
        adjusted_p_value=facts[0],
        family=facts[1],
    )


def _p(p_value: float | None) -> str:
    return "unknown" if p_value is None else "below 0.0001" if p_value < 0.0001 else f"= {p_value:.2g}"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
