"""The trials that no other trial beats in loss and unfairness, and the rule that picks one of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from apps.ml.experiments.tuning.records import TrialRecord, best, completed
from apps.ml.parameters.tuning import Pick

Standing = Literal["front", "beaten within noise", "beaten"]

MEANINGS = {
    "front": "no other trial is at least as good in both",
    "beaten within noise": "another is better in both, by less than a standard error",
    "beaten": "another is better, by more than a standard error",
}


@dataclass(frozen=True)
class Placed:
    """A completed trial with its loss and unfairness, and where it stands."""

    record: TrialRecord
    loss: float
    unfairness: float
    standing: Standing


@dataclass(frozen=True)
class Picked:
    """The trial that the rule picks; None with the reason where none fits."""

    record: TrialRecord | None
    reason: str


def front_of(records: Sequence[TrialRecord]) -> tuple[Placed, ...]:
    """Place every completed trial that has both numbers, ordered by unfairness, then by loss, then by number.

    A trial is on the *front* where no other one is at least as good in both and better in one. A beaten one is so only
    *within noise* where every trial that beats it does so by less than the standard error of their difference,
    √(a² + b²) of the two errors over folds, in loss and in unfairness. Without errors (one fold) beaten is beaten.
    """
    both = [
        (record, record.loss, record.unfairness)
        for record in completed(records)
        if record.loss is not None and record.unfairness is not None
    ]
    placed = [Placed(record, loss, unfairness, "front") for record, loss, unfairness in both]
    stood = [Placed(one.record, one.loss, one.unfairness, _standing(one, placed)) for one in placed]
    return tuple(sorted(stood, key=lambda one: (one.unfairness, one.loss, one.record.number)))


def picked(records: Sequence[TrialRecord], rule: Pick) -> Picked:
    """Pick a trial: without an unfairness the lowest loss, else as the rule says; ties go to the lower number.

    `least_loss`: of the front's trials whose unfairness is at most the limit, the one with the lowest loss. `knee`:
    both numbers are put on a scale from 0 to 1 between the ends of the front; the trial farthest below the line between
    the ends. A front of fewer than three has no knee, and the lowest loss is picked.
    """
    placed = front_of(records)
    front = [one for one in placed if one.standing == "front"]
    if not front:
        return Picked(best(records), "the lowest loss")
    if rule.rule == "knee" and len(front) > 2:
        return Picked(_knee(front), "the knee of the front")
    allowed = [one for one in front if rule.rule == "knee" or one.unfairness <= rule.unfairness_at_most]
    if not allowed:
        least = min(one.unfairness for one in front)
        return Picked(
            None,
            f"no trial's unfairness is at most {rule.unfairness_at_most:g}; the smallest is {least:.4f}. Raise "
            "model_tuning.pick.unfairness_at_most, or mitigate.",
        )
    found = min(allowed, key=lambda one: (one.loss, one.unfairness, one.record.number))
    limit = "" if rule.rule == "knee" else f" with an unfairness of at most {rule.unfairness_at_most:g}"
    return Picked(found.record, f"the lowest loss of the front{limit}")


def _standing(one: Placed, placed: Sequence[Placed]) -> Standing:
    beating = [
        other
        for other in placed
        if other.loss <= one.loss
        and other.unfairness <= one.unfairness
        and (other.loss, other.unfairness) != (one.loss, one.unfairness)
    ]
    if not beating:
        return "front"
    return "beaten" if any(_clearly(other, one) for other in beating) else "beaten within noise"


def _clearly(better: Placed, worse: Placed) -> bool:
    gains = (
        (worse.loss - better.loss, worse.record.loss_error, better.record.loss_error),
        (worse.unfairness - better.unfairness, worse.record.unfairness_error, better.record.unfairness_error),
    )
    return any(gain > 0 and gain > math.hypot(one or 0.0, other or 0.0) for gain, one, other in gains)


def _knee(front: Sequence[Placed]) -> TrialRecord:
    """Return the trial with the smallest sum of scaled loss and unfairness: the farthest below the line from (0, 1) to
    (1, 0)."""
    losses, gaps = [one.loss for one in front], [one.unfairness for one in front]

    def scaled(value: float, values: Sequence[float]) -> float:
        spread = max(values) - min(values)
        return (value - min(values)) / spread if spread else 0.0

    return min(
        front, key=lambda one: (scaled(one.loss, losses) + scaled(one.unfairness, gaps), one.loss, one.record.number)
    ).record
