"""Which of many differences are shown at once: Holm's step-down, carried out on intervals.

With m open differences each is measured at confidence 1 − α/m. Those whose interval leaves out 0 are shown and leave;
the others are measured again at 1 − α/(what is left), until nothing more is shown. Comparing the smallest p-value with
α/m and stepping down is the same procedure, and this form needs no p-value: verdict and interval cannot disagree. Any
false verdict among all of them has probability at most α, however the differences depend on one another.

References
----------
Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from apps.ml.evaluation.model_comparison.measures import Better, Measure
from apps.ml.evaluation.statistics.measurement import Measurement, undefined
from apps.ml.evaluation.statistics.shares.simultaneous import simultaneous_confidence

Verdict = Literal["better", "worse", "no difference shown", "undefined"]
NO_SPREAD = "every row differs by the same amount, so how sure the difference is cannot be told"


@dataclass(frozen=True)
class JudgedDifference:
    """One difference, other − baseline, with its verdict.

    `measured` holds the interval of this difference alone, and as `simultaneous_lower` and `simultaneous_upper` the one
    that the verdict rests on, at confidence `decided_at` (None where undefined).
    """

    path: str
    better: Better
    measured: Measurement
    verdict: Verdict
    decided_at: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: the measurement's fields beside `better`, `verdict` and `decided_at`."""
        own = {"better": self.better, "verdict": self.verdict, "decided_at": self.decided_at}
        return {**self.measured.to_dict(), **own}


def excludes_zero(measured: Measurement) -> bool:
    """Whether an interval lies wholly on one side of 0; one without bounds does not."""
    if measured.lower is None or measured.upper is None:
        return False
    return measured.lower > 0 or measured.upper < 0


def judge(family: Mapping[str, Sequence[Measure]], confidence: float) -> dict[str, tuple[JudgedDifference, ...]]:
    """Judge every difference of every model, all at once.

    Parameters
    ----------
    family : name of a model → its measures against the baseline
    confidence : float in (0, 1), that no verdict among all of them is false

    Returns
    -------
    dict
        In the order given. What is undefined takes no part in the family.
    """
    members = [(name, measure) for name, measures in family.items() for measure in measures]
    alone = [_with_spread(measure.difference(confidence)) for _, measure in members]
    defined = [at for at, found in enumerate(alone) if found.is_defined]
    decided = _step_down([measure for _, measure in members], alone, defined, confidence)
    judged: dict[str, list[JudgedDifference]] = {name: [] for name in family}
    for at, (name, measure) in enumerate(members):
        judged[name].append(_judged(measure, alone[at], decided.get(at)))
    return {name: tuple(entries) for name, entries in judged.items()}


def _step_down(
    measures: Sequence[Measure], alone: Sequence[Measurement], defined: Sequence[int], confidence: float
) -> dict[int, Measurement]:
    """Return place → the measurement at the confidence at which it was decided."""
    decided: dict[int, Measurement] = {}
    waiting = [at for at in defined if excludes_zero(alone[at])]
    while True:
        left = [at for at in defined if at not in decided]
        if not left:
            return decided
        level = simultaneous_confidence(confidence, len(left))
        # What is not shown by itself is not shown among others: it needs its interval only once, at the last level.
        found = {at: measures[at].difference(level) for at in waiting}
        shown = {at: measured for at, measured in found.items() if excludes_zero(measured)}
        if not shown:
            return decided | {at: found.get(at) or measures[at].difference(level) for at in left}
        decided |= shown
        waiting = [at for at in waiting if at not in decided]


def _judged(measure: Measure, alone: Measurement, decided: Measurement | None) -> JudgedDifference:
    if decided is None or decided.value is None:
        return JudgedDifference(measure.path, measure.better, alone, "undefined")
    measured = replace(alone, simultaneous_lower=decided.lower, simultaneous_upper=decided.upper)
    verdict: Verdict = "no difference shown"
    if excludes_zero(decided) and excludes_zero(alone):
        verdict = "better" if (decided.value > 0) == (measure.better == "higher") else "worse"
    return JudgedDifference(measure.path, measure.better, measured, verdict, decided.confidence)


def _with_spread(measured: Measurement) -> Measurement:
    """An interval without width around anything but 0 comes from a spread of 0, which a few rows may have by chance."""
    if measured.value and measured.lower == measured.upper:
        return undefined(NO_SPREAD, n=measured.n)
    return measured
