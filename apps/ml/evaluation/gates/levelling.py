"""Levelling down: a gap that shrinks because a group became worse off, and not because another became better off.

Equality can be reached by taking from some without giving to anybody. For each attribute and each of three rates
(favourable decisions, true positives, right decisions) the guard asks whether the gap between the judged groups is
smaller than under the champion while some group's rate fell by more than a tolerance. FAIL: it did, with confidence;
INCONCLUSIVE: the estimates say so and the interval does not decide; PASS: the estimates do not say so.

References
----------
Mittelstadt, Wachter, Russell (2023), The unfairness of fair machine learning: levelling down and strict egalitarianism
by default, Michigan Technology Law Review 30.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from apps.ml.evaluation.gates.cases import stated_confidence, stated_number
from apps.ml.evaluation.gates.changes import Cells, PairedCounts, rate_change
from apps.ml.evaluation.gates.judging import GateResult, Verdict
from apps.ml.evaluation.gates.summary import LEVELLING_DOWN
from apps.ml.evaluation.statistics.measurement import Measurement
from apps.ml.evaluation.statistics.shares.rates import Favourable, Rate, rate_named
from apps.ml.evaluation.statistics.shares.simultaneous import simultaneous_confidence

GUARDED_RATES = ("favourable_rate", "true_positive_rate", "accuracy")


@dataclass(frozen=True)
class _Fall:
    """A group's change of a rate, where the gap in that rate shrank."""

    path: str
    change: Measurement


def judge_levelling_down(
    attributes: Mapping[str, PairedCounts], favourable: Favourable, tolerance: float, confidence: float
) -> tuple[GateResult, ...]:
    """Judge every judged group's change of every guarded rate in which the gap shrank.

    Parameters
    ----------
    attributes : mapping of attribute → PairedCounts
    favourable : which decision is good for the person
    tolerance : float in [0, 1]
        By how much a rate may fall.
    confidence : float in (0, 1)
        At which all changes of all groups, rates and attributes hold at once.

    Returns
    -------
    tuple of GateResult
        One per group and rate whose gap shrank; one PASS where none did.
    """
    family = max(1, sum(int(pairs.judged.sum()) for pairs in attributes.values()) * len(GUARDED_RATES))
    strict = simultaneous_confidence(confidence, family)
    falls = [fall for name, pairs in attributes.items() for fall in _falls(name, pairs, favourable, strict)]
    if not falls:
        reason = "no gap between judged groups is smaller than the champion's"
        path = f"fairness.*.groups.*.({'|'.join(GUARDED_RATES)})"
        return (GateResult(LEVELLING_DOWN, path, "PASS", reason, None, None, None, -tolerance, "at_least"),)
    return tuple(_judge(fall, tolerance) for fall in falls)


def _falls(attribute: str, pairs: PairedCounts, favourable: Favourable, confidence: float) -> Iterator[_Fall]:
    judged = [(group, cells) for group, cells, yes in zip(pairs.groups, pairs.counts, pairs.judged, strict=True) if yes]
    for name in GUARDED_RATES:
        rate = rate_named(name, favourable)
        if _gap_shrank([cells for _, cells in judged], rate):
            changes = {group: rate_change(cells, rate, confidence) for group, cells in judged}
            for group, change in changes.items():
                # Where the rate is a share of nobody, nobody can be worse off.
                if change.is_defined:
                    yield _Fall(f"fairness.{attribute}.groups.{group}.{name}", change)


def _gap_shrank(groups: list[Cells], rate: Rate) -> bool:
    """Whether largest − smallest is smaller by the new decisions, among groups in which the rate is of somebody."""
    new, old = [], []
    for cells in groups:
        hits, among = rate.counts(np.array([cells.sum(axis=2), cells.sum(axis=1)]))
        if among.all():
            new.append(hits[0] / among[0])
            old.append(hits[1] / among[1])
    return len(new) > 1 and float(np.ptp(new)) < float(np.ptp(old))


def _judge(fall: _Fall, tolerance: float) -> GateResult:
    change = fall.change
    if change.value is None or change.lower is None or change.upper is None:
        return _result(fall, tolerance, "INCONCLUSIVE", "undefined: the change has no interval")
    limit = stated_number(-tolerance)
    interval = f"the {stated_confidence(change.confidence)}interval {stated_number(change.lower)} to "
    interval += f"{stated_number(change.upper)} of the change"
    if change.upper < -tolerance:
        return _result(fall, tolerance, "FAIL", f"the gap shrank and the group became worse: {interval}")
    if change.value < -tolerance:
        return _result(fall, tolerance, "INCONCLUSIVE", f"the gap shrank, and {interval} holds {limit}")
    return _result(fall, tolerance, "PASS", f"the gap shrank and {stated_number(change.value)} is at least {limit}")


def _result(fall: _Fall, tolerance: float, verdict: Verdict, reason: str) -> GateResult:
    change = fall.change
    return GateResult(
        LEVELLING_DOWN,
        fall.path,
        verdict,
        reason,
        change.value,
        change.lower,
        change.upper,
        -tolerance,
        "at_least",
        n=change.n,
        confidence=change.confidence,
    )
